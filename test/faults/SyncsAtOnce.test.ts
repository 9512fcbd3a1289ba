/**
 * A sync that fails beside another one. The device tells it once: of two syncs at the same time one may fail and the other
 * succeed, though what the other was for is forgotten. So a session has one on its way, and after a failure none.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assert, beforeAll, describe, it } from "vitest"
import * as Files from "../../src/shell/Files.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { noise } from "../core/CheckVolume.ts"
import { prepare } from "../simulation/CrashVolume.ts"
import { type Device, readTree, withVolume } from "./FaultVolume.ts"
import * as Trap from "./TrapVolume.ts"

beforeAll(() => prepare())

const FILES = 4

interface Outcome {
  readonly syncCount: number
  /** The most syncs that were on their way at the same time. */
  readonly atOnce: number
  /** Paths of what was acknowledged and is not there after a power cut. */
  readonly lost: ReadonlyArray<string>
}

/** Writers at the same time, each of which writes early; the `failing`-th sync of the device fails and forgets. */
const run = (failing: number): Promise<Outcome> =>
  Trap.run(
    Effect.gen(function* () {
      const disk = new SimulatedDisk({ size: 1024 * Trap.PAGE_BYTES, seed: failing })
      yield* Trap.formatted(disk, (volume) => Files.writeFile(volume, "/kept", noise(1, 2000)))
      const inner = SimulatedDevice.make(disk, { yields: true })
      let syncCount = 0
      let now = 0
      let atOnce = 0
      let left: SimulatedDisk | undefined
      const device: Device = {
        ...inner,
        sync: Effect.suspend(() => {
          const number = ++syncCount
          atOnce = Math.max(atOnce, ++now)
          // It takes its time, and what it does it does somewhere in between.
          const turns = (count: number) => Effect.forEach(Array.from({ length: count }), () => Effect.yieldNow)
          const perform = Effect.suspend(() => {
            disk.onCall = () => (number === failing ? { kind: "ghost" } : undefined)
            return Effect.ensuring(
              SimulatedDevice.make(disk).sync,
              Effect.sync(() => (disk.onCall = undefined))
            )
          })
          const whole = Effect.andThen(
            turns(3 + (number % 5) * 4),
            Effect.tap(perform, () => turns(2))
          )
          return Effect.ensuring(
            whole,
            Effect.sync(() => now--)
          )
        })
      }
      const acknowledged: Array<string> = []
      const session = withVolume(device, { format: "never", dirtyBytes: 4 * Trap.PAGE_BYTES }, (volume) =>
        Effect.gen(function* () {
          const writer = (file: number) =>
            Effect.gen(function* () {
              for (let round = 0; round < 3; round++) {
                const path = `/${file}-${round}`
                const writing = volume.transaction(
                  Effect.gen(function* () {
                    yield* Files.writeFile(volume, path, noise(file, 1500))
                    yield* Files.writeFile(volume, `${path} more`, noise(round, 3000))
                  })
                )
                if ((yield* Trap.tagOf(writing)) === "success") acknowledged.push(path, `${path} more`)
              }
            })
          const fibers = yield* Effect.forEach(Array.from({ length: FILES }), (_, file) =>
            Effect.forkChild(writer(file))
          )
          for (const fiber of fibers) yield* Fiber.join(fiber)
          left = disk.fork()
        })
      )
      yield* Effect.exit(session)
      const cut = (left ?? disk).crash(() => 0)
      const tree = yield* Trap.used(cut, readTree, { readOnly: true })
      return { syncCount, atOnce, lost: acknowledged.filter((path) => !tree.has(path)) }
    })
  )

describe("syncs of one session", () => {
  it("are one at a time, and none that was acknowledged is lost with one that fails", async () => {
    const { atOnce, lost, syncCount } = await run(0)
    assert.deepStrictEqual({ atOnce, lost }, { atOnce: 1, lost: [] })
    assert.isAbove(syncCount, 10)
    for (let failing = 1; failing <= syncCount; failing++) {
      assert.deepInclude(await run(failing), { atOnce: 1, lost: [] }, `the ${failing}th of ${syncCount} syncs fails`)
    }
  })
})
