import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as FileError from "../../src/core/FileError.ts"
import type { FileResult } from "../../src/core/FileError.ts"
import * as Names from "../../src/core/Names.ts"
import * as Path from "../../src/core/Path.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const populated = () => {
  const files = new TestFiles()
  for (const path of ["/a", "/a/b", "/a/b/c", "/d"]) files.folder(path)
  files.file("/a/f")
  files.symbolicLink("/d/toC", "/a/b/c")
  files.symbolicLink("/d/toF", "../a/f")
  files.symbolicLink("/d/toFolderOfF", "../a/f/.")
  files.symbolicLink("/d/toRoot", "/")
  files.symbolicLink("/d/toA", "../a/")
  files.symbolicLink("/d/dangling", "nowhere/x")
  files.symbolicLink("/d/loop", "loop")
  return files
}

describe("Names", () => {
  const files = populated()
  const at = (path: string, follow = true) => outcome(files.resolve(path, follow))
  const a = at("/a")
  const b = at("/a/b")
  const c = at("/a/b/c")
  const d = at("/d")
  const f = at("/a/f")

  it("begin at the root", () => {
    assert.deepStrictEqual(
      ["/", ".", "//", "..", "/../..", "a/.."].map((path) => at(path)),
      [1, 1, 1, 1, 1, 1]
    )
    assert.strictEqual(at("a/b"), b)
    assert.strictEqual(at(""), "NotFound")
  })

  it("go up along the folders that were passed", () => {
    assert.strictEqual(at("/a/b/c/../.."), a)
    assert.strictEqual(at("/d/toC/.."), b)
    assert.strictEqual(at("/d/toC/../../../d"), d)
    assert.strictEqual(at("/d/toRoot/.."), 1)
    assert.strictEqual(at("/a/f/.."), "NotAFolder")
    assert.strictEqual(at("/a/x/.."), "NotFound")
  })

  it("follow the last symbolic link where asked for", () => {
    assert.strictEqual(at("/d/toC"), c)
    assert.notStrictEqual(at("/d/toC", false), c)
    assert.strictEqual(at("/d/toC/", false), c)
    assert.strictEqual(at("/d/toC/.", false), c)
    assert.strictEqual(at("/d/toF"), f)
    assert.strictEqual(at("/d/toA/f"), f)
    assert.strictEqual(at("/d/dangling"), "NotFound")
    assert.isNumber(at("/d/dangling", false))
  })

  it("need a folder before a slash", () => {
    assert.strictEqual(at("/a/"), a)
    assert.strictEqual(at("/a/f/"), "NotAFolder")
    assert.strictEqual(at("/a/f/", false), "NotAFolder")
    assert.strictEqual(at("/a/f/."), "NotAFolder")
    assert.strictEqual(at("/a/f/./"), "NotAFolder")
    assert.strictEqual(at("/d/toF/"), "NotAFolder")
    assert.strictEqual(at("/d/toFolderOfF"), "NotAFolder")
    assert.strictEqual(at("/d/toA"), a)
  })

  it("lead through 40 symbolic links and no more", () => {
    assert.strictEqual(at("/d/loop"), "TooManySymbolicLinks")
    assert.strictEqual(at("/d/loop/x", false), "TooManySymbolicLinks")
    const chain = populated()
    chain.file("/l0")
    for (let i = 1; i <= 41; i++) chain.symbolicLink(`/l${i}`, `l${i - 1}`)
    assert.strictEqual(outcome(chain.resolve("/l40")), outcome(chain.resolve("/l0")))
    assert.strictEqual(outcome(chain.resolve("/l41")), "TooManySymbolicLinks")
    assert.isNumber(outcome(chain.resolve("/l41", false)))
  })

  /** The place that a finder gives: the folder, the name, what is there, and whether it has to be a folder. */
  const seen = (place: FileResult<Names.Place>): unknown =>
    outcome(
      Result.map(place, ({ entry, name, needsFolder, trail }) => [
        trail.at(-1),
        name === undefined ? undefined : Buffer.from(name).toString(),
        entry?.number,
        needsFolder
      ])
    )
  const find = (path: string, finder: typeof Names.place): unknown =>
    seen(
      Result.flatMap(Path.parse(files.volume.layout, path), (parsed) =>
        files.volume.read((pages) => finder(pages, files.volume.names, parsed))
      )
    )

  it("are a place, be something there or not", () => {
    assert.deepStrictEqual(find("/a/b", Names.place), [a, "b", b, false])
    assert.deepStrictEqual(find("/a/new", Names.place), [a, "new", undefined, false])
    assert.deepStrictEqual(find("/a/new/", Names.place), [a, "new", undefined, true])
    assert.deepStrictEqual(find("/a/b/..", Names.place), [a, undefined, a, true])
    assert.deepStrictEqual(find("/d/toF", Names.place), [d, "toF", at("/d/toF", false), false])
  })

  it("are a target behind symbolic links, even where that is not there", () => {
    assert.deepStrictEqual(find("/d/toF", Names.target), [a, "f", f, false])
    assert.deepStrictEqual(find("/d/toA", Names.target), [1, "a", a, true])
    const more = populated()
    more.symbolicLink("/d/toNew", "new/")
    const path = Result.getOrThrow(Path.parse(more.volume.layout, "/d/toNew"))
    assert.deepStrictEqual(seen(more.volume.read((pages) => Names.target(pages, more.volume.names, path))), [
      outcome(more.resolve("/d")),
      "new",
      undefined,
      true
    ])
  })

  it("are a place in a folder that is known by its number, while it has a name", () => {
    const some = populated()
    const numberOf = (path: string): number => outcome(some.resolve(path)) as number
    const inFolder = (folder: number, name: string): unknown =>
      seen(some.volume.run((draft) => Names.placeIn(draft, folder, Buffer.from(name))))
    const folder = numberOf("/a/b")
    assert.deepStrictEqual(inFolder(folder, "c"), [folder, "c", numberOf("/a/b/c"), false])
    assert.deepStrictEqual(inFolder(folder, "new"), [folder, "new", undefined, false])
    assert.strictEqual(inFolder(numberOf("/a/f"), "x"), "NotAFolder")
    assert.strictEqual(inFolder(9999, "x"), "NotFound")
    some.open.add(folder)
    some.removeTree("/a/b")
    assert.strictEqual(some.inode(folder)?.links, 0)
    assert.strictEqual(inFolder(folder, "x"), "NotFound")
  })

  it("tell the name that is not there", () => {
    const missing = files.volume.read((pages) =>
      Result.flatMap(Path.parse(files.volume.layout, "/a/new"), (path) =>
        Names.resolve(pages, files.volume.names, path, true)
      )
    )
    assert.deepStrictEqual(missing, FileError.notFound(Buffer.from("new")))
  })
})
