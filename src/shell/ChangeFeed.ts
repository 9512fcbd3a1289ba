/**
 * What changes on a volume, as a stream of batches: for watchers, indexes and replicas.
 *
 * - A batch leads from one durable state to a later one, all of it: states in between may be left out, none is seen in part.
 * - Each batch has a cursor. Who keeps it with what it made of the batch goes on from there in any later session, and misses
 *   nothing: the state of the cursor is kept as a snapshot of the volume's own until the batch after it is asked for.
 * - What a feed keeps is not freed before it goes on or is forgotten. A rollback to before a cursor gives it up: `HistoryGone`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tree from "../core/Tree.ts"
import * as Difference from "./Difference.ts"
import { Identity } from "./Identity.ts"
import type * as Session from "./Session.ts"
import * as Snapshots from "./Snapshots.ts"
import * as VolumeError from "./VolumeError.ts"

type Failure = VolumeError.VolumeError

/** Where a feed begins, and whether it ends. */
export interface Options {
  /** The cursor of the last batch that was dealt with; without it a new feed begins, with an empty batch. */
  readonly since?: string | undefined
  /** Whether the stream waits for more (the default), or ends with the newest state. */
  readonly follow?: boolean | undefined
}

/** What leads from one durable state to a later one. */
export interface Batch {
  /** What `since` takes, to go on after this batch. */
  readonly cursor: string
  readonly changes: ReadonlyArray<Difference.Change>
}

/** A feed, and how many batches it has come to. */
interface Cursor {
  readonly feed: string
  readonly count: number
}

const encoder = new TextEncoder()

const format = ({ count, feed }: Cursor): string => `${feed}-${count}`

const parse = (text: string): Cursor | undefined => {
  const [, feed, count] = /^([0-9a-f]{32})-(\d{1,15})$/.exec(text) ?? []
  return feed === undefined ? undefined : { feed, count: Number(count) }
}

const prefixOf = (feed: string): string => `\0changes-${feed}-`
const nameOf = ({ count, feed }: Cursor): Uint8Array => encoder.encode(`${prefixOf(feed)}${count}`)

const gone = (session: Session.Session, cursor: string) =>
  Effect.fail(VolumeError.make(new VolumeError.HistoryGone({ device: session.device.identity, cursor })))

/** The changes since a cursor, or from now on. */
export const changes = (
  session: Session.Session,
  { follow = true, since }: Options = {}
): Stream.Stream<Batch, Failure> =>
  Stream.paginate(undefined as Cursor | undefined, (cursor) =>
    cursor === undefined
      ? Effect.map(since === undefined ? begin(session) : resume(session, since), ({ batches, cursor: first }) => {
          return [batches, Option.some<Cursor | undefined>(first)] as const
        })
      : next(session, cursor, follow)
  )

/** A new feed. */
const begin = Effect.fnUntraced(function* (session: Session.Session) {
  const id = (yield* Identity).next()
  const cursor: Cursor = { feed: Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join(""), count: 0 }
  yield* Snapshots.take(session, nameOf(cursor))
  const batches: ReadonlyArray<Batch> = [{ cursor: format(cursor), changes: [] }]
  return { batches, cursor }
})

/** A feed that goes on: what it kept for batches that nobody has dealt with is given up. */
const resume = Effect.fnUntraced(function* (session: Session.Session, since: string) {
  const cursor = parse(since)
  if (cursor === undefined) return yield* gone(session, since)
  const kept = yield* Snapshots.own(session, prefixOf(cursor.feed))
  const name = `${prefixOf(cursor.feed)}${cursor.count}`
  if (!kept.includes(name)) return yield* gone(session, since)
  for (const other of kept) if (other !== name) yield* Snapshots.discard(session, encoder.encode(other))
  const batches: ReadonlyArray<Batch> = []
  return { batches, cursor }
})

/** The batch after a cursor, once there is one. */
const next = Effect.fnUntraced(function* (session: Session.Session, cursor: Cursor, follow: boolean) {
  // Who asks for the next batch has dealt with the one before.
  if (cursor.count > 0) yield* Snapshots.discard(session, nameOf({ ...cursor, count: cursor.count - 1 }))
  if (!(yield* hasChanged(session, cursor, follow))) return [[] as ReadonlyArray<Batch>, Option.none()] as const
  const after: Cursor = { ...cursor, count: cursor.count + 1 }
  yield* Snapshots.take(session, nameOf(after))
  const found = yield* Effect.scoped(
    Effect.gen(function* () {
      const [old, now] = [yield* Snapshots.hold(session, nameOf(cursor)), yield* Snapshots.hold(session, nameOf(after))]
      if (old === undefined || now === undefined) return yield* gone(session, format(cursor))
      return yield* Stream.runCollect(
        Difference.between(
          session,
          { ...old, generation: old.snapshot.generation },
          { ...now, generation: now.snapshot.generation }
        )
      )
    })
  )
  const batches: ReadonlyArray<Batch> = found.length === 0 ? [] : [{ cursor: format(after), changes: found }]
  return [batches, Option.some<Cursor | undefined>(after)] as const
})

/** Waits until the newest state is another one than that of the cursor; answers whether it is. */
const hasChanged = Effect.fnUntraced(function* (session: Session.Session, cursor: Cursor, follow: boolean) {
  const name = nameOf(cursor)
  for (;;) {
    const { moved } = session
    const kept = yield* Effect.scoped(Snapshots.hold(session, name))
    if (session.closed) return yield* Effect.fail(VolumeError.make(new VolumeError.Closed({ what: "volume" })))
    if (kept === undefined) return yield* gone(session, format(cursor))
    if (!Tree.isSame(kept.snapshot.names, session.head.root.record.roots.names)) return true
    if (!follow) return false
    yield* Deferred.await(moved)
  }
})

/** Gives up what is kept for a feed. */
export const forget = (session: Session.Session, cursor: string): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const known = parse(cursor)
    if (known === undefined) return gone(session, cursor)
    return Effect.flatMap(Snapshots.own(session, prefixOf(known.feed)), (kept) =>
      Effect.forEach(kept, (name) => Snapshots.discard(session, encoder.encode(name)), { discard: true })
    )
  })
