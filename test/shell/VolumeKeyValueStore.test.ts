/**
 * Effect's `KeyValueStore` on a table of a volume.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Volume, VolumeKeyValueStore } from "../../src/index.ts"
import { onDevices } from "./OnDevices.ts"
import { bytes, pattern, text } from "./TestVolume.ts"

const Store = KeyValueStore.KeyValueStore

onDevices("VolumeKeyValueStore", (volume) => {
  const layer = () => VolumeKeyValueStore.layer().pipe(Layer.provideMerge(volume()))

  it.effect("sets, gets, counts and removes", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.isTrue(yield* store.isEmpty)
      assert.isUndefined(yield* store.get("/foo/bar"))
      yield* store.set("/foo/bar", "bar")
      yield* store.set("", "the empty key")
      assert.strictEqual(yield* store.get("/foo/bar"), "bar")
      assert.strictEqual(yield* store.get(""), "the empty key")
      assert.isTrue(yield* store.has("/foo/bar"))
      assert.isFalse(yield* store.has("/foo"))
      assert.strictEqual(yield* store.size, 2)
      assert.deepStrictEqual(yield* store.keys, ["", "/foo/bar"])
      yield* store.set("/foo/bar", "again")
      assert.strictEqual(yield* store.get("/foo/bar"), "again")
      assert.strictEqual(yield* store.size, 2)
      yield* store.remove("/foo/bar")
      yield* store.remove("/foo/bar")
      assert.isUndefined(yield* store.get("/foo/bar"))
      yield* store.clear
      assert.strictEqual(yield* store.size, 0)
      assert.isTrue(yield* store.isEmpty)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("keeps text and bytes apart", () =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.set("text", "\uFEFFgrüße 🌍")
      yield* store.set("bytes", new Uint8Array([0, 255, 1, 128]))
      yield* store.set("looks like base64", "AAAA")
      yield* store.set("empty", "")
      assert.strictEqual(yield* store.get("text"), "\uFEFFgrüße 🌍")
      assert.deepStrictEqual(yield* store.getUint8Array("text"), bytes("\uFEFFgrüße 🌍"))
      assert.strictEqual(yield* store.get("bytes"), "AP8BgA==")
      assert.deepStrictEqual(yield* store.getUint8Array("bytes"), new Uint8Array([0, 255, 1, 128]))
      assert.deepStrictEqual(yield* store.getUint8Array("looks like base64"), bytes("AAAA"))
      assert.strictEqual(yield* store.get("empty"), "")
      const long = pattern(3_000_000)
      yield* store.set("long", long)
      assert.deepStrictEqual(yield* store.getUint8Array("long"), long)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("modifies what is there, in one step", () =>
    Effect.gen(function* () {
      const store = yield* Store
      assert.isUndefined(yield* store.modify("n", (n) => `${n}!`))
      assert.isFalse(yield* store.has("n"))
      yield* store.set("n", "0")
      const add = store.modify("n", (n) => String(Number(n) + 1))
      yield* Effect.forEach(Array.from({ length: 100 }), () => add, { concurrency: "unbounded" })
      assert.strictEqual(yield* store.get("n"), "100")
      assert.strictEqual(yield* add, "101")
      const doubled = yield* store.modifyUint8Array("n", (n) => new Uint8Array([...n, ...n]))
      assert.strictEqual(text(doubled!), "101101")
      const thrown = yield* Effect.exit(
        store.modify("n", () => {
          throw new Error("no")
        })
      )
      assert.isTrue(Exit.hasDies(thrown))
      assert.strictEqual(yield* store.get("n"), "MTAxMTAx")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("clears what begins with a prefix, and is seen through one", () =>
    Effect.gen(function* () {
      const store = yield* Store
      for (let i = 0; i < 300; i++) yield* store.set(`user/${i}`, "u")
      yield* store.set("user", "not below")
      yield* store.set("usés", "another")
      const users = KeyValueStore.prefix(store, "user/")
      assert.strictEqual(yield* users.size, 300)
      assert.strictEqual(yield* users.get("7"), "u")
      yield* users.clear
      assert.deepStrictEqual(yield* store.keys, ["user", "usés"])
      yield* store.clearPrefix("us")
      assert.deepStrictEqual(yield* store.keys, [])
      yield* store.set("x", "x")
      yield* store.clearPrefix("")
      assert.strictEqual(yield* store.size, 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("holds what a schema says", () =>
    Effect.gen(function* () {
      const store = KeyValueStore.toSchemaStore(yield* Store, Schema.Struct({ at: Schema.Date }))
      yield* store.set("a", { at: new Date(5) })
      assert.deepStrictEqual(yield* store.get("a"), Option.some({ at: new Date(5) }))
    }).pipe(Effect.provide(layer()))
  )
})

describe("VolumeKeyValueStore", () => {
  onDevices("in a transaction", (volume) => {
    it.effect("takes part, with other stores and tables", () =>
      Effect.gen(function* () {
        const one = VolumeKeyValueStore.make(yield* Volume.Volume, "one")
        const two = VolumeKeyValueStore.make(yield* Volume.Volume, "two")
        const { transaction } = yield* Volume.Volume
        yield* transaction(Effect.andThen(one.set("k", "1"), two.set("k", "2")))
        const failed = Effect.andThen(one.set("k", "x"), Effect.andThen(two.clear, Effect.fail("no" as const)))
        assert.strictEqual(yield* Effect.flip(transaction(failed)), "no")
        assert.deepStrictEqual([yield* one.get("k"), yield* two.get("k")], ["1", "2"])
      }).pipe(Effect.provide(volume()))
    )

    it.effect("refuses by its own error, whose cause is the volume's", () =>
      Effect.gen(function* () {
        const volumeService = yield* Volume.Volume
        const store = VolumeKeyValueStore.make(volumeService, "store")
        const long = yield* Effect.flip(store.set("k".repeat(5000), "v"))
        assert.deepInclude(long, { _tag: "KeyValueStoreError", method: "set", key: "k".repeat(5000) })
        assert.deepInclude(long.cause, { _tag: "VolumeError" })
        for (const refused of [store.set("\uD800", "v"), store.get("\uD800"), store.set("k", "\uD800")])
          assert.include((yield* Effect.flip(refused)).message, "well-formed")
        assert.isTrue(yield* store.isEmpty)
        yield* volumeService.table("store").set(bytes("alien"), new Uint8Array([7, 7]))
        assert.include((yield* Effect.flip(store.get("alien"))).message, "not written by")
        const inView = yield* Effect.flip(volumeService.view(store.modify("alien", (x) => x)))
        assert.strictEqual(inView._tag, "KeyValueStoreError")
      }).pipe(Effect.provide(volume()))
    )
  })
})
