/** Opening a volume takes the same time whatever it holds. */
import { join } from "node:path"
import { Effect, FileSystem, Layer } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import type { Row } from "./Row.ts"

const FILES = 1000
const OPENINGS = 5

const layerOf = (path: string) =>
  VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(FileDevice.layer({ path, size: 1024 * 1024 * 1024 }))
  )

const fill = (files: number) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const volume = yield* Volume.Volume
    const content = new Uint8Array(20_000).fill(7)
    yield* volume.transaction(
      Effect.forEach(Array.from({ length: files }).keys(), (i) => fs.writeFile(`/f${i}`, content))
    )
  })

/** Milliseconds until the volume is open: the best of some, since the machine is not alone. */
export const open = async (path: string): Promise<number> => {
  let best = Infinity
  for (let opening = 0; opening < OPENINGS; opening++) {
    const start = performance.now()
    let ms = 0
    const opened = Effect.andThen(
      Volume.Volume,
      Effect.sync(() => {
        ms = performance.now() - start
      })
    )
    await Effect.runPromise(Effect.provide(opened, layerOf(path)))
    best = Math.min(best, ms)
  }
  return best
}

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const small = join(folder, "small.img")
  const large = join(folder, "large.img")
  await Effect.runPromise(Effect.provide(fill(FILES), layerOf(small)))
  await Effect.runPromise(Effect.provide(fill(10 * FILES), layerOf(large)))
  const baseline = await open(small)
  const ours = await open(large)
  return [
    { row: "open with 10,000 files, 200 MB", value: ours, unit: "ms", bound: 100 },
    { row: "open with ten times the content / with 1,000 files", value: ours / baseline, unit: "ratio", ours, baseline }
  ]
}
