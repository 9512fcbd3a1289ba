/**
 * The number of pages of a volume: its free map through all sizes, and the least one.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Allocator from "../../src/core/Allocator.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import { NODE_HEADER_BYTES } from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as VolumeSize from "../../src/core/VolumeSize.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { SpaceMemory } from "./SpaceMemory.ts"

/** Of a bitmap, and of a branch above bitmaps, with pages of 512 bytes. */
const LEAF = 3968
const BRANCH = LEAF * 26

/** Below this stands the map itself, so that a volume can be made as small as it is. */
const LOW = 1500

const sizes = [1600, 3000, LEAF, LEAF + 1, 2 * LEAF, 10_003, 20 * LEAF, BRANCH, BRANCH + 1, BRANCH + 3 * LEAF, 200_001]

/** No node of the map stands for pages that there are not, and no bit. */
const assertWithin = (space: SpaceMemory): void => {
  const { layout, map, pages } = space
  const walk = (holder: Uint8Array, at: number, level: number, index: number): void => {
    if (Pointer.isNull(layout, holder, at)) return
    const first = index * layout.mapFanout ** level * layout.mapLeafPages
    assert.isBelow(first, map.pageCount, "a node stands for pages beyond the end")
    const node = pages.node(holder, at, Node.MAP, level)
    if (level === 0) {
      for (let page = Math.max(0, map.pageCount - first); page < layout.mapLeafPages; page++) {
        assert.strictEqual((node[NODE_HEADER_BYTES + (page >> 3)] >> (page & 7)) & 1, 0, "a bit beyond the end is set")
      }
      return
    }
    for (let child = 0; child < layout.mapFanout; child++) {
      walk(node, NODE_HEADER_BYTES + child * layout.pointerBytes, level - 1, index * layout.mapFanout + child)
    }
  }
  space.run(() => walk(map.link, 0, map.height, 0))
}

