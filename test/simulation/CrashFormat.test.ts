/** Formatting, cut after each of its writes: on a blank disk, and over a volume whose files must not come back. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { assert, beforeAll, describe, it } from "vitest"
import { Identity } from "../../src/shell/Identity.ts"
import * as Opening from "../../src/shell/Opening.ts"
import * as Reading from "../../src/shell/Reading.ts"
import * as CrashImages from "../../src/testing/CrashImages.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import * as CrashRun from "./CrashRun.ts"
import * as CrashStarts from "./CrashStarts.ts"
import * as CrashState from "./CrashState.ts"
import { open, OPTIONS, prepare, run, runExit } from "./CrashVolume.ts"

const size = 128 * 512
const volumeId = new Uint8Array(16).fill(9)
const identity: Identity = { next: () => volumeId, boot: new Uint8Array(16) }

/** The disk after each write of a format, and at its end. */
const formatted = (disk: SimulatedDisk): ReadonlyArray<SimulatedDisk> => {
  const device = SimulatedDevice.make(disk)
  const cuts: Array<SimulatedDisk> = []
  const cut = Effect.sync(() => {
    cuts.push(disk.fork())
  })
  const recording = {
    ...device,
    write: (ranges: Parameters<typeof device.write>[0]) => Effect.tap(device.write(ranges), () => cut)
  }
  const options: Opening.OpenOptions = { ...OPTIONS, format: "always", pageSize: 512, sizeMax: size }
  run(Effect.provideService(Opening.open(recording, options), Identity, identity))
  cuts.push(disk.fork())
  return cuts
}

/** What an image holds: the state and whether it is the new volume, or the tag of the error. */
const found = (image: SimulatedDisk): string => {
  const exit = runExit(
    Effect.gen(function* () {
      const session = yield* open(SimulatedDevice.make(image))
      const isNew = session.superblock.volumeId.every((byte) => byte === volumeId[0])
      const state = yield* Reading.read(session, CrashState.ofVolume)
      return isNew ? `new: ${state}` : "the volume before"
    })
  )
  if (Exit.isSuccess(exit)) return exit.value
  const failure = Exit.findErrorOption(exit)
  return failure._tag === "Some" ? failure.value.reason._tag : "defect"
}

describe("a format that is cut", () => {
  beforeAll(() => prepare())
  const empty = (): string => `new: ${CrashRun.empty().text}`

  for (const [name, make, before] of [
    ["a blank disk", () => new SimulatedDisk({ size }), ["NotFormatted", "Corrupt"]],
    ["a volume", () => CrashStarts.files().disk.fork(), ["the volume before", "Corrupt", "NotFormatted"]]
  ] as const) {
    it(`leaves the new volume, or none of it, on ${name}`, () => {
      const cuts = formatted(make())
      const counts: Record<string, number> = {}
      for (const [i, disk] of cuts.entries()) {
        for (const { choice, disk: image } of CrashImages.enumerate(disk, { subsetsMax: 6000, sampleCount: 3000 })) {
          const what = found(image)
          counts[what] = (counts[what] ?? 0) + 1
          const allowed: ReadonlyArray<string> = i === cuts.length - 1 ? [empty()] : [...before, empty()]
          assert.include(allowed, what, `cut ${i}, [${choice}]`)
        }
      }
      console.log(JSON.stringify({ test: "T2, format", on: name, images: counts }))
      assert.isAbove(counts[empty()], 0)
    })
  }
})
