/**
 * The store of effect's `PersistedQueue` on tables of a volume.
 *
 * - An item is delivered at least once. Taking one counts the attempt, durably, and leaves the item where it is; that it is done,
 *   waits for another attempt or has failed is written when its taker ends. So a process that is killed loses nothing, and an item
 *   that kills its takers comes to its last attempt like any other.
 * - Who is at work on what is known in memory: the volume has one writer, and all stores that stand on the same tables of one open
 *   volume know the same.
 * - An item that has used its attempts, or cannot be decoded, is a dead letter: it is kept, see {@link deadLetters}.
 * - Each change is part of the transaction that runs, if one does. An item offered in a transaction is found when that has
 *   committed, at the next look: `pollInterval` says how long this takes at most.
 * - Items come in the order of the times at which they are due, then of their offers.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Operation, Service } from "./FileOperation.ts"
import * as TableKey from "./TableKey.ts"
import * as TableValue from "./TableValue.ts"
import { typed } from "./TypedTable.ts"
import { Volume } from "./Volume.ts"
import type * as VolumeError from "./VolumeError.ts"

/** The options of {@link layerStore}. */
export interface Options {
  /** What the names of the tables begin with; `"persisted-queue"` by default. */
  readonly table?: string | undefined
  /** How often a waiting taker looks again, in case nobody has told it; a second by default. */
  readonly pollInterval?: Duration.Input | undefined
}

/** An item that nobody is given any more. */
export interface DeadLetter {
  readonly id: string
  readonly attempts: number
  /** As it was encoded. */
  readonly element: unknown
  /** Milliseconds since 1970. */
  readonly failedAt: number
}

const TABLE = "persisted-queue"
/** Items that one transaction of a cleanup removes. */
const CLEANUP_COUNT = 256

const Item = Schema.Struct({
  element: Schema.Unknown,
  attempts: Schema.Int,
  isCustomId: Schema.Boolean,
  /** When it is due, and which of the offers of its session it was: its place among those that wait. */
  dueAt: Schema.Int,
  offer: Schema.Int,
  state: Schema.Literals(["Waiting", "Completed", "Failed"]),
  changedAt: Schema.Int
})
type Item = typeof Item.Type

/** All items, those that wait by the time at which they are due, and those that are over by the time at which they ended. */
const tablesOf = (volume: Service, name: string) => ({
  items: typed(volume.table(name), { key: TableKey.tuple(TableKey.string, TableKey.string), value: Item }),
  waiting: typed(volume.table(`${name}/waiting`), {
    key: TableKey.tuple(TableKey.string, TableKey.integer, TableKey.integer, TableKey.string),
    value: TableValue.bytes
  }),
  over: typed(volume.table(`${name}/over`), {
    key: TableKey.tuple(TableKey.integer, TableKey.string, TableKey.string),
    value: TableValue.bytes
  })
})

const NOTHING = new Uint8Array(0)

/** In whole milliseconds; what is without end becomes a time that never comes. */
const delayOf = (delay: Duration.Duration): number => Math.min(Math.ceil(Duration.toMillis(delay)), 2 ** 52)

const millis = Effect.map(Clock.currentTimeMillis, Math.ceil)

const wrapped = <A, R>(effect: Effect.Effect<A, VolumeError.VolumeError, R>) =>
  Effect.mapError(effect, (cause) => new PersistedQueue.PersistedQueueError({ message: cause.message, cause }))

/** How effect's queue tells its store that an item cannot be decoded. */
const isUndecodable = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      Cause.isFailReason(reason) && Predicate.isTagged(reason.error, "~effect/persistence/PersistedQueue/DeadLetter")
  )

interface Taken {
  readonly name: string
  readonly id: string
  readonly item: Item
}

/** What the stores on the same tables know together. */
interface Claims {
  /** What somebody is at work on. */
  readonly taken: Set<string>
  /** What opens when there may be something to take, by queue. */
  readonly latches: Map<string, Latch.Latch>
  offers: number
}

const claims = new WeakMap<Service, Map<string, Claims>>()

const claimsOf = (volume: Service, table: string): Claims => {
  const ofVolume = claims.get(volume) ?? new Map<string, Claims>()
  claims.set(volume, ofVolume)
  const known = ofVolume.get(table) ?? { taken: new Set(), latches: new Map(), offers: 0 }
  ofVolume.set(table, known)
  return known
}

