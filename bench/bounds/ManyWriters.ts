/** 64 writers at a time, each of which waits until its change is durable, against one: they share syncs. */
import { join } from "node:path"
import { Effect, FileSystem, Layer } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import type { Row } from "./Row.ts"

const WRITERS = 64
const CHANGES = 64
const CHANGES_ALONE = 512
const content = new Uint8Array(100).fill(65)

/** So many writers, each of which changes its own file again and again: milliseconds and syncs per change. */
const write = Effect.fnUntraced(function* (writers: number, changes: number) {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  const writer = Effect.fnUntraced(function* (number: number) {
    for (let change = 0; change < changes; change++) {
      yield* fs.writeFile(
        `/f${number}`,
        content.map((byte) => byte + (change % 26))
      )
    }
  })
  const before = yield* volume.statistics
  const start = performance.now()
  yield* Effect.forEach(Array.from({ length: writers }).keys(), writer, { concurrency: "unbounded" })
  const ms = performance.now() - start
  const after = yield* volume.statistics
  const transactions = after.transactions - before.transactions
  return { ms: ms / transactions, syncs: (after.syncs - before.syncs) / transactions }
})

const program = Effect.gen(function* () {
  // What is compiled and what the volume allocates at first is for neither.
  yield* write(WRITERS, 4)
  return { baseline: yield* write(1, CHANGES_ALONE), ours: yield* write(WRITERS, CHANGES) }
})

const perSecond = (ms: number): string => `${Math.round(1000 / ms)} a second`

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const layer = VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(FileDevice.layer({ path: join(folder, "writers.img"), size: 256 * 1024 * 1024 }))
  )
  const { baseline, ours } = await Effect.runPromise(Effect.provide(program, layer))
  return [
    {
      row: "durable change, 64 writers / one writer",
      value: ours.ms / baseline.ms,
      unit: "ratio",
      bound: 1 / 10,
      ours: ours.ms,
      baseline: baseline.ms,
      note: `${perSecond(ours.ms)}, one writer ${perSecond(baseline.ms)}`
    },
    { row: "the same, syncs for a change", value: ours.syncs, unit: "syncs", bound: 1 / 8, baseline: baseline.syncs }
  ]
}
