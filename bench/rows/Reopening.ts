/**
 * How long a store takes to open after the process that wrote to it was killed: until one value is read, all code being loaded, that for
 * a store whose process was killed too: a small one is opened first. The stores are filled once; in every round a process makes some
 * changes and is killed after the last of them.
 */
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Child from "../Child.ts"
import type { Contestant } from "../contest/Contestant.ts"
import * as Material from "../Material.ts"
import * as Scale from "../Scale.ts"
import type { Group, Round } from "./Row.ts"

/** A store whose puts are slow gets a tenth of the names. */
const FEW = 10

const measure = (
  { forContestant, keptFolder, scale }: Round,
  row: string,
  takesPart: (contestant: Contestant) => boolean,
  kind: Child.Kind
) =>
  forContestant(takesPart, 0, async ({ largeDivisor = 1, name }) => {
    const crashed = async (folder: string, { reopenChunks, reopenNames }: Scale.Scale): Promise<Child.Work> => {
      const names = kind === "pairs" ? Math.ceil(reopenNames / (largeDivisor > 1 ? FEW : 1)) : 0
      const chunkCount = kind === "content" ? Math.ceil(reopenChunks / largeDivisor) : 0
      const byteCount = names * 300 + chunkCount * Material.CHUNK_BYTES
      const work = { contestant: name, folder, byteCount, names, chunkCount, kind }
      if (!existsSync(folder)) {
        mkdirSync(folder, { recursive: true })
        await Child.prepare(work)
      }
      await Child.crash(work)
      return work
    }
    const small = await crashed(join(keptFolder, row, `${name}-small`), Scale.before)
    const work = await crashed(join(keptFolder, row, name), scale)
    const { ms } = await Child.reopen({ ...work, before: small })
    const { chunkCount, names } = work
    const note = largeDivisor > 1 ? `of ${kind === "pairs" ? `${names} keys` : `${chunkCount} MiB`}` : undefined
    return [{ row, contestant: name, value: ms, note }]
  })

export const group: Group = {
  rows: [
    { id: "reopen-keys", title: "open after a kill, 1 M keys (modules loaded)", unit: "ms", reach: 5, aim: 1 },
    { id: "reopen-content", title: "open after a kill, 1 GB (modules loaded)", unit: "ms", reach: 5, aim: 1 }
  ],
  isApart: true,
  run: async (round) => {
    const keys = round.wants("reopen-keys")
      ? await measure(round, "reopen-keys", ({ name, pairs }) => pairs !== undefined && name !== "raw", "pairs")
      : []
    const content = round.wants("reopen-content")
      ? await measure(
          round,
          "reopen-content",
          ({ content: open, isVolatile = false, name }) =>
            open !== undefined && !isVolatile && name !== "raw" && name !== "sqlite",
          "content"
        )
      : []
    return [...keys, ...content]
  }
}
