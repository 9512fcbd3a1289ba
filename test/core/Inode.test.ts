import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { UINT48_END } from "../../src/core/Bytes.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { parameters, scaled } from "./propertyRuns.ts"

const layout = Layout.make({ pageBytes: 4096, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })

const time = fc.bigInt({ min: -(BigInt(2) ** BigInt(63)), max: BigInt(2) ** BigInt(63) - BigInt(1) })
const number = fc.integer({ min: 1, max: 2 ** 31 }).map((n) => ((n * 65_536) % (UINT48_END - 1)) + 1)
const name = fc.uint8Array({ minLength: 1, maxLength: 255 })

const rope = fc
  .record({ size: fc.integer({ min: 1, max: 2 ** 40 }), level: fc.nat({ max: 40 }), pages: fc.nat({ max: 5 }) })
  .map(({ level, pages, size }): Inode.Content => {
    const link = new Uint8Array(layout.pointerBytes)
    Pointer.writePlace(layout, link, 0, { address: 7, pageCount: pages, birth: 2 })
    const encoded = new Uint8Array(Inode.HEADER_BYTES - Inode.AT_CONTENT + layout.pointerBytes)
    Rope.encode({ size, level, link }, encoded, 0)
    return { _tag: "Rope", size, encoded }
  })
const inline = fc.uint8Array({ maxLength: 300 }).map((bytes): Inode.Content => ({ _tag: "Inline", bytes }))

const attributes = {
  mode: fc.nat({ max: 0xfff }),
  links: fc.nat({ max: 0xffffffff }),
  uid: fc.nat({ max: 0xffffffff }),
  gid: fc.nat({ max: 0xffffffff }),
  accessTime: time,
  modifyTime: time,
  changeTime: time,
  birthTime: time
}
const inodes: fc.Arbitrary<Inode.Inode> = fc.oneof(
  fc
    .record({ type: fc.constantFrom(Inode.FILE, Inode.SYMBOLIC_LINK), content: fc.oneof(inline, rope), ...attributes })
    .map((inode) => ({
      ...inode,
      size: inode.content._tag === "Inline" ? inode.content.bytes.length : inode.content.size
    })),
  fc
    .record({ type: fc.constant(Inode.FOLDER), size: fc.nat(), ...attributes })
    .map((inode) => ({ ...inode, content: { _tag: "Inline" as const, bytes: new Uint8Array(0) } }))
)

/** Runs a decoder, which may throw `CorruptPage` and nothing else. */
const decoded = <A>(decode: () => A): A | undefined => {
  try {
    return decode()
  } catch (thrown) {
    assert.instanceOf(thrown, CorruptPage)
    return undefined
  }
}

