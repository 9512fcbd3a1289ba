/** Ropes against a plain byte array, over a disk that forgets. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isZero } from "../../src/core/Bytes.ts"
import type { Draft } from "../../src/core/Draft.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import type { Geometry } from "../../src/core/Layout.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as RopeBranch from "../../src/core/RopeBranch.ts"
import { Volume } from "./RopeMemory.ts"

const SMALL: Geometry = { pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 }
/** The widest pointers: five entries a branch. */
const NARROW: Geometry = { pageBytes: 512, addressBytes: 6, checksumBytes: 32, extensionBytes: 32 }
const LARGE: Geometry = { pageBytes: 4096, addressBytes: 4, checksumBytes: 8, extensionBytes: 0 }

/** Runs of one page. */
const HUGE: Geometry = { pageBytes: 65536, addressBytes: 2, checksumBytes: 8, extensionBytes: 0 }

const MIB = 1024 * 1024

/** A small generator of our own, seeded by fast-check: a sequence depends on the state that it has reached. */
const makeRandom = (seed: number) => {
  let state = (seed | 0) ^ 0x9e3779b9
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    below,
    chance: (share: number): boolean => next() < share,
    pick: <A>(items: ReadonlyArray<A>): A => items[below(items.length)],
    bytes: (count: number): Uint8Array => {
      const bytes = new Uint8Array(count)
      // Not zero, so that a byte that was lost is seen.
      const first = below(255)
      for (let i = 0; i < count; i++) bytes[i] = 1 + ((first + i * 7 + (i >> 8)) % 255)
      return bytes
    }
  }
}
type Random = ReturnType<typeof makeRandom>

