/**
 * Makes the state of a volume that of a snapshot that was sent, with the snapshot.
 *
 * - Nobody sees a part: all is applied in one transaction, when the whole stream has arrived and verified.
 * - What arrives before that is kept in a table of the volume's own, so a stream that broke off need not be sent again from its
 *   beginning. A stream that is short stays in memory.
 * - The volume has to be as it was in the snapshot that the stream leads from, or empty if it leads from nothing; files that
 *   were without a name there may be gone. With `force` it goes back to that first.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { equal } from "../core/Bytes.ts"
import * as Receiving from "../core/Receiving.ts"
import * as Rollback from "../core/Rollback.ts"
import type { Roots } from "../core/Roots.ts"
import * as CoreSnapshots from "../core/Snapshots.ts"
import * as Staging from "../core/Staging.ts"
import * as Transfer from "../core/Transfer.ts"
import { transferBounds } from "../core/TransferBounds.ts"
import * as Tree from "../core/Tree.ts"
import * as Difference from "./Difference.ts"
import { Current, frameOf } from "./Frame.ts"
import * as Hashes from "./Hashes.ts"
import { type Arrived, Inbox } from "./Inbox.ts"
import * as Reading from "./Reading.ts"
import type * as Session from "./Session.ts"
import * as Snapshots from "./Snapshots.ts"
import * as Transaction from "./Transaction.ts"
import * as VolumeError from "./VolumeError.ts"

type Failure = VolumeError.VolumeError

/** How a snapshot is received. */
export interface Options {
  /** Gives up what the volume has besides, and takes newer snapshots away if the stream leads from an older one. */
  readonly force?: boolean | undefined
}

/** What came of a stream. */
export interface Received {
  /** The snapshot that it led to. */
  readonly snapshot: string
  /** Whether the volume had it already: then nothing was changed. */
  readonly wasThere: boolean
  readonly frames: number
  readonly bytes: number
}

/** A stream that broke off. */
export interface Begun {
  /** The snapshot that it leads to. */
  readonly snapshot: string
  /** Frames that are kept: what a sender may leave out. */
  readonly frames: number
}

/** Frames that one call of the core gives up. */
const DROP_COUNT = 64
/** How often it is tried while others write. */
const TRIES = 8

const fail = (reason: VolumeError.Reason) => Effect.fail(VolumeError.make(reason))

const bad = (session: Session.Session, reason: string) =>
  fail(new VolumeError.BadStream({ device: session.device.identity, reason }))

const decoder = new TextDecoder()

/** What stands where a stream is received. */
interface Arrival {
  readonly header: Transfer.Header
  readonly headerFrame: Uint8Array
  /** Frames that are kept on the volume. */
  staged: number
  /** Those after them. */
  tail: Array<Uint8Array>
  tailBytes: number
  bytes: number
}

/** What a stream that broke off has left. */
export const begun = (session: Session.Session): Effect.Effect<Begun | undefined, Failure> =>
  Reading.read(session, (pages, { names }) => {
    const frames = Staging.count(pages, names)
    if (frames === 0) return undefined
    const [header] = Transfer.records(Staging.frame(pages, names, 0)) ?? []
    return header?._tag === "Header" ? { snapshot: decoder.decode(header.name), frames } : undefined
  })

/** Receives a stream. */
export const receive = <E, R>(
  session: Session.Session,
  stream: Stream.Stream<Uint8Array, E, R>,
  { force = false }: Options = {}
): Effect.Effect<Received, E | Failure, R> =>
  Effect.gen(function* () {
    if (frameOf(session, yield* Current) !== undefined) {
      return yield* fail(new VolumeError.Unsupported({ what: "Receiving a stream inside a transaction or view" }))
    }
    const { xxh64 } = yield* Hashes.load
    const inbox = new Inbox(xxh64)
    const post: { arrival: Arrival | undefined; isThere: boolean } = { arrival: undefined, isThere: false }
    const take = Effect.fnUntraced(function* (arrived: Arrived) {
      if (post.arrival !== undefined) return yield* keep(session, post.arrival, arrived)
      post.arrival = yield* begin(session, inbox, arrived, force)
      post.isThere = yield* has(session, post.arrival.header)
    })
    const arrive = (chunk: Uint8Array) =>
      Effect.gen(function* () {
        inbox.push(chunk)
        for (let next = inbox.next(); next !== undefined && !post.isThere; next = inbox.next()) {
          if (typeof next === "string") return yield* bad(session, next)
          yield* take(next)
        }
      })
    const all = Stream.runForEach(
      Stream.takeUntil(Stream.mapEffect(stream, arrive), () => post.isThere),
      () => Effect.void
    )
    yield* Effect.onExit(all, (exit) =>
      Exit.isFailure(exit) && post.arrival !== undefined ? Effect.ignore(keepRest(session, post.arrival)) : Effect.void
    )
    const { arrival } = post
    if (arrival === undefined) return yield* bad(session, "it ends before it has begun")
    const { bytes, header, staged, tail } = arrival
    const received = { snapshot: decoder.decode(header.name), frames: staged + tail.length, bytes }
    if (post.isThere) return { ...received, wasThere: true }
    if (!inbox.isEnded) {
      yield* keepRest(session, arrival)
      return yield* bad(session, "it was cut short")
    }
    yield* reveal(session, arrival, force)
    return { ...received, wasThere: false }
  })

