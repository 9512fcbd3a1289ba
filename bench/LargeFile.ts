/** A file of 1 GiB in and out, in calls of 1 MiB; the baseline is `node:fs` with the same calls and a datasync. */
import { join } from "node:path"
import * as Child from "./Child.ts"
import type { Row } from "./Row.ts"

/** Half the baseline's speed is twice its time. */
const RATIO_BOUND = 2
const MEMORY_BOUND = 256

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const image = join(folder, "large.img")
  const plain = join(folder, "large.plain")
  const rows: Array<Row> = []
  for (const direction of ["in", "out"]) {
    const baseline = await Child.script("largeFile.child.ts", direction, "plain", plain)
    const ours = await Child.script("largeFile.child.ts", direction, "notafs", image)
    rows.push(
      {
        row: `1 GiB ${direction}, 1 MiB calls / node:fs`,
        value: ours.ms / baseline.ms,
        unit: "ratio",
        bound: RATIO_BOUND,
        ours: ours.ms,
        baseline: baseline.ms
      },
      { row: `1 GiB ${direction}, peak resident memory`, value: ours.peakMiB, unit: "MiB", bound: MEMORY_BOUND }
    )
  }
  return rows
}
