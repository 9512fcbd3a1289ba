/**
 * The one mutable cell of an open volume.
 *
 * - `head` is the newest durable root; `inflight` is the commit that is on its way to the device, at most one; `group` is the
 *   draft that writers fill now. It stands on the commit in flight if there is one, else on the head.
 * - The writer's permit (`writer`) guards `group`: whoever holds it may change the draft. A commit is planned under it and
 *   performed without it, so writers go on while the device works.
 * - Every change of a field is one synchronous step.
 * - `poison` is set by the first failed write or sync and never cleared: no write, no root and no acknowledgement after it.
 */
import type * as Duration from "effect/Duration"
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Allocator from "../core/Allocator.ts"
import type * as Binding from "../core/Binding.ts"
import type * as Commit from "../core/Commit.ts"
import type { Draft } from "../core/Draft.ts"
import type { Pages } from "../core/Pages.ts"
import type { Rejected } from "../core/Recovery.ts"
import type { Roots } from "../core/Roots.ts"
import type { Superblock } from "../core/Superblock.ts"
import type { Write } from "../core/Write.ts"
import type { BlockDevice } from "./BlockDevice.ts"
import type { BufferPool } from "./BufferPool.ts"
import type { Identity } from "./Identity.ts"
import type { PageCache } from "./PageCache.ts"
import type { PinnedPages } from "./PinnedPages.ts"
import type { Readers } from "./Readers.ts"
import * as VolumeError from "./VolumeError.ts"
import type { Permit } from "./Permit.ts"

/** When a transaction is durable: when it returns, or at the next interval or `sync`. */
export type Durability = "commit" | "interval"

/** The writers that share the next commit. */
export interface Group {
  readonly draft: Draft<Roots>
  readonly pinned: PinnedPages
  /** The root that the draft stands on: the commit in flight when it began, or the head. */
  base: Commit.Head
  /** Of the base, less what was written early. */
  allocator: Allocator.Allocator
  hasEarlyWrites: boolean
  /** The roots as of the last transaction that succeeded: what outsiders may see where durability is by interval. */
  visible: Roots
  /** Transactions that have succeeded and share the commit. */
  transactions: number
  /** Inodes that an operation of this group may have freed, since nobody had them open; see `OpenFiles`. */
  readonly freed: Set<number>
  /** The draft's `changeCount` after the last of them. */
  changesSeen: number
  /** Whether somebody has taken it on to commit this group. */
  hasLeader: boolean
  /** Pages that could still be taken, less the reserve: of `allocator`. */
  roomPages: number
  /** Done when the commit is durable, or has failed. */
  done: Deferred.Deferred<Commit.Head, VolumeError.VolumeError>
}

/** A file, folder or symbolic link that somebody has open. */
export interface OpenInode {
  readonly number: number
  /** How many have it open. */
  count: number
  /** Whether its last name may have been removed. */
  isUnlinked: boolean
  /** Whether the transaction that made it was rolled back: its number may be given again. */
  isGone: boolean
}

/** A commit on its way to the device. */
export interface Inflight {
  readonly group: Group
  /** The head once it is durable. */
  readonly next: Commit.Head
}

/** The early write on its way to the device, at most one, and the sync behind it; see `EarlyFlush`. */
export interface Early {
  readonly written: Fiber.Fiber<void>
  readonly synced: Fiber.Fiber<void>
}

export interface Counters {
  commits: number
  transactions: number
  syncs: number
  pagesRead: number
  pagesWritten: number
}

/** A commit that is durable. */
export interface Committed {
  readonly duration: Duration.Duration
  /** How many have waited for it together. */
  readonly transactions: number
}

