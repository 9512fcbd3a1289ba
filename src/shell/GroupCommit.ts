/**
 * Writers that wait together share one commit.
 *
 * - One commit is in flight at a time. While it is, writers fill the next group; its first member leads it: it waits for the
 *   flight to end and lets others have a turn, plans under the writer's permit and performs without it. The others only wait for
 *   the group.
 * - Acknowledged means: the sync after the root has returned. Any failure of a write or sync poisons the session, and every
 *   group that stands on it fails.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Allocator from "../core/Allocator.ts"
import * as Commit from "../core/Commit.ts"
import * as Deadlists from "../core/Deadlists.ts"
import { Draft } from "../core/Draft.ts"
import { invariant } from "../core/Invariant.ts"
import type { Layout } from "../core/Layout.ts"
import * as LongRuns from "../core/LongRuns.ts"
import * as Settle from "../core/Settle.ts"
import * as Interpreter from "./Interpreter.ts"
import { PinnedPages } from "./PinnedPages.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"
import * as Writing from "./Writing.ts"

type Failure = VolumeError.VolumeError

/** The group that writers fill now; the caller holds the writer's permit. */
export const join = (session: Session.Session): Session.Group => {
  if (session.group !== undefined) return session.group
  const base = session.inflight?.next ?? session.head
  const oldest = Session.oldestRoot(session)
  session.abandoned = session.abandoned.filter(({ generation }) => generation > oldest)
  let allocator = Allocator.forget(base.allocator, oldest)
  for (const { extents, generation } of session.abandoned) allocator = Allocator.hold(allocator, extents, generation)
  const { roots } = base.root.record
  const pinned = new PinnedPages(session.cache, session.binding.layout.pageBytes)
  const group: Session.Group = {
    draft: new Draft(session.binding, pinned, session.nextGeneration++, roots),
    pinned,
    base,
    allocator,
    hasEarlyWrites: false,
    visible: roots,
    transactions: 0,
    freed: new Set(),
    changesSeen: 0,
    hasLeader: false,
    roomPages: roomPages(session.binding.layout, allocator),
    done: Deferred.makeUnsafe()
  }
  group.draft.takeBuffer = (byteCount) => session.buffers.take(byteCount)
  session.group = group
  return group
}

const roomPages = (layout: Layout, allocator: Allocator.Allocator): number =>
  Allocator.allocatableCount(allocator) - Allocator.reserveCount(layout, allocator.map.pageCount)

export const setAllocator = (group: Session.Group, allocator: Allocator.Allocator): void => {
  group.allocator = allocator
  group.roomPages = roomPages(group.draft.layout, allocator)
}

/** Gives up a group in which no transaction has succeeded; the caller holds the permit. */
export const drop = (session: Session.Session, group: Session.Group): void => {
  invariant(group.transactions === 0 && session.group === group, "only a group without transactions is given up")
  session.group = undefined
  abandon(session, group)
}

/** What a draft wrote early and no root will name is free, but not to be taken while the write may be pending. */
const abandon = (session: Session.Session, group: Session.Group): void => {
  const extents = group.draft.writtenExtents()
  if (extents.length > 0) session.abandoned = [...session.abandoned, { generation: group.draft.generation, extents }]
}

// ---- space

/** Whether the draft was changed since the last transaction that succeeded. */
export const hasChanges = (group: Session.Group): boolean => group.draft.changeCount !== group.changesSeen

/** What a page that died may take on the list of a snapshot. */
const ENTRY_BYTES = 32

/**
 * Whether the draft can surely be committed: all the nodes that it has in memory would find room, however cut up; and beside them so
 * many pages.
 */
export const hasPlenty = (group: Session.Group, sparePages = 0): boolean =>
  (2 * (group.draft.dirtyBytes + ENTRY_BYTES * group.draft.dead.length)) / group.draft.layout.pageBytes <
  group.roomPages - sparePages

