import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as BlockDeviceSuite from "../../src/testing/BlockDeviceSuite.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk, troubleAt } from "../../src/testing/SimulatedDisk.ts"

const fresh = (options: SimulatedDevice.Options, growable: boolean) =>
  Layer.sync(BlockDevice, () => SimulatedDevice.make(new SimulatedDisk({ size: 2 << 20, growable }), options))

BlockDeviceSuite.suite("SimulatedDevice", fresh({}, false), { describe, it })
BlockDeviceSuite.suite("SimulatedDevice that takes its time", fresh({ yields: true, sectorBytes: 4096 }, true), {
  describe,
  it
})

describe("SimulatedDevice", () => {
  it.effect("fails as its disk does, with a typed error that says so", () =>
    Effect.gen(function* () {
      const disk = new SimulatedDisk({ size: 4096, seed: 7 })
      const device = SimulatedDevice.make(disk)
      const range = { offset: 512, bytes: new Uint8Array(512) }
      disk.onCall = troubleAt("any", 2)
      yield* device.write([range])
      const failure = yield* Effect.flip(device.read([range]))
      assert.strictEqual(failure._tag, "DeviceFailed")
      assert.deepStrictEqual([failure.operation, failure.offset, failure.code], ["read", 512, "EIO"])
      assert.include(failure.message, "simulated disk 7")
      yield* device.read([range])
      disk.unreadable.add(1)
      assert.include((yield* Effect.flip(device.read([range]))).message, "cannot be read")
      yield* device.write([range])
      yield* device.read([range])
    })
  )

  it.effect("turns what the hook of its disk throws into a defect", () =>
    Effect.gen(function* () {
      const disk = new SimulatedDisk({ size: 4096 })
      disk.onWrite = () => {
        throw new Error("a live page is overwritten")
      }
      const exit = yield* Effect.exit(SimulatedDevice.make(disk).write([{ offset: 0, bytes: new Uint8Array(512) }]))
      assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
    })
  )

  it.effect("refuses every change if it is read-only", () =>
    Effect.gen(function* () {
      const device = SimulatedDevice.make(new SimulatedDisk({ size: 4096 }), { readOnly: true })
      const failure = yield* Effect.flip(device.write([{ offset: 0, bytes: new Uint8Array(512) }]))
      assert.strictEqual(failure.code, "EROFS")
    })
  )

  it.effect("lets other fibers run during a call if it is told to", () =>
    Effect.gen(function* () {
      const disk = new SimulatedDisk({ size: 4096 })
      const device = SimulatedDevice.make(disk, { yields: true })
      const order: Array<string> = []
      yield* Effect.forEach(
        ["a", "b"],
        (name) =>
          Effect.andThen(
            Effect.sync(() => order.push(`${name} begins`)),
            Effect.tap(device.sync, () => Effect.sync(() => order.push(`${name} ends`)))
          ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(order, ["a begins", "b begins", "a ends", "b ends"])
    })
  )
})

describe("BlockDeviceSuite", () => {
  /** Runs the suite on a device and gives the titles of the tests that fail. */
  const failing = (change: (device: BlockDevice["Service"]) => Partial<BlockDevice["Service"]>) =>
    Effect.gen(function* () {
      const tests: Array<readonly [string, () => Promise<void>]> = []
      const layer = Layer.sync(BlockDevice, () => {
        const device = SimulatedDevice.make(new SimulatedDisk({ size: 2 << 20, growable: true }))
        return { ...device, ...change(device) }
      })
      BlockDeviceSuite.suite("broken", layer, {
        describe: (_, define) => define(),
        it: (title, test) => tests.push([title, test])
      })
      const titles: Array<string> = []
      for (const [title, test] of tests) {
        const exit = yield* Effect.exit(Effect.promise(test))
        if (Exit.isFailure(exit)) titles.push(title)
      }
      return titles
    })

  const broken: Record<string, (device: BlockDevice["Service"]) => Partial<BlockDevice["Service"]>> = {
    "does not write": () => ({ write: () => Effect.void }),
    "writes the first range only": (device) => ({ write: (ranges) => device.write(ranges.slice(0, 1)) }),
    "reads the first range only": (device) => ({ read: (ranges) => device.read(ranges.slice(0, 1)) }),
    "writes a sector too far": (device) => ({
      write: (ranges) => device.write(ranges.map(({ bytes, offset }) => ({ offset: offset + 512, bytes })))
    }),
    "reads nothing beyond its end": (device) => ({ read: (ranges) => Effect.ignore(device.read(ranges)) }),
    "discards too much": (device) => ({
      discard: (spans) => device.discard(spans.map(({ byteCount, offset }) => ({ offset, byteCount: byteCount + 512 })))
    }),
    "forgets its size": () => ({ size: Effect.succeed(0) }),
    "does not grow": () => ({ grow: () => Effect.void }),
    shrinks: (device) => ({ size: Effect.map(device.size, (size) => size - 100) }),
    "keeps a buffer": (device) => {
      let kept: ReadonlyArray<{ readonly offset: number; readonly bytes: Uint8Array }> = []
      return {
        write: (ranges) => Effect.tap(device.write(ranges), () => Effect.sync(() => (kept = ranges))),
        read: (ranges) => Effect.andThen(device.write(kept), device.read(ranges))
      }
    }
  }
  it.effect("passes a sound device", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* failing(() => ({})), [])
    })
  )
  for (const [name, change] of Object.entries(broken)) {
    it.effect(`sees a device that ${name}`, () =>
      Effect.gen(function* () {
        assert.isNotEmpty(yield* failing(change))
      })
    )
  }
})
