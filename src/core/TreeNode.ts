/**
 * One node of a B+tree, read and changed as the page that it is (see `Node` for its shape).
 *
 * - A cell is header, key and (in a leaf) value; it never moves unless the page is compacted.
 * - `room` counts dead cells as free: an insert compacts the page when the free bytes are not in one piece.
 * - Slot 0 of a branch has the empty key, which stands below every key.
 */
import { copy, readUint16, writeUint16 } from "./Bytes.ts"
import { invariant } from "./Invariant.ts"
import {
  BRANCH_CELL_HEADER_BYTES,
  LEAF_CELL_HEADER_BYTES,
  type Layout,
  NODE_HEADER_BYTES,
  PAGE_BYTES_MAX,
  SLOT_BYTES
} from "./Layout.ts"
import * as Node from "./Node.ts"

/** Where the cell of `slot` begins. */
export const cellAt = (node: Uint8Array, slot: number): number =>
  readUint16(node, NODE_HEADER_BYTES + slot * SLOT_BYTES)

export const keyBytes = (node: Uint8Array, cell: number): number => readUint16(node, cell)
export const valueBytes = (node: Uint8Array, cell: number): number => readUint16(node, cell + 2)

/** Where the key begins in a leaf's cell, and in a branch's. */
export const leafKeyAt = (cell: number): number => cell + LEAF_CELL_HEADER_BYTES
export const branchKeyAt = (layout: Layout, cell: number): number =>
  cell + BRANCH_CELL_HEADER_BYTES + layout.pointerBytes

/** Where the pointer stands in a branch's cell. */
export const pointerAt = (cell: number): number => cell + BRANCH_CELL_HEADER_BYTES

/** The bytes of the cell at `cell`. */
export const cellBytes = (layout: Layout, node: Uint8Array, cell: number): number =>
  Node.level(node) === 0
    ? LEAF_CELL_HEADER_BYTES + keyBytes(node, cell) + valueBytes(node, cell)
    : BRANCH_CELL_HEADER_BYTES + layout.pointerBytes + keyBytes(node, cell)

/** Bytes that cells and slots take. */
export const used = (node: Uint8Array): number =>
  Node.count(node) * SLOT_BYTES + (node.length - Node.top(node)) - Node.garbage(node)

/** Bytes that are left for cells and slots. */
export const room = (node: Uint8Array): number => node.length - NODE_HEADER_BYTES - used(node)

/**
 * The slot of `key` among those from `low` on, whose keys stand `header` bytes behind their cells' beginnings; or the complement
 * (`~slot`) of where it would be inserted. What `key` has in common with a key below and with one above it, it has in common with
 * all between them: that is not compared again.
 */
const search = (node: Uint8Array, low: number, header: number, key: Uint8Array): number => {
  const length = key.length
  let high = Node.count(node)
  let below = 0
  let above = 0
  while (low < high) {
    const middle = (low + high) >>> 1
    const cell = cellAt(node, middle)
    const bytes = readUint16(node, cell)
    const at = cell + header
    const end = bytes < length ? bytes : length
    let common = below < above ? below : above
    while (common < end && node[at + common] === key[common]) common++
    const order = common < end ? node[at + common] - key[common] : bytes - length
    if (order === 0) return middle
    if (order < 0) {
      low = middle + 1
      below = common
    } else {
      high = middle
      above = common
    }
  }
  return ~low
}

/** The slot of `key` in a leaf, or the complement (`~slot`) of where it would be inserted. */
export const searchLeaf = (node: Uint8Array, key: Uint8Array): number => search(node, 0, LEAF_CELL_HEADER_BYTES, key)

/** The slot of the child of a branch under which `key` belongs; one that is equal to the separator, to its right. */
export const searchBranch = (layout: Layout, node: Uint8Array, key: Uint8Array): number => {
  const found = search(node, 1, BRANCH_CELL_HEADER_BYTES + layout.pointerBytes, key)
  return found < 0 ? ~found - 1 : found
}

/** Writes a leaf's cell, with the first `count` bytes of `value`, to `bytes[at]`. */
const writeLeafCell = (bytes: Uint8Array, at: number, key: Uint8Array, value: Uint8Array, count: number): void => {
  writeUint16(bytes, at, key.length)
  writeUint16(bytes, at + 2, count)
  copy(key, 0, bytes, at + LEAF_CELL_HEADER_BYTES, key.length)
  copy(value, 0, bytes, at + LEAF_CELL_HEADER_BYTES + key.length, count)
}