/**
 * Whether the draft can still be committed: it takes no more than there is, or no more than it releases, or it only removes
 * snapshots. Runs for which there are no long extents will be cut up, which takes pages as well.
 */
export const hasRoom = (session: Session.Session, group: Session.Group): Effect.Effect<boolean, Failure> => {
  const { draft, pinned } = group
  if (hasPlenty(group)) return Effect.succeed(true)
  return Interpreter.read(session, pinned, () => {
    const { listPages, releasedPages: released } = Deadlists.outlook(draft)
    const places = Commit.collect(draft)
    const sizes = Settle.sizes(draft, places)
    const taken = sizes.reduce((pages, count) => pages + count, listPages)
    const { allocator, roomPages } = group
    const overhead = Allocator.overheadCount(draft.layout, allocator.map.pageCount)
    const most = Allocator.allocatableCount(allocator) - overhead
    const room = Commit.removesOnly(draft) ? most : Math.max(roomPages, Math.min(released, most))
    if (taken > room) return false
    if (taken + LongRuns.growth(draft.layout, places) <= room) return true
    return Allocator.take(draft, allocator, sizes, 0)._tag === "Taken"
  })
}

/**
 * Commits up to two empty roots, so that what was released but is still retained comes back. The caller holds the permit.
 * Answers whether anything came back.
 */
export const reclaim = Effect.fnUntraced(function* (session: Session.Session, group: Session.Group) {
  if (session.inflight !== undefined) yield* Effect.exit(Deferred.await(session.inflight.group.done))
  const before = group.roomPages
  for (let round = 0; round < 2 && group.allocator.held.length > 0; round++) {
    yield* moveOn(session, group)
  }
  return group.roomPages > before
})

/** Commits a root that changes nothing, and puts the group on it. The caller holds the permit; nothing is in flight. */
const moveOn = Effect.fnUntraced(function* (session: Session.Session, group: Session.Group) {
  yield* commitEmpty(session)
  group.base = session.head
  group.draft.generation = session.nextGeneration++
  setAllocator(group, Allocator.forget(group.allocator, Session.oldestRoot(session)))
})

/**
 * Commits the root by which others see that this session writes, before its first pages; see `Fencing`. The caller holds the
 * permit. Where something is in flight, that was done before.
 */
export const claim = (session: Session.Session, group: Session.Group): Effect.Effect<void, Failure> =>
  session.hasWritten ? Effect.void : moveOn(session, group)

// ---- planning

export const circumstances = (session: Session.Session, time: bigint): Commit.Circumstances => ({
  slots: session.superblock.slots,
  sessionId: session.sessionId,
  bootId: session.identity.boot,
  time
})

const diskFull = (session: Session.Session, missing: number): Failure =>
  VolumeError.make(
    new VolumeError.DiskFull({
      device: session.device.identity,
      missingBytes: missing * session.binding.layout.pageBytes
    })
  )

/** The error of a draft that {@link hasRoom} refused. */
export const full = (session: Session.Session, group: Session.Group): Failure =>
  diskFull(session, Math.max(1, group.draft.dirtyBytes / group.draft.layout.pageBytes - group.roomPages))

/**
 * Runs a planning function of the core until it has found pages: runs are shortened where no long extents are left, and
 * what is retained is reclaimed before the volume counts as full. The caller holds the permit.
 *
 * `take` notes what was planned, in the same step: what has an address now is not in the draft any more, nor on the device
 * yet, and no fiber may look for it in between.
 */
