/**
 * A thousand snapshots of a tree of 100,000 files, between any two of which one file was changed: what they cost while they are
 * taken, when neighbours are compared and sent, and that nothing is left of them when they are gone.
 */
import { join } from "node:path"
import { Effect, FileSystem, Layer, Stream } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import { Random } from "../../src/testing/Random.ts"
import { open } from "./Opening.ts"
import type { Options, Row } from "./Row.ts"

const FILES = 100_000
const FILES_OF_FOLDER = 1000
/** Neighbours that are compared, and snapshots whose taking is measured at either end. */
const SAMPLE = 50
const content = new Uint8Array(100).fill(65)

const pathOf = (file: number): string => `/d${Math.floor(file / FILES_OF_FOLDER)}/f${file}`
const nameOf = (snapshot: number): string => `s${snapshot}`

const fill = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  yield* volume.transaction(
    Effect.gen(function* () {
      for (let file = 0; file < FILES; file++) {
        if (file % FILES_OF_FOLDER === 0) yield* fs.makeDirectory(`/d${file / FILES_OF_FOLDER}`)
        yield* fs.writeFile(pathOf(file), content)
      }
    })
  )
})

/** What is free once nothing older is retained: a change that changes nothing goes before. */
const settledFree = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  for (let round = 0; round < 2; round++) yield* fs.writeFile(pathOf(0), content)
  const { free, pageBytes } = yield* volume.statistics
  return free / pageBytes
})

/** Pages that the free map has at most. It belongs to no snapshot, and what is written of it stays. */
const freeMapPages = ({ facts: { layout }, statistics }: Volume.Interface): Effect.Effect<number> =>
  Effect.map(statistics, ({ size }) => Math.ceil(size / layout.pageBytes / layout.mapLeafPages) + 1)

interface Taking {
  readonly ms: number
  readonly pages: number
}

/** Changes a file and takes a snapshot, again and again; answers what the taking has cost. */
const take = Effect.fnUntraced(function* (count: number) {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  const takings: Array<Taking> = []
  for (let snapshot = 0; snapshot < count; snapshot++) {
    yield* fs.writeFile(
      pathOf((snapshot * 7919) % FILES),
      content.map((byte) => byte + 1 + (snapshot % 25))
    )
    const before = yield* volume.statistics
    const start = performance.now()
    yield* volume.snapshots.create(nameOf(snapshot))
    const ms = performance.now() - start
    const after = yield* volume.statistics
    takings.push({ ms, pages: after.pagesWritten - before.pagesWritten })
  }
  return takings
})

/** Pages that a comparison of a snapshot with the next one reads, and bytes that sending it takes; nothing is in memory. */
const compare = Effect.fnUntraced(function* (snapshot: number) {
  const volume = yield* Volume.Volume
  const [from, to] = [nameOf(snapshot), nameOf(snapshot + 1)]
  const before = yield* volume.statistics
  const changes = yield* Stream.runCollect(volume.diff(from, to))
  const after = yield* volume.statistics
  if (changes.length !== 1) throw new Error(`${changes.length} changes between ${from} and ${to}`)
  const bytes = yield* Stream.runFold(
    volume.send(to, { from }),
    () => 0,
    (sum, chunk) => sum + chunk.length
  )
  return { pages: after.pagesRead - before.pagesRead, bytes }
})

const removeAll = Effect.fnUntraced(function* (count: number) {
  const { snapshots } = yield* Volume.Volume
  const random = new Random(1)
  const left = Array.from({ length: count }, (_, snapshot) => nameOf(snapshot))
  while (left.length > 0) yield* snapshots.remove(left.splice(random.below(left.length), 1)[0])
})

export const run = async (folder: string, { snapshots: count }: Options): Promise<ReadonlyArray<Row>> => {
  const path = join(folder, "snapshots.img")
  const device = FileDevice.layer({ path, size: 256 * 1024 * 1024 + 128 * 1024 * count })
  const inVolume = <A>(program: Effect.Effect<A, unknown, FileSystem.FileSystem | Volume.Volume>): Promise<A> => {
    const layer = VolumeFileSystem.layer.pipe(Layer.provideMerge(Volume.layer()), Layer.provide(device), Layer.fresh)
    return Effect.runPromise(Effect.provide(program, layer))
  }
  await inVolume(fill)
  const openedWithout = await open(path)
  const freeBefore = await inVolume(settledFree)
  const takings = await inVolume(take(count))
  const openedWith = await open(path)
  const compared: Array<{ readonly pages: number; readonly bytes: number }> = []
  for (let i = 0; i < SAMPLE; i++) compared.push(await inVolume(compare(Math.floor((i * (count - 2)) / (SAMPLE - 1)))))
  const start = performance.now()
  await inVolume(removeAll(count))
  const removal = (performance.now() - start) / count
  const freeAfter = await inVolume(settledFree)
  const mapPages = await inVolume(Effect.flatMap(Volume.Volume, freeMapPages))
  const report = await inVolume(Effect.flatMap(Volume.Volume, (volume) => volume.check({ deep: true })))
  const [first, last] = [takings.slice(0, SAMPLE), takings.slice(-SAMPLE)]
  // The best of some, since the machine is not alone.
  const [firstMs, lastMs] = [Math.min(...first.map(({ ms }) => ms)), Math.min(...last.map(({ ms }) => ms))]
  const many = `${count.toLocaleString("en-US")} snapshots of 100,000 files`
  return [
    {
      row: `${many}, taking one of the last / of the first`,
      value: lastMs / firstMs,
      unit: "ratio",
      ours: lastMs,
      baseline: firstMs
    },
    {
      row: "the same, most pages written for one of the first",
      value: Math.max(...first.map(({ pages }) => pages)),
      unit: "pages"
    },
    {
      row: "the same, most pages written for one of the last",
      value: Math.max(...last.map(({ pages }) => pages)),
      unit: "pages"
    },
    { row: "the same, open", value: openedWith, unit: "ms", bound: 100 },
    {
      row: "the same, open / without them",
      value: openedWith / openedWithout,
      unit: "ratio",
      ours: openedWith,
      baseline: openedWithout
    },
    {
      row: "the same, diff of neighbours, most pages read",
      value: Math.max(...compared.map(({ pages }) => pages)),
      unit: "pages",
      bound: 100
    },
    {
      row: "the same, send between neighbours, longest",
      value: Math.max(...compared.map(({ bytes }) => bytes)) / 1024,
      unit: "KiB",
      bound: 200
    },
    { row: "the same, removing one, in random order", value: removal, unit: "ms" },
    {
      row: "the same, pages that are not free again when all are gone",
      value: Math.abs(freeBefore - freeAfter),
      unit: "pages",
      bound: mapPages,
      note: "of the free map, of which a page is written when the first change in it no longer fits the root"
    },
    {
      row: "the same, problems that a deep check finds then",
      value: report.problems.length,
      unit: "problems",
      bound: 0
    }
  ]
}
