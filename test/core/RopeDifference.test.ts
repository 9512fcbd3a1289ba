/**
 * Differences of ropes against those of byte arrays: no byte that differs is left out, and what was not touched is not named.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isZero } from "../../src/core/Bytes.ts"
import type * as Rope from "../../src/core/Rope.ts"
import * as RopeDifference from "../../src/core/RopeDifference.ts"
import { makeRandom, NARROW, Pair, same, SMALL } from "./RopePair.ts"
import { parameters } from "./propertyRuns.ts"

describe("the difference of two ropes", () => {
  it("names every byte that differs", () => {
    let named = 0
    let untouched = 0
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(SMALL, NARROW), (seed, geometry) => {
        const random = makeRandom(seed)
        const pair = new Pair(geometry, undefined, seed, 40_000)
        const states: Array<{ rope: Rope.Rope; bytes: Uint8Array }> = []
        for (let round = 0; round < 4; round++) {
          for (let i = random.below(12); i > 0; i--) pair.step()
          pair.volume.commit()
          states.push({ rope: pair.volume.draft.roots, bytes: pair.model.slice() })
        }
        for (const before of states) {
          const after = random.pick(states)
          const found = pair.volume.perform((draft) => RopeDifference.ranges(draft, before.rope, after.rope))
          const isUntouched = (from: number, to: number): boolean =>
            to <= from || (to <= before.bytes.length && same(before.bytes.slice(from, to), after.bytes.slice(from, to)))
          let at = 0
          for (const { count, isHole, offset } of found) {
            assert.isAtLeast(offset, at, "ranges are in order")
            assert.isAbove(count, 0)
            assert.isTrue(isUntouched(at, offset), `a byte between ${at} and ${offset} is left out`)
            at = offset + count
            if (isHole) assert.isTrue(isZero(after.bytes, offset, at))
            named += count
          }
          assert.isTrue(isUntouched(at, after.bytes.length), `a byte from ${at} on is left out`)
          untouched += after.bytes.length - found.reduce((sum, { count }) => sum + count, 0)
          if (before === after) assert.deepStrictEqual(found, [])
        }
      }),
      parameters(150)
    )
    assert.isAbove(named, 10_000)
    assert.isAbove(untouched, 10_000)
  })
})
