/** Ropes against a plain byte array, over a disk that forgets. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Draft } from "../../src/core/Draft.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import type { Geometry } from "../../src/core/Layout.ts"
import { CleanPages, CorruptPage, MissingPages } from "../../src/core/Pages.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as RopeBranch from "../../src/core/RopeBranch.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { Volume } from "./RopeMemory.ts"
import { HUGE, LARGE, makeRandom, NARROW, Pair, same, sequence, SMALL } from "./RopePair.ts"

const assertCorrupt = (operation: () => unknown): void => {
  let thrown: unknown
  try {
    operation()
  } catch (cause) {
    thrown = cause
  }
  assert.instanceOf(thrown, CorruptPage)
}

/** Explores sequences, and answers how deep the ropes became and how often a page was missed. */
const explore = (
  geometry: Geometry,
  runPagesMax: number | undefined,
  sizeMax: number,
  steps: number,
  runs: number
): { readonly depthMax: number; readonly restarts: number } => {
  let depthMax = 0
  let restarts = 0
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const pair = new Pair(geometry, runPagesMax, seed, sizeMax)
      try {
        sequence(pair, steps)
      } catch (cause) {
        throw new Error(`${pair.seals ? "sealed " : ""}${pair.log.slice(-12).join("; ")}: ${(cause as Error).stack}`, {
          cause
        })
      }
      depthMax = Math.max(depthMax, pair.depthMax)
      restarts += pair.volume.restarts
    }),
    { ...parameters(runs), endOnFailure: true }
  )
  return { depthMax, restarts }
}

