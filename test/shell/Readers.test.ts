/**
 * What views and opened snapshots hold back, and how an age limit lets it go.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Context, Deferred, Effect, Exit, Fiber, FileSystem, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Volume, type VolumeError } from "../../src/index.ts"
import { MEBIBYTE, pattern, volume } from "./TestVolume.ts"

const CONTENT_BYTES = 256 * 1024

const all = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return { ...(yield* Volume.Volume), fs }
})

/** Overwrites the file, each time with other bytes. */
const overwrite = (rounds: number) =>
  Effect.gen(function* () {
    const { fs } = yield* all
    for (let round = 1; round <= rounds; round++) yield* fs.writeFile("/file", pattern(CONTENT_BYTES, round))
  })

const readers = Effect.flatMap(Volume.Volume, ({ statistics }) => Effect.map(statistics, (one) => one.readers))

const expectSound = Effect.gen(function* () {
  const { check } = yield* Volume.Volume
  assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
})

const nobody = {
  views: 0,
  openSnapshots: 0,
  scans: 0,
  openFiles: 0,
  oldestGeneration: undefined,
  oldestMillis: 0,
  heldBytes: 0
}

describe("the statistics of readers", () => {
  it.effect("tell what a view holds back, and since when", () =>
    Effect.gen(function* () {
      const { fs, statistics, view } = yield* all
      yield* overwrite(1)
      assert.deepStrictEqual(yield* readers, nobody)
      const { generation } = yield* statistics
      const reading = yield* Deferred.make<void>()
      const done = yield* Deferred.make<void>()
      const viewing = yield* Effect.forkChild(
        view(Effect.andThen(Deferred.succeed(reading, undefined), Deferred.await(done)))
      )
      yield* Deferred.await(reading)
      assert.deepStrictEqual(yield* readers, { ...nobody, views: 1, oldestGeneration: generation })
      // The root before the newest stays whole by itself: nothing waits for the view yet.
      yield* fs.writeFile("/file", pattern(CONTENT_BYTES, 2))
      assert.strictEqual((yield* readers).heldBytes, 0)
      yield* fs.writeFile("/file", pattern(CONTENT_BYTES, 3))
      const first = yield* readers
      assert.isAtLeast(first.heldBytes, CONTENT_BYTES)
      yield* TestClock.adjust("3 seconds")
      yield* fs.writeFile("/file", pattern(CONTENT_BYTES, 4))
      const second = yield* readers
      assert.isAtLeast(second.heldBytes, 2 * CONTENT_BYTES)
      assert.deepInclude(second, { views: 1, oldestGeneration: generation, oldestMillis: 3000 })
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(viewing)
      assert.deepStrictEqual(yield* readers, nobody)
      yield* expectSound
    }).pipe(Effect.provide(volume()))
  )

  it.effect("count opened snapshots, scans and open files", () =>
    Effect.gen(function* () {
      const { fs, scrub, snapshots, view } = yield* all
      yield* overwrite(1)
      yield* snapshots.create("kept")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* snapshots.open("kept")
          yield* fs.open("/file")
          assert.deepInclude(yield* readers, { views: 0, openSnapshots: 1, scans: 0, openFiles: 1 })
          yield* view(
            Effect.gen(function* () {
              const during = yield* Stream.runCollect(Stream.mapEffect(scrub(), () => readers))
              assert.isNotEmpty(during)
              for (const one of during) assert.deepInclude(one, { views: 1, openSnapshots: 1, scans: 1 })
            })
          )
        })
      )
      assert.deepStrictEqual(yield* readers, nobody)
    }).pipe(Effect.provide(volume()))
  )
})

/** A view that runs until the scope ends, and a way to run effects inside of it. */
const running = Effect.gen(function* () {
  const { view } = yield* Volume.Volume
  const entered = yield* Deferred.make<Context.Context<FileSystem.FileSystem>>()
  yield* Effect.forkScoped(
    view(
      Effect.flatMap(Effect.context<FileSystem.FileSystem>(), (context) =>
        Effect.andThen(Deferred.succeed(entered, context), Effect.never)
      )
    )
  )
  const context = yield* Deferred.await(entered)
  return <A, E>(effect: Effect.Effect<A, E, FileSystem.FileSystem>) => Effect.provide(effect, context)
})

const content = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile("/file"))

