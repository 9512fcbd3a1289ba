/**
 * What a volume does, as metrics of effect.
 *
 * - Counts and levels are taken from `Volume.statistics`, at intervals and when the layer's scope ends: reading and writing cost
 *   nothing more. A count begins when the layer is built.
 * - Commits tell how long they took and how many transactions they made durable, and only while this layer is there.
 * - Each metric has the attribute `device`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type { Statistics } from "./Statistics.ts"
import { Volume } from "./Volume.ts"

/** The options of {@link layer}. */
export interface Options {
  /** The time between two looks at the statistics; five seconds by default. */
  readonly every?: Duration.Input | undefined
}

type Name = Exclude<keyof Statistics, "readers">

const COUNTS: ReadonlyArray<readonly [Name, string, string]> = [
  ["commits", "notafs_commits", "Commits"],
  ["transactions", "notafs_transactions", "Transactions that have succeeded"],
  ["syncs", "notafs_syncs", "Syncs of the device"],
  ["pagesRead", "notafs_pages_read", "Pages read from the device"],
  ["pagesWritten", "notafs_pages_written", "Pages written to the device"],
  ["cacheHits", "notafs_cache_hits", "Pages found in the cache"],
  ["cacheMisses", "notafs_cache_misses", "Pages not found in the cache"]
]

const LEVELS: ReadonlyArray<readonly [Name, string, string]> = [
  ["size", "notafs_size_bytes", "The size of the volume"],
  ["free", "notafs_free_bytes", "Free in the newest durable root"],
  ["allocatable", "notafs_allocatable_bytes", "What can be taken now"],
  ["cacheBytes", "notafs_cache_bytes", "Pages in the cache"],
  ["dirtyBytes", "notafs_dirty_bytes", "Changes in memory that no commit has taken yet"],
  ["inodeCount", "notafs_inodes", "Files, folders and symbolic links"]
]

const LATENCY = Metric.histogram("notafs_commit_millis", {
  description: "How long a commit took, in milliseconds",
  boundaries: Metric.exponentialBoundaries({ start: 0.0625, factor: 2, count: 18 })
})

const GROUP = Metric.histogram("notafs_commit_transactions", {
  description: "Transactions that one commit made durable",
  boundaries: Metric.exponentialBoundaries({ start: 1, factor: 2, count: 12 })
})

/** Feeds the metrics from the volume below until the scope ends. */
export const layer = (options: Options = {}): Layer.Layer<never, never, Volume> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const volume = yield* Volume
      const context = yield* Effect.context<never>()
      const attributes = { device: volume.facts.device }

      const latency = Metric.withAttributes(LATENCY, attributes)
      const group = Metric.withAttributes(GROUP, attributes)
      yield* volume.onCommit(({ duration, transactions }) => {
        latency.updateUnsafe(Duration.toMillis(duration), context)
        if (transactions > 0) group.updateUnsafe(transactions, context)
      })

      const counts = COUNTS.map(([key, name, description]) => ({
        key,
        metric: Metric.withAttributes(Metric.counter(name, { description, incremental: true }), attributes)
      }))
      const levels = LEVELS.map(([key, name, description]) => ({
        key,
        metric: Metric.withAttributes(Metric.gauge(name, { description }), attributes)
      }))
      let last = yield* volume.statistics
      const sample = Effect.map(volume.statistics, (now) => {
        for (const { key, metric } of counts) metric.updateUnsafe(now[key] - last[key], context)
        for (const { key, metric } of levels) metric.updateUnsafe(now[key], context)
        last = now
      })
      yield* Effect.addFinalizer(() => sample)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(sample, Effect.sleep(options.every ?? "5 seconds"))))
    })
  )
