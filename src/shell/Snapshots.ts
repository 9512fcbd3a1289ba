/**
 * Snapshots of a volume: taken, listed, opened, removed, gone back to.
 *
 * - A snapshot is of what the transaction commits that takes it, with all that the transaction does after asking for it. Outside
 *   of one it is of the state as it stands, and durable when `create` returns, whatever the volume's durability.
 * - An opened snapshot reads that state, whoever removes the snapshot or goes back meanwhile: its pages are kept until its scope
 *   ends.
 * - Going back is a change like any other: one transaction, seen by nobody before it commits. Views keep the root that they
 *   have, and open files that the snapshot does not know are gone.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Commit from "../core/Commit.ts"
import * as Deadlists from "../core/Deadlists.ts"
import type { Draft } from "../core/Draft.ts"
import type { Layout } from "../core/Layout.ts"
import type { Pages } from "../core/Pages.ts"
import * as Rollback from "../core/Rollback.ts"
import { NOTHING_PENDING, type Roots } from "../core/Roots.ts"
import * as CoreSnapshots from "../core/Snapshots.ts"
import * as Tree from "../core/Tree.ts"
import { Identity } from "./Identity.ts"
import * as Interpreter from "./Interpreter.ts"
import type { Reader } from "./Readers.ts"
import type * as Session from "./Session.ts"
import * as Transaction from "./Transaction.ts"
import * as VolumeError from "./VolumeError.ts"
import * as Reading from "./Reading.ts"

type Outcome<A> = Effect.Effect<A, VolumeError.VolumeError>

/** A state that stays, by its name. */
export interface Snapshot {
  readonly name: string
  /** 16 bytes: tells it from every other snapshot, also of the same name. */
  readonly id: Uint8Array
  /** Of the root that it names. */
  readonly generation: number
  /** When it was asked for, in nanoseconds since 1970. */
  readonly time: bigint
  /** Files, folders and symbolic links in it. */
  readonly inodeCount: number
}

/** How a volume is set back. */
export interface RollbackOptions {
  /** Removes the snapshots that are newer; without it they make the rollback fail. */
  readonly discardNewer?: boolean | undefined
}

/** Entries of a deadlist that one call of the core takes off. */
const STEP_COUNT = 1024
/** Snapshots that one call of the core lists. */
const LIST_COUNT = 256

const encoder = new TextEncoder()
const decoder = new TextDecoder()

// ---- names

const invalid = (session: Session.Session, name: string): VolumeError.Reason | undefined => {
  if (name === "") return { _tag: "InvalidName", name, reason: "is empty" }
  if (!name.isWellFormed()) return { _tag: "InvalidName", name, reason: "is not well-formed Unicode" }
  if (/[\0/]/.test(name)) return { _tag: "InvalidName", name, reason: "holds a slash or a NUL" }
  const byteCount = encoder.encode(name).length
  const byteCountMax = CoreSnapshots.nameBytesMax(session.binding.layout)
  return byteCount > byteCountMax ? { _tag: "NameTooLong", byteCount, byteCountMax } : undefined
}

const fail = (reason: VolumeError.Reason) => Effect.fail(VolumeError.make(reason))

/** Checks a name and gives its bytes. */
const nameOf = (session: Session.Session, name: string): Outcome<Uint8Array> =>
  Effect.suspend(() => {
    const reason = invalid(session, name)
    return reason === undefined ? Effect.succeed(encoder.encode(name)) : fail(reason)
  })

const notFound = (session: Session.Session, name: string): VolumeError.Reason =>
  new VolumeError.SnapshotNotFound({ device: session.device.identity, name })

const infoOf = ({ generation, id, inodeCount, name, time }: CoreSnapshots.Snapshot): Snapshot => ({
  name: decoder.decode(name),
  id,
  generation,
  time,
  inodeCount
})

// ---- taking and listing

/** Takes a snapshot. */
export const create = (session: Session.Session, name: string): Outcome<void> =>
  Effect.flatMap(nameOf(session, name), (bytes) => take(session, bytes))

/** Takes a snapshot of this name, one of the volume's own perhaps. */
export const take = Effect.fnUntraced(function* (session: Session.Session, bytes: Uint8Array) {
  const time = yield* Clock.currentTimeNanos
  const id = (yield* Identity).next()
  const taken = yield* Transaction.write(session, (draft) => {
    const reason = CoreSnapshots.request(draft, { name: bytes, id, time })
    return reason === undefined ? Result.void : Result.fail(reason)
  })
  if (Result.isSuccess(taken)) return
  const { isPending, name: other } = taken.failure
  const { identity } = session.device
  return yield* fail(new VolumeError.SnapshotExists({ device: identity, name: decoder.decode(other), isPending }))
})

/** All snapshots, oldest first. */
export const list = (session: Session.Session): Outcome<ReadonlyArray<Snapshot>> => {
  const from = (after: number, found: ReadonlyArray<Snapshot>): Outcome<ReadonlyArray<Snapshot>> =>
    Effect.flatMap(
      Reading.read(session, (pages, { snapshots }) => CoreSnapshots.list(pages, snapshots, after, LIST_COUNT)),
      (more) => {
        const all = [...found, ...more.filter(({ name }) => !CoreSnapshots.isOwn(name)).map(infoOf)]
        return more.length < LIST_COUNT ? Effect.succeed(all) : from(more[more.length - 1].generation, all)
      }
    )
  return Reading.view(session, from(0, []))
}

