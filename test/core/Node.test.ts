import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { checksum } from "./TestVolume.ts"
import { ensure } from "./TreeMemory.ts"

const BIRTH = 40
const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const binding = Binding.make(layout, checksum, new Uint8Array(16))

const linkOf = (random: Random, pageCount = 1, birth = 1 + random.below(BIRTH)): Uint8Array => {
  const link = new Uint8Array(layout.pointerBytes)
  const place = { address: random.below(5000), pageCount, birth, kind: 1, level: 0 }
  Binding.writePointer(binding, place, new Uint8Array(0), link, 0)
  return link
}

/** A node that holds cells, beside a list of what they say; some cells are dead. */
const treeNode = (random: Random, level: number): Uint8Array => {
  const node = new Uint8Array(512)
  Node.clear(node, Node.TREE, level)
  if (level > 0) TreeNode.insert(layout, node, 0, TreeNode.branchCell(layout, new Uint8Array(0), linkOf(random)))
  for (let i = random.below(30); i >= 0; i--) {
    const key = random.bytes(1 + random.below(12))
    const cell =
      level > 0
        ? TreeNode.branchCell(layout, key, linkOf(random))
        : TreeNode.leafCell(key, random.bytes(random.below(40)))
    const found = level > 0 ? TreeNode.searchBranch(layout, node, key) + 1 : ~TreeNode.searchLeaf(node, key)
    if (found < 0 || (level > 0 && Bytes.equal(TreeNode.keyOf(layout, node, found - 1), key))) continue
    if (TreeNode.room(node) >= cell.length + 2) TreeNode.insert(layout, node, found, cell)
    if (random.chance(0.3) && Node.count(node) > 1) {
      TreeNode.remove(layout, node, (level > 0 ? 1 : 0) + random.below(Node.count(node) - 1))
    }
  }
  return node
}

const ropeNode = (random: Random, level: number): Uint8Array => {
  const node = new Uint8Array(512)
  Node.clear(node, Node.ROPE, level)
  const count = 1 + random.below(layout.ropeFanout)
  for (let i = 0; i < count; i++) {
    const at = Layout.NODE_HEADER_BYTES + i * layout.ropeEntryBytes
    const pages = level === 1 ? random.below(5) : 1
    Bytes.writeUint48(node, at, pages === 0 ? 99 : pages * 512 - random.below(512))
    if (pages > 0) node.set(linkOf(random, pages), at + Layout.ROPE_SPAN_BYTES)
  }
  Node.setCount(node, count)
  return node
}

const mapNode = (random: Random, level: number): Uint8Array => {
  const node = new Uint8Array(512)
  Node.clear(node, Node.MAP, level)
  for (let i = 0; i < layout.mapFanout; i++) {
    if (random.chance(0.5)) node.set(linkOf(random), Layout.NODE_HEADER_BYTES + i * layout.pointerBytes)
  }
  return node
}

const MAKERS = [
  [Node.TREE, 0, treeNode],
  [Node.TREE, 2, treeNode],
  [Node.ROPE, 1, ropeNode],
  [Node.ROPE, 3, ropeNode],
  [Node.MAP, 1, mapNode]
] as const

