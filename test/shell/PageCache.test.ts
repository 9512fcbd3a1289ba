import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { PageCache } from "../../src/shell/PageCache.ts"
import { PinnedPages } from "../../src/shell/PinnedPages.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters } from "../core/propertyRuns.ts"

const PAGE = 16

/** Pages that say where they belong. */
const bytesOf = (address: number, birth: number, pageCount: number): Uint8Array => {
  const bytes = new Uint8Array(PAGE * pageCount)
  for (let i = 0; i < pageCount; i++) bytes.set([address + i, birth], i * PAGE)
  return bytes
}

const expectOwn = (found: Uint8Array | undefined, address: number, birth: number, pageCount: number): void => {
  if (found === undefined) return
  assert.strictEqual(found.length, pageCount * PAGE)
  assert.deepStrictEqual([...found], [...bytesOf(address, birth, pageCount)])
}

describe("PageCache", () => {
  it("gives the page that was asked for or none, and stays within its bound", () => {
    let hits = 0
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 200 }), (seed, steps) => {
        const random = new Random(seed)
        const bytesMax = PAGE * (4 + random.below(20))
        const cache = new PageCache(bytesMax, PAGE)
        const births = new Map<number, number>()
        let held: Array<{ readonly address: number; readonly bytes: Uint8Array }> = []
        let heldBirth = 0
        for (let step = 0; step < steps; step++) {
          const dice = random.below(20)
          const address = random.below(24)
          const pageCount = random.chance(0.7) ? 1 : 1 + random.below(4)
          if (dice < 8) {
            const birth = births.get(address) ?? 1
            // Nobody reads what stood where a write is under way.
            if (birth === heldBirth || held.some((write) => write.address === address)) continue
            cache.insert(address, birth, bytesOf(address, birth, pageCount))
          } else if (dice < 9) births.set(address, (births.get(address) ?? 1) + 1)
          else if (dice < 10) {
            cache.forget(address)
            if (held.every((write) => write.address !== address)) {
              assert.isUndefined(held.length === 0 ? cache.find(address, births.get(address) ?? 1, 1) : undefined)
            }
          } else if (dice < 11 && held.length === 0) {
            heldBirth = 1000 * (step + 1)
            held = [
              { address: 30, bytes: bytesOf(30, heldBirth, 3) },
              { address, bytes: bytesOf(address, heldBirth, 1) }
            ]
            cache.hold(held, heldBirth)
          } else if (dice < 12 && held.length > 0) {
            for (const write of held) {
              const count = write.bytes.length / PAGE
              const found = cache.find(write.address, heldBirth, count)
              assert.strictEqual(found, write.bytes, "what is being written is there, however full the cache is")
              births.set(write.address, heldBirth)
            }
            expectOwn(cache.find(31, heldBirth, 2), 31, heldBirth, 2)
            assert.isDefined(cache.find(31, heldBirth, 2), "a part of a run that is being written")
            assert.isUndefined(cache.find(31, heldBirth, 3), "beyond its end")
            const keepsRuns = random.chance(0.5)
            cache.release(held, keepsRuns)
            if (!keepsRuns) assert.isUndefined(cache.find(30, heldBirth, 3), "a run is kept only where it is of use")
            held = []
          } else {
            const birth = random.chance(0.9) ? (births.get(address) ?? 1) : 99
            const found = cache.find(address, birth, pageCount)
            expectOwn(found, address, birth, pageCount)
            if (found !== undefined) hits++
          }
          assert.isAtMost(cache.statistics.bytes, bytesMax)
          assert.isAtLeast(cache.statistics.bytes, 0)
        }
      }),
      parameters(200)
    )
    assert.isAbove(hits, 500)
  })

  it("keeps what was used since the last sweep, and lets long runs go first", () => {
    const cache = new PageCache(PAGE * 8, PAGE)
    cache.insert(1, 1, bytesOf(1, 1, 4))
    for (let address = 10; address < 14; address++) cache.insert(address, 1, bytesOf(address, 1, 1))
    cache.insert(20, 1, bytesOf(20, 1, 1))
    assert.isUndefined(cache.find(1, 1, 4))
    for (let address = 10; address < 14; address++) assert.isDefined(cache.find(address, 1, 1))
    assert.strictEqual(cache.statistics.bytes, 5 * PAGE)
    // All are used by now: the next sweep takes their marks away, and the one after it goes by age.
    for (let address = 30; address < 40; address++) {
      cache.insert(address, 1, bytesOf(address, 1, 1))
      assert.isDefined(cache.find(13, 1, 1), "what is used again and again stays")
    }
    assert.isUndefined(cache.find(10, 1, 1))
  })

  it("counts a page once that is inserted again, and nothing for what is held", () => {
    const cache = new PageCache(PAGE * 8, PAGE)
    for (let i = 0; i < 5; i++) cache.insert(3, i, bytesOf(3, i, 1))
    assert.strictEqual(cache.statistics.bytes, PAGE)
    assert.isUndefined(cache.find(3, 3, 1))
    const writes = [{ address: 3, bytes: bytesOf(3, 9, 1) }]
    cache.hold(writes, 9)
    assert.strictEqual(cache.statistics.bytes, 0)
    assert.isUndefined(cache.find(3, 4, 1), "the page was written over")
    cache.release([{ address: 3, bytes: bytesOf(3, 9, 1) }], true)
    assert.strictEqual(cache.statistics.bytes, 0, "another write to the same place")
    cache.release(writes, false)
    assert.strictEqual(cache.statistics.bytes, PAGE)
    const { hits, misses } = cache.statistics
    cache.find(3, 9, 1)
    cache.find(3, 8, 1)
    assert.deepInclude({ ...cache.statistics }, { hits: hits + 1, misses: misses + 1 })
  })

  it("forgets pages that have died and gives their buffers away, but for those on their way to the device", () => {
    const cache = new PageCache(PAGE * 8, PAGE)
    const pages = [1, 2, 4, 5, 6].map((address) => [address, bytesOf(address, 1, 1)] as const)
    for (const [address, bytes] of pages) cache.insert(address, 1, bytes)
    const writes = [{ address: 5, bytes: bytesOf(5, 2, 1) }]
    cache.hold(writes, 2)
    const given: Array<Uint8Array> = []
    cache.forgetAll([1, 3, 4, 6], (buffer) => given.push(buffer))
    assert.deepStrictEqual(given, [pages[0][1], pages[1][1], pages[2][1]])
    for (const address of [1, 2, 4]) assert.isUndefined(cache.find(address, 1, 1))
    assert.strictEqual(cache.find(5, 2, 1), writes[0].bytes)
    assert.strictEqual(cache.find(6, 1, 1), pages[4][1])
    assert.strictEqual(cache.statistics.bytes, PAGE)
    cache.release(writes, true)
    cache.forgetAll([0, 20], (buffer) => given.push(buffer))
    assert.strictEqual(given.length, 5)
    assert.strictEqual(cache.statistics.bytes, 0)
  })

  it("stays a cache over many insertions and removals", () => {
    const cache = new PageCache(PAGE * 50, PAGE)
    const random = new Random(3)
    const births = new Map<number, number>()
    for (let step = 1; step < 5000; step++) {
      const address = random.below(400)
      if (random.chance(0.3)) {
        cache.forget(address)
        assert.isUndefined(cache.find(address, births.get(address) ?? 0, 1))
      } else {
        births.set(address, step)
        cache.insert(address, step, bytesOf(address, step % 256, 1))
        assert.isDefined(cache.find(address, step, 1))
      }
    }
    const found = [...births].filter(([address, birth]) => cache.find(address, birth, 1) !== undefined)
    assert.strictEqual(found.length * PAGE, cache.statistics.bytes)
    assert.isAbove(found.length, 30)
  })

  it("gives a page only as what it was verified as, but for pages of our own", () => {
    const cache = new PageCache(PAGE * 8, PAGE)
    const [theirs, ours] = [bytesOf(1, 1, 1), bytesOf(2, 5, 1)]
    cache.insert(1, 1, theirs, 2, 1)
    assert.strictEqual(cache.find(1, 1, 1, 2, 1), theirs)
    assert.isUndefined(cache.find(1, 1, 1, 2, 0))
    assert.isUndefined(cache.find(1, 1, 1, 0, 1))
    const writes = [{ address: 2, bytes: ours }]
    cache.hold(writes, 5)
    assert.strictEqual(cache.find(2, 5, 1, 2, 1), ours)
    cache.release(writes, true)
    assert.strictEqual(cache.find(2, 5, 1, 1, 0), ours)
  })

  it("takes nothing in that is larger than itself", () => {
    const cache = new PageCache(PAGE * 2, PAGE)
    cache.insert(1, 1, bytesOf(1, 1, 5))
    assert.strictEqual(cache.statistics.bytes, 0)
    cache.insert(1, 1, bytesOf(1, 1, 1))
    assert.isDefined(cache.find(1, 1, 1))
  })
})