export const planned = Effect.fnUntraced(function* <P extends { readonly _tag: "Plan" | "EarlyWrites" }>(
  session: Session.Session,
  group: Session.Group,
  plan: () => P | Commit.DiskFull | Commit.Fragmented,
  take: (planned: P) => void
) {
  const { draft, pinned } = group
  let runPagesMax = draft.layout.runPagesMax
  for (let reclaimed = false; ;) {
    const result = yield* Interpreter.edit(session, pinned, draft, () => {
      const made = plan()
      if (made._tag === "DiskFull" || made._tag === "Fragmented") return Result.fail(made)
      take(made as P)
      return Result.succeed(made as P)
    })
    if (Result.isSuccess(result)) return result.success
    if (result.failure._tag === "Fragmented") {
      invariant(runPagesMax > 1, "single pages are never fragmented")
      runPagesMax = Math.ceil(runPagesMax / 2)
      yield* Interpreter.edit(session, pinned, draft, () => LongRuns.split(draft, runPagesMax))
    } else if (!reclaimed && (yield* reclaim(session, group))) reclaimed = true
    else return yield* diskFull(session, result.failure.missing)
  }
})

// ---- committing

const nothing = (): void => undefined

interface CommitOptions {
  /** The permit stays with the caller. */
  readonly keepsPermit?: boolean
  /** Rids a group that could not be planned, and goes on, of what must not. */
  readonly undo?: () => void
}

/**
 * Commits the group, which has at least one transaction. The caller holds the permit and there is no commit in flight; the
 * permit is given back as soon as the commit is planned. Succeeds with the new head once it is durable.
 */
const commitNow = (
  session: Session.Session,
  group: Session.Group,
  { keepsPermit = false, undo = nothing }: CommitOptions = {}
): Effect.Effect<Commit.Head, Failure> =>
  Effect.onExit(planAndPerform(session, group, { keepsPermit, undo }), (exit) => {
    if (session.inflight?.group === group) session.inflight = undefined
    Deferred.doneUnsafe(group.done, exit)
    if (session.group === group) {
      group.hasLeader = false
      group.done = Deferred.makeUnsafe()
    }
    return Effect.void
  })

const planAndPerform = (
  session: Session.Session,
  group: Session.Group,
  { keepsPermit, undo }: Required<CommitOptions>
): Effect.Effect<Commit.Head, Failure> => {
  const plan = Effect.onExit(planCommit(session, group), (exit) => {
    const { durability, loneCommits, writer } = session
    session.loneCommits = group.transactions > 1 || writer.waitingCount > 0 ? 0 : loneCommits + 1
    // Where durability is by interval, its transactions have been told that they succeeded: the next sync tries again.
    if (Exit.isSuccess(exit) || durability === "commit") session.group = undefined
    else undo()
    if (!keepsPermit) writer.release()
    return Effect.void
  })
  return Effect.flatMap(plan, (planned) =>
    Effect.mapEager(Writing.perform(session, planned, group.transactions), () => {
      Session.advance(session, planned.next)
      session.cache.release(planned.writes, true)
      return planned.next
    })
  )
}

const planCommit = (session: Session.Session, group: Session.Group): Effect.Effect<Commit.Plan, Failure> =>
  Effect.withFiber((fiber) => {
    const refused = Session.refusal(session)
    if (refused !== undefined) return Effect.fail(refused)
    const time = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
    const make = (): Commit.Plan | Commit.DiskFull | Commit.Fragmented =>
      Commit.plan(group.draft, session.head, group.allocator, circumstances(session, time), group.hasEarlyWrites)
    const take = ({ next, root, writes }: Commit.Plan): void => {
      session.cache.hold(writes, root.record.generation)
      session.inflight = { group, next }
    }
    const plan = planned(session, group, make, take)
    return Effect.onError(session.hasWritten ? plan : Effect.andThen(claim(session, group), plan), () => {
      if (session.durability === "commit") abandon(session, group)
      return Effect.void
    })
  })

/**
 * Makes the group durable, which the caller's transaction has joined. The caller holds the permit, which is given back.
 * Not to be interrupted: a leader that left would leave its group alone.
 */
