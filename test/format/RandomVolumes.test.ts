import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { Operations } from "./Operations.ts"
import { readImage } from "./Reader.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { summaryOf } from "./Summary.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

interface Case extends Format {
  readonly operations: number
}

const kibibyte = 1024
/** What the bytes of all images were. */
const met = new Set<string>()
const cases: ReadonlyArray<Case> = (["xxh64", "sha256"] as const).flatMap((checksum) => [
  { checksum, pageSize: 512, size: 512 * kibibyte, operations: 1200 },
  { checksum, pageSize: 512, size: 2560 * kibibyte, operations: 1200 },
  { checksum, pageSize: 4096, size: 4096 * kibibyte, operations: 350 },
  { checksum, pageSize: 65_536, size: 6144 * kibibyte, operations: 80 }
])

/** Reads an image, makes sure that nothing is wrong or unexplained, and answers what it holds. */
const readSound = (image: Uint8Array) => {
  const reading = readImage(image)
  assert.deepStrictEqual(reading.complaints, [])
  assert.strictEqual(reading.ledger.totals().get("unexplained"), 0)
  return reading
}

/** Random operations in transactions of a few, and now and then a look at the image as it is. */
const exercise = ({ checksum, operations: operationCount, pageSize, size }: Case, seed: number) =>
  makeImage({ checksum, pageSize, size }, (volume, image) =>
    Effect.gen(function* () {
      const operations = new Operations(seed, pageSize)
      let fallen = 0
      for (let done = 0; done < operationCount;) {
        const count = 1 + ((done * 7) % 13)
        const group = Effect.gen(function* () {
          for (let step = 0; step < count; step += 1) yield* volume.write(operations.next())
        })
        yield* Effect.catchReason(volume.transaction(group), "VolumeError", "DiskFull", () => Effect.void)
        if (Math.floor(done / 400) !== Math.floor((done + count) / 400)) {
          const shipped = yield* shippedSummary(volume)
          const reading = readSound(yield* image)
          fallen += reading.opened.rejected.length
          assert.deepStrictEqual(summaryOf(reading), shipped)
        }
        done += count
      }
      assert.strictEqual(fallen, 0)
      const { problems } = yield* volume.check({ deep: true })
      assert.deepStrictEqual(problems, [])
      return yield* shippedSummary(volume)
    })
  )

describe("the independent reader", () => {
  for (const one of cases) {
    it(`reads what is written with pages of ${one.pageSize} in ${one.size / kibibyte} KiB and ${one.checksum}`, async () => {
      const seed = one.pageSize + one.checksum.length
      const { image, value } = await runFixed(exercise(one, seed))
      const reading = readSound(image)
      const summary = summaryOf(reading)
      assert.isTrue(reading.opened.record.clean)
      assert.deepStrictEqual({ ...summary, generation: 0 }, { ...value, generation: 0 })
      const again = await runFixed(openImage(image, shippedSummary))
      assert.deepStrictEqual(again, summary)
      for (const label of reading.ledger.totals().keys()) met.add(label)
    })
  }

  it("has met every structure", () => {
    const structures = new Set([...met].map((label) => label.replace(/:.*/, "")))
    const all = ["data run", "map node", "rope branch", "root record", "superblock", "tree node"]
    assert.includeMembers([...structures], all)
    const fields = ["cell key", "cell value bytes", "dead cells", "entry number", "inode content"]
    assert.includeMembers([...met], ["map node: bits", "map node: pointer birth", "root record: freed"])
    assert.includeMembers(
      [...met],
      fields.map((field) => `tree node: ${field}`)
    )
  })
})
