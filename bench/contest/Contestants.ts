/** All contestants, and those of them that are there. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as AgentFs from "./AgentFs.ts"
import type { Contestant } from "./Contestant.ts"
import * as Level from "./Level.ts"
import * as Lmdb from "./Lmdb.ts"
import * as Memfs from "./Memfs.ts"
import * as Ours from "./Ours.ts"
import * as Peer from "./Peer.ts"
import * as Raw from "./Raw.ts"
import * as Sqlite from "./Sqlite.ts"
import * as Tar from "./Tar.ts"

const all: ReadonlyArray<Contestant> = [
  Raw.contestant,
  Tar.contestant,
  Ours.contestant,
  Sqlite.contestant,
  Sqlite.chunked,
  Lmdb.contestant,
  Level.contestant,
  AgentFs.contestant,
  Memfs.contestant
]

export const named = (name: string): Contestant => {
  const found = all.find((contestant) => contestant.name === name)
  if (found === undefined) throw new Error(`There is no contestant ${name}.`)
  return found
}

/** Installs the packages of others, if that has not been done. */
const install = (): void => {
  const folder = join(import.meta.dirname, "..")
  if (existsSync(join(folder, "node_modules"))) return
  console.error("bench/node_modules is missing: installing what the benchmarks are measured against (npm ci).")
  spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: ["ignore", 2, 2] })
}

/** Those that load; `unable` is told of the others. */
export const available = async (unable: (what: string, error: unknown) => void): Promise<ReadonlyArray<Contestant>> => {
  install()
  const found: Array<Contestant> = []
  for (const contestant of all) {
    try {
      if (contestant.packageName !== undefined) await Peer.load(contestant.packageName)
      found.push(contestant)
    } catch (error) {
      unable(contestant.name, error)
    }
  }
  return found
}
