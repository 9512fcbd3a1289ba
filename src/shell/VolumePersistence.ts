/**
 * The backing of effect's `Persistence` on tables of a volume: a table for each store, by its id.
 *
 * - A change is atomic, and part of the transaction that runs, if one does; `setMany` sets all or nothing.
 * - What has expired by the `Clock` is not seen any more, and is removed: when its store is made, and at intervals. The table has a
 *   second entry for each that expires, in the order of time, so a sweep looks at what has expired only.
 * - Values are JSON. What cannot be told so is refused.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Operation as VolumeOperation, Service } from "./FileOperation.ts"
import type { Table } from "./Table.ts"
import { Volume } from "./Volume.ts"

/** The options of {@link layerBacking}. */
export interface Options {
  /** What the name of a table begins with, before the id of its store; `"persistence/"` by default. */
  readonly prefix?: string | undefined
  /** The time between two sweeps; a minute by default. */
  readonly sweepEvery?: Duration.Input | undefined
}

type Operation<A> = Effect.Effect<A, Persistence.PersistenceError>

/** The first byte of a key: a value, or the time at which one expires. */
const VALUE = 0
const TIME = 1
const TIME_BYTES = 8
/** Entries that one transaction of a sweep removes. */
const SWEEP_COUNT = 256

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const errorOf = (message: string, cause?: unknown) =>
  new Persistence.PersistenceError(cause === undefined ? { message } : { message, cause })

const wrapped = <A>(effect: Effect.Effect<A, { readonly message: string }>): Operation<A> =>
  Effect.mapError(effect, (cause) =>
    cause instanceof Persistence.PersistenceError ? cause : errorOf(cause.message, cause)
  )

// ---- entries

const joined = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 1))
  bytes[0] = tag
  let at = 1
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A time that is not below zero, so that the order of the bytes is that of the times. */
const timeBytes = (millis: number): Uint8Array => {
  const bytes = new Uint8Array(TIME_BYTES)
  new DataView(bytes.buffer).setFloat64(0, Math.max(0, millis))
  return bytes
}

const timeAt = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(at)

const keyBytes = (key: string): Operation<Uint8Array> =>
  Effect.suspend(() =>
    key.isWellFormed() ? Effect.succeed(encoder.encode(key)) : Effect.fail(errorOf("A key is not well-formed Unicode"))
  )

/** An entry is the time at which it expires, which may be infinite, and its JSON. */
const encoded = (value: object, expires: number): Operation<Uint8Array> =>
  Effect.suspend(() => {
    const text = Result.try((): string | undefined => JSON.stringify(value))
    if (Result.isFailure(text)) return Effect.fail(errorOf("A value cannot be told as JSON", text.failure))
    return text.success === undefined
      ? Effect.fail(errorOf("A value cannot be told as JSON"))
      : Effect.succeed(joined(0, timeBytes(expires), encoder.encode(text.success)).subarray(1))
  })

const decoded = (key: string, entry: Uint8Array): Operation<object> => {
  const value = Result.try((): object => JSON.parse(decoder.decode(entry.subarray(TIME_BYTES))))
  return Result.isSuccess(value)
    ? Effect.succeed(value.success)
    : Effect.fail(errorOf(`The value of ${key} was not written by a Persistence`, value.failure))
}

// ---- one store

const removed = (table: Table, bytes: Uint8Array): VolumeOperation<void> =>
  Effect.flatMap(table.get(joined(VALUE, bytes)), (before) => {
    if (before === undefined) return Effect.void
    const expires = timeAt(before, 0)
    const value = table.remove(joined(VALUE, bytes))
    return Effect.asVoid(
      Number.isFinite(expires) ? Effect.andThen(value, table.remove(joined(TIME, timeBytes(expires), bytes))) : value
    )
  })

/** Removes what has expired, by transactions of a bounded size, and answers how much it was. */
const sweep = (volume: Service, table: Table): VolumeOperation<number> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    // A key of this very time is above the bound.
    const expired = table.keys({ from: joined(TIME), to: joined(TIME, timeBytes(now), new Uint8Array([0xff])) })
    const step = Effect.flatMap(Stream.runCollect(Stream.take(expired, SWEEP_COUNT)), (keys) =>
      Effect.as(
        Effect.forEach(keys, (key) => removed(table, key.subarray(1 + TIME_BYTES)), { discard: true }),
        keys.length
      )
    )
    const from = (count: number): VolumeOperation<number> =>
      Effect.flatMap(volume.transaction(step), (more) =>
        more < SWEEP_COUNT ? Effect.succeed(count + more) : from(count + more)
      )
    return from(0)
  })

const store = (volume: Service, table: Table): Persistence.BackingPersistenceStore => {
  const get = (key: string): Operation<object | undefined> =>
    Effect.gen(function* () {
      const entry = yield* wrapped(table.get(joined(VALUE, yield* keyBytes(key))))
      if (entry === undefined || timeAt(entry, 0) <= (yield* Clock.currentTimeMillis)) return undefined
      return yield* decoded(key, entry)
    })
  const set = (key: string, value: object, timeToLive: Duration.Duration | undefined): Operation<void> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const expires = timeToLive === undefined ? Infinity : now + Duration.toMillis(timeToLive)
      const bytes = yield* keyBytes(key)
      const entry = yield* encoded(value, expires)
      yield* wrapped(removed(table, bytes))
      yield* wrapped(table.set(joined(VALUE, bytes), entry))
      if (Number.isFinite(expires))
        yield* wrapped(table.set(joined(TIME, timeBytes(expires), bytes), new Uint8Array(0)))
    })
  return {
    get,
    getMany: ([first, ...rest]) =>
      wrapped(
        volume.view(
          Effect.flatMap(get(first), (one) => Effect.map(Effect.forEach(rest, get), (more) => [one, ...more]))
        )
      ),
    set: (key, value, timeToLive) => wrapped(volume.transaction(set(key, value, timeToLive))),
    setMany: (entries) =>
      wrapped(volume.transaction(Effect.forEach(entries, (entry) => set(...entry), { discard: true }))),
    remove: (key) => Effect.flatMap(keyBytes(key), (bytes) => wrapped(volume.transaction(removed(table, bytes)))),
    clear: wrapped(table.clear)
  }
}

// ---- the service

/** The backing on a volume. Each store is swept until its scope ends. */
export const make = (volume: Service, options: Options = {}): Persistence.BackingPersistence["Service"] =>
  Persistence.BackingPersistence.of({
    make: Effect.fnUntraced(function* (storeId: string) {
      const table = volume.table(`${options.prefix ?? "persistence/"}${storeId}`)
      if (!volume.facts.readOnly) {
        const swept = Effect.catch(sweep(volume, table), (error) =>
          Effect.logWarning(`Sweeping what has expired of ${table.name} failed: ${error.message}`)
        )
        yield* swept
        yield* Effect.forkScoped(Effect.forever(Effect.delay(swept, options.sweepEvery ?? "1 minute")))
      }
      return store(volume, table)
    })
  })

/** The backing on the volume below. */
export const layerBacking = (options: Options = {}): Layer.Layer<Persistence.BackingPersistence, never, Volume> =>
  Layer.effect(
    Persistence.BackingPersistence,
    Effect.map(Volume, (volume) => make(volume, options))
  )

/** Effect's `Persistence` on the volume below. */
export const layer = (options: Options = {}): Layer.Layer<Persistence.Persistence, never, Volume> =>
  // Effect's is one value for all: fresh, so that it is not that of another volume.
  Layer.provide(Layer.fresh(Persistence.layer), layerBacking(options))
