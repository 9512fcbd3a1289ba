/**
 * The way of a check through a volume: every pointer from the root record down, each page asked for at most once.
 *
 * - The frontier is a stack: a batch is its top, so it holds about a batch of nodes' children a level and never a whole level.
 * - First everything but the bitmaps of the free map is walked; then the trees of the snapshots, oldest first, as far as they
 *   are not known yet; then the bitmaps come in ascending order and are compared with what was claimed on the way.
 * - Levels fall by one a step and every page is claimed once: the walk ends whatever the bytes say. Nothing here throws.
 */
import * as Binding from "./Binding.ts"
import type { CheckNames } from "./CheckNames.ts"
import * as CheckNode from "./CheckNode.ts"
import * as CheckPointer from "./CheckPointer.ts"
import type { Problems } from "./CheckReport.ts"
import { CheckSnapshots } from "./CheckSnapshots.ts"
import type { CheckSpace } from "./CheckSpace.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import type { RootRecord } from "./RootRecord.ts"

/** Pages asked for at a time. */
const BATCH_PAGES = 256

/** Bitmaps [index, end) of the free map: one to be read, or some that are unknown. */
interface Bitmaps {
  readonly index: number
  readonly end: number
  readonly step: CheckNode.Step | undefined
}

export class CheckWalk implements CheckNode.Way {
  readonly layout: Layout
  readonly problems: Problems
  readonly names: CheckNames
  readonly snapshots: CheckSnapshots
  readonly space: CheckSpace
  readonly #binding: Binding.Binding
  readonly #record: RootRecord
  readonly #isDeep: boolean
  readonly #frontier: Array<CheckNode.Step> = []
  /** What the nodes of the present batch lead to, in order. */
  readonly #found: Array<CheckNode.Step> = []
  readonly #bitmaps: Array<Bitmaps> = []
  #bitmapAt = 0
  #areTreesDone = false
  /** Snapshots that are walked. */
  #walked = 0
  #batch: ReadonlyArray<CheckNode.Step> = []

  dataPageCount = 0
  /** Whether every node of the names tree was read. */
  areNamesComplete = true
  /** Whether every node was read that leads to pages, and every pointer was sound. */
  isComplete = true

  constructor(
    binding: Binding.Binding,
    problems: Problems,
    space: CheckSpace,
    names: CheckNames,
    record: RootRecord,
    isDeep: boolean
  ) {
    this.layout = binding.layout
    this.problems = problems
    this.names = names
    this.#binding = binding
    this.space = space
    this.snapshots = new CheckSnapshots(binding.layout, problems, record.generation)
    this.#record = record
    this.#isDeep = isDeep
    const { map, roots } = record
    const holder = { address: undefined, birth: record.generation }
    for (const tree of ["names", "snapshots", "deadlists"] as const) {
      const { level, link } = roots[tree]
      this.follow(holder, link, 0, Node.TREE, level, { ...CheckNode.NO_HINTS, tree })
    }
    this.follow(holder, map.link, 0, Node.MAP, map.height, CheckNode.NO_HINTS)
    this.#advance()
  }

  /** The pages wanted next; none when all is done. */
  get wanted(): ReadonlyArray<Pointer.Pointer> {
    return this.#batch.map(({ pointer }) => pointer)
  }

  /** Goes on with the pages that were wanted; `undefined` for one that could not be read. */
  take(pages: ReadonlyArray<Uint8Array | undefined>): void {
    for (const [i, step] of this.#batch.entries()) {
      const { address, kind, pageCount } = step.pointer
      const bytes = i < pages.length ? pages[i] : undefined
      if (bytes === undefined || bytes.length !== pageCount * this.layout.pageBytes) {
        this.problems.add("Unreadable", "a page could not be read", { address, inode: step.inode })
        this.#unread(step)
      } else if (!Binding.verifies(this.#binding, step.pointer, bytes)) {
        this.problems.add("Checksum", "a page does not match its checksum", { address, inode: step.inode })
        this.#unread(step)
      } else if (kind === Node.DATA) CheckNode.data(this, step, bytes)
      else this.#node(step, bytes)
    }
    this.#advance()
  }

  #node(step: CheckNode.Step, node: Uint8Array): void {
    const { inode, pointer } = step
    const { address, birth, kind, level } = pointer
    const reason = Node.fault(this.layout, node, kind, level, birth)
    if (reason !== undefined) {
      this.problems.add("Structure", reason, { address, inode })
      this.#unread(step)
    } else if (kind === Node.MAP && level === 0) {
      this.space.skipTo(step.index)
      this.space.bitmap(node)
    } else CheckNode.visit(this, step, node)
  }

