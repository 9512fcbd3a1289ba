/**
 * A row of the table: one figure of every contestant. Rows that are measured on the same store make a group.
 *
 * A ratio is that of times, to the base within the same round; lower is better, but for what is marked.
 */
import type { Contestant, Name, Place } from "../contest/Contestant.ts"
import type { Scale } from "../Scale.ts"

export interface Row {
  readonly id: string
  readonly title: string
  /** Of the figure; a sample of a ratio is in milliseconds. */
  readonly unit: "ratio" | "kB" | "MiB" | "ms" | "flips"
  /** Whose time a ratio is to. */
  readonly base?: Name
  /** What ours must reach, and what it aims at. */
  readonly reach: number
  readonly aim: number
  /** Whether more is better. */
  readonly isMore?: boolean
}

export interface Sample {
  readonly row: string
  readonly contestant: Name
  readonly value: number
  readonly note?: string | undefined
}

/** One of the rounds of a group, as one contestant takes part in it. */
export interface Round {
  readonly scale: Scale
  /** For all rounds and all contestants of the group. */
  readonly keptFolder: string
  /** Whether a row of the group was asked for. */
  readonly wants: (row: string) => boolean
  /**
   * Runs `measure` for the contestant if it takes part, in a folder of its own, which is removed afterwards. Who fails is named, and the
   * others go on.
   */
  readonly forContestant: (
    takesPart: (contestant: Contestant) => boolean,
    byteCount: number,
    measure: (contestant: Contestant, place: Place) => Promise<ReadonlyArray<Sample>>
  ) => Promise<ReadonlyArray<Sample>>
}

export interface Group {
  readonly rows: ReadonlyArray<Row>
  /** Whether each piece of work is done in a process of its own: then nothing is gained by doing it before. */
  readonly isApart?: boolean
  readonly run: (round: Round) => Promise<ReadonlyArray<Sample>>
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/** Milliseconds until it is done. */
export const time = async (f: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await f()
  return performance.now() - start
}

/** Says that work was not done as a row asks for it: its time would be no figure. */
export const expect = (what: string, found: number, wanted: number): void => {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`)
}
