/**
 * Transactions: effects whose operations all take place on one private root, and commit as one or not at all.
 *
 * - The writer's permit spans the whole effect; the effect is run once and never again by itself.
 * - The running transaction is carried by a reference, so every operation of every service finds it. What a fiber still does
 *   after its transaction has ended fails.
 * - A transaction inside another is a savepoint.
 * - An operation outside of any transaction is one of its own.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Commit from "../core/Commit.ts"
import type { Draft } from "../core/Draft.ts"
import type { Roots } from "../core/Roots.ts"
import * as EarlyFlush from "./EarlyFlush.ts"
import { alone, begin, Current, ended, type Frame, inFrame, type Running, withFrame } from "./Frame.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as Interpreter from "./Interpreter.ts"
import * as OpenFiles from "./OpenFiles.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"
import * as Writing from "./Writing.ts"
import type { Restore } from "./Permit.ts"

type Failure = VolumeError.VolumeError

// ---- operations

/**
 * Runs an editing function of the core in the caller's transaction, or in one of its own. A `Result` that failed has
 * changed nothing.
 */
export const write = <A>(session: Session.Session, f: (draft: Draft<Roots>) => A): Effect.Effect<A, Failure> =>
  Effect.withFiber((fiber) => writeNow(session, fiber, f))

/** The same, begun here and now by the fiber that is running. */
export const writeNow = <A>(
  session: Session.Session,
  fiber: Fiber.Fiber<unknown, unknown>,
  f: (draft: Draft<Roots>) => A
): Effect.Effect<A, Failure> =>
  inFrame(session, fiber, (frame) => {
    if (frame === undefined) return single(session, f)
    if (frame._tag === "Viewing") return Effect.fail(readOnly(session))
    if (!frame.isOpen) return Effect.fail(ended())
    return inOneStep(frame, f) ?? alone(frame, () => (frame.isOpen ? inside(frame, f) : Effect.fail(ended())))
  })

const readOnly = ({ device }: Session.Session): Failure =>
  VolumeError.make(new VolumeError.ReadOnly({ device: device.identity }))

/**
 * One operation of a running transaction on which nobody is at work, if it can be done here and now: what it needs is in memory,
 * and there is room for it.
 */
const inOneStep = <A>(frame: Running, f: (draft: Draft<Roots>) => A): Effect.Effect<A, Failure> | undefined => {
  const { group, isTaken, session } = frame
  const { draft } = group
  if (isTaken || draft.isSealed || isScarce(group)) return undefined
  const done = Interpreter.editNow(session, group.pinned, draft, f)
  return done === undefined || draft.dirtyBytes <= session.dirtyBytesMax
    ? done
    : alone(frame, () => Effect.andThen(frame.isOpen ? relieveIfRead(session, group) : Effect.void, done))
}

/** One operation of a running transaction, whose `inner` permit the caller holds. What finds no room is undone alone. */
const inside = <A>({ group, session }: Running, f: (draft: Draft<Roots>) => A): Effect.Effect<A, Failure> => {
  const { draft, pinned } = group
  // An operation that was sealed has failed: nobody knows what the draft holds.
  if (draft.isSealed) return Effect.fail(Session.refusal(session) ?? ended())
  const edit = Interpreter.edit(session, pinned, draft, f)
  if (!isScarce(group)) return Effect.tap(edit, () => relieveIfRead(session, group))
  return Effect.uninterruptibleMask((restore) => {
    const savepoint = draft.savepoint()
    return restore(edit).pipe(
      Effect.tap(() => relieveIfFull(session, group)),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) draft.merge(savepoint)
          else rollback(session, group, savepoint)
        })
      )
    )
  })
}

/** The operation stands: a read that fails while an early write is planned is no failure of its own. The next one tries again. */
const relieveIfRead = (session: Session.Session, group: Session.Group): Effect.Effect<void, Failure> =>
  Effect.catch(EarlyFlush.relieve(session, group), (error) =>
    session.poison === undefined && error.reason._tag === "DeviceFailed" ? Effect.void : Effect.fail(error)
  )

/** Where early writes find no room, the draft stays in memory as long as it can still be committed. */
const relieveIfFull = (session: Session.Session, group: Session.Group): Effect.Effect<void, Failure> =>
  Effect.catch(EarlyFlush.relieve(session, group), (error) => {
    if (error.reason._tag !== "DiskFull") return Effect.fail(error)
    return Effect.flatMap(GroupCommit.hasRoom(session, group), (hasRoom) =>
      hasRoom ? Effect.void : Effect.fail(error)
    )
  })

/** Pages that one operation may take at most: with fewer left, an operation gets a savepoint to fall back to. */
const OPERATION_PAGES_MAX = 8192

