/** Frames of a send stream that are kept on the volume until the rest has arrived. */
import { assert, describe, it } from "vitest"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Staging from "../../src/core/Staging.ts"
import { TestFiles } from "./TestFiles.ts"
import { noise } from "./TransferStates.ts"

const frameBytes = [0, 40, 5000]

const make = (): TestFiles => {
  const files = new TestFiles({ pageBytes: 512 })
  const { volume } = files
  assert.strictEqual(
    volume.read((pages) => Staging.count(pages, volume.names)),
    0
  )
  volume.run((draft) => Staging.begin(draft, 50))
  for (const [i, count] of frameBytes.entries()) volume.run((draft) => Staging.put(draft, i, noise(count, i)))
  return files
}

describe("frames that are kept", () => {
  it("are there in their order, in a table behind all numbers of the stream", () => {
    const { volume } = make()
    assert.strictEqual(
      volume.read((pages) => Staging.count(pages, volume.names)),
      3
    )
    for (const [i, count] of frameBytes.entries()) {
      assert.deepStrictEqual(
        volume.read((pages) => Staging.frame(pages, volume.names, i)),
        noise(count, i)
      )
    }
    assert.strictEqual(volume.draft.roots.nextInode, 51)
    const later = new TestFiles({ pageBytes: 512 })
    later.file("/f")
    const { nextInode } = later.volume.draft.roots
    later.volume.run((draft) => Staging.begin(draft, 1))
    assert.strictEqual(later.volume.draft.roots.nextInode, nextInode + 1, "numbers do not go back")
    let thrown: unknown
    try {
      volume.read((pages) => Staging.frame(pages, volume.names, 3))
    } catch (error) {
      thrown = error
    }
    assert(thrown instanceof CorruptPage)
    assert.strictEqual(thrown.reason, "frame 3 of what was received is missing")
  })

  it("are given up some at a time", () => {
    const { volume } = make()
    assert.isFalse(volume.run((draft) => Staging.drop(draft, 2)))
    assert.strictEqual(
      volume.read((pages) => Staging.count(pages, volume.names)),
      1
    )
    assert.isTrue(volume.run((draft) => Staging.drop(draft, 2)))
    assert.strictEqual(
      volume.read((pages) => Staging.count(pages, volume.names)),
      0
    )
    assert.strictEqual(volume.commit(), "Plan")
  })
})
