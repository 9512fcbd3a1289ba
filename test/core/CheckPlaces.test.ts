/**
 * The check of superblocks and of the root's slot: what is lost is named, with where it stood.
 */
import { assert, describe, it } from "vitest"
import * as CheckPlaces from "../../src/core/CheckPlaces.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import { Volume } from "./CheckVolume.ts"

const pagesOf = (volume: Volume): Array<Uint8Array | undefined> => {
  const { head, superblock } = volume
  return CheckPlaces.wanted(superblock, head.root).map(({ address, pageCount }) => volume.pages(address, pageCount))
}

/** Codes, addresses and the beginning of messages. */
const found = (volume: Volume, pages: ReadonlyArray<Uint8Array | undefined>): ReadonlyArray<unknown> =>
  CheckPlaces.problems(volume.binding, volume.superblock, volume.head.root, pages).map(
    ({ address, code, inode, message, path, table }) => {
      assert.deepStrictEqual([inode, path, table], [undefined, undefined, undefined])
      return [code, address, message.slice(0, 8)]
    }
  )

const flipped = (page: Uint8Array | undefined, at: number): Uint8Array => {
  const changed = page!.slice()
  changed[at] ^= 1
  return changed
}

describe("CheckPlaces", () => {
  for (const pageBytes of [512, 4096]) {
    const volume = new Volume({ pageBytes })
    const { secondCopy } = volume.slots
    const pages = pagesOf(volume)
    const [one, two, root] = pages

    it(`wants both superblocks and the root of pages of ${pageBytes} bytes`, () => {
      assert.deepStrictEqual(
        CheckPlaces.wanted(volume.superblock, volume.head.root),
        [
          [0, Superblock.KIND] as const,
          [secondCopy, Superblock.KIND] as const,
          [RootSlots.pageOf(volume.slots, 0), RootRecord.KIND] as const
        ].map(([address, kind]) => ({
          address,
          pageCount: 1,
          birth: 0,
          checksum: new Uint8Array(0),
          kind,
          level: 0
        }))
      )
      assert.deepStrictEqual(found(volume, pages), [])
    })

    it(`names a copy of the superblock that is lost, with pages of ${pageBytes} bytes`, () => {
      const first = ["Superblock", 0, "copy one"]
      const second = ["Superblock", secondCopy, "copy two"]
      assert.deepStrictEqual(found(volume, [undefined, two, root]), [first])
      assert.deepStrictEqual(found(volume, [one, undefined, root]), [second])
      assert.deepStrictEqual(found(volume, [flipped(one, 60), flipped(two, 60), root]), [first, second])
      // Each says where it stands.
      assert.deepStrictEqual(found(volume, [two, one, root]), [first, second])
    })
  }

  it("looks at the superblock's own bytes only", () => {
    const volume = new Volume({ pageBytes: 4096 })
    const [one, two, root] = pagesOf(volume)
    assert.deepStrictEqual(found(volume, [flipped(one, 600), two, root]), [])
  })

  it("names a superblock of another volume", () => {
    const volume = new Volume()
    const [, two, root] = pagesOf(volume)
    const another = Superblock.encode(
      { ...volume.superblock, volumeId: new Uint8Array(16).fill(9) },
      volume.binding.checksum,
      0
    )
    assert.deepStrictEqual(found(volume, [another, two, root]), [["Superblock", 0, "copy one"]])
  })

  it("names a slot that does not hold the root, if it holds no newer one", () => {
    const volume = new Volume()
    const before = pagesOf(volume)
    const lost = (root: Uint8Array | undefined) => found(volume, [before[0], before[1], root])
    const problem = ["RootSlot", volume.head.root.page, "the slot"]
    assert.deepStrictEqual(lost(undefined), [problem])
    assert.deepStrictEqual(lost(flipped(before[2], 100)), [problem])
    const { record } = volume
    const other = (generation: number) =>
      RootRecord.encode(volume.binding, volume.slots, { ...record, generation, time: record.time + BigInt(1) }).bytes
    assert.deepStrictEqual(lost(other(record.generation + volume.slots.count)), [])
    assert.deepStrictEqual(lost(other(record.generation)), [problem])
  })
})
