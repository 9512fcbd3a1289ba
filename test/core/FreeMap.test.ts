import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Layout from "../../src/core/Layout.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { SpaceMemory } from "./SpaceMemory.ts"

/** Heights 0, 1 and 2 with pages of 512 bytes; sizes that end inside a byte of a leaf, and at the end of one. */
const pageCounts = fc.constantFrom(100, 3967, 3968, 3969, 10_003, 3968 * 26, 3968 * 26 + 1, 200_001)

describe("FreeMap", () => {
  it("says what a set of pages says, through allocating, releasing and folding", () => {
    const histogram: Record<string, number> = {}
    fc.assert(
      fc.property(fc.nat(), pageCounts, fc.integer({ min: 1, max: 25 }), (seed, pageCount, rounds) => {
        const random = new Random(seed)
        const space = new SpaceMemory(512, pageCount, Extent.of(0, 20), random)
        const count = (name: string): void => void (histogram[name] = (histogram[name] ?? 0) + 1)
        for (let round = 0; round < rounds; round++) {
          const dice = random.below(10)
          const longest = [1, 3, 40, 9000][random.below(4)]
          if (dice < 4) {
            const pages = space.some(1, 1 + random.below(30), longest)
            space.map = FreeMap.allocate(space.map, pages)
            space.mark(pages, 0)
            count("allocate")
          } else if (dice < 7) {
            // A page of the map itself dies in a fold and in no other way.
            const own = space.ownPages()
            const pages = Extent.subtract(space.some(0, 1 + random.below(30), longest), own)
            space.map = FreeMap.release(space.map, pages)
            space.mark(pages, 1)
            count("release")
          } else {
            const room = space.run(() => FreeMap.free(space.pages, space.map))
            if (Extent.size(room) < 60) continue
            space.fold((sizes) => pick(room, sizes.length, random))
            count("fold")
          }
          space.check()
        }
        histogram["restarts"] = (histogram["restarts"] ?? 0) + space.restarts
      }),
      parameters(60)
    )
    for (const name of ["allocate", "release", "fold", "restarts"])
      assert.isAbove(histogram[name] ?? 0, scaled(50), name)
    console.log(JSON.stringify({ name: "FreeMap", ...histogram }))
  })

  it("writes nothing for what is all free", () => {
    const space = new SpaceMemory(512, 200_000, Extent.of(0, 20), new Random(1))
    assert.isTrue(Pointer.isNull(space.layout, space.map.link, 0))
    assert.strictEqual(Extent.size(FreeMap.free(space.pages, space.map)), 200_000 - 20)
    const died = space.fold((sizes) => sizes.map((_, i) => 100 + i))
    assert.deepStrictEqual(died, [])
    assert.strictEqual(Extent.size(space.ownPages()), 3, "one leaf and the two branches above it")
    space.check()
  })

  it("rewrites only the leaves that changed, and each page once", () => {
    const space = new SpaceMemory(512, 200_000, Extent.of(0, 20), new Random(1))
    const all = Array.from({ length: 50 }, (_, leaf) => [leaf * 3968 + 3000, 7] as const)
    const pages = Extent.fromUnsorted(all)
    space.map = FreeMap.allocate(space.map, pages)
    space.mark(pages, 0)
    space.fold((sizes) => sizes.map((_, i) => 1000 + i))
    space.map = FreeMap.release(space.map, Extent.of(3000, 2))
    space.mark(Extent.of(3000, 2), 1)
    // The leaf that changed and the homes of the map stand in leaf 0: leaf, branch and root are rewritten.
    const died = space.fold((sizes) => {
      assert.strictEqual(sizes.length, 3)
      return sizes.map((_, i) => 500 + i)
    })
    assert.strictEqual(Extent.size(died), 3)
    space.check()
  })

  it("knows its height", () => {
    const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
    const { mapFanout, mapLeafPages } = layout
    assert.deepStrictEqual([mapLeafPages, mapFanout], [3968, 26])
    const heights = [1, 3968, 3969, 3968 * 26, 3968 * 26 + 1, 3968 * 26 * 26, 3968 * 26 * 26 + 1]
    assert.deepStrictEqual(
      heights.map((pages) => FreeMap.heightFor(layout, pages)),
      [0, 0, 1, 1, 2, 2, 3]
    )
    assert.deepStrictEqual(
      heights.map((pages) => FreeMap.nodeCount(layout, pages)),
      [1, 1, 2 + 1, 26 + 1, 27 + 2 + 1, 676 + 26 + 1, 677 + 27 + 2 + 1]
    )
  })

  it("knows free pages from the very first on", () => {
    const space = new SpaceMemory(512, 4000, Extent.of(60, 10), new Random(1))
    assert.deepStrictEqual(
      space.fold((sizes) => sizes.map((_, i) => 100 + i)),
      []
    )
    assert.strictEqual(space.run(() => FreeMap.freeInLeaf(space.pages, space.map, 0))[0], 0)
    space.check()
  })

  it("finds corrupt that a page is freed which is free already", () => {
    const space = new SpaceMemory(512, 4000, Extent.of(0, 20), new Random(1))
    const twice = FreeMap.release(space.map, Extent.of(30, 1))
    let thrown: unknown
    try {
      FreeMap.freeInLeaf(space.pages, twice, 0)
    } catch (cause) {
      thrown = cause
    }
    assert.deepStrictEqual(thrown, new CorruptPage(undefined, FreeMap.FREED_TWICE))
  })

  it("changes no map that it was given", () => {
    const space = new SpaceMemory(512, 10_000, Extent.of(0, 20), new Random(1))
    const { map } = space
    const link = map.link.slice()
    const frozen: FreeMap.FreeMap = Object.freeze({ ...map, freed: Object.freeze([]), used: Object.freeze([0, 20]) })
    assert.deepStrictEqual(FreeMap.allocate(frozen, [30, 40]).used, [0, 20, 30, 40])
    assert.deepStrictEqual(FreeMap.release(frozen, [5, 10]).used, [0, 5, 10, 20])
    space.fold((sizes) => sizes.map((_, i) => 50 + i))
    assert.deepStrictEqual(map.link, link)
  })
})

/** Single pages of a set, here and there. */
const pick = (set: Extent.ExtentSet, count: number, random: Random): ReadonlyArray<number> => {
  const addresses: Array<number> = []
  let left = Extent.size(set)
  for (let i = 0; i < set.length && addresses.length < count; i += 2) {
    for (let page = set[i]; page < set[i + 1] && addresses.length < count; page++) {
      const wanted = count - addresses.length
      if (left === wanted || random.chance(Math.min(1, (2 * wanted) / left))) addresses.push(page)
      left--
    }
  }
  return addresses
}
