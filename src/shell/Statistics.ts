/**
 * What a volume holds, and what this session has done with it.
 */
import * as Allocator from "../core/Allocator.ts"
import * as HeldBack from "./HeldBack.ts"
import type * as Session from "./Session.ts"

/** What a volume holds and has done. Sizes in bytes. */
export interface Statistics {
  readonly pageBytes: number
  /** The size of the volume. */
  readonly size: number
  /** Free in the newest durable root. */
  readonly free: number
  /** Of the free bytes, those kept for deletions on a full volume. */
  readonly reserved: number
  /** What can be taken now: free, less what older roots still need. */
  readonly allocatable: number
  /** Files, folders and symbolic links. */
  readonly inodeCount: number
  readonly generation: number
  /** Changes in memory that no commit has taken yet. */
  readonly dirtyBytes: number
  readonly cacheBytes: number
  readonly cacheHits: number
  readonly cacheMisses: number
  /** Of this session. */
  readonly commits: number
  readonly transactions: number
  readonly syncs: number
  readonly pagesRead: number
  readonly pagesWritten: number
  readonly readers: HeldBack.Statistics
}

export const of = (session: Session.Session): Statistics => {
  const { allocator, root } = session.head
  const { pageBytes } = session.binding.layout
  const cache = session.cache.statistics
  return {
    pageBytes,
    size: allocator.map.pageCount * pageBytes,
    free: allocator.freeCount * pageBytes,
    reserved:
      Math.min(allocator.freeCount, Allocator.reserveCount(session.binding.layout, allocator.map.pageCount)) *
      pageBytes,
    allocatable: Math.max(0, Allocator.allocatableCount(allocator)) * pageBytes,
    inodeCount: root.record.roots.inodeCount,
    generation: root.record.generation,
    dirtyBytes: session.group?.draft.dirtyBytes ?? 0,
    cacheBytes: cache.bytes,
    cacheHits: cache.hits,
    cacheMisses: cache.misses,
    ...session.counters,
    readers: HeldBack.statistics(session)
  }
}
