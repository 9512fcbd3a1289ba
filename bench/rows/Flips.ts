/**
 * One bit of a stored value is flipped on the disk, 40 times, each time another one: how often reading everything fails, rather
 * than giving other bytes than were stored. Where a value stands more than once, all of its places get the flip.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Random } from "../../src/testing/Random.ts"
import type { Contestant, Entry, Place } from "../contest/Contestant.ts"
import * as Material from "../Material.ts"
import type { Group } from "./Row.ts"

const FLIPS = 40
const ENTRIES = 1000
const STORE_BYTES = 1024 * 1024

/** Flips a bit of a value wherever it stands in the folder; answers in how many places. */
const flip = (folder: string, { value }: Entry, random: Random): number => {
  const at = random.below(value.length)
  const mask = 1 << random.below(8)
  let placeCount = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name)
    if (!statSync(path).isFile()) continue
    const bytes = readFileSync(path)
    let found = bytes.indexOf(value)
    if (found < 0) continue
    for (; found >= 0; found = bytes.indexOf(value, found + value.length)) {
      bytes[found + at] ^= mask
      placeCount++
    }
    writeFileSync(path, bytes)
  }
  return placeCount
}

/** What becomes of a store with a flip in it: an error, other bytes, or what was stored. */
const readAll = async (
  { pairs: open }: Contestant,
  place: Place,
  entries: ReadonlyArray<Entry>
): Promise<"noticed" | "wrong" | "same"> => {
  let pairs
  try {
    pairs = await open!(place)
    const count = await pairs.countSame(entries)
    return count === entries.length ? "same" : "wrong"
  } catch {
    return "noticed"
  } finally {
    await pairs?.close().catch(() => undefined)
  }
}

export const group: Group = {
  rows: [
    { id: "flip", title: "one flipped bit noticed, of 40", unit: "flips", reach: FLIPS, aim: FLIPS, isMore: true }
  ],
  run: ({ forContestant }) =>
    forContestant(
      ({ name, pairs }) => pairs !== undefined && name !== "raw",
      STORE_BYTES,
      async (contestant, place) => {
        const whole = join(place.folder, "whole")
        const flipped = join(place.folder, "flipped")
        mkdirSync(whole)
        const entries = Material.entries(ENTRIES)
        const pairs = await contestant.pairs!({ ...place, folder: whole })
        await pairs.load(Material.batches(entries))
        await pairs.close()
        const random = new Random(7)
        const counts = { noticed: 0, wrong: 0, same: 0 }
        for (let i = 0; i < FLIPS; i++) {
          cpSync(whole, flipped, { recursive: true })
          const placeCount = flip(flipped, entries[random.below(ENTRIES)], random)
          if (placeCount === 0) throw new Error("a value is not found on the disk")
          counts[await readAll(contestant, { ...place, folder: flipped }, entries)]++
          rmSync(flipped, { recursive: true })
        }
        const note = `${counts.wrong} gave wrong bytes, ${counts.same} changed nothing`
        return [{ row: "flip", contestant: contestant.name, value: counts.noticed, note }]
      }
    )
}
