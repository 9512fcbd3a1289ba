/**
 * A commit as a value: the pages to write, the root that reveals them, and the state after it.
 *
 * - Pages go to addresses that are free in the base root and in every root that is retained or pinned.
 * - The root names the base that is durable when it is encoded; everything it adds has birth > base.
 * - With one barrier pages and root may reach the disk in any order, since recovery verifies all that is younger than the
 *   base. A commit of more than a mebibyte, or one whose pages were written early, has two: recovery then takes the root.
 * - A commit that releases at least as many pages as it takes may use the reserve (I16), and so may one that only removes
 *   snapshots: see {@link removesOnly}.
 * - Planning may miss pages of the free map; it is run as an attempt of its draft, and changes no byte of a node before it
 *   has all it needs.
 */
import * as Allocator from "./Allocator.ts"
import type { Binding } from "./Binding.ts"
import * as Deadlists from "./Deadlists.ts"
import type { DeadExtent, Draft } from "./Draft.ts"
import * as Extent from "./Extent.ts"
import * as FreeMap from "./FreeMap.ts"
import { invariant } from "./Invariant.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as RootRecord from "./RootRecord.ts"
import * as RootSlots from "./RootSlots.ts"
import * as Rollback from "./Rollback.ts"
import { NOTHING_PENDING, type Roots } from "./Roots.ts"
import * as Settle from "./Settle.ts"
import * as Snapshots from "./Snapshots.ts"
import * as VolumeSize from "./VolumeSize.ts"
import type { Write } from "./Write.ts"

/** Commits that write more than this put a sync between their pages and their root. */
export const ONE_BARRIER_BYTES_MAX = 1024 * 1024

/** Deltas of the free map that have more bytes are folded, though a root has room for more: every commit goes through them. */
const DELTA_BYTES_KEPT = 1024

/** The newest root, and which pages the next commit may write. */
export interface Head {
  readonly root: RootRecord.EncodedRoot
  readonly allocator: Allocator.Allocator
}

/** What comes in from outside. */
export interface Circumstances {
  readonly slots: RootSlots.RootSlots
  readonly sessionId: Uint8Array
  readonly bootId: Uint8Array
  /** Nanoseconds since 1970. */
  readonly time: bigint
}

export interface Plan {
  readonly _tag: "Plan"
  /** Pages, in address order. */
  readonly writes: ReadonlyArray<Write>
  readonly root: RootRecord.EncodedRoot
  /** The state once the root is durable. */
  readonly next: Head
}

export interface DiskFull {
  readonly _tag: "DiskFull"
  /** Pages that were missing. */
  readonly missing: number
}

/** Enough free pages, but not in runs as long as the draft's: it has to be shortened and planned again. */
export interface Fragmented {
  readonly _tag: "Fragmented"
}

/** Pages written before the commit. */
export interface EarlyWrites {
  readonly _tag: "EarlyWrites"
  readonly writes: ReadonlyArray<Write>
  readonly allocator: Allocator.Allocator
}

type RootsDraft = Draft<Roots>

/** In the order in which they are settled: the item of a snapshot holds the tree before it. */
const TREES = ["names", "deadlists", "snapshots"] as const

/** The trees of a draft as settling needs them, with links of their own. */
const topsOf = (roots: Roots): ReadonlyArray<Settle.Top & { readonly name: (typeof TREES)[number] }> =>
  TREES.map((name) => ({
    name,
    link: roots[name].link.slice(),
    kind: Node.TREE,
    level: roots[name].level,
    names: name === "names"
  }))

/**
 * Whether all that a draft does is to remove snapshots. Their lists may take more nodes than they had before they take fewer: what
 * no older snapshot sees is off them, and the rest stands in others, whose leaves it splits.
 */
export const removesOnly = ({ dead, layout, roots }: RootsDraft): boolean => {
  const { names, pending } = roots
  if (Pointer.isMemory(layout, names.link, 0) || pending.snapshot !== undefined) return false
  return dead.every(({ bookkeeping }) => bookkeeping)
}

/** All nodes of the draft that are in memory. */
export const collect = (draft: RootsDraft): Settle.Places => Settle.collect(draft, topsOf(draft.roots))

