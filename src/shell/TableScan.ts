/**
 * Reading tables: one value, or the entries of a range as a stream.
 *
 * - A batch of entries is one call of the core, bounded in count and in bytes; the next one goes on behind its last key. Batches begin
 *   small, for those who take few.
 * - A value of up to a chunk is read by that call. A longer one is read in chunks, all of one root; inside a transaction that changes
 *   it meanwhile, it is read anew.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Bytes from "../core/Bytes.ts"
import * as Content from "../core/Content.ts"
import type * as Inode from "../core/Inode.ts"
import * as Tables from "../core/Tables.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"
import type { Reading } from "./Reading.ts"
import * as VolumeError from "./VolumeError.ts"

const { CHUNK_BYTES } = FileOperation

/** The most that is read into one array, in bytes. */
export const VALUE_BYTES_MAX = 2 ** 31 - 1

/** Entries that the first batch of a stream has at most, and those of a later one. */
const COUNT_FIRST = 16
const COUNT_MAX = 256
/** Bytes of keys and values with which a batch ends. */
const BATCH_BYTES = 256 * 1024

/** Which keys are wanted, in bytes, and in which order. What is missing bounds nothing. */
export interface Range {
  /** No key is below it; it is in the range. */
  readonly from?: Uint8Array | undefined
  /** Every key is below it; it is not in the range. */
  readonly to?: Uint8Array | undefined
  /** Every key begins with it. */
  readonly prefix?: Uint8Array | undefined
  /** From the last key to the first. */
  readonly reverse?: boolean | undefined
}

/** An entry as it is stored. Entries of one page may share a buffer: who keeps a few of many should copy them. */
export interface Stored {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const decoder = new TextDecoder()

export const valueTooLarge = (name: Uint8Array, byteCount: number): VolumeError.ValueTooLarge =>
  new VolumeError.ValueTooLarge({ table: decoder.decode(name), byteCount, byteCountMax: VALUE_BYTES_MAX })

// ---- one value

/** The value of a key, if there is one; in one step, if what it needs is in memory. */
export const get = (volume: Service, name: Uint8Array, key: Uint8Array): Operation<Uint8Array | undefined> =>
  Effect.withFiber((fiber) =>
    Effect.flatMapEager(
      volume.immediate.read(fiber, (pages, { names }): Uint8Array | typeof LONG | undefined => {
        const content = Tables.get(pages, names, name, key)
        if (content === undefined) return undefined
        if (content._tag === "Inline") return content.bytes
        if (content.size > CHUNK_BYTES) return LONG
        const value = new Uint8Array(content.size)
        Content.readContent(pages, content, 0, value)
        return value
      }),
      (found) =>
        found === LONG
          ? Effect.scoped(Effect.flatMap(volume.hold, (read) => whole(read, name, key)))
          : Effect.succeed(found)
    )
  )

/** What one call finds of a value that takes more. */
const LONG = Symbol("long")

/** A value of any length, chunk by chunk. */
const whole = (read: Reading, name: Uint8Array, key: Uint8Array): Operation<Uint8Array | undefined> => {
  const content = read((pages, { names }) => Tables.get(pages, names, name, key))
  return Effect.flatMap(content, (first): Operation<Uint8Array | undefined> => {
    if (first === undefined) return Effect.succeed(undefined)
    const size = Content.sizeOf(first)
    if (size > VALUE_BYTES_MAX) return Effect.fail(VolumeError.make(valueTooLarge(name, size)))
    const target = new Uint8Array(size)
    const chunk = (offset: number) =>
      read((pages, { names }) => {
        const now = Tables.get(pages, names, name, key)
        if (now === undefined || !isSame(now, first)) return false
        Content.readContent(pages, now, offset, target.subarray(offset, offset + CHUNK_BYTES))
        return true
      })
    const from = (offset: number): Operation<Uint8Array | undefined> =>
      Effect.flatMap(chunk(offset), (isThere) => {
        if (!isThere) return whole(read, name, key)
        return offset + CHUNK_BYTES < size ? from(offset + CHUNK_BYTES) : Effect.succeed(target)
      })
    return from(0)
  })
}

/** Whether nothing has changed a value meanwhile: a value that is changed gets another rope. */
const isSame = (now: Inode.Content, before: Inode.Content): boolean =>
  now._tag === "Rope" && before._tag === "Rope"
    ? Bytes.equal(now.encoded, before.encoded)
    : now._tag === before._tag && Content.sizeOf(now) === Content.sizeOf(before)

// ---- ranges

/** The first key that is above all keys with a prefix, if there is one. */
const afterPrefix = (prefix: Uint8Array): Uint8Array | undefined => {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 0xff) end--
  if (end === 0) return undefined
  // A copy: `slice` of a `Buffer` is none.
  const after = new Uint8Array(prefix.subarray(0, end))
  after[end - 1]++
  return after
}

