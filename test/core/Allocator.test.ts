import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Allocator from "../../src/core/Allocator.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Layout from "../../src/core/Layout.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { allocatable, SpaceMemory } from "./SpaceMemory.ts"
import { ensure } from "./TreeMemory.ts"

const countOf = (model: Uint8Array): number => {
  let count = 0
  for (let page = 0; page < model.length; page++) count += model[page]
  return count
}

/** How many runs of `length` pages have room side by side. */
const runsOf = (model: Uint8Array, length: number): number => {
  let runs = 0
  let count = 0
  for (let page = 0; page <= model.length; page++) {
    if (model[page] === 1) count++
    else {
      runs += Math.floor(count / length)
      count = 0
    }
  }
  return runs
}

class Run {
  readonly space: SpaceMemory
  readonly random: Random
  readonly histogram: Record<string, number> = {}
  allocator: Allocator.Allocator
  generation = 1

  constructor(seed: number, pageCount: number, fill: "empty" | "scattered" | "dense") {
    this.random = new Random(seed)
    this.space = new SpaceMemory(512, pageCount, Extent.of(0, 20), this.random.fork())
    if (fill !== "empty") {
      const longest = fill === "dense" ? Math.floor(pageCount / 8) : 5
      const used = this.space.some(1, 1 + this.random.below(200), longest)
      this.space.map = FreeMap.allocate(this.space.map, used)
      this.space.mark(used, 0)
    }
    const cursor = this.random.below(FreeMap.leafCount(this.space.layout, this.space.map))
    this.allocator = Allocator.make(this.space.map, countOf(this.space.model), cursor, [], Extent.EMPTY)
  }

  #count(name: string): void {
    this.histogram[name] = (this.histogram[name] ?? 0) + 1
  }

  step(): void {
    const { random } = this
    const dice = random.below(20)
    if (dice < 9) this.take()
    else if (dice < 13) this.release()
    else if (dice < 16) this.forget()
    else if (dice < 18) this.hold()
    else this.fold()
    this.check()
  }

  check(): void {
    const { allocator, space } = this
    assert.strictEqual(allocator.freeCount, countOf(space.model), "freeCount is exact")
    assert.strictEqual(Allocator.allocatableCount(allocator), countOf(allocatable(space, allocator)))
    const held = allocator.held.reduce((set, { extents }) => Extent.union(set, extents), Extent.EMPTY)
    assert.deepStrictEqual(Extent.intersect(allocator.window, held), [], "the window holds nothing that is held")
    for (let i = 0; i < allocator.window.length; i += 2) {
      ensure(space.model[allocator.window[i]] === 1, "the window is free")
    }
  }

  take(): void {
    const { random, space } = this
    const open = allocatable(space, this.allocator)
    const count = countOf(open)
    const runLengths = [[1], [1, 2, 8], [1, 16, 64], [128], [3, 5]][random.below(5)]
    const share = [0.02, 0.3, 1, 1][random.below(4)]
    const sizes: Array<number> = []
    const most = Math.max(1, Math.floor(Math.min(count, 4000) * share) + random.below(3) - 1)
    for (let total = 0; total < most;) {
      const size = Math.min(most - total, runLengths[random.below(runLengths.length)])
      sizes.push(size)
      total += size
    }
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const reserve = random.chance(0.5) ? 0 : random.below(30)
    space.forget()
    const taken = space.run(() => Allocator.take(space.pages, this.allocator, sizes, reserve))
    this.#count(taken._tag)
    assert.strictEqual(taken._tag === "Full", count - reserve < total, "full exactly where there is no room")
    if (taken._tag === "Full") return void assert.strictEqual(taken.missing, total + reserve - count)
    if (taken._tag === "Fragmented") {
      const longest = Math.max(...sizes)
      assert.isAbove(longest, 1, "single pages are never fragmented")
      assert.isBelow(runsOf(open, longest), sizes.length, "fragmented only where long runs are short")
      return
    }
    assert.strictEqual(taken.addresses.length, sizes.length)
    for (const [i, address] of taken.addresses.entries()) {
      for (let page = address; page < address + sizes[i]; page++) {
        ensure(open[page] === 1, "what is taken was free, not held, and not given before")
        open[page] = 0
      }
    }
    if (random.chance(0.2)) return this.#count("drop")
    for (const [i, address] of taken.addresses.entries()) space.mark(Extent.of(address, sizes[i]), 0)
    this.allocator = taken.allocator
    space.map = this.allocator.map
  }

  release(): void {
    const { random, space } = this
    this.#count("release")
    const dead = Extent.subtract(space.some(0, 1 + random.below(60), [1, 5, 300][random.below(3)]), space.ownPages())
    this.allocator = Allocator.release(this.allocator, Extent.subtract(dead, Extent.of(0, 20)), ++this.generation)
    space.mark(Extent.subtract(dead, Extent.of(0, 20)), 1)
    space.map = this.allocator.map
  }

  forget(): void {
    this.#count("forget")
    const oldest = this.generation - this.random.below(3)
    const before = this.allocator.held
    this.allocator = Allocator.forget(this.allocator, oldest)
    assert.deepStrictEqual(
      this.allocator.held,
      before.filter(({ generation }) => generation > oldest)
    )
  }

  /** Pages of a commit that was given up: free, and sometimes held already. */
  hold(): void {
    const { random, space } = this
    this.#count("hold")
    const again = this.allocator.held[random.below(this.allocator.held.length + 1)]?.extents
    const extents = again !== undefined && random.chance(0.5) ? again : space.some(1, 3, 50)
    this.allocator = Allocator.hold(this.allocator, extents, this.generation + random.below(2))
  }

  /** As a commit does it. */
  fold(): void {
    const { space } = this
    if (Allocator.allocatableCount(this.allocator) < 60) return
    this.#count("fold")
    this.generation++
    let after = this.allocator
    const held = after.held
    const dead = space.fold((sizes) => {
      // The fold has changed the bits, and not the free pages but those of the map that died.
      const open = allocatable(space, this.allocator)
      const taken = space.run(() => Allocator.take(space.pages, { ...this.allocator, held }, sizes, 0))
      assert.strictEqual(taken._tag, "Taken")
      if (taken._tag !== "Taken") return []
      assert.isTrue(taken.addresses.every((address) => open[address] === 1))
      after = taken.allocator
      return taken.addresses
    })
    after = { ...after, map: space.map, freeCount: after.freeCount + Extent.size(dead) }
    this.allocator = Allocator.hold(after, dead, this.generation)
  }
}

