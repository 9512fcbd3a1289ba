/**
 * How much the crash tests try. `npm test` stays within a few minutes on two cores; `CRASH_DEPTH=full` is the whole of it
 * for hours, and `CRASH_SEED` draws other samples.
 */
import { afterAll, assert } from "vitest"
import { CrashExplorer, type Figures } from "./CrashExplorer.ts"
import type { Start } from "./CrashStarts.ts"

export const isFull = process.env["CRASH_DEPTH"] === "full"
export const seed = Number(process.env["CRASH_SEED"] ?? 1)

/** All of old, written, torn and garbage for up to so many sectors; 10 in full. */
const FULL_SECTORS = isFull ? 10 : 6
/** Beyond: all of old and written for up to so many, each also with one torn and one of garbage. */
const SUBSET_SECTORS = isFull ? 12 : 9
/** Starting states whose images are dear are tried with fewer. */
const DEAR_SECTORS_LESS = 1

export const imagesOf = (start: Start, lengthOfSequence: number) => {
  const fewer = (start.isDear ? DEAR_SECTORS_LESS : 0) + (lengthOfSequence > 1 ? 3 : 0)
  return {
    fullMax: 4 ** (FULL_SECTORS - fewer),
    subsetsMax: 3 * 2 ** (SUBSET_SECTORS - fewer),
    sampleCount: isFull ? 1024 : 128,
    seed
  }
}

/** Sequences of two and of three operations for each starting state. */
export const pairCount = isFull ? 4000 : 40
export const tripleCount = isFull ? 4000 : 25

/** A second crash: how many images of each cut are gone on with, and which operations are cut so. */
export const imagesPerCut = isFull ? 24 : 1
export const isCutTwice = (start: Start, index: number): boolean => {
  const share = start.isDear ? 8 : 2
  return isFull || index % share === seed % share
}

export const timeout = isFull ? 24 * 3_600_000 : 300_000

/** Adds up what the explorers of one file have tried, and prints it as one line of JSON. */
export class Tally {
  readonly #test: string
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

  constructor(test: string) {
    this.#test = test
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
    const [first] = explorer.violations
    if (first === undefined) return
    const replay = `CRASH_SEED=${seed}${isFull ? " CRASH_DEPTH=full" : ""} CRASH_ONLY='${first.sequence}'`
    assert.fail(`${explorer.violations.length} violations; ${replay} shows the first: ${first.replay}: ${first.reason}`)
  }
}
