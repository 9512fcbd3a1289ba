import { assert, describe, it } from "vitest"
import * as Scale from "../torture/Scale.ts"
import { FilesRun, type RunOptions } from "./FilesRun.ts"
import { parameters } from "./propertyRuns.ts"

/** Failures name their seed: `NOTAFS_SEEDS==<seed>` runs it alone. */
const { count: seedCount, first: firstSeed } = Scale.seeds(1) ?? { first: 1, count: 2 }

const KINDS: ReadonlyArray<Omit<RunOptions, "seed"> & { readonly name: string }> = [
  {
    name: "pages of 512 bytes",
    pageBytes: 512,
    pageCount: 6000,
    steps: parameters(600).numRuns,
    unkindness: { forget: 0.3, abandon: 0.2 }
  },
  {
    name: "a small volume",
    pageBytes: 512,
    pageCount: 400,
    steps: parameters(600).numRuns,
    unkindness: { forget: 0.1, abandon: 0.1 }
  },
  {
    name: "pages of 4096 bytes",
    pageBytes: 4096,
    pageCount: 2000,
    steps: parameters(600).numRuns,
    unkindness: { forget: 0.3, abandon: 0.2 }
  }
]

describe("Files against a model", () => {
  for (const { name, ...options } of KINDS) {
    it(name, () => {
      const histogram: Record<string, number> = {}
      const add = (more: object): void => {
        for (const [key, count] of Object.entries(more)) histogram[key] = (histogram[key] ?? 0) + count
      }
      for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
        const run = new FilesRun({ seed, ...options })
        let step = 0
        try {
          for (; step < options.steps; step++) run.step()
          run.compare()
          run.commit()
          run.volume.reopen()
          run.compare()
        } catch (thrown) {
          console.error(`seed ${seed}, step ${step}`)
          throw thrown
        }
        add(run.histogram)
        add(run.volume.statistics)
      }
      assert.isAbove(histogram["commits"] ?? 0, 0)
      console.log(JSON.stringify({ name, ...histogram }))
    })
  }
})
