/**
 * Snapshots by the clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { BlockDevice, MemoryDevice, Retention, Volume } from "../../src/index.ts"
import * as DeviceError from "../../src/shell/DeviceError.ts"
import { MEBIBYTE, volume, volumeOn } from "./TestVolume.ts"

const START = Date.parse("2026-11-22T10:00:00.000Z")

const all = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return { ...(yield* Volume.Volume), fs }
})

/** The time of day of each of the snapshots. */
const times = Effect.flatMap(Volume.Volume, ({ snapshots }) =>
  Effect.map(snapshots.list, (found) => found.map(({ name }) => name.replace("auto-2026-11-22T", "").slice(0, 5)))
)

const expectSound = Effect.gen(function* () {
  const { check } = yield* Volume.Volume
  assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
})

/** Writes something, and lets an hour pass. */
const hour = Effect.gen(function* () {
  const { fs } = yield* all
  yield* fs.writeFileString("/file", `${yield* Effect.clockWith((clock) => clock.currentTimeMillis)}`)
  yield* pass("1 hour")
})

/** Lets time pass, and what is due be done. */
const pass = (duration: Parameters<typeof TestClock.adjust>[0]) =>
  Effect.andThen(
    TestClock.adjust(duration),
    Effect.forEach([1, 2, 3, 4], () => Effect.yieldNow)
  )

/** What is logged. */
const recorded = () => {
  const lines: Array<string> = []
  const layer = Logger.layer([Logger.make(({ message }) => lines.push(String(message)))])
  return { lines, layer }
}