const compare = (a: Uint8Array, b: Uint8Array): number => Bytes.compare(a, 0, a.length, b, 0, b.length)

const rangeOf = ({ from, prefix, reverse = false, to }: Range): Tables.Range => {
  const after = prefix === undefined ? undefined : afterPrefix(prefix)
  return {
    from: from === undefined || (prefix !== undefined && compare(prefix, from) > 0) ? prefix : from,
    to: to === undefined || (after !== undefined && compare(after, to) < 0) ? after : to,
    isReverse: reverse
  }
}

/** The same range behind a key of it. */
const behind = (range: Tables.Range, key: Uint8Array): Tables.Range => {
  if (range.isReverse) return { ...range, to: key }
  const from = new Uint8Array(key.length + 1)
  from.set(key)
  return { ...range, from }
}

// ---- streams

interface State {
  readonly range: Tables.Range
  readonly countMax: number
}

/** What `use` makes of the entries of a range, batch by batch: all are read by one reader, which it is given. */
const batches = <A>(
  volume: Service,
  name: Operation<Uint8Array>,
  range: Range | undefined,
  hasValues: boolean,
  use: (entries: ReadonlyArray<Tables.Entry>, read: Reading, name: Uint8Array) => Operation<ReadonlyArray<A>>
): Stream.Stream<A, VolumeError.VolumeError> => {
  const first: State = { range: rangeOf(range ?? {}), countMax: COUNT_FIRST }
  const reading = (read: Reading, bytes: Uint8Array) =>
    Stream.paginate<State, A, VolumeError.VolumeError>(first, ({ countMax, range: rest }) => {
      const limits: Tables.Limits = { countMax, byteCountMax: BATCH_BYTES, hasValues }
      return Effect.flatMap(
        read((pages, { names }) => Tables.scan(pages, names, bytes, rest, limits)),
        ({ entries, isLast }) => {
          const next = isLast
            ? Option.none<State>()
            : Option.some({
                range: behind(rest, entries[entries.length - 1].key),
                countMax: Math.min(COUNT_MAX, countMax * 4)
              })
          return Effect.map(use(entries, read, bytes), (found) => [found, next] as const)
        }
      )
    })
  return Stream.unwrap(Effect.flatMap(name, (bytes) => Effect.map(volume.hold, (read) => reading(read, bytes))))
}

/** An entry with its value; none if a transaction has removed it before a long one was read. */
const filled = ({ key, value }: Tables.Entry, read: Reading, name: Uint8Array): Operation<ReadonlyArray<Stored>> =>
  value === undefined
    ? Effect.map(whole(read, name, key), (long) => (long === undefined ? [] : [{ key, value: long }]))
    : Effect.succeed([{ key, value }])

const isFilled = (entry: Tables.Entry): entry is Tables.Entry & Stored => entry.value !== undefined

/** The entries of a range. */
export const entries = (
  volume: Service,
  name: Operation<Uint8Array>,
  range: Range | undefined
): Stream.Stream<Stored, VolumeError.VolumeError> =>
  batches(volume, name, range, true, (found, read, bytes): Operation<ReadonlyArray<Stored>> => {
    if (found.every(isFilled)) return Effect.succeed(found)
    return Effect.map(
      Effect.forEach(found, (entry) => filled(entry, read, bytes)),
      (all) => all.flat()
    )
  })

/** The keys of a range. */
export const keys = (
  volume: Service,
  name: Operation<Uint8Array>,
  range: Range | undefined
): Stream.Stream<Uint8Array, VolumeError.VolumeError> =>
  batches(volume, name, range, false, (found) => Effect.succeed(found.map(({ key }) => key)))
