/**
 * A process of its own: `writer IMAGE SECONDS` or `reader IMAGE SECONDS CACHE_BYTES`. Prints what it has seen as JSON.
 *
 * The writer writes all files anew in each transaction, so that each commit releases the pages of the one before. The reader
 * reads all of them in one view, slowly, and judges every byte.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Files from "../../src/shell/Files.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { noise } from "../cli/HostFolder.ts"

const FILES = 6

/** A page, several pages, several runs, and a few bytes in the inode. */
const sizeOf = (file: number): number => [100, 4096, 30_000, 200_000, 9000, 66_000][file]

/** The content says by itself what it must be. */
const contentOf = (file: number, round: number): Buffer => {
  const bytes = noise(sizeOf(file), round * FILES + file + 1)
  bytes.writeUInt32LE(round, 0)
  return bytes
}

const [role, path, seconds, cacheBytes] = process.argv.slice(2)
const end = performance.now() + Number(seconds) * 1000

const write = Effect.gen(function* () {
  const volume = yield* Volume.Volume
  let round = 0
  for (; performance.now() < end; round++) {
    const files = Effect.gen(function* () {
      for (let file = 0; file < FILES; file++) yield* Files.writeFile(volume, `/file${file}`, contentOf(file, round))
    })
    yield* volume.transaction(files)
    if (round === 0) console.log("ready")
  }
  return { role, rounds: round }
}).pipe(Effect.provide(Layer.provide(Volume.layer({ format: "never" }), FileDevice.layer({ path }))))

const read = Effect.gen(function* () {
  const volume = yield* Volume.Volume
  const seen = { role, views: 0, expired: 0, refreshed: 0, checks: 0, checksExpired: 0, rounds: new Set<number>() }
  let last = -1
  /** Reads everything in one view, with a pause between files every other time. */
  const look = (pause: number) =>
    volume.view(
      Effect.gen(function* () {
        let round: number | undefined
        for (let file = 0; file < FILES; file++) {
          const bytes = Buffer.from(yield* Files.readFile(volume, `/file${file}`))
          round ??= bytes.readUInt32LE(0)
          if (!bytes.equals(contentOf(file, round))) throw new Error(`/file${file} is not that of round ${round}`)
          if (pause > 0) yield* Effect.sleep(pause)
        }
        return round ?? 0
      })
    )
  for (let i = 0; performance.now() < end; i++) {
    if (yield* volume.refresh) seen.refreshed++
    const outcome = yield* Effect.result(look(i % 2 === 0 ? 0 : 10))
    if (Result.isSuccess(outcome)) {
      if (outcome.success < last) throw new Error(`went back from round ${last} to ${outcome.success}`)
      last = outcome.success
      seen.views++
      seen.rounds.add(last)
    } else if (outcome.failure.reason._tag === "ViewExpired") seen.expired++
    else throw outcome.failure
    if (i % 10 !== 0) continue
    const checked = yield* Effect.result(volume.check({ deep: true }))
    if (Result.isSuccess(checked)) {
      if (checked.success.problemCount > 0) throw new Error(JSON.stringify(checked.success.problems[0]))
      seen.checks++
    } else if (checked.failure.reason._tag === "ViewExpired") seen.checksExpired++
    else throw checked.failure
  }
  return { ...seen, rounds: seen.rounds.size }
}).pipe(
  Effect.provide(
    Layer.provide(Volume.layerReadOnly({ cacheBytes: Number(cacheBytes) }), FileDevice.layer({ path, readOnly: true }))
  )
)

const program: Effect.Effect<unknown, unknown> = role === "writer" ? write : read
const outcome = await Effect.runPromise(Effect.result(program))
if (Result.isSuccess(outcome)) console.log(JSON.stringify(outcome.success))
else {
  const { failure } = outcome
  const reason = typeof failure === "object" && failure !== null && "reason" in failure ? failure.reason : failure
  console.log(JSON.stringify({ role, failed: reason, message: String(failure) }))
  process.exitCode = 1
}
