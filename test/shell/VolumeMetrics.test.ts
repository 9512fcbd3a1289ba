/**
 * What a volume does, as metrics.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Metric } from "effect"
import { TestClock } from "effect/testing"
import { Volume, VolumeMetrics } from "../../src/index.ts"
import { volume } from "./TestVolume.ts"

/** The states of all metrics, by their names. */
const states = Effect.map(Metric.snapshot, (all) => {
  const found = new Map(all.map((metric) => [metric.id, metric]))
  const of = (name: string) => {
    const metric = found.get(name)
    assert.isDefined(metric, name)
    return metric!
  }
  return {
    count: (name: string) => (of(name).state as { count: number }).count,
    value: (name: string) => (of(name).state as { value: number }).value,
    sum: (name: string) => (of(name).state as { sum: number }).sum,
    attributes: (name: string) => of(name).attributes
  }
})

const layer = () => Layer.fresh(Layer.provideMerge(VolumeMetrics.layer({ every: "1 second" }), volume()))

/** Each test has its own. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

describe("VolumeMetrics", () => {
  it.effect("are fed from the statistics, at intervals", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { facts, statistics } = yield* Volume.Volume
      const before = yield* statistics
      yield* TestClock.adjust("1 second")
      for (let i = 0; i < 5; i++) yield* fs.writeFile(`/${i}`, new Uint8Array(10_000))
      yield* fs.readFile("/1")
      const after = yield* statistics
      yield* TestClock.adjust("1 second")
      const metrics = yield* states
      assert.strictEqual(metrics.count("notafs_commits"), after.commits - before.commits)
      assert.isAtLeast(metrics.count("notafs_commits"), 5)
      assert.strictEqual(metrics.count("notafs_transactions"), 5)
      assert.strictEqual(metrics.count("notafs_syncs"), after.syncs - before.syncs)
      assert.strictEqual(metrics.count("notafs_pages_written"), after.pagesWritten - before.pagesWritten)
      assert.strictEqual(metrics.count("notafs_cache_hits"), after.cacheHits - before.cacheHits)
      assert.strictEqual(metrics.value("notafs_free_bytes"), after.free)
      assert.strictEqual(metrics.value("notafs_inodes"), after.inodeCount)
      assert.deepInclude(metrics.attributes("notafs_commits"), { device: facts.device })
    }).pipe(Effect.provide(layer()), alone)
  )

  it.effect("tell how long commits took, and how many shared one", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { statistics, transaction } = yield* Volume.Volume
      const { commits } = yield* statistics
      yield* Effect.forEach([1, 2, 3, 4], (i) => fs.writeFile(`/${i}`, new Uint8Array(10)), {
        concurrency: "unbounded"
      })
      const metrics = yield* states
      assert.strictEqual(metrics.count("notafs_commit_millis"), (yield* statistics).commits - commits)
      assert.strictEqual(metrics.sum("notafs_commit_transactions"), 4)
      yield* transaction(
        Effect.gen(function* () {
          yield* fs.writeFile("/more", new Uint8Array(100_000))
          assert.isAbove((yield* statistics).dirtyBytes, 100_000)
        })
      )
      assert.strictEqual((yield* statistics).dirtyBytes, 0)
    }).pipe(Effect.provide(layer()), alone)
  )
})