const withLinks = (roots: Roots, tops: ReturnType<typeof topsOf>): Roots => {
  const settled = { ...roots }
  for (const { level, link, name } of tops) settled[name] = { level, link }
  return settled
}

const inAddressOrder = (writes: ReadonlyArray<Write>): ReadonlyArray<Write> =>
  [...writes].sort((a, b) => a.address - b.address)

/**
 * Settles all that is in memory, without a root. The draft goes on with trees on disk; what it changes again is copied, and
 * the page that was written early is dead with this commit.
 */
export const early = (draft: RootsDraft, allocator: Allocator.Allocator): EarlyWrites | DiskFull | Fragmented => {
  const tops = topsOf(draft.roots)
  const places = Settle.collect(draft, tops)
  const reserve = Allocator.reserveCount(draft.layout, allocator.map.pageCount)
  const sizes = Settle.sizes(draft, places)
  // What only a savepoint still sees is in memory too. A rollback brings it back, but not the pages that are taken now: there
  // must be room for both, or what succeeded before the savepoint could no longer be committed.
  const shadowed = draft.dirtyBytes / draft.layout.pageBytes - sizes.reduce((sum, size) => sum + size, 0)
  const taken = Allocator.take(draft, allocator, sizes, reserve + shadowed)
  if (taken._tag === "Full") return { _tag: "DiskFull", missing: taken.missing }
  if (taken._tag === "Fragmented") return taken
  const writes = Settle.place(draft, places, taken.addresses)
  draft.roots = withLinks(draft.roots, tops)
  return { _tag: "EarlyWrites", writes: inAddressOrder(writes), allocator: taken.allocator }
}

/**
 * Plans the commit of a draft on `head`, the newest durable root, with `allocator`: the head's, or what early writes made of
 * it. `hasEarlyWrites` says whether there were any. With the commit the volume has `pageCountNext` pages; see `VolumeSize`.
 */
