import { assert, describe, it } from "vitest"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

/** The reason of a corrupt page, or what came instead. */
const reason = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (thrown) {
    return thrown instanceof CorruptPage ? thrown.reason : thrown
  }
}

const make = () => {
  const files = new TestFiles()
  return { files, file: outcome(files.file("/f")) as number }
}

describe("Inodes", () => {
  it("of entries are there, and of the type that the entry says", () => {
    const { file, files } = make()
    const ofEntry = (entry: Inode.Entry): unknown =>
      reason(() => files.volume.read((pages) => Inodes.ofEntry(pages, files.volume.names, entry)))
    assert.deepStrictEqual(ofEntry({ number: file, type: Inode.FILE }), files.inode(file))
    assert.strictEqual(ofEntry({ number: 9999, type: Inode.FILE }), "an entry names inode 9999, which is missing")
    assert.strictEqual(
      ofEntry({ number: file, type: Inode.FOLDER }),
      `an entry names inode ${file} with another type than its own`
    )
  })

  it("have numbers below the last of 48 bits", () => {
    const { files } = make()
    const next = (nextInode: number): unknown =>
      reason(() =>
        files.volume.run((draft) => {
          draft.roots = { ...draft.roots, nextInode }
          return Inodes.nextNumber(draft)
        })
      )
    assert.strictEqual(next(2 ** 48 - 2), 2 ** 48 - 2)
    assert.strictEqual(next(2 ** 48 - 1), "all inode numbers have been given")
  })
})
