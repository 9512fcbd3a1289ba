/** The shape of ropes: full runs and branches, few dirty pages, few batches. */
import { assert, describe, it } from "vitest"
import * as Rope from "../../src/core/Rope.ts"
import { Volume } from "./RopeMemory.ts"
import { LARGE, makeRandom, MIB, same, SMALL } from "./RopePair.ts"

describe("Rope", () => {
  it("keeps full runs and full branches behind appends", () => {
    for (const [geometry, stepBytes] of [
      [LARGE, MIB],
      [SMALL, MIB],
      [LARGE, 100_000]
    ] as const) {
      const volume = new Volume(geometry)
      const bytes = new Uint8Array(stepBytes).fill(1)
      while (volume.draft.roots.size < 64 * MIB) {
        volume.edit((draft, rope) => Rope.write(draft, rope, rope.size, bytes.subarray(0, 64 * MIB - rope.size)))
      }
      const figures = volume.check()
      const { ropeFanout } = volume.layout
      assert.strictEqual(figures.runs, 1024)
      let branches = 0
      for (let count = 1024; count > 1; branches += count) count = Math.ceil(count / ropeFanout)
      assert.strictEqual(figures.branches, branches)
    }
  })

  it("fills runs by small appends", () => {
    const volume = new Volume(LARGE)
    const bytes = new Uint8Array(1024).fill(1)
    for (let i = 0; i < 2048; i++) volume.edit((draft, rope) => Rope.write(draft, rope, rope.size, bytes))
    assert.deepStrictEqual(volume.check(), { runs: 32, holes: 0, branches: 1, dataPages: 512 })
    assert.strictEqual(volume.draft.dirtyBytes, 2 * MIB + 4096)
  })

  it("keeps runs of some pages when every small append is committed", () => {
    const volume = new Volume(LARGE)
    const bytes = new Uint8Array(1000).fill(1)
    for (let i = 0; i < 500; i++) {
      volume.edit((draft, rope) => Rope.write(draft, rope, rope.size, bytes))
      assert.isAtMost(volume.draft.dirtyBytes, 6 * 4096)
      volume.commit()
    }
    const figures = volume.check()
    assert.strictEqual(figures.dataPages, Math.ceil(500_000 / 4096))
    assert.isAtMost(figures.runs, Math.ceil(figures.dataPages / 4) + 1)
  })

  it("dirties little for a small overwrite", () => {
    const random = makeRandom(1)
    for (const [geometry, pagesMax] of [
      [LARGE, 3],
      // The write touches three of the smallest pages, and every branch on the way may be full.
      [SMALL, 6]
    ] as const) {
      const volume = new Volume(geometry)
      volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(64 * MIB).fill(1)))
      volume.commit()
      for (let i = 0; i < 100; i++) {
        const savepoint = volume.draft.savepoint()
        const depth = volume.draft.roots.level
        const offset = random.below(64 * MIB - 1024)
        volume.edit((draft, rope) => Rope.write(draft, rope, offset, random.bytes(1024)))
        assert.isAtMost(volume.draft.dirtyBytes / geometry.pageBytes, depth + pagesMax)
        volume.draft.rollback(savepoint)
      }
      volume.check()
    }
  })

  it("keeps the pages around an overwrite where they are", () => {
    const volume = new Volume(LARGE)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(64 * 1024).fill(1)))
    volume.commit()
    volume.forget()
    volume.edit((draft, rope) => Rope.write(draft, rope, 5 * 4096 + 1, new Uint8Array(4096).fill(2)))
    const [dead] = volume.draft.dead
    assert.strictEqual(volume.draft.dead.length, 1)
    assert.deepStrictEqual([dead.pageCount, dead.birth], [2, 1])
    assert.strictEqual(volume.draft.dirtyBytes, 3 * 4096)
    assert.strictEqual(volume.check().runs, 3)
  })

  it("leaves no fragment of less than a page beside an overwrite", () => {
    const volume = new Volume(LARGE)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(5000).fill(1)))
    volume.commit()
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(10).fill(2)))
    assert.deepStrictEqual(volume.check(), { runs: 1, holes: 0, branches: 0, dataPages: 2 })
  })

  it("joins two runs in memory when the hole between them shrinks to less than a page", () => {
    const volume = new Volume(SMALL)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(512).fill(1)))
    volume.edit((draft, rope) => Rope.write(draft, rope, 4096, new Uint8Array(512).fill(2)))
    volume.edit((draft, rope) => Rope.insert(draft, rope, 0, new Uint8Array(5).fill(3)))
    volume.edit((draft, rope) => Rope.remove(draft, rope, 600, 3400))
    assert.deepStrictEqual(volume.check(), { runs: 1, holes: 0, branches: 0, dataPages: 3 })
    const expected = new Uint8Array(1213)
    expected.fill(3, 0, 5).fill(1, 5, 517).fill(2, 701)
    assert.deepStrictEqual(volume.read(volume.draft.roots, 0, 2000), expected)
  })

  it("reads with one batch a level", () => {
    const volume = new Volume(SMALL, 4)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(MIB).fill(1)))
    volume.commit()
    const rope = volume.draft.roots
    assert.isAtLeast(rope.level, 3)
    for (const [offset, count] of [
      [0, MIB],
      [MIB / 3, MIB / 2],
      [12_345, 1]
    ]) {
      volume.forget()
      volume.batches = 0
      volume.read(rope, offset, count)
      assert.strictEqual(volume.batches, rope.level + 1)
    }
  })

  it("writes a file of known size from front to back into full runs and branches", () => {
    const volume = new Volume(LARGE)
    const bytes = new Uint8Array(65536).fill(1)
    volume.edit((draft, rope) => Rope.truncate(draft, rope, 32 * MIB))
    for (let offset = 0; offset < 32 * MIB; offset += bytes.length) {
      volume.edit((draft, rope) => Rope.write(draft, rope, offset, bytes))
    }
    assert.deepStrictEqual(volume.check(), { runs: 512, holes: 0, branches: 5, dataPages: 8192 })
  })

  it("splits long runs in memory", () => {
    const volume = new Volume(SMALL)
    volume.edit((draft, rope) => Rope.write(draft, rope, 0, new Uint8Array(300_000).fill(1)))
    volume.commit()
    volume.edit((draft, rope) => Rope.write(draft, rope, 100_000, new Uint8Array(100_000).fill(2)))
    const before = volume.read(volume.draft.roots, 0, 300_000)
    volume.edit((draft, rope) => Rope.shorten(draft, rope, 3))
    assert.isAtLeast(volume.check().runs, Math.ceil(100_000 / 1536))
    assert.deepStrictEqual(volume.read(volume.draft.roots, 0, 300_000), before)
    volume.perform((draft) => assert.strictEqual(Rope.shorten(draft, draft.roots, 3), draft.roots))
  })

  it("joins branches that became short with a neighbour", () => {
    const random = makeRandom(12)
    for (let round = 0; round < 6; round++) {
      const volume = new Volume(SMALL, 1)
      let model = random.bytes(400 * 512)
      volume.edit((draft, rope) => Rope.write(draft, rope, 0, model))
      volume.commit()
      while (model.length > 0) {
        const { branches, runs } = volume.check()
        const { ropeFanout } = volume.layout
        // All but the last branch of a level are filled to a part at least; `check` looks at that, and this at what it comes to.
        assert.isAtMost(branches, Math.ceil((4 * runs) / ropeFanout) + 4)
        const first = random.below(model.length / 512)
        const pages = random.pick([1, 3, ropeFanout - 1, ropeFanout, 2 * ropeFanout, 70])
        const [from, to] = [first * 512, Math.min(model.length, (first + pages) * 512)]
        volume.edit((draft, rope) => Rope.remove(draft, rope, from, to - from))
        const left = new Uint8Array(model.length - (to - from))
        left.set(model.subarray(0, from))
        left.set(model.subarray(to), from)
        model = left
        assert.isTrue(same(volume.read(volume.draft.roots, 0, model.length + 1), model))
        if (random.chance(0.5)) volume.commit()
        if (random.chance(0.5)) volume.forget()
      }
      assert.deepStrictEqual(volume.draft.roots, Rope.empty(volume.layout))
    }
  })
})
