/**
 * Files, folders and symbolic links as items of the names tree.
 *
 * Keys are composite: number of an inode (6, big-endian) | tag (1) | rest.
 *
 *     number | INODE            the inode item: attributes, and the content or its rope
 *     parent | ENTRY | name     an entry of a folder: number (6) and type (1) of what it names
 *     number | ATTRIBUTE | name an extended attribute: its bytes
 *     0      | ORPHAN | number  an inode without a name that is still open
 *     number | PARENT | folder (6, big-endian) | name   the same entry from below: one for each entry that names the inode
 *     0      | TABLE | name     a table: its number and the count of its entries; see `Table`
 *     table  | TABLE_ENTRY | key an entry of a table; see `Table`
 *
 * Inode item:
 *
 *     version (1) | type (1) | mode (2) | links (4) | uid (4) | gid (4) | atime mtime ctime birthtime (8 each, signed ns)
 *     | size (6) | form (1) | content
 *
 * - `form` = 255: `content` is the content itself, `size` bytes. Otherwise size, form and content are an encoded rope, and
 *   `form` is its level.
 * - `size` of a folder is the number of its entries; `links` of a folder is 1, it has one entry in one parent.
 * - A symbolic link's content is its target.
 * - The root folder has number 1 and no entry. Numbers are never given twice; inodes and tables share them.
 */
import * as Bytes from "./Bytes.ts"
import { type Layout, PAGE_BYTES_MAX } from "./Layout.ts"
import { CorruptPage } from "./Pages.ts"

export const ROOT = 1

export const FILE = 1
export const FOLDER = 2
export const SYMBOLIC_LINK = 3
export type Type = typeof FILE | typeof FOLDER | typeof SYMBOLIC_LINK

export const TAG_INODE = 0
const TAG_ENTRY = 1
const TAG_ATTRIBUTE = 2
const TAG_ORPHAN = 3
export const TAG_TABLE = 4
export const TAG_TABLE_ENTRY = 5
const TAG_PARENT = 6

export const NUMBER_BYTES = 6
/** Bytes before the rest of a key: number and tag. */
export const PREFIX_BYTES = NUMBER_BYTES + 1
/** What stands before the name in the key of a parent item. */
const PARENT_BYTES = PREFIX_BYTES + NUMBER_BYTES
const VERSION = 1

const AT_TYPE = 1
const AT_MODE = 2
const AT_LINKS = 4
const AT_UID = 8
const AT_GID = 12
const AT_ATIME = 16
const AT_MTIME = 24
const AT_CTIME = 32
const AT_BIRTHTIME = 40
/** Where size, form and content (or an encoded rope) begin. */
export const AT_CONTENT = 48
export const AT_FORM = 54
export const HEADER_BYTES = 55
/** The form of a content that stands in its item: no level of a rope is as high. */
export const FORM_INLINE = 255

/** The longest name of an entry or attribute, where the page size allows it. */
export const NAME_BYTES_MAX = 255

export const nameBytesMax = (layout: Layout): number => Math.min(NAME_BYTES_MAX, layout.keyBytesMax - PARENT_BYTES)

/** The longest content that stands in the inode item: with it, three items still fit into a leaf. */
export const inlineBytesMax = (layout: Layout): number =>
  Math.floor(layout.itemBytesMax / 3) - HEADER_BYTES - PREFIX_BYTES

/** All of an inode but its content. Times are in nanoseconds since 1970. */
export interface Attributes {
  readonly type: Type
  /** Permission bits, 12 of them. */
  readonly mode: number
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly accessTime: bigint
  readonly modifyTime: bigint
  readonly changeTime: bigint
  readonly birthTime: bigint
}

export type Content =
  | { readonly _tag: "Inline"; readonly bytes: Uint8Array }
  /** An encoded rope: size, level and pointer. */
  | { readonly _tag: "Rope"; readonly size: number; readonly encoded: Uint8Array }

export interface Inode extends Attributes {
  /** Bytes of the content; entries of a folder. */
  readonly size: number
  readonly content: Content
}

// ---- keys

const prefix = (number: number, tag: number, restBytes: number): Uint8Array => {
  const key = new Uint8Array(PREFIX_BYTES + restBytes)
  Bytes.writeUint48Key(key, 0, number)
  key[NUMBER_BYTES] = tag
  return key
}

const probes = Array.from<Uint8Array | undefined>({ length: 64 })

