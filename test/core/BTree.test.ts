import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import { NODE_HEADER_BYTES } from "../../src/core/Layout.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { TreeMemory } from "./TreeMemory.ts"
import { type Style, STYLES, TreeRun } from "./TreeRun.ts"

describe("BTree against a Map", () => {
  const histogram: Record<string, number> = {}

  for (const style of STYLES) {
    it(`does what the model does: ${style} keys`, () => {
      fc.assert(
        fc.property(
          fc.record({
            seed: fc.nat(),
            pageBytes: fc.constantFrom(512, 512, 4096),
            style: fc.constant<Style>(style),
            forgetting: fc.constantFrom(0, 0.1, 0.4),
            abandoning: fc.constantFrom(0, 0.2),
            savepoints: fc.boolean()
          }),
          fc.integer({ min: 1, max: 800 }),
          (options, steps) => {
            const run = new TreeRun(options)
            for (let step = 0; step < steps; step++) run.step()
            run.check()
            run.compare()
            run.commit()
            run.clear()
            for (const [name, count] of Object.entries({ ...run.histogram, ...run.memory.counters })) {
              histogram[name] = (histogram[name] ?? 0) + count
            }
          }
        ),
        parameters(20)
      )
      assert.isAbove(histogram["commit"] ?? 0, 0)
    })
  }

  it("has met everything often", () => {
    const names = ["insert", "replace", "remove", "remove nothing", "find", "ascend", "descend", "settle", "commit"]
    for (const name of [...names, "savepoint", "merge", "rollback", "restarts", "sealed spots", "spots"]) {
      assert.isAbove(histogram[name] ?? 0, scaled(50), name)
    }
    console.log(JSON.stringify({ name: "BTree", ...histogram }))
  })
})

describe("BTree", () => {
  const make = (pageBytes: number): TreeMemory => new TreeMemory(pageBytes, new Random(1))
  const put = (memory: TreeMemory, key: Uint8Array, value: Uint8Array): void =>
    memory.edit((draft, tree) => BTree.put(draft, tree, key, value))
  const counted = (count: number): Uint8Array => {
    const key = new Uint8Array(6)
    Bytes.writeUint48Key(key, 0, count)
    return key
  }

  /** A key of `count` bytes that begins with `letter`, is zero in between, and ends with `last`. */
  const long = (letter: number, count: number, last: number): Uint8Array => {
    const key = new Uint8Array(count)
    key[0] = letter
    key[count - 1] = last
    return key
  }

  it("splits a leaf three ways under a full parent, wherever the parent is cut", () => {
    // Two long separators come into a parent whose children before and after them have short or long keys of many sizes.
    for (const pageBytes of [512, 4096]) {
      for (let before = 0; before < 40; before += pageBytes === 512 ? 1 : 6) {
        for (const keyBytes of [pageBytes / 32, pageBytes / 16, pageBytes / 8]) {
          const memory = make(pageBytes)
          const { itemBytesMax, keyBytesMax } = memory.layout
          const big = (key: Uint8Array, share: number): void =>
            put(memory, key, new Uint8Array(Math.floor((itemBytesMax - key.length) * share)))
          // Leaves of one item each, which a separator of the full length parts from the next.
          const filler = (letter: number, count: number): void => {
            for (let i = 0; i < count; i++) big(long(letter, keyBytes, i + 1), 1)
          }
          filler(1, before)
          put(memory, long(100, keyBytesMax, 1), new Uint8Array(0))
          put(memory, long(100, keyBytesMax, 3), new Uint8Array(0))
          filler(200, 40)
          big(long(100, keyBytesMax, 2), 1)
          memory.check()
          assert.strictEqual(memory.check().items, before + 43)
          memory.commit()
        }
      }
    }
  })

  it("takes an item of a whole page between others", () => {
    const memory = make(4096)
    const { itemBytesMax } = memory.layout
    for (let i = 0; i < 40; i += 2) put(memory, counted(i), new Uint8Array(150))
    put(memory, counted(21), new Uint8Array(itemBytesMax - 6))
    const { items, leaves } = memory.check()
    assert.deepStrictEqual({ items, leaves }, { items: 21, leaves: 3 })
  })

  it("leaves full pages behind where keys ascend", () => {
    const memory = make(4096)
    for (let i = 0; i < 3000; i++) put(memory, counted(i), new Uint8Array(30))
    const { leafBytes, leaves } = memory.check()
    assert.isAbove(leafBytes / (leaves * (4096 - NODE_HEADER_BYTES)), 0.97)
  })

  it("gives space back where most items go", () => {
    const memory = make(512)
    const random = new Random(3)
    const keys = Array.from({ length: 3000 }, (_, i) => counted((i * 7919) % 3001))
    for (const key of keys) put(memory, key, new Uint8Array(10))
    const full = memory.check().leaves
    for (const key of keys) if (!random.chance(0.1)) memory.edit((draft, tree) => BTree.remove(draft, tree, key))
    const { leafBytes, leaves } = memory.check()
    assert.isBelow(leaves, full / 4)
    assert.isAbove(leafBytes / (leaves * (512 - NODE_HEADER_BYTES)), 0.3)
  })

  it("keeps separators as short as may be", () => {
    const memory = make(512)
    for (let i = 0; i < 60; i++) put(memory, long(i, 90, 9), new Uint8Array(0))
    // With whole keys as separators four children would fill a branch.
    const { branches, leaves } = memory.check()
    assert.isAbove(leaves, 10)
    assert.strictEqual(branches, 1)
  })

  it("refuses items that no page holds", () => {
    const memory = make(512)
    const { itemBytesMax, keyBytesMax } = memory.layout
    for (const [keyBytes, valueBytes] of [
      [0, 1],
      [keyBytesMax + 1, 0],
      [1, itemBytesMax],
      [keyBytesMax, itemBytesMax - keyBytesMax + 1]
    ]) {
      assert.isFalse(BTree.fits(memory.layout, keyBytes, valueBytes))
      memory.draft.attempt()
      assert.throws(
        () => BTree.put(memory.draft, memory.tree, new Uint8Array(keyBytes), new Uint8Array(valueBytes)),
        InvariantViolation
      )
      memory.draft.abandon()
    }
    for (const keyBytes of [1, keyBytesMax]) {
      assert.isTrue(BTree.fits(memory.layout, keyBytes, itemBytesMax - keyBytes))
      put(memory, new Uint8Array(keyBytes).fill(keyBytes), new Uint8Array(itemBytesMax - keyBytes))
    }
    assert.strictEqual(memory.check().items, 2)
  })

  it("loads no more pages than a short walk passes", () => {
    const memory = make(512)
    for (let i = 0; i < 2000; i++) put(memory, counted((i * 7919) % 2003), new Uint8Array(20))
    memory.commit()
    memory.forgetting = 1
    for (const walk of [BTree.ascend, BTree.descend]) {
      const before = memory.counters.restarts
      let visited = 0
      memory.read((pages) => {
        visited = 0
        walk(pages, memory.tree, counted(1000), () => ++visited < 3)
      })
      assert.isAtMost(memory.counters.restarts - before, 2 * (memory.tree.level + 1))
    }
  })
})
