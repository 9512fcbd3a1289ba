/**
 * Tables: ordered maps from bytes to bytes on a volume, beside its files and keys, and in the same transactions, views and
 * snapshots.
 *
 * - A change is atomic, and where the volume's durability is `"commit"`, durable when it returns. What is refused (a name, a key or
 *   a value) has changed nothing.
 * - A table that is not there reads as an empty one. Setting an entry makes it; `drop` takes it away.
 * - Keys are in the order of their bytes, as unsigned numbers; a key comes before those that it is the beginning of.
 * - A failure is a `VolumeError`: `InvalidName`, `NameTooLong`, `KeyTooLong`, `ValueTooLarge`, `ReadOnly` in a view or a snapshot, or
 *   what a device or its image does.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as Inode from "../core/Inode.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as CoreTable from "../core/Table.ts"
import * as Tables from "../core/Tables.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"
import * as TableScan from "./TableScan.ts"
import * as VolumeError from "./VolumeError.ts"

export type { Range, Stored } from "./TableScan.ts"
export { type Entry, type KeyRange, type Typed, typed, type Types } from "./TypedTable.ts"

/** The name of a table, and how many entries it has. */
export interface Listed {
  readonly name: string
  readonly count: number
}

/** A table of a volume. */
export interface Table {
  readonly name: string
  /** The value of a key, if there is one. */
  readonly get: (key: Uint8Array) => Operation<Uint8Array | undefined>
  readonly has: (key: Uint8Array) => Operation<boolean>
  /** Sets the value of a key. A key has up to a third of a page, less some bytes; a value less than 2 GiB. */
  readonly set: (key: Uint8Array, value: Uint8Array) => Operation<void>
  /** Removes an entry, and answers whether it was there. */
  readonly remove: (key: Uint8Array) => Operation<boolean>
  /** How many entries there are; takes no longer for many. */
  readonly count: Operation<number>
  /**
   * The entries of a range, by their keys. Outside of a transaction they are all of one state of the volume, which is kept until the
   * stream ends; inside, the stream goes on behind the last key with what the transaction has made by then.
   */
  readonly entries: (range?: TableScan.Range) => Stream.Stream<TableScan.Stored, VolumeError.VolumeError>
  /** The same without reading the values. */
  readonly keys: (range?: TableScan.Range) => Stream.Stream<Uint8Array, VolumeError.VolumeError>
  /** Makes the table, empty, unless it is there. */
  readonly create: Operation<void>
  /** Removes all entries. */
  readonly clear: Operation<void>
  /** Removes the table with its entries, and answers whether it was there. */
  readonly drop: Operation<boolean>
}

/** Entries that one call of the core removes. */
const STEP_COUNT = 256
/** Tables that one call of the core lists. */
const LIST_COUNT = 256

const NUL = "\0"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const fail = (reason: VolumeError.Reason) => Effect.fail(VolumeError.make(reason))

/** What is wrong with a name. One that begins with NUL is a table of the volume's own: nobody reaches those from here. */
const nameFault = (volume: Service, name: string): VolumeError.Reason | undefined => {
  if (name === "") return { _tag: "InvalidName", name, reason: "is empty" }
  if (!name.isWellFormed()) return { _tag: "InvalidName", name, reason: "is not well-formed Unicode" }
  if (name.includes(NUL)) return { _tag: "InvalidName", name, reason: "holds a NUL" }
  const byteCount = encoder.encode(name).length
  const byteCountMax = Inode.nameBytesMax(volume.facts.layout)
  return byteCount > byteCountMax ? { _tag: "NameTooLong", byteCount, byteCountMax } : undefined
}

// ---- changing

/**
 * What steps of the core come to, each of which gives nothing if it is to be called again: in one call if that does, else in one
 * transaction.
 */
const inSteps = <A>(volume: Service, step: (draft: RootsDraft) => A | undefined): Operation<A> =>
  Effect.withFiber((fiber) =>
    Effect.flatMapEager(
      volume.immediate.write(fiber, (draft) => {
        const done = step(draft)
        return done === undefined ? Result.fail(FileOperation.TOO_LONG) : Result.succeed(done)
      }),
      (done) => (Result.isSuccess(done) ? Effect.succeed(done.success) : volume.transaction(untilDone(volume, step)))
    )
  )

