import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Allocator from "../../src/core/Allocator.ts"
import * as Commit from "../../src/core/Commit.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import { CommitRun } from "./CommitRun.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { TestVolume } from "./TestVolume.ts"

const total = (histogram: Record<string, number>, more: Record<string, number>): void => {
  for (const [name, count] of Object.entries(more)) histogram[name] = (histogram[name] ?? 0) + count
}

const layout = Layout.make({ pageBytes: 512, addressBytes: 2, checksumBytes: 8, extensionBytes: 0 })

describe("Commit", () => {
  it("writes no retained page and loses none, through folds, early writes, empty roots and crashes", () => {
    const histogram: Record<string, number> = {}
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 31 }),
        fc.constantFrom(80, 300, 1200, 9000),
        fc.constantFrom(0, 0.3),
        fc.integer({ min: 1, max: 60 }),
        (seed, pageCount, forget, rounds) => {
          const run = new CommitRun({ seed, pageBytes: 512, pageCount, unkindness: { forget, abandon: 0 } })
          const { random, volume } = run
          const batch = (): void => {
            const numbers = [...run.model.keys()]
            for (let i = random.below(12); i >= 0; i--) {
              const number = random.chance(0.5) ? random.below(3000) : (numbers[random.below(numbers.length)] ?? 1)
              // Scattered leaves of one item each: the free map soon has more to say than fits into the root.
              if (random.chance(0.7)) run.put(number, random.bytes([5, 150, 400, 480][random.below(4)]))
              else run.remove(number)
            }
          }
          if (pageCount >= 1200) {
            run.commit(() => {
              for (let i = random.below(600); i >= 0; i--) run.put(random.below(3000), random.bytes(400))
            })
          }
          for (let round = 0; round < rounds; round++) {
            const dice = random.below(20)
            if (dice < 14) {
              run.commit(batch)
            } else if (dice < 15) run.commitEmpty(random.chance(0.5))
            else if (dice < 17) {
              batch()
              if (volume.draft.changeCount > 0 && volume.writeEarly()) {
                run.count("early")
                batch()
                const tag = volume.commit()
                run.count(`early ${tag}`)
                if (tag === "Plan") {
                  assert.strictEqual(volume.head.root.record.barriers, 2)
                  run.durable = new Map(run.model)
                }
              }
              run.rollback()
            } else if (dice < 18) {
              batch()
              volume.crash(false)
              run.rollback()
              run.count("crash")
            } else {
              run.rollback()
              volume.reopen()
              run.count("reopen")
            }
            if (random.chance(0.2)) run.compare()
          }
          run.compare()
          volume.reopen()
          run.compare()
          total(histogram, run.histogram)
        }
      ),
      parameters(40)
    )
    for (const name of ["Plan", "DiskFull", "fold", "early Plan", "empty", "clean", "crash", "reopen"]) {
      assert.isAtLeast(histogram[name] ?? 0, scaled(6), name)
    }
    console.log(JSON.stringify({ name: "Commit", ...histogram }))
  })

  it("lets a full volume change and shrink (I16)", () => {
    const histogram: Record<string, number> = {}
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), fc.constantFrom(64, 300, 2000, 4100), (seed, pageCount) => {
        const run = new CommitRun({ seed, pageBytes: 512, pageCount, checking: 0.1 })
        const { random } = run
        const batch = Math.max(1, Math.floor(pageCount / 60))
        const item = (): Uint8Array => random.bytes(400)
        for (let i = 0; ; i++) {
          const tag = run.commit(() => {
            for (let j = 0; j < batch; j++) run.put(random.below(100_000), item())
          })
          if (tag === "DiskFull") break
          assert.isBelow(i, 200)
        }
        const reserve = Allocator.reserveCount(layout, pageCount)
        assert.isBelow(run.volume.head.allocator.freeCount, reserve + 4 * batch + 20, "the volume is nearly full")
        for (let round = 0; round < 40 && run.model.size > 10; round++) {
          const numbers = [...run.model.keys()]
          const chosen = Array.from({ length: 1 + random.below(3) }, () => numbers[random.below(numbers.length)])
          const isRemoval = random.chance(0.5)
          const tag = run.commit(() => {
            for (const number of chosen) {
              if (isRemoval) run.remove(number)
              else run.put(number, item())
            }
          })
          assert.strictEqual(tag, "Plan", isRemoval ? "a removal on a full volume" : "a change on a full volume")
        }
        // What was removed can be used again.
        while (run.model.size > 5) {
          // Neighbours, whose leaves go as a whole: a commit takes what it changes before it gives anything back.
          const numbers = [...run.model.keys()].sort((a, b) => a - b).slice(0, 5 + 8 * batch)
          const tag = run.commit(() => numbers.forEach((number) => run.remove(number)))
          assert.strictEqual(tag, "Plan")
        }
        run.commitEmpty()
        run.commitEmpty()
        const put = run.commit(() => {
          for (let j = 0; j < batch; j++) run.put(j, item())
        })
        assert.strictEqual(put, "Plan")
        run.compare()
        total(histogram, run.histogram)
      }),
      parameters(12)
    )
    assert.isAbove(histogram["fold"] ?? 0, 0)
    console.log(JSON.stringify({ name: "Commit on a full volume", ...histogram }))
  })

  /** A head and a draft on it: a volume without files, whose map says `used`. */
  const onMap = (pageCount: number, used: Extent.ExtentSet) => {
    const volume = new TestVolume({ pageBytes: 512, pageCount, isChecked: false })
    const { head, superblock } = volume
    const map = FreeMap.allocate(head.root.record.map, Extent.subtract(used, head.root.record.map.used))
    const freeCount = Extent.size(FreeMap.free(volume.draft, map))
    const record = { ...head.root.record, map, freeCount }
    const root: RootRecord.EncodedRoot = { ...head.root, record }
    const { binding } = volume
    const draft = new Draft(binding, { find: () => undefined }, record.generation + 1, record.roots)
    const circumstances = {
      slots: superblock.slots,
      sessionId: new Uint8Array(16),
      bootId: new Uint8Array(16),
      time: BigInt(1)
    }
    return {
      binding,
      circumstances,
      draft,
      head: { root, allocator: Allocator.make(map, freeCount, 0, [], Extent.EMPTY) }
    }
  }

  it("deletes on a large full volume whose map was never written", () => {
    // All in use as one extent: the fold has to make each leaf of the map.
    const pageCount = 1_200_000
    const { circumstances, draft, head } = onMap(pageCount, Extent.of(0, pageCount))
    const reserve = Allocator.reserveCount(layout, pageCount)
    const map = FreeMap.release(head.allocator.map, Extent.of(pageCount - reserve, reserve))
    draft.attempt()
    for (let page = 5000; page < pageCount - reserve; page += 3000) draft.release(page, 1, 1)
    const plan = Commit.plan(draft, head, Allocator.make(map, reserve, 0, [], Extent.EMPTY), circumstances, false)
    assert.strictEqual(plan._tag, "Plan")
  })

  it("folds where the free pages are all apart", () => {
    // One free page in eight hundred: the homes of the map's pages are as many extents, too many for the root.
    const pageCount = 400_000
    const used: Array<readonly [number, number]> = []
    for (let page = 0; page < pageCount; page += 800) used.push([page, 799])
    const { binding, circumstances, draft, head } = onMap(pageCount, Extent.fromUnsorted(used))
    draft.attempt()
    for (let page = 4000; page < pageCount; page += 1600) draft.release(page + 5, 1, 1)
    const plan = Commit.plan(draft, head, head.allocator, circumstances, false)
    if (plan._tag !== "Plan") assert.fail(plan._tag)
    const { map, freeCount } = plan.root.record
    assert.isAtMost(FreeMap.deltaBytes(map), RootRecord.deltaBytesMax(binding.layout))
    const disk = new Map(plan.writes.map(({ address, bytes }) => [address, bytes]))
    const pages = new Draft(binding, { find: (address) => disk.get(address) }, 9, undefined)
    const free = FreeMap.free(pages, map)
    assert.strictEqual(Extent.size(free), freeCount)
    const written = Extent.fromUnsorted(plan.writes.map(({ address }) => [address, 1] as const))
    const died = Extent.fromUnsorted(draft.dead.map(({ address }) => [address, 1] as const))
    const before = FreeMap.free(pages, head.allocator.map)
    assert.deepStrictEqual(Extent.subtract(written, before), [], "it writes free pages")
    assert.deepStrictEqual(free, Extent.subtract(Extent.union(before, died), written))
  })
})
