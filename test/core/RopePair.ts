/** A rope and a plain byte array side by side, and the random operations on both. */
import { assert } from "vitest"
import { isZero } from "../../src/core/Bytes.ts"
import type { Geometry } from "../../src/core/Layout.ts"
import * as Rope from "../../src/core/Rope.ts"
import { Volume } from "./RopeMemory.ts"

export const SMALL: Geometry = { pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 }
/** The widest pointers: five entries a branch. */
export const NARROW: Geometry = { pageBytes: 512, addressBytes: 6, checksumBytes: 32, extensionBytes: 32 }
export const LARGE: Geometry = { pageBytes: 4096, addressBytes: 4, checksumBytes: 8, extensionBytes: 0 }

/** Runs of one page. */
export const HUGE: Geometry = { pageBytes: 65536, addressBytes: 2, checksumBytes: 8, extensionBytes: 0 }

export const MIB = 1024 * 1024

/** A small generator of our own, seeded by fast-check: a sequence depends on the state that it has reached. */
export const makeRandom = (seed: number) => {
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
export type Random = ReturnType<typeof makeRandom>

const joined = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(parts.reduce((count, part) => count + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** The rope and the byte array side by side. */
export class Pair {
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
        if (this.seals && name !== "shorten") {
          const isLean = ["write", "append", "gap"].includes(name)
          if (isLean) Rope.planWrite(draft, rope, offset, count)
          else Rope.prepare(draft, rope, offset, count)
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

/** Runs a whole sequence: steps, commits, and savepoints that are rolled back or merged, one inside another. */
export const sequence = (pair: Pair, steps: number): void => {
  const { random, volume } = pair
  const some = (count: number, depth: number): void => {
    for (let i = 0; i < count; i++) {
      pair.step()
      if (random.chance(0.3)) {
        // A savepoint still holds nodes that the rope does not show: the accounts are checked outside of it.
        if (depth === 0) pair.check()
        else assert.isTrue(same(volume.read(volume.draft.roots, 0, pair.model.length), pair.model))
      }
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
