import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { compare, onVolume } from "./FileSystemDifference.ts"

const OPERATIONS = 2000
const SEEDS = [1, 2, 3, 4, 5, 6]

const histogram = new Map<string, number>()

describe("VolumeFileSystem and NodeFileSystem", () => {
  for (const seed of SEEDS) {
    it.live(`are the same over random operations (seed ${seed})`, () =>
      Effect.gen(function* () {
        const { differences, outcomes } = yield* compare(seed, OPERATIONS)
        assert.deepStrictEqual(differences, [])
        for (const [outcome, count] of outcomes) histogram.set(outcome, (histogram.get(outcome) ?? 0) + count)
      }).pipe(Effect.provide(Layer.fresh(onVolume)))
    )
  }

  afterAll(() => {
    const lines = [...histogram].sort(([a], [b]) => (a < b ? -1 : 1)).map(([outcome, count]) => `${outcome} ${count}`)
    console.log(lines.join(", "))
  })
})
