/**
 * Random changes of a table on a volume, and their commits; a `Map` is the model.
 *
 * - A plan that finds no room is abandoned, as the shell does it: the draft goes on.
 * - Each plan is checked by itself; `TestVolume` walks the trees after it (I4, I5, I8).
 */
import { assert } from "vitest"
import * as Allocator from "../../src/core/Allocator.ts"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Commit from "../../src/core/Commit.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import { CleanPages } from "../../src/core/Pages.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import type { Write } from "../../src/core/Write.ts"
import { Random } from "../../src/testing/Random.ts"
import { type Options, TestVolume } from "./TestVolume.ts"
import { ensure } from "./TreeMemory.ts"

type Unplanned = Commit.DiskFull | Commit.Fragmented

export class CommitRun {
  readonly volume: TestVolume
  readonly random: Random
  readonly histogram: Record<string, number> = {}
  /** What the draft holds. */
  model = new Map<number, Uint8Array>()
  /** What the head holds. */
  durable = new Map<number, Uint8Array>()

  /** How likely all pages of the volume are walked after a commit. */
  readonly checking: number

  constructor(options: Partial<Options> & { readonly seed: number; readonly checking?: number }) {
    this.volume = new TestVolume(options)
    this.random = new Random(options.seed)
    this.checking = options.checking ?? 1
  }

  count(name: string): void {
    this.histogram[name] = (this.histogram[name] ?? 0) + 1
  }

  key(number: number): Uint8Array {
    const key = new Uint8Array(6)
    Bytes.writeUint48Key(key, 0, number)
    return key
  }

  put(number: number, value: Uint8Array): void {
    this.volume.run((draft) => {
      draft.roots = { ...draft.roots, names: BTree.put(draft, draft.roots.names, this.key(number), value) }
    })
    this.model.set(number, value)
  }

  remove(number: number): void {
    this.volume.run((draft) => {
      draft.roots = { ...draft.roots, names: BTree.remove(draft, draft.roots.names, this.key(number)) }
    })
    this.model.delete(number)
  }

