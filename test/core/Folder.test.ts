import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Folder from "../../src/core/Folder.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const make = () => {
  const files = new TestFiles()
  const file = outcome(files.file("/f")) as number
  const folder = outcome(files.folder("/d")) as number
  files.file("/d/x")
  return { files, file, folder }
}

describe("Folder", () => {
  it("lists folders only, by at least one entry at a time", () => {
    const { file, files, folder } = make()
    const list = (number: number, countMax: number) =>
      outcome(files.volume.read((pages) => Folder.list(pages, files.volume.names, number, undefined, countMax)))
    assert.lengthOf(list(folder, 1), 1)
    assert.strictEqual(list(file, 1), "NotAFolder")
    assert.strictEqual(list(9999, 1), "NotFound")
    assert.throws(() => list(folder, 0), InvariantViolation)
  })

  it("lists entries in byte order, some at a time, each once", () => {
    const { files, folder } = make()
    for (const name of ["b", "ab", "a", "abc"]) files.file(`/d/${name}`)
    const list = (after: string | undefined, countMax: number) =>
      Result.getOrThrow(
        files.volume.read((pages) =>
          Folder.list(pages, files.volume.names, folder, after === undefined ? after : Buffer.from(after), countMax)
        )
      ).map(({ name, number, type }) => {
        const text = Buffer.from(name).toString()
        assert.deepStrictEqual([number, type], [outcome(files.resolve(`/d/${text}`)), Inode.FILE])
        return text
      })
    assert.deepStrictEqual(list(undefined, 9), ["a", "ab", "abc", "b", "x"])
    assert.deepStrictEqual(list(undefined, 2), ["a", "ab"])
    assert.deepStrictEqual(list("ab", 2), ["abc", "b"])
    assert.deepStrictEqual(list("a", 1), ["ab"])
    assert.deepStrictEqual(list("aa", 9), ["ab", "abc", "b", "x"])
    assert.deepStrictEqual(list("x", 9), [])
  })

  it("counts no fewer entries than none", () => {
    const touched = (added: number): unknown => {
      const { files, folder } = make()
      try {
        files.volume.run((draft) => {
          const spot = Folder.spotOf(draft, folder, added)
          Inodes.changeBeside(draft, Folder.touch(draft, draft.roots.names, spot, added, BigInt(1)))
        })
        return files.inode(folder)?.size
      } catch (thrown) {
        return thrown instanceof CorruptPage ? thrown.reason : thrown
      }
    }
    assert.strictEqual(touched(-2), "folder 3 has more entries than it counts")
    assert.strictEqual(touched(-1), 0)
  })
})
