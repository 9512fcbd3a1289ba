import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Scale from "../torture/Scale.ts"
import { compare, onVolume } from "./FileSystemDifference.ts"

/** `NOTAFS_FILE_SYSTEM_OPERATIONS=200000` tries more. */
const TOTAL = Scale.number("FILE_SYSTEM_OPERATIONS", 20_000)
const OPERATIONS = 2000
const SEEDS = Array.from({ length: Math.ceil(TOTAL / OPERATIONS) }, (_, i) => i + 1)

const histogram = new Map<string, number>()

describe("VolumeFileSystem and NodeFileSystem", () => {
  for (const seed of SEEDS) {
    it.live(`are the same over random operations (seed ${seed})`, () =>
      Effect.gen(function* () {
        const { differences, outcomes, problems } = yield* compare(seed, OPERATIONS)
        assert.deepStrictEqual(differences, [])
        assert.deepStrictEqual(problems, [])
        for (const [outcome, count] of outcomes) histogram.set(outcome, (histogram.get(outcome) ?? 0) + count)
      }).pipe(Effect.provide(Layer.fresh(onVolume)))
    )
  }

  afterAll(() => {
    const lines = [...histogram].sort(([a], [b]) => (a < b ? -1 : 1)).map(([outcome, count]) => `${outcome} ${count}`)
    console.log(lines.join(", "))
  })
})
