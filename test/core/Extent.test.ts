import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { UINT48_END } from "../../src/core/Bytes.ts"
import * as Extent from "../../src/core/Extent.ts"
import { parameters, scaled } from "./propertyRuns.ts"

/** Sorted, disjoint, apart from each other, and not empty. */
const assertSound = (set: Extent.ExtentSet, end = UINT48_END): void => {
  assert.strictEqual(set.length % 2, 0)
  for (let i = 0; i < set.length; i++) {
    assert.isTrue(Number.isSafeInteger(set[i]) && set[i] >= 0 && set[i] <= end)
    if (i > 0) assert.isTrue(set[i - 1] < set[i], `borders ascend: ${set}`)
  }
}

const pagesOf = (set: Extent.ExtentSet): Set<number> => {
  const pages = new Set<number>()
  for (let i = 0; i < set.length; i += 2) for (let page = set[i]; page < set[i + 1]; page++) pages.add(page)
  return pages
}

const sorted = (pages: Iterable<number>): ReadonlyArray<number> => [...pages].sort((a, b) => a - b)

/** Extents in any order, which overlap, touch and lie inside each other; some are empty. */
const extents = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 6 })), { maxLength: 14 })
const sets = extents.map(Extent.fromUnsorted)
/** Sets of many extents beside those of a few, which lie, touch and end everywhere among them. */
const wideSets = fc
  .array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 3 })), { minLength: 60, maxLength: 120 })
  .map(Extent.fromUnsorted)
const someSets = fc
  .array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 20 })), { maxLength: 12 })
  .map(Extent.fromUnsorted)

/** Sets far apart, up to the last page there can be. */
const farSets = fc
  .uniqueArray(
    fc.oneof(
      fc.nat({ max: 300 }),
      fc.integer({ min: UINT48_END - 300, max: UINT48_END }),
      fc.maxSafeNat().map((n) => n % UINT48_END)
    ),
    { maxLength: 16 }
  )
  .map((borders): Extent.ExtentSet => sorted(borders).slice(0, borders.length - (borders.length % 2)))