describe("Inode", () => {
  it("decodes what it encoded, from the middle of a page", () => {
    fc.assert(
      fc.property(inodes, fc.nat({ max: 9 }), (inode, at) => {
        const bytes = Inode.encode(inode)
        const page = new Uint8Array(at + bytes.length + 3).fill(0xbb)
        page.set(bytes, at)
        assert.deepStrictEqual(Inode.decode(layout, page, at, at + bytes.length), inode)
        assert.isUndefined(decoded(() => Inode.decode(layout, page, at, at + bytes.length + 1)))
        assert.isUndefined(decoded(() => Inode.decode(layout, page, at, at + bytes.length - 1)))
        Inode.writeAttributes(page, at, { ...inode, uid: 17, modifyTime: BigInt(-5) })
        const changed = Inode.decode(layout, page, at, at + bytes.length)
        assert.deepStrictEqual(changed, { ...inode, uid: 17, modifyTime: BigInt(-5) })
      }),
      parameters(300)
    )
  })

  it("gives an inode or a corrupt page for any bytes", () => {
    let found = 0
    const mutations = fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 255 })), { maxLength: 3 })
    fc.assert(
      fc.property(inodes, mutations, fc.uint8Array({ maxLength: 90 }), (inode, list, random) => {
        const bytes = Inode.encode(inode)
        for (const [at, value] of list) if (at < bytes.length) bytes[at] = value
        for (const some of [bytes, random]) {
          const again = decoded(() => Inode.decode(layout, some, 0, some.length))
          if (again === undefined) continue
          found++
          if (again.content._tag === "Inline") assert.deepStrictEqual(Inode.encode(again), some)
        }
      }),
      parameters(1000)
    )
    assert.isAbove(found, scaled(300))
  })

  it("decodes the keys that it makes, in their order", () => {
    fc.assert(
      fc.property(number, name, (id, some) => {
        assert.deepStrictEqual(Inode.decodeKey(Inode.inodeKey(id)), { _tag: "Inode", number: id })
        assert.deepStrictEqual(Inode.decodeKey(Inode.entryKey(id, some)), { _tag: "Entry", parent: id, name: some })
        assert.deepStrictEqual(Inode.decodeKey(Inode.attributeKey(id, some)), {
          _tag: "Attribute",
          number: id,
          name: some
        })
        assert.deepStrictEqual(Inode.decodeKey(Inode.orphanKey(id)), { _tag: "Orphan", number: id })
        const keys = [
          Inode.orphanPrefix(),
          Inode.orphanKey(id),
          Inode.inodeKey(id),
          Inode.entryKey(id, new Uint8Array(0)),
          Inode.entryKey(id, some),
          Inode.attributeKey(id, new Uint8Array(0)),
          Inode.attributeKey(id, some)
        ]
        for (let i = 1; i < keys.length; i++) assert.isBelow(Buffer.compare(keys[i - 1], keys[i]), 0)
      }),
      parameters(200)
    )
  })

  it("gives a key or a corrupt page for any bytes", () => {
    let found = 0
    const key = fc.oneof(
      fc.uint8Array({ maxLength: 16 }),
      fc
        .tuple(fc.constantFrom(0, 0, 3), fc.nat({ max: 5 }), fc.uint8Array({ maxLength: 8 }))
        .map(([low, tag, rest]) => Uint8Array.of(0, 0, 0, 0, 0, low, tag, ...rest))
    )
    fc.assert(
      fc.property(key, (bytes) => {
        const some = decoded(() => Inode.decodeKey(bytes))
        if (some === undefined) return
        found++
        const again =
          some._tag === "Inode"
            ? Inode.inodeKey(some.number)
            : some._tag === "Orphan"
              ? Inode.orphanKey(some.number)
              : some._tag === "Entry"
                ? Inode.entryKey(some.parent, some.name)
                : Inode.attributeKey(some.number, some.name)
        assert.deepStrictEqual(again, bytes)
      }),
      parameters(2000)
    )
    assert.isAbove(found, scaled(200))
  })

  it("decodes entries, and nothing else for one", () => {
    fc.assert(
      fc.property(number, fc.constantFrom(Inode.FILE, Inode.FOLDER, Inode.SYMBOLIC_LINK), (id, type) => {
        const bytes = Inode.encodeEntry({ number: id, type })
        assert.deepStrictEqual(Inode.decodeEntry(bytes, 0, bytes.length), { number: id, type })
        for (const end of [0, bytes.length - 1, bytes.length + 1]) {
          assert.isUndefined(decoded(() => Inode.decodeEntry(bytes, 0, end)))
        }
        for (const wrong of [0, 4, 255]) {
          const copy = bytes.slice()
          copy[6] = wrong
          assert.isUndefined(decoded(() => Inode.decodeEntry(copy, 0, copy.length)))
        }
        assert.isUndefined(decoded(() => Inode.decodeEntry(bytes.fill(0, 0, 6), 0, bytes.length)))
      }),
      parameters(100)
    )
  })

  it("leaves room for the longest names and contents", () => {
    assert.strictEqual(Inode.nameBytesMax(layout), 255)
    for (const pageBytes of [512, 1024, 4096, 65_536]) {
      const some = Layout.make({ pageBytes, addressBytes: 6, checksumBytes: 16, extensionBytes: 0 })
      const key = Inode.entryKey(1, new Uint8Array(Inode.nameBytesMax(some)))
      assert.isAtMost(key.length, some.keyBytesMax)
      const item = Inode.HEADER_BYTES + Inode.inlineBytesMax(some) + Inode.inodeKey(1).length
      const cell = item + Layout.LEAF_CELL_HEADER_BYTES + Layout.SLOT_BYTES
      assert.isAtMost(3 * item, some.itemBytesMax)
      assert.isAtMost(2 * cell, pageBytes - Layout.NODE_HEADER_BYTES)
    }
  })
})

