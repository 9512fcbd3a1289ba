/**
 * A file of 1 GiB in and out, in calls of 1 MiB; the baseline is `node:fs` with the same calls and a datasync.
 *
 * Both write while the system has memory at hand (see `Scratch`). Both read what the system has in memory already; and, where
 * the user may empty its cache, from the disk.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Child from "./Child.ts"
import type { Row } from "./Row.ts"
import * as Scratch from "../Scratch.ts"

/** Half the baseline's speed is twice its time. */
const RATIO_BOUND = 2
const MEMORY_BOUND = 256

/** Empties the system's cache of files, and answers whether it could. */
const emptyCache = (): boolean => {
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "1")
    return true
  } catch {
    return false
  }
}

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const image = join(folder, "large.img")
  const plain = join(folder, "large.plain")
  const rows: Array<Row> = []
  const compare = async (name: string, direction: "in" | "out" | "cold", prepare: () => unknown): Promise<void> => {
    prepare()
    const baseline = await Child.script("largeFile.child", direction, "plain", plain)
    prepare()
    const ours = await Child.script("largeFile.child", direction, "notafs", image)
    rows.push(
      {
        row: `1 GiB ${name}, 1 MiB calls / node:fs`,
        value: ours.ms / baseline.ms,
        unit: "ratio",
        bound: RATIO_BOUND,
        ours: ours.ms,
        baseline: baseline.ms
      },
      { row: `1 GiB ${name}, peak resident memory`, value: ours.peakMiB, unit: "MiB", bound: MEMORY_BOUND }
    )
  }
  await compare("in", "in", () => Scratch.prime(folder))
  if (emptyCache()) await compare("out, from the disk", "cold", emptyCache)
  await compare("out, from the system's cache", "out", () => undefined)
  return rows
}
