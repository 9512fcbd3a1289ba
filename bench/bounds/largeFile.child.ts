/**
 * Moves 1 GiB in calls of 1 MiB: `in|out|cold plain|notafs PATH`. Prints its time and its peak memory. With `out` all is
 * read once before, and that is not measured: it has the file in the cache of the system and the code compiled.
 */
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from "node:fs"
import { Effect, FileSystem, Layer } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import * as Child from "./Child.ts"
import { time } from "./Row.ts"

const [direction, contestant, path] = process.argv.slice(2)
const CALLS = 1024
const chunk = new Uint8Array(1024 * 1024)
for (let i = 0; i < chunk.length; i++) chunk[i] = (i * 31) ^ (i >> 8)

const plainIn = (): void => {
  const file = openSync(path, "w")
  for (let call = 0; call < CALLS; call++) writeSync(file, chunk)
  fdatasyncSync(file)
  closeSync(file)
}

const plainOut = (): void => {
  const file = openSync(path, "r")
  for (let call = 0; call < CALLS; call++) readSync(file, chunk)
  closeSync(file)
}

const notafsIn = Effect.gen(function* () {
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

const notafsOut = Effect.scoped(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open("/large")
    for (let call = 0; call < CALLS; call++) yield* file.read(chunk)
  })
)

const inVolume = async (
  program: Effect.Effect<void, unknown, FileSystem.FileSystem | Volume.Volume>
): Promise<void> => {
  const layer = VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(FileDevice.layer({ path, size: 1536 * 1024 * 1024 }))
  )
  let ms = 0
  await Effect.runPromise(
    Effect.provide(
      Effect.gen(function* () {
        if (direction === "out") yield* program
        const start = performance.now()
        yield* program
        ms = performance.now() - start
      }),
      layer
    )
  )
  Child.report(ms)
}

if (contestant === "notafs") await inVolume(direction === "in" ? notafsIn : notafsOut)
else {
  if (direction === "out") plainOut()
  Child.report(await time(direction === "in" ? plainIn : plainOut))
}
