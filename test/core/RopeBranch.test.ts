import { assert, describe, it } from "vitest"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import * as RopeBranch from "../../src/core/RopeBranch.ts"

const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const { ropeFanout } = layout

const entriesOf = (...spans: ReadonlyArray<number>): RopeBranch.Entries => {
  const entries = RopeBranch.makeEntries(layout, spans.length)
  for (const span of spans) RopeBranch.push(layout, entries, span)
  return entries
}

const branchOf = (...spans: ReadonlyArray<number>): Uint8Array => {
  const node = new Uint8Array(512)
  Node.clear(node, Node.ROPE, 1)
  RopeBranch.splice(layout, node, 0, 0, entriesOf(...spans))
  return node
}

const spansOf = (node: Uint8Array): ReadonlyArray<number> =>
  Array.from({ length: Node.count(node) }, (_, index) => RopeBranch.span(layout, node, index))

describe("RopeBranch", () => {
  it("is filled to a third at least, and never with fewer than two entries", () => {
    assert.strictEqual(RopeBranch.fillMin(layout), Math.floor(ropeFanout / 3))
    assert.isAbove(ropeFanout, 9)
    const narrow = Layout.make({ pageBytes: 512, addressBytes: 6, checksumBytes: 32, extensionBytes: 32 })
    assert.isBelow(narrow.ropeFanout, 9)
    assert.strictEqual(RopeBranch.fillMin(narrow), 2)
  })

  it("has entries that span something, and no more than were planned", () => {
    const entries = RopeBranch.makeEntries(layout, 2)
    assert.throws(() => RopeBranch.push(layout, entries, 0), InvariantViolation)
    RopeBranch.push(layout, entries, 1)
    RopeBranch.push(layout, entries, 1)
    assert.throws(() => RopeBranch.push(layout, entries, 1), InvariantViolation)
  })

  it("is spliced between entries, up to its end", () => {
    const node = branchOf(5, 7)
    assert.deepStrictEqual(
      [0, 5, 12].map((offset) => RopeBranch.indexOf(layout, node, offset)),
      [0, 1, 2]
    )
    for (const offset of [4, 6, 13]) assert.throws(() => RopeBranch.indexOf(layout, node, offset), InvariantViolation)
  })

  it("has one entry at least and as many as fit at most", () => {
    const node = branchOf(5, 7)
    assert.throws(() => RopeBranch.splice(layout, node, 0, 2, entriesOf()), InvariantViolation)
    const most = Array.from({ length: ropeFanout }, (_, i) => i + 1)
    assert.throws(() => RopeBranch.splice(layout, node, 0, 1, entriesOf(...most)), InvariantViolation)
    RopeBranch.splice(layout, node, 0, 2, entriesOf(...most))
    assert.deepStrictEqual(spansOf(node), most)
  })

  it("holds zeros behind its last entry", () => {
    const node = branchOf(1, 2, 3, 4)
    RopeBranch.splice(layout, node, 1, 3, entriesOf(9))
    assert.deepStrictEqual(spansOf(node), [1, 9, 4])
    assert.deepStrictEqual(node, branchOf(1, 9, 4))
  })
})