// ---- removing and going back

/** Runs steps of a state until there is none. */
const steps = <S>(
  session: Session.Session,
  state: S,
  step: (draft: Draft<Roots>, state: S) => S | undefined
): Outcome<void> =>
  Effect.flatMap(
    Transaction.write(session, (draft) => step(draft, state)),
    (next) => (next === undefined ? Effect.void : steps(session, next, step))
  )

const find = (pages: Pages, { snapshots }: Roots, name: Uint8Array): CoreSnapshots.Snapshot | undefined =>
  CoreSnapshots.named(pages, snapshots, name)

/** Removes a snapshot; what only it saw is free after the commit. */
export const remove = (session: Session.Session, name: string): Outcome<void> =>
  Effect.flatMap(nameOf(session, name), (bytes) =>
    Effect.flatMap(discard(session, bytes), (wasThere) => (wasThere ? Effect.void : fail(notFound(session, name))))
  )

/** Removes the snapshot of this name, one of the volume's own perhaps; answers whether it was there. */
export const discard = (session: Session.Session, bytes: Uint8Array): Outcome<boolean> =>
  Effect.map(
    Transaction.transaction(
      session,
      Effect.gen(function* () {
        const found = yield* Transaction.write(session, (draft) => {
          const snapshot = find(draft, draft.roots, bytes)
          if (snapshot !== undefined) CoreSnapshots.remove(draft, snapshot)
          return snapshot
        })
        if (found === undefined) return false
        yield* steps(session, found, (draft, snapshot) =>
          Deadlists.dissolve(draft, snapshot.generation, STEP_COUNT) ? undefined : snapshot
        )
        return true
      })
    ),
    ({ value }) => value
  )

/** Makes the state of a snapshot that of the volume. */
export const rollback = (
  session: Session.Session,
  name: string,
  { discardNewer = false }: RollbackOptions = {}
): Outcome<void> =>
  Effect.flatMap(nameOf(session, name), (bytes) =>
    Transaction.transaction(
      session,
      Effect.gen(function* () {
        const { newer, snapshot } = yield* Reading.read(session, (pages, roots) => {
          const to = find(pages, roots, bytes)
          const newer = to === undefined ? [] : Rollback.newer(pages, roots, to)
          return { snapshot: to, newer: newer.filter((one) => !CoreSnapshots.isOwn(one.name)) }
        })
        if (snapshot === undefined) return yield* fail(notFound(session, name))
        if (newer.length > 0 && !discardNewer) {
          const names = newer.map((one) => decoder.decode(one.name))
          return yield* fail(new VolumeError.NewerSnapshots({ device: session.device.identity, name, newer: names }))
        }
        const begun = yield* Transaction.write(session, (draft) => Rollback.begin(draft, snapshot))
        yield* steps(session, begun, Rollback.step)
      })
    )
  ).pipe(Effect.asVoid)

// ---- reading one

/** A snapshot that is held open: what the tree has of it, and its root as a reader needs it. */
export interface Opened extends Reading.PinnedRoot {
  readonly snapshot: CoreSnapshots.Snapshot
}

/**
 * Opens a snapshot until the scope ends. The root bears the generation of the newest root: what
 * dies from now on is kept for the reader, the snapshot's own pages among it.
 */
export const open = (
  session: Session.Session,
  name: string
): Effect.Effect<Opened, VolumeError.VolumeError, Scope.Scope> =>
  Effect.flatMap(nameOf(session, name), (bytes) =>
    Effect.flatMap(hold(session, bytes), (opened) =>
      opened === undefined ? fail(notFound(session, name)) : Effect.succeed(opened)
    )
  )

/** Opens the snapshot of this name, one of the volume's own perhaps, if it is there. */
export const hold = (
  session: Session.Session,
  bytes: Uint8Array
): Effect.Effect<Opened | undefined, VolumeError.VolumeError, Scope.Scope> =>
  Effect.flatMap(newest(session, "Snapshot"), ({ head, reader }) =>
    Effect.map(
      Interpreter.readRoot(session, head, (pages, roots) => find(pages, roots, bytes)),
      (snapshot) => snapshot && { snapshot, head: headOf(session.binding.layout, head, snapshot), reader }
    )
  )

/** The names of the volume's own snapshots that begin like this. */
export const own = (session: Session.Session, prefix: string): Outcome<ReadonlyArray<string>> =>
  Reading.read(session, (pages, { snapshots }) =>
    CoreSnapshots.list(pages, snapshots, 0, Number.POSITIVE_INFINITY)
      .map(({ name }) => decoder.decode(name))
      .filter((name) => name.startsWith(prefix))
  )

/** The newest durable root, pinned until the scope ends. */
export const newest = (
  session: Session.Session,
  kind: Reader["kind"]
): Effect.Effect<Reading.PinnedRoot, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { head, readers } = session
      return { head, reader: readers.enter(kind, head.root.record.generation) }
    }),
    ({ reader }) => Effect.sync(() => session.readers.leave(reader))
  )

const headOf = (
  layout: Layout,
  head: Commit.Head,
  { inodeCount, names, nextInode }: CoreSnapshots.Snapshot
): Commit.Head => {
  const { record } = head.root
  const none = Tree.empty(layout)
  const roots: Roots = {
    names,
    nextInode,
    inodeCount,
    snapshots: none,
    deadlists: none,
    pending: NOTHING_PENDING
  }
  return { ...head, root: { ...head.root, record: { ...record, roots } } }
}
