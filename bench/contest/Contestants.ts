/** All contestants, and those of them that are there. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { type Contestant, type Name, NAMES } from "./Contestant.ts"
import * as Here from "../Here.ts"
import * as Peer from "./Peer.ts"

/** Each by itself, since a process that measures memory has only the one that it measures. */
const rooms: Record<Name, () => Promise<Contestant>> = {
  raw: async () => (await import("./Raw.ts")).contestant,
  tar: async () => (await import("./Tar.ts")).contestant,
  ours: async () => (await import("./Ours.ts")).contestant,
  sqlite: async () => (await import("./Sqlite.ts")).contestant,
  chunked: async () => (await import("./Sqlite.ts")).chunked,
  lmdb: async () => (await import("./Lmdb.ts")).contestant,
  level: async () => (await import("./Level.ts")).contestant,
  agentfs: async () => (await import("./AgentFs.ts")).contestant,
  memfs: async () => (await import("./Memfs.ts")).contestant
}

export const named = (name: Name): Promise<Contestant> => rooms[name]()

/** Installs the packages of others, if that has not been done. */
const install = (): void => {
  const folder = join(Here.root, "bench")
  if (existsSync(join(folder, "node_modules"))) return
  console.error("bench/node_modules is missing: installing what the benchmarks are measured against (npm ci).")
  spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: ["ignore", 2, 2] })
}

/** Those that load; `unable` is told of the others. */
export const available = async (unable: (what: string, error: unknown) => void): Promise<ReadonlyArray<Contestant>> => {
  install()
  const found: Array<Contestant> = []
  for (const name of NAMES) {
    const contestant = await named(name)
    try {
      if (contestant.packageName !== undefined) await Peer.load(contestant.packageName)
      found.push(contestant)
    } catch (error) {
      unable(contestant.name, error)
    }
  }
  return found
}
