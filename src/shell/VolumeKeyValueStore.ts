/**
 * Effect's `KeyValueStore` on a table of a volume.
 *
 * - A change is atomic, and part of the transaction that runs, if one does. `modify` reads and sets in one; if its function throws,
 *   nothing is changed.
 * - A value remembers whether it was text or bytes. Bytes that are asked for as text are base64; text as bytes is its UTF-8.
 * - Keys are in the order of their UTF-8. `clearPrefix` looks at what it removes only.
 * - Keys and texts that are not well-formed Unicode are refused. An error has the `VolumeError` as its cause.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Service } from "./FileOperation.ts"
import { Volume } from "./Volume.ts"

/** The options of {@link layer}. */
export interface Options {
  /** The name of the table; `"key-value-store"` by default. */
  readonly table?: string | undefined
}

type Operation<A> = Effect.Effect<A, KeyValueStore.KeyValueStoreError>

/** The first byte of a value. */
const TEXT = 0
const BYTES = 1

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const errorOf = (method: string, key: string | undefined, message: string, cause?: unknown) =>
  new KeyValueStore.KeyValueStoreError({
    method,
    message,
    ...(key === undefined ? {} : { key }),
    ...(cause === undefined ? {} : { cause })
  })

const wrapped =
  (method: string, key?: string) =>
  <A>(effect: Effect.Effect<A, { readonly message: string }>): Operation<A> =>
    Effect.mapError(effect, (cause) => errorOf(method, key, cause.message, cause))

/** A copy, which is the caller's. */
const copied = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const stored = (tag: number, content: Uint8Array): Uint8Array => {
  const value = new Uint8Array(1 + content.length)
  value[0] = tag
  value.set(content, 1)
  return value
}

/** What the entry of a key is read as, if it is there. */
const reading = <A>(
  method: string,
  key: string,
  value: Uint8Array | undefined,
  ofText: (bytes: Uint8Array) => A,
  ofBytes: (bytes: Uint8Array) => A
): Operation<A | undefined> => {
  if (value === undefined) return Effect.undefined
  const content = value.subarray(1)
  const result: Result.Result<A, unknown> =
    value[0] === TEXT
      ? Result.try(() => ofText(content))
      : value[0] === BYTES
        ? Result.succeed(ofBytes(content))
        : Result.fail("it is neither text nor bytes")
  return Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(errorOf(method, key, `The value of ${key} was not written by a KeyValueStore`, result.failure))
}

/** The store on the table of a name. */
export const make = (volume: Service, name: string): KeyValueStore.KeyValueStore => {
  const table = volume.table(name)

  const wellFormed = (method: string, key: string, text: string, what: string): Operation<Uint8Array> =>
    Effect.suspend(() =>
      text.isWellFormed()
        ? Effect.succeed(encoder.encode(text))
        : Effect.fail(errorOf(method, key, `A ${what} is not well-formed Unicode`))
    )
  const keyed = <A>(method: string, key: string, use: (bytes: Uint8Array) => Operation<A>): Operation<A> =>
    Effect.flatMap(wellFormed(method, key, key, "key"), use)

  const get = (method: string, key: string): Operation<string | undefined> =>
    keyed(method, key, (bytes) =>
      Effect.flatMap(table.get(bytes).pipe(wrapped(method, key)), (value) =>
        reading(method, key, value, (text) => decoder.decode(text), Base64.encode)
      )
    )
  const getUint8Array = (method: string, key: string): Operation<Uint8Array | undefined> =>
    keyed(method, key, (bytes) =>
      Effect.flatMap(table.get(bytes).pipe(wrapped(method, key)), (value) =>
        reading(method, key, value, copied, copied)
      )
    )
  const set = (method: string, key: string, value: string | Uint8Array): Operation<void> =>
    keyed(method, key, (bytes) =>
      Effect.flatMap(
        typeof value === "string"
          ? Effect.map(wellFormed(method, key, value, "value"), (text) => stored(TEXT, text))
          : Effect.sync(() => stored(BYTES, value)),
        (entry) => table.set(bytes, entry).pipe(wrapped(method, key))
      )
    )
  const modifying = <A extends string | Uint8Array>(
    method: string,
    read: (method: string, key: string) => Operation<A | undefined>,
    key: string,
    f: (value: A) => A
  ): Operation<A | undefined> =>
    inTransaction(
      method,
      key,
      Effect.flatMap(read(method, key), (value) => {
        if (value === undefined) return Effect.undefined
        const next = f(value)
        return Effect.as(set(method, key, next), next)
      })
    )
  const inTransaction = <A>(method: string, key: string, effect: Operation<A>): Operation<A> =>
    Effect.mapError(volume.transaction(effect), (error) =>
      error._tag === "KeyValueStoreError" ? error : errorOf(method, key, error.message, error)
    )

  const clear = table.clear.pipe(wrapped("clear"))
  return KeyValueStore.make({
    get: (key) => get("get", key),
    getUint8Array: (key) => getUint8Array("getUint8Array", key),
    set: (key, value) => set("set", key, value),
    remove: (key) => keyed("remove", key, (bytes) => Effect.asVoid(table.remove(bytes)).pipe(wrapped("remove", key))),
    has: (key) => keyed("has", key, (bytes) => table.has(bytes).pipe(wrapped("has", key))),
    clear,
    clearPrefix: (prefix) =>
      prefix === ""
        ? clear
        : keyed("clearPrefix", prefix, (bytes) =>
            volume
              .transaction(Stream.runForEach(table.keys({ prefix: bytes }), table.remove))
              .pipe(wrapped("clearPrefix", prefix))
          ),
    size: table.count.pipe(wrapped("size")),
    isEmpty: Effect.map(table.count, (count) => count === 0).pipe(wrapped("isEmpty")),
    keys: Effect.map(Stream.runCollect(table.keys()), (keys) => keys.map((key) => decoder.decode(key))).pipe(
      wrapped("keys")
    ),
    modify: (key, f) => modifying("modify", get, key, f),
    modifyUint8Array: (key, f) => modifying("modifyUint8Array", getUint8Array, key, f)
  })
}

/** The store on the volume below. */
export const layer = (options: Options = {}): Layer.Layer<KeyValueStore.KeyValueStore, never, Volume> =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(Volume, (volume) => make(volume, options.table ?? "key-value-store"))
  )
