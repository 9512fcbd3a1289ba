/**
 * T14: many commits by one session. Neither memory nor the pages in use grow: what is kept of a commit goes with it.
 * NOTAFS_COMMITS says how many.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Volume } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"
import { MEBIBYTE, volume } from "../shell/TestVolume.ts"
import * as Scale from "../torture/Scale.ts"

const COMMITS = Scale.number("COMMITS", 24_000)
/** What is kept for later reaches its size in the first part of them. */
const WARM_COMMITS = Math.min((2 / 3) * COMMITS, 100_000)
const GROWTH_BYTES_MAX = 2 * MEBIBYTE
const GROWTH_PAGES_MAX = 200

const KEYS = 500
const FILES = 20
const FILE_BYTES_MAX = 40_000

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Bytes of this process that are in use. A collection may free buffers some turns after it: the least of a few counts. */
const usedBytes = Effect.promise(async () => {
  let least = Infinity
  for (let turn = 0; turn < 5; turn++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
})

describe("many commits", () => {
  it.effect(
    "leave nothing behind",
    () =>
      Effect.gen(function* () {
        const service = yield* Volume.Volume
        const fs = yield* FileSystem.FileSystem
        const table = service.table("soak")
        const random = new Random(Scale.seed(14))
        const bytes = random.bytes(FILE_BYTES_MAX)
        const key = () => Uint8Array.of(random.below(KEYS) >> 8, random.below(256))
        const path = () => `/f${random.below(FILES)}`
        const change = Effect.suspend((): Effect.Effect<unknown, unknown> => {
          const draw = random.below(100)
          if (draw < 60) return table.set(key(), bytes.subarray(0, random.below(200)))
          if (draw < 70) return table.remove(key())
          if (draw < 85) return fs.writeFile(path(), bytes.subarray(0, random.below(FILE_BYTES_MAX)))
          if (draw < 90) return Effect.ignore(fs.remove(path()))
          if (draw < 94) return Effect.ignore(fs.rename(path(), path()))
          if (draw < 98) return Effect.ignore(fs.truncate(path(), random.below(FILE_BYTES_MAX)))
          if (draw < 99)
            return Effect.ignore(service.transaction(Effect.andThen(table.set(key(), bytes), Effect.fail("no"))))
          return service.snapshots
            .create("soak")
            .pipe(
              Effect.andThen(table.set(key(), bytes.subarray(0, 100))),
              Effect.andThen(service.snapshots.remove("soak"))
            )
        })
        const run = Effect.fnUntraced(function* (commits: number) {
          const { commits: before } = yield* service.statistics
          for (;;) {
            for (let i = 0; i < 100; i++) yield* change
            const now = yield* service.statistics
            if (now.commits - before >= commits) return now
          }
        })
        const first = yield* run(WARM_COMMITS)
        const before = yield* usedBytes
        const last = yield* run(COMMITS - WARM_COMMITS)
        const grownBytes = (yield* usedBytes) - before
        const grownPages = (first.free - last.free) / last.pageBytes
        console.log(JSON.stringify({ test: "T14", commits: last.commits, grownBytes, grownPages }))
        assert.isBelow(grownBytes, GROWTH_BYTES_MAX)
        assert.isBelow(grownPages, GROWTH_PAGES_MAX)
        assert.deepStrictEqual((yield* service.check({ deep: true })).problems, [])
      }).pipe(Effect.provide(volume(16 * MEBIBYTE, { cacheBytes: MEBIBYTE, dirtyBytes: MEBIBYTE }))),
    60_000 + COMMITS
  )
})