describe("snapshots by the clock", () => {
  it.effect("are taken each time, if anything has changed, and removed by the policy", () =>
    Effect.gen(function* () {
      const { snapshots } = yield* all
      yield* TestClock.setTime(START)
      yield* snapshots.create("auto-mine")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Retention.keep({ every: "1 hour", last: 3 })
          yield* pass(0)
          assert.deepStrictEqual(yield* times, ["auto-mine".slice(0, 5), "10:00"])
          for (let round = 0; round < 5; round++) yield* hour
          assert.deepStrictEqual(yield* times, ["auto-", "13:00", "14:00", "15:00"])
          yield* pass("3 hours")
          assert.deepStrictEqual(yield* times, ["auto-", "13:00", "14:00", "15:00"], "nothing has changed")
          yield* hour
          assert.deepStrictEqual(yield* times, ["auto-", "14:00", "15:00", "19:00"])
        })
      )
      yield* pass("3 hours")
      yield* hour
      assert.deepStrictEqual(yield* times, ["auto-", "14:00", "15:00", "19:00"], "it has ended")
      yield* expectSound
    }).pipe(Effect.provide(volume(8 * MEBIBYTE)))
  )

  it.effect("are taken as a layer, when the last one is old enough, and beside others of another prefix", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 8 * MEBIBYTE })
      yield* TestClock.setTime(START)
      const keeping = Layer.mergeAll(
        Retention.layer({ every: "1 hour", hourly: 24 }),
        Retention.layer({ every: "30 minutes", last: 1, prefix: "half-" })
      )
      const opened = Layer.fresh(keeping.pipe(Layer.provideMerge(volumeOn(device)), Layer.orDie))
      const session = (minutes: ReadonlyArray<number>) =>
        Effect.gen(function* () {
          yield* pass(0)
          const { fs } = yield* all
          for (const count of minutes) {
            yield* fs.writeFileString("/file", `${yield* Effect.clockWith((clock) => clock.currentTimeMillis)}`)
            yield* pass(`${count} minutes`)
          }
          yield* expectSound
          return (yield* times).toSorted()
        }).pipe(Effect.provide(opened))
      assert.deepStrictEqual(yield* session([40]), ["10:00", "half-"])
      assert.deepStrictEqual(yield* session([10, 10]), ["10:00", "11:00", "half-"])
    })
  )

  it.effect("are of the volume, also where it was asked for in a transaction", () =>
    Effect.gen(function* () {
      const { fs, transaction } = yield* all
      yield* TestClock.setTime(START)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* transaction(
            Effect.andThen(fs.writeFileString("/in", ""), Retention.keep({ every: "1 hour", daily: 2 }))
          )
          yield* pass(0)
          assert.deepStrictEqual(yield* times, ["10:00"])
        })
      )
      yield* expectSound
    }).pipe(Effect.provide(volume(8 * MEBIBYTE)))
  )

  it.effect("that fail are tried again, until the volume takes no writes", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryDevice.make({ size: 2 * MEBIBYTE })
      let fails = false
      const failure = new DeviceError.DeviceFailed({
        device: "broken",
        operation: "sync",
        offset: undefined,
        code: "EIO",
        reason: "it is broken",
        cause: undefined
      })
      const device: BlockDevice["Service"] = {
        ...memory,
        sync: Effect.suspend(() => (fails ? Effect.fail(failure) : memory.sync))
      }
      const log = recorded()
      yield* Effect.gen(function* () {
        const { fs, snapshots } = yield* all
        yield* TestClock.setTime(START)
        // Of the same name as the first one.
        yield* snapshots.create("auto-2026-11-22T10:00:00.000Z")
        yield* fs.writeFileString("/changed", "")
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Retention.keep({ every: "1 hour", last: 9 })
            yield* TestClock.setTime(START)
            yield* hour
            yield* hour
            assert.deepStrictEqual(yield* times, ["10:00", "11:00", "12:00"])
            assert.deepStrictEqual(log.lines, [])
            yield* fs.writeFileString("/changed again", "")
            yield* snapshots.create("auto-2026-11-22T13:00:00.000Z")
            yield* fs.writeFileString("/and again", "")
            yield* pass("1 hour")
            assert.strictEqual(log.lines.length, 1)
            assert.match(log.lines[0], /No snapshot was taken: .* has a snapshot .* tried again in the next round/)
            yield* pass("1 hour")
            assert.deepStrictEqual((yield* times).slice(3), ["13:00", "14:00"])
            fails = true
            yield* Effect.flip(fs.writeFileString("/file", "lost"))
            yield* pass("1 hour")
            assert.strictEqual(log.lines.length, 2)
            assert.match(log.lines[1], /No snapshot was taken: .* takes no more writes, .* It is not tried again\.$/)
            yield* pass("9 hours")
            assert.strictEqual(log.lines.length, 2)
            fails = false
          })
        )
        yield* expectSound
      }).pipe(Effect.provide(Layer.merge(volumeOn(device), log.layer)))
    })
  )

  it.effect("are refused where they make no sense", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 2 * MEBIBYTE })
      const tag = (options: Retention.Options, readOnly = false) =>
        Volume.open({ readOnly }).pipe(
          Effect.flatMap((one) => Effect.provideService(Retention.keep(options), Volume.Volume, one)),
          Effect.scoped,
          Effect.provideService(BlockDevice, device),
          Effect.match({ onFailure: ({ reason }) => reason._tag, onSuccess: () => "done" })
        )
      assert.strictEqual(yield* tag({ every: "1 hour", last: 1 }), "done")
      assert.strictEqual(yield* tag({ every: "1 hour", last: 1 }, true), "ReadOnly")
      const senseless: ReadonlyArray<Retention.Options> = [
        { every: 0, last: 1 },
        { every: "1 hour" },
        { every: "1 hour", last: 0 },
        { every: "1 hour", last: 1.5 },
        { every: "1 hour", last: -1 },
        { every: "1 hour", last: 1, prefix: "a/b" },
        { every: "1 hour", last: 1, prefix: "a".repeat(250) }
      ]
      for (const options of senseless) assert.strictEqual(yield* tag(options), "InvalidOptions")
    })
  )
})
