import { assert, beforeAll, it } from "vitest"
import { CrashExplorer } from "./CrashExplorer.ts"
import * as CrashSequences from "./CrashSequences.ts"
import * as CrashStarts from "./CrashStarts.ts"
import { prepare } from "./CrashVolume.ts"

beforeAll(() => prepare())

for (const make of CrashStarts.all) {
  it("length 1", { timeout: 600_000 }, () => {
    const t0 = performance.now()
    const start = make()
    const t1 = performance.now()
    const explorer = new CrashExplorer(start)
    for (const operation of CrashSequences.operations) {
      explorer.explore(
        [operation],
        { durability: "commit", closes: true },
        { fullMax: Number(process.env["FULL"] ?? 256), subsetsMax: 1000 }
      )
    }
    const seconds = (performance.now() - t1) / 1000
    console.log(
      start.name,
      (t1 - t0) | 0,
      JSON.stringify({
        sequences: explorer.sequences,
        cuts: explorer.cuts,
        images: explorer.images,
        distinct: explorer.judge.distinct,
        opened: explorer.judge.opened,
        rejected: explorer.judge.rejectedRoots,
        violations: explorer.violations.length,
        outcomes: explorer.outcomes,
        seconds,
        rate: explorer.images / seconds
      })
    )
    for (const { reason, replay } of explorer.violations.slice(0, 2)) console.log(replay, reason)
    assert.lengthOf(explorer.violations, 0)
  })
}
