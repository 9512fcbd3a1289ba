/**
 * How many pages a volume has: more or fewer with a commit, up to the most that its superblock allows.
 *
 * - The number stands in the root record and nowhere else, so a crash leaves the volume with the one or the other.
 * - Pages that are added are free. Pages that are taken away were free, in the root before and in every root that somebody still
 *   reads; no free map has anything to say of them afterwards.
 * - The height of the map follows from the number. Where it grows, the old map is the first child of a new one; where it shrinks,
 *   the map is what the first child was, and all nodes that stand only for pages that are gone are given up.
 */
import * as Allocator from "./Allocator.ts"
import type { Draft } from "./Draft.ts"
import * as Extent from "./Extent.ts"
import * as FreeMap from "./FreeMap.ts"
import { invariant } from "./Invariant.ts"
import { type Layout, NODE_HEADER_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import type { Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import * as RootSlots from "./RootSlots.ts"

/** The fewest pages that the volume can be left with now: what is beyond them is free, and enough is left for deletions. */
export const lowest = (pages: Pages, allocator: Allocator.Allocator): number => {
  const { layout } = pages
  const { map } = allocator
  const spare = Allocator.allocatableCount(allocator) - Allocator.reserveCount(layout, map.pageCount)
  const reserved = allocator.reserved.at(-1) ?? 0
  return Math.max(RootSlots.PAGES_MIN, reserved, endOfUse(pages, allocator), map.pageCount - Math.max(0, spare))
}

/** The page after the last one that is in use, by the newest root or by one that is kept. */
const endOfUse = (pages: Pages, allocator: Allocator.Allocator): number => {
  const { map } = allocator
  const held = Allocator.heldPages(allocator)
  for (let index = FreeMap.leafCount(pages.layout, map) - 1; index >= 0; index--) {
    const first = index * pages.layout.mapLeafPages
    const end = Math.min(first + pages.layout.mapLeafPages, map.pageCount)
    const free = Extent.subtract(FreeMap.freeInLeaf(pages, map, index), held)
    const used = free.at(-1) === end ? (free.at(-2) ?? end) : end
    if (used > first) return used
  }
  return 0
}

/** Whether the nodes of the map have to change with the number of pages. */
export const changesNodes = (layout: Layout, map: FreeMap.FreeMap, pageCount: number): boolean =>
  pageCount < map.pageCount ||
  (FreeMap.heightFor(layout, pageCount) !== map.height && !Pointer.isNull(layout, map.link, 0))

/** The allocator of a volume with so many pages, whose map still has the nodes that it had; see {@link fold}. */
export const resize = (layout: Layout, allocator: Allocator.Allocator, pageCount: number): Allocator.Allocator => {
  const { cursor, freeCount, held, map, window } = allocator
  const added = pageCount - map.pageCount
  invariant(
    held.every(({ extents }) => (extents.at(-1) ?? 0) <= pageCount),
    "no page is held beyond the end of the volume"
  )
  const height = changesNodes(layout, map, pageCount) ? map.height : FreeMap.heightFor(layout, pageCount)
  const resized = { ...map, pageCount, height }
  return {
    ...allocator,
    map: resized,
    window: Extent.within(window, 0, pageCount),
    cursor: cursor < FreeMap.leafCount(layout, resized) ? cursor : 0,
    freeCount: freeCount + added
  }
}

/** Folds the map, and gives it the nodes that `map.pageCount` asks for; before, it had those of `pageCountBefore`. */
export const fold = (draft: Draft<unknown>, map: FreeMap.FreeMap, pageCountBefore: number): FreeMap.FreeMap => {
  if (map.pageCount >= pageCountBefore) return FreeMap.fold(draft, raise(draft, map))
  // All bits are right then: none is set for a page that is taken away.
  const folded = FreeMap.fold(draft, map)
  const died = draft.dead.length
  draft.bookkeeping = true
  const shrunk = lower(draft, { ...folded, pageCount: map.pageCount })
  draft.bookkeeping = false
  const dead = draft.dead.slice(died).map(({ address, pageCount }) => [address, pageCount] as const)
  return FreeMap.release(shrunk, Extent.fromUnsorted(dead))
}

/** Puts new nodes above a map that is not high enough. */
const raise = (draft: Draft<unknown>, map: FreeMap.FreeMap): FreeMap.FreeMap => {
  const { layout } = draft
  const height = FreeMap.heightFor(layout, map.pageCount)
  let { link } = map
  for (let level = map.height + 1; level <= height; level++) {
    const above = Pointer.makeNull(layout)
    draft.create(above, 0, Node.MAP, level).set(link, NODE_HEADER_BYTES)
    link = above
  }
  return { ...map, height, link }
}

/** Gives up the nodes that stand for no page of the volume, and those above the height that is left. */
const lower = (draft: Draft<unknown>, map: FreeMap.FreeMap): FreeMap.FreeMap => {
  const { layout } = draft
  const height = FreeMap.heightFor(layout, map.pageCount)
  const link = map.link.slice()
  for (let level = map.height; level > height && !Pointer.isNull(layout, link, 0); level--) {
    const node = draft.node(link, 0, Node.MAP, level)
    for (let child = 1; child < layout.mapFanout; child++) discardAll(draft, node, childAt(layout, child), level - 1)
    const first = node.slice(NODE_HEADER_BYTES, NODE_HEADER_BYTES + layout.pointerBytes)
    draft.discard(link, 0)
    link.set(first)
  }
  prune(draft, link, 0, height, FreeMap.leafCount(layout, map))
  return { ...map, height, link }
}

const childAt = (layout: Layout, child: number): number => NODE_HEADER_BYTES + child * layout.pointerBytes

/** Leaves the first `leafCount` leaves under a pointer; nothing where it is null. */
const prune = (draft: Draft<unknown>, holder: Uint8Array, at: number, level: number, leafCount: number): void => {
  const { layout } = draft
  if (level === 0 || Pointer.isNull(layout, holder, at)) return
  const leavesUnder = layout.mapFanout ** (level - 1)
  const last = Math.ceil(leafCount / leavesUnder) - 1
  const node = draft.edit(holder, at, Node.MAP, level)
  for (let child = last + 1; child < layout.mapFanout; child++) {
    discardAll(draft, node, childAt(layout, child), level - 1)
    Pointer.writeNull(layout, node, childAt(layout, child))
  }
  prune(draft, node, childAt(layout, last), level - 1, leafCount - last * leavesUnder)
}

/** Gives up a node and all under it. */
const discardAll = (draft: Draft<unknown>, holder: Uint8Array, at: number, level: number): void => {
  const { layout } = draft
  if (Pointer.isNull(layout, holder, at)) return
  if (level > 0) {
    const node = draft.node(holder, at, Node.MAP, level)
    for (let child = 0; child < layout.mapFanout; child++) discardAll(draft, node, childAt(layout, child), level - 1)
  }
  draft.discard(holder, at)
}

/** Pages at powers of two among those that are added: there an earlier volume may have left a superblock (see `Format`). */
export const toBeWiped = (before: number, pageCount: number): ReadonlyArray<number> => {
  const pages: Array<number> = []
  for (let page = 1; page < pageCount; page *= 2) if (page >= before) pages.push(page)
  return pages
}
