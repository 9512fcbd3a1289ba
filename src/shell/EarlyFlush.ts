/**
 * Keeps the nodes of a draft within a budget: over it, all that is in memory is settled and written before the commit.
 *
 * - A transaction may so be larger than memory. What it changes again after an early write is copied, and the page that was
 *   written early is dead with the commit.
 * - One early write is on its way while the transaction goes on, and a sync of those before it: so the device has work all the
 *   time, and the last sync has little left to do. Whoever writes a root awaits both, and a failure poisons the session.
 * - Not to be interrupted: an address stays taken until the write to it has settled.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Commit from "../core/Commit.ts"
import type { Write } from "../core/Write.ts"
import * as Fencing from "./Fencing.ts"
import * as GroupCommit from "./GroupCommit.ts"
import type { Group, Session } from "./Session.ts"
import type { VolumeError } from "./VolumeError.ts"
import * as Writing from "./Writing.ts"

/** Writes early if the draft of the group is over the budget; the caller holds the writer's permit. */
export const relieve = (session: Session, group: Group): Effect.Effect<void, VolumeError> =>
  group.draft.dirtyBytes <= session.dirtyBytesMax ? Effect.void : Effect.uninterruptible(flush(session, group))

const flush = Effect.fnUntraced(function* (session: Session, group: Group) {
  yield* GroupCommit.claim(session, group)
  yield* Writing.arrived(session)
  const early = yield* GroupCommit.planned(
    session,
    group,
    () => Commit.early(group.draft, group.allocator),
    ({ allocator, writes }) => {
      GroupCommit.setAllocator(group, allocator)
      group.hasEarlyWrites = true
      session.cache.hold(writes, group.draft.generation)
    }
  )
  yield* Fencing.check(session)
  const before = session.early?.synced
  const written = yield* inBackground(write(session, early.writes))
  const synced = yield* inBackground(
    Effect.andThen(before === undefined ? Fiber.join(written) : Fiber.joinAll([before, written]), Writing.sync(session))
  )
  session.early = { written, synced }
})

/** What fails has poisoned the session, which tells everybody. */
const inBackground = (work: Effect.Effect<void, VolumeError>): Effect.Effect<Fiber.Fiber<void>> =>
  Effect.forkDetach(Effect.ignore(work), { startImmediately: true, uninterruptible: true })

const write = (session: Session, writes: ReadonlyArray<Write>): Effect.Effect<void, VolumeError> =>
  Effect.map(Writing.write(session, writes), () => {
    session.cache.release(writes, false)
    // The draft has forgotten these nodes and the cache does not keep runs: nobody refers to their buffers any more.
    const { pageBytes } = session.binding.layout
    for (const { bytes } of writes) if (bytes.length > pageBytes) session.buffers.give(bytes)
  })
