/** Section 9 of docs/FORMAT.md. */
import { isUtf8 } from "node:buffer"
import { corrupt, must } from "./Fault.ts"
import type { Stretch } from "./Rope.ts"
import { decodeRope } from "./Rope.ts"
import type { Scan } from "./Scan.ts"
import { u48be } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"
import type { Item } from "./TreeNode.ts"

export type FileType = "file" | "folder" | "symlink"

export interface InodeItem {
  readonly type: FileType
  readonly mode: number
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly accessTime: bigint
  readonly modifyTime: bigint
  readonly changeTime: bigint
  readonly birthTime: bigint
  readonly size: number
  readonly content: Uint8Array | Stretch
}

export type NamedItem =
  | { readonly is: "inode"; readonly number: number; readonly inode: InodeItem }
  | {
      readonly is: "entry"
      readonly folder: number
      readonly name: string
      readonly number: number
      readonly type: FileType
    }
  | { readonly is: "attribute"; readonly number: number; readonly name: string; readonly value: Uint8Array }
  | { readonly is: "orphan"; readonly number: number }
  | { readonly is: "parent"; readonly number: number; readonly folder: number; readonly name: string }
  | { readonly is: "table"; readonly name: string; readonly number: number; readonly count: number }
  | {
      readonly is: "table entry"
      readonly number: number
      readonly key: Uint8Array
      readonly value: Uint8Array | Stretch
    }

const types: ReadonlyArray<FileType | undefined> = [undefined, "file", "folder", "symlink"]
const fixedBytes = 55
const inlineForm = 255
const keyHeadBytes = 7
const tableBytes = 13
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })

const typeOf = (number: number): FileType => {
  const type = types[number]
  if (type === undefined) throw corrupt(`type ${number}`)
  return type
}

/** A name of anything: text that is not empty. */
export const decodeName = (bytes: Uint8Array): string => {
  must(bytes.length >= 1, "an empty name")
  must(isUtf8(bytes), "a name that is not UTF-8")
  const name = utf8.decode(bytes)
  must(!name.includes("\0"), "a name with NUL")
  return name
}

const decodeInode = (scan: Scan, { value, valueAt: at }: Item, superblock: Superblock, birth: number): InodeItem => {
  must(value.length >= fixedBytes, "an inode item that is cut")
  const version = scan.u8(at, "inode version")
  const type = typeOf(scan.u8(at + 1, "inode type"))
  must(version === 1, `an inode of version ${version}`)
  const mode = scan.u16(at + 2, "inode mode")
  must(mode <= 0o7777, `a mode of ${mode.toString(8)}`)
  const form = value[54]
  const isInline = form === inlineForm
  const size = isInline ? scan.u48(at + 48, "inode size") : 0
  if (isInline) scan.u8(at + 54, "inode form")
  must(isInline || (form <= 48 && type !== "folder"), `an inode of form ${form}`)
  const contentBytes = isInline ? (type === "folder" ? 0 : size) : superblock.pointerBytes
  must(value.length === fixedBytes + contentBytes, `an inode item of ${value.length} bytes`)
  const content = isInline
    ? scan.slice(at + fixedBytes, contentBytes, "inode content")
    : decodeRope(scan, at + 48, superblock, birth)
  return {
    type,
    mode,
    links: scan.u32(at + 4, "inode links"),
    uid: scan.u32(at + 8, "inode uid"),
    gid: scan.u32(at + 12, "inode gid"),
    accessTime: scan.i64(at + 16, "inode access time"),
    modifyTime: scan.i64(at + 24, "inode modify time"),
    changeTime: scan.i64(at + 32, "inode change time"),
    birthTime: scan.i64(at + 40, "inode birth time"),
    size: content instanceof Uint8Array ? size : content.span,
    content
  }
}

const decodeTable = (scan: Scan, rest: Uint8Array, { value, valueAt: at }: Item): NamedItem => {
  must(rest.length >= 1 && isUtf8(rest), "the name of a table")
  must(value.length === tableBytes, `a table item of ${value.length} bytes`)
  const version = scan.u8(at, "table version")
  must(version === 1, `a table of version ${version}`)
  const number = scan.u48(at + 1, "table number")
  must(number >= 2, `a table of number ${number}`)
  return { is: "table", name: utf8.decode(rest), number, count: scan.u48(at + 7, "table count") }
}

const decodeTableValue = (scan: Scan, item: Item, superblock: Superblock, birth: number): Uint8Array | Stretch => {
  const { value, valueAt: at } = item
  must(value.length >= 1, "an entry of a table without a form")
  const form = scan.u8(at, "table entry form")
  if (form === inlineForm) return scan.slice(at + 1, value.length - 1, "table entry value")
  must(form === 0, `an entry of a table of form ${form}`)
  must(value.length === 8 + superblock.pointerBytes, `an entry of a table of ${value.length} bytes`)
  return decodeRope(scan, at + 1, superblock, birth)
}

/** Says what an item of the names tree is. `birth` is the one of the leaf that it stands in. */
export const decodeNamedItem = (scan: Scan, item: Item, superblock: Superblock, birth: number): NamedItem => {
  const { key, value, valueAt } = item
  must(key.length >= keyHeadBytes, "a key that is cut")
  const number = u48be(key, 0)
  const rest = key.subarray(keyHeadBytes)
  const tag = key[6]
  must((number === 0) === (tag === 3 || tag === 4), `tag ${tag} of inode ${number}`)
  switch (tag) {
    case 0: {
      must(rest.length === 0, "a long key of an inode")
      return { is: "inode", number, inode: decodeInode(scan, item, superblock, birth) }
    }
    case 1: {
      const name = decodeName(rest)
      must(name !== "." && name !== ".." && !name.includes("/"), `the name ${name}`)
      must(value.length === 7, "an entry of a wrong length")
      const named = scan.u48(valueAt, "entry number")
      return { is: "entry", folder: number, name, number: named, type: typeOf(scan.u8(valueAt + 6, "entry type")) }
    }
    case 2: {
      const name = decodeName(rest)
      return { is: "attribute", number, name, value: scan.slice(valueAt, value.length, "attribute value") }
    }
    case 3: {
      must(rest.length === 6 && value.length === 0, "an orphan of a wrong length")
      return { is: "orphan", number: u48be(rest, 0) }
    }
    case 4:
      return decodeTable(scan, rest, item)
    case 5:
      return { is: "table entry", number, key: rest.slice(), value: decodeTableValue(scan, item, superblock, birth) }
    case 6: {
      must(rest.length > 6 && value.length === 0, "a parent item of a wrong length")
      return { is: "parent", number, folder: u48be(rest, 0), name: decodeName(rest.subarray(6)) }
    }
    default:
      throw corrupt(`an item of tag ${tag}`)
  }
}