describe("Rope", () => {
  it("is a byte array, with small pages", () => {
    const { depthMax, restarts } = explore(SMALL, undefined, 100_000, 60, 60)
    assert.isAtLeast(depthMax, 1)
    assert.isAbove(restarts, scaled(60))
  })

  it("is a byte array, with short runs", () => {
    const { depthMax, restarts } = explore(SMALL, 4, 60_000, 100, 60)
    assert.isAtLeast(depthMax, 2)
    assert.isAbove(restarts, scaled(60))
  })

  it("is a byte array, with the widest pointers", () => {
    const { depthMax, restarts } = explore(NARROW, 2, 60_000, 100, 60)
    assert.isAtLeast(depthMax, 3)
    assert.isAbove(restarts, scaled(60))
  })

  it("is a byte array, with usual pages", () => {
    const { depthMax, restarts } = explore(LARGE, undefined, 400_000, 60, 40)
    assert.isAtLeast(depthMax, 1)
    assert.isAbove(restarts, scaled(40))
  })

  it("is a byte array, with the largest pages", () => {
    const { depthMax, restarts } = explore(HUGE, undefined, 600_000, 60, 20)
    assert.isAtLeast(depthMax, 1)
    assert.isAbove(restarts, scaled(20))
  })

  it("loads before an operation all that it needs", () => {
    const random = makeRandom(2)
    for (let i = 0; i < parameters(500).numRuns; i++) {
      const volume = new Volume(NARROW, 2)
      volume.edit((draft, rope) => Rope.write(draft, rope, 0, random.bytes(40_000)))
      const edge = (): number =>
        Math.min(40_000, random.pick([random.below(40_000), random.below(40) * 1024 + random.below(3)]))
      for (let j = 0; j < 12; j++) {
        // Before the commit and after it, so that there are runs on disk beside runs in memory.
        if (j === 5) volume.commit()
        const offset = edge()
        if (random.chance(0.5)) volume.edit((draft, rope) => Rope.punch(draft, rope, offset, random.below(4000)))
        else volume.edit((draft, rope) => Rope.insert(draft, rope, offset, random.bytes(random.below(600))))
      }
      volume.forget()
      const offset = edge()
      const count = random.below(volume.draft.roots.size - offset)
      const bytes = random.bytes(random.below(2000))
      const [prepare, operation] = random.pick<
        readonly [number, (draft: Draft<Rope.Rope>, rope: Rope.Rope) => Rope.Rope]
      >([
        [count, (draft, rope) => Rope.punch(draft, rope, offset, count)],
        [count, (draft, rope) => Rope.remove(draft, rope, offset, count)],
        [bytes.length, (draft, rope) => Rope.insert(draft, rope, offset, bytes)],
        [bytes.length, (draft, rope) => Rope.write(draft, rope, offset, bytes)],
        [volume.draft.roots.size - offset, (draft, rope) => Rope.truncate(draft, rope, offset)]
      ])
      volume.performSealed(
        (draft) => Rope.prepare(draft, draft.roots, offset, prepare),
        (draft) => (draft.roots = operation(draft, draft.roots))
      )
      volume.check()
      assert.isAbove(volume.restarts, 0)
    }
  })

  it("loads the branch before one that begins with a run in memory", () => {
    const volume = new Volume(SMALL, 1)
    const { ropeFanout } = volume.layout
    const offset = ropeFanout * 512
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(3 * offset).fill(1)))
    volume.commit()
    volume.edit((draft, rope) => Rope.write(draft, rope, offset, new Uint8Array(512).fill(2)))
    volume.forget()
    volume.performSealed(
      (draft) => Rope.prepare(draft, draft.roots, offset, 10),
      (draft) => (draft.roots = Rope.insert(draft, draft.roots, offset, new Uint8Array(10).fill(3)))
    )
    volume.check()
    assert.deepStrictEqual(volume.read(volume.draft.roots, offset - 1, 12), Uint8Array.of(1, ...Array(10).fill(3), 2))
  })

  it("has holes that cost nothing", () => {
    const volume = new Volume(SMALL)
    const size = 2 ** 48 - 1
    volume.edit((draft, rope) => Rope.truncate(draft, rope, size))
    assert.strictEqual(volume.draft.dirtyBytes, 0)
    assert.deepStrictEqual(volume.read(volume.draft.roots, size - 3, 9), new Uint8Array(3))
    volume.edit((draft, rope) => Rope.write(draft, rope, 2 ** 40 + 5, Uint8Array.of(1, 2, 3)))
    assert.deepStrictEqual(volume.check(), { runs: 1, holes: 2, branches: 1, dataPages: 1 })
    const segments: Array<Rope.Segment> = []
    for (let offset = 0; offset < size;) {
      const segment = Rope.segment(volume.draft, volume.draft.roots, offset)
      assert(segment !== undefined)
      segments.push(segment)
      offset += segment.count
    }
    assert.deepStrictEqual(segments, [
      { offset: 0, count: 2 ** 40, isHole: true },
      { offset: 2 ** 40, count: 512, isHole: false },
      { offset: 2 ** 40 + 512, count: size - 2 ** 40 - 512, isHole: true }
    ])
    volume.edit((draft, rope) => Rope.punch(draft, rope, 0, size))
    assert.deepStrictEqual(volume.draft.roots, { size, level: 0, link: new Uint8Array(volume.layout.pointerBytes) })
    assert.throws(
      () => volume.edit((draft, rope) => Rope.write(draft, rope, size, Uint8Array.of(1))),
      InvariantViolation
    )
  })

  it("is read whole runs at a time straight to where they are wanted", () => {
    const volume = new Volume(SMALL, 4)
    const random = makeRandom(5)
    const model = random.bytes(100_000)
    model.fill(0, 20_480, 30_720)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, model))
    volume.edit((draft, rope) => Rope.punch(draft, rope, 20_480, 10_240))
    volume.commit()
    const rope = volume.draft.roots
    let straight = 0
    for (let i = 0; i < 60; i++) {
      const offset = random.pick([0, 2048, random.below(100_000), random.below(48) * 2048])
      const target = new Uint8Array(random.pick([100_000, 2048, 6144, random.below(30_000)])).fill(0xee)
      const loaded = new Map<string, Uint8Array>()
      const pages = new CleanPages(volume.layout, {
        find: (address, birth, pageCount) => loaded.get(`${address} ${birth} ${pageCount}`)
      })
      const read = (): number => {
        for (;;) {
          try {
            return Rope.read(pages, rope, offset, target)
          } catch (thrown) {
            if (!(thrown instanceof MissingPages)) throw thrown
            for (const { address, birth, into, pageCount } of thrown.pointers) {
              const found = volume.stored(address, pageCount)
              if (into !== undefined) {
                assert.strictEqual(into.length, found.length)
                into.set(found)
                straight++
              }
              loaded.set(`${address} ${birth} ${pageCount}`, into ?? found)
            }
          }
        }
      }
      const count = read()
      assert.strictEqual(count, Math.min(target.length, Math.max(0, 100_000 - offset)))
      assert.isTrue(same(target.subarray(0, count), model.subarray(offset, offset + count)), `${offset} +${count}`)
      assert.isTrue(
        target.subarray(count).every((byte) => byte === 0xee),
        "what is not read is left alone"
      )
    }
    assert.isAbove(straight, 200)
  })

  it("says where data and holes are", () => {
    const random = makeRandom(6)
    for (let i = 0; i < 30; i++) {
      const volume = new Volume(SMALL, 2)
      const isData = Array.from({ length: 80 }, () => random.chance(0.5))
      volume.edit((draft, rope) => Rope.truncate(draft, rope, 80 * 512))
      for (const [page, data] of isData.entries()) {
        if (data) volume.edit((draft, rope) => Rope.write(draft, rope, page * 512, new Uint8Array(512).fill(1)))
      }
      if (i % 2 === 0) volume.commit()
      volume.forget()
      const rope = volume.draft.roots
      for (const offset of [0, random.below(80 * 512)]) {
        let before: Rope.Segment | undefined
        let joined = 0
        for (let at = offset; at < rope.size;) {
          const here = at
          const segment = volume.perform((draft) => Rope.segment(draft, rope, here)) ?? assert.fail("it ends early")
          assert.strictEqual(segment.offset, at)
          assert.isAbove(segment.count, 0)
          for (let page = Math.floor(at / 512); page * 512 < at + segment.count; page++) {
            assert.strictEqual(!isData[page], segment.isHole)
          }
          if (segment.count > 1024) joined++
          if (before?.isHole === segment.isHole) assert.isFalse(segment.isHole && before.count < 512)
          before = segment
          at += segment.count
        }
        assert.isUndefined(volume.perform((draft) => Rope.segment(draft, rope, rope.size)))
        if (offset === 0) assert.isAbove(joined, 2, "neighbours under one branch are told as one")
      }
    }
  })

  it("is loaded for a write, and no more than that", () => {
    const volume = new Volume(SMALL, 4)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(60_000).fill(1)))
    volume.commit()
    const random = makeRandom(7)
    for (let i = 0; i < 60; i++) {
      volume.forget()
      const offset = random.pick([random.below(60_000), volume.draft.roots.size, volume.draft.roots.size + 3000])
      const bytes = random.bytes(1 + random.below(3000))
      volume.performSealed(
        (draft) => Rope.planWrite(draft, draft.roots, offset, bytes.length),
        (draft, plan) => (draft.roots = Rope.carryOut(draft, plan, bytes))
      )
      assert.isTrue(same(volume.read(volume.draft.roots, offset, bytes.length), bytes))
      if (i % 7 === 0) volume.commit()
    }
    volume.check()
  })

  it("answers the same rope if nothing changed", () => {
    const volume = new Volume(SMALL)
    volume.edit((draft, rope) => Rope.write(draft, rope, 3000, new Uint8Array(2000).fill(1)))
    volume.perform((draft) => {
      const rope = draft.roots
      assert.strictEqual(Rope.write(draft, rope, 10, new Uint8Array(0)), rope)
      assert.strictEqual(Rope.insert(draft, rope, 10, new Uint8Array(0)), rope)
      assert.strictEqual(Rope.remove(draft, rope, rope.size, 10), rope)
      assert.strictEqual(Rope.truncate(draft, rope, rope.size), rope)
      assert.strictEqual(Rope.punch(draft, rope, 10, 20), rope)
      assert.strictEqual(Rope.shorten(draft, rope, 100), rope)
      assert.strictEqual(Rope.write(draft, rope, 3500, new Uint8Array(20)), rope, "a run in memory changes in place")
    })
    volume.check()
  })

  it("understands holes above level 0", () => {
    const { layout } = new Volume(SMALL)
    const random = makeRandom(3)
    const operations: ReadonlyArray<(draft: Draft<Rope.Rope>, rope: Rope.Rope, offset: number) => Rope.Rope> = [
      (draft, rope, offset) => Rope.write(draft, rope, offset, new Uint8Array(700).fill(9)),
      (draft, rope, offset) => Rope.insert(draft, rope, offset, new Uint8Array(700).fill(9)),
      (draft, rope, offset) => Rope.remove(draft, rope, offset, 9000),
      (draft, rope, offset) => Rope.punch(draft, rope, offset, 9000),
      (draft, rope, offset) => Rope.truncate(draft, rope, offset)
    ]
    for (let i = 0; i < parameters(200).numRuns; i++) {
      // A root of level 2: a hole, a branch of two runs, a hole.
      const volume = new Volume(SMALL, 4)
      volume.perform((draft) => {
        const runs = RopeBranch.makeEntries(layout, 7)
        for (let j = 0; j < 7; j++) {
          draft.createData(runs.bytes, RopeBranch.push(layout, runs, 512), new Uint8Array(512).fill(j + 1))
        }
        const root = RopeBranch.makeEntries(layout, 3)
        RopeBranch.push(layout, root, 20_000)
        RopeBranch.pushAll(layout, root, RopeBranch.spread(draft, 1, runs, true))
        RopeBranch.push(layout, root, 10_000)
        const top = RopeBranch.spread(draft, 2, root, true)
        const link = RopeBranch.takePointer(layout, top.bytes, RopeBranch.FIRST_POINTER)
        draft.roots = { size: 33_584, level: 2, link }
      })
      volume.commit()
      const model = new Uint8Array(33_584)
      for (let j = 0; j < 7; j++) model.fill(j + 1, 20_000 + j * 512, 20_512 + j * 512)
      assert.isTrue(same(volume.read(volume.draft.roots, 0, 40_000), model))
      const offset = random.pick([0, 20_000, 23_584, 33_584, random.below(33_584)])
      const operation = random.pick(operations)
      volume.edit((draft, rope) => operation(draft, rope, offset))
      const reference = new Volume(SMALL, 4)
      reference.edit((draft, rope) => Rope.write(draft, rope, 0, model))
      reference.edit((draft, rope) => operation(draft, rope, offset))
      const content = reference.read(reference.draft.roots, 0, 50_000)
      assert.isTrue(same(volume.read(volume.draft.roots, 0, 50_000), content))
    }
  })

  it("refuses what verifies but makes no sense", () => {
    const volume = new Volume(SMALL)
    const { layout } = volume
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(200_000).fill(1)))
    volume.commit()
    const rope = volume.draft.roots
    const decoded = (changes: Partial<Rope.Rope>): Rope.Rope => {
      const bytes = new Uint8Array(Rope.encodedBytes(layout))
      Rope.encode({ ...rope, ...changes }, bytes, 0)
      return Rope.decode(layout, bytes, 0)
    }
    assert.deepStrictEqual(decoded({}), rope)
    for (const changes of [{ level: 49 }, { level: 0 }, { size: 0 }, { link: new Uint8Array(layout.pointerBytes) }]) {
      assertCorrupt(() => decoded(changes))
    }
    for (const size of [199_999, 200_001, 10]) {
      const wrong = decoded({ size })
      assertCorrupt(() => volume.read(wrong, 0, 300_000))
      assertCorrupt(() => volume.perform((draft) => Rope.write(draft, wrong, 5, Uint8Array.of(1))))
      assertCorrupt(() => volume.perform((draft) => Rope.truncate(draft, wrong, 5)))
    }
  })
})
