/**
 * A table with types: keys and values that are more than bytes.
 *
 * - The types belong to who uses the table and are not stored: who opens it with other ones finds what is not of its type, and is
 *   told so (`TypeMismatch`, with the table and the key), or finds something else.
 * - What is refused has changed nothing.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Operation } from "./FileOperation.ts"
import type { Table } from "./Table.ts"
import type { TableKey } from "./TableKey.ts"
import type { Range, Stored } from "./TableScan.ts"
import * as TableValue from "./TableValue.ts"
import * as VolumeError from "./VolumeError.ts"

/** What the keys and values of a table are. A schema stands for JSON, see `TableValue.json`. */
export interface Types<Key, Prefix, Value> {
  readonly key: TableKey<Key, Prefix>
  readonly value: TableValue.TableValue<Value> | Schema.Codec<Value, unknown>
}

/** Which keys are wanted, and in which order. What is missing bounds nothing. */
export interface KeyRange<Key, Prefix> {
  /** No key is below it; it is in the range. */
  readonly from?: Key | undefined
  /** Every key is below it; it is not in the range. */
  readonly to?: Key | undefined
  /** Every key begins with it: some of the first parts of a tuple, or a beginning of a string. */
  readonly prefix?: Prefix | undefined
  /** From the last key to the first. */
  readonly reverse?: boolean | undefined
}

/** A key and its value. */
export interface Entry<Key, Value> {
  readonly key: Key
  readonly value: Value
}

/** The operations of a `Table`, with types. */
export interface Typed<Key, Prefix, Value> extends Pick<Table, "name" | "count" | "create" | "clear" | "drop"> {
  /** The value of a key, if there is one. */
  readonly get: (key: Key) => Operation<Value | undefined>
  readonly has: (key: Key) => Operation<boolean>
  readonly set: (key: Key, value: Value) => Operation<void>
  /** Removes an entry, and answers whether it was there. */
  readonly remove: (key: Key) => Operation<boolean>
  /** The entries of a range, by their keys; see `Table.entries`. Ends with the first that is not of its type. */
  readonly entries: (range?: KeyRange<Key, Prefix>) => Stream.Stream<Entry<Key, Value>, VolumeError.VolumeError>
  /** The same without reading the values. */
  readonly keys: (range?: KeyRange<Key, Prefix>) => Stream.Stream<Key, VolumeError.VolumeError>
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** Puts types on a table. */
export const typed = <Key, Prefix, Value>(
  table: Table,
  types: Types<Key, Prefix, Value>
): Typed<Key, Prefix, Value> => {
  const { name } = table
  const values = Schema.isSchema(types.value) ? TableValue.json(types.value) : types.value

  const settle = <A>(
    what: "key" | "value",
    key: Uint8Array | undefined,
    isStored: boolean,
    result: Result.Result<A, string>
  ): Operation<A> =>
    Result.isSuccess(result)
      ? Effect.succeed(result.success)
      : Effect.fail(
          VolumeError.make(
            new VolumeError.TypeMismatch({
              table: name,
              what,
              key: key && hexOf(key),
              isStored,
              reason: result.failure
            })
          )
        )

  const encoded = (key: Key): Operation<Uint8Array> =>
    Effect.suspend(() => settle("key", undefined, false, types.key.encode(key, true)))

  const decodedKey = (key: Uint8Array): Operation<Key> => {
    const decoded = Result.flatMap(types.key.decode(key, 0, true), ({ end, value }) =>
      end === key.length ? Result.succeed(value) : Result.fail("it is longer than its parts")
    )
    return settle("key", key, true, decoded)
  }

  const decodedValue = (key: Uint8Array, value: Uint8Array): Operation<Value> =>
    settle("value", key, true, values.decode(value))

  const decodedEntry = ({ key, value }: Stored): Operation<Entry<Key, Value>> =>
    Effect.flatMap(decodedKey(key), (ofKey) =>
      Effect.map(decodedValue(key, value), (ofValue) => ({ key: ofKey, value: ofValue }))
    )

  const bound = (key: Key | undefined): Operation<Uint8Array | undefined> =>
    key === undefined ? Effect.undefined : encoded(key)

  /** What `use` makes of a range in bytes. */
  const ranged = <A>(
    { from, prefix, reverse, to }: KeyRange<Key, Prefix> = {},
    use: (range: Range) => Stream.Stream<A, VolumeError.VolumeError>
  ): Stream.Stream<A, VolumeError.VolumeError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const begin =
          prefix === undefined ? undefined : yield* settle("key", undefined, false, types.key.encodePrefix(prefix))
        return use({ from: yield* bound(from), to: yield* bound(to), prefix: begin, reverse })
      })
    )

  return {
    name,
    count: table.count,
    create: table.create,
    clear: table.clear,
    drop: table.drop,
    get: (key) =>
      Effect.flatMap(encoded(key), (bytes) =>
        Effect.flatMap(table.get(bytes), (value) =>
          value === undefined ? Effect.undefined : decodedValue(bytes, value)
        )
      ),
    has: (key) => Effect.flatMap(encoded(key), table.has),
    set: (key, value) =>
      Effect.flatMap(encoded(key), (bytes) =>
        Effect.flatMap(settle("value", bytes, false, values.encode(value)), (stored) => table.set(bytes, stored))
      ),
    remove: (key) => Effect.flatMap(encoded(key), table.remove),
    entries: (range) => ranged(range, (inBytes) => Stream.mapEffect(table.entries(inBytes), decodedEntry)),
    keys: (range) => ranged(range, (inBytes) => Stream.mapEffect(table.keys(inBytes), decodedKey))
  }
}
