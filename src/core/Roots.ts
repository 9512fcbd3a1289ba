/**
 * What a transaction changes: the roots of all trees, and the counters that go with them. A value.
 */
import type { Layout } from "./Layout.ts"
import * as Tree from "./Tree.ts"

/** A snapshot of what the transaction commits. */
export interface PendingSnapshot {
  readonly name: Uint8Array
  readonly id: Uint8Array
  /** Nanoseconds since 1970. */
  readonly time: bigint
}

/** A transaction went back to a snapshot: of the first `deadCount` deaths of its draft, what the snapshot sees lives again. */
export interface PendingRollback {
  readonly generation: number
  readonly deadCount: number
}

/** What a transaction asks of its commit. Of a committed root there is nothing left of it. */
export interface Pending {
  readonly snapshot: PendingSnapshot | undefined
  readonly rollbacks: ReadonlyArray<PendingRollback>
}

export const NOTHING_PENDING: Pending = { snapshot: undefined, rollbacks: [] }

export interface Roots {
  /** Files and folders; see `Inode`. */
  readonly names: Tree.Tree
  /** Snapshots, by generation. */
  readonly snapshots: Tree.Tree
  /** Pages that died and that snapshots still see; see `Deadlists`. */
  readonly deadlists: Tree.Tree
  /** The number that the next new file or folder gets: never given twice. */
  readonly nextInode: number
  readonly inodeCount: number
  readonly pending: Pending
}

export const empty = (layout: Layout): Roots => ({
  names: Tree.empty(layout),
  snapshots: Tree.empty(layout),
  deadlists: Tree.empty(layout),
  nextInode: 1,
  inodeCount: 0,
  pending: NOTHING_PENDING
})
