/**
 * Which pages the next commit may write.
 *
 * - Allocatable = free in the current root and in every retained or pinned root. A page that died in generation g is free in
 *   the map of g at once, but `held` until no root below g can be asked for any more (I4, I9).
 * - Next-fit over extents: `window` holds allocatable pages that are known, in address order; it is refilled leaf by leaf
 *   from `cursor`, round the volume. Long extents are taken first, so that a commit is few runs.
 * - Superblocks and root slots are never taken: a free map that has them as free is somebody's forgery.
 * - A value: taking pages gives a new allocator, and one that is dropped has taken nothing.
 */
import * as Extent from "./Extent.ts"
import * as FreeMap from "./FreeMap.ts"
import type { Layout } from "./Layout.ts"
import { CorruptPage, type Pages } from "./Pages.ts"

/** Pages that died in `generation` and may still be asked for by an older root. */
export interface Held {
  readonly generation: number
  readonly extents: Extent.ExtentSet
}

export interface Allocator {
  readonly map: FreeMap.FreeMap
  readonly held: ReadonlyArray<Held>
  /** Superblocks and root slots. */
  readonly reserved: Extent.ExtentSet
  readonly window: Extent.ExtentSet
  /** The leaf of the map that refills the window next. */
  readonly cursor: number
  /** Free pages of the map, held ones included. */
  readonly freeCount: number
}

export const make = (
  map: FreeMap.FreeMap,
  freeCount: number,
  cursor: number,
  held: ReadonlyArray<Held>,
  reserved: Extent.ExtentSet
): Allocator => ({ map, held, reserved, window: Extent.EMPTY, cursor, freeCount })

/** All pages that are held; some may be held twice, for two commits. */
export const heldPages = (allocator: Allocator): Extent.ExtentSet =>
  allocator.held.reduce((pages, { extents }) => Extent.union(pages, extents), Extent.EMPTY)

export const heldCount = (allocator: Allocator): number => Extent.size(heldPages(allocator))

/** How many pages are held for readers alone: for roots from `oldestRoot` on, and not for `base`. */
export const heldFor = (held: ReadonlyArray<Held>, oldestRoot: number, base: number): number =>
  Extent.size(
    held
      .filter(({ generation }) => generation > oldestRoot && generation <= base)
      .reduce((pages, { extents }) => Extent.union(pages, extents), Extent.EMPTY)
  )

/** Pages that could be taken now. */
export const allocatableCount = (allocator: Allocator): number => allocator.freeCount - heldCount(allocator)

/**
 * Pages kept for deletions: for what they take before what they release comes back. Half of them have to be enough for the nodes
 * of the snapshot tree and of the deadlists that the removal of a snapshot changes, in the smallest volumes too.
 */
const deletionCount = (pageCount: number): number => Math.min(256, Math.max(16, Math.floor(pageCount / 64)))

/**
 * Pages kept for commits that release at least as many pages as they take, so that deletions work on a full volume (I16):
 * some for what they take before what they release comes back, and enough to write the whole free map.
 */
export const reserveCount = (layout: Layout, pageCount: number): number =>
  deletionCount(pageCount) + FreeMap.nodeCount(layout, pageCount)

/**
 * Of the reserve, what a commit may take beyond the nodes of its draft: for the free map, and for the nodes that more and
 * shorter runs need where free space is in pieces. What was promised room is so never refused it later.
 */
export const overheadCount = (layout: Layout, pageCount: number): number =>
  Math.floor(deletionCount(pageCount) / 2) + FreeMap.nodeCount(layout, pageCount)

/** The pages `dead` died in `generation`: free in its map, not allocatable yet. */
export const release = (allocator: Allocator, dead: Extent.ExtentSet, generation: number): Allocator => {
  if (dead.length === 0) return allocator
  if (Extent.intersect(dead, allocator.window).length > 0) throw new CorruptPage(undefined, FreeMap.FREED_TWICE)
  return {
    ...allocator,
    map: FreeMap.release(allocator.map, dead),
    held: [...allocator.held, { generation, extents: dead }],
    freeCount: allocator.freeCount + Extent.size(dead)
  }
}

/** Lets go what no root at or above `oldestRoot` can ask for: a page that died in g is seen by roots below g only. */
export const forget = (allocator: Allocator, oldestRoot: number): Allocator => {
  const held = allocator.held.filter(({ generation }) => generation > oldestRoot)
  return held.length === allocator.held.length ? allocator : { ...allocator, held }
}

