/** Small values in transactions of a thousand, in random order of their keys; got at random, and all in order. */
import * as Material from "../Material.ts"
import { expect, type Group, type Sample, time } from "./Row.ts"

const workOf = Material.kept((count) => {
  const all = Material.entries(count)
  return { all, batches: Material.batches(all) }
})

export const group: Group = {
  rows: [
    {
      id: "load",
      title: "load 200k keys of 100 B, 1,000 a transaction",
      unit: "ratio",
      base: "raw",
      reach: 4.5,
      aim: 3
    },
    { id: "get", title: "random get of those", unit: "ratio", base: "raw", reach: 1, aim: 0.7 },
    { id: "scan", title: "ordered scan of those", unit: "ratio", base: "raw", reach: 0.3, aim: 0.1 }
  ],
  run: ({ forContestant, scale, wants }) => {
    const { all, batches } = workOf(scale.pairs)
    const valueBytes = all[0].value.length
    const some = Material.someOf(all, scale.gets)
    return forContestant(
      ({ pairs }) => pairs !== undefined,
      all.length * 200,
      async ({ name, pairs: open }, place) => {
        const pairs = await open!(place)
        const samples: Array<Sample> = []
        const load = await time(() => pairs.load(batches))
        samples.push({ row: "load", contestant: name, value: load })
        if (wants("get")) {
          // What is compiled at first is for nobody.
          await pairs.get(some.slice(0, scale.gets / 10))
          const get = await time(async () => expect("bytes got", await pairs.get(some), some.length * valueBytes))
          samples.push({ row: "get", contestant: name, value: get })
        }
        if (wants("scan")) {
          const scan = await time(async () => {
            const found = await pairs.scan()
            if (found < all.length * valueBytes) throw new Error(`a scan of ${found} bytes`)
          })
          samples.push({ row: "scan", contestant: name, value: scan })
        }
        await pairs.close()
        return samples
      }
    )
  }
}
