/**
 * The benchmarks, as JSON lines: ours and others on the same work with the same durability, in one run.
 *
 *     npm run bench                                   all rows
 *     npm run bench -- --quick                        all rows of the contest, a little of each, in under two minutes
 *     npm run bench -- --rows put1,put64 --rounds 5   some of them; medians of five rounds
 *     npm run bench -- --rows growth --growth-names 100000 --growth-mib 1024
 *     npm run bench -- --rows snapshots --snapshots 10000
 *     npm run bench -- --contestants raw,ours,lmdb    some of them; a ratio needs its base
 *     npm run bench -- --publish                      all rows of the contest and growth, into docs/performance
 *
 * A row with a bound (see `bounds`) measures ours alone or against what the system has; the rest is the contest (see `rows`), and
 * `growth`. What cannot be measured is said, and the rest goes on.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Bounds from "./bounds/Bounds.ts"
import * as Contestants from "./contest/Contestants.ts"
import * as Growth from "./Growth.ts"
import * as Machine from "./Machine.ts"
import * as Publication from "./report/Publication.ts"
import * as Rounds from "./Rounds.ts"
import { groups } from "./rows/Rows.ts"
import * as Scale from "./Scale.ts"

const { values } = parseArgs({
  options: {
    rows: { type: "string" },
    rounds: { type: "string" },
    contestants: { type: "string" },
    quick: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
    snapshots: { type: "string", default: "1000" },
    "growth-names": { type: "string" },
    "growth-mib": { type: "string" },
    in: { type: "string" }
  }
})

const GROWTH = "growth"
const base = values.quick ? Scale.quick : Scale.full
const scale: Scale.Scale = {
  ...base,
  growthNames: Number(values["growth-names"] ?? base.growthNames),
  growthMiB: Number(values["growth-mib"] ?? base.growthMiB)
}
const rounds = Number(values.rounds ?? scale.rounds)
const contestIds = groups.flatMap(({ rows }) => rows.map(({ id }) => id))
const boundNames = Object.keys(Bounds.rows)
const asked =
  values.rows?.split(",") ??
  (values.quick || values.publish ? [...contestIds, GROWTH] : [...contestIds, GROWTH, ...boundNames])

/** A row is asked for by its name, or by the part of it that it shares with others: `reopen` is `reopen-keys` too. */
const wants = (id: string): boolean => asked.some((name) => id === name || id.startsWith(`${name}-`))

const known = [...contestIds, GROWTH, ...boundNames]
for (const name of asked) {
  if (!known.some((id) => id === name || id.startsWith(`${name}-`))) {
    throw new Error(`There is no row ${name}; there are ${known.join(", ")}.`)
  }
}

const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(values.in ?? tmpdir(), "notafs-bench-"))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const unableToMeasure: Array<string> = []
const unable = (what: string, error: unknown): void => {
  const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0]
  const line = `${what} cannot be measured: ${reason}`
  if (unableToMeasure.includes(line)) return
  unableToMeasure.push(line)
  console.log(JSON.stringify({ unable: line }))
}

const rounded = (value: number): number => Number(value.toPrecision(4))

const results: Array<Rounds.Result> = []
const contestGroups = groups.filter(({ rows }) => rows.some(({ id }) => wants(id)))
const chosen = values.contestants?.split(",")
const all = contestGroups.length > 0 ? await Contestants.available(unable) : []
const contestants = all.filter(({ name }) => chosen === undefined || chosen.includes(name))
for (const group of contestGroups) {
  await inFolder(async (folder) => {
    const told = (what: string, error: unknown): void => unable(`${group.rows[0].id}: ${what}`, error)
    const options = { scale, rounds, folder, contestants, wants, unable: told }
    for (const result of await Rounds.run(group, options)) {
      results.push(result)
      const { id: row, unit } = result.row
      for (const { all: every, contestant, ms, note, value } of result.figures) {
        const times = ms === undefined ? {} : { ms: rounded(ms) }
        console.log(
          JSON.stringify({ row, contestant, value: rounded(value), unit, ...times, note, all: every.map(rounded) })
        )
      }
    }
  })
}

let curves: ReadonlyArray<Growth.Curve> = []
if (wants(GROWTH)) {
  await inFolder(async (folder) => {
    curves = await Growth.run({ folder, scale })
    for (const { id, points } of curves) {
      for (const { commit, get, open, size } of points) {
        const [commitMs, openMs, getMs] = [commit, open, get].map(rounded)
        console.log(JSON.stringify({ row: `${GROWTH}-${id}`, size, commitMs, openMs, getMs }))
      }
    }
  })
}

for (const name of boundNames.filter(wants)) {
  const options = { snapshots: Number(values.snapshots) }
  for (const row of await Bounds.run(name, rounds, options, inFolder)) console.log(JSON.stringify(row))
}

if (values.publish) {
  Publication.write({
    scale,
    rounds,
    machine: Machine.describe(values.in ?? tmpdir()),
    notes: contestants.map(({ name, notes }) => ({ name, notes })),
    results,
    curves,
    unable: unableToMeasure
  })
}
