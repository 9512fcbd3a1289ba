import { assert, describe, it } from "vitest"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as Table from "../../src/core/Table.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"

const layout = Layout.make({ pageBytes: 1024, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })

const linkTo = (address: number): Uint8Array => {
  const link = new Uint8Array(layout.pointerBytes)
  Pointer.writePlace(layout, link, 0, { address, pageCount: 1, birth: 1 })
  return link
}

const nothing = Pointer.makeNull(layout)

const nodeOf = (kind: number, level: number): Uint8Array => {
  const node = new Uint8Array(layout.pageBytes)
  Node.clear(node, kind, level)
  return node
}

/** What is visited: address, kind and level of each. */
const visited = (node: Uint8Array, kind: number, level: number, names: boolean): ReadonlyArray<string> => {
  const list: Array<string> = []
  Links.forEach(layout, node, kind, level, names, (bytes, at, childKind, childLevel) =>
    list.push(`${Pointer.address(layout, bytes, at)}: ${childKind} ${childLevel}`)
  )
  return list
}

describe("Links", () => {
  it("are all children of a tree's branch, with names or without", () => {
    const node = nodeOf(Node.TREE, 3)
    for (const [slot, letter] of ["", "b", "c"].entries()) {
      TreeNode.insert(layout, node, slot, TreeNode.branchCell(layout, Buffer.from(letter), linkTo(70 + slot)))
    }
    const expected = [70, 71, 72].map((address) => `${address}: ${Node.TREE} 2`)
    for (const names of [false, true]) assert.deepStrictEqual(visited(node, Node.TREE, 3, names), expected)
  })

  it("are the ropes of a leaf of names, and none of another leaf", () => {
    const node = nodeOf(Node.TREE, 0)
    const put = (key: Uint8Array, value: Uint8Array): void =>
      TreeNode.insert(layout, node, Node.count(node), TreeNode.leafCell(key, value))
    const encoded = (level: number, link: Uint8Array): Uint8Array => {
      const bytes = new Uint8Array(Rope.encodedBytes(layout))
      Rope.encode({ size: 9, level, link }, bytes, 0)
      return bytes
    }
    const attributes = { type: Inode.FILE, mode: 0, links: 1, uid: 0, gid: 0 } as const
    const zero = BigInt(0)
    const times = { accessTime: zero, modifyTime: zero, changeTime: zero, birthTime: zero }
    const item = (content: Inode.Content): Uint8Array => Inode.encode({ ...attributes, ...times, size: 9, content })
    put(Inode.inodeKey(2), item({ _tag: "Rope", size: 9, encoded: encoded(0, linkTo(50)) }))
    put(Inode.entryKey(2, Buffer.from("name")), Inode.encodeEntry({ number: 3, type: Inode.FILE }))
    put(Inode.inodeKey(3), item({ _tag: "Rope", size: 9, encoded: encoded(2, linkTo(60)) }))
    put(Inode.inodeKey(4), item({ _tag: "Rope", size: 9, encoded: encoded(0, nothing) }))
    put(Inode.inodeKey(5), item({ _tag: "Inline", bytes: new Uint8Array(9) }))
    const entry = (level: number, link: Uint8Array): Uint8Array =>
      Table.encodeEntry({ _tag: "Rope", size: 9, encoded: encoded(level, link) })
    put(Table.entryKey(6, Buffer.from("")), entry(0, linkTo(70)))
    put(Table.entryKey(6, Buffer.from("a")), entry(1, linkTo(80)))
    put(Table.entryKey(6, Buffer.from("b")), entry(0, nothing))
    put(Table.entryKey(6, Buffer.from("c")), Uint8Array.of(...entry(0, linkTo(90)), 0))
    put(Table.entryKey(6, Buffer.from("d")), entry(0, linkTo(90)).fill(Inode.FORM_INLINE, 0, 1))
    put(Table.entryKey(6, Buffer.from("e")), entry(Node.LEVEL_MAX + 1, linkTo(90)))
    const files = [`50: ${Node.DATA} 0`, `60: ${Node.ROPE} 2`]
    assert.deepStrictEqual(visited(node, Node.TREE, 0, true), [...files, `70: ${Node.DATA} 0`, `80: ${Node.ROPE} 1`])
    assert.deepStrictEqual(visited(node, Node.TREE, 0, false), [])
  })

  it("are the runs or branches of a rope's branch, but no holes, and nothing behind its count", () => {
    for (const [level, child] of [
      [1, `${Node.DATA} 0`],
      [2, `${Node.ROPE} 1`]
    ] as const) {
      const node = nodeOf(Node.ROPE, level)
      for (const [entry, link] of [linkTo(80), nothing, linkTo(82), linkTo(83)].entries()) {
        const at = Layout.NODE_HEADER_BYTES + entry * layout.ropeEntryBytes
        Bytes.writeUint48(node, at, 512)
        node.set(link, at + Layout.ROPE_SPAN_BYTES)
      }
      Node.setCount(node, 3)
      assert.deepStrictEqual(visited(node, Node.ROPE, level, false), [`80: ${child}`, `82: ${child}`])
    }
  })

  it("are the children of a free map's branch, to its last, and none of a bitmap", () => {
    const node = nodeOf(Node.MAP, 2)
    for (const child of [0, 5, layout.mapFanout - 1]) {
      node.set(linkTo(90 + child), Layout.NODE_HEADER_BYTES + child * layout.pointerBytes)
    }
    const expected = [0, 5, layout.mapFanout - 1].map((child) => `${90 + child}: ${Node.MAP} 1`)
    assert.deepStrictEqual(visited(node, Node.MAP, 2, false), expected)
    assert.deepStrictEqual(visited(new Uint8Array(512).fill(255), Node.MAP, 0, false), [])
  })

  it("are none of file content, whatever it looks like", () => {
    assert.deepStrictEqual(visited(new Uint8Array(512).fill(255), Node.DATA, 1, true), [])
  })
})