const has = (session: Session.Session, { id }: Transfer.Header): Effect.Effect<boolean, Failure> =>
  Reading.read(session, (pages, { snapshots }) => CoreSnapshots.withId(pages, snapshots, id) !== undefined)

// ---- arriving

/** Looks at the header: whether the stream fits the volume, and how much of it is there from before. */
const begin = Effect.fnUntraced(function* (
  session: Session.Session,
  inbox: Inbox,
  { bytes, records }: Arrived,
  force: boolean
) {
  const [header, ...more] = records
  if (header?._tag !== "Header" || more.length > 0) return yield* bad(session, "it does not begin with a header")
  const arrival: Arrival = {
    header,
    headerFrame: bytes,
    staged: 0,
    tail: [bytes],
    tailBytes: bytes.length,
    bytes: bytes.length
  }
  if (yield* has(session, header)) return arrival
  yield* fits(session, header, force)
  const kept = yield* Reading.read(session, (pages, { names }) => {
    const frames = Staging.count(pages, names)
    if (frames === 0) return undefined
    return { frames, first: Staging.frame(pages, names, 0), last: Staging.frame(pages, names, frames - 1) }
  })
  if (kept === undefined) return arrival
  if (equal(kept.first, bytes)) {
    inbox.skipTo(kept.frames, kept.last)
    return { ...arrival, staged: kept.frames, tail: [], tailBytes: 0 }
  }
  yield* dropStaged(session)
  return arrival
})

/** Takes a frame after the first one. */
const keep = Effect.fnUntraced(function* (session: Session.Session, arrival: Arrival, { bytes, index }: Arrived) {
  arrival.bytes += bytes.length
  if (index < arrival.staged) {
    // It is there from before; the last one has to be the same, or all that follows is another stream's.
    if (index + 1 < arrival.staged) return
    const last = yield* Reading.read(session, (pages, { names }) => Staging.frame(pages, names, index))
    if (equal(Transfer.digestOf(last), Transfer.digestOf(bytes))) return
    yield* dropStaged(session)
    return yield* bad(session, "it is not the stream of which a part is kept, which was given up now")
  }
  arrival.tail.push(bytes)
  arrival.tailBytes += bytes.length
  if (arrival.tailBytes > transferBounds.memoryBytes) yield* stage(session, arrival)
})

/** Puts what is in memory on the volume. */
const stage = (session: Session.Session, arrival: Arrival): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const { header, staged, tail } = arrival
    yield* Transaction.transaction(
      session,
      Effect.gen(function* () {
        if (staged === 0) yield* Transaction.write(session, (draft) => Staging.begin(draft, header.nextInode))
        for (const [i, frame] of tail.entries()) {
          yield* Transaction.write(session, (draft) => Staging.put(draft, staged + i, frame))
        }
      })
    )
    arrival.staged += tail.length
    arrival.tail = []
    arrival.tailBytes = 0
  })

const keepRest = (session: Session.Session, arrival: Arrival): Effect.Effect<void, Failure> =>
  arrival.tail.length > 0 && (arrival.staged > 0 || arrival.tailBytes >= transferBounds.keptBytesMin)
    ? stage(session, arrival)
    : Effect.void

/** Gives up what a stream that broke off has left. */
export const abandon = (session: Session.Session): Effect.Effect<void, Failure> =>
  Effect.flatMap(begun(session), (left) => (left === undefined ? Effect.void : dropStaged(session)))

const dropStaged = (session: Session.Session): Effect.Effect<void, Failure> => {
  const step: Effect.Effect<void, Failure> = Effect.flatMap(
    Transaction.write(session, (draft) => Staging.drop(draft, DROP_COUNT)),
    (isDone) => (isDone ? Effect.void : step)
  )
  return Effect.asVoid(Transaction.transaction(session, step))
}

// ---- where it begins