/** Free pages that may have a write pending on them (they were taken for a commit that was given up): not to be taken yet. */
export const hold = (allocator: Allocator, pages: Extent.ExtentSet, generation: number): Allocator =>
  pages.length === 0
    ? allocator
    : {
        ...allocator,
        held: [...allocator.held, { generation, extents: pages }],
        window: Extent.subtract(allocator.window, pages)
      }

/** What {@link take} gives: an address for each size, or why there is none. */
export type Taken =
  | { readonly _tag: "Taken"; readonly addresses: ReadonlyArray<number>; readonly allocator: Allocator }
  /** Enough pages, but no run as long as asked for. */
  | { readonly _tag: "Fragmented" }
  | { readonly _tag: "Full"; readonly missing: number }

/** Extents as long as this are looked for first: runs keep later commits and reads sequential. */
const LONG_PAGES = 64
const SHORT_PAGES = 8
/** How many leaves are read in search of long extents before shorter ones are taken. */
const SEARCH_LEAVES = 4

/**
 * Takes a run of contiguous pages for each of `sizes`. With `reserve` left untouched where it is given: pages that must
 * remain allocatable afterwards.
 */
export const take = (pages: Pages, allocator: Allocator, sizes: ReadonlyArray<number>, reserve: number): Taken => {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total === 0) return { _tag: "Taken", addresses: [], allocator }
  const held = heldPages(allocator)
  const spare = allocator.freeCount - Extent.size(held) - reserve - total
  if (spare < 0) return { _tag: "Full", missing: -spare }
  const longest = sizes.reduce((max, size) => Math.max(max, size), 1)
  const leaves = FreeMap.leafCount(pages.layout, allocator.map)
  let { cursor, window } = allocator
  let addresses: ReadonlyArray<number> | undefined
  for (let read = 0; addresses === undefined; read++) {
    const isRead = read === leaves
    const length = read < SEARCH_LEAVES ? Math.max(longest, Math.min(total, LONG_PAGES)) : longest
    if (isRead || hasRuns(window, length, total)) addresses = place(window, sizes, total)
    if (addresses !== undefined) break
    if (isRead) {
      if (Extent.size(window) < total)
        throw new CorruptPage(undefined, "the free map has fewer pages than its root says")
      return { _tag: "Fragmented" }
    }
    const free = FreeMap.freeInLeaf(pages, allocator.map, cursor)
    const [forged] = Extent.intersect(free, allocator.reserved)
    if (forged !== undefined) throw new CorruptPage(forged, "the free map has a superblock or root slot as free")
    window = Extent.union(window, Extent.subtract(free, held))
    cursor = (cursor + 1) % leaves
  }
  const taken = Extent.fromUnsorted(addresses.map((address, i) => [address, sizes[i]] as const))
  return {
    _tag: "Taken",
    addresses,
    allocator: {
      ...allocator,
      map: FreeMap.allocate(allocator.map, taken),
      window: Extent.subtract(window, taken),
      cursor,
      freeCount: allocator.freeCount - total
    }
  }
}

/** Whether extents of at least `length` pages hold `total` pages together. */
const hasRuns = (window: Extent.ExtentSet, length: number, total: number): boolean => {
  let pages = 0
  for (let i = 0; i < window.length && pages < total; i += 2) {
    const count = window[i + 1] - window[i]
    if (count >= length) pages += count - (count % length)
  }
  return pages >= total
}

/** An address for each size, first fit; long extents before short ones. */
const place = (
  window: Extent.ExtentSet,
  sizes: ReadonlyArray<number>,
  total: number
): ReadonlyArray<number> | undefined => {
  const starts: Array<number> = []
  const ends: Array<number> = []
  let longer = Infinity
  for (const length of [Math.min(total, LONG_PAGES), Math.min(total, SHORT_PAGES), 1]) {
    for (let i = 0; i < window.length; i += 2) {
      const count = window[i + 1] - window[i]
      if (count >= length && count < longer) {
        starts.push(window[i])
        ends.push(window[i + 1])
      }
    }
    longer = Math.min(longer, length)
  }
  const addresses: Array<number> = []
  let first = 0
  for (const size of sizes) {
    while (first < starts.length && starts[first] === ends[first]) first++
    let at = first
    while (at < starts.length && ends[at] - starts[at] < size) at++
    if (at === starts.length) return undefined
    addresses.push(starts[at])
    starts[at] += size
  }
  return addresses
}
