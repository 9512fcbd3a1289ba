import { assert, describe, it } from "vitest"
import { UINT48_END } from "../../src/core/Bytes.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Layout from "../../src/core/Layout.ts"

const geometry: Layout.Geometry = { pageBytes: 4096, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 }

describe("Layout", () => {
  it("has the figures of the format for the default page", () => {
    const { pointerBytes, ropeEntryBytes, ropeFanout, runPagesMax, ...rest } = Layout.make(geometry)
    assert.deepStrictEqual(
      { pointerBytes, ropeEntryBytes, ropeFanout, runPagesMax },
      {
        pointerBytes: 19,
        ropeEntryBytes: 25,
        ropeFanout: 163,
        runPagesMax: 16
      }
    )
    const { itemBytesMax, keyBytesMax, mapFanout, mapLeafPages } = rest
    assert.deepStrictEqual(
      { itemBytesMax, keyBytesMax, mapFanout, mapLeafPages },
      {
        itemBytesMax: 4074,
        keyBytesMax: 1337,
        mapFanout: 214,
        mapLeafPages: 32_640
      }
    )
  })

  it("fits three branch cells, two rope entries and two map pointers into any page", () => {
    for (let pageBytes = 512; pageBytes <= 65_536; pageBytes *= 2) {
      for (const addressBytes of [1, 3, 6]) {
        for (const checksumBytes of [8, 16, 32]) {
          for (const extensionBytes of [0, 32]) {
            const layout = Layout.make({ pageBytes, addressBytes, checksumBytes, extensionBytes })
            const room = pageBytes - Layout.NODE_HEADER_BYTES
            const cell = Layout.SLOT_BYTES + Layout.BRANCH_CELL_HEADER_BYTES + layout.pointerBytes + layout.keyBytesMax
            assert.isAtMost(3 * cell, room)
            assert.isAbove(3 * (cell + 1), room)
            assert.isAbove(layout.keyBytesMax, 60)
            assert.strictEqual(layout.itemBytesMax + Layout.SLOT_BYTES + Layout.LEAF_CELL_HEADER_BYTES, room)
            assert.isAtLeast(layout.ropeFanout, 2)
            assert.isAtLeast(layout.mapFanout, 2)
            assert.isAtMost(layout.runPagesMax, Layout.RUN_PAGES_LIMIT)
            assert.isAtMost(layout.runPagesMax * pageBytes, Layout.RUN_BYTES_MAX)
          }
        }
      }
    }
  })

  it("refuses what no volume can have", () => {
    const wrong: ReadonlyArray<Partial<Layout.Geometry>> = [
      { pageBytes: 256 },
      { pageBytes: 131_072 },
      { pageBytes: 4095 },
      { pageBytes: Number.NaN },
      { addressBytes: 0 },
      { addressBytes: 7 },
      { checksumBytes: 7 },
      { checksumBytes: 33 },
      { extensionBytes: -1 },
      { extensionBytes: 33 }
    ]
    for (const part of wrong) assert.throws(() => Layout.make({ ...geometry, ...part }), InvariantViolation)
  })

  it("gives an address as few bytes as the largest size asks for", () => {
    const counts = [1, 256, 257, 65_536, 65_537, 2 ** 24, 2 ** 24 + 1, 2 ** 40, 2 ** 40 + 1, UINT48_END]
    assert.deepStrictEqual(counts.map(Layout.addressBytesFor), [1, 1, 2, 2, 3, 3, 4, 5, 6, 6])
    for (const count of [0, -1, UINT48_END + 1]) assert.throws(() => Layout.addressBytesFor(count), InvariantViolation)
  })
})