describe("Node", () => {
  it("finds no fault with sound nodes, and one where they stand for another kind or level", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...MAKERS), (seed, [kind, level, make]) => {
        const node = make(new Random(seed), level)
        assert.isUndefined(Node.fault(layout, node, kind, level, BIRTH))
        assert.isString(Node.fault(layout, node, kind, level + 1, BIRTH))
        assert.isString(Node.fault(layout, node, kind === Node.MAP ? Node.TREE : Node.MAP, level, BIRTH))
        node[14] = 1
        assert.isString(Node.fault(layout, node, kind, level, BIRTH))
      }),
      parameters(200)
    )
  })

  it("lets through nothing whose offsets or pointers lead out of the node", () => {
    let passed = 0
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(...MAKERS),
        fc.array(fc.tuple(fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 511 })), fc.nat({ max: 255 })), {
          minLength: 1,
          maxLength: 3
        }),
        (seed, [kind, level, make], mutations) => {
          const node = make(new Random(seed), level)
          for (const [at, value] of mutations) node[at] = value
          if (Node.fault(layout, node, kind, level, BIRTH) !== undefined) return
          passed++
          // Everything in it may be looked at.
          Links.forEach(layout, node, kind, level, true, (bytes, at) => {
            ensure(at + layout.pointerBytes <= bytes.length, "a pointer stands inside the node")
            if (level > 0) ensure(Pointer.birth(layout, bytes, at) <= BIRTH, "a child is not younger")
          })
          if (kind !== Node.TREE) return
          for (let slot = 0; slot < Node.count(node); slot++) {
            const cell = TreeNode.cellAt(node, slot)
            ensure(cell + TreeNode.cellBytes(layout, node, cell) <= 512, "a cell ends inside the node")
            const key = TreeNode.keyOf(layout, node, slot)
            if (level === 0) ensure(TreeNode.searchLeaf(node, key) === slot, "a key is found")
            else ensure(TreeNode.searchBranch(layout, node, key) === slot, "a child is found")
          }
          ensure(TreeNode.room(node) >= 0, "a node holds no more than it can")
        }
      ),
      parameters(3000)
    )
    assert.isAbove(passed, scaled(300))
  })

  it("takes no random page for a node without a fault in reading it", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 512, maxLength: 512 }),
        fc.constantFrom(...MAKERS),
        (bytes, [kind, level]) => {
          bytes[0] = kind
          bytes[1] = level
          bytes.fill(0, 12, 16)
          Node.fault(layout, bytes, kind, level, BIRTH)
          assert.isUndefined(Node.fault(layout, bytes, Node.DATA, 0, BIRTH))
        }
      ),
      parameters(1000)
    )
  })

  it("refuses younger children, null children, and levels that no tree has", () => {
    const random = new Random(1)
    const node = new Uint8Array(512)
    Node.clear(node, Node.TREE, 1)
    assert.isString(Node.fault(layout, node, Node.TREE, 1, BIRTH), "a branch without children")
    TreeNode.insert(layout, node, 0, TreeNode.branchCell(layout, new Uint8Array(0), linkOf(random, 1, BIRTH)))
    assert.isUndefined(Node.fault(layout, node, Node.TREE, 1, BIRTH))
    assert.isString(Node.fault(layout, node, Node.TREE, 1, BIRTH - 1))
    TreeNode.insert(layout, node, 1, TreeNode.branchCell(layout, Uint8Array.of(1), Pointer.makeNull(layout)))
    assert.isString(Node.fault(layout, node, Node.TREE, 1, BIRTH))
    for (const kind of [Node.ROPE, Node.MAP]) {
      const high = new Uint8Array(512)
      Node.clear(high, kind, 49)
      Node.setCount(high, 1)
      assert.isString(Node.fault(layout, high, kind, 49, BIRTH))
    }
  })
})