const isScarce = ({ draft, roomPages }: Session.Group): boolean =>
  roomPages - draft.dirtyBytes / draft.layout.pageBytes < OPERATION_PAGES_MAX

/** One operation as a transaction: its attempt is all or nothing, so it needs no savepoint unless the volume may be full. */
const single = <A>(session: Session.Session, f: (draft: Draft<Roots>) => A): Effect.Effect<A, Failure> =>
  withPermit(session, (restore, group) => {
    const { draft, pinned } = group
    // Where outsiders read the draft, nothing that they see may be changed in place.
    const savepoint = isScarce(group) || session.durability === "interval" ? draft.savepoint() : undefined
    return Interpreter.editThen(session, pinned, draft, f, restore, (exit) => {
      const hasFailed = Exit.isSuccess(exit) && Result.isResult(exit.value) && Result.isFailure(exit.value)
      return settle(session, group, savepoint, exit, valueOf, hasFailed)
    })
  })

// ---- transactions

/** What an effect came to and the root that made it durable: none if it changed nothing or is not durable yet. */
export interface Committed<A> {
  readonly value: A
  readonly head: Option.Option<Commit.Head>
}

const valueOf = <A>(value: A): A => value

const committed = <A>(value: A, head?: Commit.Head): Committed<A> => ({ value, head: Option.fromUndefinedOr(head) })

/** What a deletion may take: paths to a few leaves of each tree. */
const DELETION_PAGES = 64

/** Takes the writer's permit and a place in the group, here and now if nobody has it; `use` gives the permit back. */
const withPermit = <A, E, R>(
  session: Session.Session,
  use: (restore: Restore, group: Session.Group) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failure, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { writer } = session
    const enter = (): Effect.Effect<A, E | Failure, R> => {
      const refused = Session.refusal(session)
      if (refused === undefined) return use(restore, GroupCommit.join(session))
      writer.release()
      return Effect.fail(refused)
    }
    const begin = () =>
      isInTheWay(session) ? Effect.flatMap(Effect.exit(GroupCommit.settle(session)), enter) : enter()
    return writer.takeNow() ? begin() : Effect.flatMap(writer.take(restore), begin)
  })

/**
 * Where little is left, what waits for a commit by interval must not be in the way of what gives room back (I16). If it cannot be
 * committed, that is for the next sync to tell.
 */
const isInTheWay = ({ durability, group }: Session.Session): boolean =>
  durability === "interval" &&
  group !== undefined &&
  group.transactions > 0 &&
  !GroupCommit.hasPlenty(group, DELETION_PAGES)

