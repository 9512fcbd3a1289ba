/**
 * Shares the time among the tests that are asked for: two rounds at a time, a round of each test in turn.
 *
 * - Which rounds there are and in which order they begin depends on the seed only; how many, on the time.
 * - No round begins when the time is over, and those that have begun run to their end.
 * - A failure does not stop the others.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import * as path from "node:path"
import { Figures } from "./Figures.ts"
import * as Round from "./Round.ts"
import type { Test } from "./Table.ts"

export interface Options {
  readonly tests: ReadonlyArray<Test>
  readonly seed: number
  readonly millis: number
  /** Ends it early: the rounds that are running then count for nothing. */
  readonly signal?: AbortSignal | undefined
  /** For a line of progress, or what a failure says. */
  readonly say: (text: string) => void
}

/** All rounds in the order in which they begin. */
export function* roundsOf(tests: ReadonlyArray<Test>, seed: number): Generator<Round.Round> {
  let goingOn = tests
  for (let number = 0; goingOn.length > 0; number++) {
    goingOn = goingOn.filter(({ pieces }) => pieces === undefined || number < pieces)
    for (const test of goingOn) yield { test, number, job: test.job(number, seed) }
  }
}

/** The figures of each test, once the time is over. */
export const run = async ({ millis, say, seed, signal, tests }: Options): Promise<ReadonlyArray<Figures>> => {
  const folder = mkdtempSync(path.join(tmpdir(), "notafs-torture-"))
  const figures = new Map(tests.map((test) => [test, new Figures(test)]))
  const rounds = roundsOf(tests, seed)
  const end = performance.now() + millis

  const isEnded = (): boolean => signal?.aborted === true

  const work = async (): Promise<void> => {
    while (performance.now() < end && !isEnded()) {
      const { done, value: round } = rounds.next()
      if (done === true) return
      const result = await Round.run(round, folder)
      if (isEnded()) return
      figures.get(round.test)?.add(result)
      say(progress(result, (end - performance.now()) / 1000))
    }
  }
  signal?.addEventListener("abort", Round.stopAll)
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
  rmSync(folder, { recursive: true, force: true })
  return [...figures.values()]
}

const progress = (result: Round.Result, secondsLeft: number): string => {
  const { failures, round, seconds } = result
  const left = secondsLeft > 0 ? `${Math.round(secondsLeft)} s to go` : "the time is over"
  const line = `${Round.nameOf(round)}: ${Math.round(seconds)} s, ${failures.length === 0 ? "good" : "FAILED"}; ${left}`
  if (failures.length === 0) return line
  return [line, ...failures, `replay of the round: ${Round.commandOf(round.job)}`, ""].join("\n")
}
