/**
 * What a commit of one small change among many names writes: into a store of so many keys, one of which gets another value. Ours
 * counts its pages, roots too; of the others the system counts what they gave it to write, in pages of its cache.
 */
import * as Child from "../Child.ts"
import type { Group } from "./Row.ts"

export const group: Group = {
  rows: [
    {
      id: "bytes",
      title: "bytes written per such commit, one client, 100,000 names",
      unit: "kB",
      reach: 24,
      aim: 8
    }
  ],
  isApart: true,
  run: ({ forContestant, scale }) =>
    forContestant(
      ({ name, pairs }) => pairs !== undefined && name !== "raw",
      scale.names * 500,
      async ({ name }, place) => {
        const { names, commits } = scale
        const { counted, system } = await Child.bytes({ contestant: name, ...place, names, commits })
        const note = counted === undefined ? undefined : `the system counts ${(system / 1000).toFixed(1)} kB`
        return [{ row: "bytes", contestant: name, value: (counted ?? system) / 1000, note }]
      }
    )
}
