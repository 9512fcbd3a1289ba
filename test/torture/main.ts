/**
 * The torture: the tests T1 to T11, T13 and T14 beyond the figures of `npm test`, on both cores, until the time is over.
 *
 *     npm run torture -- --for 10m                        all tests, a round of each in turn
 *     npm run torture -- --for 2h --only T2,T4 --seed 7   two of them, with other draws
 *     npm run torture -- --shrink T4 --seed 27            what it takes to break the rule that seed 27 of T4 breaks
 *     npm run torture -- --replay reports/torture/T4-27.json
 *
 * Standard output gets a line of JSON for each test, standard error the progress. A failure prints the command that replays it
 * alone; then the exit status is 1. The harnesses are those of `npm test`: a round is a run of vitest on their files, and their
 * figures come from the environment (`Scale`):
 *
 *     NOTAFS_SEEDS       T4, T6, T13 and test/core/Files: `2000` the first so many, `400+200` so many from there, `=17` that one
 *     NOTAFS_SEED        T2, T3, T5, T9, T13 with real processes and the property tests: draws other samples
 *     NOTAFS_DEPTH       T2, T3: 0 to 4 ("full"), each deeper; T1, T5: with 1 deep, or all of it
 *     NOTAFS_PIECE       T1, T2, T3, T5: `2/8` is the third of eight pieces of all that is tried
 *     NOTAFS_ONLY        T2, T3, T5: the one case of this name
 *     NOTAFS_OPERATIONS  T4: how many to a seed, 300 without it
 *     NOTAFS_WITHOUT     T6: changes of an image that are left out, `0,2`
 *     NOTAFS_KILLS       T9: how many
 *     NOTAFS_GIT_KILLS, NOTAFS_QUEUE_KILLS, NOTAFS_HTTP_KILLS   of test/node-fs/Git, test/shell/killQueue, test/docs/HttpFiles: how many
 *     NOTAFS_SECONDS     T10: how long
 *     NOTAFS_ROUNDS      T13 with real processes: how many rounds
 *     NOTAFS_COMMITS     T14: how many
 *     NOTAFS_RUNS        the property tests: how many times as often
 *     NOTAFS_TRACE       T4, T6: a file to hold the replay of what is being tried
 *     NOTAFS_IMAGES      T2, T3: a file to which the fingerprints of crash images are added
 */
import { parseArgs } from "node:util"
import { OPERATIONS } from "../simulation/SimulationRun.ts"
import * as Case from "./Case.ts"
import * as Table from "./Table.ts"
import * as Torture from "./Torture.ts"

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

const millisOf = (text: string): number => {
  const [, number, unit] = /^(\d+)([smh])$/.exec(text) ?? []
  if (number === undefined) throw new Error(`${text} is no time; say 30s, 10m or 2h`)
  return Number(number) * UNITS[unit]
}

const testsOf = (only: string | undefined): ReadonlyArray<Table.Test> => {
  if (only === undefined) return Table.tests
  const names = only.split(",")
  const unknown = names.filter((name) => !Table.tests.some((test) => test.name === name))
  if (unknown.length > 0)
    throw new Error(`there is no ${unknown.join()}; there are ${Table.tests.map(({ name }) => name)}`)
  return Table.tests.filter(({ name }) => names.includes(name))
}

const { values } = parseArgs({
  options: {
    for: { type: "string" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    shrink: { type: "string" },
    operations: { type: "string", default: String(OPERATIONS) },
    replay: { type: "string" }
  }
})
const seed = Number(values.seed)

if (values.shrink !== undefined) {
  const operations = Number(values.operations)
  const isFound = await Case.shrink({ test: values.shrink, seed, operations, millis: millisOf(values.for ?? "2m") })
  process.exitCode = isFound ? 1 : 0
} else if (values.replay !== undefined) {
  process.exitCode = (await Case.replay(values.replay)) ? 1 : 0
} else {
  const say = (text: string): void => console.error(text)
  const tests = testsOf(values.only)
  const ending = new AbortController()
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => ending.abort())
  const { signal } = ending
  const figures = await Torture.run({ tests, seed, millis: millisOf(values.for ?? "10m"), say, signal })
  for (const one of figures) console.log(JSON.stringify(one))
  process.exitCode = figures.some(({ hasFailed }) => hasFailed) ? 1 : 0
}
