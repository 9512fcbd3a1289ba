/** A value in pieces: a gigabyte in and out, and what memory that takes; and small pieces at the end, synced now and then. */
import * as Child from "../Child.ts"
import * as Material from "../Material.ts"
import { type Group, type Sample, time } from "./Row.ts"

const APPENDED_BYTES = 1000
const PER_SYNC = 100

export const group: Group = {
  rows: [
    { id: "streamin", title: "1 GB streamed in", unit: "ratio", base: "raw", reach: 1.5, aim: 1.1 },
    { id: "streamout", title: "1 GB streamed out", unit: "ratio", base: "raw", reach: 2.2, aim: 1.4 },
    { id: "memory", title: "peak memory of that", unit: "MiB", reach: 150, aim: 100 }
  ],
  isApart: true,
  run: async ({ forContestant, scale }) =>
    forContestant(
      ({ content, name }) => content !== undefined && name !== "sqlite" && name !== "memfs",
      scale.streamChunks * Material.CHUNK_BYTES,
      async ({ largeDivisor = 1, name }, place) => {
        const chunkCount = Math.ceil(scale.streamChunks / largeDivisor)
        const { inMs, outMs, peakMiB } = await Child.stream({ contestant: name, ...place, chunkCount })
        const samples: Array<Sample> = [
          { row: "streamin", contestant: name, value: inMs * largeDivisor },
          { row: "streamout", contestant: name, value: outMs * largeDivisor }
        ]
        return largeDivisor === 1 ? [...samples, { row: "memory", contestant: name, value: peakMiB }] : samples
      }
    )
}

export const appending: Group = {
  rows: [
    {
      id: "append",
      title: "append 10,000 x 1 kB, durable every 100",
      unit: "ratio",
      base: "raw",
      reach: 1.5,
      aim: 1.1
    }
  ],
  run: ({ forContestant, scale }) =>
    forContestant(
      ({ content, name }) => content !== undefined && name !== "sqlite" && name !== "memfs",
      scale.appends * APPENDED_BYTES,
      async ({ content: open, largeDivisor = 1, name }, place) => {
        const content = await open!(place)
        const piece = Material.chunk.subarray(0, APPENDED_BYTES)
        const count = Math.ceil(scale.appends / largeDivisor / PER_SYNC) * PER_SYNC
        await content.append?.(piece, PER_SYNC, PER_SYNC)
        const ms = await time(async () => content.append?.(piece, count, PER_SYNC))
        await content.close()
        return [{ row: "append", contestant: name, value: (ms * scale.appends) / count }]
      }
    )
}
