import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { compare, onVolume } from "./FileSystemDifference.ts"

const OPERATIONS = 1500

describe("VolumeFileSystem and NodeFileSystem", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it.live(`are the same over random operations (seed ${seed})`, () =>
      Effect.gen(function* () {
        const { differences, outcomes } = yield* compare(seed, OPERATIONS)
        assert.deepStrictEqual(differences, [])
        const histogram = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, count]) => `${key} ${count}`)
        console.log(`seed ${seed}: ${histogram.join(", ")}`)
      }).pipe(Effect.provide(Layer.fresh(onVolume)))
    )
  }
})