describe("Extent", () => {
  it("holds the pages that it was made of", () => {
    fc.assert(
      fc.property(extents, (list) => {
        const set = Extent.fromUnsorted(list)
        assertSound(set)
        const pages = new Set<number>()
        for (const [start, count] of list) for (let i = 0; i < count; i++) pages.add(start + i)
        assert.deepStrictEqual(sorted(pagesOf(set)), sorted(pages))
        assert.strictEqual(Extent.size(set), pages.size)
        for (let page = 0; page < 50; page++) assert.strictEqual(Extent.has(set, page), pages.has(page))
      }),
      parameters(500)
    )
  })

  it("joins, subtracts and intersects as sets do", () => {
    fc.assert(
      fc.property(sets, sets, fc.nat({ max: 45 }), fc.nat({ max: 10 }), (a, b, start, count) => {
        const [pagesA, pagesB] = [pagesOf(a), pagesOf(b)]
        const expected: ReadonlyArray<readonly [Extent.ExtentSet, Set<number>]> = [
          [Extent.union(a, b), new Set([...pagesA, ...pagesB])],
          [Extent.subtract(a, b), new Set([...pagesA].filter((page) => !pagesB.has(page)))],
          [Extent.intersect(a, b), new Set([...pagesA].filter((page) => pagesB.has(page)))],
          [
            Extent.within(a, start, start + count),
            new Set([...pagesA].filter((page) => page >= start && page < start + count))
          ]
        ]
        for (const [set, pages] of expected) {
          assertSound(set)
          assert.deepStrictEqual(sorted(pagesOf(set)), sorted(pages))
        }
        assert.strictEqual(Extent.meet(a, b), Extent.intersect(a, b).length > 0)
      }),
      parameters(1000)
    )
  })

  it("joins, subtracts and intersects a large one and a small one", () => {
    fc.assert(
      fc.property(wideSets, someSets, (a, b) => {
        const [pagesA, pagesB] = [pagesOf(a), pagesOf(b)]
        const both = [...pagesA].filter((page) => pagesB.has(page))
        const expected: ReadonlyArray<readonly [Extent.ExtentSet, Iterable<number>]> = [
          [Extent.union(a, b), new Set([...pagesA, ...pagesB])],
          [Extent.union(b, a), new Set([...pagesA, ...pagesB])],
          [Extent.subtract(a, b), [...pagesA].filter((page) => !pagesB.has(page))],
          [Extent.subtract(b, a), [...pagesB].filter((page) => !pagesA.has(page))],
          [Extent.intersect(a, b), both],
          [Extent.intersect(b, a), both]
        ]
        for (const [set, pages] of expected) {
          assertSound(set)
          assert.deepStrictEqual(sorted(pagesOf(set)), sorted(pages))
        }
      }),
      parameters(500)
    )
  })

  it("keeps to the laws of sets where they are far apart", () => {
    fc.assert(
      fc.property(farSets, farSets, (a, b) => {
        const [union, both] = [Extent.union(a, b), Extent.intersect(a, b)]
        for (const set of [a, b, union, both]) assertSound(set)
        assert.strictEqual(Extent.size(union) + Extent.size(both), Extent.size(a) + Extent.size(b))
        assert.deepStrictEqual(Extent.union(Extent.subtract(a, b), both), a)
        assert.deepStrictEqual(Extent.subtract(union, b), Extent.subtract(a, b))
        assert.deepStrictEqual(Extent.intersect(Extent.subtract(a, b), b), [])
        for (const border of union) {
          assert.strictEqual(Extent.has(union, border), Extent.has(a, border) || Extent.has(b, border))
        }
      }),
      parameters(500)
    )
  })

  it("changes none of its operands", () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const [first, second] = [Object.freeze([...a]), Object.freeze([...b])]
        Extent.union(first, second)
        Extent.subtract(first, second)
        Extent.intersect(first, second)
        assert.deepStrictEqual([first, second], [a, b])
      }),
      parameters(100)
    )
  })

  it("decodes what it encoded, in as many bytes as it said", () => {
    fc.assert(
      fc.property(fc.oneof(sets, farSets), (set) => {
        const bytes = Extent.encode(set)
        assert.strictEqual(bytes.length, Extent.encodedBytes(set))
        assert.deepStrictEqual(Extent.decode(bytes, UINT48_END), [...set])
        if (set.length === 0) return
        const end = set[set.length - 1]
        assert.deepStrictEqual(Extent.decode(bytes, end), [...set])
        assert.isUndefined(Extent.decode(bytes, end - 1), "a set beyond the last page is none")
        assert.isUndefined(Extent.decode(bytes.subarray(0, -1), UINT48_END), "a set cut short is none")
      }),
      parameters(500)
    )
  })

  it("decodes any bytes to a sound set or to none", () => {
    // Small bytes are small gaps and counts: most of such strings are sets.
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc.array(fc.constantFrom(0, 1, 2, 3, 127, 128, 129, 255), { maxLength: 24 }).map((list) => Uint8Array.from(list))
    )
    let decoded = 0
    fc.assert(
      fc.property(bytes, fc.constantFrom(1, 16, 300, 100_000, UINT48_END), (input, pageCount) => {
        const set = Extent.decode(input, pageCount)
        if (set === undefined) return
        assertSound(set, pageCount)
        assert.deepStrictEqual(Extent.decode(Extent.encode(set), pageCount), [...set])
        if (set.length > 0) decoded++
      }),
      parameters(5000)
    )
    assert.isAbove(decoded, scaled(200))
  })

  it("refuses extents that are empty or touch", () => {
    assert.isUndefined(Extent.decode(Uint8Array.of(3, 0), 100))
    assert.isUndefined(Extent.decode(Uint8Array.of(3, 2, 0, 2), 100))
    assert.deepStrictEqual(Extent.decode(Uint8Array.of(0, 2, 1, 2), 100), [0, 2, 3, 5])
    assert.deepStrictEqual(Extent.of(3, 0), [])
  })

  it("refuses numbers of more than seven bytes", () => {
    const padded = (bytes: number) => Uint8Array.of(...Array.from({ length: bytes - 1 }, () => 128), 0, 2)
    assert.deepStrictEqual(Extent.decode(padded(7), 100), [0, 2])
    assert.isUndefined(Extent.decode(padded(8), 100))
  })
})
