/**
 * Back to a snapshot: its tree becomes that of the volume, and what came after it is given up.
 *
 * - What was born after the snapshot is released: pages that the tree of now reaches, and pages on the lists of the snapshots
 *   that are given up with it. What was born before it and has died since lives again, so it leaves its list and no more.
 * - A page that was born before the snapshot is passed over together with all under it: what hangs under it is older still.
 * - The work is bounded by what was changed since the snapshot. It is done in steps; the state of a walk is a value, so a step
 *   that misses pages is run again.
 * - The draft has the tree of the snapshot before the first page is released: what is written early between two steps is what
 *   stays, and no node of the tree that is given up gets a page that nobody would release.
 */
import type { DeadExtent, Draft } from "./Draft.ts"
import * as Deadlists from "./Deadlists.ts"
import * as Links from "./Links.ts"
import * as Node from "./Node.ts"
import { demand, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import type { PendingRollback, Roots } from "./Roots.ts"
import * as Snapshots from "./Snapshots.ts"
import * as Tree from "./Tree.ts"

/** A pointer that is still to be looked at. */
export interface Step {
  readonly bytes: Uint8Array
  readonly at: number
  readonly kind: number
  readonly level: number
}

/** How far a rollback has come. */
export interface State {
  readonly to: Snapshots.Snapshot
  readonly frontier: ReadonlyArray<Step>
  readonly areListsDone: boolean
}

/** Nodes that one step reads, and entries of lists that it takes off. */
const STEP_COUNT = 256

/** The newest snapshots after one, to be given up with a rollback to it. */
export const newer = (pages: Pages, { snapshots }: Roots, to: Snapshots.Snapshot): ReadonlyArray<Snapshots.Snapshot> =>
  Snapshots.list(pages, snapshots, to.generation, Number.POSITIVE_INFINITY)

/** Gives the draft the tree of the snapshot; what its own tree held is still to be released. */
export const begin = (draft: Draft<Roots>, to: Snapshots.Snapshot): State => {
  const { link, level } = draft.roots.names
  draft.changeCount++
  draft.roots = { ...draft.roots, names: to.names, inodeCount: to.inodeCount }
  return { to, frontier: [{ bytes: link, at: 0, kind: Node.TREE, level }], areListsDone: false }
}

/** Empties the names tree; what it held is still to be released, by {@link release}. */
export const clear = (draft: Draft<Roots>): ReadonlyArray<Step> => {
  const { link, level } = draft.roots.names
  draft.changeCount++
  draft.roots = { ...draft.roots, names: Tree.empty(draft.layout), inodeCount: 0 }
  return [{ bytes: link, at: 0, kind: Node.TREE, level }]
}

/** Releases some of what hangs under these pointers, and answers what is left. */
export const release = (draft: Draft<Roots>, frontier: ReadonlyArray<Step>): ReadonlyArray<Step> =>
  releaseSome(draft, frontier, 0)

/** Goes on; nothing is left to do where the answer is `undefined`. */
export const step = (draft: Draft<Roots>, state: State): State | undefined => {
  if (state.frontier.length > 0) return { ...state, frontier: releaseSome(draft, state.frontier, state.to.generation) }
  if (!state.areListsDone) {
    return { ...state, areListsDone: Deadlists.revive(draft, state.to.generation, STEP_COUNT) }
  }
  for (const snapshot of newer(draft, draft.roots, state.to)) Snapshots.remove(draft, snapshot)
  const { pending } = draft.roots
  const rollback: PendingRollback = { generation: state.to.generation, deadCount: draft.dead.length }
  draft.changeCount++
  draft.roots = { ...draft.roots, pending: { ...pending, rollbacks: [...pending.rollbacks, rollback] } }
  return undefined
}

const releaseSome = (draft: Draft<Roots>, frontier: ReadonlyArray<Step>, to: number): ReadonlyArray<Step> => {
  const { layout } = draft
  const rest = frontier.slice(0, -STEP_COUNT)
  const missing: Array<Pointer.Pointer> = []
  const some = frontier.slice(-STEP_COUNT).filter(({ at, bytes }) => isYounger(draft, bytes, at, to))
  const nodes = some.map(({ at, bytes, kind, level }) =>
    kind === Node.DATA ? undefined : draft.peek(bytes, at, kind, level, missing)
  )
  demand(missing)
  for (const [i, { at, bytes, kind, level }] of some.entries()) {
    const node = nodes[i]
    if (node !== undefined) {
      Links.forEach(layout, node, kind, level, true, (holder, place, childKind, childLevel) => {
        if (isYounger(draft, holder, place, to)) {
          rest.push({ bytes: holder, at: place, kind: childKind, level: childLevel })
        }
      })
    }
    draft.discard(bytes, at)
  }
  return rest
}

/** Whether a pointer names what was born after a generation; what is in memory was. */
const isYounger = ({ layout }: Draft<Roots>, bytes: Uint8Array, at: number, generation: number): boolean =>
  !Pointer.isNull(layout, bytes, at) &&
  (Pointer.isMemory(layout, bytes, at) || Pointer.birth(layout, bytes, at) > generation)

/** Of the deaths of a draft, those that no rollback has taken back. */
export const stillDead = (
  dead: ReadonlyArray<DeadExtent>,
  rollbacks: ReadonlyArray<PendingRollback>
): ReadonlyArray<DeadExtent> =>
  dead.filter(
    ({ birth, bookkeeping }, i) =>
      bookkeeping || !rollbacks.some(({ deadCount, generation }) => i < deadCount && birth <= generation)
  )
