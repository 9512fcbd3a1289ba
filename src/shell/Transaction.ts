/**
 * Transactions: effects whose operations all take place on one private root, and commit as one or not at all.
 *
 * - The writer's permit spans the whole effect; the effect is run once and never again by itself.
 * - The running transaction is carried by a reference, so every operation of every service finds it. What a fiber still does
 *   after its transaction has ended fails.
 * - A transaction inside another is a savepoint.
 * - An operation outside of any transaction is one of its own.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type * as Commit from "../core/Commit.ts"
import type { Draft } from "../core/Draft.ts"
import type { Pages } from "../core/Pages.ts"
import type { Roots } from "../core/Roots.ts"
import * as EarlyFlush from "./EarlyFlush.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as Interpreter from "./Interpreter.ts"
import * as OpenFiles from "./OpenFiles.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

type Failure = VolumeError.VolumeError

/** A transaction that is running. */
interface Running {
  readonly _tag: "Running"
  readonly session: Session.Session
  readonly group: Session.Group
  /** Held by the savepoint that is open inside of it. */
  readonly inner: Semaphore.Semaphore
  isOpen: boolean
  readonly outer: Frame | undefined
}

/** A view that is running. */
interface Viewing {
  readonly _tag: "Viewing"
  readonly session: Session.Session
  readonly head: Commit.Head
  readonly outer: Frame | undefined
}

type Frame = Running | Viewing

/** What the running fiber is inside of, innermost first; of all volumes. */
const Current = Context.Reference<Frame | undefined>("notafs/shell/Transaction", { defaultValue: () => undefined })

const frameOf = (session: Session.Session, innermost: Frame | undefined): Frame | undefined => {
  let frame = innermost
  while (frame !== undefined && frame.session !== session) frame = frame.outer
  return frame
}

const ended = (): Failure => VolumeError.make(new VolumeError.Closed({ what: "transaction" }))

// ---- operations

/** Runs a reading function of the core on the root that the caller sees. */
export const read = <A>(session: Session.Session, f: (pages: Pages, roots: Roots) => A): Effect.Effect<A, Failure> =>
  Effect.flatMap(Current, (innermost) => {
    const frame = frameOf(session, innermost)
    if (frame === undefined) return readOutside(session, f)
    if (frame._tag === "Viewing") return Interpreter.readRoot(session, frame.head, f)
    if (!frame.isOpen) return Effect.fail(ended())
    const { draft, pinned } = frame.group
    return Interpreter.read(session, pinned, () => f(draft, draft.roots))
  })

const readOutside = <A>(session: Session.Session, f: (pages: Pages, roots: Roots) => A): Effect.Effect<A, Failure> => {
  if (session.closed) return Effect.fail(VolumeError.make(new VolumeError.Closed({ what: "volume" })))
  const { group, head, inflight } = session
  if (session.durability === "commit") return Interpreter.readRoot(session, head, f)
  if (group === undefined) return Interpreter.readRoot(session, inflight?.next ?? head, f)
  // Where durability is by interval, what has succeeded is visible at once.
  const { draft, pinned } = group
  const { generation } = head.root.record
  const { visible } = group
  Session.pin(session, generation)
  return Effect.ensuring(
    Interpreter.read(session, pinned, () => f(draft, visible)),
    Effect.sync(() => Session.unpin(session, generation))
  )
}

/**
 * Runs an editing function of the core in the caller's transaction, or in one of its own. A `Result` that failed has
 * changed nothing.
 */
export const write = <A>(session: Session.Session, f: (draft: Draft<Roots>) => A): Effect.Effect<A, Failure> =>
  Effect.flatMap(Current, (innermost) => {
    const frame = frameOf(session, innermost)
    if (frame === undefined) return Effect.map(single(session, f), ({ value }) => value)
    if (frame._tag === "Viewing") {
      return Effect.fail(VolumeError.make(new VolumeError.ReadOnly({ device: session.device.identity })))
    }
    if (!frame.isOpen) return Effect.fail(ended())
    const { group } = frame
    if (group.draft.isSealed) return Effect.fail(Session.refusal(session) ?? ended())
    return Effect.tap(Interpreter.edit(session, group.pinned, group.draft, f), () => EarlyFlush.relieve(session, group))
  })

