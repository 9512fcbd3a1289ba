/** Section 8 of docs/FORMAT.md. */
import { kinds } from "./Checksum.ts"
import { must } from "./Fault.ts"
import type { Pointer } from "./Pointer.ts"
import { decodePointer } from "./Pointer.ts"
import type { Scan } from "./Scan.ts"
import { compareBytes } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"

/** A place that the reader was led to: what it must find there. */
export interface Expected {
  readonly kind: number
  readonly level: number
  readonly birth: number
}

/** A cell of a leaf. */
export interface Item {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Where the value begins in the page. */
  readonly valueAt: number
}

/** A cell of a branch. */
interface Child {
  readonly key: Uint8Array
  readonly pointer: Pointer
}

export type TreeNode =
  | { readonly is: "leaf"; readonly items: ReadonlyArray<Item> }
  | { readonly is: "branch"; readonly children: ReadonlyArray<Child> }

interface Header {
  readonly count: number
  readonly top: number
  readonly garbage: number
}

export const headerBytes = 16

/** Reads the header that every node begins with. */
export const decodeHeader = (scan: Scan, expected: Expected): Header => {
  const kind = scan.u8(0, "kind")
  const level = scan.u8(1, "level")
  must(kind === expected.kind && level === expected.level, `a node of kind ${kind} and level ${level}`)
  const count = scan.u16(2, "count")
  const top = scan.u32(4, "top")
  const garbage = scan.u32(8, "garbage")
  must(scan.zero(12, 4, "zero of the header"), "bytes 12 to 15 of a header")
  if (kind !== kinds.tree) scan.expectZero(4, 8, "top and garbage of a node that is not a tree node")
  return { count, top, garbage }
}

/** Bytes that the cells do not cover, above `top`. */
const markDead = (scan: Scan, top: number, cells: ReadonlyArray<readonly [number, number]>): void => {
  let end = top
  for (const [at, length] of cells.toSorted((left, right) => left[0] - right[0])) {
    if (at > end) scan.mark(end, at - end, "dead cells")
    end = Math.max(end, at + length)
  }
  if (scan.bytes.length > end) scan.mark(end, scan.bytes.length - end, "dead cells")
}

/** Decodes a tree node. */
export const decodeTreeNode = (scan: Scan, superblock: Superblock, expected: Expected): TreeNode => {
  const { pageSize, pointerBytes, roomBytes } = superblock
  const { count, top, garbage } = decodeHeader(scan, expected)
  const isLeaf = expected.level === 0
  const keyBytesMax = Math.floor(roomBytes / 3) - pointerBytes - 4
  const slotsEnd = headerBytes + 2 * count
  must(slotsEnd <= top && top <= pageSize, `top is ${top}`)
  must(count > 0 || isLeaf, "a branch without slots")
  const cells: Array<readonly [number, number]> = []
  const items: Array<Item> = []
  const children: Array<Child> = []
  const headBytes = isLeaf ? 4 : 2 + pointerBytes
  for (let slot = 0; slot < count; slot += 1) {
    const at = scan.u16(headerBytes + 2 * slot, "slot")
    must(at >= top && at + headBytes <= pageSize, `a cell at ${at}`)
    const keyBytes = scan.u16(at, "cell key bytes")
    const valueBytes = isLeaf ? scan.u16(at + 2, "cell value bytes") : 0
    const cellBytes = headBytes + keyBytes + valueBytes
    must(at + cellBytes <= pageSize, `a cell at ${at} that ends past the page`)
    must(keyBytes <= keyBytesMax, `a key of ${keyBytes} bytes`)
    cells.push([at, cellBytes])
    const key = scan.slice(at + headBytes, keyBytes, "cell key")
    const before = isLeaf ? items.at(-1) : children.at(-1)
    must(before === undefined || compareBytes(before.key, key) < 0, "keys that do not ascend")
    if (isLeaf) {
      must(keyBytes > 0, "an empty key in a leaf")
      const valueAt = at + headBytes + keyBytes
      items.push({ key, value: scan.bytes.subarray(valueAt, valueAt + valueBytes), valueAt })
    } else {
      must((keyBytes === 0) === (slot === 0), "slot 0 of a branch has the empty key, and no other")
      const pointer = decodePointer(scan, at + 2, superblock, expected.birth, 1)
      must(pointer.pages === 1, "a null pointer in a branch")
      children.push({ key, pointer })
    }
  }
  const live = cells.reduce((sum, [, length]) => sum + length, 0)
  must(live + garbage === pageSize - top, `${live} live and ${garbage} dead bytes above ${top}`)
  scan.mark(slotsEnd, top - slotsEnd, "free space")
  markDead(scan, top, cells)
  return isLeaf ? { is: "leaf", items } : { is: "branch", children }
}
