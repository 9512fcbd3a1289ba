/**
 * The run of the fuzz: an image is changed and all its checksums are made anew; then it is opened for reading and for
 * writing, listed, read, checked, written and closed. Whatever it says: a result or a typed error, within the device, in
 * bounded time, memory and calls.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Extent from "../../src/core/Extent.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Files from "../../src/shell/Files.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { sha256, xxh64 } from "../core/CheckVolume.ts"
import { makeGolden, recipes } from "../format/goldenRecipes.ts"
import * as Scale from "../torture/Scale.ts"
import { ArrayDisk, SECTOR_BYTES } from "./ArrayDisk.ts"
import { Histogram, runFixed, type Service, Violations, withVolume } from "./FaultVolume.ts"
import { failureOf, makeSubject } from "./FlipSubject.ts"
import { Base, mutate } from "./Hostile.ts"

/** Calls of the device for everything that is done with one image. */
const CALLS_MAX = 3000
/** What an opening reads: superblock copies, slots, and at most twice what one barrier allows, a batch over it. */
const OPENING_BYTES_MAX = 4 * 1024 * 1024
const READ_BYTES_MAX = 20_000
const PATHS_MAX = 5
const TABLES_MAX = 4
const MILLIS_MAX = 10_000
const STUCK_MILLIS = 20_000
const FAILED_MAX = 20

const bases = async (): Promise<ReadonlyArray<Base>> => {
  const checksums = [xxh64, sha256]
  const golden = async (
    name: string,
    size: number,
    then: (volume: Service) => Effect.Effect<void, VolumeError> = () => Effect.void
  ) => {
    const recipe = recipes.find((one) => one.name === name)
    if (recipe === undefined) throw new Error(name)
    const write = (volume: Service) => Effect.andThen(recipe.write(volume), then(volume))
    return makeGolden({ ...recipe, end: "closed", format: { ...recipe.format, size }, write })
  }
  const closed = (await makeSubject(true)).image
  const cut = (await makeSubject(false)).image
  const large = [await golden("fragments-512-sha256", 512 * 1024), await golden("everything-512-sha256", 256 * 1024)]
  // For a snapshot a check may read a run twice.
  const tables = await golden("tables-512-xxh64", 256 * 1024, ({ snapshots }) => snapshots.remove("before"))
  const images = [closed, cut, closed, cut, closed, large[0], closed, cut, closed, cut, tables, large[1]]
  return images.map((image) => new Base(image, checksums))
}

/**
 * Checks an image that is open for reading only, where nothing else reads, and answers the pages that were read twice. Slots are
 * left out: where there are problems they are looked at again, whether a writer of another process has made them.
 */
const pagesReadTwice = Effect.fnUntraced(function* (image: Uint8Array, { pageBytes, superblock }: Base) {
  const disk = new ArrayDisk(image)
  const sectors = pageBytes / SECTOR_BYTES
  const reserved = RootSlots.reserved(superblock.slots)
  const checked = withVolume(disk.device, { readOnly: true, format: "never" }, (volume) => {
    disk.reset()
    return Effect.map(Effect.exit(volume.check({ deep: true })), () =>
      [...disk.visits.keys()]
        .filter((sector) => disk.visits[sector] > 1)
        .map((sector) => Math.floor(sector / sectors))
        .filter((page) => !Extent.has(reserved, page))
    )
  })
  const exit = yield* Effect.exit(checked)
  return Exit.isSuccess(exit) ? exit.value : []
})

/** Lists, reads, checks, writes and removes; every failure is noted. */
const exercise = Effect.fnUntraced(function* (
  volume: Service,
  seed: number,
  note: (name: string, exit: Exit.Exit<unknown, VolumeError>) => void
) {
  const attempt = <A>(name: string, effect: Effect.Effect<A, VolumeError>) =>
    Effect.map(Effect.exit(effect), (exit) => {
      note(name, exit)
      return Exit.isSuccess(exit) ? exit.value : undefined
    })
  const walked = (yield* attempt("list", Files.walk(volume, "/"))) ?? []
  const step = Math.max(1, Math.floor(walked.length / PATHS_MAX))
  const chosen = walked.filter((_, index) => index % step === seed % step).slice(0, PATHS_MAX)
  for (const { path, type } of chosen) {
    yield* attempt("stat", Files.lstat(volume, path))
    yield* attempt("attributes", Files.attributes(volume, path))
    if (type === "SymbolicLink") yield* attempt("readLink", Files.readLink(volume, path))
    else if (type === "File") yield* attempt("read", Files.readRange(volume, path, 0, READ_BYTES_MAX))
  }
  for (const path of ["/rope", "/folder/run"]) {
    yield* attempt("read", Files.readRange(volume, path, 0, READ_BYTES_MAX))
  }
  const listed = (yield* attempt("tables", volume.tables)) ?? []
  const tables = listed.map(({ name }) => volume.table(name)).slice(0, TABLES_MAX)
  for (const [index, table] of tables.entries()) {
    const range = { reverse: (seed + index) % 2 === 0 }
    yield* attempt("entries", Stream.runDrain(table.entries(range)))
    yield* attempt("get", table.get(new TextEncoder().encode("rope")))
  }
  yield* attempt("check", volume.check({ deep: true }))
  if (volume.facts.readOnly) return
  for (const [index, table] of tables.entries()) {
    const keys = (yield* attempt("keys", Stream.runCollect(Stream.take(table.keys(), 3)))) ?? []
    for (const key of keys) {
      yield* index % 2 === 0
        ? attempt("set", table.set(key, new Uint8Array(1000).fill(index)))
        : attempt("unset", table.remove(key))
    }
    if (index === seed % TABLES_MAX) yield* attempt("drop", table.drop)
  }
  yield* attempt("makeFolder", Files.makeFolder(volume, "/new"))
  yield* attempt("writeFile", Files.writeFile(volume, "/new/file", new Uint8Array(1500).fill(1)))
  const files = chosen.filter(({ type }) => type === "File").map(({ path }) => path)
  for (const [index, path] of files.entries()) {
    if (index === 0) yield* attempt("append", Files.append(volume, path, new Uint8Array(700).fill(2)))
    else if (index === 1) yield* attempt("write", Files.write(volume, path, 300, new Uint8Array(600).fill(3)))
    else if (index === 2) yield* attempt("truncate", Files.truncate(volume, path, 100))
    else if (index === 3) yield* attempt("rename", Files.rename(volume, path, "/new/renamed"))
    else if (index === 4) yield* attempt("unlink", Files.unlink(volume, path))
    else break
  }
  yield* attempt("removeTree", Files.removeTree(volume, "/folder"))
})

