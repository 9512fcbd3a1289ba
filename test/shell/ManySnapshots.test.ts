/**
 * Many snapshots of a tree, between any two of which one file was changed: what each costs goes by the change, and when all
 * are gone nothing is left of them. `npm run bench -- --rows snapshots` has the same with a thousand.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Files, MemoryDevice } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"
import { opened, type Service } from "./TransferRun.ts"
import { MEBIBYTE, pattern } from "./TestVolume.ts"

const SNAPSHOTS = 60
const FILES = 2000
const FILES_OF_FOLDER = 100
const PAGES_READ_MAX = 16
const PAGES_WRITTEN_MAX = 8
const SEND_BYTES_MAX = 1024

const pathOf = (file: number): string => `/d${Math.floor(file / FILES_OF_FOLDER)}/f${file}`

const fill = (volume: Service) =>
  volume.transaction(
    Effect.gen(function* () {
      for (let file = 0; file < FILES; file++) {
        if (file % FILES_OF_FOLDER === 0) yield* Files.makeFolder(volume, `/d${file / FILES_OF_FOLDER}`)
        yield* Files.writeFile(volume, pathOf(file), pattern(100))
      }
    })
  )

/** What is free when nothing is retained any more but the root before. */
const settledFree = Effect.fnUntraced(function* (volume: Service) {
  for (let round = 0; round < 2; round++) yield* Files.writeFile(volume, pathOf(0), pattern(100))
  return (yield* volume.statistics).free
})

const take = Effect.fnUntraced(function* (volume: Service, snapshot: number) {
  yield* Files.writeFile(volume, pathOf((snapshot * 787) % FILES), pattern(100, snapshot + 1))
  const before = yield* volume.statistics
  yield* volume.snapshots.create(`s${snapshot}`)
  return (yield* volume.statistics).pagesWritten - before.pagesWritten
})

describe("many snapshots", () => {
  it.effect("cost what changes, and leave nothing", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 32 * MEBIBYTE })
      // With nothing in memory, each time.
      const session = <A, E>(use: (volume: Service) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(opened({}, device), use))

      const freeBefore = yield* session((volume) => Effect.andThen(fill(volume), settledFree(volume)))
      yield* session((volume) =>
        Effect.gen(function* () {
          for (let snapshot = 0; snapshot < SNAPSHOTS; snapshot++) {
            assert.isAtMost(yield* take(volume, snapshot), PAGES_WRITTEN_MAX, `snapshot ${snapshot}`)
          }
        })
      )
      for (let snapshot = 1; snapshot < SNAPSHOTS; snapshot++) {
        const [from, to] = [`s${snapshot - 1}`, `s${snapshot}`]
        yield* session((volume) =>
          Effect.gen(function* () {
            const before = yield* volume.statistics
            const changes = yield* Stream.runCollect(volume.diff(from, to))
            const after = yield* volume.statistics
            assert.deepStrictEqual(
              changes.map((change) => "path" in change && change.path),
              [pathOf((snapshot * 787) % FILES)]
            )
            assert.isAbove(after.pagesRead, before.pagesRead)
            assert.isAtMost(after.pagesRead - before.pagesRead, PAGES_READ_MAX, to)
            const sent = yield* Stream.runCollect(volume.send(to, { from }))
            const byteCount = sent.reduce((sum, chunk) => sum + chunk.length, 0)
            assert.isAtMost(byteCount, SEND_BYTES_MAX, to)
          })
        )
      }
      yield* session((volume) =>
        Effect.gen(function* () {
          assert.isBelow(yield* settledFree(volume), freeBefore)
          const random = new Random(7)
          const left = (yield* volume.snapshots.list).map(({ name }) => name)
          assert.lengthOf(left, SNAPSHOTS)
          while (left.length > 0) yield* volume.snapshots.remove(left.splice(random.below(left.length), 1)[0])
          assert.strictEqual(yield* settledFree(volume), freeBefore)
          assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
        })
      )
    })
  )
})
