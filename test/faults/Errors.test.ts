/**
 * T8: every call of a device fails once, in scripted workloads, with opening, recovery and closing: the n-th read, write or
 * sync gives EIO; a failed sync leaves everything pending, or the system forgets what it had to write.
 */
import * as Effect from "effect/Effect"
import { afterAll, assert, describe, it, vi } from "vitest"
import type * as Xxhash from "xxhash-wasm"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk, type Trouble } from "../../src/testing/SimulatedDisk.ts"
import type * as Session from "../../src/shell/Session.ts"
import { run, type Workload } from "./ErrorRun.ts"
import { Histogram, report, runFixed, Violations, withVolume } from "./FaultVolume.ts"
import { append, folder, type Model, readModel, remove, rename, type Step, together, write } from "./Script.ts"

const broken = vi.hoisted(() => ({ neverPoisons: false }))

vi.mock("../../src/shell/Session.ts", async (original) => {
  const actual = await original<typeof Session>()
  const poison: typeof actual.poison = (...args) => {
    if (!broken.neverPoisons) actual.poison(...args)
  }
  return { ...actual, poison }
})

vi.mock("xxhash-wasm", async (original) => {
  const { default: load } = await original<typeof Xxhash>()
  const loaded = load()
  return { default: () => loaded }
})

const PAGE_BYTES = 512
const empty: Model = new Map()

const first: ReadonlyArray<Step> = [
  folder("/a"),
  write("/a/one", 40, 3),
  write("/a/two", 3000, 5),
  write("/b", 1200, 7),
  folder("/c"),
  write("/c/three", 700, 11)
]
const script: ReadonlyArray<Step> = [
  write("/a/new", 1500, 13),
  append("/a/two", 800, 17),
  rename("/b", "/a/one"),
  together(write("/d", 600, 19), remove("/a/two"), folder("/e"), write("/e/f", 900, 23)),
  remove("/c"),
  write("/a/new", 20, 29)
]

/** A volume that was cut off while its last commit was in flight. */
const cutOff = (steps: ReadonlyArray<Step>, seed: number, pageSize = PAGE_BYTES) =>
  runFixed(
    Effect.gen(function* () {
      const disk = new SimulatedDisk({ size: 128 * 1024, seed })
      let left = disk
      const device = SimulatedDevice.make(disk)
      let model = empty
      yield* withVolume(device, { pageSize }, (volume) =>
        Effect.gen(function* () {
          for (const one of steps) yield* one.run(volume)
          model = yield* readModel(volume)
          left = disk.fork()
        })
      )
      return { disk: left, model }
    })
  )

/** Many small files, so that the free map is folded and pages are read. */
const many = (count: number, seed: number): ReadonlyArray<Step> =>
  Array.from({ length: count }, (_, i) => write(`/many ${i}`, 30 + ((i * 97 + seed) % 900), seed + i))

const one = (step: Step): ReadonlyArray<Step> => [step]

const workloads = async (): Promise<ReadonlyArray<Workload>> => {
  const open = await cutOff(first, 1)
  const crowded = await cutOff([...first, ...many(40, 5)], 2)
  const large = await cutOff(first, 4, 4096)
  const blank = new SimulatedDisk({ size: 64 * 1024, seed: 3 })
  return [
    {
      name: "format",
      disk: blank,
      model: empty,
      pageSize: PAGE_BYTES,
      rounds: [folder("/a"), write("/b", 900, 3)].map(one)
    },
    { name: "one by one", ...open, pageSize: PAGE_BYTES, rounds: script.map(one) },
    { name: "one by one, pages of 4096", ...large, pageSize: 4096, rounds: script.map(one) },
    {
      name: "in groups",
      ...open,
      pageSize: PAGE_BYTES,
      rounds: [many(5, 3), [append("/b", 30, 5)], many(4, 11), [remove("/many 1")]]
    },
    {
      name: "early writes",
      ...crowded,
      pageSize: PAGE_BYTES,
      dirtyBytes: 4 * PAGE_BYTES,
      rounds: [together(...many(20, 31)), together(remove("/a"), write("/x", 9000, 7)), remove("/many 3")].map(one)
    }
  ]
}

const troubles: ReadonlyArray<Trouble> = [{ kind: "fail" }, { kind: "ghost" }]
const figures: Record<string, unknown> = { test: "T8" }

const tryAll = (workload: Workload, every: number) =>
  runFixed(
    Effect.gen(function* () {
      const outcomes = new Histogram()
      const violations = new Violations()
      const { calls } = yield* run(workload, undefined, { kind: "fail" }, outcomes, violations)
      let runs = 0
      for (const trouble of troubles) {
        for (let number = 1; number <= calls; number += every) {
          const { fired } = yield* run(workload, number, trouble, outcomes, violations)
          if (fired !== undefined) runs += 1
        }
      }
      return { calls, runs, outcomes, violations }
    })
  )

describe("a device call that fails", () => {
  it("is a typed error and costs nothing acknowledged", { timeout: 300_000 }, async () => {
    const found: Array<string> = []
    for (const workload of await workloads()) {
      const begun = performance.now()
      const { calls, outcomes, runs, violations } = await tryAll(workload, 1)
      const seconds = Math.round(performance.now() - begun) / 1000
      figures[workload.name] = { calls, runs, ...outcomes.toJSON(), violations: violations.count, seconds }
      found.push(...violations.list)
    }
    assert.deepStrictEqual(found, [])
  })
})

describe("the harness", () => {
  it("catches: a failed write or sync does not poison the session", { timeout: 300_000 }, async () => {
    const [, oneByOne] = await workloads()
    broken.neverPoisons = true
    const { runs, violations } = await tryAll(oneByOne, 1)
    broken.neverPoisons = false
    figures["broken rule: no poison"] = `${violations.count} violations in ${runs} runs`
    assert.isAbove(violations.count, 10)
  })
})

afterAll(() => report(figures))
