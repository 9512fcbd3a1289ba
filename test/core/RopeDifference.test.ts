/**
 * Differences of ropes against those of byte arrays: no byte that differs is left out, and what was not touched is not named.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isZero } from "../../src/core/Bytes.ts"
import type { Draft } from "../../src/core/Draft.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as RopeDifference from "../../src/core/RopeDifference.ts"
import { Volume } from "./RopeMemory.ts"
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

  /** A rope of these pieces, committed one by one, changed, and what the difference is. */
  const differenceOf = (change: (draft: Draft<Rope.Rope>, rope: Rope.Rope) => Rope.Rope, pieces = 40) => {
    const volume = new Volume(SMALL, 4)
    const bytes = (count: number, first: number) => new Uint8Array(count).map((_, i) => 1 + ((first + i) % 250))
    for (let i = 0; i < pieces; i++) {
      volume.edit((draft, rope) => Rope.write(draft, rope, i * PIECE, bytes(PIECE, i)))
      volume.commit()
    }
    const before = volume.draft.roots
    volume.edit(change)
    volume.commit()
    volume.forget()
    const batches = volume.batches
    const ranges = volume.perform((draft) => RopeDifference.ranges(draft, before, volume.draft.roots))
    return { ranges, batches: volume.batches - batches }
  }
  const PIECE = 4 * 512

  it("names no more than the pages that were written", () => {
    const changed = Uint8Array.of(251, 252)
    const one = differenceOf((draft, rope) => Rope.write(draft, rope, 17 * PIECE + 600, changed))
    assert.deepStrictEqual(one.ranges, [{ offset: 17 * PIECE + 512, count: 512, isHole: false }])
    // The root of both and what changed below it, a level at a time; what they share is not loaded.
    assert.isAtMost(one.batches, 3)
    const edge = differenceOf((draft, rope) => Rope.write(draft, rope, 18 * PIECE - 1, changed))
    assert.deepStrictEqual(edge.ranges, [{ offset: 18 * PIECE - 512, count: 1024, isHole: false }])
    const two = differenceOf((draft, rope) =>
      Rope.write(draft, Rope.write(draft, rope, 3 * PIECE, changed), 30 * PIECE, changed)
    )
    assert.deepStrictEqual(
      two.ranges.map(({ offset }) => offset),
      [3 * PIECE, 30 * PIECE]
    )
    assert.deepStrictEqual(differenceOf((_draft, rope) => rope).ranges, [])
  })

  it("tells holes from data, and what was added", () => {
    const hole = differenceOf((draft, rope) => Rope.punch(draft, rope, 5 * PIECE, 2 * PIECE))
    assert.deepStrictEqual(hole.ranges, [{ offset: 5 * PIECE, count: 2 * PIECE, isHole: true }])
    const added = differenceOf((draft, rope) => Rope.write(draft, rope, 42 * PIECE, Uint8Array.of(1)))
    assert.deepStrictEqual(added.ranges, [
      { offset: 40 * PIECE, count: 2 * PIECE, isHole: true },
      { offset: 42 * PIECE, count: 1, isHole: false }
    ])
    const cut = differenceOf((draft, rope) => Rope.truncate(draft, rope, 10 * PIECE))
    assert.deepStrictEqual(cut.ranges, [])
    const none = differenceOf((draft, rope) => Rope.truncate(draft, rope, 0))
    assert.deepStrictEqual(none.ranges, [])
    const first = differenceOf((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(PIECE).fill(7)), 0)
    assert.deepStrictEqual(first.ranges, [{ offset: 0, count: PIECE, isHole: false }])
  })
})
