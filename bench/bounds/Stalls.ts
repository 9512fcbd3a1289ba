/** How late a timer of 10 ms is while 1 GiB streams into a file, and out again: others wait so long for their turn. */
import { join } from "node:path"
import { Effect, FileSystem, Layer } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import * as Scratch from "../Scratch.ts"
import type { Row } from "./Row.ts"

const CALLS = 1024
const TIMER_MS = 10
const LATE_MS_MAX = 20
const chunk = new Uint8Array(1024 * 1024).fill(65)

const streamIn = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  yield* volume.transaction(
    Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open("/large", { flag: "w" })
        for (let call = 0; call < CALLS; call++) yield* file.writeAll(chunk)
      })
    )
  )
})

const streamOut = Effect.scoped(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open("/large")
    for (let call = 0; call < CALLS; call++) yield* file.read(chunk)
  })
)

/** By how many milliseconds each tick of a timer came too late while an effect ran. */
const lateness = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const late: Array<number> = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    late.push(Math.max(0, now - last - TIMER_MS))
    last = now
  }, TIMER_MS)
  yield* Effect.ensuring(
    effect,
    Effect.sync(() => clearInterval(timer))
  )
  return late
})

const percentile = (values: ReadonlyArray<number>, part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))]

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const layer = VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(FileDevice.layer({ path: join(folder, "stalls.img"), size: 1536 * 1024 * 1024 }))
  )
  Scratch.prime(folder)
  const both = Effect.gen(function* () {
    return { in: yield* lateness(streamIn), out: yield* lateness(streamOut) }
  })
  const late = await Effect.runPromise(Effect.provide(both, layer))
  return (["in", "out"] as const).map((direction) => ({
    row: `1 GiB ${direction}: how late a timer of 10 ms is, p99`,
    value: percentile(late[direction], 0.99),
    unit: "ms",
    bound: LATE_MS_MAX,
    note: `${late[direction].length} ticks, p50 ${percentile(late[direction], 0.5).toFixed(1)}, the latest ${Math.max(...late[direction]).toFixed(1)}`
  }))
}