/** Why a page is found corrupt. */
const corruption = (operation: () => unknown): string | undefined => {
  try {
    operation()
  } catch (thrown) {
    return thrown instanceof CorruptPage ? thrown.reason : String(thrown)
  }
  return undefined
}

describe("Allocator", () => {
  it("gives pages that are free, not held and not given before, until there are none", () => {
    const histogram: Record<string, number> = {}
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(200, 5000, 5000, 20_000, 20_000, 120_000),
        fc.constantFrom("empty" as const, "scattered" as const, "dense" as const),
        fc.integer({ min: 1, max: 40 }),
        (seed, pageCount, fill, steps) => {
          const run = new Run(seed, pageCount, fill)
          for (let step = 0; step < steps; step++) run.step()
          run.space.check()
          for (const [name, count] of Object.entries(run.histogram)) histogram[name] = (histogram[name] ?? 0) + count
        }
      ),
      parameters(100)
    )
    for (const name of ["Taken", "Full", "Fragmented", "drop", "release", "forget", "hold", "fold"]) {
      assert.isAbove(histogram[name] ?? 0, scaled(5), name)
    }
    console.log(JSON.stringify({ name: "Allocator", ...histogram }))
  })

  const taken = (result: Allocator.Taken): Extract<Allocator.Taken, { _tag: "Taken" }> => {
    if (result._tag !== "Taken") assert.fail(result._tag)
    return result
  }

  it("gives pages of an empty map as one extent, and goes on from there", () => {
    const space = new SpaceMemory(512, 100_000, Extent.of(0, 20), new Random(1))
    let allocator = Allocator.make(space.map, 100_000 - 20, 0, [], Extent.EMPTY)
    for (const from of [20, 1020, 2020]) {
      const got = taken(
        Allocator.take(space.pages, allocator, Array.from({ length: 1000 }).fill(1) as Array<number>, 8)
      )
      assert.deepStrictEqual(
        got.addresses,
        Array.from({ length: 1000 }, (_, i) => from + i)
      )
      allocator = got.allocator
    }
  })

  it("begins at its cursor and comes round", () => {
    const space = new SpaceMemory(512, 12_000, Extent.of(0, 20), new Random(1))
    let allocator = Allocator.make(space.map, 12_000 - 20, 2, [], Extent.EMPTY)
    const starts: Array<number> = []
    for (let i = 0; i < 3; i++) {
      const got = taken(Allocator.take(space.pages, allocator, [2990], 0))
      starts.push(got.addresses[0])
      allocator = got.allocator
    }
    assert.deepStrictEqual(starts, [7936, 20, 3010])
  })

  it("prefers long extents to the holes before them", () => {
    const used = Extent.fromUnsorted(Array.from({ length: 300 }, (_, i) => [2 * i, 1] as const))
    const space = new SpaceMemory(512, 3900, used, new Random(1))
    const allocator = Allocator.make(space.map, 3900 - 300, 0, [], Extent.EMPTY)
    const got = taken(Allocator.take(space.pages, allocator, [1, 1, 4, 1], 0))
    assert.deepStrictEqual(got.addresses, [599, 600, 601, 605])
  })

  it("takes single pages from what is left everywhere", () => {
    const used = Extent.fromUnsorted(Array.from({ length: 10_000 }, (_, i) => [2 * i, 1] as const))
    const space = new SpaceMemory(512, 20_000, used, new Random(1))
    const allocator = Allocator.make(space.map, 10_000, 3, [], Extent.EMPTY)
    const ones = Array.from({ length: 9_990 }, () => 1)
    assert.strictEqual(taken(Allocator.take(space.pages, allocator, ones, 10)).allocator.freeCount, 10)
    assert.deepStrictEqual(Allocator.take(space.pages, allocator, ones, 11), { _tag: "Full", missing: 1 })
    assert.deepStrictEqual(Allocator.take(space.pages, allocator, [2], 0), { _tag: "Fragmented" })
  })

  it("looks everywhere for a run before it says that there is none", () => {
    // Extents of 64 pages everywhere, and one of 128 in the last leaf.
    const used = Extent.fromUnsorted([
      ...Array.from({ length: 280 }, (_, i) => [i * 65, 1] as const),
      [280 * 65, 500],
      [280 * 65 + 628, 20_000 - 280 * 65 - 628]
    ])
    const space = new SpaceMemory(512, 20_000, used, new Random(1))
    const allocator = Allocator.make(space.map, 20_000 - Extent.size(used), 0, [], Extent.EMPTY)
    const got = taken(Allocator.take(space.pages, allocator, [128], 0))
    assert.deepStrictEqual(got.addresses, [280 * 65 + 500])
  })

  it("does not count pages twice that are held twice", () => {
    const space = new SpaceMemory(512, 200, Extent.of(0, 20), new Random(1))
    let allocator = Allocator.make(space.map, 180, 0, [], Extent.EMPTY)
    for (let i = 0; i < 3; i++) allocator = Allocator.hold(allocator, [100, 200], 5)
    assert.strictEqual(Allocator.allocatableCount(allocator), 80)
    const got = taken(
      Allocator.take(
        space.pages,
        allocator,
        Array.from({ length: 80 }, () => 1),
        0
      )
    )
    assert.isTrue(got.addresses.every((address) => address < 100))
  })

  it("takes nothing where nothing is asked for", () => {
    const space = new SpaceMemory(512, 200, Extent.of(0, 200), new Random(1))
    const allocator = Allocator.make(space.map, 0, 0, [], Extent.EMPTY)
    assert.deepStrictEqual(Allocator.take(space.pages, allocator, [], 10), { _tag: "Taken", addresses: [], allocator })
  })

  it("is the same where nothing dies, is held or is let go", () => {
    const space = new SpaceMemory(512, 200, Extent.of(0, 20), new Random(1))
    const allocator = Allocator.make(space.map, 180, 0, [{ generation: 7, extents: [100, 110] }], Extent.EMPTY)
    assert.strictEqual(Allocator.release(allocator, [], 8), allocator)
    assert.strictEqual(Allocator.hold(allocator, [], 8), allocator)
    assert.strictEqual(Allocator.forget(allocator, 6), allocator)
    assert.deepStrictEqual(Allocator.forget(allocator, 7).held, [])
  })

  it("refuses that a page dies which it knows to be free", () => {
    const space = new SpaceMemory(512, 200, Extent.of(0, 20), new Random(1))
    const { allocator } = taken(
      Allocator.take(space.pages, Allocator.make(space.map, 180, 0, [], Extent.EMPTY), [1], 0)
    )
    assert.strictEqual(
      corruption(() => Allocator.release(allocator, [30, 31], 8)),
      FreeMap.FREED_TWICE
    )
    assert.strictEqual(Allocator.release(allocator, [20, 21], 8).freeCount, 180)
  })

  it("finds a map corrupt that has fewer pages than its root says", () => {
    const space = new SpaceMemory(512, 200, Extent.of(0, 20), new Random(1))
    const ones = Array.from({ length: 181 }, () => 1)
    const take = () => Allocator.take(space.pages, Allocator.make(space.map, 181, 0, [], Extent.EMPTY), ones, 0)
    assert.strictEqual(corruption(take), "the free map has fewer pages than its root says")
  })

  it("reads four leaves in search of long extents, and no more", () => {
    const ones = Array.from({ length: 64 }, () => 1)
    const single = Array.from({ length: 64 }, (_, i) => 2 * i)
    for (const [freeLeaf, first, cursor] of [
      [3, single.map((_, i) => 3 * 3968 + i), 4],
      [4, single, 4]
    ] as const) {
      // Every second page is free, but for one leaf that is all free.
      const scattered = Extent.fromUnsorted(Array.from({ length: 3 * 3968 }, (_, i) => [2 * i + 1, 1] as const))
      const used = Extent.subtract(scattered, Extent.of(freeLeaf * 3968, 3968))
      const space = new SpaceMemory(512, 6 * 3968, used, new Random(1))
      const got = taken(Allocator.take(space.pages, Allocator.make(space.map, 9000, 0, [], Extent.EMPTY), ones, 0))
      assert.deepStrictEqual(got.addresses, first)
      assert.strictEqual(got.allocator.cursor, cursor)
    }
  })

  it("reads on where the long extents hold too little in whole runs of 64", () => {
    const ones = Array.from({ length: 100 }, () => 1)
    for (const [free, cursor] of [
      [
        Extent.fromUnsorted([
          [100, 64],
          [200, 64]
        ]),
        1
      ],
      [
        Extent.fromUnsorted([
          [100, 63],
          [200, 64]
        ]),
        2
      ],
      [Extent.fromUnsorted([[100, 127]]), 2]
    ] as const) {
      const space = new SpaceMemory(512, 3 * 3968, Extent.subtract(Extent.of(0, 3968), free), new Random(1))
      const got = taken(Allocator.take(space.pages, Allocator.make(space.map, 4000, 0, [], Extent.EMPTY), ones, 0))
      assert.strictEqual(got.allocator.cursor, cursor)
    }
  })

  it("takes from extents of 64 pages first, then of 8, then from any", () => {
    const runsTaken = (free: Extent.ExtentSet, count: number) => {
      const space = new SpaceMemory(512, 400, Extent.subtract(Extent.of(0, 400), free), new Random(1))
      const ones = Array.from({ length: count }, () => 1)
      return taken(
        Allocator.take(space.pages, Allocator.make(space.map, Extent.size(free), 0, [], Extent.EMPTY), ones, 0)
      ).addresses
    }
    const runOf = (start: number, count: number) => Array.from({ length: count }, (_, i) => start + i)
    const mixed = Extent.fromUnsorted([
      [10, 5],
      [20, 9],
      [100, 70]
    ])
    assert.deepStrictEqual(runsTaken(mixed, 80), [...runOf(100, 70), ...runOf(20, 9), 10])
    const short = Extent.fromUnsorted([
      [10, 9],
      [30, 12]
    ])
    assert.deepStrictEqual(runsTaken(short, 13), [...runOf(10, 9), ...runOf(30, 4)])
    assert.deepStrictEqual(runsTaken(short, 12), runOf(30, 12))
  })

  it("keeps a reserve of a 64th, at least 16 pages and at most 256, and of as many as the free map can have", () => {
    const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
    const reserves = [16, 512, 1024, 6400, 16_384, 10_000_000].map((pages) => Allocator.reserveCount(layout, pages))
    const nodes = [1, 1, 1, 2 + 1, 5 + 1, 2521 + 97 + 4 + 1]
    assert.deepStrictEqual(
      reserves,
      [16, 16, 16, 100, 256, 256].map((pages, i) => pages + nodes[i])
    )
    const overheads = [16, 6400, 10_000_000].map((pages) => Allocator.overheadCount(layout, pages))
    assert.deepStrictEqual(overheads, [8 + 1, 50 + 3, 128 + 2623])
  })
})
