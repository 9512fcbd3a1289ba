/**
 * T4, the simulation by seed, as a test over many seeds. NOTAFS_SEEDS says which seeds are tried, NOTAFS_OPERATIONS how many
 * operations each of them does.
 */
import { assert, beforeAll, it } from "vitest"
import * as Scale from "../torture/Scale.ts"
import { prepare } from "./CrashVolume.ts"
import { OPERATIONS, type Outcomes, simulate } from "./SimulationRun.ts"
import type { Histogram } from "./SimulationWorld.ts"

/** Every so many seeds, one is run twice (I15): as the seed draws it, and by the list of events that it has noted. */
const TWICE_EVERY = 25

const operations = Scale.number("OPERATIONS", OPERATIONS)

const replay = (seed: number): string => {
  const scale = `NOTAFS_SEEDS==${seed} NOTAFS_OPERATIONS=${operations}`
  return `replay: ${scale} npx vitest run test/simulation/Simulation.test.ts`
}

const shrink = (seed: number): string =>
  `shrink: npm run torture -- --shrink T4 --seed ${seed} --operations ${operations}`

/** All of these must have been seen, or the simulation proves little. */
const EXPECTED = [
  "fault cut",
  "fault kill",
  "fault readFailure",
  "fault badSector",
  "fault writeFailure",
  "fault syncFailure",
  "fault ghost",
  "interrupt",
  "transaction Interrupted",
  "transaction Abort",
  "transaction Died",
  "transaction DiskFull",
  "savepoint Abort",
  "view done",
  "open done",
  "read without a name",
  "error Poisoned",
  "take done",
  "take SnapshotExists",
  "take Interrupted",
  "in a transaction: take done",
  "in a transaction: take SnapshotExists",
  "in a transaction: drop done",
  "in a transaction: drop SnapshotNotFound",
  "in a transaction: back done",
  "in a transaction: back NewerSnapshots",
  "in a transaction: back SnapshotNotFound",
  "in a transaction: backOver done",
  "in a transaction: list done",
  "transaction with take: Abort",
  "transaction with a rollback: Abort",
  "transaction with a rollback: Interrupted",
  "savepoint with take: Abort",
  "savepoint with a rollback: Abort",
  "open snapshot done",
  "open snapshot SnapshotNotFound",
  "read a snapshot that is gone",
  "list snapshots in a view",
  "remove at the end"
]

/** Declares the test. */
export const declare = ({ count, first }: Scale.Seeds): void => {
  beforeAll(() => prepare())

  it("keeps every promise, whatever happens", { timeout: 3_600_000 }, () => {
    const began = performance.now()
    const cpu = process.threadCpuUsage()
    const histogram: Histogram = {}
    const bad: Array<Outcomes> = []
    const sums = { operations: 0, commits: 0, crashes: 0, reopens: 0, rerun: 0 }
    for (let seed = first; seed < first + count; seed++) {
      Scale.trace(replay(seed))
      const outcomes = simulate({ seed, operations })
      for (const [name, times] of Object.entries(outcomes.histogram)) histogram[name] = (histogram[name] ?? 0) + times
      sums.operations += outcomes.operations
      sums.commits += outcomes.commits
      sums.crashes += outcomes.crashes
      sums.reopens += outcomes.reopens
      if (outcomes.violations.length > 0) {
        bad.push(outcomes)
        console.log(`seed ${seed}: ${outcomes.violations.join("\n")}\n${replay(seed)}\n${shrink(seed)}`)
      }
      if (seed % TWICE_EVERY !== 0) continue
      sums.rerun += 2
      for (const events of [undefined, outcomes.events]) {
        const again = simulate({ seed, operations, events })
        assert.strictEqual(again.fingerprint, outcomes.fingerprint, `I15: seed ${seed}\n${replay(seed)}`)
      }
    }
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const cpuAfter = process.threadCpuUsage(cpu)
    console.log(
      JSON.stringify({
        test: "T4",
        seeds: count,
        first,
        ...sums,
        diskFull: histogram["error DiskFull"] ?? 0,
        interrupts: histogram["interrupt"] ?? 0,
        violations: bad.length,
        seconds,
        cpuSeconds: Math.round((cpuAfter.user + cpuAfter.system) / 1e5) / 10,
        histogram
      })
    )
    const [worst] = bad
    if (worst !== undefined) {
      const { seed, violations } = worst
      assert.fail(
        `${bad.length} of ${count} seeds; seed ${seed}: ${violations.join("\n")}\n${replay(seed)}\n${shrink(seed)}`
      )
    }
    if (count < 300) return
    for (const name of EXPECTED) assert.isAbove(histogram[name] ?? 0, 4, `the simulation has hardly seen: ${name}`)
  })
}