/** Pages that one operation may take at most: with fewer left, an operation gets a savepoint to fall back to. */
const OPERATION_PAGES_MAX = 8192

/** One operation as a transaction: its attempt is all or nothing, so it needs no savepoint unless the volume may be full. */
const single = <A>(session: Session.Session, f: (draft: Draft<Roots>) => A): Effect.Effect<Committed<A>, Failure> =>
  withPermit(session, (restore, group) => {
    const { draft } = group
    const isScarce = group.roomPages - draft.dirtyBytes / draft.layout.pageBytes < OPERATION_PAGES_MAX
    // Where outsiders read the draft, nothing that they see may be changed in place.
    const savepoint = isScarce || session.durability === "interval" ? draft.savepoint() : undefined
    return restore(Interpreter.edit(session, group.pinned, draft, f)).pipe(
      Effect.exit,
      Effect.flatMap((exit) => {
        const hasFailed = Exit.isFailure(exit) || (Result.isResult(exit.value) && Result.isFailure(exit.value))
        return settle(session, group, savepoint, exit, hasFailed)
      })
    )
  })

// ---- transactions

/** What an effect came to and the root that made it durable: none if it changed nothing or is not durable yet. */
export interface Committed<A> {
  readonly value: A
  readonly head: Option.Option<Commit.Head>
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Takes the writer's permit and a place in the group; `use` gives the permit back. */
const withPermit = <A, E, R>(
  session: Session.Session,
  use: (restore: Restore, group: Session.Group) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failure, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(session.writer.take(1)), (): Effect.Effect<A, E | Failure, R> => {
      const refused = Session.refusal(session)
      return refused === undefined
        ? use(restore, GroupCommit.join(session))
        : Effect.andThen(session.writer.release(1), Effect.fail(refused))
    })
  )

