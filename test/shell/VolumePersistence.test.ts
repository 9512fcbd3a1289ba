/**
 * The backing of effect's `Persistence` on tables of a volume.
 */
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, RequestResolver, Schema, Stream } from "effect"
import { Persistable, PersistedCache, Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Volume, VolumePersistence } from "../../src/index.ts"
import { onDevices } from "./OnDevices.ts"

class User extends Schema.Class<User>("User")({ id: Schema.Finite, name: Schema.String }) {}

class UserOf extends Persistable.Class<{ payload: { id: number } }>()("UserOf", {
  primaryKey: ({ id }) => `user:${id}`,
  success: User,
  error: Schema.String
}) {}

/** A request that fails with nothing of its own: what a persisted resolver takes. */
class UserAsked extends Persistable.Class<{ payload: { id: number } }>()("UserAsked", {
  primaryKey: ({ id }) => `user:${id}`,
  success: User
}) {}

const user = (id: number) => Exit.succeed(new User({ id, name: `user ${id}` }))

/** How many entries a table has: what expires has two. */
const countOf = (name: string) => Effect.flatMap(Volume.Volume, (volume) => volume.table(name).count)

onDevices("VolumePersistence", (volume, inSessions) => {
  const layer = () => VolumePersistence.layer().pipe(Layer.provideMerge(volume()))

  it.effect("keeps exits, one or many, and forgets them", () =>
    Effect.gen(function* () {
      const users = yield* (yield* Persistence.Persistence).make({ storeId: "users" })
      const keys = [1, 2, 3].map((id) => new UserOf({ id }))
      assert.isUndefined(yield* users.get(keys[0]))
      yield* users.set(keys[0], user(1))
      yield* users.setMany([
        [keys[1], user(2)],
        [keys[2], Exit.fail("nobody")]
      ])
      assert.deepStrictEqual(yield* users.get(keys[0]), user(1))
      assert.deepStrictEqual(yield* users.getMany(keys), [user(1), user(2), Exit.fail("nobody")])
      yield* users.remove(keys[1])
      assert.deepStrictEqual(yield* users.getMany([keys[1], keys[0]]), [undefined, user(1)])
      const again = yield* (yield* Persistence.Persistence).make({ storeId: "users" })
      assert.deepStrictEqual(yield* again.get(keys[0]), user(1))
      const others = yield* (yield* Persistence.Persistence).make({ storeId: "others" })
      assert.isUndefined(yield* others.get(keys[0]))
      yield* users.clear
      assert.deepStrictEqual(yield* users.getMany(keys), [undefined, undefined, undefined])
      assert.strictEqual(yield* countOf("persistence/users"), 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("hides what has expired at once, and sweeps it", () =>
    Effect.gen(function* () {
      const store = yield* (yield* Persistence.Persistence).make({
        storeId: "s",
        timeToLive: (_exit, key) => ((key as UserOf).id < 600 ? "10 seconds" : "1 hour")
      })
      yield* store.setMany(Array.from({ length: 700 }, (_, id) => [new UserOf({ id }), user(id)] as const))
      assert.strictEqual(yield* countOf("persistence/s"), 1400)
      // Setting one anew moves its end.
      yield* TestClock.adjust("5 seconds")
      yield* store.set(new UserOf({ id: 0 }), user(0))
      assert.strictEqual(yield* countOf("persistence/s"), 1400)
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(yield* store.get(new UserOf({ id: 1 })))
      assert.deepStrictEqual(yield* store.get(new UserOf({ id: 0 })), user(0))
      assert.strictEqual(yield* countOf("persistence/s"), 1400)
      yield* Effect.scoped((yield* Persistence.Persistence).make({ storeId: "s" }))
      assert.strictEqual(yield* countOf("persistence/s"), 202)
      yield* TestClock.adjust("1 hour")
      // The sweep is a fiber of its own, and syncs.
      for (let turn = 0; turn < 5000 && (yield* countOf("persistence/s")) > 0; turn++)
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 2)))
      assert.strictEqual(yield* countOf("persistence/s"), 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("is refused where a value is no JSON, whole or not at all", () =>
    Effect.gen(function* () {
      const volumeService = yield* Volume.Volume
      const store = yield* VolumePersistence.make(volumeService).make("raw")
      const wrong: object = { n: BigInt(1) }
      const many = store.setMany([
        ["a", {}, undefined],
        ["b", wrong, undefined]
      ])
      assert.strictEqual((yield* Effect.flip(many))._tag, "PersistenceError")
      assert.deepStrictEqual(yield* store.getMany(["a", "b"]), [undefined, undefined])
      assert.strictEqual((yield* Effect.flip(store.get("\uD800")))._tag, "PersistenceError")
      const long = yield* Effect.flip(store.set("k".repeat(5000), {}, Duration.seconds(1)))
      assert.deepInclude(long.cause, { _tag: "VolumeError" })
      const failed = Effect.andThen(store.set("a", { a: 1 }, undefined), Effect.fail("no" as const))
      assert.strictEqual(yield* Effect.flip(volumeService.transaction(failed)), "no")
      assert.isUndefined(yield* store.get("a"))
      assert.deepStrictEqual(yield* Stream.runCollect(volumeService.table("persistence/raw").keys()), [])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("answers requests from what an earlier session has resolved", () => {
    const resolved: Array<number> = []
    const stored = new Set<number>()
    const resolver = RequestResolver.make<UserAsked>((entries) =>
      Effect.sync(() => {
        for (const entry of entries) {
          const { id } = entry.request
          resolved.push(id)
          entry.completeUnsafe(user(id))
        }
      })
    )
    const persisted = RequestResolver.persisted(resolver, { storeId: "requests", timeToLive: () => "1 minute" })
    /** Asks for all of these together, in a session of its own. */
    const ask = (...ids: ReadonlyArray<number>) =>
      Effect.gen(function* () {
        const above = yield* persisted
        const answers = yield* Effect.forEach(ids, (id) => Effect.exit(Effect.request(new UserAsked({ id }), above)), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(answers, ids.map(user))
        // An answer is given before it is stored, by a fiber of its own: two entries for each that was ever asked for.
        for (const id of ids) stored.add(id)
        for (let turn = 0; turn < 1000 && (yield* countOf("persistence/requests")) < 2 * stored.size; turn++)
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        const report = yield* (yield* Volume.Volume).check({ deep: true })
        assert.deepStrictEqual(report.problems, [])
        return resolved.splice(0).sort((a, b) => a - b)
      }).pipe(Effect.scoped, Effect.provide(VolumePersistence.layer()))
    const expect = (wanted: ReadonlyArray<number>, ...ids: ReadonlyArray<number>) =>
      Effect.map(ask(...ids), (asked) => assert.deepStrictEqual(asked, wanted))
    return inSessions(
      expect([1, 2], 1, 2),
      expect([3], 1, 2, 3),
      expect([], 3, 2, 1),
      // What has expired is swept when the store is made.
      Effect.andThen(
        TestClock.adjust("1 minute"),
        Effect.suspend(() => {
          stored.clear()
          return expect([1, 4], 1, 4)
        })
      ),
      expect([], 4, 1)
    )
  })

  it.effect("stands below a cache that outlives its process", () =>
    Effect.gen(function* () {
      let lookups = 0
      const made = PersistedCache.make((_key: UserOf) => Effect.sync(() => new User({ id: ++lookups, name: "n" })), {
        storeId: "cache",
        timeToLive: () => "1 minute"
      })
      const key = new UserOf({ id: 1 })
      const ask = Effect.scoped(Effect.flatMap(made, (cache) => cache.get(key)))
      assert.strictEqual((yield* ask).id, 1)
      assert.strictEqual((yield* ask).id, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* ask).id, 2)
    }).pipe(Effect.provide(layer()))
  )
})