export interface Tried {
  readonly outcomes: Histogram
  readonly violations: Violations
  /** The first seeds with violations. */
  readonly failed: Array<number>
  callsMax: number
  openingBytesMax: number
  millisMax: number
}

const makeTried = (): Tried => ({
  outcomes: new Histogram(),
  violations: new Violations(),
  failed: [],
  callsMax: 0,
  openingBytesMax: 0,
  millisMax: 0
})

/** What was done to the image of a seed, in words and by number. */
export interface Case {
  readonly what: string
  readonly numbers: ReadonlyArray<number>
}

export const replay = (seed: number, without: ReadonlySet<number> = new Set()): string => {
  const less = without.size === 0 ? "" : ` NOTAFS_WITHOUT=${[...without].join()}`
  return `replay: NOTAFS_SEEDS==${seed}${less} npx vitest run test/faults/Fuzz.test.ts -t typed`
}

export class FuzzRun {
  readonly #bases: ReadonlyArray<Base>
  readonly tried: Tried = makeTried()
  #current = ""

  private constructor(all: ReadonlyArray<Base>) {
    this.#bases = all
  }

  static async make(): Promise<FuzzRun> {
    return new FuzzRun(await bases())
  }

  /** A run that has tried nothing yet. */
  fork(): FuzzRun {
    return new FuzzRun(this.#bases)
  }

  /** Tries the images of some seeds, each as if it were the only one. */
  async run({ count, first }: Scale.Seeds, without: ReadonlySet<number> = new Set()): Promise<void> {
    let last = ""
    let stuck: NodeJS.Timeout | undefined
    // Finds what waits for ever; what computes for ever is found by the test's own time limit, and by the trace.
    const watch = new Promise<void>((resolve) => {
      stuck = setInterval(() => {
        if (this.#current === last && this.#current !== "") {
          this.tried.violations.add(`${this.#current}: no end`)
          resolve()
        }
        last = this.#current
      }, STUCK_MILLIS)
    })
    const all = async (): Promise<void> => {
      for (let seed = first; seed < first + count; seed += 1) await this.one(seed, without)
    }
    await Promise.race([all(), watch])
    clearInterval(stuck)
  }

  /** Tries the image of a seed, or what is left of it. */
  one(seed: number, without: ReadonlySet<number>): Promise<Case> {
    return runFixed(this.#one(seed, without))
  }

  readonly #one = Effect.fnUntraced(
    { self: this },
    function* (this: FuzzRun, seed: number, without: ReadonlySet<number>) {
      const { tried } = this
      const { outcomes, violations } = tried
      const countBefore = violations.count
      const base = this.#bases[seed % this.#bases.length]
      const { image, numbers, what } = mutate(base, seed, without)
      Scale.trace(replay(seed, without))
      const name = `seed ${seed} (${what})`
      this.#current = name
      const twice = yield* pagesReadTwice(image, base)
      if (twice.length > 0) violations.add(`${name}: a check read twice: pages ${twice.join(", ")}`)
      const disk = new ArrayDisk(image)
      disk.callsMax = CALLS_MAX
      const begun = performance.now()
      const note = (action: string, exit: Exit.Exit<unknown, VolumeError>): void => {
        const failure = Exit.isFailure(exit) ? failureOf(exit) : undefined
        outcomes.add(typeof failure === "object" ? failure.reason._tag : failure === undefined ? "success" : "defect")
        if (typeof failure === "string") violations.add(`${name}: ${action}: ${failure}`)
      }
      // Every fifth image is opened for reading.
      const readOnly = seed % 5 === 0
      const exit = yield* Effect.exit(
        withVolume(disk.device, { readOnly, format: "never", cacheBytes: 64 * 1024 }, (volume) => {
          tried.openingBytesMax = Math.max(tried.openingBytesMax, disk.readBytes)
          if (disk.readBytes > OPENING_BYTES_MAX) violations.add(`${name}: opening read too much`)
          return exercise(volume, seed, note)
        })
      )
      note("open and close", exit)
      outcomes.add(Exit.isSuccess(exit) ? "opened" : "not opened")
      tried.callsMax = Math.max(tried.callsMax, disk.calls)
      const millis = performance.now() - begun
      tried.millisMax = Math.max(tried.millisMax, Math.round(millis))
      if (millis > MILLIS_MAX) violations.add(`${name}: ${Math.round(millis)} ms`)
      if (disk.outside > 0) violations.add(`${name}: read outside of the device`)
      if (violations.count > countBefore && tried.failed.length < FAILED_MAX) tried.failed.push(seed)
      return { what, numbers } satisfies Case
    }
  )
}
