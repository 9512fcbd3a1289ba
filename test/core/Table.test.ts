import { assert, describe, it } from "vitest"
import type * as Inode from "../../src/core/Inode.ts"
import * as Layout from "../../src/core/Layout.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as Table from "../../src/core/Table.ts"

const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })

/** What is read of an item among other bytes, or why it makes no sense. */
const read = <A>(
  decode: (bytes: Uint8Array, at: number, end: number) => A,
  item: ReadonlyArray<number>
): A | string => {
  try {
    return decode(Uint8Array.of(255, 255, ...item, 255, 255), 2, 2 + item.length)
  } catch (thrown) {
    if (!(thrown instanceof CorruptPage)) throw thrown
    return thrown.reason
  }
}

describe("Table", () => {
  it("is the volume's own if its name begins with NUL", () => {
    assert.isTrue(Table.isOwn(Uint8Array.of(0, 1)))
    assert.isFalse(Table.isOwn(Uint8Array.of(1, 0)))
    assert.isFalse(Table.isOwn(new Uint8Array(0)))
  })

  it("has a number that is not the root's, and a count", () => {
    const item = [...Table.encode({ number: 2, count: 70_000 })]
    assert.deepStrictEqual(read(Table.decode, item), { number: 2, count: 70_000 })
    const reason = "a table makes no sense"
    assert.strictEqual(read(Table.decode, item.slice(0, -1)), reason)
    assert.strictEqual(read(Table.decode, [...item, 0]), reason)
    assert.strictEqual(read(Table.decode, [2, ...item.slice(1)]), reason)
    for (const number of [0, 1]) {
      assert.strictEqual(
        read(Table.decode, [...Table.encode({ number, count: 1 })]),
        `a table has the number ${number}`
      )
    }
  })

  it("has entries that are a value or a rope", () => {
    const entry = (item: ReadonlyArray<number>) =>
      read((bytes, at, end) => Table.decodeEntry(layout, bytes, at, end), item)
    const inline: Inode.Content = { _tag: "Inline", bytes: Uint8Array.of(7, 8) }
    assert.deepStrictEqual(entry([...Table.encodeEntry(inline)]), inline)
    const nothing: Inode.Content = { _tag: "Inline", bytes: new Uint8Array(0) }
    assert.deepStrictEqual(entry([...Table.encodeEntry(nothing)]), nothing)
    const encoded = new Uint8Array(Rope.encodedBytes(layout)).fill(3)
    encoded.set([5, 1, 0, 0, 0, 0])
    const rope: Inode.Content = { _tag: "Rope", size: 261, encoded }
    const item = [...Table.encodeEntry(rope)]
    assert.deepStrictEqual(entry(item), rope)
    const reason = "an entry of a table makes no sense"
    for (const bad of [[], [0], item.slice(0, -1), [...item, 0], [1, ...item.slice(1)], [254, 1]]) {
      assert.strictEqual(entry(bad), reason)
    }
  })
})
