/** A value of hundreds of megabytes: set, got, and a part of it read and written. */
import * as Material from "../Material.ts"
import { expect, type Group, median, type Sample, time } from "./Row.ts"

const PART_BYTES = 1000
/** Who takes no longer than this for one part of a few is asked for many. */
const MANY_MS = 20
const FEW = 3

/** The middle of many, if a few are quick. */
const settled = async (
  of: (offsets: ReadonlyArray<number>) => Promise<ReadonlyArray<number>>,
  byteCount: number,
  many: number,
  seed: number
): Promise<number> => {
  const few = median(await of(Material.middle(byteCount, FEW, seed)))
  return few > MANY_MS ? few : median(await of(Material.middle(byteCount, many, seed + 1)))
}

export const group: Group = {
  rows: [
    { id: "set400", title: "set a 400 MB value, durable", unit: "ratio", base: "raw", reach: 1.3, aim: 0.9 },
    { id: "getwhole", title: "get it whole", unit: "ratio", base: "raw", reach: 1.5, aim: 1.1 },
    { id: "middleread", title: "1 kB from the middle of 400 MB", unit: "ratio", base: "raw", reach: 6, aim: 3 },
    {
      id: "middlewrite",
      title: "1 kB into the middle of 400 MB, durable",
      unit: "ratio",
      base: "raw",
      reach: 2,
      aim: 1.2
    }
  ],
  run: ({ forContestant, scale, wants }) => {
    const all = Material.large(scale.largeBytes)
    const part = Material.chunk.subarray(0, PART_BYTES)
    return forContestant(
      ({ content }) => content !== undefined,
      2 * all.length,
      async ({ content: open, isVolatile = false, largeDivisor = 1, name }, place) => {
        const content = await open!(place)
        const value = all.subarray(0, all.length / largeDivisor)
        const samples: Array<Sample> = []
        const add = (row: string, ms: number): void => void samples.push({ row, contestant: name, value: ms })
        const set = await time(() => content.set(value))
        if (!isVolatile) add("set400", set * largeDivisor)
        if (wants("getwhole")) {
          const get = await time(async () => expect("bytes got", await content.get(), value.length))
          add("getwhole", get * largeDivisor)
        }
        if (wants("middleread")) {
          add(
            "middleread",
            await settled((offsets) => content.read(offsets, PART_BYTES), value.length, scale.parts, 10)
          )
        }
        if (wants("middlewrite") && !isVolatile) {
          add("middlewrite", await settled((offsets) => content.write(offsets, part), value.length, scale.parts, 20))
        }
        await content.close()
        return samples
      }
    )
  }
}
