/**
 * The test of the shrinker: of a broken rule a few events are left, which break it again by themselves. The list that a run notes
 * is the run.
 */
import { afterEach, assert, beforeAll, describe, it } from "vitest"
import { Draft } from "../../src/core/Draft.ts"
import * as Shrink from "../torture/Shrink.ts"
import { prepare } from "./CrashVolume.ts"
import { simulate } from "./SimulationRun.ts"
import * as SimulationShrink from "./SimulationShrink.ts"

beforeAll(() => prepare())

const { release, rollback } = Draft.prototype

afterEach(() => {
  Object.assign(Draft.prototype, { release, rollback })
})

/** A savepoint that is undone stays. */
const keepAll = (): void => {
  Draft.prototype.rollback = function (savepoint) {
    this.merge(savepoint)
  }
}

/** What dies is free, whatever snapshot sees it. */
const freeAll = (): void => {
  Draft.prototype.release = function (address, pageCount, birth) {
    this.changeCount++
    this.dead.push({ address, pageCount, birth, bookkeeping: true })
  }
}

describe("shrinking a list", () => {
  /** Fails as long as all of these are in it. */
  const shrinkTo = (needed: ReadonlyArray<number>, count: number) => {
    const list = Array.from({ length: count }, (_, i) => i)
    const attempt = (tried: ReadonlyArray<number>) => (needed.every((i) => tried.includes(i)) ? tried : undefined)
    return Shrink.shrink(list, { attempt, until: performance.now() + 10_000 })
  }

  it("leaves what it takes, and nothing else", () => {
    for (const needed of [[], [0], [99], [0, 99], [17, 18, 60], [3, 50, 51, 97, 98]]) {
      assert.deepStrictEqual(shrinkTo(needed, 100), { list: needed, isDone: true })
    }
  })

  it("says that the time was over", () => {
    const { isDone, list } = Shrink.shrink([1, 2, 3], { attempt: () => [], until: 0 })
    assert.deepStrictEqual([isDone, list], [false, [1, 2, 3]])
  })
})

describe("shrinking a seed of the simulation", { timeout: 60_000 }, () => {
  const cases: ReadonlyArray<
    readonly [rule: string, seed: number, breakRule: (() => void) | undefined, needs: RegExp]
  > = [
    ["acknowledging before the sync", 1, undefined, /transaction: done/],
    ["a rollback that keeps what was changed", 1, keepAll, /savepoint: (Abort|Died)/],
    ["what a snapshot sees is free when it dies", 0, freeAll, /take \S+: done/]
  ]
  for (const [rule, seed, breakRule, needs] of cases) {
    it(`leaves a few events: ${rule}`, () => {
      const syncsLate = breakRule === undefined
      breakRule?.()
      const options = { seed, operations: 300, syncsLate }
      const report = SimulationShrink.shrink(options, 5_000)
      if (report === undefined) return assert.fail("there is nothing to shrink")
      const { eventsBefore, found, told } = report
      assert.isAbove(eventsBefore, 50)
      assert.isAtMost(found.events.length, 12, told)
      assert.match(told, needs)
      const again = simulate({ ...options, ...found })
      assert.deepStrictEqual(again.violations, report.violations)
      assert.strictEqual(
        SimulationShrink.kindOf(again),
        SimulationShrink.kindOf(simulate(options)),
        "it is the same violation as that of the seed"
      )
      console.log(JSON.stringify({ test: "T4, shrunk", rule, from: eventsBefore, to: found.events.length }))
    })
  }

  it("finds nothing where no rule is broken", () => {
    assert.isUndefined(SimulationShrink.shrink({ seed: 0, operations: 40 }, 1000))
  })
})
