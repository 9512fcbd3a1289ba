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
import { CorruptPage, demand, type Pages } from "./Pages.ts"
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
  if (Extent.intersect(bits, freed).length > 0) throw new CorruptPage(undefined, FREED_TWICE)
  return Extent.union(Extent.subtract(bits, Extent.within(map.used, first, end)), freed)
}

/** All free pages: for a volume small enough to ask. */
export const free = (pages: Pages, map: FreeMap): Extent.ExtentSet => {
  let all = Extent.EMPTY
  const leaves = leafCount(pages.layout, map)
  for (let index = 0; index < leaves; index++) all = Extent.union(all, freeInLeaf(pages, map, index))
  return all
}

/**
 * The pages that are free in `map` and were not free in `before`, an earlier root's map of the same volume: what died
 * in between. Reads only the leaves that differ: of the others the deltas say all, since `used` holds pages whose bit is 0
 * and `freed` such whose bit is 1. Where they lie, more is held back, and whoever takes a page from that leaf finds it.
 */
export const freedSince = (pages: Pages, map: FreeMap, before: FreeMap): Extent.ExtentSet => {
  const { cleared, set } = changedBits(pages, map, before)
  const byBits = Extent.union(cleared, Extent.subtract(before.used, set))
  const free = Extent.union(
    Extent.subtract(Extent.subtract(byBits, map.used), before.freed),
    Extent.subtract(Extent.subtract(map.freed, before.freed), Extent.subtract(set, before.used))
  )
  // Pages that the volume did not have then, or does not have any more.
  return Extent.within(free, 0, Math.min(map.pageCount, before.pageCount))
}

/** The pages whose bits were cleared between two maps, and those whose bits were set. */
const changedBits = (
  pages: Pages,
  map: FreeMap,
  before: FreeMap
): { readonly cleared: Extent.ExtentSet; readonly set: Extent.ExtentSet } => {
  const { layout } = pages
  const cleared: Array<readonly [number, number]> = []
  const set: Array<readonly [number, number]> = []
  const end = Math.min(map.pageCount, before.pageCount)
  for (const { index, now, past } of differingLeaves(pages, map, before)) {
    const first = index * layout.mapLeafPages
    for (let byte = 0; byte < layout.mapLeafPages / 8 && first + 8 * byte < end; byte++) {
      const bits = now === undefined ? 0 : now[NODE_HEADER_BYTES + byte]
      const bitsPast = past === undefined ? 0 : past[NODE_HEADER_BYTES + byte]
      if (bits === bitsPast) continue
      for (let bit = 0; bit < 8; bit++) {
        if (((bits ^ bitsPast) & (1 << bit)) === 0) continue
        if ((bits & (1 << bit)) === 0) cleared.push([first + 8 * byte + bit, 1])
        else set.push([first + 8 * byte + bit, 1])
      }
    }
  }
  return { cleared: Extent.fromUnsorted(cleared), set: Extent.fromUnsorted(set) }
}

/** A pair of nodes that stand for the same pages; nothing where all of them are free. */
interface Pair {
  readonly index: number
  readonly now: Uint8Array | undefined
  readonly past: Uint8Array | undefined
}

/** The leaves whose pages differ between two maps. Each level of the nodes that lead to them is one batch. */
const differingLeaves = (pages: Pages, map: FreeMap, before: FreeMap): ReadonlyArray<Pair> => {
  const { layout } = pages
  let level = Math.min(map.height, before.height)
  let links = [{ index: 0, now: firstLink(pages, map, level), past: firstLink(pages, before, level) }]
  for (; ; level--) {
    const missing: Array<Pointer.Pointer> = []
    const load = ([holder, at]: Link): Uint8Array | undefined =>
      Pointer.isNull(layout, holder, at) ? undefined : pages.peek(holder, at, Node.MAP, level, missing)
    const pairs = links
      .filter(({ now, past }) => !samePointer(layout, ...now, ...past))
      .map(({ index, now, past }): Pair => ({ index, now: load(now), past: load(past) }))
    demand(missing)
    if (level === 0) return pairs
    links = pairs.flatMap(({ index, now, past }) =>
      Array.from({ length: layout.mapFanout }, (_, child) => ({
        index: index * layout.mapFanout + child,
        now: linkIn(layout, now, child),
        past: linkIn(layout, past, child)
      }))
    )
  }
}

/** A pointer, and where it stands. */
type Link = readonly [holder: Uint8Array, at: number]

/** The link of a child; a null one, where there is no node because all below it is free. */
const linkIn = (layout: Layout, node: Uint8Array | undefined, child: number): Link =>
  node === undefined ? [Pointer.makeNull(layout), 0] : [node, NODE_HEADER_BYTES + child * layout.pointerBytes]

/** The link of the first node of a level: maps of another height cover the pages of this one there. */
const firstLink = (pages: Pages, map: FreeMap, level: number): Link => {
  let link: Link = [map.link, 0]
  for (let above = map.height; above > level && !Pointer.isNull(pages.layout, ...link); above--) {
    link = linkIn(pages.layout, pages.node(...link, Node.MAP, above), 0)
  }
  return link
}

const samePointer = (layout: Layout, a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean => {
  for (let i = 0; i < layout.pointerBytes; i++) if (a[aAt + i] !== b[bAt + i]) return false
  return true
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