/** The same as {@link keyOf} for a look or a put: the next probe of the same length is written over it. */
export const probeOf = (number: number, tag: number, rest: Uint8Array): Uint8Array => {
  const length = PREFIX_BYTES + rest.length
  if (length >= probes.length) return keyOf(number, tag, rest)
  const key = (probes[length] ??= new Uint8Array(length))
  Bytes.writeUint48Key(key, 0, number)
  key[NUMBER_BYTES] = tag
  Bytes.copy(rest, 0, key, PREFIX_BYTES, rest.length)
  return key
}

/** A key of the names tree from its parts. */
export const keyOf = (number: number, tag: number, rest: Uint8Array): Uint8Array => {
  const key = prefix(number, tag, rest.length)
  Bytes.copy(rest, 0, key, PREFIX_BYTES, rest.length)
  return key
}

export const inodeKey = (number: number): Uint8Array => prefix(number, TAG_INODE, 0)
/** With an empty name: the prefix of all entries of a folder. */
export const entryKey = (parent: number, name: Uint8Array): Uint8Array => keyOf(parent, TAG_ENTRY, name)
/** With an empty name: the prefix of all attributes of an inode. */
export const attributeKey = (number: number, name: Uint8Array): Uint8Array => keyOf(number, TAG_ATTRIBUTE, name)
/** With folder 0 and an empty name: below all parent items of an inode. */
export const parentKey = (number: number, folder: number, name: Uint8Array): Uint8Array => {
  const key = prefix(number, TAG_PARENT, NUMBER_BYTES + name.length)
  Bytes.writeUint48Key(key, PREFIX_BYTES, folder)
  key.set(name, PARENT_BYTES)
  return key
}
export const parentPrefix = (number: number): Uint8Array => prefix(number, TAG_PARENT, 0)
export const orphanKey = (number: number): Uint8Array => {
  const key = prefix(0, TAG_ORPHAN, NUMBER_BYTES)
  Bytes.writeUint48Key(key, PREFIX_BYTES, number)
  return key
}
/** The prefix of all orphans. */
export const orphanPrefix = (): Uint8Array => prefix(0, TAG_ORPHAN, 0)

/** What a key of the names tree says. */
export type Key =
  | { readonly _tag: "Inode"; readonly number: number }
  | { readonly _tag: "Entry"; readonly parent: number; readonly name: Uint8Array }
  | { readonly _tag: "Attribute"; readonly number: number; readonly name: Uint8Array }
  | { readonly _tag: "Orphan"; readonly number: number }
  | { readonly _tag: "Parent"; readonly number: number; readonly folder: number; readonly name: Uint8Array }
  | { readonly _tag: "Table"; readonly name: Uint8Array }
  | { readonly _tag: "TableEntry"; readonly number: number; readonly key: Uint8Array }

export const decodeKey = (key: Uint8Array): Key => {
  if (key.length < PREFIX_BYTES) throw new CorruptPage(undefined, "a key of the names tree is too short")
  const number = Bytes.readUint48Key(key, 0)
  const rest = key.subarray(PREFIX_BYTES)
  switch (key[NUMBER_BYTES]) {
    case TAG_INODE:
      if (rest.length === 0 && number > 0) return { _tag: "Inode", number }
      break
    case TAG_ENTRY:
      if (rest.length > 0) return { _tag: "Entry", parent: number, name: rest }
      break
    case TAG_ATTRIBUTE:
      if (rest.length > 0) return { _tag: "Attribute", number, name: rest }
      break
    case TAG_ORPHAN:
      if (rest.length === NUMBER_BYTES && number === 0) return { _tag: "Orphan", number: Bytes.readUint48Key(rest, 0) }
      break
    case TAG_TABLE:
      if (rest.length > 0 && number === 0) return { _tag: "Table", name: rest }
      break
    case TAG_TABLE_ENTRY:
      if (number > 0) return { _tag: "TableEntry", number, key: rest }
      break
    case TAG_PARENT:
      if (rest.length > NUMBER_BYTES && number > 0) {
        return { _tag: "Parent", number, folder: Bytes.readUint48Key(rest, 0), name: rest.subarray(NUMBER_BYTES) }
      }
  }
  throw new CorruptPage(undefined, "a key of the names tree makes no sense")
}

// ---- inode items

const isType = (type: number): type is Type => type === FILE || type === FOLDER || type === SYMBOLIC_LINK

/** The item of an inode. */
export const encode = (inode: Inode): Uint8Array => scratch.slice(0, encodeToScratch(inode))

