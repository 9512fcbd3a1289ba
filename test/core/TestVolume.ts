/**
 * A volume on a disk that is a list of pages: the core's operations, commits and recovery without any shell.
 *
 * - It plays the Interpreter: it runs an operation as an attempt, loads the pages that are missing and runs it again.
 * - It is unkind where the shell may be: clean pages are forgotten between operations, and an operation that could still be
 *   abandoned sometimes is, for nothing.
 * - After each commit it checks I4, I5 and I8 by walking the trees on the disk.
 */
import { assert } from "vitest"
import xxhash from "xxhash-wasm"
import * as Allocator from "../../src/core/Allocator.ts"
import * as Binding from "../../src/core/Binding.ts"
import * as Checksum from "../../src/core/Checksum.ts"
import * as Commit from "../../src/core/Commit.ts"
import * as Deadlists from "../../src/core/Deadlists.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as Format from "../../src/core/Format.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Links from "../../src/core/Links.ts"
import * as LongRuns from "../../src/core/LongRuns.ts"
import * as Node from "../../src/core/Node.ts"
import { CleanPages, MissingPages, type Pages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Recovery from "../../src/core/Recovery.ts"
import type * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import type * as Tree from "../../src/core/Tree.ts"
import type { Write } from "../../src/core/Write.ts"

const { h64Raw } = await xxhash()
export const checksum = Checksum.xxh64((bytes, seed) => h64Raw(bytes, seed))

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export const makeRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

export interface Unkindness {
  /** How likely all clean pages are forgotten before an operation; half as likely, half of them. */
  readonly forget: number
  /** How likely an operation is abandoned at its end and run again. */
  readonly abandon: number
}

export interface Options {
  readonly pageBytes: number
  readonly pageCount: number
  readonly seed: number
  readonly unkindness: Unkindness
  /** Whether the trees are walked after each commit. */
  readonly isChecked: boolean
}

const OPTIONS: Options = {
  pageBytes: 4096,
  pageCount: 2048,
  seed: 1,
  unkindness: { forget: 0, abandon: 0 },
  isChecked: true
}

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)

const keyOf = (address: number, birth: number, pageCount: number): string => `${address}:${birth}:${pageCount}`

export class TestVolume {
  readonly options: Options
  readonly random: () => number
  readonly superblock: Superblock.Superblock
  readonly binding: Binding.Binding
  readonly disk: Array<Uint8Array | undefined>
  readonly statistics = {
    attempts: 0,
    restarts: 0,
    abandoned: 0,
    loaded: 0,
    commits: 0,
    written: 0,
    folds: 0,
    splits: 0
  }
  unkindness: Unkindness
  head!: Commit.Head
  previous: RootRecord.EncodedRoot | undefined
  draft!: Draft<Roots>
  readonly #cache = new Map<string, Uint8Array>()
  #allocator!: Allocator.Allocator
  #hasEarlyWrites = false
  #generation = 1
  #time = BigInt(1)
  /** What is loaded. */
  readonly source = {
    find: (address: number, birth: number, pageCount: number) => this.#cache.get(keyOf(address, birth, pageCount))
  }

  constructor(options: Partial<Options> = {}) {
    this.options = { ...OPTIONS, ...options }
    this.random = makeRandom(this.options.seed)
    this.unkindness = this.options.unkindness
    const { pageBytes, pageCount } = this.options
    const formatted = Format.plan(
      {
        pageBytes,
        pageCount,
        devicePageCount: pageCount,
        pageCountMax: pageCount * 16,
        extensionBytes: 0,
        volumeId: id(0x11),
        sessionId: id(0x22),
        bootId: id(0x33),
        time: BigInt(0)
      },
      checksum
    )
    this.disk = Array.from({ length: pageCount })
    for (const write of [...formatted.first, ...formatted.last]) this.write(write)
    const superblock = Superblock.decode(this.page(0), 0, [checksum])
    assert.notProperty(superblock, "_tag")
    this.superblock = superblock as Superblock.Superblock
    this.binding = Superblock.binding(this.superblock, checksum)
    this.reopen()
  }

  get layout() {
    return this.binding.layout
  }

  /** The names tree as it stands. */
  get names() {
    return this.draft.roots.names
  }

  // ---- the disk