/** The store on a volume. */
export const make = (volume: Service, options: Options = {}): PersistedQueue.PersistedQueueStore["Service"] => {
  const table = options.table ?? TABLE
  const { items, over, waiting } = tablesOf(volume, table)
  const known = claimsOf(volume, table)
  const { latches, taken } = known
  const pollInterval = Duration.max(Duration.fromInputUnsafe(options.pollInterval ?? "1 second"), Duration.millis(1))

  const latchOf = (name: string): Latch.Latch => {
    const made = latches.get(name)
    if (made !== undefined) return made
    const latch = Latch.makeUnsafe(false)
    latches.set(name, latch)
    return latch
  }
  const claimOf = (name: string, id: string): string => JSON.stringify([name, id])

  // ---- changes, each inside of a transaction

  const enqueue = (name: string, id: string, item: Item): Operation<void> =>
    Effect.andThen(items.set([name, id], item), waiting.set([name, item.dueAt, item.offer, id], NOTHING))
  const unqueue = (name: string, id: string, { dueAt, offer }: Item): Operation<boolean> =>
    waiting.remove([name, dueAt, offer, id])
  const end = (name: string, id: string, item: Item, state: "Completed" | "Failed"): Operation<void> =>
    Effect.gen(function* () {
      yield* unqueue(name, id, item)
      // Nobody can offer an id again that was drawn for an item.
      if (state === "Completed" && !item.isCustomId) return void (yield* items.remove([name, id]))
      const changedAt = yield* millis
      yield* items.set([name, id], { ...item, state, changedAt })
      yield* over.set([changedAt, name, id], NOTHING)
    })

  // ---- taking

  /** The first item that is due and nobody's, or when the first one will be due. */
  const next = (name: string, now: number) =>
    waiting.keys({ prefix: [name] }).pipe(
      Stream.filter(([, , , id]) => !taken.has(claimOf(name, id))),
      Stream.runHead,
      Effect.map(Option.map((place) => ({ id: place[3], place, dueAt: place[1], isDue: place[1] <= now })))
    )

  /** Makes an item the caller's, if one is due and stands its attempt. */
  const claim = (name: string, maxAttempts: number): Operation<Taken | undefined> =>
    Effect.suspend(() => {
      let claimed: string | undefined
      return volume
        .transaction(
          Effect.gen(function* () {
            const found = yield* next(name, yield* millis)
            if (Option.isNone(found) || !found.value.isDue) return undefined
            const { id, place } = found.value
            const item = yield* items.get([name, id])
            // Only a change by others leaves a place without an item.
            if (item === undefined) return void (yield* waiting.remove(place))
            if (item.attempts >= maxAttempts) return void (yield* end(name, id, item, "Failed"))
            claimed = claimOf(name, id)
            taken.add(claimed)
            const counted = { ...item, attempts: item.attempts + 1 }
            yield* items.set([name, id], counted)
            return { name, id, item: counted }
          })
        )
        .pipe(Effect.onError(() => Effect.sync(() => claimed !== undefined && taken.delete(claimed))))
    })

  /** Writes what a taker has come to; what cannot be written is delivered again. */
  const settle = (
    { id, item, name }: Taken,
    exit: Exit.Exit<unknown, unknown>,
    maxAttempts: number,
    retryDelay: (attempts: number) => Effect.Effect<Duration.Duration>
  ): Operation<void> =>
    volume
      .transaction(
        Effect.gen(function* () {
          if (Exit.isSuccess(exit)) return yield* end(name, id, item, "Completed")
          const isInterrupted = Cause.hasInterruptsOnly(exit.cause)
          if (isUndecodable(exit.cause) || (!isInterrupted && item.attempts >= maxAttempts))
            return yield* end(name, id, item, "Failed")
          if (isInterrupted) return yield* items.set([name, id], { ...item, attempts: item.attempts - 1 })
          const delay = delayOf(yield* retryDelay(item.attempts))
          yield* unqueue(name, id, item)
          yield* enqueue(name, id, { ...item, dueAt: (yield* millis) + delay })
        })
      )
      .pipe(
        Effect.ensuring(
          Effect.sync(() => {
            taken.delete(claimOf(name, id))
            latchOf(name).openUnsafe()
          })
        )
      )

  return PersistedQueue.PersistedQueueStore.of({
    offer: ({ delay, element, id, isCustomId, name }) =>
      wrapped(
        volume.transaction(
          Effect.gen(function* () {
            if (yield* items.has([name, id])) return
            const now = yield* millis
            const dueAt = now + (delay === undefined ? 0 : delayOf(delay))
            const item: Item = {
              element,
              attempts: 0,
              isCustomId,
              dueAt,
              offer: known.offers++,
              state: "Waiting",
              changedAt: now
            }
            yield* enqueue(name, id, item)
          })
        )
      ).pipe(Effect.tap(() => latchOf(name).open)),

    take: Effect.fnUntraced(function* ({ maxAttempts, name, retryDelay }) {
      const latch = latchOf(name)
      while (true) {
        // Closed before looking, so that a change after the look opens it again.
        latch.closeUnsafe()
        const now = yield* millis
        const found = yield* wrapped(next(name, now))
        if (Option.isNone(found) || !found.value.isDue) {
          const wait = Option.isNone(found) ? Infinity : found.value.dueAt - now
          yield* Effect.race(latch.await, Effect.sleep(Duration.min(pollInterval, Duration.millis(wait))))
          continue
        }
        // Others that wait may have something to take, too.
        latch.openUnsafe()
        const item = yield* Effect.acquireRelease(wrapped(claim(name, maxAttempts)), (mine, exit) =>
          mine === undefined ? Effect.void : Effect.orDie(settle(mine, exit, maxAttempts, retryDelay))
        )
        if (item !== undefined) return { id: item.id, attempts: item.item.attempts, element: item.item.element }
      }
    }),

    cleanup: ({ failedTimeToLive, timeToLive }) =>
      wrapped(
        Effect.gen(function* () {
          const now = yield* millis
          const cutoffs = {
            Waiting: -Infinity,
            Completed: now - Duration.toMillis(timeToLive),
            Failed: failedTimeToLive === undefined ? -Infinity : now - Duration.toMillis(failedTimeToLive)
          }
          const last = Math.floor(Math.max(cutoffs.Completed, cutoffs.Failed))
          if (!Number.isFinite(last)) return
          let from: readonly [number, string, string] | undefined
          while (true) {
            const range = Stream.take(over.keys({ from, to: [last + 1, "", ""] }), CLEANUP_COUNT)
            const keys = yield* volume.transaction(
              Effect.tap(Stream.runCollect(range), (found) =>
                Effect.forEach(found, ([changedAt, name, id]) =>
                  Effect.flatMap(items.get([name, id]), (item) =>
                    item === undefined || changedAt <= cutoffs[item.state]
                      ? Effect.andThen(over.remove([changedAt, name, id]), items.remove([name, id]))
                      : Effect.void
                  )
                )
              )
            )
            if (keys.length < CLEANUP_COUNT) return
            const [changedAt, name, id] = keys[keys.length - 1]
            from = [changedAt, name, `${id}\0`]
          }
        })
      )
  })
}

/** The dead letters of a queue, by their ids. */
export const deadLetters = (
  volume: Service,
  name: string,
  options: Pick<Options, "table"> = {}
): Stream.Stream<DeadLetter, VolumeError.VolumeError> =>
  tablesOf(volume, options.table ?? TABLE)
    .items.entries({ prefix: [name] })
    .pipe(
      Stream.filter(({ value }) => value.state === "Failed"),
      Stream.map(({ key: [, id], value: { attempts, changedAt, element } }) => ({
        id,
        attempts,
        element,
        failedAt: changedAt
      }))
    )

/** The store on the volume below. */
export const layerStore = (options: Options = {}): Layer.Layer<PersistedQueue.PersistedQueueStore, never, Volume> =>
  Layer.effect(
    PersistedQueue.PersistedQueueStore,
    Effect.map(Volume, (volume) => make(volume, options))
  )

/** Effect's factory of queues on the volume below. */
export const layer = (options: Options = {}): Layer.Layer<PersistedQueue.PersistedQueueFactory, never, Volume> =>
  // Effect's is one value for all: fresh, so that it is not that of another volume.
  Layer.provide(Layer.fresh(PersistedQueue.layer), layerStore(options))