describe("PinnedPages", () => {
  it("keeps what a restarting operation has loaded until the last such operation is done", () => {
    const cache = new PageCache(PAGE, PAGE)
    const pinned = new PinnedPages(cache, PAGE)
    const pointer = (address: number, birth: number, pageCount: number) => ({
      address,
      birth,
      pageCount,
      checksum: new Uint8Array(8),
      kind: 1,
      level: 0
    })
    pinned.enter()
    pinned.enter()
    pinned.pin(pointer(5, 1, 1), bytesOf(5, 1, 1))
    pinned.pin(pointer(5, 2, 1), bytesOf(5, 2, 1))
    pinned.pin(pointer(5, 2, 3), bytesOf(5, 2, 3))
    const first = pinned.find(5, 1, 1, 1, 0)
    pinned.pin(pointer(5, 1, 1), bytesOf(5, 1, 1))
    assert.strictEqual(pinned.find(5, 1, 1, 1, 0), first, "a page stays the same array")
    for (const [birth, pageCount] of [
      [1, 1],
      [2, 1],
      [2, 3]
    ]) {
      const found = pinned.find(5, birth, pageCount, 1, 0)
      assert.isDefined(found)
      expectOwn(found, 5, birth, pageCount)
    }
    assert.isUndefined(pinned.find(5, 3, 1, 1, 0))
    assert.isUndefined(pinned.find(5, 1, 1, 2, 0), "it was verified as a node of another kind")
    assert.isUndefined(pinned.find(5, 1, 1, 1, 1), "it was verified as a node of another level")
    assert.isUndefined(pinned.find(5, 1, 3, 1, 0))
    cache.insert(9, 1, bytesOf(9, 1, 1))
    assert.isDefined(pinned.find(9, 1, 1, 1, 0), "what is in the cache is found as well")
    pinned.leave()
    assert.isDefined(pinned.find(5, 1, 1, 1, 0))
    pinned.leave()
    assert.isUndefined(pinned.find(5, 1, 1, 1, 0))
  })
})
