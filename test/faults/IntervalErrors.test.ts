/**
 * A read that fails while durability is by interval: in an operation, in an early write, or while a sync plans its commit.
 * What was told to have succeeded is in the next sync that succeeds, and what was told to have failed is not.
 */
import * as Effect from "effect/Effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as Files from "../../src/shell/Files.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { noise } from "../core/CheckVolume.ts"
import { prepare } from "../simulation/CrashVolume.ts"
import { Histogram, latin1, report, type Service, Violations } from "./FaultVolume.ts"
import * as Trap from "./TrapVolume.ts"

beforeAll(() => prepare())

/** A volume that is in use so far that its free map has bitmaps, which planning a commit reads. */
const prepared = (): Promise<SimulatedDisk> => {
  const disk = new SimulatedDisk({ size: 2048 * Trap.PAGE_BYTES })
  return Trap.run(
    Effect.as(
      Trap.formatted(
        disk,
        (volume) =>
          Effect.gen(function* () {
            for (let i = 0; i < 150; i++) yield* Files.writeFile(volume, `/old ${i}`, noise(i, 300 + ((i * 97) % 900)))
            for (let i = 0; i < 150; i += 2) yield* Files.unlink(volume, `/old ${i}`)
          }),
        { sizeMax: 2 ** 40 }
      ),
      disk
    )
  )
}

/** The new files of a volume with what is in them. */
const contents = Effect.fnUntraced(function* (volume: Service) {
  const found = new Map<string, string>()
  for (const { name } of yield* Files.readFolder(volume, "/")) {
    if (name.startsWith("new")) found.set(name, latin1(yield* Files.readFile(volume, `/${name}`)))
  }
  return found
})

const expectSame = (
  actual: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  what: string,
  violations: Violations
): void => {
  for (const [name, content] of expected) if (actual.get(name) !== content) violations.add(`${what}: ${name} is lost`)
  for (const name of actual.keys()) if (!expected.has(name)) violations.add(`${what}: ${name} had failed, and is there`)
}

/** Reads that fail while a sync plans its commit: there are some without early writes, which read the free map before. */
let failedSyncs = 0

/** Runs the script with the `failing`-th read after the opening failing. Answers the number of reads. */
const run = (before: SimulatedDisk, failing: number, dirtyBytes: number, outcomes: Histogram, violations: Violations) =>
  Trap.run(
    Effect.gen(function* () {
      const disk = before.fork()
      const succeeded = new Map<string, string>()
      let reads = 0
      yield* Trap.used(
        disk,
        (volume) =>
          Effect.gen(function* () {
            disk.onCall = ({ kind }) => (kind === "read" && ++reads === failing ? { kind: "fail" } : undefined)
            for (let step = 0; step < 12; step++) {
              const name = `new ${step % 5}`
              const bytes = noise(step, 700 + 450 * step)
              const writing =
                step % 3 === 1
                  ? volume.transaction(
                      Effect.andThen(
                        Files.writeFile(volume, `/${name}`, bytes),
                        Files.unlink(volume, `/old ${2 * step + 1}`)
                      )
                    )
                  : Files.writeFile(volume, `/${name}`, bytes)
              const tag = yield* Trap.tagOf(writing)
              outcomes.add(`a write: ${tag}`)
              if (tag === "success") succeeded.set(name, latin1(bytes))
              if (step % 2 === 1) {
                const synced = yield* Trap.tagOf(volume.sync)
                outcomes.add(`a sync: ${synced}`)
                if (synced !== "success") failedSyncs += 1
                // At once again: the failure was one of reading, and nothing is poisoned by that.
                if (synced !== "success") assert.strictEqual(yield* Trap.tagOf(volume.sync), "success")
                const cut = disk.crash(() => 0)
                const found = yield* Trap.used(cut, contents, { readOnly: true })
                expectSame(found, succeeded, `read ${failing}, after step ${step}`, violations)
              }
            }
            disk.onCall = undefined
            expectSame(yield* contents(volume), succeeded, `read ${failing}, at the end`, violations)
            const { problems } = yield* volume.check({ deep: true })
            if (problems.length > 0) violations.add(`read ${failing}: ${problems[0].message}`)
          }),
        { durability: "interval", cacheBytes: 0, dirtyBytes }
      )
      return reads
    })
  )

const figures: Record<string, unknown> = { test: "T8, interval" }

describe("a read that fails where durability is by interval", () => {
  it.each([
    ["without early writes", 16 * 1024 * 1024],
    ["with early writes", 4 * Trap.PAGE_BYTES]
  ] as const)(
    "loses nothing that has succeeded, and keeps nothing that has failed, %s",
    { timeout: 120_000 },
    async (name, dirtyBytes) => {
      const disk = await prepared()
      const outcomes = new Histogram()
      const violations = new Violations()
      const reads = await run(disk, 0, dirtyBytes, outcomes, violations)
      for (let failing = 1; failing <= reads; failing++) await run(disk, failing, dirtyBytes, outcomes, violations)
      figures[name] = { reads, ...outcomes.toJSON(), violations: violations.count }
      assert.deepStrictEqual(violations.list, [])
      assert.isAbove(outcomes.get("a write: DeviceFailed"), 10)
    }
  )
})

afterAll(() => {
  assert.isAbove(failedSyncs, 0)
  report(figures)
})
