/**
 * A node is its page: a header of 16 bytes, then what its kind says. Nothing is decoded that nobody asked for.
 *
 *     kind (1) | level (1) | count (2) | top (4) | garbage (4) | zero (4)
 *
 * - `TREE`: a B+tree node. Slots (offsets of cells, in key order) grow up from the header, cells grow down from the end of
 *   the page; `top` is where the lowest cell begins, `garbage` the bytes of dead cells at or above `top`.
 *   Leaf cell (level 0): key length (2), value length (2), key, value. Branch cell: key length (2), pointer, key; the key
 *   of slot 0 is empty, and the key of slot i is above every key under slot i-1 and not above any under slot i.
 * - `ROPE`: a branch of a file's content, level 1 and up: `count` entries of span (6) and pointer, in order.
 * - `DATA`: file content without any header, one or several pages.
 * - `MAP`: level 0: one bit a page, set = in use; above: pointers, null = all free. See `FreeMap`.
 *
 * {@link fault} checks a node's whole structure once, when it enters memory; after that every offset in it may be trusted.
 */
import { compare, isZero, readUint16, readUint32, readUint48, writeUint16, writeUint32 } from "./Bytes.ts"
import {
  BRANCH_CELL_HEADER_BYTES,
  LEAF_CELL_HEADER_BYTES,
  type Layout,
  NODE_COUNT,
  NODE_GARBAGE,
  NODE_HEADER_BYTES,
  NODE_KIND,
  NODE_LEVEL,
  NODE_TOP,
  ROPE_SPAN_BYTES,
  SLOT_BYTES
} from "./Layout.ts"
import * as Pointer from "./Pointer.ts"

export const TREE = 1
export const ROPE = 2
export const DATA = 3
export const MAP = 4

/** No tree is higher: with two children a node, 2^48 pages are reached before. */
export const LEVEL_MAX = 48

export const kind = (node: Uint8Array): number => node[NODE_KIND]
export const level = (node: Uint8Array): number => node[NODE_LEVEL]
export const count = (node: Uint8Array): number => readUint16(node, NODE_COUNT)
export const setCount = (node: Uint8Array, value: number): void => writeUint16(node, NODE_COUNT, value)
export const top = (node: Uint8Array): number => readUint32(node, NODE_TOP)
export const setTop = (node: Uint8Array, value: number): void => writeUint32(node, NODE_TOP, value)
export const garbage = (node: Uint8Array): number => readUint32(node, NODE_GARBAGE)
export const setGarbage = (node: Uint8Array, value: number): void => writeUint32(node, NODE_GARBAGE, value)

/** Makes `node` an empty node of this kind; its other bytes are zeroed. */
export const clear = (node: Uint8Array, kindOf: number, levelOf: number): void => {
  node.fill(0)
  node[NODE_KIND] = kindOf
  node[NODE_LEVEL] = levelOf
  setTop(node, kindOf === TREE ? node.length : 0)
}

/** What is wrong with a node that was read for a pointer of this kind, level and birth. */
export const fault = (
  layout: Layout,
  node: Uint8Array,
  kindOf: number,
  levelOf: number,
  birth: number
): string | undefined => {
  if (kindOf === DATA) return undefined
  if (kind(node) !== kindOf) return `a node of kind ${kind(node)} stands where kind ${kindOf} belongs`
  if (level(node) !== levelOf) return `a node of level ${level(node)} stands where level ${levelOf} belongs`
  if (!isZero(node, NODE_GARBAGE + 4, NODE_HEADER_BYTES)) return "a node's reserved bytes are not zero"
  if (kindOf === TREE) return treeFault(layout, node, levelOf, birth)
  if (kindOf === ROPE) return ropeFault(layout, node, levelOf, birth)
  return mapFault(layout, node, levelOf, birth)
}

const treeFault = (layout: Layout, node: Uint8Array, levelOf: number, birth: number): string | undefined => {
  const { pageBytes, pointerBytes } = layout
  const slots = count(node)
  const cellsAt = top(node)
  if (cellsAt > pageBytes || NODE_HEADER_BYTES + slots * SLOT_BYTES > cellsAt)
    return "a node's slots run into its cells"
  if (levelOf > 0 && slots === 0) return "a branch has no children"
  let cellBytes = 0
  let previousAt = 0
  let previousEnd = -1
  for (let slot = 0; slot < slots; slot++) {
    const cell = readUint16(node, NODE_HEADER_BYTES + slot * SLOT_BYTES)
    const header = levelOf === 0 ? LEAF_CELL_HEADER_BYTES : BRANCH_CELL_HEADER_BYTES + pointerBytes
    if (cell < cellsAt || cell + header > pageBytes) return "a cell stands outside its page"
    const keyBytes = readUint16(node, cell)
    const valueBytes = levelOf === 0 ? readUint16(node, cell + 2) : 0
    const keyAt = cell + header
    const end = keyAt + keyBytes + valueBytes
    if (end > pageBytes || keyBytes > layout.keyBytesMax) return "a cell is longer than its page allows"
    if (levelOf > 0) {
      const reason = Pointer.fault(layout, node, cell + BRANCH_CELL_HEADER_BYTES, birth, 1)
      if (reason !== undefined) return reason
      if (Pointer.isNull(layout, node, cell + BRANCH_CELL_HEADER_BYTES)) return "a branch has a null child"
      if (slot === 0 && keyBytes !== 0) return "the first child of a branch has a key"
    }
    if (previousEnd >= 0 && compare(node, previousAt, previousEnd, node, keyAt, keyAt + keyBytes) >= 0) {
      return "the keys of a node are out of order"
    }
    previousAt = keyAt
    previousEnd = keyAt + keyBytes
    cellBytes += end - cell
  }
  return cellBytes + garbage(node) === pageBytes - cellsAt ? undefined : "a node's cells do not add up"
}

const ropeFault = (layout: Layout, node: Uint8Array, levelOf: number, birth: number): string | undefined => {
  const entries = count(node)
  if (levelOf === 0 || levelOf > LEVEL_MAX) return "a rope branch has an impossible level"
  if (entries === 0 || entries > layout.ropeFanout) return "a rope branch has an impossible number of children"
  const pagesMax = levelOf === 1 ? layout.runPagesMax : 1
  for (let entry = 0; entry < entries; entry++) {
    const at = NODE_HEADER_BYTES + entry * layout.ropeEntryBytes
    const pointerAt = at + ROPE_SPAN_BYTES
    const reason = Pointer.fault(layout, node, pointerAt, birth, pagesMax)
    if (reason !== undefined) return reason
    const span = readUint48(node, at)
    const pages = Pointer.pageCount(layout, node, pointerAt)
    if (span === 0) return "a rope branch has an empty child"
    if (levelOf === 1 && pages > 0 && (span > pages * layout.pageBytes || span <= (pages - 1) * layout.pageBytes)) {
      return "a data run does not have the pages that its span needs"
    }
  }
  return undefined
}

const mapFault = (layout: Layout, node: Uint8Array, levelOf: number, birth: number): string | undefined => {
  if (levelOf === 0) return undefined
  if (levelOf > LEVEL_MAX) return "a free map has an impossible height"
  for (let child = 0; child < layout.mapFanout; child++) {
    const reason = Pointer.fault(layout, node, NODE_HEADER_BYTES + child * layout.pointerBytes, birth, 1)
    if (reason !== undefined) return reason
  }
  return undefined
}
