/**
 * Items of the names tree as a check reads them: any bytes give an item or say what is wrong with them.
 *
 * - Offsets and tags stand here once more on purpose: they come from `docs/FORMAT.md`, not from `Inode`, so that a slip
 *   there does not check itself.
 * - Nothing here throws.
 */
import { readUint16, readUint32, readUint48, readUint48Key } from "./Bytes.ts"
import type { Layout } from "./Layout.ts"

/** The bytes of a name, copied out of their page. */
export type Name = Uint8Array

export const FILE = 1
export const FOLDER = 2
export const SYMBOLIC_LINK = 3

export interface InodeItem {
  readonly _tag: "Inode"
  readonly number: number
  readonly type: number
  readonly links: number
  readonly size: number
  /** The level of its rope, and where the rope's pointer stands in the node; -1 where the content is inline. */
  readonly ropeLevel: number
  readonly ropeAt: number
}

/** A table, as the registry has it. */
export interface TableItem {
  readonly _tag: "Table"
  readonly name: Name
  readonly nameFault: string | undefined
  readonly number: number
  readonly count: number
}

export interface TableEntryItem {
  readonly _tag: "TableEntry"
  /** Of its table. */
  readonly number: number
  /** Bytes of the value. */
  readonly size: number
  /** As of an inode. */
  readonly ropeLevel: number
  readonly ropeAt: number
}

export type Item =
  | InodeItem
  | TableItem
  | TableEntryItem
  | {
      readonly _tag: "Entry"
      readonly folder: number
      readonly name: Name
      readonly number: number
      readonly type: number
      readonly nameFault: string | undefined
    }
  | {
      readonly _tag: "Attribute"
      readonly number: number
      readonly name: Name
      readonly nameFault: string | undefined
    }
  | { readonly _tag: "Orphan"; readonly number: number }
  | { readonly _tag: "Parent"; readonly number: number; readonly folder: number; readonly name: Name }
  /** An item that makes no sense; where its key says of what, that and its number. Pages may hang at an inode or table entry. */
  | {
      readonly _tag: "Bad"
      readonly reason: string
      readonly number: number | undefined
      readonly of: "Inode" | "TableEntry" | undefined
    }

const PREFIX_BYTES = 7
const NAME_BYTES_MAX = 255
const INODE_BYTES = 55
const ENTRY_BYTES = 7
const TABLE_BYTES = 13
const ROPE_HEAD_BYTES = 7
const INLINE = 255
const ROPE = 0
const LEVEL_MAX = 48

const bad = (reason: string, number?: number, of?: "Inode" | "TableEntry"): Item => ({
  _tag: "Bad",
  reason,
  number,
  of
})

/** Reads the item of which the key stands in `node[keyAt, keyEnd)` and the value in `node[keyEnd, end)`. */
export const read = (layout: Layout, node: Uint8Array, keyAt: number, keyEnd: number, end: number): Item => {
  const restBytes = keyEnd - keyAt - PREFIX_BYTES
  if (restBytes < 0) return bad("a key of the names tree is too short")
  const number = readUint48Key(node, keyAt)
  const restAt = keyAt + PREFIX_BYTES
  const valueBytes = end - keyEnd
  const tag = node[keyAt + 6]
  if (tag === 3) {
    if (number !== 0 || restBytes !== 6 || valueBytes !== 0) return bad("an orphan item makes no sense")
    return { _tag: "Orphan", number: readUint48Key(node, restAt) }
  }
  if (tag === 4) {
    const name = node.slice(restAt, keyEnd)
    return number === 0 ? readTable(node, name, keyEnd, valueBytes) : bad("a table belongs to an inode", number)
  }
  if (number === 0) return bad("an item belongs to inode 0")
  if (tag === 0) {
    return restBytes === 0
      ? readInode(layout, node, number, keyEnd, valueBytes)
      : bad("the key of an inode is too long", number)
  }
  if (tag === 6) {
    if (restBytes <= 6 || valueBytes !== 0) return bad("a parent item makes no sense", number)
    return { _tag: "Parent", number, folder: readUint48Key(node, restAt), name: node.slice(restAt + 6, keyEnd) }
  }
  if (tag === 5) return readTableEntry(layout, node, number, keyEnd, valueBytes)
  if (tag !== 1 && tag !== 2) return bad(`a key of the names tree has the unknown tag ${tag}`, number)
  if (restBytes === 0) return bad("an item has an empty name", number)
  const name = node.slice(restAt, keyEnd)
  const tooLong = restBytes > NAME_BYTES_MAX ? "it is too long" : undefined
  if (tag === 2) return { _tag: "Attribute", number, name, nameFault: tooLong ?? attributeNameFault(name) }
  if (valueBytes !== ENTRY_BYTES) return bad("an entry has the wrong length", number)
  const type = node[keyEnd + 6]
  const named = readUint48(node, keyEnd)
  if (named === 0 || type < FILE || type > SYMBOLIC_LINK) return bad("an entry makes no sense", number)
  return { _tag: "Entry", folder: number, name, number: named, type, nameFault: tooLong ?? entryNameFault(name) }
}

