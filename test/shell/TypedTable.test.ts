/**
 * Tables with types: what comes back is what was set, in the order of the keys, and what is not of its type is told.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { Table, TableKey, TableValue, Volume } from "../../src/index.ts"
import type { VolumeError } from "../../src/index.ts"
import { bytes, volume } from "./TestVolume.ts"

const User = Schema.Struct({ name: Schema.String, age: Schema.Int, born: Schema.Date, big: Schema.BigInt })

const user = (name: string, age: number) => ({ name, age, born: new Date(1000 * age), big: BigInt(age) })

const failure = (effect: Effect.Effect<unknown, VolumeError>) => Effect.flip(effect)

const onVolume = <A, E>(use: Effect.Effect<A, E, Volume.Volume>) =>
  Effect.provide(
    Effect.andThen(
      use,
      Effect.gen(function* () {
        const { check } = yield* Volume.Volume
        assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
      })
    ),
    volume()
  )

describe("a table with types", () => {
  it.effect("holds what a schema says, by strings", () =>
    onVolume(
      Effect.gen(function* () {
        const { table, transaction } = yield* Volume.Volume
        const users = Table.typed(table("users"), { key: TableKey.string, value: User })
        assert.strictEqual(users.name, "users")
        assert.isUndefined(yield* users.get("alice"))
        yield* transaction(
          Effect.forEach(["carol", "alice", "bob", "ann"], (name, i) => users.set(name, user(name, i - 1)))
        )
        assert.deepStrictEqual(yield* users.get("alice"), user("alice", 0))
        assert.isTrue(yield* users.has("bob"))
        assert.strictEqual(yield* users.count, 4)
        assert.deepStrictEqual(yield* Stream.runCollect(users.keys()), ["alice", "ann", "bob", "carol"])
        const some = yield* Stream.runCollect(users.entries({ prefix: "a", reverse: true }))
        assert.deepStrictEqual(some, [
          { key: "ann", value: user("ann", 2) },
          { key: "alice", value: user("alice", 0) }
        ])
        assert.deepStrictEqual(yield* Stream.runCollect(users.keys({ from: "ann", to: "carol" })), ["ann", "bob"])
        assert.isTrue(yield* users.remove("bob"))
        assert.isFalse(yield* users.remove("bob"))
        yield* users.clear
        assert.isTrue(yield* users.drop)
        yield* users.create
      })
    )
  )

  it.effect("is in the order of tuples, and has the ranges of their first parts", () =>
    onVolume(
      Effect.gen(function* () {
        const { table } = yield* Volume.Volume
        const visits = Table.typed(table("visits"), {
          key: TableKey.tuple(TableKey.string, TableKey.integer, TableKey.date),
          value: TableValue.bytes
        })
        const day = (n: number) => new Date(86_400_000 * n)
        const keys = [
          ["a", -5, day(1)],
          ["a", 3, day(-1)],
          ["a", 3, day(2)],
          ["a\0", 0, day(0)],
          ["ab", -1, day(0)]
        ] as const
        for (const key of keys.toReversed()) yield* visits.set(key, bytes(key[0]))
        assert.deepStrictEqual(yield* Stream.runCollect(visits.keys()), [...keys])
        const prefixed = (prefix: readonly [] | readonly [string] | readonly [string, number]) =>
          Stream.runCollect(visits.keys({ prefix }))
        assert.deepStrictEqual(yield* prefixed(["a"]), keys.slice(0, 3))
        assert.deepStrictEqual(yield* prefixed(["a", 3]), keys.slice(1, 3))
        assert.deepStrictEqual(yield* prefixed(["b"]), [])
        assert.deepStrictEqual(yield* prefixed([]), [...keys])
        const range = { from: keys[1], to: keys[4] }
        assert.deepStrictEqual(yield* Stream.runCollect(visits.keys(range)), keys.slice(1, 4))
        assert.deepStrictEqual(yield* visits.get(keys[3]), bytes("a\0"))
      })
    )
  )

  it.effect("tells what is not of its type, with the table and the key", () =>
    onVolume(
      Effect.gen(function* () {
        const { table } = yield* Volume.Volume
        const raw = table("ages")
        const ages = Table.typed(raw, { key: TableKey.integer, value: Schema.Int })
        const refused = yield* failure(ages.set(0.5, 1))
        assert.strictEqual(
          refused.message,
          'The table "ages" was given a key that is not of its type: 0.5 is no safe integer.'
        )
        const value = yield* failure(ages.set(1, 0.5))
        assert.strictEqual(value.reason._tag, "TypeMismatch")
        assert.match(
          value.message,
          /^The table "ages" was given a value for the key 0x8000000000000001 that is not of its type: /
        )
        assert.strictEqual(yield* ages.count, 0)
        assert.strictEqual((yield* failure(Stream.runDrain(ages.keys({ from: 0.5 })))).reason._tag, "TypeMismatch")

        yield* ages.set(1, 10)
        const key = (yield* Stream.runCollect(raw.keys()))[0]
        for (const stored of ["{", '"ten"', ""]) {
          yield* raw.set(key, bytes(stored))
          const found = yield* failure(ages.get(1))
          assert.match(
            found.message,
            /^The table "ages" holds a value under the key 0x8000000000000001 that is not of its type: /
          )
          assert.strictEqual((yield* failure(Stream.runDrain(ages.entries()))).message, found.message)
        }
        yield* raw.set(key, Uint8Array.of(0xff))
        assert.match((yield* failure(ages.get(1))).message, /UTF-8/)
        assert.deepStrictEqual(yield* Stream.runCollect(ages.keys()), [1])
        yield* raw.set(bytes("too long to be a number"), bytes("1"))
        const bad = yield* failure(Stream.runDrain(ages.keys()))
        assert.match(bad.message, /^The table "ages" holds the key 0x746f6f\w+ that is not of its type: /)
        assert.isTrue(yield* ages.has(1))
      })
    )
  )
})
