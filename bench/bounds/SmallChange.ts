/** A durable change of 100 bytes among 100,000 files: pages written, syncs, time against a raw write and datasync. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { Effect, FileSystem, Layer } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import { median, type Row } from "./Row.ts"

const FILES = 100_000
const CHANGES = 200
const content = new Uint8Array(100).fill(65)

/** Raw: 100 bytes and a datasync, into a file that grows. */
const raw = (path: string): number => {
  const file = openSync(path, "w")
  const times: Array<number> = []
  for (let change = 0; change < CHANGES; change++) {
    const start = performance.now()
    writeSync(file, content)
    fdatasyncSync(file)
    times.push(performance.now() - start)
  }
  closeSync(file)
  return median(times)
}

const ours = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  yield* volume.transaction(
    Effect.gen(function* () {
      for (let i = 0; i < FILES; i++) {
        if (i % 1000 === 0) yield* fs.makeDirectory(`/d${i / 1000}`)
        yield* fs.writeFile(`/d${Math.floor(i / 1000)}/f${i}`, content)
      }
    })
  )
  let pages = 0
  let syncs = 0
  const times: Array<number> = []
  for (let change = 0; change < CHANGES; change++) {
    const i = (change * 7919) % FILES
    const before = yield* volume.statistics
    const start = performance.now()
    yield* fs.writeFile(
      `/d${Math.floor(i / 1000)}/f${i}`,
      content.map((byte) => byte + (change % 26))
    )
    times.push(performance.now() - start)
    const after = yield* volume.statistics
    pages = Math.max(pages, after.pagesWritten - before.pagesWritten)
    syncs = Math.max(syncs, after.syncs - before.syncs)
  }
  return { pages, syncs, ms: median(times) }
})

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const layer = VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(FileDevice.layer({ path: join(folder, "put.img"), size: 256 * 1024 * 1024 }))
  )
  const baseline = raw(join(folder, "put.raw"))
  const { ms, pages, syncs } = await Effect.runPromise(Effect.provide(ours, layer))
  return [
    { row: "change of 100 bytes among 100,000 files, most pages", value: pages, unit: "pages", bound: 8 },
    { row: "the same, most syncs", value: syncs, unit: "syncs", bound: 1 },
    { row: "the same, median / raw write + datasync", value: ms / baseline, unit: "ratio", ours: ms, baseline }
  ]
}
