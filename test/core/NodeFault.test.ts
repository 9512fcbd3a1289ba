/** One case for each thing that can be wrong with a node, and for each bound that is still right. */
import { assert, describe, it } from "vitest"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"

const BIRTH = 40
const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const HEADER = Layout.NODE_HEADER_BYTES

const linkOf = (pageCount: number, birth = BIRTH): Uint8Array => {
  const link = new Uint8Array(layout.pointerBytes)
  Pointer.writePlace(layout, link, 0, { address: 7, pageCount, birth })
  return link
}

const nodeOf = (kind: number, level: number): Uint8Array => {
  const node = new Uint8Array(512)
  Node.clear(node, kind, level)
  return node
}

const treeOf = (level: number, cells: ReadonlyArray<Uint8Array>): Uint8Array => {
  const node = nodeOf(Node.TREE, level)
  for (const [slot, cell] of cells.entries()) TreeNode.insert(layout, node, slot, cell)
  return node
}

const item = (key: string, valueBytes = 3): Uint8Array =>
  TreeNode.leafCell(Buffer.from(key), new Uint8Array(valueBytes).fill(1))
const child = (key: string, link = linkOf(1)): Uint8Array => TreeNode.branchCell(layout, Buffer.from(key), link)

const slotAt = (slot: number): number => HEADER + slot * Layout.SLOT_BYTES

const fault = (node: Uint8Array): string | undefined =>
  Node.fault(layout, node, Node.kind(node), Node.level(node), BIRTH)

const changed = (node: Uint8Array, change: (node: Uint8Array) => void): Uint8Array => {
  change(node)
  return node
}

describe("a tree node", () => {
  const leaf = (): Uint8Array => treeOf(0, [item("a"), item("b")])

  it("is sound up to its bounds", () => {
    assert.isUndefined(fault(leaf()))
    assert.isUndefined(fault(treeOf(0, [])))
    assert.isUndefined(fault(treeOf(0, [item("x".repeat(layout.keyBytesMax))])))
    const full = treeOf(0, [item("a", 512 - HEADER - Layout.SLOT_BYTES - Layout.LEAF_CELL_HEADER_BYTES - 1)])
    assert.strictEqual(TreeNode.room(full), 0)
    assert.isUndefined(fault(full))
    assert.isUndefined(fault(treeOf(1, [child(""), child("b")])))
  })

  it("has slots that end before its cells begin, and cells inside the page", () => {
    const run = "a node's slots run into its cells"
    assert.strictEqual(fault(changed(leaf(), (node) => Node.setTop(node, 513))), run)
    assert.strictEqual(fault(changed(leaf(), (node) => Node.setTop(node, slotAt(2) - 1))), run)
    const outside = "a cell stands outside its page"
    assert.strictEqual(fault(changed(leaf(), (node) => Node.setTop(node, TreeNode.cellAt(node, 1) + 1))), outside)
    assert.strictEqual(fault(changed(leaf(), (node) => Bytes.writeUint16(node, slotAt(1), 509))), outside)
    const long = "a cell is longer than its page allows"
    assert.strictEqual(fault(changed(leaf(), (node) => node[TreeNode.cellAt(node, 0) + 2]++)), long)
    assert.strictEqual(fault(treeOf(0, [item("x".repeat(layout.keyBytesMax + 1))])), long)
  })

  it("accounts for every byte", () => {
    const wrong = "a node's cells do not add up"
    assert.strictEqual(fault(changed(leaf(), (node) => Node.setGarbage(node, 1))), wrong)
    assert.strictEqual(fault(changed(leaf(), (node) => Node.setTop(node, Node.top(node) - 1))), wrong)
  })

  it("has keys that ascend", () => {
    const wrong = "the keys of a node are out of order"
    assert.strictEqual(fault(treeOf(0, [item("b"), item("a")])), wrong)
    assert.strictEqual(fault(treeOf(0, [item("a"), item("a")])), wrong)
    assert.strictEqual(fault(treeOf(0, [item("ab"), item("a")])), wrong)
    assert.strictEqual(fault(treeOf(2, [child(""), child("b"), child("a")])), wrong)
    assert.isUndefined(fault(treeOf(0, [item(""), item("a"), item("ab")])))
  })

  it("has sound children above the leaves, of which the first has no key", () => {
    assert.strictEqual(fault(nodeOf(Node.TREE, 1)), "a branch has no children")
    assert.strictEqual(fault(treeOf(1, [child("a")])), "the first child of a branch has a key")
    assert.strictEqual(fault(treeOf(1, [child(""), child("b", linkOf(0))])), "a branch has a null child")
    assert.strictEqual(fault(treeOf(1, [child("", linkOf(2))])), "a pointer names more pages than it may")
    const young = linkOf(1, BIRTH + 1)
    assert.strictEqual(fault(treeOf(1, [child("", young)])), "a page is younger than the page that points at it")
  })
})

