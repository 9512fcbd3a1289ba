/**
 * Finds which changes of a hostile image it takes to break a promise, by leaving out one after another. What is left breaks
 * one too, if perhaps another one.
 */
import * as FuzzRun from "./FuzzRun.ts"

export interface Report {
  /** The changes by number, before and after. */
  readonly before: ReadonlyArray<number>
  readonly left: ReadonlyArray<number>
  /** Those that are left, in words. */
  readonly what: string
  readonly violations: ReadonlyArray<string>
  readonly replay: string
}

/** Nothing if the seed breaks no promise. */
export const shrink = async (run: FuzzRun.FuzzRun, seed: number): Promise<Report | undefined> => {
  const attempt = async (without: ReadonlySet<number>) => {
    const own = run.fork()
    const tried = await own.one(seed, without)
    const { count, list } = own.tried.violations
    return count === 0 ? undefined : { ...tried, violations: list }
  }
  let without: ReadonlySet<number> = new Set<number>()
  const first = await attempt(without)
  if (first === undefined) return undefined
  let last = first
  for (const number of first.numbers) {
    const candidate = new Set([...without, number])
    const found = await attempt(candidate)
    if (found === undefined) continue
    without = candidate
    last = found
  }
  const { numbers: left, violations, what } = last
  return { before: first.numbers, left, what, violations, replay: FuzzRun.replay(seed, without) }
}

export const command = (seed: number): string => `shrink: npm run torture -- --shrink T6 --seed ${seed}`