export interface Session {
  readonly device: BlockDevice["Service"]
  readonly superblock: Superblock
  readonly binding: Binding.Binding
  readonly cache: PageCache
  readonly buffers: BufferPool
  /** Operations that have loaded pages and run again. */
  restarts: number
  /** What is in the cache, for reading. */
  readonly pages: Pages
  readonly identity: Identity
  readonly sessionId: Uint8Array
  readonly durability: Durability
  readonly dirtyBytesMax: number
  readonly readOnly: boolean
  readonly writer: Permit
  /** Commits since the last one that somebody shared, or could have; see `GroupCommit`. */
  loneCommits: number
  /** Held by a sync of the device. */
  readonly syncing: Permit
  head: Commit.Head
  /** Done when the head is another one, or the session is closed. */
  moved: Deferred.Deferred<void>
  inflight: Inflight | undefined
  early: Early | undefined
  group: Group | undefined
  /** What the first write of this session writes again, with the same bytes, before anything else (I3). */
  rewrite: ReadonlyArray<Write>
  /** Roots that recovery found incomplete. */
  readonly rejected: ReadonlyArray<Rejected>
  /** The beginnings of the root slots, by number, as they were when this session last saw that they are not foreign; see `Fencing`. */
  readonly seenSlots: Map<number, Uint8Array>
  /** The highest generation that any slot held when this session opened, accepted or rejected; see `Fencing`. */
  readonly seenGeneration: number
  /** Generations never go back, not even over roots that were rejected (I6). */
  nextGeneration: number
  /** Pages of drafts that were given up after early writes: free, but a write to them may be pending. */
  abandoned: ReadonlyArray<Allocator.Held>
  /** Whether this session has written a root. */
  hasWritten: boolean
  poison: VolumeError.VolumeError | undefined
  closed: boolean
  /** Views, opened snapshots and scans. */
  readonly readers: Readers
  /** Single reads that wait for the device, by the generation that they read. */
  readonly pins: Map<number, number>
  /** What somebody has open, by number; see `OpenFiles`. */
  readonly open: Map<number, OpenInode>
  readonly counters: Counters
  /** Who is told of each commit. */
  readonly onCommit: Set<(commit: Committed) => void>
}

/** Why the session takes no writes, if it takes none. */
export const refusal = (session: Session): VolumeError.VolumeError | undefined => {
  const { closed, device, poison, readOnly } = session
  if (closed) return VolumeError.make(new VolumeError.Closed({ what: "volume" }))
  if (readOnly) return VolumeError.make(new VolumeError.ReadOnly({ device: device.identity }))
  if (poison === undefined) return undefined
  return VolumeError.make(new VolumeError.Poisoned({ device: device.identity, cause: poison.reason }))
}

/** The first failure of a write or sync stays: nothing is retried, since nobody knows what the device holds. */
export const poison = (session: Session, error: VolumeError.VolumeError): void => {
  session.poison ??= error
}

/** Makes a root that is durable now the head, and tells who waits for that. */
export const advance = (session: Session, head: Commit.Head): void => {
  session.head = head
  forgetDead(session)
  tellMoved(session)
}

/** What has died with the head nobody asks for any more, unless he reads an older root. */
const forgetDead = ({ buffers, cache, head, pins, readers }: Session): void => {
  if (pins.size > 0 || readers.oldest() !== undefined) return
  const { generation } = head.root.record
  for (const died of head.allocator.held) {
    if (died.generation === generation) cache.forgetAll(died.extents, (buffer) => buffers.give(buffer))
  }
}

/** Tells who waits for another head. */
export const tellMoved = (session: Session): void => {
  const { moved } = session
  session.moved = Deferred.makeUnsafe()
  Deferred.doneUnsafe(moved, Exit.void)
}

export const pin = (session: Session, generation: number): void => {
  session.pins.set(generation, (session.pins.get(generation) ?? 0) + 1)
}

export const unpin = (session: Session, generation: number): void => {
  const count = (session.pins.get(generation) ?? 0) - 1
  if (count > 0) session.pins.set(generation, count)
  else session.pins.delete(generation)
}

/** The oldest root whose pages must stay: the one before the head (R = 1), or one that a reader still reads. */
export const oldestRoot = (session: Session): number => {
  const { base } = session.head.root.record
  let oldest = Math.min(base, session.readers.oldest()?.generation ?? base)
  for (const generation of session.pins.keys()) oldest = Math.min(oldest, generation)
  return oldest
}
