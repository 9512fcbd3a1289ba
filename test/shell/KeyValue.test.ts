/**
 * Keys and values on a volume: mirage-kv's interface.
 */
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { Effect, FileSystem } from "effect"
import { KeyValue, Volume } from "../../src/index.ts"
import { bytes, MEBIBYTE, pattern, text, volume } from "./TestVolume.ts"

const reasonOf = <A, R>(effect: Effect.Effect<A, { readonly reason: { readonly _tag: string } }, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

const sha256 = (...parts: ReadonlyArray<Uint8Array | string>): Uint8Array => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

describe("KeyValue", () => {
  it.effect("sets and gets values, making the dictionaries above them", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      yield* keys.set("a/b/c", bytes("first"))
      yield* keys.set("/a//b/c/", bytes("second"))
      assert.strictEqual(text(yield* keys.get("a/b/c")), "second")
      assert.strictEqual(yield* keys.exists("a/b"), "Dictionary")
      assert.strictEqual(yield* keys.exists("a/b/c"), "Value")
      assert.strictEqual(yield* keys.exists(""), "Dictionary")
      assert.strictEqual(yield* keys.exists("a/x"), undefined)
      assert.strictEqual(yield* keys.exists("a/b/c/d"), undefined)
      assert.strictEqual(text(yield* keys.getPartial("a/b/c", 2, 3)), "con")
      assert.strictEqual(text(yield* keys.getPartial("a/b/c", 4, 100)), "nd")
      assert.strictEqual((yield* keys.getPartial("a/b/c", 6, 1)).length, 0)
      assert.strictEqual(yield* reasonOf(keys.getPartial("a/b/c", -1, 1)), "InvalidOptions")
      assert.strictEqual(yield* reasonOf(keys.get("a/x")), "NotFound")
      assert.strictEqual(yield* reasonOf(keys.get("a/b")), "IsAFolder")
      assert.strictEqual(yield* reasonOf(keys.get("a/../a/b/c")), "InvalidName")
      yield* keys.set("a/z", bytes("z"))
      assert.deepStrictEqual(yield* keys.list("a"), [
        { name: "b", kind: "Dictionary" },
        { name: "z", kind: "Value" }
      ])
      assert.strictEqual(yield* reasonOf(keys.list("a/z")), "NotAFolder")
    }).pipe(Effect.provide(volume()))
  )

  it.effect("never replaces a dictionary by a value or the reverse", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      yield* keys.set("value", bytes("v"))
      yield* keys.set("dictionary/inside", bytes("i"))
      assert.strictEqual(yield* reasonOf(keys.set("dictionary", bytes("x"))), "IsAFolder")
      assert.strictEqual(yield* reasonOf(keys.set("", bytes("x"))), "IsAFolder")
      assert.strictEqual(yield* reasonOf(keys.set("value/below", bytes("x"))), "NotAFolder")
      assert.strictEqual(yield* reasonOf(keys.set("value/far/below", bytes("x"))), "NotAFolder")
      assert.strictEqual(yield* reasonOf(keys.allocate("dictionary", 1)), "AlreadyExists")
      assert.strictEqual(yield* reasonOf(keys.rename("value", "dictionary")), "IsAFolder")
      assert.strictEqual(yield* reasonOf(keys.rename("dictionary", "value")), "NotAFolder")
      assert.strictEqual(yield* reasonOf(keys.rename("dictionary", "dictionary/in/itself")), "IntoItself")
      assert.strictEqual(text(yield* keys.get("value")), "v")
      assert.strictEqual(text(yield* keys.get("dictionary/inside")), "i")
      assert.strictEqual(yield* keys.exists("dictionary/in"), undefined)
    }).pipe(Effect.provide(volume()))
  )

  it.effect("changes a part of a value, allocates, renames and removes", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      yield* keys.set("a", bytes("0123456789"))
      yield* keys.setPartial("a", 3, bytes("abc"))
      assert.strictEqual(text(yield* keys.get("a")), "012abc6789")
      yield* keys.setPartial("a", 12, bytes("z"))
      assert.strictEqual(text(yield* keys.get("a")), "012abc6789\0\0z")
      assert.strictEqual(yield* reasonOf(keys.setPartial("b", 0, bytes("x"))), "NotFound")
      yield* keys.allocate("new/b", 3 * MEBIBYTE, 42n)
      assert.strictEqual(yield* keys.lastModified("new/b"), 42n)
      assert.strictEqual(yield* keys.size("new/b"), 3 * MEBIBYTE)
      assert.isTrue((yield* keys.get("new/b")).every((byte) => byte === 0))
      assert.strictEqual(yield* reasonOf(keys.allocate("new/b", 1)), "AlreadyExists")
      assert.strictEqual(yield* reasonOf(keys.allocate("new/c", -1)), "InvalidOptions")
      assert.strictEqual(yield* keys.exists("new/c"), undefined)
      yield* keys.rename("a", "far/away/a")
      assert.strictEqual(yield* keys.exists("a"), undefined)
      assert.strictEqual(yield* keys.size("far"), 13)
      yield* keys.rename("far", "near")
      assert.strictEqual(yield* keys.exists("near/away/a"), "Value")
      yield* keys.remove("near")
      assert.strictEqual(yield* keys.exists("near"), undefined)
      assert.strictEqual(yield* reasonOf(keys.remove("near")), "NotFound")
      assert.strictEqual(yield* reasonOf(keys.rename("near", "x/y")), "NotFound")
      assert.strictEqual(yield* keys.exists("x"), undefined)
    }).pipe(Effect.provide(volume()))
  )

  it.live("tells when something under a dictionary changed last", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      yield* keys.set("a/b/c", bytes("1"))
      yield* keys.set("a/d", bytes("1"))
      const before = yield* keys.lastModified("a")
      yield* keys.setPartial("a/b/c", 0, bytes("2"))
      const after = yield* keys.lastModified("a/b/c")
      assert.isAbove(Number(after - before), 0)
      assert.strictEqual(yield* keys.lastModified("a"), after)
    }).pipe(Effect.provide(volume()))
  )

  it.effect("digests values and dictionaries as documented", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      const large = pattern(5 * MEBIBYTE)
      yield* keys.set("d/large", large)
      yield* keys.set("d/e/small", bytes("small"))
      const ofLarge = yield* keys.digest("d/large")
      assert.deepStrictEqual(ofLarge, sha256(large))
      const title = "notafs dictionary\n"
      const count = (size: number) => new Uint8Array([size, 0, 0, 0])
      const value = new Uint8Array([0])
      const inner = sha256(title, count(5), "small", value, sha256("small"))
      assert.deepStrictEqual(yield* keys.digest("d/e"), inner)
      const outer = sha256(title, count(1), "e", new Uint8Array([1]), inner, count(5), "large", value, ofLarge)
      assert.deepStrictEqual(yield* keys.digest("d"), outer)
      yield* keys.set("d/e/small", bytes("other"))
      assert.notDeepEqual(yield* keys.digest("d"), outer)
      yield* keys.set("d/e/small", bytes("small"))
      assert.deepStrictEqual(yield* keys.digest("d"), outer)
    }).pipe(Effect.provide(volume()))
  )

  it.effect("commits a batch as one, or not at all", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      const { statistics } = yield* Volume.Volume
      yield* keys.set("kept", bytes("before"))
      const { commits } = yield* statistics
      yield* keys.batch((batch) =>
        Effect.gen(function* () {
          for (let index = 0; index < 100; index++) yield* batch.set(`many/${index}`, bytes(`${index}`))
          yield* batch.remove("many/50")
        })
      )
      assert.strictEqual((yield* statistics).commits, commits + 1)
      assert.strictEqual((yield* keys.list("many")).length, 99)
      const failed = yield* Effect.flip(
        keys.batch((batch) =>
          Effect.gen(function* () {
            yield* batch.remove("many")
            yield* batch.set("kept", bytes("after"))
            assert.strictEqual(yield* batch.exists("many"), undefined)
            return yield* Effect.fail("no" as const)
          })
        )
      )
      assert.strictEqual(failed, "no")
      assert.strictEqual((yield* keys.list("many")).length, 99)
      assert.strictEqual(text(yield* keys.get("kept")), "before")
    }).pipe(Effect.provide(volume()))
  )

  it.effect("stands on the same names as the files", () =>
    Effect.gen(function* () {
      const keys = yield* KeyValue.KeyValue
      const fs = yield* FileSystem.FileSystem
      yield* keys.set("settings/theme", bytes("dark"))
      assert.strictEqual(yield* fs.readFileString("/settings/theme"), "dark")
      yield* fs.symlink("theme", "/settings/alias")
      yield* fs.symlink("nowhere", "/settings/dangling")
      assert.deepStrictEqual(yield* keys.list("settings"), [
        { name: "alias", kind: "Value" },
        { name: "theme", kind: "Value" }
      ])
      yield* keys.set("settings/alias", bytes("light"))
      assert.strictEqual(yield* fs.readFileString("/settings/theme"), "light")
    }).pipe(Effect.provide(volume()))
  )
})
