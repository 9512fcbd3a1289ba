/** The process of a `Player`: `ROW NAME ROWS`, which are the group's first row, the contestant, and the rows that are asked for. */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Name } from "./contest/Contestant.ts"
import * as Contestants from "./contest/Contestants.ts"
import type * as Player from "./Player.ts"
import type { Round, Sample } from "./rows/Row.ts"
import { groups } from "./rows/Rows.ts"
import * as Scratch from "./Scratch.ts"

/** Work on more than this is done while the system has memory at hand; see `Scratch`. */
const PRIME_BYTES = 100 * 1024 * 1024

const [row, name, ids] = process.argv.slice(2)
const group = groups.find(({ rows }) => rows[0].id === row)
const contestant = await Contestants.named(name as Name)
const wanted = new Set(ids.split(","))

const take = async ({ folder, keptFolder, scale }: Player.Turn): Promise<Player.Answer> => {
  const faults: Array<string> = []
  const forContestant: Round["forContestant"] = async (takesPart, byteCount, measure) => {
    if (!takesPart(contestant)) return []
    const own = join(folder, contestant.name)
    mkdirSync(own)
    if (byteCount > PRIME_BYTES) Scratch.prime(folder)
    Scratch.settle()
    const samples: Array<Sample> = []
    try {
      samples.push(...(await measure(contestant, { folder: own, byteCount })))
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error))
    }
    rmSync(own, { recursive: true, force: true })
    return samples
  }
  const samples = (await group?.run({ scale, keptFolder, wants: (id) => wanted.has(id), forContestant })) ?? []
  return { samples, faults }
}

process.on("message", (turn: Player.Turn) => void take(turn).then((answer) => process.send?.(answer)))
