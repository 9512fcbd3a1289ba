/**
 * How often and from which seed the property tests run: the same by default, so that a failure is there again.
 *
 * `NOTAFS_RUNS=10` runs each property ten times as often; `NOTAFS_SEED=1` begins elsewhere.
 * `NOTAFS_RUNS=0.1` is what mutants are run against (docs/mutants.md).
 */
import * as Scale from "../torture/Scale.ts"

const factor = Number(process.env["NOTAFS_RUNS"] ?? 1)
const seed = Scale.seed(20_251_122)

export const parameters = (runs: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns: Math.ceil(runs * factor),
  seed
})

/** How much of `count`, which the usual runs reach, has to be reached by fewer runs. More runs need not reach more. */
export const scaled = (count: number): number => Math.floor(count * Math.min(1, factor))
