/** Rows that have a bound rather than a contest: what was promised of the volume alone. */
import * as CachedOperations from "./CachedOperations.ts"
import * as FolderImport from "./FolderImport.ts"
import * as LargeFile from "./LargeFile.ts"
import * as LargeImport from "./LargeImport.ts"
import * as ManySnapshots from "./ManySnapshots.ts"
import * as ManyWriters from "./ManyWriters.ts"
import * as Opening from "./Opening.ts"
import type { Options, Row } from "./Row.ts"
import * as SmallChange from "./SmallChange.ts"
import * as Stalls from "./Stalls.ts"

export const rows: Record<string, (folder: string, options: Options) => Promise<ReadonlyArray<Row>>> = {
  cached: CachedOperations.run,
  tool: FolderImport.run,
  large: LargeFile.run,
  huge: LargeImport.run,
  open: Opening.run,
  put: SmallChange.run,
  snapshots: ManySnapshots.run,
  stalls: Stalls.run,
  writers: ManyWriters.run
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000

/** The rows of a name, round after round; their medians as they are printed. */
export const run = async (
  name: string,
  rounds: number,
  options: Options,
  inFolder: (use: (folder: string) => Promise<void>) => Promise<void>
): Promise<ReadonlyArray<object>> => {
  const results = new Map<string, Array<Row>>()
  for (let round = 0; round < rounds; round++) {
    await inFolder(async (folder) => {
      for (const row of await rows[name](folder, options)) results.set(row.row, [...(results.get(row.row) ?? []), row])
    })
  }
  return Array.from(results, ([row, measured]) => {
    const sorted = measured.toSorted((a, b) => a.value - b.value)
    const { bound, unit, ...middle } = sorted[Math.floor(sorted.length / 2)]
    const met = bound === undefined ? undefined : middle.value <= bound
    return { ...middle, row, unit, bound, met, all: sorted.map(({ value }) => rounded(value)) }
  })
}
