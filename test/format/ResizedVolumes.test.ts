import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { Random } from "../../src/testing/Random.ts"
import { Operations } from "./Operations.ts"
import { readImage } from "./Reader.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { summaryOf } from "./Summary.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

const kibibyte = 1024
const pageSize = 512
/** With one and two levels of the free map. */
const sizes = [4096, 1500, 3000, 6000].map((size) => size * kibibyte)
/** With three: it is dear to read, and comes once. */
const large = 50_000 * kibibyte
const ROUNDS = 16

/** Random operations, and sizes between them; what is refused is refused. */
const exercise = (checksum: "xxh64" | "sha256", seed: number) =>
  makeImage({ checksum, pageSize, size: sizes[0] }, (volume, image) =>
    Effect.gen(function* () {
      const random = new Random(seed)
      const operations = new Operations(seed, pageSize)
      const met = new Set<number>()
      const write = Effect.suspend(() => volume.write(operations.next()))
      for (let round = 0; round < ROUNDS; round++) {
        const group = Effect.forEach([1, 2, 3, 4, 5, 6], () => write)
        yield* Effect.catchReason(volume.transaction(group), "VolumeError", "DiskFull", () => Effect.void)
        const size = round === ROUNDS / 2 ? large : sizes[random.below(sizes.length)]
        const [asked, least] = yield* Effect.matchEffect(volume.resize(size), {
          onSuccess: () => Effect.succeed([size, size] as const),
          onFailure: ({ reason }) =>
            reason._tag === "ImpossibleSize"
              ? Effect.as(volume.resize(reason.sizeMin), [size, reason.sizeMin] as const)
              : Effect.die(reason)
        })
        met.add(asked)
        // A device that is cut to the size of the volume holds all of it.
        const reading = readImage((yield* image).slice(0, least))
        assert.deepStrictEqual(reading.complaints, [])
        assert.strictEqual(reading.ledger.totals().get("unexplained"), 0)
        assert.strictEqual(reading.opened.record.pageCount * pageSize, least)
        assert.deepStrictEqual(summaryOf(reading), yield* shippedSummary(volume))
      }
      assert.isAbove(met.size, 3)
      assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
      return { summary: yield* shippedSummary(volume), size: (yield* volume.statistics).size }
    })
  )

describe("the independent reader", () => {
  for (const checksum of ["xxh64", "sha256"] as const) {
    it(`reads a volume that was given other sizes, with ${checksum}`, async () => {
      const { image, value } = await runFixed(exercise(checksum, checksum.length))
      const whole = image.slice(0, value.size)
      const summary = summaryOf(readImage(whole))
      assert.deepStrictEqual({ ...summary, generation: 0 }, { ...value.summary, generation: 0 })
      assert.deepStrictEqual(await runFixed(openImage(whole, shippedSummary)), summary)
    })
  }
})