export const plan = (
  draft: RootsDraft,
  head: Head,
  allocator: Allocator.Allocator,
  circumstances: Circumstances,
  hasEarlyWrites: boolean,
  pageCountNext = allocator.map.pageCount
): Plan | DiskFull | Fragmented => {
  const { binding, generation, layout } = draft
  const base = head.root.record
  invariant(generation > base.generation, "generations increase")
  // What a snapshot still sees goes on its list; the pages that editing the lists releases are free with the rest.
  const userDead = draft.dead.length
  const isRemoval = removesOnly(draft)
  const { pending } = draft.roots
  const free = Deadlists.record(draft, Rollback.stillDead(draft.dead, pending.rollbacks))
  for (const rollback of pending.rollbacks) Snapshots.noteRollback(draft, rollback.generation)
  if (pending.snapshot !== undefined) Snapshots.insert(draft, pending.snapshot)
  const dead = Extent.union(extentsOf(free), deadExtents(draft, userDead))
  const deadCount = draft.dead.length
  let after = Allocator.release(allocator, dead, generation)
  const pageCountBefore = after.map.pageCount
  let hasOtherNodes = false
  if (pageCountNext !== pageCountBefore) {
    hasOtherNodes = VolumeSize.changesNodes(layout, after.map, pageCountNext)
    after = VolumeSize.resize(layout, after, pageCountNext)
  }

  const tops = topsOf(draft.roots)
  const userPlaces = Settle.collect(
    draft,
    tops.filter(({ name }) => name !== "snapshots")
  )
  const snapshotPlaces = Settle.collect(
    draft,
    tops.filter(({ name }) => name === "snapshots")
  )
  const places = [...userPlaces, ...snapshotPlaces]
  const sizes = Settle.sizes(draft, places)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const { pageCount } = after.map
  const reserve =
    isRemoval || total <= Extent.size(dead)
      ? 0
      : Allocator.reserveCount(layout, pageCount) - Allocator.overheadCount(layout, pageCount)
  const taken = Allocator.take(draft, after, sizes, reserve)
  if (taken._tag === "Full") return { _tag: "DiskFull", missing: taken.missing }
  if (taken._tag === "Fragmented") return taken
  after = taken.allocator

  let mapTop = { link: after.map.link, kind: Node.MAP, level: after.map.height, names: false }
  let mapPlaces: Settle.Places = []
  const mapAddresses = new Map<number, number>()
  // The homes of the map's new pages stay deltas. Where they lie too scattered for that they are folded in turn, which may
  // touch more leaves; there are only so many.
  let deltaBytesMax = Math.min(DELTA_BYTES_KEPT, RootRecord.deltaBytesMax(layout))
  for (let seen = deadCount; hasOtherNodes || FreeMap.deltaBytes(after.map) > deltaBytesMax;) {
    deltaBytesMax = RootRecord.deltaBytesMax(layout)
    const folded = hasOtherNodes ? VolumeSize.fold(draft, after.map, pageCountBefore) : FreeMap.fold(draft, after.map)
    hasOtherNodes = false
    mapTop = { ...mapTop, link: folded.link, level: folded.height }
    mapPlaces = Settle.collect(draft, [mapTop])
    // The old pages of the map are free in the bits already; like all that died now, they are not to be taken yet.
    const mapDead = deadExtents(draft, seen)
    seen = draft.dead.length
    after = Allocator.hold({ ...after, map: folded }, mapDead, generation)
    after = { ...after, freeCount: after.freeCount + Extent.size(mapDead) }
    const homeless = mapPlaces.filter(({ id }) => !mapAddresses.has(id))
    const mapTaken = Allocator.take(draft, after, Settle.sizes(draft, homeless), 0)
    if (mapTaken._tag !== "Taken") return { _tag: "DiskFull", missing: homeless.length }
    homeless.forEach(({ id }, i) => mapAddresses.set(id, mapTaken.addresses[i]))
    after = mapTaken.allocator
  }
  const mapHomes = mapPlaces.map(({ id }) => mapAddresses.get(id) ?? 0)

  // All is known and loaded: from here on nothing can fail.
  const settled = Settle.place(draft, userPlaces, taken.addresses)
  const roots: Roots = { ...withLinks(draft.roots, tops), pending: NOTHING_PENDING }
  if (pending.snapshot !== undefined) Snapshots.complete(draft, roots.names)
  const writes = [
    ...settled,
    ...Settle.place(draft, snapshotPlaces, taken.addresses.slice(userPlaces.length)),
    ...Settle.place(draft, mapPlaces, mapHomes)
  ]
  const writtenBytes = (total + mapPlaces.length) * layout.pageBytes
  const root = RootRecord.encode(binding, circumstances.slots, {
    generation,
    base: base.generation,
    parent: head.root.hash,
    sessionId: circumstances.sessionId,
    bootId: circumstances.bootId,
    slot: RootSlots.next(circumstances.slots, base.slot),
    barriers: hasEarlyWrites || writtenBytes > ONE_BARRIER_BYTES_MAX ? 2 : 1,
    clean: false,
    map: { ...after.map, link: mapTop.link },
    freeCount: after.freeCount,
    cursor: after.cursor,
    time: circumstances.time,
    roots
  })
  draft.roots = roots
  return {
    _tag: "Plan",
    writes: inAddressOrder(writes),
    root,
    next: { root, allocator: { ...after, map: root.record.map } }
  }
}

/** A root that changes nothing but is clean, or moves retention on: no pages, a new generation. */
export const planEmpty = (
  binding: Binding,
  head: Head,
  generation: number,
  circumstances: Circumstances,
  clean: boolean
): Plan => {
  const { record } = head.root
  const root = RootRecord.encode(binding, circumstances.slots, {
    ...record,
    generation,
    base: record.generation,
    parent: head.root.hash,
    sessionId: circumstances.sessionId,
    bootId: circumstances.bootId,
    slot: RootSlots.next(circumstances.slots, record.slot),
    barriers: 1,
    clean,
    cursor: head.allocator.cursor,
    time: circumstances.time
  })
  return { _tag: "Plan", writes: [], root, next: { root, allocator: head.allocator } }
}

/** The pages that died since the `from`th death of the draft. */
export const deadExtents = (draft: RootsDraft, from: number): Extent.ExtentSet => extentsOf(draft.dead.slice(from))

const extentsOf = (dead: ReadonlyArray<DeadExtent>): Extent.ExtentSet =>
  Extent.fromUnsorted(dead.map(({ address, pageCount }) => [address, pageCount] as const))
