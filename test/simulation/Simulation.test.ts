/**
 * T4, the simulation by seed. NOTAFS_SEEDS says how many seeds are tried (a number), or which one (`=17`); NOTAFS_OPERATIONS
 * how many operations each of them does.
 */
import { assert, beforeAll, it } from "vitest"
import { prepare } from "./CrashVolume.ts"
import { type Outcomes, simulate } from "./SimulationRun.ts"
import type { Histogram } from "./SimulationWorld.ts"

const SEEDS = 600
const OPERATIONS = 300
/** Every so many seeds, one is run twice (I15). */
const TWICE_EVERY = 25

const seedsText = process.env["NOTAFS_SEEDS"] ?? String(SEEDS)
const [first, count] = seedsText.startsWith("=") ? [Number(seedsText.slice(1)), 1] : [0, Number(seedsText)]
const operations = Number(process.env["NOTAFS_OPERATIONS"] ?? OPERATIONS)

const command = (seed: number): string =>
  `NOTAFS_SEEDS==${seed} NOTAFS_OPERATIONS=${operations} npx vitest run test/simulation/Simulation.test.ts`

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
  "error Poisoned"
]

beforeAll(() => prepare())

it("keeps every promise, whatever happens", { timeout: 3_600_000 }, () => {
  const began = performance.now()
  const cpu = process.threadCpuUsage()
  const histogram: Histogram = {}
  const bad: Array<Outcomes> = []
  const sums = { operations: 0, commits: 0, crashes: 0, reopens: 0, rerun: 0 }
  for (let seed = first; seed < first + count; seed++) {
    const outcomes = simulate({ seed, operations })
    for (const [name, times] of Object.entries(outcomes.histogram)) histogram[name] = (histogram[name] ?? 0) + times
    sums.operations += outcomes.operations
    sums.commits += outcomes.commits
    sums.crashes += outcomes.crashes
    sums.reopens += outcomes.reopens
    if (outcomes.violations.length > 0) {
      bad.push(outcomes)
      console.log(`seed ${seed}: ${outcomes.violations.join("\n")}\n${command(seed)}`)
    }
    if (seed % TWICE_EVERY !== 0) continue
    sums.rerun++
    assert.strictEqual(simulate({ seed, operations }).fingerprint, outcomes.fingerprint, `I15: ${command(seed)}`)
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10
  const cpuAfter = process.threadCpuUsage(cpu)
  console.log(
    JSON.stringify({
      test: "T4",
      seeds: count,
      ...sums,
      diskFull: histogram["error DiskFull"] ?? 0,
      interrupts: histogram["interrupt"] ?? 0,
      violations: bad.length,
      seconds,
      cpuSeconds: Math.round((cpuAfter.user + cpuAfter.system) / 1e5) / 10,
      histogram
    })
  )
  assert.deepStrictEqual(
    bad.map(({ seed }) => command(seed)),
    []
  )
  if (count < 100) return
  for (const name of EXPECTED) assert.isAbove(histogram[name] ?? 0, 4, `the simulation has hardly seen: ${name}`)
})
