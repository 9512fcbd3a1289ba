/**
 * Keys with types: what is encoded is decoded, in the same order, alone and in tuples; any bytes are a key or are not.
 */
import { assert, describe, it } from "vitest"
import { Result, Schema } from "effect"
import * as fc from "fast-check"
import { TableKey } from "../../src/index.ts"
import { parameters } from "../core/propertyRuns.ts"

const encoded = <Key, Prefix>(type: TableKey.TableKey<Key, Prefix>, key: Key): Uint8Array =>
  Result.getOrThrowWith(type.encode(key, true), (fault) => new Error(fault))

const decoded = <Key, Prefix>(type: TableKey.TableKey<Key, Prefix>, bytes: Uint8Array) =>
  Result.map(type.decode(bytes, 0, true), ({ end, value }) => ({ value, isWhole: end === bytes.length }))

const compareNumbers = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0)
const compareBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)
const compareText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

interface Kind<Key> {
  readonly type: TableKey.TableKey<Key, never>
  readonly keys: fc.Arbitrary<Key>
  readonly compare: (a: Key, b: Key) => number
}

const integers = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 }))
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: fc.constantFrom("\0", "\u0001", "a", "b", "\u00ff", "\uffff", "\u{10000}"), maxLength: 5 })
)
const someBytes = fc.oneof(
  fc.uint8Array({ maxLength: 8 }),
  fc.array(fc.constantFrom(0, 1, 2, 255), { maxLength: 5 }).map((some) => Uint8Array.from(some))
)
const bigints = fc.oneof(
  fc.bigInt({ min: -(BigInt(2) ** BigInt(1016)) + BigInt(1), max: BigInt(2) ** BigInt(1016) - BigInt(1) }),
  fc.bigInt({ min: BigInt(-70_000), max: BigInt(70_000) })
)
const dates = fc.date({ noInvalidDate: true })

const kinds = {
  integer: { type: TableKey.integer, keys: integers, compare: compareNumbers } satisfies Kind<number>,
  bigint: { type: TableKey.bigint, keys: bigints, compare: compareNumbers } satisfies Kind<bigint>,
  date: {
    type: TableKey.date,
    keys: dates,
    compare: (a, b) => compareNumbers(a.getTime(), b.getTime())
  } satisfies Kind<Date>,
  string: { type: TableKey.string, keys: texts, compare: compareText } satisfies Kind<string>,
  bytes: { type: TableKey.bytes, keys: someBytes, compare: compareBytes } satisfies Kind<Uint8Array>
}

/** Tries keys of a kind, and answers how many. */
const tryOrder = <Key>({ compare, keys, type }: Kind<Key>): number => {
  let count = 0
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      const bytes = encoded(type, a)
      assert.deepStrictEqual(decoded(type, bytes), Result.succeed({ value: a, isWhole: true }))
      assert.strictEqual(Math.sign(compareBytes(bytes, encoded(type, b))), Math.sign(compare(a, b)))
      count++
    }),
    parameters(500)
  )
  return count
}

const pairOf = <A, B>(a: Kind<A>, b: Kind<B>): Kind<readonly [A, B]> => ({
  type: TableKey.tuple(a.type, b.type),
  keys: fc.tuple(a.keys, b.keys),
  compare: ([firstA, secondA], [firstB, secondB]) => a.compare(firstA, firstB) || b.compare(secondA, secondB)
})

