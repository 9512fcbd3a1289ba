/**
 * How much the crash tests try. `npm test` stays within a few minutes on two cores; NOTAFS_DEPTH=1 to 4 tries more, and all of
 * it takes hours; NOTAFS_SEED draws other samples.
 */
import { appendFileSync } from "node:fs"
import { afterAll, assert } from "vitest"
import * as Scale from "../torture/Scale.ts"
import { CrashExplorer, type Figures } from "./CrashExplorer.ts"
import * as CrashStarts from "./CrashStarts.ts"

type Start = CrashStarts.Start

const { depth } = Scale
export const seed = Scale.seed(1)

/** All of old, written, torn and garbage for up to so many sectors; 10 in full. */
const FULL_SECTORS = 6 + depth
/** Beyond: all of old and written for up to so many, each also with one torn and one of garbage. */
const SUBSET_SECTORS = Math.min(12, 9 + depth)
/** Starting states whose images are dear are tried with fewer. */
const DEAR_SECTORS_LESS = 1

export const imagesOf = (start: Start, lengthOfSequence: number) => {
  const fewer = (start.isDear ? DEAR_SECTORS_LESS : 0) + (lengthOfSequence > 1 ? 3 : 0)
  return {
    fullMax: 4 ** (FULL_SECTORS - fewer),
    subsetsMax: 3 * 2 ** (SUBSET_SECTORS - fewer),
    sampleCount: Math.min(1024, 128 * 2 ** depth),
    seed
  }
}

/** The starting states that are tried: each with its name, and its place among all. */
export const starts = (): ReadonlyArray<readonly [name: string, make: () => Start, place: number]> =>
  Object.entries(CrashStarts.all)
    .map(([name, make], place) => [name, make, place] as const)
    .filter(([, , place]) => Scale.isInPiece(place))

/** Sequences of two and of three operations for each starting state. */
export const pairCount = [32, 160, 400, 1200, 4000][depth]
export const tripleCount = [20, 160, 400, 1200, 4000][depth]

/** A second crash: how many images of each cut are gone on with, and which operations are cut so. */
export const imagesPerCut = [1, 1, 4, 12, 24][depth]
export const isCutTwice = (start: Start, index: number): boolean => {
  const share = start.isDear ? 8 : 3
  return depth > 1 || index % share === seed % share
}

export const timeout = depth > 0 ? 24 * 3_600_000 : 300_000

/** Adds up what the explorers of one file have tried, and prints it as one line of JSON. */
export class Tally {
  readonly #test: string
  readonly #file: string
  readonly #figures: Figures = {
    sequences: 0,
    cuts: 0,
    images: 0,
    distinct: 0,
    recoveries: 0,
    rejectedRoots: 0,
    violations: 0
  }
  readonly #outcomes: Record<string, number> = {}
  #seconds = 0
  #cpuSeconds = 0

  constructor(test: string, file: string) {
    this.#test = test
    this.#file = file
    afterAll(() => {
      const { images } = this.#figures
      const rates = {
        imagesPerSecond: Math.round(images / this.#seconds),
        // Of the thread's own time: what it would be on a machine with nothing else to do.
        imagesPerCpuSecond: Math.round(images / this.#cpuSeconds),
        cpuSeconds: Math.round(this.#cpuSeconds)
      }
      console.log(JSON.stringify({ test: this.#test, seed, ...this.#figures, ...rates, outcomes: this.#outcomes }))
    })
  }

  /** Explores from a start; what is found wrong fails the test, with what leads there again. */
  explore(start: Start, f: (explorer: CrashExplorer) => void): void {
    const begin = performance.now()
    const cpu = process.threadCpuUsage()
    const explorer = new CrashExplorer(start, seed)
    f(explorer)
    this.#seconds += (performance.now() - begin) / 1000
    const { system, user } = process.threadCpuUsage(cpu)
    this.#cpuSeconds += (system + user) / 1e6
    for (const key of Object.keys(this.#figures) as Array<keyof Figures>) this.#figures[key] += explorer.figures[key]
    for (const [outcome, count] of Object.entries(explorer.outcomes)) {
      this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + count
    }
    if (Scale.imagesFile !== undefined) {
      appendFileSync(Scale.imagesFile, new Uint8Array(Float64Array.from(explorer.fingerprints).buffer))
    }
    const [first] = explorer.violations
    if (first === undefined) return
    const scale = `NOTAFS_SEED=${seed} ${Scale.depthText}NOTAFS_ONLY='${first.sequence}'`
    assert.fail(
      `${explorer.violations.length} violations; the first: ${first.replay}: ${first.reason}\n` +
        `replay: ${scale} npx vitest run ${this.#file}`
    )
  }
}