const readInode = (layout: Layout, node: Uint8Array, number: number, at: number, valueBytes: number): Item => {
  const broken = (reason: string): Item => bad(reason, number, "Inode")
  if (valueBytes < INODE_BYTES) return broken("an inode is too short")
  if (node[at] !== 1) return broken(`an inode has the unknown version ${node[at]}`)
  const type = node[at + 1]
  if (type < FILE || type > SYMBOLIC_LINK) return broken(`an inode has the unknown type ${type}`)
  if (readUint16(node, at + 2) > 0o7777) return broken("an inode has more than twelve permission bits")
  const size = readUint48(node, at + 48)
  const form = node[at + 54]
  const links = readUint32(node, at + 4)
  if (form === INLINE) {
    const contentBytes = type === FOLDER ? 0 : size
    return valueBytes === INODE_BYTES + contentBytes
      ? { _tag: "Inode", number, type, links, size, ropeLevel: 0, ropeAt: -1 }
      : broken("an inode's content does not fit its size")
  }
  if (form > LEVEL_MAX) return broken(`the content of an inode has the unknown form ${form}`)
  if (type === FOLDER) return broken("a folder has content")
  if (valueBytes !== INODE_BYTES + layout.pointerBytes) return broken("an inode's rope has the wrong length")
  return { _tag: "Inode", number, type, links, size, ropeLevel: form, ropeAt: at + INODE_BYTES }
}

const readTable = (node: Uint8Array, name: Name, at: number, valueBytes: number): Item => {
  if (name.length === 0) return bad("a table has an empty name")
  if (valueBytes !== TABLE_BYTES) return bad("a table has the wrong length")
  if (node[at] !== 1) return bad(`a table has the unknown version ${node[at]}`)
  const number = readUint48(node, at + 1)
  if (number < 2) return bad(`a table has the number ${number}`)
  const tooLong = name.length > NAME_BYTES_MAX ? "it is too long" : undefined
  const nameFault = tooLong ?? (isUtf8(name) ? undefined : NOT_UTF8)
  return { _tag: "Table", name, nameFault, number, count: readUint48(node, at + 7) }
}

const readTableEntry = (layout: Layout, node: Uint8Array, number: number, at: number, valueBytes: number): Item => {
  const broken = (reason: string): Item => bad(reason, number, "TableEntry")
  if (valueBytes === 0) return broken("an entry of a table is empty")
  const form = node[at]
  if (form === INLINE) return { _tag: "TableEntry", number, size: valueBytes - 1, ropeLevel: 0, ropeAt: -1 }
  if (form !== ROPE) return broken(`an entry of a table has the unknown form ${form}`)
  if (valueBytes !== 1 + ROPE_HEAD_BYTES + layout.pointerBytes) {
    return broken("the rope of a table's entry has the wrong length")
  }
  const ropeLevel = node[at + 7]
  if (ropeLevel > LEVEL_MAX) return broken(`the rope of a table's entry has the impossible level ${ropeLevel}`)
  return { _tag: "TableEntry", number, size: readUint48(node, at + 1), ropeLevel, ropeAt: at + 1 + ROPE_HEAD_BYTES }
}

const NUL = 0
const NOT_UTF8 = "it is not well-formed UTF-8"
const SLASH = 0x2f
const DOT = 0x2e

const entryNameFault = (name: Name): string | undefined => {
  if (name.includes(SLASH)) return "it holds a slash"
  if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT))) return "it is . or .."
  return attributeNameFault(name)
}

const attributeNameFault = (name: Name): string | undefined =>
  name.includes(NUL) ? "it holds a NUL" : isUtf8(name) ? undefined : NOT_UTF8

/** Whether the bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
export const isUtf8 = (bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at]
    if (lead < 0x80) {
      at++
      continue
    }
    const more = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0
    if (more === 0 || at + more >= bytes.length) return false
    const second = bytes[at + 1]
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
    for (let i = 2; i <= more; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return false
    at += more + 1
  }
  return true
}