describe("VolumeSize", () => {
  it("keeps the free map right, whatever size comes after which", () => {
    const histogram: Record<string, number> = {}
    const count = (name: string): void => void (histogram[name] = (histogram[name] ?? 0) + 1)
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...sizes), (seed, first) => {
        const random = new Random(seed)
        const space = new SpaceMemory(512, first, Extent.of(0, 20), random)
        const home = (wanted: ReadonlyArray<number>): ReadonlyArray<number> => {
          const free = [...space.model.subarray(0, LOW)].flatMap((isFree, page) => (isFree === 1 ? [page] : []))
          const from = random.below(free.length - wanted.length)
          return wanted.map((_, i) => free[from + i])
        }
        for (let round = 0; round < 24; round++) {
          const dice = random.below(10)
          if (dice < 3) {
            const pages = Extent.within(space.some(1, 8, 400), LOW, space.map.pageCount)
            space.map = FreeMap.allocate(space.map, pages)
            space.mark(pages, 0)
          } else if (dice < 6) {
            // Bitmaps that say nothing are left of those that are emptied.
            const most = Extent.intersect(Extent.within(usedOf(space.model), LOW, 300_000), space.some(0, 4, 200_000))
            if (dice > 3) {
              space.map = FreeMap.release(space.map, most)
              space.mark(most, 1)
            }
            space.fold(home)
          } else {
            const own = space.ownPages()
            const pageCount = sizes[random.below(sizes.length)]
            const beyond = Extent.within(Extent.of(LOW, space.map.pageCount), Math.min(pageCount, 200_001), 300_000)
            const used = Extent.intersect(beyond, usedOf(space.model))
            space.map = FreeMap.release(space.map, used)
            space.mark(used, 1)
            const heightBefore = space.map.height
            count(pageCount > space.map.pageCount ? "grown" : pageCount < space.map.pageCount ? "shrunk" : "same")
            const died = space.resize(pageCount, home)
            assert.strictEqual(space.map.height, FreeMap.heightFor(space.layout, pageCount))
            if (space.map.height > heightBefore) count("higher")
            if (space.map.height < heightBefore) count("lower")
            assert.deepStrictEqual(died, Extent.subtract(own, space.ownPages()), "what the map gives up dies")
          }
          space.check()
          assertWithin(space)
        }
      }),
      parameters(60)
    )
    for (const name of ["grown", "shrunk", "higher", "lower"]) assert.isAbove(histogram[name] ?? 0, scaled(40), name)
  })

  it("is at least what is in use or held, with what is left for deletions", () => {
    const extents = fc.array(fc.tuple(fc.nat({ max: 9000 }), fc.integer({ min: 1, max: 50 })), { maxLength: 6 })
    const sets = extents.map((all) => Extent.within(Extent.fromUnsorted(all), 20, 9000))
    fc.assert(
      fc.property(sets, sets, (some, others) => {
        const reserved = Extent.of(0, 20)
        const used = Extent.union(some, reserved)
        const held = Extent.subtract(others, used)
        const space = new SpaceMemory(512, 9000, used, new Random(1))
        const free = 9000 - Extent.size(used)
        const allocator = Allocator.make(space.map, free, 0, [{ generation: 1, extents: held }], reserved)
        const lowest = VolumeSize.lowest(space.pages, allocator)
        const last = Extent.union(used, held).at(-1) ?? 0
        const needed = Extent.size(used) + Extent.size(held) + Allocator.reserveCount(space.layout, 9000)
        assert.strictEqual(lowest, Math.max(last, needed))
        assert.strictEqual(VolumeSize.resize(space.layout, allocator, lowest).freeCount, lowest - Extent.size(used))
      }),
      parameters(300)
    )
  })

  it("gives the allocator what is left of the volume, and no page that is not", () => {
    const space = new SpaceMemory(512, 20 * LEAF, Extent.of(0, 20), new Random(3))
    const { layout } = space
    const made = Allocator.make(space.map, 20 * LEAF - 20, 7, [{ generation: 1, extents: Extent.of(100, 10) }], [])
    const allocator = { ...made, window: Extent.of(LEAF - 10, 50) }
    const smaller = (pageCount: number) => VolumeSize.resize(layout, allocator, pageCount)
    assert.strictEqual(smaller(8 * LEAF).cursor, 7, "the last leaf that is left")
    assert.strictEqual(smaller(7 * LEAF).cursor, 0)
    assert.strictEqual(smaller(7 * LEAF).freeCount, 7 * LEAF - 20)
    assert.deepStrictEqual(smaller(LEAF).window, Extent.of(LEAF - 10, 10))
    assert.deepStrictEqual(smaller(7 * LEAF).held, allocator.held)
    assert.strictEqual(smaller(110).map.pageCount, 110)
    assert.throws(() => smaller(109), "no page is held beyond the end of the volume")
    const larger = smaller(BRANCH + 1)
    assert.deepStrictEqual([larger.cursor, larger.map.height], [7, 2], "a map without nodes grows by its number alone")
    assert.strictEqual(larger.freeCount, BRANCH + 1 - 20)
  })

  it("changes nodes where some stand for what goes, or too few for what comes", () => {
    const space = new SpaceMemory(512, 2 * LEAF, Extent.of(0, 20), new Random(3))
    const { layout } = space
    assert.isFalse(VolumeSize.changesNodes(layout, space.map, 2 * LEAF))
    assert.isFalse(VolumeSize.changesNodes(layout, space.map, 3 * LEAF))
    assert.isFalse(VolumeSize.changesNodes(layout, space.map, BRANCH + 1), "there are no nodes yet")
    assert.isTrue(VolumeSize.changesNodes(layout, space.map, 2 * LEAF - 1))
    space.fold((wanted) => wanted.map((_, i) => 20 + i))
    assert.isTrue(VolumeSize.changesNodes(layout, space.map, BRANCH + 1))
    assert.isFalse(VolumeSize.changesNodes(layout, space.map, BRANCH))
  })

  it("keeps a map of three levels right", () => {
    const top = BRANCH * 26
    const space = new SpaceMemory(512, top + 5 * BRANCH, Extent.of(0, 20), new Random(11))
    assert.strictEqual(space.map.height, 3)
    const use = (address: number): void => {
      if (address >= space.map.pageCount) return
      const page = Extent.of(address, 1)
      space.map = FreeMap.allocate(space.map, page)
      space.mark(page, 0)
    }
    let last = 20
    const home = (wanted: ReadonlyArray<number>): ReadonlyArray<number> => wanted.map(() => last++)
    const sizesAfter = [
      top + 2 * BRANCH,
      top + LEAF + 1,
      top,
      3 * BRANCH + LEAF,
      top + 1,
      BRANCH,
      2000,
      top + BRANCH + 7
    ]
    for (const pageCount of sizesAfter) {
      for (let address = LOW; address < space.map.pageCount; address += BRANCH) use(address)
      use(space.map.pageCount - 1)
      space.fold(home)
      space.check()
      const beyond = Extent.intersect(
        Extent.within(usedOf(space.model), LOW, 4_000_000),
        Extent.of(pageCount, 4_000_000)
      )
      space.map = FreeMap.release(space.map, beyond)
      space.mark(beyond, 1)
      const own = space.ownPages()
      const died = space.resize(pageCount, home)
      assert.strictEqual(space.map.height, FreeMap.heightFor(space.layout, pageCount))
      assert.deepStrictEqual(died, Extent.subtract(own, space.ownPages()))
      space.check()
      assertWithin(space)
    }
  })

  it("wipes the powers of two among the pages that are added", () => {
    assert.deepStrictEqual(VolumeSize.toBeWiped(100, 1025), [128, 256, 512, 1024])
    assert.deepStrictEqual(VolumeSize.toBeWiped(128, 128), [])
    assert.deepStrictEqual(VolumeSize.toBeWiped(128, 129), [128])
    assert.deepStrictEqual(VolumeSize.toBeWiped(1000, 100), [])
  })
})

const usedOf = (model: Uint8Array): Extent.ExtentSet => {
  const used: Array<readonly [number, number]> = []
  for (const [page, free] of model.entries()) if (free === 0) used.push([page, 1])
  return Extent.fromUnsorted(used)
}
