/**
 * Runs a group of rows, round after round, and makes one result of each row.
 *
 * - Before the first round everybody does a little of the work, and that does not count: these are services that have been running for a
 *   while, and what is compiled at first is for nobody.
 * - The contestants take turns within a round, and each round begins with another one.
 * - A ratio is to the base of its own round; the figure is the median of the rounds.
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Contestant, Name } from "./contest/Contestant.ts"
import { type Group, median, type Round, type Row, type Sample } from "./rows/Row.ts"
import * as Scale from "./Scale.ts"
import * as Scratch from "./Scratch.ts"

/** What a row came to for one contestant. */
export interface Figure {
  readonly contestant: Name
  /** In the unit of the row. */
  readonly value: number
  /** Of all rounds. */
  readonly all: ReadonlyArray<number>
  /** Milliseconds, of a ratio. */
  readonly ms?: number
  readonly note?: string
}

export interface Result {
  readonly row: Row
  readonly figures: ReadonlyArray<Figure>
}

export interface Options {
  readonly scale: Scale.Scale
  readonly rounds: number
  /** Where everything stands while it is measured. */
  readonly folder: string
  readonly contestants: ReadonlyArray<Contestant>
  readonly wants: (row: string) => boolean
  readonly unable: (what: string, error: unknown) => void
}

/** Work on more than this is done while the system has memory at hand; see `Scratch`. */
const PRIME_BYTES = 100 * 1024 * 1024

const forEach =
  (options: Options, folder: string, round: number): Round["forEach"] =>
  async (takesPart, byteCount, measure) => {
    const some = options.contestants.filter(takesPart)
    const first = round % Math.max(1, some.length)
    const samples: Array<Sample> = []
    for (const contestant of [...some.slice(first), ...some.slice(0, first)]) {
      const own = join(folder, contestant.name)
      mkdirSync(own, { recursive: true })
      if (byteCount > PRIME_BYTES) Scratch.prime(folder)
      Scratch.settle()
      try {
        samples.push(...(await measure(contestant, { folder: own, byteCount })))
      } catch (error) {
        options.unable(contestant.name, error)
      }
      rmSync(own, { recursive: true, force: true })
    }
    return samples
  }

const figureOf = (row: Row, contestant: Name, rounds: ReadonlyArray<ReadonlyArray<Sample>>): Figure | undefined => {
  const ms: Array<number> = []
  const all: Array<number> = []
  let note: string | undefined
  for (const samples of rounds) {
    const find = (name: Name) => samples.find((sample) => sample.row === row.id && sample.contestant === name)
    const found = find(contestant)
    const base = row.base === undefined ? undefined : find(row.base)
    if (found === undefined || (row.base !== undefined && base === undefined)) continue
    note = found.note
    ms.push(found.value)
    all.push(base === undefined ? found.value : found.value / base.value)
  }
  if (all.length === 0) return undefined
  return {
    contestant,
    value: median(all),
    all,
    ...(row.base === undefined ? {} : { ms: median(ms) }),
    ...(note === undefined ? {} : { note })
  }
}

/** All rounds of a group, and one at a small scale before them. */
export const run = async (group: Group, options: Options): Promise<ReadonlyArray<Result>> => {
  if (group.isApart !== true && options.scale.name === "full")
    await runRounds(group, { ...options, scale: Scale.before, rounds: 1 })
  const rounds = await runRounds(group, options)
  return group.rows
    .filter(({ id }) => options.wants(id))
    .map((row) => ({
      row,
      figures: options.contestants.flatMap(({ name }) => figureOf(row, name, rounds) ?? [])
    }))
}

/** The samples of each round. */
const runRounds = async (group: Group, options: Options): Promise<ReadonlyArray<ReadonlyArray<Sample>>> => {
  const keptFolder = join(options.folder, "kept")
  mkdirSync(keptFolder)
  const rounds: Array<ReadonlyArray<Sample>> = []
  for (let round = 0; round < options.rounds; round++) {
    const folder = join(options.folder, "round")
    mkdirSync(folder)
    const { scale, wants } = options
    rounds.push(await group.run({ scale, folder, keptFolder, wants, forEach: forEach(options, folder, round) }))
    rmSync(folder, { recursive: true, force: true })
  }
  rmSync(keptFolder, { recursive: true, force: true })
  return rounds
}