  compare(): void {
    const { draft, layout } = this.volume
    const numbers = [...this.model.keys()].sort((a, b) => a - b)
    // Loads what it misses at once: it would restart at every page.
    const node = (bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array =>
      this.volume.read(() => draft.node(bytes, at, kind, level))
    let seen = 0
    BTree.ascend({ layout, node, peek: node }, draft.roots.names, undefined, (item) => {
      // Inodes have longer keys.
      if (item.keyEnd - item.keyAt !== 6) return true
      ensure(Bytes.readUint48Key(item.node, item.keyAt) === numbers[seen], "the keys are those of the model")
      ensure(Bytes.equal(BTree.value(item), this.model.get(numbers[seen])!), "the values are those of the model")
      seen++
      return true
    })
    assert.strictEqual(seen, this.model.size)
  }

  get circumstances(): Commit.Circumstances {
    const id = new Uint8Array(16).fill(0x44)
    return {
      slots: this.volume.superblock.slots,
      sessionId: id,
      bootId: id,
      time: BigInt(this.volume.statistics.commits)
    }
  }

  get allocator(): Allocator.Allocator {
    return Allocator.forget(this.volume.head.allocator, this.volume.head.root.record.base)
  }

  /** Plans the commit of the draft; where there is no room the draft is as it was. */
  plan(): Commit.Plan | Unplanned {
    const { volume } = this
    const { draft } = volume
    const dead = [...draft.dead]
    const { dirtyBytes, roots } = draft
    return volume.read(() => {
      draft.attempt()
      let isKept = false
      try {
        const plan = Commit.plan(draft, volume.head, this.allocator, this.circumstances, false)
        isKept = plan._tag === "Plan"
        if (isKept) draft.keep()
        return plan
      } finally {
        if (!isKept) {
          draft.abandon()
          assert.strictEqual(draft.roots, roots)
          assert.strictEqual(draft.dirtyBytes, dirtyBytes)
          assert.deepStrictEqual(draft.dead, dead)
        }
      }
    })
  }

  /** Performs a plan. */
  perform(plan: Commit.Plan): void {
    const { volume } = this
    const before = volume.head
    this.checkPlan(plan)
    this.checkWrites(plan.writes)
    for (const write of plan.writes) volume.write(write)
    volume.write({ address: plan.root.page, bytes: plan.root.bytes })
    if (!Bytes.equal(plan.root.record.map.link, before.root.record.map.link)) this.count("fold")
    volume.previous = before.root
    volume.head = plan.next
    this.durable = new Map(this.model)
    this.rollback()
    if (this.random.chance(this.checking)) volume.checkPages()
  }

  rollback(): void {
    this.volume.rollback()
    this.model = new Map(this.durable)
  }

  /** Commits a root that changes nothing. */
  commitEmpty(clean = false): void {
    const { volume } = this
    assert.strictEqual(volume.draft.changeCount, 0)
    this.count(clean ? "clean" : "empty")
    const { binding } = volume
    const plan = Commit.planEmpty(binding, volume.head, volume.draft.generation, this.circumstances, clean)
    assert.deepStrictEqual(plan.writes, [])
    assert.strictEqual(plan.root.record.clean, clean)
    assert.strictEqual(plan.root.record.freeCount, volume.head.root.record.freeCount)
    this.perform(plan)
  }

  /** Makes a change and commits it; for want of room twice more after an empty root. */
  commit(change: () => void): "Plan" | "DiskFull" | "Fragmented" {
    for (let round = 0; ; round++) {
      change()
      const plan = this.plan()
      this.count(plan._tag)
      if (plan._tag === "Plan") {
        this.perform(plan)
        return "Plan"
      }
      if (round === 2) {
        this.compare()
        this.rollback()
        return plan._tag
      }
      this.rollback()
      this.commitEmpty()
    }
  }

  /** What a plan says by itself. */
  checkPlan({ next, root, writes }: Commit.Plan): void {
    const { binding, draft, head, superblock } = this.volume
    const { record } = root
    const base = head.root.record
    const { pageBytes } = binding.layout
    assert.strictEqual(record.generation, draft.generation)
    assert.strictEqual(record.base, base.generation)
    assert.deepStrictEqual(record.parent, head.root.hash)
    assert.strictEqual(record.slot, (base.slot + 1) % superblock.slots.count)
    assert.strictEqual(root.page, RootSlots.pageOf(superblock.slots, record.slot))
    const writtenBytes = writes.reduce((sum, { bytes }) => sum + bytes.length, 0)
    assert.strictEqual(record.barriers, writtenBytes > Commit.ONE_BARRIER_BYTES_MAX ? 2 : 1)
    assert.isAtMost(FreeMap.deltaBytes(record.map), RootRecord.deltaBytesMax(binding.layout))
    assert.deepStrictEqual(RootRecord.decode(binding, superblock, record.slot, root.bytes), root)
    assert.strictEqual(next.root, root)
    assert.strictEqual(next.allocator.freeCount, record.freeCount)
    assert.strictEqual(next.allocator.map, record.map)
    let end = 0
    for (const { address, bytes } of writes) {
      ensure(address >= end && bytes.length % pageBytes === 0, "writes are in address order and do not overlap")
      end = address + bytes.length / pageBytes
    }
    for (const { extents } of next.allocator.held) {
      assert.deepStrictEqual(Extent.intersect(extents, next.allocator.window), [], "what is held is not given")
    }
  }

  /** I4: a write goes to pages that are free in the head and in the root before it. */
  checkWrites(writes: ReadonlyArray<Write>): void {
    const { head, options, previous } = this.volume
    const written = Extent.fromUnsorted(
      writes.map(({ address, bytes }) => [address, bytes.length / options.pageBytes] as const)
    )
    const pages = new CleanPages(this.volume.layout, this.volume.source)
    for (const root of [head.root, previous]) {
      if (root === undefined) continue
      const free = this.volume.read(() => FreeMap.free(pages, root.record.map), pages)
      assert.deepStrictEqual(Extent.subtract(written, free), [], `I4: no write hits root ${root.record.generation}`)
    }
  }
}