/** The tree of names that was looked at, and is as the stream needs it. */
const fits = Effect.fnUntraced(function* (session: Session.Session, { base }: Transfer.Header, force: boolean) {
  const { identity } = session.device
  const { names: now } = session.head.root.record.roots
  if (base === undefined) {
    const isEmpty = yield* Reading.read(session, (pages, { names }) => Receiving.isEmpty(pages, names))
    if (!isEmpty && !force) return yield* fail(new VolumeError.Diverged({ device: identity, base: undefined }))
    return now
  }
  const found = yield* Reading.read(session, (pages, { snapshots }) => CoreSnapshots.withId(pages, snapshots, base.id))
  if (found === undefined) {
    return yield* fail(new VolumeError.BaseMissing({ device: identity, base: decoder.decode(base.name) }))
  }
  const name = decoder.decode(found.name)
  if (!force && !Tree.isSame(found.names, now)) {
    const first = yield* Stream.runHead(Difference.diff(session, name))
    if (Option.isSome(first)) return yield* fail(new VolumeError.Diverged({ device: identity, base: name }))
  }
  return now
})

/** Makes the state that the volume is in the one that the stream begins with. */
const goBack = Effect.fnUntraced(function* (session: Session.Session, { base }: Transfer.Header, force: boolean) {
  if (base === undefined) {
    let rest = yield* Transaction.write(session, Rollback.clear)
    while (rest.length > 0) {
      const frontier = rest
      rest = yield* Transaction.write(session, (draft) => Rollback.release(draft, frontier))
    }
    return
  }
  const found = yield* Transaction.write(session, (draft) =>
    CoreSnapshots.withId(draft, draft.roots.snapshots, base.id)
  )
  if (found === undefined) {
    const { identity } = session.device
    return yield* fail(new VolumeError.BaseMissing({ device: identity, base: decoder.decode(base.name) }))
  }
  const isThere = yield* Reading.read(session, (_pages, roots) => Tree.isSame(found.names, roots.names))
  if (isThere) return
  const { hasNewer, isKept } = yield* Reading.read(session, (pages, roots) => ({
    hasNewer: Rollback.newer(pages, roots, found).length > 0,
    isKept: Staging.count(pages, roots.names) > 0
  }))
  // Snapshots that this volume took since show the same, and stay: then only what was kept of the stream has to go.
  if (!force && hasNewer && isKept) yield* dropStaged(session)
  else yield* Snapshots.rollback(session, decoder.decode(found.name), { discardNewer: force })
})

// ---- revealing

/** What a transaction finds whose volume has changed since it was looked at. */
const MOVED_ON = Symbol("moved on")

const reveal = Effect.fnUntraced(function* (session: Session.Session, arrival: Arrival, force: boolean) {
  for (let tries = 0; tries < TRIES; tries++) {
    yield* Transaction.sync(session)
    const applied = yield* Effect.scoped(
      Effect.gen(function* () {
        // The frames that are kept are read from here, whatever becomes of the tree that they are in.
        const pinned = yield* Snapshots.newest(session, "Scan")
        const looked = yield* fits(session, arrival.header, force)
        return yield* Transaction.transaction(
          session,
          Effect.gen(function* () {
            const isSame = yield* Reading.read(session, (_pages, { names }) => Tree.isSame(names, looked))
            if (!isSame) return MOVED_ON
            yield* goBack(session, arrival.header, force)
            yield* applyAll(session, arrival, pinned)
            return undefined
          })
        )
      })
    )
    if (applied.value === undefined) return
  }
  const { identity } = session.device
  return yield* fail(new VolumeError.Diverged({ device: identity, base: decoder.decode(arrival.header.base?.name) }))
})

const applyAll = Effect.fnUntraced(function* (
  session: Session.Session,
  { header, staged, tail }: Arrival,
  pinned: Reading.PinnedRoot
) {
  let state = Receiving.BEGIN
  const apply = Effect.fnUntraced(function* (record: Transfer.Record) {
    for (let isDone = false; !isDone;) {
      const before = state
      const applied = yield* Transaction.write(session, (draft) => {
        const result = Receiving.apply(draft, before, record)
        return result._tag === "Refused" ? Result.fail(result.reason) : Result.succeed(result)
      })
      if (Result.isFailure(applied)) return yield* bad(session, applied.failure)
      ;({ isDone, state } = applied.success)
    }
  })
  for (let index = 0; index < staged + tail.length; index++) {
    const frame =
      index < staged
        ? yield* Reading.readAt(session, pinned, (pages, { names }: Roots) => Staging.frame(pages, names, index))
        : tail[index - staged]
    const records = Transfer.records(frame)
    if (records === undefined) return yield* bad(session, `the records of frame ${index} make no sense`)
    for (const record of index === 0 ? records.slice(1) : records) yield* apply(record)
  }
  const taken = yield* Transaction.write(session, (draft) => Receiving.finish(draft, header))
  if (taken === undefined) return
  const { identity } = session.device
  const name = decoder.decode(taken.name)
  return yield* fail(new VolumeError.SnapshotExists({ device: identity, name, isPending: taken.isPending }))
})
