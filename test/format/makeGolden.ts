/** Makes the golden images anew, on purpose: `node test/format/makeGolden.ts`. See README.md for when that is allowed. */
import { formatListings, listingOf, writeGolden } from "./goldenFiles.ts"
import { makeGolden, recipes } from "./goldenRecipes.ts"
import { readImage } from "./Reader.ts"

for (const recipe of recipes) {
  const image = await makeGolden(recipe)
  const reading = readImage(image)
  if (reading.complaints.length > 0) throw new Error(`${recipe.name}: ${reading.complaints.join("; ")}`)
  const byteCount = writeGolden(recipe.name, image, listingOf(reading))
  console.log(`${recipe.name}: ${image.length} bytes, ${byteCount} compressed`)
}
formatListings()
