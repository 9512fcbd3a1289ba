/**
 * The free map of a root: one bit a page, and what changed since the bits were last written.
 *
 * - A page is free iff it is not reachable from the root, its bookkeeping or its deadlists.
 * - Bitmap leaves (bit set = in use) hang under a radix whose height follows from the page count; a null pointer stands for
 *   a stretch that is all free, so formatting writes none of it.
 * - `freed` and `used` are disjoint and say what the bits do not know yet. They ride in the root record; when they no longer
 *   fit, `fold` puts them into the bits of the leaves they touch. Rewriting a leaf frees its old page, which touches a leaf
 *   in turn: the set is closed over that, each map page rewritten at most once.
 */
import type { Draft } from "./Draft.ts"
import * as Extent from "./Extent.ts"
import { type Layout, NODE_HEADER_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"

/** What is wrong with a volume that releases a page which is free already. */
export const FREED_TWICE = "a page is freed that is free already"

export interface FreeMap {
  readonly pageCount: number
  readonly height: number
  readonly link: Uint8Array
  readonly freed: Extent.ExtentSet
  readonly used: Extent.ExtentSet
}

/** Levels above the leaves that a volume of this size needs. */
export const heightFor = (layout: Layout, pageCount: number): number => {
  let height = 0
  for (let covered = layout.mapLeafPages; covered < pageCount; covered *= layout.mapFanout) height++
  return height
}

/** Nodes that the map of a volume of this size has when none of it is null. */
export const nodeCount = (layout: Layout, pageCount: number): number => {
  let nodes = Math.ceil(pageCount / layout.mapLeafPages)
  let total = nodes
  while (nodes > 1) {
    nodes = Math.ceil(nodes / layout.mapFanout)
    total += nodes
  }
  return total
}

/** A map in which all is free but `used`. */
export const make = (layout: Layout, pageCount: number, used: Extent.ExtentSet): FreeMap => ({
  pageCount,
  height: heightFor(layout, pageCount),
  link: Pointer.makeNull(layout),
  freed: Extent.EMPTY,
  used
})

export const leafCount = (layout: Layout, map: FreeMap): number => Math.ceil(map.pageCount / layout.mapLeafPages)

/** The map in which `pages`, all free before, are in use. */
export const allocate = (map: FreeMap, pages: Extent.ExtentSet): FreeMap => ({
  ...map,
  freed: Extent.subtract(map.freed, pages),
  used: Extent.union(map.used, Extent.subtract(pages, map.freed))
})

/** The map in which `pages`, all in use before, are free. */
export const release = (map: FreeMap, pages: Extent.ExtentSet): FreeMap => ({
  ...map,
  freed: Extent.union(map.freed, Extent.subtract(pages, map.used)),
  used: Extent.subtract(map.used, pages)
})

/** Bytes that `freed` and `used` take in a root record. */
export const deltaBytes = (map: FreeMap): number => Extent.encodedBytes(map.freed) + Extent.encodedBytes(map.used)

// ---- reading

/** The bitmap leaf `index`, or `undefined` where all is free. */
const leafOf = (pages: Pages, map: FreeMap, index: number): Uint8Array | undefined => {
  const { layout } = pages
  let holder = map.link
  let at = 0
  for (let level = map.height; level > 0; level--) {
    if (Pointer.isNull(layout, holder, at)) return undefined
    holder = pages.node(holder, at, Node.MAP, level)
    at =
      NODE_HEADER_BYTES + (Math.floor(index / layout.mapFanout ** (level - 1)) % layout.mapFanout) * layout.pointerBytes
  }
  return Pointer.isNull(layout, holder, at) ? undefined : pages.node(holder, at, Node.MAP, 0)
}

/** Free pages by the bits of a leaf alone. */
const bitExtents = (leaf: Uint8Array, first: number, end: number): Extent.ExtentSet => {
  const out: Array<number> = []
  let start = -1
  for (let page = first; page < end;) {
    const byte = leaf[NODE_HEADER_BYTES + ((page - first) >> 3)]
    // `first` is a multiple of 8 pages: whole bytes are looked at in one step where all their bits agree.
    if (byte === 0 || byte === 0xff) {
      if (byte === 0 && start < 0) start = page
      if (byte !== 0 && start >= 0) {
        out.push(start, page)
        start = -1
      }
      page += 8
      continue
    }
    const free = ((byte >> ((page - first) & 7)) & 1) === 0
    if (free && start < 0) start = page
    if (!free && start >= 0) {
      out.push(start, page)
      start = -1
    }
    page++
  }
  if (start >= 0) out.push(start, end)
  return out
}

/** The free pages among those that leaf `index` covers. */
export const freeInLeaf = (pages: Pages, map: FreeMap, index: number): Extent.ExtentSet => {
  const first = index * pages.layout.mapLeafPages
  const end = Math.min(first + pages.layout.mapLeafPages, map.pageCount)
  const leaf = leafOf(pages, map, index)
  const bits = leaf === undefined ? Extent.of(first, end - first) : bitExtents(leaf, first, end)
  const freed = Extent.within(map.freed, first, end)
  // Of a page that was freed twice nobody would know later that it was taken: it would be given to two.
  if (Extent.meet(bits, freed)) throw new CorruptPage(undefined, FREED_TWICE)
  return Extent.union(Extent.subtract(bits, Extent.within(map.used, first, end)), freed)
}

/** All free pages: for a volume small enough to ask. */
export const free = (pages: Pages, map: FreeMap): Extent.ExtentSet => {
  let all = Extent.EMPTY
  const leaves = leafCount(pages.layout, map)
  for (let index = 0; index < leaves; index++) all = Extent.union(all, freeInLeaf(pages, map, index))
  return all
}

// ---- folding

/** Puts the deltas into the bits: the map's nodes that changed are in memory afterwards, and there are no deltas. */
export const fold = (draft: Draft<unknown>, map: FreeMap): FreeMap => {
  const link = map.link.slice()
  const deadBefore = draft.dead.length
  draft.bookkeeping = true
  for (let i = 0; i < map.used.length; i += 2) setBits(draft, map, link, map.used[i], map.used[i + 1], true)
  for (let i = 0; i < map.freed.length; i += 2) setBits(draft, map, link, map.freed[i], map.freed[i + 1], false)
  // The pages that these edits released are free as well; releasing them may release more.
  for (let i = deadBefore; i < draft.dead.length; i++) {
    const { address, pageCount } = draft.dead[i]
    setBits(draft, map, link, address, address + pageCount, false)
  }
  draft.bookkeeping = false
  return { ...map, link, freed: Extent.EMPTY, used: Extent.EMPTY }
}

const setBits = (
  draft: Draft<unknown>,
  map: FreeMap,
  link: Uint8Array,
  start: number,
  end: number,
  inUse: boolean
): void => {
  const { layout } = draft
  for (let page = start; page < end;) {
    const index = Math.floor(page / layout.mapLeafPages)
    const first = index * layout.mapLeafPages
    const stop = Math.min(end, first + layout.mapLeafPages)
    const leaf = editLeaf(draft, map, link, index)
    for (; page < stop; page++) {
      const at = NODE_HEADER_BYTES + ((page - first) >> 3)
      const bit = 1 << ((page - first) & 7)
      leaf[at] = inUse ? leaf[at] | bit : leaf[at] & ~bit
    }
  }
}

const editLeaf = (draft: Draft<unknown>, map: FreeMap, link: Uint8Array, index: number): Uint8Array => {
  const { layout } = draft
  let holder = link
  let at = 0
  for (let level = map.height; level >= 0; level--) {
    const node = Pointer.isNull(layout, holder, at)
      ? draft.create(holder, at, Node.MAP, level)
      : draft.edit(holder, at, Node.MAP, level)
    if (level === 0) return node
    holder = node
    at =
      NODE_HEADER_BYTES + (Math.floor(index / layout.mapFanout ** (level - 1)) % layout.mapFanout) * layout.pointerBytes
  }
  return holder
}
