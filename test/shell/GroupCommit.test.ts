/**
 * How many writers at a time share a sync.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type BlockDevice, Files, MemoryDevice } from "../../src/index.ts"
import { opened } from "./TransferRun.ts"
import { bytes, MEBIBYTE } from "./TestVolume.ts"

const WRITERS = 64
const CHANGES = 10
/** The first writer may go alone, and a session begins with an empty commit. */
const SYNCS_MORE = 4

/** Changes that so many writers make durable at a time, and the syncs that it takes. */
const write = Effect.fnUntraced(function* (device: BlockDevice["Service"], writers: number) {
  const volume = yield* opened({}, device)
  const before = yield* volume.statistics
  const writer = (number: number) =>
    Effect.forEach(Array.from({ length: CHANGES }).keys(), (change) =>
      Files.writeFile(volume, `/f${number}`, bytes(`change ${change}`))
    )
  yield* Effect.forEach(Array.from({ length: writers }).keys(), writer, { concurrency: "unbounded" })
  const after = yield* volume.statistics
  assert.strictEqual(after.transactions - before.transactions, writers * CHANGES)
  return after.syncs - before.syncs
})

describe("writers at a time", () => {
  const waits: Record<string, Effect.Effect<void>> = {
    "at once": Effect.void,
    "a turn later": Effect.yieldNow,
    "after a while": Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 2)))
  }
  it.live.each(Object.keys(waits))("share a sync that returns %s", (name) =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 16 * MEBIBYTE })
      const slow = { ...device, sync: Effect.andThen(device.sync, waits[name]) }
      assert.isAtMost(yield* write(slow, WRITERS), CHANGES + SYNCS_MORE)
    }).pipe(Effect.scoped)
  )

  it.effect("is one sync for a change of one that is alone", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 16 * MEBIBYTE })
      assert.isAtMost(yield* write(device, 1), CHANGES + SYNCS_MORE)
    }).pipe(Effect.scoped)
  )
})
