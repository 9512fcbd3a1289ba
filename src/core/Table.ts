/**
 * Tables as items of the names tree: ordered maps from bytes to bytes, beside the files.
 *
 *     0     | TABLE | name       version (1) | number of the table (6) | count of its entries (6)
 *     table | TABLE_ENTRY | key  form (1) | the value, or an encoded rope
 *
 * - `form` = 255: the value follows. `form` = 0: an encoded rope (size 6, level 1, pointer) follows, which is the value.
 * - Keys are any bytes, the empty key too, and their order is that of the items.
 * - A table has a number of its own, from the same row as inodes; it is no inode and not counted as one.
 * - A name that begins with NUL is one of the volume's own tables.
 */
import * as Bytes from "./Bytes.ts"
import * as Inode from "./Inode.ts"
import type { Layout } from "./Layout.ts"
import { CorruptPage } from "./Pages.ts"
import * as Rope from "./Rope.ts"

/** A table, as the registry has it. */
export interface Table {
  readonly number: number
  /** Of its entries. */
  readonly count: number
}

const VERSION = 1
const AT_NUMBER = 1
const AT_COUNT = AT_NUMBER + Inode.NUMBER_BYTES
const TABLE_BYTES = AT_COUNT + 6

/** Where the value of an entry, or its encoded rope, begins. */
export const AT_CONTENT = 1
export const FORM_ROPE = 0

const NOTHING = new Uint8Array(0)

/** Whether a name is that of one of the volume's own tables. */
export const isOwn = (name: Uint8Array): boolean => name[0] === 0

/** The longest key of an entry. */
export const keyBytesMax = (layout: Layout): number => layout.keyBytesMax - Inode.PREFIX_BYTES

/**
 * Whether a value stands in its entry: with it, three items still fit into a leaf, as with an inode. A value that is no longer
 * than an encoded rope always does.
 */
export const isInline = (layout: Layout, keyBytes: number, valueBytes: number): boolean =>
  valueBytes <= Rope.encodedBytes(layout) ||
  Inode.PREFIX_BYTES + keyBytes + AT_CONTENT + valueBytes <= Math.floor(layout.itemBytesMax / 3)

// ---- keys

/** With an empty name: the prefix of all tables. */
export const tableKey = (name: Uint8Array): Uint8Array => Inode.keyOf(0, Inode.TAG_TABLE, name)
/** With an empty key: the prefix of all entries of a table, and its first key. */
export const entryKey = (number: number, key: Uint8Array): Uint8Array => Inode.keyOf(number, Inode.TAG_TABLE_ENTRY, key)
/** The same for a look or a put; see `Inode.probeOf`. */
export const entryProbe = (number: number, key: Uint8Array): Uint8Array =>
  Inode.probeOf(number, Inode.TAG_TABLE_ENTRY, key)
/** Above every entry of a table, and below everything that comes after them. */
export const endKey = (number: number): Uint8Array => Inode.keyOf(number, Inode.TAG_TABLE_ENTRY + 1, NOTHING)

// ---- items

export const encode = ({ count, number }: Table): Uint8Array => {
  const bytes = new Uint8Array(TABLE_BYTES)
  bytes[0] = VERSION
  Bytes.writeUint48(bytes, AT_NUMBER, number)
  Bytes.writeUint48(bytes, AT_COUNT, count)
  return bytes
}

/** Decodes the item in `bytes[at, end)`. */
export const decode = (bytes: Uint8Array, at: number, end: number): Table => {
  if (end - at !== TABLE_BYTES || bytes[at] !== VERSION) throw new CorruptPage(undefined, "a table makes no sense")
  const number = Bytes.readUint48(bytes, at + AT_NUMBER)
  if (number <= Inode.ROOT) throw new CorruptPage(undefined, `a table has the number ${number}`)
  return { number, count: Bytes.readUint48(bytes, at + AT_COUNT) }
}

/** Writes the item of an entry to the beginning of `bytes` and answers how long it is. */
export const writeEntry = (content: Inode.Content, bytes: Uint8Array): number => {
  const isRope = content._tag === "Rope"
  const rest = isRope ? content.encoded : content.bytes
  bytes[0] = isRope ? FORM_ROPE : Inode.FORM_INLINE
  Bytes.copy(rest, 0, bytes, AT_CONTENT, rest.length)
  return AT_CONTENT + rest.length
}

export const encodeEntry = (content: Inode.Content): Uint8Array => {
  const rest = content._tag === "Rope" ? content.encoded : content.bytes
  const bytes = new Uint8Array(AT_CONTENT + rest.length)
  writeEntry(content, bytes)
  return bytes
}

/** Whether the value stands in the entry at `bytes[at]`; `decodeEntry` says whether the entry makes sense. */
export const isInlineEntry = (bytes: Uint8Array, at: number, end: number): boolean =>
  end > at && bytes[at] === Inode.FORM_INLINE

/** Decodes the entry in `bytes[at, end)`. */
export const decodeEntry = (layout: Layout, bytes: Uint8Array, at: number, end: number): Inode.Content => {
  const form = end > at ? bytes[at] : -1
  const rest = bytes.slice(at + AT_CONTENT, end)
  if (form === Inode.FORM_INLINE) return { _tag: "Inline", bytes: rest }
  if (form !== FORM_ROPE || rest.length !== Rope.encodedBytes(layout)) {
    throw new CorruptPage(undefined, "an entry of a table makes no sense")
  }
  return { _tag: "Rope", size: Bytes.readUint48(rest, 0), encoded: rest }
}
