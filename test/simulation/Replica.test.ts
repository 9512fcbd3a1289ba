/**
 * T13: a replica that is kept by sending and receiving, through random changes and random ends of either side. NOTAFS_SEEDS says
 * which seeds are tried.
 */
import { assert, beforeAll, describe, it, vi } from "vitest"
import type * as RopeDifference from "../../src/core/RopeDifference.ts"
import type * as TreeDifference from "../../src/core/TreeDifference.ts"
import * as Scale from "../torture/Scale.ts"
import { prepare } from "./CrashVolume.ts"
import * as ReplicaRun from "./ReplicaRun.ts"

/** So little that many streams have many frames, and parts of them are kept on the replica. */
const bounds = vi.hoisted(() => ({ stepBytes: 600, writeBytes: 500, memoryBytes: 1500, keptBytesMin: 300 }))
vi.mock("../../src/core/TransferBounds.ts", () => ({ transferBounds: bounds }))

/** What a sender leaves out. */
const broken = vi.hoisted(() => ({ leavesOutRanges: false, leavesOutRemovals: false }))
vi.mock("../../src/core/RopeDifference.ts", async (original) => {
  const actual = await original<typeof RopeDifference>()
  const ranges: typeof actual.ranges = (...args) => {
    const found = actual.ranges(...args)
    return broken.leavesOutRanges && found.length > 1 ? found.slice(0, -1) : found
  }
  return { ...actual, ranges }
})
vi.mock("../../src/core/TreeDifference.ts", async (original) => {
  const actual = await original<typeof TreeDifference>()
  const step: typeof actual.step = (...args) => {
    const { changes, state } = actual.step(...args)
    return { state, changes: changes.filter(({ after }) => after !== undefined || !broken.leavesOutRemovals) }
  }
  return { ...actual, step }
})

const ROUNDS = 200

/** All of these must have been seen, or it proves little. */
const EXPECTED = [
  "received",
  "compared",
  "full",
  "forced",
  "cut short",
  "was there",
  "goes on",
  "goes on after frames",
  "another stream has begun",
  "given up",
  "source died changing",
  "source died taking a snapshot",
  "source died sending",
  "source went back",
  "replica died",
  "replica died, and has it",
  "died removing"
]

const { count, first } = Scale.seeds(1) ?? { first: 1, count: 8 }

const replay = (seed: number): string => `replay: NOTAFS_SEEDS==${seed} npx vitest run test/simulation/Replica.test.ts`

describe("a replica", () => {
  beforeAll(() => prepare())

  it("ends with the content of its source", { timeout: 3_600_000 }, () => {
    const cpu = process.threadCpuUsage()
    const histogram: Record<string, number> = {}
    for (let seed = first; seed < first + count; seed++) {
      Scale.trace(replay(seed))
      try {
        const outcomes = ReplicaRun.run(seed, ROUNDS)
        for (const [name, times] of Object.entries(outcomes.histogram)) histogram[name] = (histogram[name] ?? 0) + times
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}\n${replay(seed)}`, { cause: error })
      }
    }
    const deaths = ["source cut", "source ended", "replica cut", "replica ended"]
      .map((name) => histogram[name] ?? 0)
      .reduce((sum, times) => sum + times, 0)
    const { system, user } = process.threadCpuUsage(cpu)
    const cpuSeconds = Math.round((user + system) / 1e5) / 10
    const told = { rounds: count * ROUNDS, transfers: histogram["received"], deaths, cpuSeconds, events: histogram }
    console.log(JSON.stringify({ test: "T13", seeds: count, first, ...told }))
    if (count < 8) return
    for (const name of EXPECTED) assert.isAbove(histogram[name] ?? 0, 9, `hardly seen: ${name}`)
  })

  for (const [rule, said] of [
    ["leavesOutRanges", "a sender leaves out bytes that differ"],
    ["leavesOutRemovals", "a sender does not tell what is gone"]
  ] as const) {
    it(`is seen to differ: ${said}`, () => {
      broken[rule] = true
      assert.throws(() => ReplicaRun.run(1, 60))
      broken[rule] = false
    })
  }
})
