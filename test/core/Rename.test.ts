import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Files from "../../src/core/Files.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const populated = () => {
  const files = new TestFiles()
  for (const path of ["/a", "/a/b", "/a/b/c", "/empty", "/full", "/full/x"]) files.folder(path)
  for (const path of ["/f", "/g", "/a/h"]) files.file(path)
  files.symbolicLink("/toA", "a")
  files.link("/f", "/f2")
  return files
}

/** From, to, and what comes of it. */
const CASES: ReadonlyArray<readonly [string, string, string]> = [
  ["/f", "/new", "ok"],
  ["/f", "/g", "ok"],
  ["/f", "/a/h", "ok"],
  ["/f", "/f", "same"],
  ["/f", "/f2", "same"],
  ["/a", "/a", "same"],
  ["/a/", "/a/", "same"],
  ["/a", "/toA/../a", "same"],
  ["/a", "/new", "ok"],
  ["/a", "/new/", "ok"],
  ["/a/", "/empty/", "ok"],
  ["/a", "/empty", "ok"],
  ["/a", "/full", "NotEmpty"],
  ["/a/b/c", "/a/b", "NotEmpty"],
  ["/a", "/a/new", "IntoItself"],
  ["/a", "/a/b", "IntoItself"],
  ["/a", "/a/b/c/new", "IntoItself"],
  ["/a", "/toA/new", "IntoItself"],
  ["/a", "/a/no/new", "NotFound"],
  ["/a", "/f", "NotAFolder"],
  ["/a", "/toA", "NotAFolder"],
  ["/f", "/a", "IsAFolder"],
  ["/a/h", "/a", "IsAFolder"],
  ["/f/", "/new", "NotAFolder"],
  ["/f", "/new/", "NotAFolder"],
  ["/toA/", "/new", "NotAFolder"],
  ["/toA", "/new", "ok"],
  ["/toA", "/g", "ok"],
  ["/no", "/new", "NotFound"],
  ["/no/x", "/new", "NotFound"],
  ["/f/x", "/new", "NotAFolder"],
  ["/", "/new", "NotAnEntry"],
  ["/f", "/", "NotAnEntry"],
  ["/a/.", "/new", "NotAnEntry"],
  ["/a/./", "/new", "NotAnEntry"],
  ["/a/b/..", "/new", "NotAnEntry"]
]

describe("Files.rename", () => {
  for (const [from, to, expected] of CASES) {
    it(`${from} to ${to}: ${expected}`, () => {
      const files = populated()
      const before = outcome(files.resolve(from, false))
      const replaced = outcome(files.resolve(to, false))
      const time = files.time
      const { names } = files.volume
      const got = outcome(files.rename(from, to))
      FilesCheck.check(files.volume)
      if (expected === "ok" || expected === "same") assert.isNotString(got, String(got))
      else assert.strictEqual(got, expected)
      if (expected !== "ok") return assert.strictEqual(files.volume.names, names, "nothing changes")
      assert.strictEqual(outcome(files.resolve(from, false)), "NotFound")
      assert.strictEqual(outcome(files.resolve(to, from.endsWith("/"))), before)
      assert.strictEqual(files.inode(before as number)?.changeTime, time)
      if (typeof replaced === "number") assert.isUndefined(files.inode(replaced))
    })
  }

  it("leaves the entries of a folder where they are", () => {
    const files = new TestFiles({ pageCount: 8192 })
    files.folder("/big")
    for (let i = 0; i < 3000; i++) files.file(`/big/${i}`)
    files.volume.commit()
    const { written } = files.volume.statistics
    files.rename("/big", "/moved")
    files.volume.commit()
    assert.isAtMost(files.volume.statistics.written - written, 4)
    assert.strictEqual((outcome(files.list("/moved")) as ReadonlyArray<string>).length, 3000)
  })
})

describe("Files", () => {
  it("give a file 2^32 - 1 names and no more", () => {
    const files = populated()
    const number = Result.getOrThrow(files.resolve("/f"))
    files.volume.run((draft) => {
      const inode = Inodes.get(draft, draft.roots.names, number) ?? assert.fail()
      Inodes.put(draft, number, { ...inode, links: Files.LINKS_MAX - 1 })
    })
    assert.isNotString(outcome(files.link("/f", "/last")))
    assert.strictEqual(outcome(files.link("/f", "/oneMore")), "TooManyLinks")
    assert.strictEqual(files.inode(number)?.links, Files.LINKS_MAX)
  })

  it("refuse what POSIX refuses", () => {
    const files = populated()
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [files.file("/f"), "AlreadyExists"],
      [files.file("/a"), "AlreadyExists"],
      [files.file("/new/"), "NotAFolder"],
      [files.folder("/f/"), "AlreadyExists"],
      [files.folder("/"), "AlreadyExists"],
      [files.folder("/new/."), "NotFound"],
      [files.folder("/a/.."), "AlreadyExists"],
      [files.folder("/toA"), "AlreadyExists"],
      [files.link("/a", "/new"), "IsAFolder"],
      [files.link("/f", "/new/"), "NotAFolder"],
      [files.link("/f", "/g"), "AlreadyExists"],
      [files.unlink("/a"), "IsAFolder"],
      [files.unlink("/"), "IsAFolder"],
      [files.unlink("/f/"), "NotAFolder"],
      [files.unlink("/toA/"), "NotAFolder"],
      [files.removeFolder("/f"), "NotAFolder"],
      [files.removeFolder("/toA"), "NotAFolder"],
      [files.removeFolder("/full"), "NotEmpty"],
      [files.removeFolder("/empty/."), "NotAnEntry"],
      [files.removeFolder("/"), "NotAnEntry"],
      [files.removeTree("/"), "NotAnEntry"],
      [files.removeTree("/no"), "NotFound"],
      [files.symbolicLink("/new", ""), "NotFound"],
      [files.symbolicLink("/f", "x"), "AlreadyExists"]
    ]
    cases.forEach(([result, expected], i) => {
      assert.strictEqual(outcome(result as ReturnType<typeof files.file>), expected, `case ${i}`)
    })
    FilesCheck.check(files.volume)
  })

  it("hold a place to the operation that found it", () => {
    const files = populated()
    const made: Files.New = { type: 1, mode: 0, uid: 0, gid: 0, content: new Uint8Array(0) }
    assert.throws(
      () =>
        files.at("/x", (draft, place) => {
          Files.create(draft, place, made, files.time)
          return Files.create(draft, place, made, files.time)
        }),
      /a place is used in the operation that found it/
    )
  })
})
