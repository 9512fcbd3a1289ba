/**
 * What a session writes: pages, roots, syncs, in the order of the commit protocol.
 *
 * - A failure of a write or sync poisons the session, and after it nothing is written any more: nothing is retried, since
 *   nobody knows what the device holds.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Commit from "../core/Commit.ts"
import * as Batching from "./Batching.ts"
import * as Fencing from "./Fencing.ts"
import * as PromptCall from "./PromptCall.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

type Failure = VolumeError.VolumeError

const failed =
  (session: Session.Session) =>
  (cause: Parameters<typeof VolumeError.make>[0]): Failure => {
    const error = VolumeError.make(cause)
    Session.poison(session, error)
    return error
  }

/** Writes again what recovery found, and syncs: what an open shows is not taken back by a later crash (I3). */
export const stabilize = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const { rewrite } = session
    if (rewrite.length === 0) return Effect.void
    return writeAndSync(session, rewrite).pipe(
      Effect.andThen(
        Effect.sync(() => {
          session.rewrite = []
        })
      )
    )
  })

/** Writes pages; a failure poisons the session, and after it nothing is written any more. */
export const write = (
  session: Session.Session,
  writes: ReadonlyArray<Batching.PageWrite>
): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    if (session.poison !== undefined) return Effect.fail(Session.refusal(session) ?? session.poison)
    count(session, writes)
    return Effect.mapError(Batching.write(session.device, writes, session.binding.layout.pageBytes), failed(session))
  })

const count = ({ binding, counters }: Session.Session, writes: ReadonlyArray<Batching.PageWrite>): void => {
  for (const { bytes } of writes) counters.pagesWritten += bytes.length / binding.layout.pageBytes
}

const syncAlone = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    if (session.poison !== undefined) return Effect.fail(Session.refusal(session) ?? session.poison)
    session.counters.syncs++
    return Effect.mapError(session.device.sync, failed(session))
  })

/**
 * Syncs; a failure poisons the session. One at a time: of two at once a system may tell one of them alone that it could not
 * write, and the other would acknowledge what is lost.
 */
export const sync = (session: Session.Session): Effect.Effect<void, Failure> => session.syncing.with(syncAlone(session))

/** Writes and syncs, with no sync of others between: a root never gets to the disk by itself, while its pages are written. */
const writeAndSync = (
  session: Session.Session,
  writes: ReadonlyArray<Batching.PageWrite>
): Effect.Effect<void, Failure> => Effect.suspend(() => beginWriteAndSync(session, writes))

/** The same, begun here and now: as far as the device goes along with that. */
const beginWriteAndSync = (
  session: Session.Session,
  writes: ReadonlyArray<Batching.PageWrite>
): Effect.Effect<void, Failure> => {
  const { syncing } = session
  if (session.poison === undefined && syncing.takeNow()) {
    try {
      const written = writeNow(session, writes)
      if (written !== undefined) return written
    } finally {
      syncing.release()
    }
  }
  return syncing.with(Effect.andThen(write(session, writes), syncAlone(session)))
}

/** Writes here and now, and syncs, if the device goes along with both; a sync that takes its time after all is what is left. */
const writeNow = (
  session: Session.Session,
  writes: ReadonlyArray<Batching.PageWrite>
): Effect.Effect<void, Failure> | undefined => {
  const { binding, counters, device } = session
  const written = Batching.writeNow(device, writes, binding.layout.pageBytes)
  if (written === undefined) return undefined
  count(session, writes)
  if (Exit.isFailure(written)) return Effect.mapErrorEager(written, failed(session))
  const prompt = PromptCall.of(device.sync, 0)
  if (prompt === undefined) return sync(session)
  counters.syncs++
  return Effect.mapErrorEager(prompt.carryOut(), failed(session))
}

/** Waits for the early write that is on its way. */
export const arrived = (session: Session.Session): Effect.Effect<void> =>
  Effect.suspend(() => (session.early === undefined ? Effect.void : Fiber.join(session.early.written)))

/** The same, and for the sync behind it. */
export const landed = (session: Session.Session): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { early } = session
    if (early === undefined) return Effect.void
    return Effect.map(Fiber.join(early.synced), () => {
      if (session.early === early) session.early = undefined
    })
  })

/** Performs a plan, begun here and now: pages, the root, the sync. What it writes is held in the cache already. */
export const perform = (session: Session.Session, plan: Commit.Plan, transactions = 0): Effect.Effect<void, Failure> =>
  session.onCommit.size === 0
    ? performing(session, plan)
    : told(
        session,
        transactions,
        Effect.suspend(() => performing(session, plan))
      )

const told = (
  session: Session.Session,
  transactions: number,
  commit: Effect.Effect<void, Failure>
): Effect.Effect<void, Failure> =>
  Effect.map(Effect.timed(commit), ([duration]) => {
    for (const tell of session.onCommit) tell({ duration, transactions })
  })

/** Begins here and now, unless pages were written early. */
const performing = (session: Session.Session, plan: Commit.Plan): Effect.Effect<void, Failure> => {
  const root = { address: plan.root.page, bytes: plan.root.bytes }
  const begin = () =>
    plan.root.record.barriers === 2
      ? inTwo(session, plan.writes, root)
      : Effect.flatMapEager(Fencing.check(session), () => beginWriteAndSync(session, [...plan.writes, root]))
  const writing = session.early === undefined ? begin() : Effect.flatMap(landed(session), begin)
  return Effect.mapEager(writing, () => {
    session.hasWritten = true
    session.counters.commits++
  })
}

/** Pages, a sync, and the root that reveals them, with a sync of its own. */
const inTwo = Effect.fnUntraced(function* (
  session: Session.Session,
  writes: ReadonlyArray<Batching.PageWrite>,
  root: Batching.PageWrite
) {
  yield* Fencing.check(session)
  // Pages that were written early have no sync behind them yet.
  yield* writes.length === 0 ? sync(session) : writeAndSync(session, writes)
  yield* Fencing.check(session)
  yield* writeAndSync(session, [root])
})