export const commit = (session: Session.Session, group: Session.Group): Effect.Effect<Commit.Head, Failure> => {
  const { durability, inflight, writer } = session
  const joined = (): Effect.Effect<Commit.Head, Failure> => {
    writer.release()
    return Deferred.await(group.done)
  }
  if (group.hasLeader) return joined()
  group.hasLeader = true
  // Where durability is by interval, nobody comes back after a commit, since nobody waits for one.
  if (inflight === undefined && (durability === "interval" || isAlone(session))) return commitNow(session, group)
  writer.release()
  return Effect.flatMap(Effect.andThen(othersJoin(session), writer.take()), () =>
    // Or somebody has closed the group and committed it meanwhile.
    session.group === group ? commitNow(session, group) : joined()
  )
}

/** Commits that nobody shares, after which a leader gives no turn to others any more; but for each so many. */
const LONE_COMMITS = 8

/**
 * Whether nobody is about to join, as far as the commits before tell. A turn takes a fifth of the time of a small commit, so a lone
 * writer is spared most of them; those that are left notice when others begin to write.
 */
const isAlone = ({ loneCommits, writer }: Session.Session): boolean =>
  writer.waitingCount === 0 && loneCommits >= LONE_COMMITS && loneCommits % LONE_COMMITS !== 0

/**
 * Waits for what is in flight, and lets whoever is about to write have a turn: those who waited for it come back with their next
 * change, and one sync is for all of them.
 */
const othersJoin = ({ inflight }: Session.Session): Effect.Effect<void> =>
  inflight === undefined
    ? Effect.yieldNow
    : Effect.andThen(Effect.exit(Deferred.await(inflight.group.done)), Effect.yieldNow)

/**
 * The same for a group that nobody else may join: its commit has a birth of its own. The caller keeps the permit while it waits
 * for what is in flight. If the commit cannot be planned and the group goes on, `undo` takes the caller's transaction out of it.
 * Not to be interrupted.
 */
export const commitClosed = (
  session: Session.Session,
  group: Session.Group,
  undo: () => void
): Effect.Effect<Commit.Head, Failure> =>
  Effect.suspend(() => {
    const { inflight } = session
    group.hasLeader = true
    const alone = inflight === undefined ? Effect.void : Effect.exit(Deferred.await(inflight.group.done))
    return Effect.andThen(
      alone,
      Effect.suspend(() => commitNow(session, group, { undo }))
    )
  })

/**
 * Commits what waits and awaits what is in flight, so that there is neither. The caller holds the permit and keeps it. Not to be
 * interrupted.
 */
export const settle = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const { group, inflight } = session
    const landed = inflight === undefined ? Effect.void : Effect.exit(Deferred.await(inflight.group.done))
    if (group === undefined || group.transactions === 0) return Effect.asVoid(landed)
    group.hasLeader = true
    return Effect.andThen(
      landed,
      Effect.suspend(() => commitNow(session, group, { keepsPermit: true }))
    )
  })

/** Commits what waits and awaits what is in flight. */
export const flush = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.uninterruptible(
    Effect.andThen(
      session.writer.take(),
      Effect.suspend((): Effect.Effect<unknown, Failure> => {
        const { group, inflight } = session
        if (group !== undefined && group.transactions > 0) return commit(session, group)
        session.writer.release()
        return inflight === undefined ? Effect.void : Deferred.await(inflight.group.done)
      })
    )
  )

/** Commits a root that changes nothing. The caller holds the permit, or is alone; nothing is in flight. */
export const commitEmpty = Effect.fnUntraced(function* (session: Session.Session, clean = false) {
  const time = yield* Clock.currentTimeNanos
  const plan = Commit.planEmpty(
    session.binding,
    session.head,
    session.nextGeneration++,
    circumstances(session, time),
    clean
  )
  yield* Writing.perform(session, plan)
  Session.advance(session, plan.next)
})

/** Writes the clean root of a close, if this session has written anything. The caller holds the permit; nothing is in flight. */
export const close = (session: Session.Session): Effect.Effect<void, Failure> =>
  session.hasWritten && session.poison === undefined ? commitEmpty(session, true) : Effect.void
