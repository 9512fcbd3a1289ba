/**
 * Keys of tables with types: bytes whose order is that of what they stand for.
 *
 * - Strings are in the order of their UTF-8 bytes, which is that of code points; integers, big integers and dates in that of numbers;
 *   tuples by their first part, then by their second, and so on.
 * - A part of a tuple that others follow tells where it ends: in strings and bytes a zero is followed by 1, and two zeros are the end.
 *   A key, or the last part of one, that is a string or bytes stands as it is.
 * - What cannot be a key, and bytes that no key has, are answered as a sentence without a subject.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** A sentence that says what is wrong. */
type Fault = string

/** What stands in the bytes of a key, and where the rest begins. */
interface Decoded<A> {
  readonly value: A
  readonly end: number
}

/** How keys of a type stand in a table. `Prefix` is what the beginning of a key can be asked for by, if by anything. */
export interface TableKey<Key, Prefix = never> {
  /** The bytes of a key; `isLast` if no part of a tuple follows. */
  readonly encode: (key: Key, isLast: boolean) => Result.Result<Uint8Array, Fault>
  /** Reads the key that stands in `bytes` from `at` on. */
  readonly decode: (bytes: Uint8Array, at: number, isLast: boolean) => Result.Result<Decoded<Key>, Fault>
  /** What all keys with this prefix begin with. */
  readonly encodePrefix: (prefix: Prefix) => Result.Result<Uint8Array, Fault>
}

// ---- bytes and strings

const ESCAPED_ZERO = 1
const ENDING_ZERO = 0

/** Bytes that tell where they end. */
const terminated = (bytes: Uint8Array): Uint8Array => {
  const zeros = bytes.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0)
  const long = new Uint8Array(bytes.length + zeros + 2)
  let at = 0
  for (const byte of bytes) {
    long[at++] = byte
    if (byte === 0) long[at++] = ESCAPED_ZERO
  }
  return long
}

const unterminated = (bytes: Uint8Array, from: number): Result.Result<Decoded<Uint8Array>, Fault> => {
  const found: Array<number> = []
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== 0) {
      found.push(bytes[at])
      continue
    }
    const next = bytes[++at]
    if (next === ENDING_ZERO) return Result.succeed({ value: Uint8Array.from(found), end: at + 1 })
    if (next !== ESCAPED_ZERO) return Result.fail("a part of it has a zero that means nothing")
    found.push(0)
  }
  return Result.fail("a part of it has no end")
}

