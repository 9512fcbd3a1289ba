/**
 * The ropes that hang at items of the names tree: the content of a file, and the value of an entry of a table.
 *
 * - Whoever follows pointers asks here, whatever the item means: an item of the right key and length, with a form that says
 *   rope, holds one; every other item holds none.
 * - In both kinds of items the encoded rope (size 6, level 1, pointer) is the end of the value.
 */
import * as Inode from "./Inode.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as Rope from "./Rope.ts"
import * as Table from "./Table.ts"

/** Where the pointer of a rope stands in an item of the names tree, or -1 where the item holds none. */
export const pointerAt = (
  layout: Layout,
  node: Uint8Array,
  keyAt: number,
  keyEnd: number,
  valueEnd: number
): number => {
  const headBytes = headBytesOf(node, keyAt, keyEnd)
  if (headBytes < 0 || valueEnd - keyEnd !== headBytes + Rope.encodedBytes(layout)) return -1
  const at = valueEnd - layout.pointerBytes
  // No level is as high as the form of a content that stands in the item.
  return level(node, at) > Node.LEVEL_MAX || Pointer.isNull(layout, node, at) ? -1 : at
}

/** The level of the rope whose pointer stands at `at`. */
export const level = (node: Uint8Array, at: number): number => node[at - 1]

/** Bytes before the encoded rope in the value of an item of this key, or -1 where an item of this key holds none. */
const headBytesOf = (node: Uint8Array, keyAt: number, keyEnd: number): number => {
  const restBytes = keyEnd - keyAt - Inode.PREFIX_BYTES
  if (restBytes < 0) return -1
  const tag = node[keyAt + Inode.NUMBER_BYTES]
  if (tag === Inode.TAG_INODE && restBytes === 0) return Inode.AT_CONTENT
  return tag === Inode.TAG_TABLE_ENTRY && node[keyEnd] === Table.FORM_ROPE ? Table.AT_CONTENT : -1
}
