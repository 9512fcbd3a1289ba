/**
 * What is known of a file, folder or symbolic link without its content.
 */
import type { New } from "../core/Files.ts"
import * as Inode from "../core/Inode.ts"

/** Permission bits, 12 of them. */
export const MODE_BITS = 0o7777

/** What stands at a path. */
export type Type = "File" | "Folder" | "SymbolicLink"

/** Times are in nanoseconds since 1970. */
export interface Stat {
  readonly type: Type
  /** The inode's number: never given twice in the life of a volume. */
  readonly number: number
  /** Bytes of a file or of a symbolic link's target; entries of a folder. */
  readonly size: number
  /** Permission bits, 12 of them. */
  readonly mode: number
  /** How many entries name it. */
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly accessTime: bigint
  readonly modifyTime: bigint
  readonly changeTime: bigint
  readonly birthTime: bigint
}

/** An entry of a folder. */
export interface Entry {
  readonly name: string
  readonly type: Type
  readonly number: number
}

const TYPES: Readonly<Record<Inode.Type, Type>> = {
  [Inode.FILE]: "File",
  [Inode.FOLDER]: "Folder",
  [Inode.SYMBOLIC_LINK]: "SymbolicLink"
}

export const typeOf = (type: Inode.Type): Type => TYPES[type]

/** What is made belongs to nobody in particular: owner and group are 0 until they are changed. */
export const made = (type: Inode.Type, mode: number, content: Uint8Array): New => ({
  type,
  mode: mode & MODE_BITS,
  uid: 0,
  gid: 0,
  content
})

export const make = (number: number, inode: Omit<Inode.Inode, "content">): Stat => ({
  type: TYPES[inode.type],
  number,
  size: inode.size,
  mode: inode.mode,
  links: inode.links,
  uid: inode.uid,
  gid: inode.gid,
  accessTime: inode.accessTime,
  modifyTime: inode.modifyTime,
  changeTime: inode.changeTime,
  birthTime: inode.birthTime
})