describe("TableKey", () => {
  for (const [name, kind] of Object.entries(kinds)) {
    const one = kind as Kind<unknown>
    it(`keeps the order of ${name}`, () => {
      assert.isAbove(tryOrder(one), 0)
    })

    it(`keeps the order of tuples with ${name}`, () => {
      for (const other of Object.values(kinds)) {
        assert.isAbove(tryOrder(pairOf(one, other as Kind<unknown>)), 0)
        assert.isAbove(tryOrder(pairOf(pairOf(other as Kind<unknown>, one), kinds.string)), 0)
        assert.isAbove(tryOrder(pairOf(kinds.string, pairOf(one, other as Kind<unknown>))), 0)
      }
    })

    it(`gives ${name} or a fault for any bytes`, () => {
      let found = 0
      const type = pairOf(one, kinds.string).type
      const heads = fc.uint8Array({ maxLength: 12 })
      const lead = fc.constantFrom(0x7e, 0x7f, 0x80, 0x81, 0x82, 0)
      fc.assert(
        fc.property(
          fc.oneof(
            heads,
            fc.tuple(lead, heads).map(([head, rest]) => Uint8Array.of(head, ...rest))
          ),
          (bytes) => {
            for (const some of [one.type, type as TableKey.TableKey<unknown>]) {
              const result = decoded(some, bytes)
              if (Result.isFailure(result)) assert.match(result.failure, /^(an?|it) /)
              else if (result.success.isWhole) {
                assert.deepStrictEqual(encoded(some, result.success.value), bytes)
                found++
              }
            }
          }
        ),
        parameters(1000)
      )
      assert.isAbove(found, 0)
    })
  }

  it("lets a string stand as it is, at the end of a tuple too", () => {
    assert.deepStrictEqual(encoded(TableKey.string, "a\0b"), Uint8Array.of(0x61, 0, 0x62))
    const pair = TableKey.tuple(TableKey.string, TableKey.string)
    assert.deepStrictEqual(encoded(pair, ["a\0", "b"]), Uint8Array.of(0x61, 0, 1, 0, 0, 0x62))
  })

  it("has the prefixes of strings and tuples", () => {
    const prefix = <Key, Prefix>(type: TableKey.TableKey<Key, Prefix>, some: Prefix): Uint8Array =>
      Result.getOrThrowWith(type.encodePrefix(some), (fault) => new Error(fault))
    assert.deepStrictEqual(prefix(TableKey.string, "ab"), Uint8Array.of(0x61, 0x62))
    const type = TableKey.tuple(TableKey.string, TableKey.integer, TableKey.string)
    fc.assert(
      fc.property(fc.tuple(texts, integers, texts), texts, integers, (key, text, number) => {
        const starts = (some: Uint8Array): boolean =>
          compareBytes(encoded(type, key).subarray(0, some.length), some) === 0
        assert.isTrue(starts(prefix(type, [])))
        assert.isTrue(starts(prefix(type, [key[0]])))
        assert.isTrue(starts(prefix(type, [key[0], key[1]])))
        assert.strictEqual(starts(prefix(type, [text])), text === key[0])
        assert.strictEqual(starts(prefix(type, [key[0], number])), number === key[1])
      }),
      parameters(500)
    )
  })

  it("refuses what has no place in a key", () => {
    const refuses = <Key, Prefix>(type: TableKey.TableKey<Key, Prefix>, key: Key): void =>
      assert.isTrue(Result.isFailure(type.encode(key, true)))
    for (const number of [0.5, 2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY])
      refuses(TableKey.integer, number)
    refuses(TableKey.date, new Date(Number.NaN))
    refuses(TableKey.string, "\ud800")
    refuses(TableKey.bigint, BigInt(2) ** BigInt(1016))
    refuses(TableKey.bigint, -(BigInt(2) ** BigInt(1016)))
    refuses(TableKey.tuple(TableKey.string, TableKey.integer), ["a", 0.5])
  })

  it("takes what a schema encodes", () => {
    const upper = TableKey.schema(Schema.Literals(["A", "B"]), TableKey.string)
    assert.deepStrictEqual(encoded(upper, "A"), Uint8Array.of(0x41))
    assert.deepStrictEqual(decoded(upper, Uint8Array.of(0x42)), Result.succeed({ value: "B" as const, isWhole: true }))
    assert.isTrue(Result.isFailure(decoded(upper, Uint8Array.of(0x43))))
    const fromText = TableKey.schema(Schema.NumberFromString, TableKey.string)
    assert.deepStrictEqual(encoded(fromText, 12), Uint8Array.of(0x31, 0x32))
    assert.deepStrictEqual(decoded(fromText, Uint8Array.of(0x31)), Result.succeed({ value: 1, isWhole: true }))
    const branded = TableKey.schema(Schema.String.pipe(Schema.brand("User")), TableKey.string)
    assert.deepStrictEqual(Result.isSuccess(decoded(branded, Uint8Array.of(0x31))), true)
  })
})
