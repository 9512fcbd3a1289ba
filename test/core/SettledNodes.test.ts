import { assert, describe, it } from "vitest"
import * as Layout from "../../src/core/Layout.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import { SettledNodes } from "../../src/core/SettledNodes.ts"

const layout = Layout.make({ pageBytes: 4096, addressBytes: 4, checksumBytes: 8, extensionBytes: 0 })

const pointerTo = (address: number, pageCount: number): Uint8Array => {
  const pointer = Pointer.makeNull(layout)
  Pointer.writePlace(layout, pointer, 0, { address, pageCount, birth: 3 })
  return pointer
}

describe("SettledNodes", () => {
  it("knows the pointers of those that were settled, and no others", () => {
    const settled = new SettledNodes(layout)
    const early = Array.from({ length: 14 }, (_, i) => 2000 + i)
    const numbers = [1, 2, ...early, 63, 64, 65, 1000, 2 ** 33 + 5, 2014]
    for (const [i, id] of numbers.entries()) settled.add(id, pointerTo(100 + 100 * i, 1 + i))
    assert.strictEqual(settled.size, numbers.length)
    for (const [i, id] of numbers.entries()) assert.deepStrictEqual(settled.get(id), pointerTo(100 + 100 * i, 1 + i))
    for (const id of [0, 3, 62, 66, 999, 1001, 2 ** 33 + 4, 5, 1999, 2015]) assert.isUndefined(settled.get(id))
    assert.deepStrictEqual(
      settled.extents(),
      numbers.flatMap((_, i) => [100 + 100 * i, 101 + 101 * i])
    )
  })

  it("hands out copies", () => {
    const settled = new SettledNodes(layout)
    settled.add(7, pointerTo(5, 1))
    settled.get(7)!.fill(0xff)
    assert.deepStrictEqual(settled.get(7), pointerTo(5, 1))
  })
})