  page(address: number): Uint8Array {
    return this.disk[address] ?? new Uint8Array(this.options.pageBytes)
  }

  write({ address, bytes }: Write): void {
    const { pageBytes } = this.options
    for (let at = 0; at < bytes.length; at += pageBytes) {
      this.disk[address + at / pageBytes] = bytes.slice(at, at + pageBytes)
    }
  }

  /** Reads and verifies what a pointer names. */
  fetch(pointer: Pointer.Pointer): Uint8Array {
    const { pageBytes } = this.options
    const bytes = new Uint8Array(pointer.pageCount * pageBytes)
    for (let i = 0; i < pointer.pageCount; i++) bytes.set(this.page(pointer.address + i), i * pageBytes)
    const fault = Binding.fault(this.binding, pointer, bytes)
    if (fault !== undefined) assert.fail(`page ${pointer.address} of birth ${pointer.birth}: ${fault}`)
    return bytes
  }

  // ---- the interpreter

  #load(missing: MissingPages): void {
    assert.isNotEmpty(missing.pointers)
    this.statistics.restarts++
    for (const pointer of missing.pointers) {
      const key = keyOf(pointer.address, pointer.birth, pointer.pageCount)
      assert.isFalse(this.#cache.has(key), "every restart has loaded something new")
      this.#cache.set(key, this.fetch(pointer))
      this.statistics.loaded++
    }
  }

  #forget(): void {
    const { forget } = this.unkindness
    const chance = this.random()
    if (chance < forget) this.#cache.clear()
    else if (chance < forget * 1.5) {
      for (const key of this.#cache.keys()) if (this.random() < 0.5) this.#cache.delete(key)
    }
  }

  /** Runs an operation to its end. */
  run<A>(operation: (draft: Draft<Roots>) => A): A {
    const { draft } = this
    this.#forget()
    let isAbandonedForNothing = this.random() < this.unkindness.abandon
    for (;;) {
      this.statistics.attempts++
      draft.attempt()
      try {
        const result = operation(draft)
        if (!isAbandonedForNothing || draft.isSealed) {
          draft.keep()
          return result
        }
        isAbandonedForNothing = false
        this.statistics.abandoned++
        draft.abandon()
      } catch (thrown) {
        if (!(thrown instanceof MissingPages)) throw thrown
        draft.abandon()
        this.#load(thrown)
      }
    }
  }