const expectExpired = Effect.fnUntraced(function* (effect: Effect.Effect<unknown, VolumeError>, generation: number) {
  const { message, reason } = yield* Effect.flip(effect)
  assert.strictEqual(reason._tag, "ViewExpired", message)
  if (reason._tag === "ViewExpired") assert.deepInclude(reason, { generation, ageMaxMillis: 60_000 })
  assert.match(message, /older than 60000 ms, which viewAgeMax allows/)
})

/** Room for a few versions of the file, and no cache to read from. */
const small = (options: Volume.Options = {}) => volume(2 * MEBIBYTE, { cacheBytes: 4096, ...options })

describe("a view", () => {
  it.effect("fills a small volume as long as it runs, where no age is set", () =>
    Effect.gen(function* () {
      yield* overwrite(1)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const inView = yield* running
          yield* TestClock.adjust("10 days")
          assert.isTrue(Exit.isFailure(yield* Effect.exit(overwrite(20))))
          assert.deepStrictEqual(yield* inView(content), pattern(CONTENT_BYTES, 1))
        })
      )
      yield* overwrite(20)
      yield* expectSound
    }).pipe(Effect.provide(small()))
  )

  it.effect("that is older than it may be holds nothing back, and its next read fails", () =>
    Effect.gen(function* () {
      const { read, statistics } = yield* all
      yield* overwrite(1)
      const { generation } = yield* statistics
      yield* Effect.scoped(
        Effect.gen(function* () {
          const inView = yield* running
          assert.isTrue(Exit.isFailure(yield* Effect.exit(overwrite(20))))
          yield* TestClock.adjust("60 seconds")
          assert.isTrue(Exit.isFailure(yield* Effect.exit(overwrite(20))))
          assert.deepStrictEqual(yield* inView(content), pattern(CONTENT_BYTES, 1))
          assert.isAbove((yield* readers).heldBytes, 0)
          yield* TestClock.adjust("1 millis")
          // The writer gets what it needs, before the view has noticed anything.
          yield* overwrite(20)
          assert.deepInclude(yield* readers, { views: 1, oldestGeneration: undefined, heldBytes: 0 })
          yield* expectExpired(inView(read(() => 1)), generation)
          assert.isTrue(Exit.isFailure(yield* Effect.exit(inView(content))))
          assert.deepStrictEqual(yield* content, pattern(CONTENT_BYTES, 20))
        })
      )
      yield* expectSound
    }).pipe(Effect.provide(small({ viewAgeMax: "1 minute" })))
  )

  it.effect("ends by its own age, and not by that of another one", () =>
    Effect.gen(function* () {
      yield* overwrite(1)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const inOld = yield* running
          yield* TestClock.adjust("40 seconds")
          yield* overwrite(2)
          const inYoung = yield* running
          yield* TestClock.adjust("40 seconds")
          assert.isTrue(Exit.isFailure(yield* Effect.exit(inOld(content))))
          assert.deepStrictEqual(yield* inYoung(content), pattern(CONTENT_BYTES, 2))
        })
      )
    }).pipe(Effect.provide(small({ viewAgeMax: "1 minute" })))
  )

  it.effect("and a snapshot have an age, and a scrub has none", () =>
    Effect.gen(function* () {
      const { scrub } = yield* all
      yield* overwrite(1)
      const scrubbing = yield* Effect.forkChild(Stream.runLast(scrub({ bytesPerSecond: 1024 })), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      yield* TestClock.adjust("1 second")
      assert.isAbove((yield* readers).oldestMillis, 60_000)
      yield* TestClock.adjust("10 minutes")
      const last = Option.getOrThrow(yield* Fiber.join(scrubbing))
      assert.deepStrictEqual(Option.getOrThrow(last.report).problems, [])
    }).pipe(Effect.provide(small({ viewAgeMax: "1 minute" })))
  )
})

describe("an opened snapshot that is older than it may be", () => {
  it.effect("fails, and can be opened again", () =>
    Effect.gen(function* () {
      const { snapshots, statistics } = yield* all
      yield* overwrite(1)
      yield* snapshots.create("kept")
      const { generation } = yield* statistics
      yield* Effect.scoped(
        Effect.gen(function* () {
          const kept = yield* snapshots.open("kept")
          yield* kept.read(() => 1)
          yield* TestClock.adjust("61 seconds")
          yield* expectExpired(
            kept.read(() => 1),
            generation
          )
          yield* (yield* snapshots.open("kept")).read(() => 1)
        })
      )
      yield* expectSound
    }).pipe(Effect.provide(small({ viewAgeMax: "1 minute" })))
  )
})
