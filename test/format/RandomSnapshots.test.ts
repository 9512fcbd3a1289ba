import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import type { Volume } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { Random } from "../../src/testing/Random.ts"
import { Operations } from "./Operations.ts"
import { readImage } from "./Reader.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { summaryOf } from "./Summary.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

interface Case extends Format {
  readonly operations: number
  readonly seed: number
}

const kibibyte = 1024
const cases: ReadonlyArray<Case> = (["xxh64", "sha256"] as const).flatMap((checksum) => [
  { checksum, pageSize: 512, size: 128 * kibibyte, operations: 600, seed: 1 },
  { checksum, pageSize: 512, size: 2560 * kibibyte, operations: 600, seed: 2 },
  { checksum, pageSize: 4096, size: 6144 * kibibyte, operations: 300, seed: 3 }
])
/** What the bytes of all images were, and what happened on the way. */
const met = new Set<string>()

/** Takes, removes and goes back to snapshots, as a seed fixes it. */
class Keeper {
  /** What was gone back to, by the generation that did it. */
  readonly rollbacks = new Map<number, number>()
  readonly #volume: Volume["Service"]
  readonly #random: Random
  #count = 0

  constructor(volume: Volume["Service"], seed: number) {
    this.#volume = volume
    this.#random = new Random(seed)
  }

  /** Mostly nothing; what is done is a commit of its own, or one with the operation beside it. */
  step(beside: Effect.Effect<unknown, VolumeError>): Effect.Effect<void, VolumeError> {
    const random = this.#random
    const chance = random.below(100)
    const index = random.below(64)
    const isAlone = random.chance(0.5)
    if (chance >= 22) return Effect.void
    return Effect.gen({ self: this }, function* () {
      const { snapshots, transaction, statistics } = this.#volume
      const present = yield* snapshots.list
      const chosen = present[index % Math.max(1, present.length)]
      // Not more than some at a time: they hold what the others write over.
      if (chosen === undefined || (chance < 15 && present.length < 6)) {
        this.#count += 1
        const name = `${chance % 2 === 0 ? "ünï" : "s".repeat(1 + this.#count)} ${this.#count}`
        const create = snapshots.create(name)
        yield* isAlone ? create : transaction(Effect.andThen(create, beside))
        return
      }
      if (chance < 20) {
        const remove = snapshots.remove(chosen.name)
        yield* isAlone ? remove : transaction(Effect.andThen(remove, beside))
        return
      }
      const rollback = snapshots.rollback(chosen.name, { discardNewer: true })
      yield* isAlone ? rollback : transaction(Effect.andThen(beside, Effect.andThen(rollback, beside)))
      this.rollbacks.set((yield* statistics).generation, chosen.generation)
    })
  }
}

/** Random operations and snapshots, and now and then a look at the image as it is. */
const exercise = ({ operations: operationCount, seed, ...format }: Case) =>
  makeImage(format, (volume, image) =>
    Effect.gen(function* () {
      const operations = new Operations(seed, format.pageSize)
      const keeper = new Keeper(volume, seed)
      const write = Effect.suspend(() => volume.write(operations.next()))
      const few = Effect.andThen(write, Effect.andThen(write, write))
      for (let done = 0; done < operationCount; done += 4) {
        const both = Effect.andThen(volume.transaction(few), keeper.step(write))
        yield* Effect.catchReason(both, "VolumeError", "DiskFull", () => Effect.sync(() => met.add("disk full")))
        if (done % 80 === 0) {
          const shipped = yield* shippedSummary(volume)
          const reading = readSound(yield* image)
          assert.deepStrictEqual(summaryOf(reading), shipped)
          const rollbacks = new Map(reading.rollbacks.map(({ generation, to }) => [generation, to]))
          assert.deepStrictEqual(rollbacks, keeper.rollbacks)
          if (shipped.snapshots !== undefined && shipped.snapshots.length > 3) met.add("many snapshots")
        }
      }
      const rollbacks = [...keeper.rollbacks]
      const isNested = rollbacks.some(([generation, to]) =>
        rollbacks.some(([other, otherTo]) => to < otherTo && other < generation)
      )
      if (isNested) met.add("rollback past a rollback")
      const { problems } = yield* volume.check({ deep: true })
      assert.deepStrictEqual(problems, [])
      return yield* shippedSummary(volume)
    })
  )

/** Reads an image and makes sure that nothing is wrong or unexplained. */
const readSound = (image: Uint8Array) => {
  const reading = readImage(image)
  assert.deepStrictEqual(reading.complaints, [])
  assert.strictEqual(reading.ledger.totals().get("unexplained"), 0)
  for (const label of reading.ledger.totals().keys()) met.add(label)
  return reading
}

describe("the independent reader", () => {
  for (const one of cases) {
    it(`reads snapshots with pages of ${one.pageSize} in ${one.size / kibibyte} KiB and ${one.checksum}`, async () => {
      const { image, value } = await runFixed(exercise(one))
      const summary = summaryOf(readSound(image))
      assert.deepStrictEqual({ ...summary, generation: 0 }, { ...value, generation: 0 })
      assert.deepStrictEqual(await runFixed(openImage(image, shippedSummary)), summary)
    })
  }

  it("has met every structure of snapshots", () => {
    const fields = ["dead run birth", "generation of a name", "rollback target", "snapshot id", "snapshot name"]
    assert.includeMembers(
      [...met],
      fields.map((field) => `tree node: ${field}`)
    )
    assert.includeMembers([...met], ["disk full", "many snapshots", "rollback past a rollback"])
  })
})