/** Runs `effect` as one transaction; inside another it is a savepoint of that. */
export const transaction = <A, E, R>(
  session: Session.Session,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Committed<A>, E | Failure, R> =>
  withFrame(session, (frame, innermost): Effect.Effect<Committed<A>, E | Failure, R> => {
    if (frame === undefined) return outermost(session, innermost, effect)
    if (frame._tag === "Viewing") return Effect.fail(readOnly(session))
    return alone(frame, () => (frame.isOpen ? nested(frame, innermost, effect) : Effect.fail(ended())))
  })

/**
 * Lets nothing more begin on a frame, and waits for the operation that runs on it. A savepoint that is still open inside, since
 * a fiber has outlived the effect that forked it, is undone: that fiber cannot end it any more.
 */
const end = (frame: Running): Effect.Effect<void> =>
  Effect.suspend(() => {
    let innermost = frame
    innermost.isOpen = false
    while (innermost.child !== undefined) {
      innermost = innermost.child
      innermost.isOpen = false
    }
    return alone(innermost, () => Effect.sync(() => undoInside(frame)))
  })

const undoInside = (frame: Running): void => {
  const { child, group, session } = frame
  if (child === undefined) return
  undoInside(child)
  rollback(session, group, child.savepoint)
  frame.child = undefined
}

const outermost = <A, E, R>(
  session: Session.Session,
  outer: Frame | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Committed<A>, E | Failure, R> =>
  withPermit(session, (restore, group) => {
    const frame = begin(session, group, outer)
    return restore(Effect.provideService(effect, Current, frame)).pipe(
      Effect.exit,
      Effect.tap(() => end(frame)),
      Effect.flatMap((exit) => settle(session, group, frame.savepoint, exit, committed))
    )
  })

const nested = <A, E, R>(
  parent: Running,
  outer: Frame | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Committed<A>, E | Failure, R> =>
  Effect.uninterruptibleMask((restore) => {
    const { group, session } = parent
    const frame = begin(session, group, outer)
    parent.child = frame
    return restore(Effect.provideService(effect, Current, frame)).pipe(
      Effect.exit,
      Effect.tap(() => end(frame)),
      Effect.flatMap((exit): Effect.Effect<Committed<A>, E | Failure> => {
        const isUndone = parent.child !== frame
        if (!isUndone) parent.child = undefined
        if (Exit.isFailure(exit)) {
          if (!isUndone) rollback(session, group, frame.savepoint)
          return Effect.failCause(exit.cause)
        }
        if (isUndone) return Effect.fail(ended())
        group.draft.merge(frame.savepoint)
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

/**
 * Ends a transaction: rolls it back, or makes it durable as the volume's durability says. Gives the permit back. `answer` makes the
 * answer, of the root too that made it durable; `hasFailed` tells of a transaction that succeeds with its failure.
 */
const settle = <A, B, E>(
  session: Session.Session,
  group: Session.Group,
  savepoint: ReturnType<Draft<Roots>["savepoint"]> | undefined,
  exit: Exit.Exit<A, E>,
  answer: (value: A, head?: Commit.Head) => B,
  hasFailed = false
): Effect.Effect<B, E | Failure> => {
  const { draft } = group
  const takeBack = (): void => {
    if (savepoint !== undefined) rollback(session, group, savepoint)
    if (group.transactions === 0) GroupCommit.drop(session, group)
  }
  const undo = (ending: Effect.Effect<B, E | Failure>) => {
    takeBack()
    session.writer.release()
    return ending
  }
  if (Exit.isFailure(exit)) return undo(Effect.failCause(exit.cause))
  const { value } = exit
  if (hasFailed) return undo(Effect.succeed(answer(value)))
  if (session.poison !== undefined) return undo(Effect.fail(Session.refusal(session) ?? session.poison))
  if (!GroupCommit.hasChanges(group)) {
    if (savepoint !== undefined) draft.merge(savepoint)
    if (group.transactions === 0) GroupCommit.drop(session, group)
    session.writer.release()
    return Effect.succeed(answer(value))
  }
  const keep = (): Effect.Effect<B, E | Failure> => {
    const durable = (committing: Effect.Effect<Commit.Head, Failure>) =>
      Effect.map(committing, (head) => answer(value, head))
    session.counters.transactions++
    // What comes after a snapshot is not in it: it has a later birth. Nobody sees any of this before the snapshot is planned, and
    // what cannot be planned leaves nothing behind.
    if (draft.roots.pending.snapshot !== undefined) return durable(GroupCommit.commitClosed(session, group, takeBack))
    if (savepoint !== undefined) draft.merge(savepoint)
    group.transactions++
    group.visible = draft.roots
    group.changesSeen = draft.changeCount
    if (session.durability === "commit") return durable(GroupCommit.commit(session, group))
    // The transaction stands and has room. What keeps an early write from being planned, no room beside the reserve or a read
    // that fails, is for the commit to tell; a write that fails has poisoned the session.
    const relieved = Effect.catch(EarlyFlush.relieve(session, group), (error) =>
      session.poison === undefined ? Effect.void : Effect.fail(error)
    )
    const released = Effect.sync(() => session.writer.release())
    return Effect.map(Effect.ensuring(relieved, released), () => answer(value))
  }
  if (GroupCommit.hasPlenty(group)) return keep()
  const ended = Effect.gen(function* () {
    if (yield* GroupCommit.hasRoom(session, group)) return keep
    yield* GroupCommit.reclaim(session, group)
    return (yield* GroupCommit.hasRoom(session, group))
      ? keep
      : () => undo(Effect.fail(GroupCommit.full(session, group)))
  })
  return Effect.flatMap(Effect.exit(ended), (ending) =>
    Exit.isSuccess(ending) ? ending.value() : undo(Effect.failCause(ending.cause))
  )
}

// ---- ending

/** Makes everything durable that has succeeded. Inside a transaction there is nothing to do: it is durable when it ends. */
export const sync = (session: Session.Session): Effect.Effect<void, Failure> =>
  withFrame(session, (frame) => (frame === undefined ? GroupCommit.flush(session) : Effect.void))

/** Waits for what is in flight and makes everything durable; then nothing is accepted any more. */
export const close = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.exit(GroupCommit.flush(session)), (flushed) =>
      session.writer.with(
        Effect.suspend(() => {
          const { inflight } = session
          const landed =
            inflight === undefined ? Effect.void : Effect.asVoid(Effect.exit(Deferred.await(inflight.group.done)))
          session.closed = true
          Session.tellMoved(session)
          return landed.pipe(
            Effect.andThen(Writing.landed(session)),
            Effect.andThen(GroupCommit.close(session)),
            Effect.andThen(flushed)
          )
        })
      )
    )
  )