describe("a rope's branch", () => {
  const branch = (level: number, ...entries: ReadonlyArray<readonly [span: number, link: Uint8Array]>): Uint8Array => {
    const node = nodeOf(Node.ROPE, level)
    for (const [entry, [span, link]] of entries.entries()) {
      const at = HEADER + entry * layout.ropeEntryBytes
      Bytes.writeUint48(node, at, span)
      node.set(link, at + Layout.ROPE_SPAN_BYTES)
    }
    Node.setCount(node, entries.length)
    return node
  }
  const one: readonly [number, Uint8Array] = [512, linkOf(1)]

  it("begins with a header whose other fields are zero", () => {
    const node = nodeOf(Node.ROPE, 3)
    assert.isTrue(Bytes.isZero(node, 2, 512))
  })

  it("stands above level 0 and not above the highest", () => {
    const wrong = "a rope branch has an impossible level"
    assert.strictEqual(fault(branch(0, one)), wrong)
    assert.isUndefined(fault(branch(1, one)))
    assert.isUndefined(fault(branch(Node.LEVEL_MAX, one)))
    assert.strictEqual(fault(branch(Node.LEVEL_MAX + 1, one)), wrong)
  })

  it("has a child, and no more than fit", () => {
    const wrong = "a rope branch has an impossible number of children"
    assert.strictEqual(fault(branch(2)), wrong)
    const most = branch(2, ...Array.from({ length: layout.ropeFanout }, () => one))
    assert.isUndefined(fault(most))
    assert.strictEqual(fault(changed(most, (node) => Node.setCount(node, layout.ropeFanout + 1))), wrong)
  })

  it("names runs of several pages on level 1, branches of one page above", () => {
    const { runPagesMax } = layout
    const tooMany = "a pointer names more pages than it may"
    assert.isUndefined(fault(branch(1, [runPagesMax * 512, linkOf(runPagesMax)])))
    assert.strictEqual(fault(branch(1, [runPagesMax * 512, linkOf(runPagesMax + 1)])), tooMany)
    assert.strictEqual(fault(branch(2, one, [1024, linkOf(2)])), tooMany)
    assert.isUndefined(fault(branch(2, [2 ** 40, linkOf(1)])))
  })

  it("has spans that are not empty, and that fit the pages of their runs", () => {
    const wrong = "a data run does not have the pages that its span needs"
    assert.strictEqual(fault(branch(1, one, [0, linkOf(0)])), "a rope branch has an empty child")
    assert.isUndefined(fault(branch(1, [2 ** 40, linkOf(0)], [1025, linkOf(3)], [1536, linkOf(3)])))
    assert.strictEqual(fault(branch(1, [1024, linkOf(3)])), wrong)
    assert.strictEqual(fault(branch(1, one, [1537, linkOf(3)])), wrong)
  })
})

describe("a free map's node", () => {
  const map = (level: number, at = 0, link = linkOf(1)): Uint8Array => {
    const node = nodeOf(Node.MAP, level)
    node.set(link, HEADER + at * layout.pointerBytes)
    return node
  }

  it("is any bits on level 0", () => {
    assert.isUndefined(fault(changed(nodeOf(Node.MAP, 0), (node) => node.fill(255, HEADER))))
  })

  it("has sound children, and is not higher than the highest tree", () => {
    assert.isUndefined(fault(map(Node.LEVEL_MAX)))
    assert.strictEqual(fault(map(Node.LEVEL_MAX + 1)), "a free map has an impossible height")
    for (const at of [0, layout.mapFanout - 1]) {
      assert.strictEqual(fault(map(1, at, linkOf(2))), "a pointer names more pages than it may")
    }
  })
})