describe("Links", () => {
  it("finds the ropes of files in a leaf of the names tree, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(inodes, fc.nat({ max: 3 })), { maxLength: 8 }), (list) => {
        const leaf = new Uint8Array(4096)
        Node.clear(leaf, Node.TREE, 0)
        const expected: Array<readonly [number, number]> = []
        for (const [i, [inode, what]] of list.entries()) {
          const value = Inode.encode(inode)
          // The same bytes under other keys are no inodes.
          const name = Uint8Array.of(...(i % 2 === 0 ? [1] : []))
          const key = what === 0 ? Inode.attributeKey(i + 1, name) : Inode.inodeKey(i + 1)
          if (TreeNode.room(leaf) < key.length + value.length + 8) break
          TreeNode.insertItem(layout, leaf, Node.count(leaf), key, value)
          if (what === 0 || inode.content._tag === "Inline") continue
          const level = value[Inode.HEADER_BYTES - 1]
          if (!Pointer.isNull(layout, value, Inode.HEADER_BYTES))
            expected.push([level === 0 ? Node.DATA : Node.ROPE, level])
        }
        const seen: Array<readonly [number, number]> = []
        Links.forEach(layout, leaf, Node.TREE, 0, true, (bytes, at, kind, level) => {
          assert.strictEqual(Pointer.address(layout, bytes, at), 7)
          seen.push([kind, level])
        })
        assert.deepStrictEqual(seen, expected)
        Links.forEach(layout, leaf, Node.TREE, 0, false, () => assert.fail("leaves of other trees hold no pointers"))
      }),
      parameters(200)
    )
  })

  it("visits the children of branches in order, passing over null ones", () => {
    const link = (address: number): Uint8Array => {
      const bytes = new Uint8Array(layout.pointerBytes)
      if (address > 0) Pointer.writePlace(layout, bytes, 0, { address, pageCount: 1, birth: 1 })
      return bytes
    }
    const seen = (node: Uint8Array, kind: number, level: number): ReadonlyArray<ReadonlyArray<number>> => {
      const found: Array<ReadonlyArray<number>> = []
      Links.forEach(layout, node, kind, level, false, (bytes, at, childKind, childLevel) =>
        found.push([Pointer.address(layout, bytes, at), childKind, childLevel])
      )
      return found
    }
    const tree = new Uint8Array(4096)
    Node.clear(tree, Node.TREE, 3)
    for (const i of [0, 1, 2]) {
      TreeNode.insert(
        layout,
        tree,
        i,
        TreeNode.branchCell(layout, i === 0 ? new Uint8Array(0) : Uint8Array.of(i), link(10 + i))
      )
    }
    assert.deepStrictEqual(
      seen(tree, Node.TREE, 3),
      [10, 11, 12].map((address) => [address, Node.TREE, 2])
    )
    for (const level of [1, 2]) {
      const branch = new Uint8Array(4096)
      Node.clear(branch, Node.ROPE, level)
      Node.setCount(branch, 3)
      const at = (i: number): number => 16 + i * layout.ropeEntryBytes + Layout.ROPE_SPAN_BYTES
      for (const [i, address] of [20, 0, 22].entries()) branch.set(link(address), at(i))
      const kind = level === 1 ? Node.DATA : Node.ROPE
      assert.deepStrictEqual(
        seen(branch, Node.ROPE, level),
        [20, 22].map((address) => [address, kind, level - 1])
      )
    }
    const map = new Uint8Array(4096)
    Node.clear(map, Node.MAP, 1)
    for (const child of [0, layout.mapFanout - 1]) map.set(link(30 + child), 16 + child * layout.pointerBytes)
    assert.deepStrictEqual(
      seen(map, Node.MAP, 1),
      [30, 29 + layout.mapFanout].map((address) => [address, Node.MAP, 0])
    )
    assert.deepStrictEqual(seen(map, Node.MAP, 0), [])
    assert.deepStrictEqual(seen(map, Node.DATA, 0), [])
  })
})
