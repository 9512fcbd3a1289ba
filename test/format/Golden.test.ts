import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { goldenNames, listingOf, readGoldenImage, readGoldenListing } from "./goldenFiles.ts"
import { makeGolden, recipes } from "./goldenRecipes.ts"
import { readImage } from "./Reader.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { openImage, runFixed } from "./TestImage.ts"

/** Where two images differ first; nothing if they are the same. */
const firstDifference = (left: Uint8Array, right: Uint8Array): number | undefined => {
  if (Buffer.compare(left, right) === 0) return undefined
  const offset = left.findIndex((byte, index) => byte !== right[index])
  return offset < 0 ? left.length : offset
}

describe("the golden images", () => {
  it("are those of the recipes", () => {
    assert.sameMembers(
      [...goldenNames()],
      recipes.map(({ name }) => name)
    )
  })

  it("hold every structure", () => {
    const labels = new Set<string>()
    const rejected = new Set<number>()
    for (const { name } of recipes) {
      const reading = readImage(readGoldenImage(name))
      for (const label of reading.ledger.totals().keys()) labels.add(label)
      rejected.add(reading.opened.rejected.length)
    }
    const fields = [
      "data run: content",
      "map node: bits",
      "map node: pointer birth",
      "root record: freed",
      "root record: used",
      "rope branch: span",
      "tree node: attribute value",
      "tree node: dead cells",
      "tree node: dead run pages",
      "tree node: generation of a name",
      "tree node: inode content",
      "tree node: pointer birth",
      "tree node: rollback target",
      "tree node: rope level",
      "tree node: snapshot name",
      "tree node: table count",
      "tree node: table entry value"
    ]
    assert.includeMembers([...labels], fields)
    assert.deepStrictEqual(rejected, new Set([0, 1]))
  })

  describe.each(recipes)("$name", (recipe) => {
    const { name } = recipe

    it("is what the writer of today makes, byte by byte", async () => {
      const made = await makeGolden(recipe)
      const golden = readGoldenImage(name)
      assert.strictEqual(made.length, golden.length)
      assert.isUndefined(firstDifference(made, golden))
    })

    it("is opened by the file system", async () => {
      const shipped = await runFixed(
        openImage(readGoldenImage(name), (volume) =>
          Effect.map(shippedSummary(volume), (summary) => ({ summary, rejected: volume.facts.rejectedRoots }))
        )
      )
      const listing = readGoldenListing(name)
      assert.deepStrictEqual(shipped.summary, listing.volume)
      assert.deepStrictEqual(shipped.rejected, listing.rejectedRoots)
    })

    it("passes the check of the file system", async () => {
      const report = await runFixed(openImage(readGoldenImage(name), (volume) => volume.check({ deep: true })))
      assert.deepStrictEqual(report.problems, [])
    })

    it("is read by the independent reader", () => {
      const reading = readImage(readGoldenImage(name))
      assert.deepStrictEqual(reading.complaints, [])
      assert.strictEqual(reading.ledger.totals().get("unexplained"), 0)
      assert.deepStrictEqual(listingOf(reading), readGoldenListing(name))
    })
  })
})
