/**
 * Transactions over all faces of a volume: files and keys change together or not at all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem } from "effect"
import { KeyValue, MemoryDevice, Volume } from "../../src/index.ts"
import { bytes, MEBIBYTE, pattern, text, volume, volumeOn } from "./TestVolume.ts"

const both = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const keys = yield* KeyValue.KeyValue
  const { transaction, view } = yield* Volume.Volume
  return { fs, keys, transaction, view }
})

describe("a transaction", () => {
  it.effect("commits files and keys together, durably", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 16 * MEBIBYTE })
      const image = yield* Effect.gen(function* () {
        const { fs, keys, transaction } = yield* both
        yield* transaction(
          Effect.gen(function* () {
            yield* fs.writeFileString("/file", "of the file system")
            yield* keys.set("key", bytes("of the keys"))
            assert.strictEqual(text(yield* keys.get("file")), "of the file system")
          })
        )
        return yield* device.image
      }).pipe(Effect.provide(volumeOn(device)))
      const again = yield* MemoryDevice.make({ image })
      yield* Effect.gen(function* () {
        const { fs, keys } = yield* both
        assert.strictEqual(yield* fs.readFileString("/key"), "of the keys")
        assert.strictEqual(text(yield* keys.get("file")), "of the file system")
      }).pipe(Effect.provide(volumeOn(again)))
    })
  )

  it.effect("leaves nothing of either when it fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      const { fs, keys, transaction } = yield* both
      yield* fs.writeFileString("/file", "before")
      const change = Effect.gen(function* () {
        yield* fs.writeFile("/file", pattern(2 * MEBIBYTE))
        yield* fs.makeDirectory("/folder")
        yield* keys.set("folder/key", bytes("x"))
        yield* fs.remove("/file")
      })
      const unchanged = Effect.gen(function* () {
        assert.deepStrictEqual(yield* fs.readDirectory("/"), ["file"])
        assert.strictEqual(yield* fs.readFileString("/file"), "before")
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(transaction(Effect.andThen(change, Effect.fail("no"))))))
      yield* unchanged
      assert.isTrue(Exit.isFailure(yield* Effect.exit(transaction(Effect.andThen(change, Effect.die("no"))))))
      yield* unchanged
      const changed = yield* Deferred.make<void>()
      const waiting = transaction(
        Effect.andThen(Effect.andThen(change, Deferred.succeed(changed, undefined)), Effect.never)
      )
      const fiber = yield* Effect.forkChild(waiting)
      yield* Deferred.await(changed)
      yield* unchanged
      yield* Fiber.interrupt(fiber)
      yield* unchanged
      yield* transaction(change)
      assert.deepStrictEqual(yield* fs.readDirectory("/"), ["folder"])
    }).pipe(Effect.provide(volume()))
  )

  it.effect("inside another is undone alone", () =>
    Effect.gen(function* () {
      const { fs, keys, transaction } = yield* both
      yield* transaction(
        Effect.gen(function* () {
          yield* keys.set("outer", bytes("1"))
          const inner = transaction(
            Effect.gen(function* () {
              yield* fs.writeFileString("/outer", "2")
              yield* fs.writeFileString("/inner", "2")
              return yield* Effect.fail("no")
            })
          )
          assert.isTrue(Exit.isFailure(yield* Effect.exit(inner)))
          assert.strictEqual(text(yield* keys.get("outer")), "1")
          yield* transaction(fs.writeFileString("/other", "3"))
        })
      )
      assert.deepStrictEqual(yield* fs.readDirectory("/"), ["other", "outer"])
      assert.strictEqual(yield* fs.readFileString("/outer"), "1")
    }).pipe(Effect.provide(volume()))
  )

  it.effect("larger than memory is one, too", () =>
    Effect.gen(function* () {
      const { fs, transaction } = yield* both
      const parts = Array.from({ length: 24 }, (_, index) => pattern(MEBIBYTE, index))
      const write = Effect.forEach(parts, (part, index) => fs.writeFile(`/part-${index}`, part), { discard: true })
      yield* Effect.exit(transaction(Effect.andThen(write, Effect.fail("no"))))
      assert.deepStrictEqual(yield* fs.readDirectory("/"), [])
      yield* transaction(write)
      for (const [index, part] of parts.entries()) assert.deepStrictEqual(yield* fs.readFile(`/part-${index}`), part)
    }).pipe(Effect.provide(volume(80 * MEBIBYTE, { dirtyBytes: 2 * MEBIBYTE, cacheBytes: MEBIBYTE })))
  )

  it.effect("is not seen from outside before it is done, and a view sees one state", () =>
    Effect.gen(function* () {
      const { fs, keys, transaction, view } = yield* both
      yield* keys.set("a", bytes("0"))
      yield* keys.set("b", bytes("0"))
      const writer = Effect.forEach(
        Array.from({ length: 200 }, (_, index) => index),
        (index) =>
          transaction(
            Effect.andThen(
              keys.set("a", bytes(`${index}`)),
              Effect.andThen(Effect.yieldNow, keys.set("b", bytes(`${index}`)))
            )
          ),
        { discard: true }
      )
      const fiber = yield* Effect.forkChild(writer)
      for (let index = 0; index < 200; index++) {
        const [a, b] = yield* view(
          Effect.gen(function* () {
            const first = yield* fs.readFileString("/a")
            yield* Effect.yieldNow
            return [first, yield* fs.readFileString("/b")]
          })
        )
        assert.strictEqual(a, b)
      }
      yield* Fiber.join(fiber)
      assert.strictEqual(text(yield* keys.get("b")), "199")
      const refused = yield* Effect.flip(view(keys.set("a", bytes("x"))))
      assert.strictEqual(refused.reason._tag, "ReadOnly")
    }).pipe(Effect.provide(volume()))
  )
})

describe("a transaction on a full volume", () => {
  const untilFull = Effect.gen(function* () {
    const { fs } = yield* both
    for (let index = 0; ; index++) {
      const exit = yield* Effect.exit(fs.writeFile(`/part-${index}`, pattern(MEBIBYTE, index)))
      if (Exit.isFailure(exit)) return index
    }
  })

  for (const dirtyBytes of [2 * MEBIBYTE, 64 * MEBIBYTE]) {
    it.effect(`undoes alone what found no room (budget ${dirtyBytes})`, () =>
      Effect.gen(function* () {
        const { fs, transaction } = yield* both
        const { check } = yield* Volume.Volume
        const last = yield* Effect.exit(
          transaction(
            Effect.gen(function* () {
              yield* fs.writeFileString("/kept", "x")
              const count = yield* untilFull
              assert.isFalse(yield* fs.exists(`/part-${count}`))
              yield* fs.remove("/part-0")
              return count
            })
          )
        )
        // Within the budget the end of the transaction tells that there is no room, and then nothing is kept.
        const names = yield* fs.readDirectory("/")
        if (Exit.isFailure(last)) assert.deepStrictEqual(names, [])
        else assert.strictEqual(names.length, last.value)
        assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
      }).pipe(Effect.provide(volume(12 * MEBIBYTE, { dirtyBytes })), Effect.timeout("20 seconds"))
    )
  }

  it.effect("that is rolled back takes no room from what succeeded before it", () =>
    Effect.gen(function* () {
      const { fs, transaction } = yield* both
      const { check, sync } = yield* Volume.Volume
      const first = pattern(2 * MEBIBYTE)
      yield* fs.writeFile("/one", first)
      const failing = Effect.gen(function* () {
        yield* fs.writeFileString("/one", "")
        yield* untilFull
        return yield* Effect.fail("no")
      })
      yield* Effect.exit(transaction(failing))
      assert.deepStrictEqual(yield* fs.readFile("/one"), first)
      yield* sync
      assert.deepStrictEqual(yield* fs.readFile("/one"), first)
      assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
    }).pipe(Effect.provide(volume(10 * MEBIBYTE, { durability: "interval", dirtyBytes: 3 * MEBIBYTE })))
  )
})

describe("a transaction inside another", () => {
  it.effect("does not undo what goes on beside it", () =>
    Effect.gen(function* () {
      const { fs, transaction } = yield* both
      yield* transaction(
        Effect.gen(function* () {
          const begun = yield* Deferred.make<void>()
          const inner = transaction(
            Effect.gen(function* () {
              yield* fs.writeFileString("/inner", "1")
              yield* Deferred.succeed(begun, undefined)
              for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
              return yield* Effect.fail("no")
            })
          )
          const beside = Effect.andThen(Deferred.await(begun), fs.writeFileString("/beside", "2"))
          yield* Effect.all([Effect.exit(inner), beside], { concurrency: "unbounded" })
        })
      )
      assert.deepStrictEqual(yield* fs.readDirectory("/"), ["beside"])
    }).pipe(Effect.provide(volume()))
  )
})

describe("durability by interval", () => {
  it.effect("shows at once what is written, and keeps it at a sync", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 16 * MEBIBYTE })
      const options = { durability: "interval" } as const
      const [before, after] = yield* Effect.gen(function* () {
        const { fs, keys } = yield* both
        const { sync } = yield* Volume.Volume
        for (let index = 0; index < 50; index++) yield* keys.set(`folder/${index}`, pattern(5000, index))
        assert.strictEqual((yield* fs.readDirectory("/folder")).length, 50)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const file = yield* fs.open("/folder/7", { flag: "r+" })
            yield* fs.remove("/folder", { recursive: true })
            assert.deepStrictEqual(yield* fs.readDirectory("/"), [])
            yield* file.writeAll(bytes("x"))
          })
        )
        yield* fs.writeFileString("/file", "x")
        const unsynced = yield* device.image
        yield* sync
        return [unsynced, yield* device.image]
      }).pipe(Effect.provide(volumeOn(device, options)))
      for (const [image, names] of [
        [before, []],
        [after, ["file"]]
      ] as const) {
        const again = yield* MemoryDevice.make({ image })
        yield* Effect.gen(function* () {
          const { fs } = yield* both
          assert.deepStrictEqual(yield* fs.readDirectory("/"), [...names])
        }).pipe(Effect.provide(volumeOn(again, options)))
      }
    })
  )
})