/** What {@link encodeToScratch} has written last. */
export const scratch = new Uint8Array(PAGE_BYTES_MAX)

/** Writes the item of an inode to the beginning of {@link scratch}, and answers its length: arrays as long as an item are dear. */
export const encodeToScratch = (inode: Inode): number => {
  const { content } = inode
  scratch[0] = VERSION
  writeAttributes(scratch, 0, inode)
  if (content._tag === "Rope") {
    Bytes.copy(content.encoded, 0, scratch, AT_CONTENT, content.encoded.length)
    return AT_CONTENT + content.encoded.length
  }
  writeSize(scratch, 0, inode.type === FOLDER ? inode.size : content.bytes.length)
  scratch[AT_FORM] = FORM_INLINE
  Bytes.copy(content.bytes, 0, scratch, HEADER_BYTES, content.bytes.length)
  return HEADER_BYTES + content.bytes.length
}

/** An item of what stands before size, form and content in another one, and of this content. */
export const encodeHead = (head: Uint8Array, content: Content): Uint8Array => {
  const bytes = new Uint8Array(
    content._tag === "Inline" ? HEADER_BYTES + content.bytes.length : AT_CONTENT + content.encoded.length
  )
  bytes.set(head)
  if (content._tag === "Inline") {
    Bytes.writeUint48(bytes, AT_CONTENT, content.bytes.length)
    bytes[AT_FORM] = FORM_INLINE
    bytes.set(content.bytes, HEADER_BYTES)
  } else bytes.set(content.encoded, AT_CONTENT)
  return bytes
}

/** Writes the attributes over those of the item at `bytes[at]`. */
export const writeAttributes = (bytes: Uint8Array, at: number, attributes: Attributes): void => {
  bytes[at + AT_TYPE] = attributes.type
  Bytes.writeUint16(bytes, at + AT_MODE, attributes.mode)
  Bytes.writeUint32(bytes, at + AT_LINKS, attributes.links)
  Bytes.writeUint32(bytes, at + AT_UID, attributes.uid)
  Bytes.writeUint32(bytes, at + AT_GID, attributes.gid)
  Bytes.writeUint64(bytes, at + AT_ATIME, attributes.accessTime)
  Bytes.writeUint64(bytes, at + AT_MTIME, attributes.modifyTime)
  Bytes.writeUint64(bytes, at + AT_CTIME, attributes.changeTime)
  Bytes.writeUint64(bytes, at + AT_BIRTHTIME, attributes.birthTime)
}

/** Writes the size of a content over that of the item at `bytes[at]`. */
export const writeSize = (bytes: Uint8Array, at: number, size: number): void =>
  Bytes.writeUint48(bytes, at + AT_CONTENT, size)

/** Writes the times of modification and of change over those of the item at `bytes[at]`. */
export const writeModified = (bytes: Uint8Array, at: number, time: bigint): void => {
  Bytes.writeUint64(bytes, at + AT_MTIME, time)
  Bytes.writeUint64(bytes, at + AT_CTIME, time)
}

/** The size that the item at `bytes[at]` tells. */
export const sizeOf = (bytes: Uint8Array, at: number): number => Bytes.readUint48(bytes, at + AT_CONTENT)

/** Whether the content of the item at `bytes[at]` is a rope. */
export const hasRope = (bytes: Uint8Array, at: number): boolean =>
  bytes[at + AT_TYPE] !== FOLDER && bytes[at + AT_FORM] !== FORM_INLINE

/** Where the pointer of the rope stands in the item at `at`. */
export const pointerAt = (at: number): number => at + HEADER_BYTES

/** The type of the item in `bytes[at, end)`, which makes sense. */
export const typeOf = (layout: Layout, bytes: Uint8Array, at: number, end: number): Type => {
  const type = bytes[at + AT_TYPE]
  if (end - at < HEADER_BYTES || bytes[at] !== VERSION || !isType(type)) {
    throw new CorruptPage(undefined, "an inode makes no sense")
  }
  const size = Bytes.readUint48(bytes, at + AT_CONTENT)
  const inline = bytes[at + AT_FORM] === FORM_INLINE
  const contentBytes = end - at - (inline ? HEADER_BYTES : AT_CONTENT)
  const wanted = inline ? (type === FOLDER ? 0 : size) : HEADER_BYTES - AT_CONTENT + layout.pointerBytes
  if (contentBytes !== wanted || (!inline && type === FOLDER)) {
    throw new CorruptPage(undefined, "an inode's content does not fit its size")
  }
  return type
}

