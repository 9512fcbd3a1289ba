/**
 * The figures of the main job, each a ratio to a baseline in the same run, as JSON lines.
 *
 *     npm run bench                     all rows
 *     npm run bench -- --rows open,put  some of them
 *     npm run bench -- --rounds 3       medians of three rounds
 *     npm run bench -- --rows snapshots --snapshots 10000
 *
 * Ours and the baseline alternate within a round. Every figure goes through the public services: checksums, sync and all.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as FolderImport from "./FolderImport.ts"
import * as LargeFile from "./LargeFile.ts"
import * as ManySnapshots from "./ManySnapshots.ts"
import * as ManyWriters from "./ManyWriters.ts"
import * as Opening from "./Opening.ts"
import type { Options, Row } from "./Row.ts"
import * as SmallChange from "./SmallChange.ts"

const rows: Record<string, (folder: string, options: Options) => Promise<ReadonlyArray<Row>>> = {
  import: FolderImport.run,
  large: LargeFile.run,
  open: Opening.run,
  put: SmallChange.run,
  snapshots: ManySnapshots.run,
  writers: ManyWriters.run
}

const { values } = parseArgs({
  options: {
    rows: { type: "string" },
    rounds: { type: "string", default: "3" },
    snapshots: { type: "string", default: "1000" },
    in: { type: "string" }
  }
})

const names = values.rows?.split(",") ?? Object.keys(rows)
const rounds = Number(values.rounds)
const options: Options = { snapshots: Number(values.snapshots) }
for (const name of names) {
  const run = rows[name]
  if (run === undefined) throw new Error(`There is no row ${name}; there are ${Object.keys(rows).join(", ")}.`)
  const results = new Map<string, Array<Row>>()
  for (let round = 0; round < rounds; round++) {
    const folder = mkdtempSync(join(values.in ?? tmpdir(), "notafs-bench-"))
    for (const row of await run(folder, options)) results.set(row.row, [...(results.get(row.row) ?? []), row])
    rmSync(folder, { recursive: true, force: true })
  }
  for (const [row, measured] of results) {
    const sorted = measured.toSorted((a, b) => a.value - b.value)
    const { bound, unit, ...median } = sorted[Math.floor(sorted.length / 2)]
    const met = bound === undefined ? undefined : median.value <= bound
    console.log(JSON.stringify({ ...median, row, unit, bound, met, all: sorted.map(({ value }) => round3(value)) }))
  }
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000
}