  /** Runs an operation that settles nodes: it is not abandoned once it is done. */
  #runOnce<A>(operation: (draft: Draft<Roots>) => A): A {
    const { unkindness } = this
    this.unkindness = { ...unkindness, abandon: 0 }
    const result = this.run(operation)
    this.unkindness = unkindness
    return result
  }

  /** Runs a reader on the state as it stands, or on pages of the disk alone. */
  read<A>(reader: (pages: Pages) => A, pages: Pages = this.draft): A {
    for (;;) {
      try {
        return reader(pages)
      } catch (thrown) {
        if (!(thrown instanceof MissingPages)) throw thrown
        this.#load(thrown)
      }
    }
  }

  // ---- transactions

  #begin(): void {
    const { root } = this.head
    this.#allocator = Allocator.forget(this.head.allocator, root.record.base)
    this.#hasEarlyWrites = false
    this.#generation++
    this.draft = new Draft(this.binding, this.source, this.#generation, root.record.roots)
  }

  /** Gives the transaction up. */
  rollback(): void {
    this.#begin()
  }

  /** Writes all that is in memory, without a root; answers whether there was room. */
  writeEarly(): boolean {
    if (this.draft.changeCount === 0) return true
    const early = this.#runOnce((draft) => Commit.early(draft, this.#allocator))
    if (early._tag !== "EarlyWrites") return false
    this.#checkWrites(early.writes)
    early.writes.forEach((write) => this.write(write))
    this.#allocator = early.allocator
    this.#hasEarlyWrites = true
    return true
  }

  #circumstances(): Commit.Circumstances {
    return { slots: this.superblock.slots, sessionId: id(0x44), bootId: id(0x33), time: this.#time++ }
  }

  plan(): Commit.Plan | Commit.DiskFull | Commit.Fragmented {
    const circumstances = this.#circumstances()
    const attempt = () =>
      this.#runOnce((draft) => Commit.plan(draft, this.head, this.#allocator, circumstances, this.#hasEarlyWrites))
    let plan = attempt()
    for (let pagesMax = this.layout.runPagesMax; plan._tag === "Fragmented" && pagesMax > 1; plan = attempt()) {
      pagesMax = Math.ceil(pagesMax / 2)
      this.statistics.splits++
      this.run((draft) => LongRuns.split(draft, pagesMax))
    }
    if (plan._tag === "Plan") this.#checkWrites(plan.writes)
    return plan
  }

  /** Commits; what is not possible changes nothing on the disk and rolls the transaction back. */
  commit(): "Plan" | "DiskFull" | "Fragmented" {
    const plan = this.plan()
    if (plan._tag !== "Plan") {
      this.#begin()
      return plan._tag
    }
    const mapBefore = this.head.root.record.map.link
    plan.writes.forEach((write) => this.write(write))
    this.write({ address: plan.root.page, bytes: plan.root.bytes })
    this.statistics.commits++
    this.statistics.written += plan.writes.length
    if (!plan.root.record.map.link.every((byte, i) => byte === mapBefore[i])) this.statistics.folds++
    this.previous = this.head.root
    this.head = plan.next
    this.#begin()
    this.checkPages()
    return "Plan"
  }

  /** Power is lost in the middle of a commit: only some of its writes, and perhaps the root, reach the disk. Answers as {@link reopen}. */
  crash(hasRoot: boolean): number {
    const plan = this.plan()
    if (plan._tag === "Plan") {
      // With two barriers there is a sync before the root.
      const chance = hasRoot && plan.root.record.barriers === 2 ? 1 : this.random()
      for (const write of plan.writes) if (this.random() < chance) this.write(write)
      if (hasRoot) this.write({ address: plan.root.page, bytes: plan.root.bytes })
    }
    return this.reopen()
  }

  /** Opens what is on the disk; what was not committed is lost. Answers the generation of the root that was taken. */
  reopen(): number {
    const { slots } = this.superblock
    const pages = Array.from({ length: slots.count }, (_, slot) => this.page(RootSlots.pageOf(slots, slot)))
    let state = Recovery.begin(this.binding, this.superblock, pages, false)
    while (state._tag === "Verifying") {
      const bytes = Recovery.wanted(state).map((pointer) => {
        const run = new Uint8Array(pointer.pageCount * this.options.pageBytes)
        for (let i = 0; i < pointer.pageCount; i++) run.set(this.page(pointer.address + i), i * this.options.pageBytes)
        return run
      })
      state = Recovery.loaded(state, bytes)
    }
    if (state._tag === "Refused") return assert.fail(state.reason)
    const { root } = state
    this.#cache.clear()
    for (const { address, bytes } of state.rewrite) {
      for (let at = 0; at < bytes.length; at += this.options.pageBytes) {
        const there = this.page(address + at / this.options.pageBytes)
        assert.isTrue(
          there.every((byte, i) => byte === bytes[at + i]),
          "recovery writes again what is there"
        )
      }
    }
    const { cursor, freeCount, map } = root.record
    const allocator = Allocator.make(map, freeCount, cursor, [], RootSlots.reserved(this.superblock.slots))
    this.#generation = Math.max(this.#generation, state.nextGeneration)
    this.previous = undefined
    this.head = { root, allocator }
    if (root.record.base > 0) this.#claim()
    this.#begin()
    this.checkPages()
    return root.record.generation
  }

  /** The root that changes nothing, by which a session begins to write: then the root before the one that was opened is retained no more. */
  #claim(): void {
    const plan = Commit.planEmpty(this.binding, this.head, this.#generation++, this.#circumstances(), false)
    this.write({ address: plan.root.page, bytes: plan.root.bytes })
    this.previous = this.head.root
    this.head = plan.next
  }

  // ---- checks

  /** The pages that a root reaches, and an assertion that no page is reached twice (I5 on the way). */
  reachable(root: RootRecord.EncodedRoot): Extent.ExtentSet {
    const { map, roots } = root.record
    const { deadlists, names, snapshots } = roots
    const trees = [names, deadlists, snapshots, { link: map.link, level: map.height }]
    return this.#reached(trees, root.record.generation)
  }

  /** The pages of trees, of which the first is the names tree and the fourth the free map. */
  #reached(trees: ReadonlyArray<Tree.Tree>, generation: number): Extent.ExtentSet {
    const { layout } = this
    const extents: Array<readonly [number, number]> = []
    let pageCount = 0
    const walk = (bytes: Uint8Array, at: number, kind: number, level: number, names: boolean, birth: number): void => {
      if (Pointer.isNull(layout, bytes, at)) return
      const pointer = Pointer.read(layout, bytes, at, kind, level)
      if (pointer.birth > birth) assert.fail("I5: a page is not younger than its parent")
      extents.push([pointer.address, pointer.pageCount])
      pageCount += pointer.pageCount
      const node = this.fetch(pointer)
      if (kind === Node.DATA) return
      Links.forEach(layout, node, kind, level, names, (holder, childAt, childKind, childLevel) =>
        walk(holder, childAt, childKind, childLevel, names, pointer.birth)
      )
    }
    for (const [i, tree] of trees.entries()) {
      walk(tree.link, 0, i === 3 ? Node.MAP : Node.TREE, tree.level, i === 0, generation)
    }
    const set = Extent.fromUnsorted(extents)
    assert.strictEqual(Extent.size(set), pageCount, "I8: no page is reached twice")
    return set
  }

  /** The pages that a root reaches or that stand on its deadlists: what its snapshots see and it does not, exactly (I8). */
  kept(root: RootRecord.EncodedRoot): Extent.ExtentSet {
    const { roots } = root.record
    const reachable = this.reachable(root)
    const clean = new CleanPages(this.layout, this.source)
    const dead = this.read((pages) => Deadlists.all(pages, roots.deadlists), clean)
    assert.deepStrictEqual(Extent.intersect(reachable, dead), [], "I8: what is dead is not reached")
    const snapshots = this.read((pages) => Snapshots.list(pages, roots.snapshots, 0, Number.POSITIVE_INFINITY), clean)
    let seen = Extent.EMPTY
    for (const { generation, names } of snapshots) {
      seen = Extent.union(seen, this.#reached([names], generation))
    }
    assert.deepStrictEqual(Extent.subtract(seen, reachable), dead, "I8: the deadlists are what only snapshots see")
    return Extent.union(reachable, dead)
  }

  #retained: Extent.ExtentSet = Extent.EMPTY

  /** I8 for the newest root; remembers what the two newest roots reach, for I4. */
  checkPages(): void {
    if (!this.options.isChecked) return
    const { pageCount } = this.options
    const { map, freeCount } = this.head.root.record
    const reachable = this.kept(this.head.root)
    const free = this.read((pages) => FreeMap.free(pages, map), new CleanPages(this.layout, this.source))
    const reserved = RootSlots.reserved(this.superblock.slots)
    assert.strictEqual(Extent.size(free), freeCount, "the root counts its free pages")
    assert.strictEqual(Extent.size(free), this.head.allocator.freeCount, "the allocator counts the free pages")
    for (const [a, b] of [
      [reachable, free],
      [reachable, reserved],
      [free, reserved]
    ]) {
      assert.deepStrictEqual(Extent.intersect(a, b), [], "I8: reachable, free and reserved pages are disjoint")
    }
    const all = Extent.union(Extent.union(reachable, free), reserved)
    assert.deepStrictEqual(Extent.subtract(Extent.of(0, pageCount), all), [], "I8: no page is lost")
    this.#retained = Extent.union(reachable, reserved)
    if (this.previous !== undefined) this.#retained = Extent.union(this.#retained, this.kept(this.previous))
  }

  #checkWrites(writes: ReadonlyArray<Write>): void {
    const { pageBytes } = this.options
    const written = Extent.fromUnsorted(
      writes.map(({ address, bytes }) => [address, bytes.length / pageBytes] as const)
    )
    const pageCount = writes.reduce((sum, { bytes }) => sum + bytes.length / pageBytes, 0)
    assert.strictEqual(Extent.size(written), pageCount, "no page is written twice")
    assert.deepStrictEqual(Extent.intersect(written, this.#retained), [], "I4: no write hits a retained page")
    assert.isTrue(writes.every(({ address }, i) => i === 0 || writes[i - 1].address < address))
  }
}
