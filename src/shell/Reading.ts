/**
 * Reading: which root a reader sees, and how long it stays whole.
 *
 * - A reader never waits for a writer. It sees the root of its transaction or view, else the newest durable one; where durability
 *   is by interval, what has succeeded is visible at once.
 * - What is read is pinned, so that no page of it is written over meanwhile. A view that has grown too old lets go; see `Readers`.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as Commit from "../core/Commit.ts"
import type { Pages } from "../core/Pages.ts"
import type { Roots } from "../core/Roots.ts"
import { Current, ended, inFrame, type Running, type Viewing, withFrame } from "./Frame.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as Interpreter from "./Interpreter.ts"
import type { Reader } from "./Readers.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

type Failure = VolumeError.VolumeError

/** A root, and the reader that keeps it whole. */
export interface PinnedRoot {
  readonly head: Commit.Head
  readonly reader: Reader
}

/** Runs a reading function of the core on the root that the caller sees. */
export const read = <A>(session: Session.Session, f: (pages: Pages, roots: Roots) => A): Effect.Effect<A, Failure> =>
  Effect.withFiber((fiber) => readNow(session, fiber, f))

/** The same, begun here and now by the fiber that is running. */
export const readNow = <A>(
  session: Session.Session,
  fiber: Fiber.Fiber<unknown, unknown>,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, Failure> =>
  inFrame(session, fiber, (frame) => {
    if (frame === undefined) return readOutside(session, f)
    if (frame._tag === "Viewing") return readPinned(session, frame, f)
    return readInside(session, frame, f)
  })

/** What a reader of a transaction finds that has ended meanwhile: its fiber has outlived what forked it. */
const ENDED = Symbol("ended")

/** Reads what a transaction has made so far. Whatever it has loaded, it reads nothing from a draft that has been rolled back below it. */
const readInside = <A>(
  session: Session.Session,
  frame: Running,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, Failure> => {
  const { draft, pinned } = frame.group
  const answer = Interpreter.readNow(session, pinned, (): A | typeof ENDED =>
    frame.isOpen ? f(draft, draft.roots) : ENDED
  )
  return Effect.flatMapEager(answer, (value) => (value === ENDED ? Effect.fail(ended()) : Effect.succeed(value as A)))
}

/** Runs a reading function of the core on a root that somebody has pinned, whatever the caller is inside of. */
export const readAt = <A>(
  session: Session.Session,
  pinned: PinnedRoot,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, Failure> =>
  Effect.suspend(() => (session.closed ? Effect.fail(closed()) : readPinned(session, pinned, f)))

const readPinned = <A>(
  session: Session.Session,
  { head, reader }: PinnedRoot,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, Failure> => {
  if (session.readers.ageMaxMillis === Infinity) return Interpreter.readRoot(session, head, f)
  return Effect.suspend(() => {
    if (session.readers.hasExpired(reader)) return Effect.fail(expired(session, reader))
    // In the same step: should it expire meanwhile, what this one read needs is kept until it has it.
    Session.pin(session, reader.generation)
    return Effect.ensuring(
      Interpreter.readRoot(session, head, f),
      Effect.sync(() => Session.unpin(session, reader.generation))
    )
  })
}

const expired = ({ device, head, readers }: Session.Session, { generation }: Reader): Failure => {
  const newest = head.root.record.generation
  const { ageMaxMillis } = readers
  return VolumeError.make(new VolumeError.ViewExpired({ device: device.identity, generation, newest, ageMaxMillis }))
}

const closed = (): Failure => VolumeError.make(new VolumeError.Closed({ what: "volume" }))

const readOutside = <A>(session: Session.Session, f: (pages: Pages, roots: Roots) => A): Effect.Effect<A, Failure> => {
  if (session.closed) return Effect.fail(closed())
  const { group, head, inflight } = session
  if (session.durability === "commit") return Interpreter.readRoot(session, head, f)
  return group === undefined ? Interpreter.readRoot(session, inflight?.next ?? head, f) : readGroup(session, group, f)
}

/** The root that the caller reads as long as this is the same; nothing in a transaction, or beside one by interval. */
export const durableRoot = (session: Session.Session): Effect.Effect<Commit.Head | undefined> =>
  withFrame(session, (frame) => {
    if (frame !== undefined) return Effect.succeed(frame._tag === "Viewing" ? frame.head : undefined)
    const { group, head, inflight } = session
    const isMoving = session.durability === "interval" && (group !== undefined || inflight !== undefined)
    return Effect.succeed(isMoving ? undefined : head)
  })

/** What a reader of a group finds that was committed or given up meanwhile. */
const MOVED_ON = Symbol("moved on")

/**
 * Where durability is by interval, what has succeeded is visible at once. The draft is changed in place, so every attempt
 * reads what is visible when it begins; while a transaction runs, that is what stood before its savepoint.
 */
const readGroup = <A>(
  session: Session.Session,
  group: Session.Group,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, Failure> => {
  const { draft, pinned } = group
  const { generation } = session.head.root.record
  Session.pin(session, generation)
  return Effect.ensuring(
    Interpreter.read(session, pinned, (): A | typeof MOVED_ON =>
      session.group === group ? f(draft, group.visible) : MOVED_ON
    ),
    Effect.sync(() => Session.unpin(session, generation))
  ).pipe(
    Effect.flatMap((value) =>
      value === MOVED_ON ? Effect.suspend(() => readOutside(session, f)) : Effect.succeed(value as A)
    )
  )
}

/** Where durability is by interval, what has succeeded is made durable before one durable root is read. */
const ready = (session: Session.Session): Effect.Effect<void, Failure> =>
  session.durability === "interval" && !session.readOnly ? GroupCommit.flush(session) : Effect.void

/** Runs a reading function of the core, always on the same root. */
export type Reading = <A>(f: (pages: Pages, roots: Roots) => A) => Effect.Effect<A, Failure>

/**
 * Keeps the root that the caller sees whole until the scope ends, and answers how it is read, whoever reads it then. Inside of a
 * transaction it is what that has made by the time of each reading.
 */
export const hold = (session: Session.Session): Effect.Effect<Reading, Failure, Scope.Scope> =>
  withFrame(session, (frame): Effect.Effect<Reading, Failure, Scope.Scope> => {
    if (frame?._tag === "Running") return Effect.succeed((f) => Effect.suspend(() => readInside(session, frame, f)))
    const pinned = Effect.acquireRelease(
      Effect.sync((): PinnedRoot => {
        const head = frame?.head ?? session.head
        return { head, reader: session.readers.enter("View", head.root.record.generation) }
      }),
      ({ reader }) => Effect.sync(() => session.readers.leave(reader))
    )
    const held = Effect.map(
      pinned,
      (root): Reading =>
        (f) =>
          readAt(session, root, f)
    )
    return frame === undefined ? Effect.andThen(ready(session), held) : held
  })

/** Runs all reads of `effect` on one durable root, which stays whole as long as that takes. Writes inside fail. */
export const view = <A, E, R>(
  session: Session.Session,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Failure, R> =>
  withFrame(session, (inside, outer) => {
    // Inside a transaction or a view there is one root already.
    if (inside !== undefined) return effect
    return Effect.andThen(
      ready(session),
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const { head, readers } = session
          return { head, reader: readers.enter("View", head.root.record.generation) }
        }),
        ({ head, reader }) => {
          const frame: Viewing = { _tag: "Viewing", session, head, reader, outer }
          return Effect.provideService(effect, Current, frame)
        },
        ({ reader }) => Effect.sync(() => session.readers.leave(reader))
      )
    )
  })
