/**
 * What a fiber is inside of: transactions and views, innermost first, of all volumes.
 *
 * A reference carries it, so every operation of every service finds the one of its volume.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import type * as Commit from "../core/Commit.ts"
import type { Draft } from "../core/Draft.ts"
import type { Roots } from "../core/Roots.ts"
import type { Reader } from "./Readers.ts"
import type * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

/** A transaction that is running. */
export interface Running {
  readonly _tag: "Running"
  readonly session: Session.Session
  readonly group: Session.Group
  readonly savepoint: ReturnType<Draft<Roots>["savepoint"]>
  /** Held by the operation that runs on it, or by the savepoint that is open inside of it: one after another. See {@link alone}. */
  readonly inner: Semaphore.Semaphore
  /** Whether somebody holds it. What is done in one step needs it no more than it needs to be free. */
  isTaken: boolean
  isOpen: boolean
  /** The savepoint that is open inside of it. */
  child: Running | undefined
  readonly outer: Frame | undefined
}

/** A view that is running. */
export interface Viewing {
  readonly _tag: "Viewing"
  readonly session: Session.Session
  readonly head: Commit.Head
  readonly reader: Reader
  readonly outer: Frame | undefined
}

export type Frame = Running | Viewing

/** What the running fiber is inside of, innermost first; of all volumes. */
export const Current = Context.Reference<Frame | undefined>("notafs/shell/Transaction", {
  defaultValue: () => undefined
})

/** What `use` makes of the innermost frame of a session that the caller is inside of. */
export const withFrame = <A, E, R>(
  session: Session.Session,
  use: (frame: Frame | undefined, innermost: Frame | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const innermost = fiber.getRef(Current)
    return use(frameOf(session, innermost), innermost)
  })

/** The same here and now, for the fiber that is running. */
export const inFrame = <A, E, R>(
  session: Session.Session,
  fiber: Fiber.Fiber<unknown, unknown>,
  use: (frame: Frame | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => use(frameOf(session, fiber.getRef(Current)))

/** The innermost frame that is one of this session. */
export const frameOf = (session: Session.Session, innermost: Frame | undefined): Frame | undefined => {
  let frame = innermost
  while (frame !== undefined && frame.session !== session) frame = frame.outer
  return frame
}

/** The failure of what a fiber still does after its transaction has ended. */
export const ended = (): VolumeError.VolumeError => VolumeError.make(new VolumeError.Closed({ what: "transaction" }))

/** A transaction that begins: at a savepoint of the group's draft. */
export const begin = (session: Session.Session, group: Session.Group, outer: Frame | undefined): Running => ({
  _tag: "Running",
  session,
  group,
  savepoint: group.draft.savepoint(),
  inner: Semaphore.makeUnsafe(1),
  isTaken: false,
  isOpen: true,
  child: undefined,
  outer
})

/** Runs an effect on a running transaction while nobody else is at work on it. */
export const alone = <A, E, R>(frame: Running, use: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  frame.inner.withPermit(
    Effect.suspend(() => {
      frame.isTaken = true
      return Effect.ensuring(
        Effect.suspend(use),
        Effect.sync(() => {
          frame.isTaken = false
        })
      )
    })
  )
