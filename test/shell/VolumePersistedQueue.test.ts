/**
 * The store of effect's `PersistedQueue` on tables of a volume.
 */
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Schedule, Schema, Stream } from "effect"
import { PersistedQueue } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Volume, VolumePersistedQueue } from "../../src/index.ts"
import { onDevices } from "./OnDevices.ts"

const Job = Schema.Struct({ n: Schema.Finite })

const jobs = PersistedQueue.make({
  name: "jobs",
  schema: Job,
  maxAttempts: 3,
  retrySchedule: Schedule.spaced("10 seconds")
})

const dead = Effect.flatMap(Volume.Volume, (volume) =>
  Stream.runCollect(VolumePersistedQueue.deadLetters(volume, "jobs"))
)

/** Entries of all tables of the queue: items, places, and what is over. */
const counts = Effect.flatMap(Volume.Volume, (volume) =>
  Effect.forEach(["", "/waiting", "/over"], (end) => volume.table(`persisted-queue${end}`).count)
)

/** Lets other fibers, and what they wait for outside of the test's clock, go on. */
const turns = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))

onDevices("VolumePersistedQueue", (volume) => {
  const layer = () =>
    Layer.mergeAll(VolumePersistedQueue.layer(), VolumePersistedQueue.layerStore()).pipe(Layer.provideMerge(volume()))

  it.effect("gives items in their order, once if they are done", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      for (const n of [1, 2, 3]) yield* queue.offer({ n })
      const taken: Array<number> = []
      for (let i = 0; i < 3; i++) {
        yield* queue.take(({ n }, { attempts }) => Effect.sync(() => void taken.push(n, attempts)))
      }
      assert.deepStrictEqual(taken, [1, 1, 2, 1, 3, 1])
      assert.deepStrictEqual(yield* counts, [0, 0, 0])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("wakes who waits, and keeps queues apart", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      const other = yield* PersistedQueue.make({ name: "other", schema: Job })
      const taker = yield* Effect.forkChild(queue.take(({ n }) => Effect.succeed(n)))
      yield* turns
      yield* other.offer({ n: 1 })
      yield* queue.offer({ n: 2 })
      assert.strictEqual(yield* Fiber.join(taker), 2)
      assert.strictEqual(yield* other.take(({ n }) => Effect.succeed(n)), 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("gives each item to one of those who take at a time", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      for (let n = 0; n < 20; n++) yield* queue.offer({ n })
      const all = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => queue.take(({ n }) => Effect.as(Effect.yieldNow, n)),
        { concurrency: 5 }
      )
      assert.deepStrictEqual(
        [...all].sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, n) => n)
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("gives an item to one of those who take, whichever of two stores they take from", () =>
    Effect.gen(function* () {
      const service = yield* Volume.Volume
      const layerOf = () =>
        Layer.fresh(PersistedQueue.layer).pipe(
          Layer.provide(Layer.sync(PersistedQueue.PersistedQueueStore, () => VolumePersistedQueue.make(service)))
        )
      const one = yield* Effect.provide(jobs, layerOf())
      const two = yield* Effect.provide(jobs, layerOf())
      for (let n = 0; n < 20; n++) yield* (n % 2 === 0 ? one : two).offer({ n })
      const all = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : two)),
        (queue) => queue.take(({ n }) => Effect.as(turns, n)),
        { concurrency: 6 }
      )
      assert.deepStrictEqual(
        [...all].sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, n) => n)
      )
      assert.deepStrictEqual(yield* counts, [0, 0, 0])
      // Who waits at one store is woken by an offer to the other, without the clock.
      const waiting = yield* Effect.forkChild(one.take(({ n }) => Effect.succeed(n)))
      yield* turns
      yield* two.offer({ n: 20 })
      assert.strictEqual(yield* Fiber.join(waiting), 20)
      const { problems } = yield* service.check({ deep: true })
      assert.deepStrictEqual(problems, [])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("takes an id once", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      assert.strictEqual(yield* queue.offer({ n: 1 }, { id: "a" }), "a")
      yield* queue.offer({ n: 2 }, { id: "a" })
      assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 1)
      yield* queue.offer({ n: 3 }, { id: "a" })
      yield* queue.offer({ n: 4 }, { id: "b" })
      assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 4)
      assert.deepStrictEqual(yield* counts, [2, 0, 2])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("tries again what failed, later, until its attempts are used", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      yield* queue.offer({ n: 1 }, { id: "bad" })
      const fail = Effect.flip(queue.take((_, { attempts }) => Effect.fail(attempts)))
      assert.strictEqual(yield* fail, 1)
      yield* queue.offer({ n: 2 })
      assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 2)
      for (const attempt of [2, 3]) {
        const waiting = yield* Effect.forkChild(fail)
        yield* turns
        yield* TestClock.adjust("9 seconds")
        yield* turns
        assert.isUndefined(waiting.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(waiting), attempt)
      }
      assert.deepInclude((yield* dead)[0], { id: "bad", attempts: 3, element: { n: 1 } })
      assert.deepStrictEqual(yield* counts, [1, 0, 1])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("does not count an attempt that was interrupted", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      yield* queue.offer({ n: 1 })
      const taker = yield* Effect.forkChild(queue.take(() => Effect.never))
      yield* turns
      yield* Fiber.interrupt(taker)
      assert.strictEqual(yield* queue.take((_, { attempts }) => Effect.succeed(attempts)), 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("puts what cannot be decoded aside, and goes on", () =>
    Effect.gen(function* () {
      const texts = yield* PersistedQueue.make({ name: "jobs", schema: Schema.String })
      const queue = yield* jobs
      yield* texts.offer("no job", { id: "alien" })
      yield* queue.offer({ n: 1 })
      assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 1)
      assert.deepStrictEqual(
        (yield* dead).map(({ element, id }) => [id, element]),
        [["alien", "no job"]]
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("holds back what is delayed", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      yield* queue.offer({ n: 1 }, { delay: "5 seconds" })
      yield* queue.offer({ n: 2 })
      assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 2)
      const taker = yield* Effect.forkChild(queue.take(({ n }) => Effect.succeed(n)))
      yield* turns
      assert.isUndefined(taker.pollUnsafe())
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(taker), 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("cleans up what is over, by its age", () =>
    Effect.gen(function* () {
      const queue = yield* PersistedQueue.make({ name: "jobs", schema: Job, maxAttempts: 1 })
      const store = yield* PersistedQueue.PersistedQueueStore
      for (let n = 0; n < 300; n++) {
        yield* queue.offer({ n }, { id: `${n}` })
        yield* Effect.exit(queue.take(() => (n < 3 ? Effect.fail("no") : Effect.void)))
      }
      yield* TestClock.adjust("1 day")
      yield* store.cleanup({ timeToLive: Duration.days(2), failedTimeToLive: undefined })
      assert.deepStrictEqual(yield* counts, [300, 0, 300])
      yield* store.cleanup({ timeToLive: Duration.days(1), failedTimeToLive: undefined })
      assert.deepStrictEqual(yield* counts, [3, 0, 3])
      yield* store.cleanup({ timeToLive: Duration.days(1), failedTimeToLive: Duration.days(1) })
      assert.deepStrictEqual(yield* counts, [0, 0, 0])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("is part of a transaction", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      const { transaction } = yield* Volume.Volume
      const failed = yield* Effect.exit(transaction(Effect.andThen(queue.offer({ n: 1 }), Effect.fail("no"))))
      assert.isTrue(Exit.isFailure(failed))
      assert.deepStrictEqual(yield* counts, [0, 0, 0])
      const taker = yield* Effect.forkChild(queue.take(({ n }) => Effect.succeed(n)))
      yield* turns
      yield* transaction(queue.offer({ n: 2 }))
      yield* turns
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(taker), 2)
    }).pipe(Effect.provide(layer()))
  )
})