describe("TreeNode", () => {
  it("keeps its cells and its account of dead bytes through inserting, removing and compacting", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 80 }), (seed, steps) => {
        const random = new Random(seed)
        const node = new Uint8Array(512)
        Node.clear(node, Node.TREE, 0)
        const cells: Array<Uint8Array> = []
        for (let step = 0; step < steps; step++) {
          if (cells.length > 0 && random.chance(0.45)) {
            const slot = random.below(cells.length)
            TreeNode.remove(layout, node, slot)
            cells.splice(slot, 1)
          } else {
            const cell = TreeNode.leafCell(random.bytes(1 + random.below(9)), random.bytes(random.below(70)))
            const slot = random.below(cells.length + 1)
            if (TreeNode.room(node) >= cell.length + Layout.SLOT_BYTES) {
              TreeNode.insert(layout, node, slot, cell)
              cells.splice(slot, 0, cell)
            } else {
              const before = node.slice()
              assert.throws(() => TreeNode.insert(layout, node, slot, cell), InvariantViolation)
              assert.deepStrictEqual(node, before)
            }
          }
          if (random.chance(0.1)) {
            TreeNode.compact(layout, node)
            assert.strictEqual(Node.garbage(node), 0)
          }
          const used = cells.reduce((sum, cell) => sum + cell.length + Layout.SLOT_BYTES, 0)
          assert.strictEqual(TreeNode.used(node), used)
          assert.strictEqual(TreeNode.room(node), 512 - 16 - used)
          assert.strictEqual(Node.count(node), cells.length)
          for (const [slot, cell] of cells.entries()) {
            const at = TreeNode.cellAt(node, slot)
            ensure(Bytes.equal(node.slice(at, at + TreeNode.cellBytes(layout, node, at)), cell), "a cell stays whole")
          }
        }
      }),
      parameters(150)
    )
  })

  it("drops the first key of a branch and nothing else", () => {
    const random = new Random(7)
    const node = new Uint8Array(512)
    Node.clear(node, Node.TREE, 1)
    const links = [1, 2, 3].map(() => linkOf(random))
    links.forEach((link, i) =>
      TreeNode.insert(layout, node, i, TreeNode.branchCell(layout, Uint8Array.of(i, 9, 9), link))
    )
    TreeNode.dropFirstKey(layout, node)
    TreeNode.dropFirstKey(layout, node)
    assert.strictEqual(Node.garbage(node), 3)
    assert.isUndefined(Node.fault(layout, node, Node.TREE, 1, BIRTH))
    for (const [slot, link] of links.entries()) {
      const at = TreeNode.pointerAt(TreeNode.cellAt(node, slot))
      assert.deepStrictEqual(node.slice(at, at + layout.pointerBytes), link)
      assert.strictEqual(TreeNode.keyOf(layout, node, slot).length, slot === 0 ? 0 : 3)
    }
  })

  it("separates by the shortest key that is above the one and not above the other", () => {
    const key = fc
      .array(fc.constantFrom(0, 1, 255), { minLength: 1, maxLength: 5 })
      .map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(key, key, (a, b) => {
        const order = Buffer.compare(a, b)
        if (order === 0) return
        const [below, above] = order < 0 ? [a, b] : [b, a]
        const separator = TreeNode.separator(below, above)
        assert.isBelow(Buffer.compare(below, separator), 0)
        assert.isAtMost(Buffer.compare(separator, above), 0)
        if (separator.length > 1) assert.isAtMost(Buffer.compare(separator.subarray(0, -1), below), 0)
      }),
      parameters(500)
    )
  })

  it("cuts an overflow into nodes that hold it, two where that goes and none empty", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed)
        const node = new Uint8Array(512)
        Node.clear(node, Node.TREE, 0)
        const big = random.chance(0.5) ? 450 : 60
        const make = (): Uint8Array => TreeNode.leafCell(random.bytes(3), random.bytes(random.below(big)))
        for (let cell = make(); TreeNode.room(node) >= cell.length + 2; cell = make()) {
          TreeNode.insert(layout, node, Node.count(node), cell)
        }
        const count = Node.count(node)
        const slot = random.below(count + 1)
        const cell = TreeNode.leafCell(random.bytes(3), random.bytes(layout.itemBytesMax - 3 - random.below(100)))
        if (TreeNode.room(node) >= cell.length + 2) return
        const before = Array.from({ length: count }, (_, i) => TreeNode.keyOf(layout, node, i).join())
        before.splice(slot, 0, cell.slice(4, 7).join())
        const all = TreeNode.overflow(node, slot, cell)
        const cuts = TreeNode.cuts(layout, all)
        assert.isAtMost(cuts.length, 2)
        const bounds = [0, ...cuts, all.count]
        const after: Array<string> = []
        for (let i = 1; i < bounds.length; i++) {
          assert.isBelow(bounds[i - 1], bounds[i], "no node is empty")
          const to = new Uint8Array(512)
          Node.clear(to, Node.TREE, 0)
          TreeNode.fill(layout, all, bounds[i - 1], bounds[i], to)
          for (let at = 0; at < Node.count(to); at++) after.push(TreeNode.keyOf(layout, to, at).join())
        }
        assert.deepStrictEqual(after, before)
      }),
      parameters(400)
    )
  })
})
