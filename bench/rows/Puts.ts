/**
 * Durable puts of 100 bytes into an empty store: by one client, and by 64 at a time. Each contestant does the same in another store before:
 * who commits many times a second has been running for a while, and what is compiled at first is for nobody.
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Entry, Pairs } from "../contest/Contestant.ts"
import * as Material from "../Material.ts"
import type { Scale } from "../Scale.ts"
import { type Group, median, type Sample, time } from "./Row.ts"

const CLIENTS = 64
const STORE_BYTES = 64 * 1024 * 1024

export const group: Group = {
  rows: [
    { id: "put1", title: "durable 100 B put, one client (p50)", unit: "ratio", base: "raw", reach: 1.2, aim: 0.9 },
    { id: "put64", title: "the same, 64 clients (per put)", unit: "ratio", base: "raw", reach: 0.11, aim: 0.06 }
  ],
  run: ({ forEach, scale, wants }) =>
    forEach(
      ({ pairs }) => pairs !== undefined,
      STORE_BYTES,
      async ({ name, pairs: open }, place) => {
        const all = Material.entries(scale.puts + scale.putsTogether)
        const folder = join(place.folder, "before")
        mkdirSync(folder)
        await puts(await open!({ ...place, folder }), all, scale)
        rmSync(folder, { recursive: true })
        const { alone, together } = await puts(await open!(place), all, scale)
        const samples: Array<Sample> = []
        if (wants("put1")) samples.push({ row: "put1", contestant: name, value: median(alone) })
        if (wants("put64")) samples.push({ row: "put64", contestant: name, value: together / scale.putsTogether })
        return samples
      }
    )
}

/** Milliseconds of each put by one client, and of all that are by 64. */
const puts = async (pairs: Pairs, all: ReadonlyArray<Entry>, scale: Scale) => {
  const alone = await pairs.putAlone(all.slice(0, scale.puts))
  const together = await time(() => pairs.putTogether(all.slice(scale.puts), CLIENTS))
  await pairs.close()
  return { alone, together }
}
