/** T1: the model of the commit protocol, explored as a whole for each setting; deeper with NOTAFS_DEPTH=1. */
import { afterAll, assert, describe, it } from "vitest"
import * as Scale from "../torture/Scale.ts"
import { isHarm } from "./Judge.ts"
import { type Exploration, explore } from "./ProtocolModel.ts"
import { type Settings, settingsOf } from "./Settings.ts"
import type { Variant } from "./Variant.ts"
import { variants } from "./variants.ts"

const isDeep = Scale.depth > 0
const statesMax = isDeep ? 6_000_000 : 400_000
const timeoutMilliseconds = isDeep ? 1_800_000 : 60_000

const figures = { variants: 0, states: 0, violationsInRecommended: 0, brokenRulesCaught: 0, harmless: 0 }
const startedAt = performance.now()

const settingsOfVariant = ({ deep, overrides }: Variant): Settings =>
  settingsOf(overrides, ...(isDeep && deep !== undefined ? [deep] : []))

const run = (variant: Variant): Exploration => {
  const until = variant.expect.outcome === "caught" ? variant.expect.by : []
  return explore(settingsOfVariant(variant), { statesMax, until })
}

/** The last transaction that a run without bounds must have acknowledged; else the test shows less than it says. */
const transactionsIn = ({ workload }: Settings): number =>
  workload.transactions + workload.snapshots + workload.snapshotDeletions + workload.rollbacks

/** What is not as the table says; nothing if all is. */
const complaints = (variant: Variant, exploration: Exploration): ReadonlyArray<string> => {
  const expectation = variant.expect
  const found = [...exploration.violations.keys()]
  if (expectation.outcome === "caught") {
    return expectation.by
      .filter((violation) => !found.includes(violation))
      .map((violation) => `not caught: ${violation}`)
  }
  const listed = expectation.outcome === "harmless" ? expectation.breaches : []
  return [
    ...(exploration.isExhausted ? [] : ["the search was cut off"]),
    ...(exploration.acknowledgedMax === transactionsIn(settingsOfVariant(variant)) ? [] : ["not all work was done"]),
    ...found.filter((violation) => isHarm(violation) || !listed.includes(violation)).map(tracesIn(exploration)),
    ...listed.filter((breach) => !found.includes(breach)).map((breach) => `listed, but not found: ${breach}`)
  ]
}

const tracesIn =
  ({ violations }: Exploration) =>
  (violation: Parameters<typeof isHarm>[0]): string => {
    const finding = violations.get(violation)
    return `${violation}, ${finding?.count} times; first:\n  ${finding?.trace.join("\n  ")}`
  }

const tally = ({ expect: expectation }: Variant, exploration: Exploration, isAsExpected: boolean): void => {
  figures.variants++
  figures.states += exploration.states
  if (expectation.outcome === "safe") figures.violationsInRecommended += exploration.violations.size
  if (expectation.outcome === "caught" && isAsExpected) figures.brokenRulesCaught++
  if (expectation.outcome === "harmless" && isAsExpected) figures.harmless++
}

describe("the model of the commit protocol", () => {
  it("names each variant once", () => {
    assert.equal(new Set(variants.map((variant) => variant.name)).size, variants.length)
  })

  it.each(variants.filter((_, index) => Scale.isInPiece(index)))(
    "$name",
    { timeout: timeoutMilliseconds },
    (variant) => {
      const exploration = run(variant)
      const wrong = complaints(variant, exploration)
      tally(variant, exploration, wrong.length === 0)
      assert.deepEqual(wrong, [], wrong.join("\n"))
    }
  )
})

afterAll(() => {
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  console.log(JSON.stringify({ test: "T1", ...figures, seconds }))
})
