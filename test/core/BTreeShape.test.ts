/** When leaves are merged and a tree grows lower, to the item. */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import { Random } from "../../src/testing/Random.ts"
import { TreeMemory } from "./TreeMemory.ts"

/** With its slot an item takes 32 bytes: 15 fill a leaf of 512, and with 5 it is less than a third full. */
const LEAF = 15
const keyOf = (number: number): Uint8Array => {
  const key = new Uint8Array(6)
  Bytes.writeUint48Key(key, 0, number)
  return key
}

/** A tree of a full leaf and one of `count` items. */
const twoLeaves = (count: number): TreeMemory => {
  const memory = new TreeMemory(512, new Random(1))
  for (let number = 0; number < LEAF + count; number++) {
    memory.edit((draft, tree) => BTree.put(draft, tree, keyOf(number), new Uint8Array(20).fill(number)))
  }
  assert.strictEqual(memory.tree.level, 1)
  return memory
}

/** Removes items in order, and answers the height of the tree after each. */
const removing = (memory: TreeMemory, from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, i) => {
    memory.edit((draft, tree) => BTree.remove(draft, tree, keyOf(from + i)))
    return memory.tree.level
  })

const times = (count: number, level: number): ReadonlyArray<number> => Array.from({ length: count }, () => level)

describe("BTree", () => {
  it("merges a leaf that is less than a third full with the one on its right", () => {
    assert.deepStrictEqual(removing(twoLeaves(5), 0, 10), [...times(9, 1), 0])
    assert.deepStrictEqual(removing(twoLeaves(6), 0, 10), [...times(9, 1), 0])
  })

  it("merges no leaves that fill more than three quarters together", () => {
    assert.deepStrictEqual(removing(twoLeaves(7), 0, 10), times(10, 1))
  })

  it("merges a leaf with the one on its left", () => {
    const memory = twoLeaves(10)
    assert.deepStrictEqual(removing(memory, 0, 9), times(9, 1))
    assert.deepStrictEqual(removing(memory, LEAF, LEAF + 5), [...times(4, 1), 0])
  })

  it("grows lower by every level that has one child left, and is empty at last", () => {
    const memory = new TreeMemory(512, new Random(1))
    for (let number = 0; number < 2000; number++) {
      memory.edit((draft, tree) => BTree.put(draft, tree, keyOf(number), new Uint8Array(20)))
    }
    assert.isAtLeast(memory.tree.level, 2)
    removing(memory, 0, 1999)
    assert.strictEqual(memory.tree.level, 0)
    removing(memory, 1999, 2000)
    assert.deepStrictEqual(memory.tree, { level: 0, link: new Uint8Array(memory.layout.pointerBytes) })
  })

  it("replaces a value of the same length in its place, and one of another length too", () => {
    const memory = twoLeaves(5)
    const bytes = (): number => memory.draft.dirtyBytes
    const before = bytes()
    for (const count of [20, 18, 20]) {
      const value = new Uint8Array(count).fill(77)
      memory.edit((draft, tree) => BTree.put(draft, tree, keyOf(3), value))
      assert.strictEqual(bytes(), before)
    }
  })
})

describe("an item", () => {
  const item = { node: Uint8Array.of(9, 1, 2, 3, 9), keyAt: 1, keyEnd: 4, valueEnd: 5 }

  it("has a key of the width that its tree has", () => {
    BTree.expectKeyBytes(item, 3)
    for (const width of [2, 4, 5]) {
      let thrown: unknown
      try {
        BTree.expectKeyBytes(item, width)
      } catch (cause) {
        thrown = cause
      }
      assert.deepStrictEqual(thrown, new CorruptPage(undefined, "a key has the wrong length"))
    }
  })

  it("has a prefix, which is its whole key at most", () => {
    for (const prefix of [[], [1], [1, 2], [1, 2, 3]]) assert.isTrue(BTree.hasPrefix(item, Uint8Array.from(prefix)))
    for (const prefix of [[2], [1, 3], [1, 2, 3, 9], [9]]) {
      assert.isFalse(BTree.hasPrefix(item, Uint8Array.from(prefix)))
    }
  })
})
