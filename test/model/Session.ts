/**
 * One handle on the volume: what a process that has it open knows, and the states it goes through.
 *
 *   closed -> opening (the steps of recovery) -> open -> closed
 *
 * A session is plain data; a crash throws it away. What the disk is asked to do stands in it as a list of steps, so
 * that the explorer can cut between any two of them.
 */
import { type ContentId, junk, type Write } from "./Disk.ts"
import type { PageSet, Pointer, Snapshot } from "./Records.ts"

export type Step =
  | { readonly do: "write"; readonly writes: ReadonlyArray<Write> }
  | { readonly do: "sync" }
  /** The root is published, and everything in its group acknowledged. */
  | { readonly do: "acknowledge"; readonly root: ContentId }
  /** Recovery is over: open returns. */
  | { readonly do: "return" }
  | { readonly do: "close" }

export type Session = Closed | Opening | Open

interface Closed {
  readonly phase: "closed"
}

export interface Opening {
  readonly phase: "opening"
  readonly next: Open
  readonly steps: ReadonlyArray<Step>
}

export interface Open {
  readonly phase: "open"
  readonly published: ContentId
  /** The root that is retained besides the published one; junk if there is none. */
  readonly previous: ContentId
  readonly nextGeneration: number
  /** Pages written early by transactions that were rolled back since the last commit was planned. */
  readonly spent: PageSet
  readonly inFlight: InFlight | null
  readonly group: Group | null
  /** Steps of recovery that a broken open put off until the first commit. */
  readonly deferred: ReadonlyArray<Step>
}

export interface InFlight {
  readonly root: ContentId
  /** Every page that this commit has written or will write, and so none that anybody else may. */
  readonly reserved: PageSet
  readonly steps: ReadonlyArray<Step>
}

/** Transactions that will share the next commit. */
export interface Group {
  readonly generation: number
  /** The root on which the group stands: the one in flight, else the published one. */
  readonly predecessor: ContentId
  /** The published root's generation when the group began: what a broken commit takes for its base. */
  readonly publishedAtBegin: number
  readonly earlyBirth: number
  readonly draft: Draft
  readonly reserved: PageSet
  /** The last finished transaction; null if none is. */
  readonly version: number | null
  /** A snapshot closes its group: nobody may join it any more. */
  readonly isClosed: boolean
  readonly running: Running | null
}

/** The state that a group builds: an object is a page on disk or, dirty, a value in memory. */
export interface Draft {
  readonly objects: ReadonlyArray<DraftObject>
  /** The free map of the root to be: what the group releases is free in it, but not yet for the group itself. */
  readonly free: PageSet
  readonly snapshots: ReadonlyArray<Snapshot>
}

interface DraftObject {
  readonly pointer: Pointer | null
  readonly value: number
}

/** A transaction that runs step by step. */
export interface Running {
  readonly version: number
  readonly puts: number
  readonly begin: Draft
  readonly savepoint: Draft | null
  readonly savepointsLeft: number
}

export const closed: Session = { phase: "closed" }

export const opened = (published: ContentId, previous: ContentId, nextGeneration: number): Open => ({
  phase: "open",
  published,
  previous,
  nextGeneration,
  spent: 0,
  inFlight: null,
  group: null,
  deferred: []
})

/** The roots whose pages and slots this session must leave alone, as far as it knows. */
export const retainedRoots = (session: Open, retention: 0 | 1): ReadonlyArray<ContentId> =>
  retention === 1 && session.previous !== junk ? [session.published, session.previous] : [session.published]