/** Runs `effect` as one transaction; inside another it is a savepoint of that. */
export const transaction = <A, E, R>(
  session: Session.Session,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Committed<A>, E | Failure, R> =>
  Effect.flatMap(Current, (innermost): Effect.Effect<Committed<A>, E | Failure, R> => {
    const frame = frameOf(session, innermost)
    if (frame === undefined) return outermost(session, innermost, effect)
    if (frame._tag === "Viewing") {
      return Effect.fail(VolumeError.make(new VolumeError.ReadOnly({ device: session.device.identity })))
    }
    return frame.isOpen ? frame.inner.withPermit(nested(frame, innermost, effect)) : Effect.fail(ended())
  })

const outermost = <A, E, R>(
  session: Session.Session,
  outer: Frame | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Committed<A>, E | Failure, R> =>
  withPermit(session, (restore, group) => {
    const savepoint = group.draft.savepoint()
    const frame: Running = {
      _tag: "Running",
      session,
      group,
      inner: Semaphore.makeUnsafe(1),
      isOpen: true,
      outer
    }
    return restore(Effect.provideService(effect, Current, frame)).pipe(
      Effect.exit,
      Effect.flatMap((exit) => {
        frame.isOpen = false
        return settle(session, group, savepoint, exit, Exit.isFailure(exit))
      })
    )
  })

const nested = <A, E, R>(
  parent: Running,
  outer: Frame | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Committed<A>, E | Failure, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { group, session } = parent
    const savepoint = group.draft.savepoint()
    const frame: Running = { _tag: "Running", session, group, inner: Semaphore.makeUnsafe(1), isOpen: true, outer }
    return restore(Effect.provideService(effect, Current, frame)).pipe(
      Effect.exit,
      Effect.flatMap((exit): Effect.Effect<Committed<A>, E> => {
        frame.isOpen = false
        if (Exit.isFailure(exit)) {
          rollback(session, group, savepoint)
          return Effect.failCause(exit.cause)
        }
        group.draft.merge(savepoint)
        return Effect.succeed({ value: exit.value, head: Option.none() })
      })
    )
  })

/** Undoes all since the savepoint; what was made since then and is open never was. */
const rollback = (
  session: Session.Session,
  group: Session.Group,
  savepoint: ReturnType<Draft<Roots>["savepoint"]>
): void => {
  // An operation that failed after it had sealed its attempt has poisoned the session: nothing of the draft is used again.
  if (group.draft.isSealed) return
  group.draft.rollback(savepoint)
  OpenFiles.forget(session, group.draft.roots.nextInode)
}

/** Ends a transaction: rolls it back, or makes it durable as the volume's durability says. Gives the permit back. */
const settle = <A, E>(
  session: Session.Session,
  group: Session.Group,
  savepoint: ReturnType<Draft<Roots>["savepoint"]> | undefined,
  exit: Exit.Exit<A, E>,
  hasFailed: boolean
): Effect.Effect<Committed<A>, E | Failure> => {
  const { draft } = group
  const leave = (ending: Effect.Effect<Committed<A>, E | Failure>): Effect.Effect<Committed<A>, E | Failure> => {
    if (group.transactions === 0) GroupCommit.drop(session, group)
    return Effect.andThen(session.writer.release(1), ending)
  }
  const undo = (ending: Effect.Effect<Committed<A>, E | Failure>) => {
    if (savepoint !== undefined) rollback(session, group, savepoint)
    return leave(ending)
  }
  const value = Effect.map(exit, (result): Committed<A> => ({ value: result, head: Option.none() }))
  if (hasFailed) return undo(value)
  if (session.poison !== undefined) return undo(Effect.fail(Session.refusal(session) ?? session.poison))
  if (!GroupCommit.hasChanges(group)) {
    if (savepoint !== undefined) draft.merge(savepoint)
    return leave(value)
  }
  const keep = Effect.suspend(() => {
    if (savepoint !== undefined) draft.merge(savepoint)
    group.transactions++
    group.visible = draft.roots
    group.changesSeen = draft.changeCount
    session.counters.transactions++
    if (session.durability === "interval") {
      // The transaction stands and has room: where an early write finds none beside the reserve, it waits for the commit.
      const relieved = Effect.catchReason(
        EarlyFlush.relieve(session, group),
        "VolumeError",
        "DiskFull",
        () => Effect.void
      )
      return Effect.andThen(Effect.ensuring(relieved, session.writer.release(1)), value)
    }
    return Effect.flatMap(GroupCommit.commit(session, group), (head) =>
      Effect.map(value, (committed): Committed<A> => ({ ...committed, head: Option.some(head) }))
    )
  })
  if (GroupCommit.hasPlenty(group)) return keep
  const ended = Effect.gen(function* () {
    if (yield* GroupCommit.hasRoom(session, group)) return keep
    yield* GroupCommit.reclaim(session, group)
    return (yield* GroupCommit.hasRoom(session, group)) ? keep : undo(Effect.fail(GroupCommit.full(session, group)))
  })
  return Effect.flatMap(Effect.exit(ended), (ending) =>
    Exit.isSuccess(ending) ? ending.value : undo(Effect.failCause(ending.cause))
  )
}

// ---- views

/** Runs all reads of `effect` on one durable root, which stays whole as long as that takes. Writes inside fail. */
export const view = <A, E, R>(
  session: Session.Session,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failure, R> =>
  Effect.flatMap(Current, (outer) => {
    // Inside a transaction or a view there is one root already.
    if (frameOf(session, outer) !== undefined) return effect
    const ready: Effect.Effect<void, Failure> =
      session.durability === "interval" && !session.readOnly ? GroupCommit.flush(session) : Effect.void
    return Effect.andThen(
      ready,
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const { head } = session
          Session.pin(session, head.root.record.generation)
          return head
        }),
        (head) => {
          const frame: Viewing = { _tag: "Viewing", session, head, outer }
          return Effect.provideService(effect, Current, frame)
        },
        (head) => Effect.sync(() => Session.unpin(session, head.root.record.generation))
      )
    )
  })

/** Makes everything durable that has succeeded. Inside a transaction there is nothing to do: it is durable when it ends. */
export const sync = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.flatMap(Current, (innermost) =>
    frameOf(session, innermost) === undefined ? GroupCommit.flush(session) : Effect.void
  )

/** Waits for what is in flight and makes everything durable; then nothing is accepted any more. */
export const close = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.uninterruptible(
    Effect.andThen(
      Effect.exit(GroupCommit.flush(session)),
      session.writer.withPermit(
        Effect.suspend(() => {
          const { inflight } = session
          const landed =
            inflight === undefined ? Effect.void : Effect.asVoid(Effect.exit(Deferred.await(inflight.group.done)))
          session.closed = true
          return Effect.andThen(landed, GroupCommit.close(session))
        })
      )
    )
  )
