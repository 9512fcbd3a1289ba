/**
 * What an inode says about its content: mode, owner and times, and the extended attributes that callers add.
 *
 * - Every change sets the time of change.
 * - An extended attribute is an item of its own: any number of them, each up to what fits into a page.
 */
import * as Result from "effect/Result"
import * as BTree from "./BTree.ts"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import { invariant } from "./Invariant.ts"
import type { Layout } from "./Layout.ts"
import type { Pages } from "./Pages.ts"
import type { Tree } from "./Tree.ts"

/** What {@link change} sets; what is missing stays. */
export interface Changes {
  /** Permission bits: 12 of them. */
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly accessTime?: bigint | undefined
  readonly modifyTime?: bigint | undefined
}

const NO_NAME = new Uint8Array(0)
const TIME_MAX = BigInt("0x7fffffffffffffff")
const TIME_MIN = -TIME_MAX - BigInt(1)

/** The nearest time that an inode can hold: years 1677 to 2262. */
const clamp = (time: bigint): bigint => (time > TIME_MAX ? TIME_MAX : time < TIME_MIN ? TIME_MIN : time)

const isUint32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffffffff

/** Sets mode, owner and times. */
export const change = (draft: Inodes.RootsDraft, number: number, changes: Changes, time: bigint): FileResult<void> => {
  const inode = Inodes.get(draft, draft.roots.names, number)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  const mode = changes.mode ?? inode.mode
  const uid = changes.uid ?? inode.uid
  const gid = changes.gid ?? inode.gid
  invariant(isUint32(mode) && mode <= 0o7777, "a mode has 12 bits")
  invariant(isUint32(uid) && isUint32(gid), "an owner has 32 bits")
  Inodes.put(draft, number, {
    ...inode,
    mode,
    uid,
    gid,
    accessTime: clamp(changes.accessTime ?? inode.accessTime),
    modifyTime: clamp(changes.modifyTime ?? inode.modifyTime),
    changeTime: time
  })
  return Result.succeed(undefined)
}

// ---- extended attributes

/** The longest value of an attribute with this name. */
export const valueBytesMax = (layout: Layout, name: Uint8Array): number =>
  layout.itemBytesMax - Inode.attributeKey(0, name).length

/** Whether {@link set} takes an attribute that is there, one that is not, or both. */
export type Wanted = "Either" | "New" | "Existing"

export const get = (pages: Pages, names: Tree, number: number, name: Uint8Array): FileResult<Uint8Array> => {
  const value = BTree.get(pages, names, Inode.attributeKey(number, name))
  if (value !== undefined) return Result.succeed(value)
  return Inodes.get(pages, names, number) === undefined
    ? FileError.notFound(FileError.NO_NAME)
    : FileError.noAttribute(name)
}

export const set = (
  draft: Inodes.RootsDraft,
  number: number,
  name: Uint8Array,
  value: Uint8Array,
  wanted: Wanted,
  time: bigint
): FileResult<void> => {
  const { names } = draft.roots
  const key = Inode.attributeKey(number, name)
  const inode = Inodes.get(draft, names, number)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  const byteCountMax = valueBytesMax(draft.layout, name)
  if (value.length > byteCountMax) return FileError.attributeTooLarge(value.length, byteCountMax)
  const exists = BTree.find(draft, names, key) !== undefined
  if (exists && wanted === "New") return FileError.alreadyExists(name)
  if (!exists && wanted === "Existing") return FileError.noAttribute(name)
  Inodes.putItem(draft, key, value)
  Inodes.put(draft, number, { ...inode, changeTime: time })
  return Result.succeed(undefined)
}

export const remove = (draft: Inodes.RootsDraft, number: number, name: Uint8Array, time: bigint): FileResult<void> => {
  const { names } = draft.roots
  const key = Inode.attributeKey(number, name)
  const inode = Inodes.get(draft, names, number)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  if (BTree.find(draft, names, key) === undefined) return FileError.noAttribute(name)
  Inodes.removeItem(draft, key)
  Inodes.put(draft, number, { ...inode, changeTime: time })
  return Result.succeed(undefined)
}

/** The names of up to `countMax` attributes after the name `after`, in byte order. Fewer than `countMax` are the last. */
export const list = (
  pages: Pages,
  names: Tree,
  number: number,
  after: Uint8Array | undefined,
  countMax: number
): FileResult<ReadonlyArray<Uint8Array>> => {
  invariant(countMax > 0, "attributes are listed by at least one at a time")
  if (Inodes.get(pages, names, number) === undefined) return FileError.notFound(FileError.NO_NAME)
  const prefix = Inode.attributeKey(number, NO_NAME)
  const from = after === undefined ? prefix : Inode.attributeKey(number, after)
  const found: Array<Uint8Array> = []
  BTree.ascend(pages, names, from, (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    if (after !== undefined && item.keyEnd - item.keyAt === from.length && BTree.hasPrefix(item, from)) return true
    found.push(item.node.slice(item.keyAt + prefix.length, item.keyEnd))
    return found.length < countMax
  })
  return Result.succeed(found)
}
