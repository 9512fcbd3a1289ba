import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { Operations } from "./Operations.ts"
import { readImage } from "./Reader.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { summaryOf } from "./Summary.ts"
import { TableOperations } from "./TableOperations.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

interface Case extends Format {
  readonly operations: number
  readonly seed: number
}

const kibibyte = 1024
const cases: ReadonlyArray<Case> = (["xxh64", "sha256"] as const).flatMap((checksum) => [
  { checksum, pageSize: 512, size: 256 * kibibyte, operations: 700, seed: 1 },
  { checksum, pageSize: 4096, size: 4096 * kibibyte, operations: 300, seed: 2 },
  { checksum, pageSize: 65_536, size: 8192 * kibibyte, operations: 90, seed: 3 }
])
/** What the bytes of all images were. */
const met = new Set<string>()

/** Reads an image, makes sure that nothing is wrong or unexplained, and answers what it holds. */
const readSound = (image: Uint8Array) => {
  const reading = readImage(image)
  assert.deepStrictEqual(reading.complaints, [])
  assert.strictEqual(reading.ledger.totals().get("unexplained"), 0)
  for (const label of reading.ledger.totals().keys()) met.add(label)
  return reading
}

/** Random operations on tables and files in transactions of a few, with snapshots, and a look at the image as it is. */
const exercise = ({ operations: operationCount, pageSize, seed, ...format }: Case) =>
  makeImage({ ...format, pageSize }, (volume, image) =>
    Effect.gen(function* () {
      const tables = new TableOperations(seed, pageSize)
      const files = new Operations(seed, pageSize)
      const { create, remove, rollback } = volume.snapshots
      for (let done = 0; done < operationCount;) {
        const count = 1 + ((done * 7) % 13)
        const group = Effect.gen(function* () {
          for (let step = 0; step < count; step += 1) {
            yield* volume.write(step % 4 === 3 ? files.next() : tables.next())
          }
          if (done % 9 === 1) yield* create(`at ${done}`)
        })
        yield* Effect.catchReason(volume.transaction(group), "VolumeError", "DiskFull", () => Effect.void)
        const present = yield* volume.snapshots.list
        if (present.length > 4) yield* remove(present[done % 4].name)
        else if (done % 11 === 3 && present.length > 1) yield* rollback(present[1].name, { discardNewer: true })
        if (Math.floor(done / 100) !== Math.floor((done + count) / 100)) {
          const shipped = yield* shippedSummary(volume)
          assert.deepStrictEqual(summaryOf(readSound(yield* image)), shipped)
        }
        done += count
      }
      const { problems } = yield* volume.check({ deep: true })
      assert.deepStrictEqual(problems, [])
      return yield* shippedSummary(volume)
    })
  )

describe("the independent reader", () => {
  for (const one of cases) {
    it(`reads tables with pages of ${one.pageSize} in ${one.size / kibibyte} KiB and ${one.checksum}`, async () => {
      const { image, value } = await runFixed(exercise(one))
      const summary = summaryOf(readSound(image))
      assert.deepStrictEqual({ ...summary, generation: 0 }, { ...value, generation: 0 })
      assert.isNotEmpty(Object.keys(summary.tables ?? {}))
      const again = await runFixed(openImage(image, shippedSummary))
      assert.deepStrictEqual(again, summary)
    })
  }

  it("has met every structure of tables", () => {
    const fields = ["table number", "table count", "table entry form", "table entry value", "rope level"]
    assert.includeMembers(
      [...met],
      fields.map((field) => `tree node: ${field}`)
    )
    assert.include([...met], "rope branch: span")
  })
})
