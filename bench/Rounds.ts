/**
 * Runs a group of rows, round after round, and makes one result of each row.
 *
 * - Everybody has a process of its own for a group, so that nobody runs in code that was compiled for others, or waits for the
 *   collector of what others have left.
 * - Before the first round everybody does a little of the work, and that does not count: these are services that have been running for a
 *   while, and what is compiled at first is for nobody.
 * - The contestants take turns within a round, and each round begins with another one.
 * - A ratio is to the base of its own round; the figure is the median of the rounds.
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Contestant, Name } from "./contest/Contestant.ts"
import * as Player from "./Player.ts"
import { type Group, median, type Row, type Sample } from "./rows/Row.ts"
import * as Scale from "./Scale.ts"

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
  const { contestants, scale, wants } = options
  const wanted = group.rows.filter(({ id }) => wants(id))
  const ids = wanted.map(({ id }) => id)
  const players = await Promise.all(contestants.map(({ name }) => Player.open(group, name, ids)))
  try {
    if (group.isApart !== true && scale.name === "full")
      await runRounds(players, { ...options, scale: Scale.before, rounds: 1 })
    const rounds = await runRounds(players, options)
    return wanted.map((row) => ({
      row,
      figures: contestants.flatMap(({ name }) => figureOf(row, name, rounds) ?? [])
    }))
  } finally {
    for (const player of players) player.close()
  }
}

/** The samples of each round. */
const runRounds = async (
  players: ReadonlyArray<Player.Player>,
  { folder, rounds: count, scale, unable }: Options
): Promise<ReadonlyArray<ReadonlyArray<Sample>>> => {
  const keptFolder = join(folder, "kept")
  mkdirSync(keptFolder)
  const rounds: Array<ReadonlyArray<Sample>> = []
  let playing = players
  for (let round = 0; round < count; round++) {
    const first = round % Math.max(1, playing.length)
    const samples: Array<Sample> = []
    const left: Array<Player.Player> = []
    for (const player of [...playing.slice(first), ...playing.slice(0, first)]) {
      const own = join(folder, "round")
      mkdirSync(own)
      const { faults, samples: more } = await player.turn({ scale, folder: own, keptFolder })
      for (const fault of faults) unable(player.name, fault)
      samples.push(...more)
      rmSync(own, { recursive: true, force: true })
      if (more.length > 0 || faults.length > 0) left.push(player)
    }
    // Who takes no part is not asked again, and the others keep their order.
    playing = playing.filter((player) => left.includes(player))
    rounds.push(samples)
  }
  rmSync(keptFolder, { recursive: true, force: true })
  return rounds
}