/** A leaf's cell as bytes of its own. */
export const leafCell = (key: Uint8Array, value: Uint8Array, count = value.length): Uint8Array => {
  const cell = new Uint8Array(LEAF_CELL_HEADER_BYTES + key.length + count)
  writeLeafCell(cell, 0, key, value, count)
  return cell
}

/** A branch's cell as bytes of its own. */
export const branchCell = (layout: Layout, key: Uint8Array, link: Uint8Array): Uint8Array => {
  const cell = new Uint8Array(BRANCH_CELL_HEADER_BYTES + layout.pointerBytes + key.length)
  writeUint16(cell, 0, key.length)
  cell.set(link, BRANCH_CELL_HEADER_BYTES)
  cell.set(key, BRANCH_CELL_HEADER_BYTES + layout.pointerBytes)
  return cell
}

/** Makes a cell of `bytes` bytes at `slot` and returns where it begins; the caller has seen that there is room. */
const open = (layout: Layout, node: Uint8Array, slot: number, bytes: number): number => {
  const count = Node.count(node)
  const slotsEnd = NODE_HEADER_BYTES + (count + 1) * SLOT_BYTES
  invariant(room(node) >= bytes + SLOT_BYTES, "a cell is inserted where there is room")
  if (Node.top(node) - slotsEnd < bytes) compact(layout, node)
  const cell = Node.top(node) - bytes
  Node.setTop(node, cell)
  Node.setCount(node, count + 1)
  const at = NODE_HEADER_BYTES + slot * SLOT_BYTES
  node.copyWithin(at + SLOT_BYTES, at, slotsEnd - SLOT_BYTES)
  writeUint16(node, at, cell)
  return cell
}

/** Inserts the cell `from[start, start + bytes)` at `slot`. */
export const insertFrom = (
  layout: Layout,
  node: Uint8Array,
  slot: number,
  from: Uint8Array,
  start: number,
  bytes: number
): void => copy(from, start, node, open(layout, node, slot, bytes), bytes)

export const insert = (layout: Layout, node: Uint8Array, slot: number, cell: Uint8Array): void =>
  insertFrom(layout, node, slot, cell, 0, cell.length)

/** Inserts a leaf's cell without making it first. */
export const insertItem = (
  layout: Layout,
  node: Uint8Array,
  slot: number,
  key: Uint8Array,
  value: Uint8Array,
  count = value.length
): void => writeLeafCell(node, open(layout, node, slot, LEAF_CELL_HEADER_BYTES + key.length + count), key, value, count)

/**
 * Sets the item of a key that {@link searchLeaf} has found, or not, at `found`, to the first `count` bytes of `value`. Answers whether
 * there is room; if not, an item that was there is gone.
 */
export const putItem = (
  layout: Layout,
  node: Uint8Array,
  found: number,
  key: Uint8Array,
  value: Uint8Array,
  count: number
): boolean => {
  const slot = found < 0 ? ~found : found
  if (found >= 0) {
    const cell = cellAt(node, slot)
    if (valueBytes(node, cell) === count) {
      copy(value, 0, node, leafKeyAt(cell) + key.length, count)
      return true
    }
    remove(layout, node, slot)
  }
  const hasRoom = room(node) >= LEAF_CELL_HEADER_BYTES + key.length + count + SLOT_BYTES
  if (hasRoom) insertItem(layout, node, slot, key, value, count)
  return hasRoom
}

/** Whether a node is less than a third full once `less` bytes of cells and slots are gone: then it is to be merged. */
export const isUnderfull = (node: Uint8Array, less = 0): boolean =>
  (used(node) - less) * 3 < node.length - NODE_HEADER_BYTES

export const remove = (layout: Layout, node: Uint8Array, slot: number): void => {
  const count = Node.count(node)
  Node.setGarbage(node, Node.garbage(node) + cellBytes(layout, node, cellAt(node, slot)))
  const at = NODE_HEADER_BYTES + slot * SLOT_BYTES
  node.copyWithin(at, at + SLOT_BYTES, NODE_HEADER_BYTES + count * SLOT_BYTES)
  Node.setCount(node, count - 1)
}

/** The first child of a branch has no key: forgets the one that it had as a later child. */
export const dropFirstKey = (layout: Layout, node: Uint8Array): void => {
  const cell = cellAt(node, 0)
  const bytes = keyBytes(node, cell)
  if (bytes === 0) return
  // A cell must keep its place, so the pointer moves up against the key's end: what was before it is dead.
  node.copyWithin(cell + bytes, cell, cell + BRANCH_CELL_HEADER_BYTES + layout.pointerBytes)
  writeUint16(node, cell + bytes, 0)
  writeUint16(node, NODE_HEADER_BYTES, cell + bytes)
  Node.setGarbage(node, Node.garbage(node) + bytes)
}

