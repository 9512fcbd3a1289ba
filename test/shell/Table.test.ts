/**
 * Tables through the services: in transactions with files and keys, in views and snapshots, over openings and rollbacks.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Stream } from "effect"
import { KeyValue, MemoryDevice, Volume } from "../../src/index.ts"
import type { Table, VolumeError } from "../../src/index.ts"
import { bytes, gatedDevice, MEBIBYTE, pattern, text, volume, volumeOn } from "./TestVolume.ts"

const all = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const keys = yield* KeyValue.KeyValue
  const volumeService = yield* Volume.Volume
  return { ...volumeService, fs, keys }
})

/** Runs a test on a new volume, and checks the volume at its end. */
const onVolume = <A, E>(
  use: Effect.Effect<A, E, Volume.Volume | FileSystem.FileSystem | KeyValue.KeyValue>,
  options: Volume.Options = {}
) => Effect.provide(Effect.tap(use, sound), volume(32 * MEBIBYTE, options))

const sound = Effect.fnUntraced(function* () {
  const { check } = yield* Volume.Volume
  assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
})

const tagOf = (effect: Effect.Effect<unknown, VolumeError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

const messageOf = (effect: Effect.Effect<unknown, VolumeError>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

const keysOf = (table: Table.Table, range?: Table.Range) =>
  Effect.map(Stream.runCollect(table.keys(range)), (keys) => keys.map(text))

const entriesOf = (table: Table.Table, range?: Table.Range) =>
  Effect.map(Stream.runCollect(table.entries(range)), (entries) =>
    entries.map(({ key, value }) => `${text(key)}=${text(value)}`)
  )

const setAll = (table: Table.Table, entries: Readonly<Record<string, string>>) =>
  Effect.forEach(Object.entries(entries), ([key, value]) => table.set(bytes(key), bytes(value)), { discard: true })

describe("a table", () => {
  it.effect("is a map from bytes to bytes", () =>
    onVolume(
      Effect.gen(function* () {
        const { table, tables } = yield* all
        const users = table("users")
        assert.strictEqual(users.name, "users")
        assert.isUndefined(yield* users.get(bytes("a")))
        assert.isFalse(yield* users.has(bytes("a")))
        assert.isFalse(yield* users.remove(bytes("a")))
        assert.strictEqual(yield* users.count, 0)
        assert.isFalse(yield* users.drop)
        yield* users.clear
        assert.deepStrictEqual(yield* tables, [])
        yield* setAll(users, { b: "2", a: "1", "": "empty", c: "" })
        assert.strictEqual(text((yield* users.get(bytes("a"))) ?? bytes("no")), "1")
        assert.deepStrictEqual(yield* users.get(bytes("c")), bytes(""))
        assert.isTrue(yield* users.has(bytes("")))
        assert.strictEqual(yield* users.count, 4)
        yield* users.set(bytes("a"), bytes("one"))
        assert.strictEqual(yield* users.count, 4)
        assert.deepStrictEqual(yield* entriesOf(users), ["=empty", "a=one", "b=2", "c="])
        assert.isTrue(yield* users.remove(bytes("b")))
        assert.isFalse(yield* users.remove(bytes("b")))
        yield* table("empty").create
        yield* table("empty").create
        yield* users.create
        assert.deepStrictEqual(yield* tables, [
          { name: "empty", count: 0 },
          { name: "users", count: 3 }
        ])
        yield* users.clear
        assert.deepStrictEqual(yield* keysOf(users), [])
        assert.isTrue(yield* users.drop)
        assert.isTrue(yield* table("empty").drop)
        assert.deepStrictEqual(yield* tables, [])
      })
    )
  )

  it.effect("gives the entries of a range, in either direction", () =>
    onVolume(
      Effect.gen(function* () {
        const { table } = yield* all
        const some = table("some")
        yield* table("rome").set(bytes("z"), bytes("before"))
        yield* table("tome").set(bytes("a"), bytes("behind"))
        yield* setAll(some, { a: "1", ab: "2", abc: "3", b: "4", ba: "5", c: "6" })
        const raw = some.set(Uint8Array.of(0xff, 0xff, 1), bytes("7"))
        yield* raw
        const last = String.fromCodePoint(0xfffd, 0xfffd, 1)
        assert.deepStrictEqual(yield* keysOf(some), ["a", "ab", "abc", "b", "ba", "c", last])
        assert.deepStrictEqual(yield* keysOf(some, { reverse: true }), [last, "c", "ba", "b", "abc", "ab", "a"])
        const range = { from: bytes("ab"), to: bytes("c") }
        assert.deepStrictEqual(yield* keysOf(some, range), ["ab", "abc", "b", "ba"])
        assert.deepStrictEqual(yield* keysOf(some, { ...range, reverse: true }), ["ba", "b", "abc", "ab"])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("a") }), ["a", "ab", "abc"])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("b"), reverse: true }), ["ba", "b"])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: Uint8Array.of(0xff, 0xff) }), [last])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("") }), yield* keysOf(some))
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("ab"), from: bytes("abb") }), ["abc"])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("ab"), from: bytes("a") }), ["ab", "abc"])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("ab"), to: bytes("abb") }), ["ab"])
        assert.deepStrictEqual(yield* keysOf(some, { prefix: bytes("ab"), to: bytes("x") }), ["ab", "abc"])
        assert.deepStrictEqual(yield* keysOf(some, { from: bytes("c"), to: bytes("b") }), [])
        assert.deepStrictEqual(yield* keysOf(some, { from: bytes("c"), to: bytes("b"), reverse: true }), [])
        assert.deepStrictEqual(yield* entriesOf(some, { prefix: bytes("b") }), ["b=4", "ba=5"])
        const prefix = Buffer.from("ab")
        assert.deepStrictEqual(yield* keysOf(some, { prefix }), ["ab", "abc"])
        assert.strictEqual(prefix.toString(), "ab")
        const first = yield* Stream.runCollect(Stream.take(some.entries({ reverse: true }), 1))
        assert.deepStrictEqual(first, [{ key: Uint8Array.of(0xff, 0xff, 1), value: bytes("7") }])
      })
    )
  )

  it.effect("holds many entries and long values", () =>
    onVolume(
      Effect.gen(function* () {
        const { table, transaction } = yield* all
        const many = table("many")
        const keyOf = (i: number) => bytes(String(i).padStart(5, "0"))
        const size = (i: number) => (i % 97 === 0 ? 300_000 : i % 10 === 0 ? 6000 : i % 50)
        yield* transaction(
          Effect.forEach(
            Array.from({ length: 1000 }, (_, i) => i),
            (i) => many.set(keyOf(i), pattern(size(i), i))
          )
        )
        const long = pattern(3 * MEBIBYTE + 5, 7)
        yield* many.set(bytes("long"), long)
        assert.deepStrictEqual(yield* many.get(bytes("long")), long)
        assert.strictEqual(yield* many.count, 1001)
        for (const reverse of [false, true]) {
          const entries = yield* Stream.runCollect(many.entries({ reverse }))
          if (reverse) entries.reverse()
          assert.strictEqual(entries.length, 1001)
          assert.deepStrictEqual(entries.pop(), { key: bytes("long"), value: long })
          for (const [i, { key, value }] of entries.entries()) {
            assert.deepStrictEqual(key, keyOf(i))
            assert.isTrue(Buffer.from(value).equals(pattern(size(i), i)), `${i}`)
          }
        }
        yield* many.set(bytes("long"), bytes("short now"))
        assert.deepStrictEqual(yield* many.get(bytes("long")), bytes("short now"))
        yield* many.set(bytes("long"), long)
        assert.isTrue(yield* many.remove(bytes("long")))
        yield* sound()
        assert.isTrue(yield* many.drop)
        assert.strictEqual(yield* many.count, 0)
      }),
      { cacheBytes: MEBIBYTE, dirtyBytes: MEBIBYTE }
    )
  )

  it.effect("refuses what it cannot take, and changes nothing", () =>
    onVolume(
      Effect.gen(function* () {
        const { facts, table, tables } = yield* all
        for (const name of ["", "\0own", "with\0NUL", "\ud800"]) {
          assert.strictEqual(yield* tagOf(table(name).set(bytes("k"), bytes("v"))), "InvalidName")
          assert.strictEqual(yield* tagOf(table(name).count), "InvalidName")
          assert.strictEqual(yield* tagOf(Stream.runDrain(table(name).entries())), "InvalidName")
          assert.strictEqual(yield* tagOf(table(name).drop), "InvalidName")
        }
        assert.strictEqual(yield* tagOf(table("é".repeat(128)).create), "NameTooLong")
        yield* table("é".repeat(127)).create
        const some = table("some")
        const longest = facts.layout.keyBytesMax - 7
        assert.strictEqual(yield* tagOf(some.set(new Uint8Array(longest + 1), bytes("v"))), "KeyTooLong")
        assert.strictEqual(yield* tagOf(some.get(new Uint8Array(longest + 1))), "KeyTooLong")
        assert.strictEqual(
          yield* messageOf(some.remove(new Uint8Array(longest + 1))),
          `The table "some" takes keys of up to ${longest} bytes, not of ${longest + 1}.`
        )
        assert.deepStrictEqual((yield* tables).length, 1)
        yield* some.set(new Uint8Array(longest), pattern(5000))
        assert.deepStrictEqual(yield* some.get(new Uint8Array(longest)), pattern(5000))
      })
    )
  )

  it.effect("changes with files and keys in one transaction, or not at all", () =>
    onVolume(
      Effect.gen(function* () {
        const { fs, keys, table, tables, transaction } = yield* all
        const accounts = table("accounts")
        yield* accounts.set(bytes("alice"), bytes("10"))
        const change = Effect.gen(function* () {
          yield* fs.writeFileString("/journal", "moved")
          yield* keys.set("key", bytes("value"))
          yield* accounts.set(bytes("alice"), bytes("7"))
          yield* accounts.set(bytes("bob"), pattern(2 * MEBIBYTE))
          yield* table("other").create
          assert.deepStrictEqual(yield* keysOf(accounts), ["alice", "bob"])
          assert.strictEqual(yield* accounts.count, 2)
        })
        const unchanged = Effect.gen(function* () {
          assert.isFalse(yield* fs.exists("/journal"))
          assert.deepStrictEqual(yield* entriesOf(accounts), ["alice=10"])
          assert.deepStrictEqual(yield* tables, [{ name: "accounts", count: 1 }])
        })
        for (const end of [Effect.fail("no"), Effect.die("no"), Effect.interrupt]) {
          assert.isTrue(Exit.isFailure(yield* Effect.exit(transaction(Effect.andThen(change, end)))))
          yield* unchanged
        }
        const changed = yield* Deferred.make<void>()
        const waiting = transaction(
          Effect.andThen(change, Effect.andThen(Deferred.succeed(changed, undefined), Effect.never))
        )
        const fiber = yield* Effect.forkChild(waiting)
        yield* Deferred.await(changed)
        yield* unchanged
        yield* Fiber.interrupt(fiber)
        yield* unchanged
        yield* transaction(
          Effect.gen(function* () {
            yield* accounts.set(bytes("carol"), bytes("1"))
            yield* Effect.exit(transaction(Effect.andThen(change, Effect.fail("no"))))
            assert.deepStrictEqual(yield* keysOf(accounts), ["alice", "carol"])
          })
        )
        yield* accounts.remove(bytes("carol"))
        yield* unchanged
        yield* transaction(change)
        assert.strictEqual(yield* fs.readFileString("/journal"), "moved")
        assert.deepStrictEqual(yield* keysOf(accounts), ["alice", "bob"])
      })
    )
  )

  it.effect("is interrupted in the middle of a long change, and nothing of it stays", () =>
    Effect.gen(function* () {
      const { device, gate } = yield* gatedDevice()
      yield* Effect.gen(function* () {
        const { table, transaction } = yield* all
        const some = table("some")
        yield* some.set(bytes("long"), pattern(3 * MEBIBYTE))
        const before = yield* some.count
        const many = Effect.forEach(
          Array.from({ length: 500 }, (_, i) => i),
          (i) => Effect.andThen(some.set(bytes(`${i}`), pattern(3000)), Effect.yieldNow)
        )
        for (let turns = 0; turns < 40; turns += 3) {
          yield* gate.close
          const change = Effect.andThen(some.remove(bytes("long")), Effect.andThen(many, some.clear))
          const fiber = yield* Effect.forkChild(transaction(change))
          for (let i = 0; i < turns; i++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber).pipe(Effect.forkChild, Effect.andThen(gate.open))
          yield* Fiber.await(fiber)
          assert.strictEqual(yield* some.count, before)
          assert.deepStrictEqual(yield* some.get(bytes("long")), pattern(3 * MEBIBYTE))
        }
        yield* sound()
      }).pipe(Effect.provide(volumeOn(device, { dirtyBytes: MEBIBYTE })))
    })
  )

  it.effect("is read as one state by a stream, whatever is written meanwhile", () =>
    onVolume(
      Effect.gen(function* () {
        const { table, view } = yield* all
        const some = table("some")
        const keyOf = (i: number) => bytes(String(i).padStart(4, "0"))
        const numbers = Array.from({ length: 400 }, (_, i) => i)
        yield* Effect.forEach(numbers, (i) =>
          some.set(keyOf(i), i % 50 === 0 ? pattern(2 * MEBIBYTE, i) : bytes("old"))
        )
        const before = yield* Stream.runCollect(some.entries())
        let seen = 0
        const beside = Effect.gen(function* () {
          seen++
          if (seen === 3) yield* Effect.forEach(numbers, (i) => some.set(keyOf(i), bytes("new")))
          if (seen === 30) yield* some.clear
          if (seen === 60) yield* some.drop
        })
        const during = yield* Stream.runCollect(Stream.tap(some.entries(), () => beside))
        assert.strictEqual(during.length, before.length)
        for (const [i, { key, value }] of during.entries()) {
          assert.deepStrictEqual(key, before[i].key)
          assert.isTrue(Buffer.from(value).equals(before[i].value))
        }
        assert.strictEqual(yield* some.count, 0)
        // A view is one state for all that is inside.
        yield* some.set(bytes("a"), bytes("1"))
        const outside = yield* Deferred.make<void>()
        const inside = yield* Deferred.make<void>()
        const reading = view(
          Effect.gen(function* () {
            assert.strictEqual(yield* some.count, 1)
            yield* Deferred.succeed(inside, undefined)
            yield* Deferred.await(outside)
            assert.deepStrictEqual(yield* entriesOf(some), ["a=1"])
            assert.strictEqual(yield* tagOf(some.set(bytes("a"), bytes("2"))), "ReadOnly")
            assert.strictEqual(yield* tagOf(some.drop), "ReadOnly")
          })
        )
        const fiber = yield* Effect.forkChild(reading)
        yield* Deferred.await(inside)
        yield* some.set(bytes("b"), bytes("2"))
        yield* Deferred.succeed(outside, undefined)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* keysOf(some), ["a", "b"])
      })
    )
  )

  it.effect("goes on behind the last key in a transaction that changes it while it is read", () =>
    onVolume(
      Effect.gen(function* () {
        const { table, transaction } = yield* all
        const some = table("some")
        const numbers = Array.from({ length: 300 }, (_, i) => i)
        yield* transaction(
          Effect.gen(function* () {
            yield* Effect.forEach(numbers, (i) => some.set(bytes(String(i).padStart(4, "0")), bytes("v")))
            yield* Stream.runForEach(some.keys(), (key) => some.remove(key))
            assert.strictEqual(yield* some.count, 0)
          })
        )
        const stream = yield* transaction(Effect.scoped(Stream.toPull(some.entries())))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(stream)))
      })
    )
  )

  for (const durability of ["commit", "interval"] as const) {
    it.effect(`is there when the volume is opened again, with durability ${durability}`, () =>
      Effect.gen(function* () {
        const device = yield* MemoryDevice.make({ size: 16 * MEBIBYTE })
        yield* Effect.gen(function* () {
          const { table, tables } = yield* all
          yield* table("some").set(bytes("key"), pattern(100_000))
          yield* setAll(table("some"), { a: "1", b: "2" })
          assert.deepStrictEqual(yield* keysOf(table("some")), ["a", "b", "key"])
          assert.deepStrictEqual(yield* tables, [{ name: "some", count: 3 }])
        }).pipe(Effect.provide(volumeOn(device, { durability })))
        yield* Effect.gen(function* () {
          const { table } = yield* all
          assert.deepStrictEqual(yield* keysOf(table("some")), ["a", "b", "key"])
          assert.deepStrictEqual(yield* table("some").get(bytes("key")), pattern(100_000))
          yield* sound()
        }).pipe(Effect.provide(volumeOn(device)))
      })
    )
  }

  it.effect("is in snapshots, and a rollback brings it back", () =>
    onVolume(
      Effect.gen(function* () {
        const { fs, snapshots, table, tables, transaction } = yield* all
        const some = table("some")
        yield* some.set(bytes("kept"), bytes("1"))
        yield* some.set(bytes("long"), pattern(100_000))
        yield* snapshots.create("first")
        yield* some.remove(bytes("long"))
        yield* some.set(bytes("kept"), pattern(50_000))
        yield* table("later").set(bytes("key"), pattern(20_000))
        yield* snapshots.create("second")
        yield* table("later").drop
        yield* some.drop
        const reading = Effect.gen(function* () {
          const old = yield* Volume.Volume
          assert.deepStrictEqual(yield* old.tables, [{ name: "some", count: 2 }])
          const then = old.table("some")
          assert.deepStrictEqual(yield* then.get(bytes("long")), pattern(100_000))
          assert.deepStrictEqual(yield* keysOf(then, { reverse: true }), ["long", "kept"])
          for (const change of [
            then.set(bytes("k"), bytes("v")),
            then.remove(bytes("kept")),
            then.clear,
            then.create
          ]) {
            assert.strictEqual(yield* tagOf(change), "ReadOnly")
          }
          assert.strictEqual(yield* tagOf(then.drop), "ReadOnly")
          assert.strictEqual(yield* tagOf(then.set(bytes("k"), pattern(2 * MEBIBYTE))), "ReadOnly")
        })
        yield* Effect.provide(reading, Layer.fresh(Volume.layerSnapshot("first")))
        yield* sound()
        yield* snapshots.rollback("second")
        assert.deepStrictEqual(yield* tables, [
          { name: "later", count: 1 },
          { name: "some", count: 1 }
        ])
        assert.deepStrictEqual(yield* some.get(bytes("kept")), pattern(50_000))
        yield* sound()
        yield* transaction(
          Effect.gen(function* () {
            yield* fs.writeFileString("/file", "beside")
            yield* snapshots.rollback("first", { discardNewer: true })
            yield* table("new").set(bytes("key"), bytes("value"))
          })
        )
        assert.isFalse(yield* fs.exists("/file"))
        assert.deepStrictEqual(yield* tables, [
          { name: "new", count: 1 },
          { name: "some", count: 2 }
        ])
        assert.deepStrictEqual(yield* some.get(bytes("long")), pattern(100_000))
        yield* snapshots.remove("first")
      })
    )
  )

  it.effect("is refused room when the volume is full, and can be dropped then", () =>
    Effect.gen(function* () {
      const { table } = yield* all
      const some = table("some")
      const fill = Effect.forever(
        Effect.suspend(() => some.set(globalThis.crypto.getRandomValues(new Uint8Array(8)), pattern(9000)))
      )
      assert.strictEqual(yield* tagOf(fill), "DiskFull")
      const count = yield* some.count
      assert.isAbove(count, 20)
      yield* sound()
      assert.strictEqual(yield* tagOf(some.set(bytes("key"), pattern(2 * MEBIBYTE))), "DiskFull")
      assert.isFalse(yield* some.has(bytes("key")))
      assert.strictEqual(yield* some.count, count)
      assert.isTrue(yield* some.drop)
      yield* some.set(bytes("key"), pattern(9000))
      yield* sound()
    }).pipe(Effect.provide(volume(MEBIBYTE)))
  )
})
