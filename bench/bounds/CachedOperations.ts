/**
 * Operations of effect's `FileSystem` on what is in memory, against the same on plain maps (`contest/MapFileSystem`): what keeping,
 * verifying and undoing add.
 *
 * - The volume stands on a `MemoryDevice`, and its cache holds all of it. Reads read the durable root; the writes of a pass are in one
 *   transaction, which is opened before and committed after they are measured.
 * - The two take turns within a round, and each begins every other one. The figure is the median of the ratios of the rounds.
 */
import { Effect, FileSystem, Layer, type PlatformError } from "effect"
import { MemoryDevice, Volume, VolumeFileSystem } from "../../src/index.ts"
import * as MapFileSystem from "../contest/MapFileSystem.ts"
import { median, type Row } from "./Row.ts"

const ROUNDS = 12
const WARM_ROUNDS = 4
const BOUND = 2

/** Files of each size, the same number in every folder; large ones are fewer. */
const FILES = 500
const LARGE_FILES = 50
const FOLDERS = 10
const ENTRIES = 10

const SIZES = { small: 100, page: 4096, large: 65536 } as const
const CONTENTS = {
  small: new Uint8Array(SIZES.small).fill(65),
  page: new Uint8Array(SIZES.page).fill(66),
  large: new Uint8Array(SIZES.large).fill(67)
}

type Fs = FileSystem.FileSystem

interface Work {
  readonly name: string
  readonly isWriting: boolean
  /** Calls of one pass. */
  readonly count: number
  readonly call: (fs: Fs, i: number) => Effect.Effect<unknown, PlatformError.PlatformError>
}

const folderOf = (i: number): string => `/home/project${i % FOLDERS}`
const small = (i: number): string => `${folderOf(i)}/small${i % FILES}`
const page = (i: number): string => `${folderOf(i)}/page${i % FILES}`
const large = (i: number): string => `${folderOf(i)}/large${i % LARGE_FILES}`
const made = (what: string, i: number): string => `${folderOf(i)}/${what}${i}`

const reading = (name: string, call: Work["call"], count = 2000): Work => ({ name, isWriting: false, count, call })
const writing = (name: string, call: Work["call"], count = FILES): Work => ({ name, isWriting: true, count, call })

const openReadClose = Effect.fnUntraced(function* (fs: Fs, path: string, buffer: Uint8Array) {
  const file = yield* fs.open(path)
  return yield* file.read(buffer)
}, Effect.scoped)

const buffer = new Uint8Array(SIZES.page)

/** In this order: what a later one writes over, renames or removes, an earlier one has left, in every pass. */
export const works: ReadonlyArray<Work> = [
  reading("readFile 100 B", (fs, i) => fs.readFile(small(i))),
  reading("readFile 4 KiB", (fs, i) => fs.readFile(page(i))),
  reading("readFile 64 KiB", (fs, i) => fs.readFile(large(i)), 1000),
  reading("readFileString 100 B", (fs, i) => fs.readFileString(small(i))),
  reading("stat", (fs, i) => fs.stat(small(i))),
  reading("exists", (fs, i) => fs.exists(small(i))),
  reading("exists, missing", (fs, i) => fs.exists(`${folderOf(i)}/nothing${i % FILES}`)),
  reading("access", (fs, i) => fs.access(small(i))),
  reading("readDirectory, 10 entries", (fs, i) => fs.readDirectory(`/lists/ten${i % FOLDERS}`)),
  reading("open, read 4 KiB, close", (fs, i) => openReadClose(fs, page(i), buffer)),
  writing("writeFile 100 B", (fs, i) => fs.writeFile(small(i), CONTENTS.small)),
  writing("writeFile 4 KiB", (fs, i) => fs.writeFile(page(i), CONTENTS.page)),
  writing("writeFile 100 B, a new file", (fs, i) => fs.writeFile(made("new", i), CONTENTS.small)),
  writing("makeDirectory", (fs, i) => fs.makeDirectory(made("folder", i))),
  writing("rename", (fs, i) => fs.rename(made("new", i), made("renamed", i))),
  writing("copyFile 100 B", (fs, i) => fs.copyFile(small(i), made("copy", i))),
  writing("copyFile 4 KiB", (fs, i) => fs.copyFile(page(i), made("pageCopy", i))),
  writing("truncate 4 KiB to 1000 B", (fs, i) => fs.truncate(made("pageCopy", i), 1000)),
  writing("remove 100 B", (fs, i) => fs.remove(made("copy", i))),
  writing("remove 1000 B", (fs, i) => fs.remove(made("pageCopy", i)))
]

