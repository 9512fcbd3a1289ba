/**
 * What a fiber does here and now, in the middle of an effect of its own: for operations that are worth it.
 *
 * - `read` and `write` are those of the volume, begun by the fiber that is given. What they answer is an exit if that was all: it can be
 *   looked at at once (`Effect.mapEager` and others), and the whole operation is one step.
 * - `paths` remembers where paths lead.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Draft } from "../core/Draft.ts"
import type { Pages } from "../core/Pages.ts"
import type { Roots } from "../core/Roots.ts"
import { PathCache } from "./PathCache.ts"
import * as Reading from "./Reading.ts"
import type * as Session from "./Session.ts"
import * as Transaction from "./Transaction.ts"
import type { VolumeError } from "./VolumeError.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export interface Immediate {
  readonly read: <A>(fiber: AnyFiber, f: (pages: Pages, roots: Roots) => A) => Effect.Effect<A, VolumeError>
  readonly write: <A>(fiber: AnyFiber, f: (draft: Draft<Roots>) => A) => Effect.Effect<A, VolumeError>
  readonly paths: PathCache
}

/** An operation that a fiber begins here and now. */
export type Begin<A, E = VolumeError> = (fiber: AnyFiber) => Effect.Effect<A, E>

export const make = (session: Session.Session): Immediate => ({
  read: (fiber, f) => Reading.readNow(session, fiber, f),
  write: (fiber, f) => Transaction.writeNow(session, fiber, f),
  paths: new PathCache(session.binding.layout)
})
