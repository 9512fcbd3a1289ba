/**
 * A volume that gets more pages, or fewer: with a commit of its own, beside which there is no other.
 *
 * - Before it grows, its device does, durably. Of what the device had there before, nothing is left that could be taken for the
 *   second copy of a superblock.
 * - Before it shrinks, roots that change nothing are committed until nothing is kept for the root before the newest: what is in
 *   use is then what the newest root uses, or a reader. After it, one more, so that neither of the two roots that a crash can ask
 *   for has more pages than are left. The device keeps its length.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Commit from "../core/Commit.ts"
import { invariant } from "../core/Invariant.ts"
import * as RootSlots from "../core/RootSlots.ts"
import * as VolumeSize from "../core/VolumeSize.ts"
import { Current, frameOf } from "./Frame.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as Interpreter from "./Interpreter.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"
import * as Writing from "./Writing.ts"

type Failure = VolumeError.VolumeError

/** Gives the volume as many pages as the bytes hold. */
export const resize = (session: Session.Session, sizeBytes: number): Effect.Effect<void, Failure> =>
  Effect.flatMap(Current, (innermost) => {
    if (frameOf(session, innermost) !== undefined) {
      const what = "Resizing a volume inside of a transaction or view of it"
      return Effect.fail(VolumeError.make(new VolumeError.Unsupported({ what })))
    }
    return session.writer.with(Effect.uninterruptible(alone(session, sizeBytes)))
  })

/** The same with the permit. */
const alone = Effect.fnUntraced(function* (session: Session.Session, sizeBytes: number) {
  const refused = Session.refusal(session)
  if (refused !== undefined) return yield* refused
  const { pageBytes } = session.binding.layout
  const pageCount = Math.floor(sizeBytes / pageBytes)
  const { pageCountMax } = session.superblock
  if (!(pageCount >= RootSlots.PAGES_MIN && pageCount <= pageCountMax)) {
    return yield* impossible(session, sizeBytes, RootSlots.PAGES_MIN)
  }
  yield* GroupCommit.settle(session)
  const before = session.head.root.record.map.pageCount
  if (pageCount > before) {
    yield* growDevice(session, pageCount)
    yield* commit(session, pageCount, (group) => GroupCommit.claim(session, group))
  }
  if (pageCount < before) {
    yield* commit(session, pageCount, (group) => makeRoom(session, group, sizeBytes))
    yield* GroupCommit.commitEmpty(session)
  }
})

const impossible = (session: Session.Session, sizeBytes: number, pageCountMin: number): Failure => {
  const { pageBytes } = session.binding.layout
  return VolumeError.make(
    new VolumeError.ImpossibleSize({
      device: session.device.identity,
      sizeBytes,
      sizeMin: pageCountMin * pageBytes,
      sizeMax: session.superblock.pageCountMax * pageBytes
    })
  )
}

const growDevice = ({ binding, device }: Session.Session, pageCount: number): Effect.Effect<void, Failure> => {
  const bytes = pageCount * binding.layout.pageBytes
  const sizeBytes = Math.ceil(bytes / device.sectorBytes) * device.sectorBytes
  const grown = Effect.flatMap(device.size, (now) => (now >= bytes ? Effect.void : device.grow(sizeBytes)))
  return Effect.mapError(grown, VolumeError.make)
}

/** Has the group stand on a root before which nothing is kept, and fails if what is in use then does not fit. */
const makeRoom = Effect.fnUntraced(function* (session: Session.Session, group: Session.Group, sizeBytes: number) {
  yield* GroupCommit.claim(session, group)
  yield* GroupCommit.reclaim(session, group)
  const lowest = yield* Interpreter.read(session, group.pinned, () => VolumeSize.lowest(group.draft, group.allocator))
  if (Math.floor(sizeBytes / session.binding.layout.pageBytes) < lowest) {
    return yield* impossible(session, sizeBytes, lowest)
  }
})

/** Commits the new number of pages and nothing else, on what `prepare` makes of the group. Nothing is in flight. */
const commit = Effect.fnUntraced(function* (
  session: Session.Session,
  pageCount: number,
  prepare: (group: Session.Group) => Effect.Effect<unknown, Failure>
) {
  const { pageBytes } = session.binding.layout
  const time = yield* Clock.currentTimeNanos
  const group = GroupCommit.join(session)
  invariant(group.transactions === 0, "a volume is resized by a commit of its own")
  const before = group.allocator.map.pageCount
  const planning = Effect.andThen(
    prepare(group),
    GroupCommit.planned(
      session,
      group,
      () => {
        const circumstances = GroupCommit.circumstances(session, time)
        return Commit.plan(group.draft, session.head, group.allocator, circumstances, false, pageCount)
      },
      ({ root, writes }) => {
        session.group = undefined
        session.cache.hold(writes, root.record.generation)
      }
    )
  )
  const plan = yield* Effect.onError(planning, () => Effect.sync(() => GroupCommit.drop(session, group)))
  const written = new Set(plan.writes.map(({ address }) => address))
  const wiped = VolumeSize.toBeWiped(before, pageCount).filter((page) => !written.has(page))
  const blanks = wiped.map((address) => ({ address, bytes: new Uint8Array(pageBytes) }))
  yield* Writing.perform(session, { ...plan, writes: [...plan.writes, ...blanks] })
  Session.advance(session, plan.next)
  session.cache.release(plan.writes, true)
})