export const prepare = Effect.fnUntraced(function* (fs: Fs) {
  yield* fs.makeDirectory("/home")
  yield* fs.makeDirectory("/lists")
  for (let i = 0; i < FOLDERS; i++) {
    yield* fs.makeDirectory(folderOf(i))
    yield* fs.makeDirectory(`/lists/ten${i}`)
    for (let j = 0; j < ENTRIES; j++) yield* fs.writeFile(`/lists/ten${i}/entry${j}`, CONTENTS.small)
  }
  for (let i = 0; i < FILES; i++) {
    yield* fs.writeFile(small(i), CONTENTS.small)
    yield* fs.writeFile(page(i), CONTENTS.page)
  }
  for (let i = 0; i < LARGE_FILES; i++) yield* fs.writeFile(large(i), CONTENTS.large)
})

/** What a pass has made, and does not remove in what is measured. */
export const cleanUp = Effect.fnUntraced(function* (fs: Fs) {
  for (let i = 0; i < FILES; i++) {
    yield* fs.remove(made("renamed", i))
    yield* fs.remove(made("folder", i), { recursive: true })
  }
})

/** Microseconds of a call. */
const measure = Effect.fnUntraced(function* (fs: Fs, { call, count }: Work) {
  const start = performance.now()
  for (let i = 0; i < count; i++) yield* call(fs, i)
  return ((performance.now() - start) * 1000) / count
})

interface Sample {
  readonly ours: number
  readonly maps: number
}

const program = Effect.gen(function* () {
  const volume = yield* Volume.Volume
  const ours = yield* FileSystem.FileSystem
  const maps = MapFileSystem.make()
  yield* volume.transaction(prepare(ours))
  yield* prepare(maps)
  const samples = new Map<string, Array<Sample>>()
  /** One pass over some of the works: the two take turns. */
  const pass = Effect.fnUntraced(function* (round: number, some: ReadonlyArray<Work>) {
    for (const work of some) {
      const sample = { ours: 0, maps: 0 }
      const turns = [
        Effect.map(measure(ours, work), (us) => (sample.ours = us)),
        Effect.map(measure(maps, work), (us) => (sample.maps = us))
      ]
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) yield* turn
      if (round >= WARM_ROUNDS) samples.set(work.name, [...(samples.get(work.name) ?? []), sample])
    }
  })
  const reads = works.filter(({ isWriting }) => !isWriting)
  const writes = works.filter(({ isWriting }) => isWriting)
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    yield* pass(round, reads)
    yield* volume.transaction(Effect.andThen(pass(round, writes), cleanUp(ours)))
    yield* cleanUp(maps)
  }
  const { problems } = yield* volume.check()
  if (problems.length > 0) throw new Error(`the volume is not whole: ${problems.length} problems`)
  return samples
})

const rounded = (us: number): number => Math.round(us * 100) / 100

export const run = async (): Promise<ReadonlyArray<Row>> => {
  const layer = VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(MemoryDevice.layer({ size: 256 * 1024 * 1024 }))
  )
  const samples = await Effect.runPromise(Effect.provide(program, layer))
  return Array.from(samples, ([name, all]): Row => {
    const ours = rounded(median(all.map((sample) => sample.ours)))
    const maps = rounded(median(all.map((sample) => sample.maps)))
    const ratio = median(all.map((sample) => sample.ours / sample.maps))
    return {
      row: `${name}, cached / plain maps`,
      value: ratio,
      unit: "ratio",
      bound: BOUND,
      ours: ours / 1000,
      baseline: maps / 1000,
      note: `${ours} and ${maps} microseconds`
    }
  })
}
