import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { Random } from "../../src/testing/Random.ts"
import { Operations } from "./Operations.ts"
import { readImage } from "./Reader.ts"
import { summaryOf } from "./Summary.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, runFixed } from "./TestImage.ts"

const formats: ReadonlyArray<Format> = [
  { pageSize: 512, checksum: "xxh64", size: 65_536 },
  { pageSize: 4096, checksum: "sha256", size: 131_072 }
]

/** Bytes that may be anything. */
const meaningless = new Set(["free page", "slot: wiped", "slot: no root"])

const smallImage = async (format: Format): Promise<Uint8Array> => {
  const { image } = await runFixed(
    makeImage(format, (volume) =>
      Effect.gen(function* () {
        const operations = new Operations(3, format.pageSize)
        for (let done = 0; done < 60; done += 1) {
          const write = Effect.suspend(() => volume.write(operations.next()))
          yield* Effect.catchReason(write, "VolumeError", "DiskFull", () => Effect.void)
          if (done === 20) yield* volume.snapshots.create("old")
          if (done === 40) yield* volume.snapshots.create("new")
          if (done === 50) yield* volume.snapshots.rollback("new")
        }
      })
    )
  )
  return image
}

/** What a reading shows of the root that it took, and what it complains of. */
const shown = (image: Uint8Array): string => {
  try {
    const reading = readImage(image)
    const records = reading.opened.slots.map((slot) => (typeof slot === "string" ? slot : slot.generation))
    return JSON.stringify([summaryOf(reading), records, reading.complaints])
  } catch (fault) {
    return `${fault}`
  }
}

describe.each(formats)("a small volume with pages of $pageSize and $checksum", (format) => {
  it("has no byte that the document does not explain", async () => {
    const image = await smallImage(format)
    const { complaints, ledger } = readImage(image)
    const totals = ledger.totals()
    assert.deepStrictEqual(complaints, [])
    assert.strictEqual(totals.get("unexplained"), 0)
    assert.strictEqual(
      [...totals.values()].reduce((sum, count) => sum + count, 0),
      image.length
    )
    const lines = [...totals].sort((left, right) => right[1] - left[1])
    console.log(lines.map(([label, count]) => `${`${count}`.padStart(7)}  ${label}`).join("\n"))
  })

  it("has no byte that means something and may change unseen", async () => {
    const image = await smallImage(format)
    const { ledger } = readImage(image)
    const random = new Random(5)
    const sound = shown(image)
    const places = new Map<string, Array<number>>()
    image.forEach((_, offset) => {
      const label = ledger.at(offset)
      const known = places.get(label)
      if (known === undefined) places.set(label, [offset])
      else known.push(offset)
    })
    for (const [label, offsets] of places) {
      if (meaningless.has(label)) continue
      for (let round = 0; round < 3; round += 1) {
        const offset = offsets[random.below(offsets.length)]
        const damaged = image.slice()
        damaged[offset] ^= 1 << random.below(8)
        assert.notStrictEqual(shown(damaged), sound, `${label} at ${offset}`)
      }
    }
  })
})