  /** Makes the next batch. */
  #advance(): void {
    // The first that was found is taken next: leaves come in the order of their keys.
    while (this.#found.length > 0) this.#frontier.push(...this.#found.splice(-BATCH_PAGES).toReversed())
    while (this.#frontier.length === 0 && this.#walked < this.snapshots.found.length) this.#enterSnapshot()
    this.#batch = this.#frontier.length > 0 ? this.#nextNodes() : this.#nextBitmaps()
  }

  /** Goes on with the tree of the next snapshot. The trees of the root are walked, so all snapshots are known. */
  #enterSnapshot(): void {
    const { bytes, generation, names } = this.snapshots.found[this.#walked++]
    const holder = { address: undefined, birth: generation }
    const hints = { ...CheckNode.NO_HINTS, isOfSnapshot: true }
    this.follow(holder, bytes, names.at, Node.TREE, names.level, hints)
    while (this.#found.length > 0) this.#frontier.push(...this.#found.splice(-BATCH_PAGES).toReversed())
  }

  #nextNodes(): ReadonlyArray<CheckNode.Step> {
    let from = this.#frontier.length
    let pages = 0
    do pages += this.#frontier[--from].pointer.pageCount
    while (from > 0 && pages + this.#frontier[from - 1].pointer.pageCount <= BATCH_PAGES)
    return this.#frontier.splice(from).toReversed()
  }

  #nextBitmaps(): ReadonlyArray<CheckNode.Step> {
    if (!this.#areTreesDone) {
      this.#areTreesDone = true
      this.snapshots.finish()
      if (this.isComplete) this.space.finishDead()
      this.names.finish(this.areNamesComplete, this.#record.roots.nextInode, this.#record.roots.inodeCount)
      this.space.mayLeak = this.isComplete
      this.#bitmaps.sort((a, b) => a.index - b.index)
    }
    const batch: Array<CheckNode.Step> = []
    for (; this.#bitmapAt < this.#bitmaps.length && batch.length < BATCH_PAGES; this.#bitmapAt++) {
      const { end, index, step } = this.#bitmaps[this.#bitmapAt]
      if (step !== undefined) batch.push(step)
      else if (batch.length > 0) break
      else this.space.unknown(index, end)
    }
    if (batch.length === 0) this.space.finish()
    return batch
  }

  // ---- the way on

  follow(
    holder: CheckNode.Holder,
    bytes: Uint8Array,
    at: number,
    kind: number,
    level: number,
    hints: CheckNode.Hints
  ): void {
    const { address, birth } = holder
    const { inode } = hints
    const isData = kind === Node.DATA
    const fault = CheckPointer.check(this.layout, bytes, at, birth, isData ? this.layout.runPagesMax : 1)
    if (fault !== undefined) {
      this.problems.add(fault.code, fault.message, { address, inode })
      this.lose()
    }
    if (CheckPointer.isNull(this.layout, bytes, at)) return
    const step: CheckNode.Step = { ...hints, pointer: Pointer.read(this.layout, bytes, at, kind, level) }
    if (isData && !hints.isOfSnapshot) this.dataPageCount += step.pointer.pageCount
    if (kind === Node.MAP && hints.index * this.layout.mapFanout ** level >= this.space.mapLeafCount) {
      const message = "the free map has nodes for pages that the volume does not have"
      this.problems.add("MapBeyondEnd", message, { address })
    }
    if (fault !== undefined) this.#unread(step)
    else if (hints.isOfSnapshot) {
      // What is known by now is known with all under it.
      if (this.space.seesDead(step.pointer) && (!isData || this.#isDeep)) this.#found.push(step)
    } else if (!this.space.claim(step.pointer, inode)) this.#unread(step)
    else if (kind === Node.MAP && level === 0) this.#bitmaps.push({ index: hints.index, end: hints.index + 1, step })
    else if (!isData || this.#isDeep) this.#found.push(step)
  }

  lose(): void {
    this.isComplete = false
  }

  /** What hangs under a page is unknown. */
  #unread({ index, isOfSnapshot, pointer: { kind, level }, tree }: CheckNode.Step): void {
    if (kind === Node.DATA) return
    if (kind === Node.TREE && tree === "names" && !isOfSnapshot) this.areNamesComplete = false
    if (kind !== Node.MAP || level > 0) this.lose()
    if (kind !== Node.MAP) return
    const leaves = this.layout.mapFanout ** level
    const stretch = { index: index * leaves, end: (index + 1) * leaves, step: undefined }
    // A bitmap is read when its turn has come; what else is lost waits for its own.
    if (this.#areTreesDone) this.space.unknown(stretch.index, stretch.end)
    else this.#bitmaps.push(stretch)
  }
}
