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
import * as RopeItem from "../../src/core/RopeItem.ts"
import * as Table from "../../src/core/Table.ts"
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
        assert.deepStrictEqual(Inode.decodeKey(Table.tableKey(some)), { _tag: "Table", name: some })
        const entry = { _tag: "TableEntry", number: id, key: some } as const
        assert.deepStrictEqual(Inode.decodeKey(Table.entryKey(id, some)), entry)
        const keys = [
          Inode.orphanPrefix(),
          Inode.orphanKey(id),
          Table.tableKey(some),
          Inode.inodeKey(id),
          Inode.entryKey(id, new Uint8Array(0)),
          Inode.entryKey(id, some),
          Inode.attributeKey(id, new Uint8Array(0)),
          Inode.attributeKey(id, some),
          Table.entryKey(id, new Uint8Array(0)),
          Table.entryKey(id, some),
          Table.endKey(id)
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
        .tuple(fc.constantFrom(0, 0, 3), fc.nat({ max: 7 }), fc.uint8Array({ maxLength: 8 }))
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
                : some._tag === "Attribute"
                  ? Inode.attributeKey(some.number, some.name)
                  : some._tag === "Table"
                    ? Table.tableKey(some.name)
                    : some._tag === "TableEntry"
                      ? Table.entryKey(some.number, some.key)
                      : Inode.parentKey(some.number, some.folder, some.name)
        assert.deepStrictEqual(again, bytes)
      }),
      parameters(2000)
    )
    assert.isAbove(found, scaled(200))
  })

  it("takes no key that is too short, too long or of another kind", () => {
    const zeros = (count: number): Uint8Array => new Uint8Array(count)
    const wrong: ReadonlyArray<readonly [string, Uint8Array]> = [
      ["no tag", zeros(6)],
      ["inode 0", zeros(7)],
      ["a byte behind an inode's number", Uint8Array.of(...Inode.inodeKey(3), 1)],
      ["an entry without a name", Inode.entryKey(3, zeros(0))],
      ["an attribute without a name", Inode.attributeKey(3, zeros(0))],
      ["an orphan without a number", Inode.orphanPrefix()],
      ["an orphan of a longer number", Uint8Array.of(...Inode.orphanKey(3), 0)],
      ["an orphan of an inode", Inode.orphanKey(3).fill(1, 5, 6)],
      ["a table without a name", Table.tableKey(zeros(0))],
      ["a table of an inode", Table.tableKey(zeros(1)).fill(1, 5, 6)],
      ["an entry of table 0", Table.entryKey(0, zeros(1))],
      ["an unknown tag", Inode.inodeKey(3).fill(6, 6)]
    ]
    for (const [what, key] of wrong)
      assert.isUndefined(
        decoded(() => [Inode.decodeKey(key)]),
        what
      )
  })

  it("takes no item that is too short, of another version or type, or a folder with content", () => {
    const zero = BigInt(0)
    const attributes = { type: Inode.FILE, mode: 0, links: 1, uid: 0, gid: 0 } as const
    const times = { accessTime: zero, modifyTime: zero, changeTime: zero, birthTime: zero }
    const empty = { _tag: "Inline", bytes: new Uint8Array(0) } as const
    const item = Inode.encode({ ...attributes, ...times, size: 0, content: empty })
    const encoded = new Uint8Array(Rope.encodedBytes(layout))
    const rope = Inode.encode({ ...attributes, ...times, size: 0, content: { _tag: "Rope", size: 0, encoded } })
    const decode = (bytes: Uint8Array): Inode.Inode | undefined => {
      // With sound bytes around it, so that only its bounds tell where it ends.
      const page = Uint8Array.of(...item, ...bytes, ...item)
      return decoded(() => Inode.decode(layout, page, item.length, item.length + bytes.length))
    }
    assert.isDefined(decode(item))
    assert.isDefined(decode(rope))
    assert.isUndefined(decode(item.slice(0, -1)))
    for (const bytes of [item, rope]) {
      assert.isUndefined(decode(bytes.slice().fill(2, 0, 1)), "version 2")
      assert.isUndefined(decode(bytes.slice().fill(0, 1, 2)), "type 0")
      assert.isUndefined(decode(bytes.slice().fill(4, 1, 2)), "type 4")
    }
    assert.isDefined(decode(item.slice().fill(Inode.FOLDER, 1, 2)))
    assert.isUndefined(decode(rope.slice().fill(Inode.FOLDER, 1, 2)), "a folder with a rope")
  })

  it("has the pointer of a rope where its key, length and level say so", () => {
    const key = Inode.inodeKey(3)
    const value = new Uint8Array(Inode.HEADER_BYTES + layout.pointerBytes)
    Pointer.writePlace(layout, value, Inode.HEADER_BYTES, { address: 7, pageCount: 1, birth: 1 })
    const pointerAt = (name: Uint8Array, level: number, bytes = value): number => {
      const node = Uint8Array.of(9, ...name, ...bytes)
      node[name.length + Inode.HEADER_BYTES] = level
      return RopeItem.pointerAt(layout, node, 1, 1 + name.length, node.length)
    }
    for (const level of [0, Node.LEVEL_MAX]) {
      assert.strictEqual(pointerAt(key, level), 1 + key.length + Inode.HEADER_BYTES)
    }
    for (const level of [Node.LEVEL_MAX + 1, 255]) assert.strictEqual(pointerAt(key, level), -1)
    assert.strictEqual(pointerAt(Uint8Array.of(...key, 1), 0), -1, "a longer key")
    assert.strictEqual(pointerAt(Inode.attributeKey(3, new Uint8Array(0)), 0), -1, "another tag")
    assert.strictEqual(pointerAt(key, 0, Uint8Array.of(...value, 1)), -1, "a longer value")
    assert.strictEqual(pointerAt(key, 0, value.slice().fill(0, Inode.HEADER_BYTES)), -1, "a null pointer")
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
})
