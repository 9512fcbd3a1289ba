/**
 * Readers beside a writer in another process, which knows nothing of them and does not keep their root.
 *
 * - A page that was written again under a reader fails its checksum, which is bound to the page's birth. So it never reads
 *   wrong bytes; this tells whether such a page is rot (`Corrupt`) or the writer's (`ViewExpired`).
 * - The writer keeps the newest root and its base whole. A page that the newest root does not use any more is written again
 *   only once a root above that is durable: so whoever finds such a page finds that root in the slots, too.
 * - A read-only volume shows one root until it is told to `refresh`: it never shows another one by itself.
 */
import * as Effect from "effect/Effect"
import * as Allocator from "../core/Allocator.ts"
import { equal } from "../core/Bytes.ts"
import type { EncodedRoot } from "../core/RootRecord.ts"
import * as Recovery from "../core/Recovery.ts"
import * as RootSlots from "../core/RootSlots.ts"
import type { Superblock } from "../core/Superblock.ts"
import * as SlotReading from "./SlotReading.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

type Failure = VolumeError.VolumeError

/** Fails if the root that a read-only session has read is no longer kept by a writer. */
export const check = Effect.fnUntraced(function* (session: Session.Session, generation: number) {
  if (!session.readOnly) return
  const { binding, device, superblock } = session
  const slots = yield* SlotReading.readSlots(device, superblock)
  const newest = Recovery.roots(binding, superblock, slots.pages).at(0)?.record
  if (newest === undefined || newest.generation <= generation || newest.base === generation) return
  const reason = new VolumeError.ViewExpired({ device: device.identity, generation, newest: newest.generation })
  return yield* VolumeError.make(reason)
})

/** The same error, or `ViewExpired` if what looks like damage is the work of a writer. */
export const explain = <A>(session: Session.Session, generation: number, error: Failure): Effect.Effect<A, Failure> =>
  session.readOnly && error.reason._tag === "Corrupt"
    ? Effect.andThen(check(session, generation), Effect.fail(error))
    : Effect.fail(error)

/** Puts a read-only session on the newest root; answers whether that is another one than before. */
export const refresh = (session: Session.Session): Effect.Effect<boolean, Failure> => {
  const { binding, device, superblock } = session
  if (!session.readOnly) return Effect.succeed(false)
  return Effect.map(SlotReading.examineAgain(device, binding, superblock, false), ({ root }) => {
    if (equal(root.hash, session.head.root.hash)) return false
    Session.advance(session, headOf(superblock, root))
    return true
  })
}

/** A root as a reader needs it. */
const headOf = ({ slots }: Superblock, root: EncodedRoot): Session.Session["head"] => {
  const { cursor, freeCount, map } = root.record
  return { root, allocator: Allocator.make(map, freeCount, cursor, [], RootSlots.reserved(slots)) }
}
