import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import type { Reading } from "./Reader.ts"
import type { Summary } from "./Summary.ts"
import { summaryOf } from "./Summary.ts"

/** What is written down of a golden image. */
export interface GoldenListing {
  readonly isClean: boolean
  readonly rejectedRoots: ReadonlyArray<number>
  readonly volume: Summary
}

const folder = path.join(import.meta.dirname, "golden")

const imageFile = (name: string): string => path.join(folder, `${name}.img.gz`)
const listingFile = (name: string): string => path.join(folder, `${name}.json`)

export const listingOf = (reading: Reading): GoldenListing => ({
  isClean: reading.opened.record.clean,
  rejectedRoots: reading.opened.rejected.map(({ record }) => record.generation),
  volume: summaryOf(reading)
})

export const readGoldenImage = (name: string): Uint8Array =>
  new Uint8Array(gunzipSync(fs.readFileSync(imageFile(name))))

export const readGoldenListing = (name: string): GoldenListing =>
  JSON.parse(fs.readFileSync(listingFile(name), "utf8")) as GoldenListing

/** Writes both files and answers the bytes of the compressed image. */
export const writeGolden = (name: string, image: Uint8Array, listing: GoldenListing): number => {
  const compressed = gzipSync(image, { level: 9 })
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(imageFile(name), compressed)
  fs.writeFileSync(listingFile(name), `${JSON.stringify(listing, undefined, 1)}\n`)
  return compressed.length
}

/** Brings the listings into the form that the project's formatter wants. */
export const formatListings = (): void => {
  execFileSync(path.join(import.meta.dirname, "../../node_modules/.bin/oxfmt"), ["--write", folder])
}

export const goldenNames = (): ReadonlyArray<string> =>
  fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".img.gz"))
    .map((name) => name.slice(0, -".img.gz".length))
