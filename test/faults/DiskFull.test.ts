/**
 * T7: the disk is full at every allocation. The same workload on volumes of 16, 17, 18, ... pages, so that it runs out of
 * pages at each place once: in an early write, at the end of a transaction, at the commit, at the fold of the free map, in
 * a group.
 */
import * as Effect from "effect/Effect"
import { afterAll, assert, describe, it, vi } from "vitest"
import type * as Xxhash from "xxhash-wasm"
import type * as Allocator from "../../src/core/Allocator.ts"
import type * as Commit from "../../src/core/Commit.ts"
import type * as FreeMap from "../../src/core/FreeMap.ts"
import { Histogram, report, runFixed, Violations } from "./FaultVolume.ts"
import { type Found, mixed, pieces, runFull, runRefills, type Small } from "./FullRun.ts"

const state = vi.hoisted(() => ({
  hasReserve: true,
  /** Where the last `DiskFull` came from. */
  phase: "the end of a transaction",
  /** Whether the commit that is planned has folded the free map. */
  folds: false,
  foldCount: 0,
  foldFulls: 0,
  /** Calls of the allocator; the one numbered `fullAt`, and all after it until somebody is told, find no room. */
  takes: 0,
  fullAt: 0,
  onlyFolds: false,
  isFull: false
}))

vi.mock("../../src/core/Allocator.ts", async (original) => {
  const actual = await original<typeof Allocator>()
  const take: typeof actual.take = (...args) => {
    if (args[2].length > 0 && (state.folds || !state.onlyFolds)) {
      state.takes += 1
      if (state.takes === state.fullAt) state.isFull = true
      if (state.isFull) return { _tag: "Full", missing: 1 }
    }
    return actual.take(...args)
  }
  const reserveCount: typeof actual.reserveCount = (...args) => (state.hasReserve ? actual.reserveCount(...args) : 0)
  return { ...actual, reserveCount, take }
})

vi.mock("../../src/core/FreeMap.ts", async (original) => {
  const actual = await original<typeof FreeMap>()
  const fold: typeof actual.fold = (...args) => {
    state.folds = true
    state.foldCount += 1
    return actual.fold(...args)
  }
  return { ...actual, fold }
})

vi.mock("../../src/core/Commit.ts", async (original) => {
  const actual = await original<typeof Commit>()
  const early: typeof actual.early = (...args) => {
    const made = actual.early(...args)
    if (made._tag === "DiskFull") state.phase = "an early write"
    return made
  }
  const plan: typeof actual.plan = (...args) => {
    state.folds = false
    const made = actual.plan(...args)
    const { folds } = state
    state.folds = false
    if (made._tag !== "DiskFull") return made
    state.phase = folds ? "the fold" : "the commit"
    if (folds) state.foldFulls += 1
    return made
  }
  return { ...actual, early, plan }
})

vi.mock("xxhash-wasm", async (original) => {
  const { default: load } = await original<typeof Xxhash>()
  const loaded = load()
  return { default: () => loaded }
})

/** Where the last `DiskFull` came from. */
const phase = (): string => {
  const { phase: found } = state
  state.phase = "the end of a transaction"
  state.isFull = false
  return found
}

const sizes = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, index) => from + index)

const ordinary = (pageSize: number, to: number): ReadonlyArray<Small> =>
  sizes(16, to).map((pageCount) => ({
    name: `${pageCount} pages of ${pageSize}`,
    pageCount,
    options: { pageSize },
    rounds: mixed(pageSize)
  }))

const withEarlyWrites = (pageSize: number, to: number): ReadonlyArray<Small> =>
  ordinary(pageSize, to).map((small) => ({
    ...small,
    name: `${small.name}, early writes`,
    options: { pageSize, dirtyBytes: 3 * pageSize }
  }))

/** Wide pointers leave little room in the root record. */
const inPieces = (from: number, to: number): ReadonlyArray<Small> =>
  sizes(from, to).map((pageCount) => ({
    name: `${pageCount} pages in pieces`,
    pageCount,
    options: { pageSize: 512, checksum: "sha256", sizeMax: 2 ** 47 },
    rounds: pieces(pageCount / 2 - ((pageCount / 2) % 2))
  }))

