/**
 * Changes that are told as they are committed: by another session, which may be faster, and by the same one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as TestClock from "effect/testing/TestClock"
import { BlockDevice, Files, MemoryDevice, Volume } from "../../src/index.ts"
import { bytes, MEBIBYTE, pattern } from "./TestVolume.ts"

const lineOf = (event: Volume.WatchEvent): string => {
  if (event._tag === "Missed") return "missed"
  const { change } = event
  return `${change._tag} ${"path" in change ? change.path : change.table}`
}

/** What is watched of a volume; `next` gives the events of another round. */
const watched = (volume: Volume.Volume["Service"]) =>
  Effect.gen(function* () {
    const events: Array<Volume.WatchEvent> = []
    const all = Stream.runForEach(volume.watch({ interval: "1 second" }), (event) =>
      Effect.sync(() => events.push(event))
    )
    const fiber = yield* Effect.forkScoped(all, { startImmediately: true })
    const next = Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow
      return events.splice(0)
    })
    return { fiber, next }
  })

const prepare = Effect.gen(function* () {
  const device = yield* MemoryDevice.make({ size: MEBIBYTE })
  const opened = (options: Volume.Options & { readonly readOnly?: boolean }) =>
    Effect.provideService(Volume.open(options), BlockDevice, device)
  const writer = yield* opened({})
  yield* Files.writeFile(writer, "/a", bytes("a"))
  const reader = yield* opened({ readOnly: true, cacheBytes: 0 })
  return { writer, reader }
})

describe("a volume that is watched", () => {
  it.effect("tells what another session commits, once", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* prepare
      const { next } = yield* watched(reader)
      assert.deepStrictEqual(yield* next, [])
      yield* Files.writeFile(writer, "/b", bytes("b"))
      const events = yield* next
      assert.deepStrictEqual(events.map(lineOf), ["Added /b"])
      assert.strictEqual(events[0].generation, (yield* writer.statistics).generation)
      assert.deepStrictEqual(yield* next, [])
      yield* writer.transaction(
        Effect.gen(function* () {
          yield* Files.rename(writer, "/a", "/c")
          yield* writer.table("t").set(bytes("k"), bytes("v"))
        })
      )
      assert.deepStrictEqual((yield* next).map(lineOf).toSorted(), ["EntrySet t", "Renamed /c", "TableAdded t"])
      assert.deepStrictEqual(yield* next, [])
    }).pipe(Effect.scoped)
  )

  it.effect("says that it missed something where the writer was faster, and goes on", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* prepare
      const { next } = yield* watched(reader)
      for (let i = 0; i < 30; i++) yield* Files.writeFile(writer, `/file${i % 4}`, pattern(100_000 + i))
      const lines = (yield* next).map(lineOf)
      assert.strictEqual(lines.at(-1), "missed")
      assert.strictEqual(lines.filter((line) => line === "missed").length, 1)
      assert.deepStrictEqual(yield* next, [])
      yield* Files.writeFile(writer, "/last", bytes("last"))
      assert.deepStrictEqual((yield* next).map(lineOf), ["Added /last"])
    }).pipe(Effect.scoped)
  )

  it.effect("tells its own commits, and keeps nothing when it is over", () =>
    Effect.gen(function* () {
      const { writer } = yield* prepare
      const { fiber, next } = yield* watched(writer)
      for (let i = 0; i < 8; i++) yield* Files.writeFile(writer, "/file", pattern(30_000 + i))
      assert.deepStrictEqual((yield* next).map(lineOf), ["Added /file"])
      assert.strictEqual((yield* writer.statistics).readers.scans, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* writer.statistics).readers.scans, 0)
    }).pipe(Effect.scoped)
  )
})