const joined = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(parts.reduce((count, part) => count + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** The rope and the byte array side by side. */
class Pair {
  readonly volume: Volume
  readonly random: Random
  readonly sizeMax: number
  /** Whether operations prepare and seal, so that a miss in their middle is a defect. */
  readonly seals: boolean
  model: Uint8Array = new Uint8Array(0)
  depthMax = 0
  readonly log: Array<string> = []

  constructor(geometry: Geometry, runPagesMax: number | undefined, seed: number, sizeMax: number) {
    this.volume = new Volume(geometry, runPagesMax)
    this.random = makeRandom(seed)
    this.sizeMax = sizeMax
    this.seals = this.random.chance(0.3)
  }

  /** An offset up to `end`, likely one at an edge. */
  offset(end: number): number {
    const { random } = this
    const { pageBytes, runPagesMax } = this.volume.layout
    const near = (unit: number): number => {
      const units = Math.floor(end / unit)
      return random.below(units + 1) * unit + random.below(3) - 1
    }
    const at = random.pick([
      () => 0,
      () => end,
      () => end - 1,
      () => random.below(end + 1),
      () => near(pageBytes),
      () => near(pageBytes),
      () => near(pageBytes * runPagesMax),
      () => this.entryEdge() + random.below(3) - 1
    ])()
    return Math.max(0, Math.min(end, at))
  }

  /** Where some run or hole begins. */
  entryEdge(): number {
    const { volume } = this
    if (volume.draft.roots.size === 0) return 0
    const at = this.random.below(volume.draft.roots.size)
    const segment = volume.perform((draft) => Rope.segment(draft, draft.roots, at))
    return segment === undefined ? 0 : this.random.chance(0.5) ? segment.offset : segment.offset + segment.count
  }

  count(): number {
    const { random } = this
    const { pageBytes, runPagesMax } = this.volume.layout
    return random.pick([
      () => random.below(10),
      () => random.below(pageBytes),
      () => pageBytes,
      () => pageBytes * random.below(5) + random.below(3),
      () => random.below(pageBytes * 6),
      () => Math.min(this.sizeMax, random.below(pageBytes * runPagesMax * 3))
    ])()
  }

  step(): void {
    const { random, volume } = this
    const size = this.model.length
    const run = (name: string, offset: number, count: number, operation: Parameters<Volume["edit"]>[0]): void => {
      this.log.push(`${name}(${offset}, ${count}) of ${size}`)
      volume.edit((draft, rope) => {
        if (this.seals && name !== "insert" && name !== "shorten") {
          Rope.prepare(draft, rope, offset, count)
          draft.seal()
        }
        return operation(draft, rope)
      })
    }
    const room = Math.max(0, this.sizeMax - size)
    const kind = random.below(100)
    if (kind < 22) {
      const offset = this.offset(size)
      const bytes = random.bytes(Math.min(this.count(), size - offset + room))
      run("write", offset, bytes.length, (draft, rope) => Rope.write(draft, rope, offset, bytes))
      const after = new Uint8Array(Math.max(size, offset + bytes.length))
      after.set(this.model)
      after.set(bytes, offset)
      this.model = after
    } else if (kind < 40) {
      const bytes = random.bytes(Math.min(this.count(), room))
      run("append", size, bytes.length, (draft, rope) => Rope.write(draft, rope, size, bytes))
      this.model = joined(this.model, bytes)
    } else if (kind < 45) {
      const offset = size + Math.min(this.count(), Math.floor(room / 2))
      const bytes = random.bytes(Math.min(this.count(), Math.floor(room / 2)))
      run("gap", offset, bytes.length, (draft, rope) => Rope.write(draft, rope, offset, bytes))
      if (bytes.length > 0) this.model = joined(this.model, new Uint8Array(offset - size), bytes)
    } else if (kind < 60) {
      const offset = this.offset(size)
      const bytes = random.bytes(Math.min(this.count(), room))
      run("insert", offset, bytes.length, (draft, rope) => Rope.insert(draft, rope, offset, bytes))
      this.model = joined(this.model.subarray(0, offset), bytes, this.model.subarray(offset))
    } else if (kind < 72) {
      const offset = this.offset(size)
      const count = random.chance(0.3) ? this.offset(size) : this.count()
      run("remove", offset, count, (draft, rope) => Rope.remove(draft, rope, offset, count))
      this.model = joined(this.model.subarray(0, offset), this.model.subarray(Math.min(size, offset + count)))
    } else if (kind < 84) {
      const offset = this.offset(size)
      const count = random.chance(0.3) ? this.offset(size) : this.count()
      run("punch", offset, count, (draft, rope) => Rope.punch(draft, rope, offset, count))
      this.model = this.model.slice()
      this.model.fill(0, offset, Math.min(size, offset + count))
    } else if (kind < 90) {
      const sizeAfter = size + Math.min(this.count(), room)
      run("grow", size, sizeAfter - size, (draft, rope) => Rope.truncate(draft, rope, sizeAfter))
      this.model = joined(this.model, new Uint8Array(sizeAfter - size))
    } else if (kind < 94) {
      const sizeAfter = random.chance(0.1) ? 0 : this.offset(size)
      run("truncate", sizeAfter, size - sizeAfter, (draft, rope) => Rope.truncate(draft, rope, sizeAfter))
      this.model = this.model.slice(0, sizeAfter)
    } else if (kind < 96) {
      const pagesMax = random.pick([1, 2, 3, 5])
      run("shorten", 0, pagesMax, (draft, rope) => Rope.shorten(draft, rope, pagesMax))
    } else if (kind < 98) {
      this.log.push("settle some")
      volume.settleSome(() => random.chance(0.4))
    } else {
      this.log.push("settle")
      volume.settle()
    }
    assert.strictEqual(volume.draft.roots.size, this.model.length, this.log.at(-1))
    this.depthMax = Math.max(this.depthMax, volume.draft.roots.level)
    if (random.chance(0.5)) volume.forget(() => random.chance(random.pick([0.1, 0.5, 1])))
  }

  /** The content, read in pieces, and the structure. */
  check(): void {
    const { model, random, volume } = this
    volume.check()
    const rope = volume.draft.roots
    assert.strictEqual(rope.size, model.length)
    assert.isTrue(same(volume.read(rope, 0, model.length + 5), model), "the whole content")
    for (let i = 0; i < 3; i++) {
      const offset = this.offset(model.length)
      const count = this.count()
      assert.isTrue(same(volume.read(rope, offset, count), model.subarray(offset, offset + count)), "a piece")
    }
    if (random.chance(0.2)) this.checkSegments()
    const encoded = new Uint8Array(Rope.encodedBytes(volume.layout) + 3)
    Rope.encode(rope, encoded, 2)
    assert.deepStrictEqual(Rope.decode(volume.layout, encoded, 2), rope)
  }

  checkSegments(): void {
    const { model, volume } = this
    let offset = 0
    for (;;) {
      const at = offset
      const segment = volume.perform((draft) => Rope.segment(draft, draft.roots, at))
      if (segment === undefined) break
      assert.strictEqual(segment.offset, offset)
      assert.isAbove(segment.count, 0)
      const piece = model.subarray(offset, offset + segment.count)
      if (segment.isHole) assert.isTrue(isZero(piece, 0, piece.length), "a hole reads as zeros")
      offset += segment.count
    }
    assert.strictEqual(offset, model.length)
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const assertCorrupt = (operation: () => unknown): void => {
  let thrown: unknown
  try {
    operation()
  } catch (cause) {
    thrown = cause
  }
  assert.instanceOf(thrown, CorruptPage)
}

/** Runs a whole sequence: steps, commits, and savepoints that are rolled back or merged, one inside another. */
const sequence = (pair: Pair, steps: number): void => {
  const { random, volume } = pair
  const some = (count: number, depth: number): void => {
    for (let i = 0; i < count; i++) {
      pair.step()
      if (random.chance(0.3))
        depth === 0
          ? pair.check()
          : assert.isTrue(same(volume.read(volume.draft.roots, 0, pair.model.length), pair.model))
      if (depth === 0 && random.chance(0.08)) {
        pair.log.push("commit")
        volume.commit()
        if (random.chance(0.5)) volume.forget()
        pair.check()
      }
      if (depth < 2 && random.chance(0.06)) {
        const before = pair.model
        const roots = volume.draft.roots
        const savepoint = volume.draft.savepoint()
        pair.log.push("savepoint")
        some(1 + random.below(6), depth + 1)
        if (random.chance(0.6)) {
          pair.log.push("rollback")
          volume.draft.rollback(savepoint)
          pair.model = before
          assert.strictEqual(volume.draft.roots, roots)
        } else {
          pair.log.push("merge")
          volume.draft.merge(savepoint)
        }
        if (depth === 0) pair.check()
      }
    }
  }
  some(steps, 0)
  pair.check()
  volume.commit()
  volume.forget()
  pair.check()
}

const property = (
  geometry: Geometry,
  runPagesMax: number | undefined,
  sizeMax: number,
  steps: number,
  runs: number,
  depthWanted: number
): void => {
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
    { numRuns: runs, endOnFailure: true }
  )
  assert.isAtLeast(depthMax, depthWanted, "the sequences reach deep ropes")
  assert.isAbove(restarts, runs, "the sequences miss pages")
}

describe("Rope", () => {
  it("is a byte array, with small pages", () => property(SMALL, undefined, 100_000, 60, 60, 1))
  it("is a byte array, with short runs", () => property(SMALL, 4, 60_000, 100, 60, 2))
  it("is a byte array, with the widest pointers", () => property(NARROW, 2, 60_000, 100, 60, 3))
  it("is a byte array, with usual pages", () => property(LARGE, undefined, 400_000, 60, 40, 1))
  it("is a byte array, with the largest pages", () => property(HUGE, undefined, 600_000, 60, 20, 1))

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

  it("loads before an operation all that it needs", () => {
    const random = makeRandom(2)
    for (let i = 0; i < 300; i++) {
      const volume = new Volume(NARROW, 2)
      volume.edit((draft, rope) => Rope.write(draft, rope, 0, random.bytes(40_000)))
      for (let j = 0; j < 5; j++) {
        const offset = random.below(40_000)
        volume.edit((draft, rope) => Rope.punch(draft, rope, offset, random.below(4000)))
      }
      volume.commit()
      volume.forget()
      const { size } = volume.draft.roots
      const offset = random.below(size)
      const count = random.below(size - offset)
      const operation = random.pick([Rope.punch, Rope.remove])
      volume.performSealed(
        (draft) => Rope.prepare(draft, draft.roots, offset, count),
        (draft) => (draft.roots = operation(draft, draft.roots, offset, count))
      )
      volume.check()
    }
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

  it("writes a file of known size from front to back into full runs and branches", () => {
    const volume = new Volume(LARGE)
    const bytes = new Uint8Array(65536).fill(1)
    volume.edit((draft, rope) => Rope.truncate(draft, rope, 32 * MIB))
    for (let offset = 0; offset < 32 * MIB; offset += bytes.length) {
      volume.edit((draft, rope) => Rope.write(draft, rope, offset, bytes))
    }
    assert.deepStrictEqual(volume.check(), { runs: 512, holes: 0, branches: 5, dataPages: 8192 })
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
    for (let i = 0; i < 200; i++) {
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