const figures: Record<string, unknown> = { test: "T7" }

const tryAll = async (volumes: ReadonlyArray<Small>): Promise<Found> => {
  const found: Found = { violations: new Violations(), outcomes: new Histogram() }
  await runFixed(Effect.forEach(volumes, (small) => runFull(small, phase, found), { discard: true }))
  return found
}

const families: Readonly<Record<string, ReadonlyArray<Small>>> = {
  "pages of 512": ordinary(512, 110),
  "pages of 4096": ordinary(4096, 60),
  "early writes, pages of 512": withEarlyWrites(512, 110),
  "early writes, pages of 4096": withEarlyWrites(4096, 40),
  "in pieces": inPieces(330, 342),
  "durable by interval": withEarlyWrites(512, 80).map((small) => ({
    ...small,
    name: `${small.name}, durable by interval`,
    options: { ...small.options, durability: "interval" }
  }))
}

/** Volumes with room enough, where the allocator says once that there is none. */
const pretended: Readonly<Record<string, Small>> = {
  "every allocation": { ...withEarlyWrites(512, 301)[284], rounds: mixed(512).slice(0, 28), isPretended: true },
  folds: { ...inPieces(400, 401)[0], rounds: pieces(180), isPretended: true }
}

describe("a full volume", () => {
  it.each(Object.keys(families))("loses nothing, and deletions work: %s", { timeout: 300_000 }, async (name) => {
    const begun = performance.now()
    state.foldCount = 0
    state.foldFulls = 0
    const { outcomes, violations } = await tryAll(families[name])
    const folds = `${state.foldCount}, of which ${state.foldFulls} found no room at first`
    const seconds = Math.round(performance.now() - begun) / 1000
    figures[name] = {
      volumes: families[name].length,
      ...outcomes.toJSON(),
      folds,
      violations: violations.count,
      seconds
    }
    assert.deepStrictEqual(violations.list, [])
    assert.strictEqual(outcomes.get("emptied"), families[name].length)
    // A transaction that was let into a group has room at its commit, even if its runs have to be cut up.
    assert.strictEqual(outcomes.get("full at the commit") + outcomes.get("full at the commit, in a group"), 0)
  })

  it.each(Object.keys(pretended))("leaves no trace at any allocation: %s", { timeout: 300_000 }, async (name) => {
    const begun = performance.now()
    const small = pretended[name]
    const found: Found = { violations: new Violations(), outcomes: new Histogram() }
    state.onlyFolds = name === "folds"
    let allocations = 0
    // The first of all allocations is the format's, on a blank volume.
    for (let fullAt = state.onlyFolds ? 1 : 2; ; fullAt += 1) {
      Object.assign(state, { fullAt, takes: 0, isFull: false, folds: false })
      await runFixed(runFull({ ...small, name: `${name}, full at ${fullAt}` }, phase, found))
      if (state.takes < fullAt) break
      allocations += 1
    }
    Object.assign(state, { fullAt: 0, onlyFolds: false })
    const { outcomes, violations } = found
    const seconds = Math.round(performance.now() - begun) / 1000
    figures[name] = { allocations, ...outcomes.toJSON(), violations: violations.count, seconds }
    assert.deepStrictEqual(violations.list, [])
    assert.isAbove(allocations, 2)
  })

  it("leaks nothing in 1,000 rounds of filling and deleting", { timeout: 300_000 }, async () => {
    const found: Found = { violations: new Violations(), outcomes: new Histogram() }
    await runFixed(runRefills(1000, found))
    figures["fill and delete"] = { rounds: found.outcomes.get("round"), violations: found.violations.count }
    assert.deepStrictEqual(found.violations.list, [])
  })
})

describe("the harness", () => {
  it("catches: no pages are reserved for deletions", { timeout: 300_000 }, async () => {
    state.hasReserve = false
    const { outcomes, violations } = await tryAll(ordinary(512, 60))
    state.hasReserve = true
    const failed = outcomes.get("deletion fails")
    figures["broken rule: no reserve"] = `${violations.count} violations, ${failed} deletions failed`
    assert.isAbove(failed, 0)
  })
})

afterAll(() => report(figures))