/** Writes the time of change over that of the item at `bytes[at]`. */
export const writeChanged = (bytes: Uint8Array, at: number, time: bigint): void =>
  Bytes.writeUint64(bytes, at + AT_CTIME, time)

/** The number of names that the item at `bytes[at]` tells. */
export const linksOf = (bytes: Uint8Array, at: number): number => Bytes.readUint32(bytes, at + AT_LINKS)

/** What {@link look} sees. Times are in milliseconds since 1970. */
export interface Looks {
  readonly type: Type
  readonly mode: number
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly accessMillis: number
  readonly modifyMillis: number
  readonly birthMillis: number
  readonly size: number
}

/** What most callers want of the item in `bytes[at, end)`: without large integers, which take longer than all the rest. */
export const look = (layout: Layout, bytes: Uint8Array, at: number, end: number): Looks => ({
  type: typeOf(layout, bytes, at, end),
  mode: Bytes.readUint16(bytes, at + AT_MODE),
  links: linksOf(bytes, at),
  uid: Bytes.readUint32(bytes, at + AT_UID),
  gid: Bytes.readUint32(bytes, at + AT_GID),
  accessMillis: Bytes.readMillis(bytes, at + AT_ATIME),
  modifyMillis: Bytes.readMillis(bytes, at + AT_MTIME),
  birthMillis: Bytes.readMillis(bytes, at + AT_BIRTHTIME),
  size: sizeOf(bytes, at)
})

/** All of an inode but its content, from the item in `bytes[at, end)`. */
export const decodeAttributes = (
  layout: Layout,
  bytes: Uint8Array,
  at: number,
  end: number
): Omit<Inode, "content"> => ({
  type: typeOf(layout, bytes, at, end),
  mode: Bytes.readUint16(bytes, at + AT_MODE),
  links: Bytes.readUint32(bytes, at + AT_LINKS),
  uid: Bytes.readUint32(bytes, at + AT_UID),
  gid: Bytes.readUint32(bytes, at + AT_GID),
  accessTime: Bytes.readInt64(bytes, at + AT_ATIME),
  modifyTime: Bytes.readInt64(bytes, at + AT_MTIME),
  changeTime: Bytes.readInt64(bytes, at + AT_CTIME),
  birthTime: Bytes.readInt64(bytes, at + AT_BIRTHTIME),
  size: sizeOf(bytes, at)
})

/** Decodes the item in `bytes[at, end)`. */
export const decode = (layout: Layout, bytes: Uint8Array, at: number, end: number): Inode => {
  const type = typeOf(layout, bytes, at, end)
  const size = Bytes.readUint48(bytes, at + AT_CONTENT)
  return {
    type,
    mode: Bytes.readUint16(bytes, at + AT_MODE),
    links: Bytes.readUint32(bytes, at + AT_LINKS),
    uid: Bytes.readUint32(bytes, at + AT_UID),
    gid: Bytes.readUint32(bytes, at + AT_GID),
    accessTime: Bytes.readInt64(bytes, at + AT_ATIME),
    modifyTime: Bytes.readInt64(bytes, at + AT_MTIME),
    changeTime: Bytes.readInt64(bytes, at + AT_CTIME),
    birthTime: Bytes.readInt64(bytes, at + AT_BIRTHTIME),
    size,
    content:
      bytes[at + AT_FORM] === FORM_INLINE
        ? { _tag: "Inline", bytes: bytes.slice(at + HEADER_BYTES, end) }
        : { _tag: "Rope", size, encoded: bytes.slice(at + AT_CONTENT, end) }
  }
}

// ---- entries

const ENTRY_BYTES = NUMBER_BYTES + 1

export interface Entry {
  readonly number: number
  readonly type: Type
}

export const encodeEntry = (entry: Entry): Uint8Array => {
  const bytes = new Uint8Array(ENTRY_BYTES)
  Bytes.writeUint48(bytes, 0, entry.number)
  bytes[NUMBER_BYTES] = entry.type
  return bytes
}

export const decodeEntry = (bytes: Uint8Array, at: number, end: number): Entry => {
  const type = bytes[at + NUMBER_BYTES]
  const number = end - at === ENTRY_BYTES ? Bytes.readUint48(bytes, at) : 0
  if (number === 0 || !isType(type)) throw new CorruptPage(undefined, "an entry of a folder makes no sense")
  return { number, type }
}