const untilDone = <A>(volume: Service, step: (draft: RootsDraft) => A | undefined): Operation<A> =>
  Effect.flatMap(volume.write(step), (done) => (done === undefined ? untilDone(volume, step) : Effect.succeed(done)))

const set = (volume: Service, name: Uint8Array, key: Uint8Array, value: Uint8Array): Operation<void> => {
  const { CHUNK_BYTES } = FileOperation
  const isLong = value.length > CHUNK_BYTES
  const start = isLong ? value.subarray(0, CHUNK_BYTES) : value
  const first = Effect.asVoid(inSteps(volume, (draft) => Tables.put(draft, name, key, start) || undefined))
  if (!isLong) return first
  const from = (done: number): Operation<void> =>
    done >= value.length
      ? Effect.void
      : Effect.flatMap(
          volume.write((draft) => Tables.append(draft, name, key, value.subarray(done, done + CHUNK_BYTES))),
          () => from(done + CHUNK_BYTES)
        )
  return volume.transaction(Effect.andThen(first, from(CHUNK_BYTES)))
}

const remove = (volume: Service, name: Uint8Array, key: Uint8Array): Operation<boolean> =>
  inSteps(volume, (draft) => {
    const removal = Tables.remove(draft, name, key)
    return removal === "More" ? undefined : removal === "Removed"
  })

const drop = (volume: Service, name: Uint8Array): Operation<boolean> =>
  inSteps(volume, (draft) => {
    const isThere = Tables.find(draft, draft.roots.names, name) !== undefined
    return Tables.drop(draft, name, STEP_COUNT) ? isThere : undefined
  })

// ---- the service

/** The table of a name. Its operations fail where no table can have this name. */
export const make = (volume: Service, name: string): Table => {
  const byteCountMax = CoreTable.keyBytesMax(volume.facts.layout)
  const bytes = encoder.encode(name)

  const fault = nameFault(volume, name)
  const named = <A>(operation: () => Operation<A>): Operation<A> => (fault === undefined ? operation() : fail(fault))
  const keyed = <A>(key: Uint8Array, operation: () => Operation<A>): Operation<A> =>
    named(() =>
      key.length > byteCountMax
        ? fail(new VolumeError.KeyTooLong({ table: name, byteCount: key.length, byteCountMax }))
        : operation()
    )

  return {
    name,
    get: (key) => keyed(key, () => TableScan.get(volume, bytes, key)),
    has: (key) =>
      keyed(key, () => volume.read((pages, { names }) => Tables.get(pages, names, bytes, key) !== undefined)),
    set: (key, value) =>
      keyed(key, () =>
        value.length > TableScan.VALUE_BYTES_MAX
          ? fail(TableScan.valueTooLarge(bytes, value.length))
          : set(volume, bytes, key, value)
      ),
    remove: (key) => keyed(key, () => remove(volume, bytes, key)),
    count: named(() => volume.read((pages, { names }) => Tables.find(pages, names, bytes)?.count ?? 0)),
    entries: (range) =>
      TableScan.entries(
        volume,
        named(() => Effect.succeed(bytes)),
        range
      ),
    keys: (range) =>
      TableScan.keys(
        volume,
        named(() => Effect.succeed(bytes)),
        range
      ),
    create: named(() => volume.write((draft) => Tables.create(draft, bytes))),
    clear: named(() => Effect.asVoid(inSteps(volume, (draft) => Tables.clear(draft, bytes, STEP_COUNT) || undefined))),
    drop: named(() => drop(volume, bytes))
  }
}

/** All tables but the volume's own, in the byte order of their names. */
export const list = (volume: Service): Operation<ReadonlyArray<Listed>> => {
  const from = (after: Uint8Array | undefined, found: ReadonlyArray<Tables.Named>): Operation<ReadonlyArray<Listed>> =>
    Effect.flatMap(
      volume.read((pages, { names }) => Tables.list(pages, names, after, LIST_COUNT)),
      (more) => {
        const all = [...found, ...more]
        if (more.length === LIST_COUNT) return from(more[LIST_COUNT - 1].name, all)
        const listed = all.map(({ count, name }) => ({ name: decoder.decode(name), count }))
        return Effect.succeed(listed.filter(({ name }) => !name.startsWith(NUL)))
      }
    )
  return volume.view(from(undefined, []))
}
