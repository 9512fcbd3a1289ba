/**
 * What a transaction changes: the roots of all trees, and the counters that go with them. A value.
 */
import type { Layout } from "./Layout.ts"
import * as Tree from "./Tree.ts"

export interface Roots {
  /** Files and folders; see `Inode`. */
  readonly names: Tree.Tree
  /** Snapshots, by generation. */
  readonly snapshots: Tree.Tree
  /** Pages that died and that snapshots still see; see `Deadlists`. */
  readonly deadlists: Tree.Tree
  /** Named trees, by name. */
  readonly tables: Tree.Tree
  /** The number that the next new file or folder gets: never given twice. */
  readonly nextInode: number
  readonly inodeCount: number
}

export const empty = (layout: Layout): Roots => ({
  names: Tree.empty(layout),
  snapshots: Tree.empty(layout),
  deadlists: Tree.empty(layout),
  tables: Tree.empty(layout),
  nextInode: 1,
  inodeCount: 0
})