/** Any bytes. */
export const bytes: TableKey<Uint8Array, Uint8Array> = {
  encode: (key, isLast) => Result.succeed(isLast ? key : terminated(key)),
  decode: (from, at, isLast) =>
    isLast ? Result.succeed({ value: new Uint8Array(from.subarray(at)), end: from.length }) : unterminated(from, at),
  encodePrefix: (prefix) => Result.succeed(prefix)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const utf8 = (text: string): Result.Result<Uint8Array, Fault> =>
  text.isWellFormed() ? Result.succeed(encoder.encode(text)) : Result.fail("it is not well-formed Unicode")

const textOf = (from: Uint8Array): Result.Result<string, Fault> =>
  Result.try({ try: () => decoder.decode(from), catch: () => "it is not well-formed UTF-8" })

/** Text. Its prefixes are texts, too. */
export const string: TableKey<string, string> = {
  encode: (key, isLast) => Result.flatMap(utf8(key), (encoded) => bytes.encode(encoded, isLast)),
  decode: (from, at, isLast) =>
    Result.flatMap(bytes.decode(from, at, isLast), ({ end, value }) =>
      Result.map(textOf(value), (text) => ({ value: text, end }))
    ),
  encodePrefix: utf8
}

// ---- numbers

const INTEGER_BYTES = 8
const SIGN = 0x80

const noPrefix = (): Result.Result<never, Fault> => Result.fail("it has no prefixes")

/** Safe integers, below zero too: eight bytes. */
export const integer: TableKey<number> = {
  encode: (key) => {
    if (!Number.isSafeInteger(key)) return Result.fail(`${key} is no safe integer`)
    const encoded = new Uint8Array(INTEGER_BYTES)
    new DataView(encoded.buffer).setBigInt64(0, BigInt(key))
    // Of two's complement with its sign turned over, the order of bytes is that of numbers.
    encoded[0] ^= SIGN
    return Result.succeed(encoded)
  },
  decode: (from, at) => {
    const end = at + INTEGER_BYTES
    if (end > from.length) return Result.fail("an integer of it is too short")
    // A copy: `slice` of a `Buffer` is none.
    const encoded = new Uint8Array(from.subarray(at, end))
    encoded[0] ^= SIGN
    const value = Number(new DataView(encoded.buffer).getBigInt64(0))
    return Number.isSafeInteger(value)
      ? Result.succeed({ value, end })
      : Result.fail("an integer of it is no safe integer")
  },
  encodePrefix: noPrefix
}

/** Dates, to the millisecond: eight bytes. */
export const date: TableKey<Date> = {
  encode: (key, isLast) => integer.encode(key.getTime(), isLast),
  decode: (from, at, isLast) =>
    Result.flatMap(integer.decode(from, at, isLast), ({ end, value }) => {
      const time = new Date(value)
      return Number.isNaN(time.getTime())
        ? Result.fail("a date of it is out of range")
        : Result.succeed({ value: time, end })
    }),
  encodePrefix: noPrefix
}

const BIGINT_BYTES_MAX = 127
const BYTE_BITS = BigInt(8)
const ZERO = BigInt(0)

/** Integers of up to 127 bytes and a sign: as many bytes as they need, and one that says how many. */
export const bigint: TableKey<bigint> = {
  encode: (key) => {
    const isNegative = key < ZERO
    const magnitude: Array<number> = []
    for (let rest = isNegative ? -key : key; rest > ZERO; rest >>= BYTE_BITS) {
      magnitude.push(Number(BigInt.asUintN(8, rest)))
    }
    if (magnitude.length > BIGINT_BYTES_MAX) return Result.fail(`it has more than ${BIGINT_BYTES_MAX} bytes`)
    const head = isNegative ? SIGN - magnitude.length : SIGN + magnitude.length
    // The larger the magnitude below zero, the lower the bytes.
    const body = isNegative ? magnitude.map((byte) => 0xff - byte) : magnitude
    return Result.succeed(Uint8Array.of(head, ...body.toReversed()))
  },
  decode: (from, at) => {
    if (at >= from.length) return Result.fail("an integer of it is too short")
    const byteCount = Math.abs(from[at] - SIGN)
    const isNegative = from[at] < SIGN
    const end = at + 1 + byteCount
    if (byteCount > BIGINT_BYTES_MAX || end > from.length) return Result.fail("an integer of it is too short")
    let value = ZERO
    for (let i = at + 1; i < end; i++) value = (value << BYTE_BITS) | BigInt(isNegative ? 0xff - from[i] : from[i])
    if (byteCount > 0 && from[at + 1] === (isNegative ? 0xff : 0)) return Result.fail("an integer of it is too long")
    return Result.succeed({ value: isNegative ? -value : value, end })
  },
  encodePrefix: noPrefix
}

// ---- tuples

/** The beginnings of a tuple, itself not among them. */
type Leading<Parts extends ReadonlyArray<unknown>> = Parts extends readonly [...infer Some, unknown]
  ? Readonly<Some> | Leading<Some>
  : never

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Keys of several parts. A prefix is some of the first parts, each of them whole. */
export const tuple = <Keys extends ReadonlyArray<unknown>>(
  ...parts: { readonly [I in keyof Keys]: TableKey<Keys[I]> }
): TableKey<Readonly<Keys>, Leading<Keys>> => {
  // Each part is given keys of its own type only: the types of the arguments say so.
  const types = parts as ReadonlyArray<unknown> as ReadonlyArray<TableKey<unknown, unknown>>
  const encodeSome = (keys: ReadonlyArray<unknown>, isLast: boolean): Result.Result<Uint8Array, Fault> =>
    Result.map(Result.all(keys.map((key, i) => types[i].encode(key, isLast && i === types.length - 1))), join)
  return {
    encode: (keys, isLast) =>
      keys.length === types.length
        ? encodeSome(keys, isLast)
        : Result.fail(`it has ${keys.length} parts, not ${types.length}`),
    decode: (from, at, isLast) => {
      const keys: Array<unknown> = []
      let end = at
      for (const [i, type] of types.entries()) {
        const part = type.decode(from, end, isLast && i === types.length - 1)
        if (Result.isFailure(part)) return Result.fail(part.failure)
        keys.push(part.success.value)
        end = part.success.end
      }
      return Result.succeed({ value: keys as ReadonlyArray<unknown> as Readonly<Keys>, end })
    },
    encodePrefix: (prefix) => encodeSome(prefix, false)
  }
}

// ---- schemas

/**
 * Keys of the type of a schema, which stand in a table as what they are encoded to: in the order of that, and with its prefixes.
 */
export const schema = <Key, Encoded, Prefix>(
  codec: Schema.Codec<Key, Encoded>,
  encoded: TableKey<Encoded, Prefix>
): TableKey<Key, Prefix> => {
  const encode = Schema.encodeResult(codec)
  const decode = Schema.decodeUnknownResult(codec)
  return {
    encode: (key, isLast) =>
      Result.flatMap(
        Result.mapError(encode(key), ({ message }) => message),
        (inner) => encoded.encode(inner, isLast)
      ),
    decode: (from, at, isLast) =>
      Result.flatMap(encoded.decode(from, at, isLast), ({ end, value }) =>
        Result.mapBoth(decode(value), {
          onFailure: ({ message }) => message,
          onSuccess: (key) => ({ value: key, end })
        })
      ),
    encodePrefix: encoded.encodePrefix
  }
}
