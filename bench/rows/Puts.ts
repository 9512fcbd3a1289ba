/** Durable puts of 100 bytes into an empty store: by one client, and by 64 at a time. */
import * as Material from "../Material.ts"
import { type Group, median, type Sample, time } from "./Row.ts"

const CLIENTS = 64
const WARM_COUNT = 50
const STORE_BYTES = 64 * 1024 * 1024

export const group: Group = {
  rows: [
    { id: "put1", title: "durable 100 B put, one client (p50)", unit: "ratio", base: "raw", reach: 1.2, aim: 0.9 },
    { id: "put64", title: "the same, 64 clients (per put)", unit: "ratio", base: "raw", reach: 0.11, aim: 0.06 }
  ],
  run: ({ forContestant, scale, wants }) =>
    forContestant(
      ({ pairs }) => pairs !== undefined,
      STORE_BYTES,
      async ({ name, pairs: open }, place) => {
        const pairs = await open!(place)
        const all = Material.entries(WARM_COUNT + scale.puts + scale.putsTogether)
        const samples: Array<Sample> = []
        await pairs.putAlone(all.slice(0, WARM_COUNT))
        if (wants("put1")) {
          const times = await pairs.putAlone(all.slice(WARM_COUNT, WARM_COUNT + scale.puts))
          samples.push({ row: "put1", contestant: name, value: median(times) })
        }
        if (wants("put64")) {
          const ms = await time(() => pairs.putTogether(all.slice(WARM_COUNT + scale.puts), CLIENTS))
          samples.push({ row: "put64", contestant: name, value: ms / scale.putsTogether })
        }
        await pairs.close()
        return samples
      }
    )
}