const scratch = new Uint8Array(PAGE_BYTES_MAX)

/** Copies the page away, so that it can be filled anew from the copy. */
const takeAway = (node: Uint8Array): Uint8Array => {
  const from = scratch.subarray(0, node.length)
  from.set(node)
  return from
}

/** Moves the cells together, in slot order: afterwards the free bytes are in one piece. */
export const compact = (layout: Layout, node: Uint8Array): void => {
  const from = takeAway(node)
  Node.clear(node, Node.kind(from), Node.level(from))
  appendCells(layout, from, 0, Node.count(from), node)
}

/** Appends the cells of slots [start, end) of `from` to `to`, which has room for them in one piece. */
export const appendCells = (layout: Layout, from: Uint8Array, start: number, end: number, to: Uint8Array): void => {
  let count = Node.count(to)
  let top = Node.top(to)
  for (let slot = start; slot < end; slot++) {
    const cell = cellAt(from, slot)
    const bytes = cellBytes(layout, from, cell)
    top -= bytes
    copy(from, cell, to, top, bytes)
    writeUint16(to, NODE_HEADER_BYTES + count * SLOT_BYTES, top)
    count++
  }
  invariant(top >= NODE_HEADER_BYTES + count * SLOT_BYTES, "cells are appended where there is room")
  Node.setTop(to, top)
  Node.setCount(to, count)
}

/** The cells of a full node and one more, at `slot`: what a split shares out. */
export interface Overflow {
  /** A copy of the page; valid until the next compaction or split. */
  readonly from: Uint8Array
  readonly slot: number
  readonly cell: Uint8Array
  readonly count: number
}

export const overflow = (node: Uint8Array, slot: number, cell: Uint8Array): Overflow => ({
  from: takeAway(node),
  slot,
  cell,
  count: Node.count(node) + 1
})

/** Bytes of the `index`th cell with its slot. */
const overflowBytes = (layout: Layout, all: Overflow, index: number): number =>
  SLOT_BYTES +
  (index === all.slot
    ? all.cell.length
    : cellBytes(layout, all.from, cellAt(all.from, index < all.slot ? index : index - 1)))

/**
 * Where to cut: the indexes at which the second and, if need be, a third node begin. An append leaves a full node behind;
 * else the halves are as even as they can be. Three nodes are needed where a large cell comes between others.
 */
export const cuts = (layout: Layout, all: Overflow): ReadonlyArray<number> => {
  if (all.slot === all.count - 1) return [all.slot]
  const capacity = layout.pageBytes - NODE_HEADER_BYTES
  let total = 0
  for (let index = 0; index < all.count; index++) total += overflowBytes(layout, all, index)
  let left = 0
  let best = -1
  let bestDifference = Infinity
  for (let index = 1; index < all.count; index++) {
    left += overflowBytes(layout, all, index - 1)
    const difference = Math.abs(total - 2 * left)
    if (left <= capacity && total - left <= capacity && difference < bestDifference) {
      best = index
      bestDifference = difference
    }
  }
  return best >= 0 ? [best] : [all.slot, all.slot + 1]
}

/** Fills the empty node `to` with the cells [start, end). */
export const fill = (layout: Layout, all: Overflow, start: number, end: number, to: Uint8Array): void => {
  const before = Math.min(end, all.slot)
  if (start < before) appendCells(layout, all.from, start, before, to)
  if (start <= all.slot && all.slot < end) insert(layout, to, Node.count(to), all.cell)
  const after = Math.max(start, all.slot + 1)
  if (after < end) appendCells(layout, all.from, after - 1, end - 1, to)
}

/** The key of a slot as bytes of its own. */
export const keyOf = (layout: Layout, node: Uint8Array, slot: number): Uint8Array => {
  const cell = cellAt(node, slot)
  const at = Node.level(node) === 0 ? leafKeyAt(cell) : branchKeyAt(layout, cell)
  return node.slice(at, at + keyBytes(node, cell))
}

/** The shortest key that is above `below` and not above `above`. */
export const separator = (below: Uint8Array, above: Uint8Array): Uint8Array => {
  let common = 0
  while (common < below.length && below[common] === above[common]) common++
  return above.subarray(0, common + 1)
}
