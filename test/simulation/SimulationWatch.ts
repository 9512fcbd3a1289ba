/**
 * Watches every write of a simulated disk, and knows which roots are durable and what they reach.
 *
 * - I4: no write hits a page of a retained root (the newest durable one and its base) or of its snapshots, of a root that a
 *   view reads, their slots or a superblock, but for identical bytes.
 * - I6: a root that is written has a generation above every root that was seen before.
 * - I8: reachable and free pages of a root that became durable are all pages, and no page is both. What only its snapshots
 *   reach is what stands on its deadlists.
 * - I9: no page is written twice without a sync in between.
 *
 * What a pointer reaches never changes, so it is walked once: a new root costs what it has added.
 */
import * as Binding from "../../src/core/Binding.ts"
import * as Deadlists from "../../src/core/Deadlists.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import type { EncodedRoot } from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import type { Tree } from "../../src/core/Tree.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import type { Facts } from "./CrashVolume.ts"
import * as RootWalk from "./RootWalk.ts"

/** Pages as pairs of address and count. */
type Reach = ReadonlyArray<number>

const NOTHING: Reach = []

export class SimulationWatch {
  readonly #disk: SimulatedDisk
  readonly #facts: Facts
  readonly #report: (breach: string) => void
  readonly #slotPages = new Map<number, number>()
  readonly #known = new Map<string, Reach>()
  readonly #roots = new Map<number, EncodedRoot>()
  readonly #pinned = new Map<symbol, Reach>()
  /** Roots that were written and not yet synced. */
  #written: Array<EncodedRoot> = []
  /** The newest durable root, and the one that it stands on. */
  #retained: Array<EncodedRoot> = []
  /** By page: whether it may be written. Made anew when it is asked for. */
  #guarded: Uint8Array | undefined
  #highest = 0
  commits = 0
  /** Every so many roots I8 is checked. */
  readonly partitionEvery: number

  constructor(disk: SimulatedDisk, facts: Facts, partitionEvery: number, report: (breach: string) => void) {
    this.#disk = disk
    this.#facts = facts
    this.#report = report
    this.partitionEvery = partitionEvery
    const { slots } = facts.superblock
    for (let slot = 0; slot < slots.count; slot++) this.#slotPages.set(RootSlots.pageOf(slots, slot), slot)
    for (const root of RootWalk.rootsOf(disk, facts)) {
      this.#roots.set(root.record.generation, root)
      this.#highest = Math.max(this.#highest, root.record.generation)
    }
    this.#settle()
    disk.onWrite = (offset, byteCount, bytes) => this.#onWrite(offset, byteCount, bytes)
    disk.sync = () => {
      const failure = SimulatedDisk.prototype.sync.call(disk)
      if (failure === undefined) this.#synced()
      return failure
    }
  }

  /** The generation of the newest root that a crash could not take any more. */
  get durable(): number {
    return this.#retained[0]?.record.generation ?? 0
  }

  /** After a sync that succeeded. */
  #synced(): void {
    const newest = this.#written.at(-1)
    this.#written = []
    if (newest === undefined) return
    const base = this.#roots.get(newest.record.base)
    this.#retained = base === undefined || base === newest ? [newest] : [newest, base]
    this.#guarded = undefined
    this.commits++
    if (this.commits % this.partitionEvery === 0) this.#partition(newest)
  }

  /** Guards what a view reads until it is released. */
  pin(names: Tree): () => void {
    const key = Symbol("view")
    this.#pinned.set(key, this.#ofTree(names, true))
    this.#guarded = undefined
    return () => {
      this.#pinned.delete(key)
      this.#guarded = undefined
    }
  }

  /** The durable roots of a disk that was just put into this machine: only what has no write pending counts. */
  #settle(): void {
    const durable = this.#disk.hasPending ? this.#disk.crash(() => 0) : this.#disk
    const roots = RootWalk.rootsOf(durable, this.#facts)
    for (const [i, root] of roots.entries()) {
      if (RootWalk.reach(durable, this.#facts, root).faults.length > 0) {
        // What recovery passes over, it passes over once.
        if (i > 0) return
        continue
      }
      const base = roots.find(({ record }) => record.generation === root.record.base)
      this.#retained = base === undefined ? [root] : [root, base]
      return
    }
  }

  #onWrite(offset: number, byteCount: number, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return
    const pageBytes = this.#facts.sectorsPerPage * SECTOR_BYTES
    for (let at = 0; at < byteCount; at += pageBytes) {
      const page = (offset + at) / pageBytes
      const content = bytes.subarray(at, at + pageBytes)
      const slot = this.#slotPages.get(page)
      const root = slot === undefined ? undefined : RootWalk.rootIn(this.#facts, slot, content)
      if (root !== undefined) this.#written.push(root)
      if (this.#isThere(page, content)) continue
      this.#guarded ??= this.#guard()
      if (this.#guarded[page] === 1) this.#report(`I4: page ${page} is retained and written over`)
      if (this.#guarded[page] === 2) this.#report(`I4: page ${page} is read by a view and written over`)
      this.#pendingTwice(page)
      if (slot === undefined) continue
      if (root === undefined) this.#report(`I4: a slot is written, but not with a root: page ${page}`)
      else if (root.record.generation <= this.#highest) {
        this.#report(`I6: root ${root.record.generation} is written where root ${this.#highest} was seen`)
      } else {
        this.#highest = root.record.generation
        this.#roots.set(root.record.generation, root)
      }
    }
  }

  #isThere(page: number, bytes: Uint8Array): boolean {
    const there = RootWalk.pagesAt(this.#disk, this.#facts, page, 1)
    return Buffer.compare(there, bytes) === 0
  }

  #pendingTwice(page: number): void {
    const { sectorsPerPage } = this.#facts
    for (let i = 0; i < sectorsPerPage; i++) {
      if (this.#disk.isPending(page * sectorsPerPage + i)) {
        this.#report(`I9: page ${page} is written twice without a sync in between`)
        return
      }
    }
  }

  /** By page: 1 if a retained root holds it, 2 if a view reads it. */
  #guard(): Uint8Array {
    const { slots } = this.#facts.superblock
    const pageCount = this.#disk.size / (this.#facts.sectorsPerPage * SECTOR_BYTES)
    const guarded = new Uint8Array(pageCount)
    const mark = (reach: Reach, value: number): void => {
      for (let i = 0; i < reach.length; i += 2) guarded.fill(value, reach[i], reach[i] + reach[i + 1])
    }
    for (const reach of this.#pinned.values()) mark(reach, 2)
    for (const root of this.#retained) {
      mark(this.#ofRoot(root), 1)
      mark(this.#ofSnapshots(root), 1)
      guarded[root.page] = 1
    }
    guarded[0] = 1
    guarded[slots.secondCopy] = 1
    return guarded
  }

  #ofRoot({ record: { map, roots } }: EncodedRoot): Reach {
    return [
      ...this.#ofTree(roots.names, true),
      ...this.#ofTree(roots.snapshots, false),
      ...this.#ofTree(roots.deadlists, false),
      ...this.#under(map.link, 0, Node.MAP, map.height, false)
    ]
  }

  /** What the snapshots of a root reach, each of them. */
  #ofSnapshots({ record }: EncodedRoot): Reach {
    const { snapshots } = record.roots
    if (Pointer.isNull(this.#facts.binding.layout, snapshots.link, 0)) return NOTHING
    const pages = RootWalk.pagesOf(this.#disk, this.#facts)
    return Snapshots.list(pages, snapshots, 0, Number.POSITIVE_INFINITY).flatMap(({ names }) =>
      this.#ofTree(names, true)
    )
  }

  #ofTree({ level, link }: Tree, names: boolean): Reach {
    return this.#under(link, 0, Node.TREE, level, names)
  }

  /** What a pointer reaches; every page is verified the first time. */
  #under(holder: Uint8Array, at: number, kind: number, level: number, names: boolean): Reach {
    const { binding } = this.#facts
    const { layout } = binding
    if (Pointer.isNull(layout, holder, at)) return NOTHING
    const pointer = Pointer.read(layout, holder, at, kind, level)
    const { address, birth, pageCount } = pointer
    const key = `${address} ${birth} ${pageCount}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const reach = [address, pageCount]
    const bytes = RootWalk.pagesAt(this.#disk, this.#facts, address, pageCount)
    const fault = Binding.fault(binding, pointer, bytes)
    if (fault !== undefined) this.#report(`I1: page ${address} of a durable root is wrong: ${fault}`)
    else if (kind !== Node.DATA) {
      Links.forEach(layout, bytes, kind, level, names, (child, childAt, childKind, childLevel) => {
        for (const part of this.#under(child, childAt, childKind, childLevel, names)) reach.push(part)
      })
    }
    this.#known.set(key, reach)
    return reach
  }

  #partition(root: EncodedRoot): void {
    const reached = extentsOf(this.#ofRoot(root))
    const kept = extentsOf(this.#ofSnapshots(root))
    const pages = Extent.union(reached, kept)
    for (const fault of RootWalk.partitionFaults(this.#disk, this.#facts, root, { pages, faults: [] })) {
      this.#report(fault)
    }
    const listed = Deadlists.all(RootWalk.pagesOf(this.#disk, this.#facts), root.record.roots.deadlists)
    const unlisted = Extent.subtract(Extent.subtract(kept, reached), listed)
    if (unlisted.length > 0) this.#report(`I8: pages ${unlisted.join("-")} are seen by a snapshot and on no deadlist`)
    const unseen = Extent.union(Extent.intersect(listed, reached), Extent.subtract(listed, kept))
    if (unseen.length > 0) this.#report(`I8: pages ${unseen.join("-")} are on a deadlist for nothing`)
  }
}

const extentsOf = (reach: Reach): Extent.ExtentSet => {
  const pairs: Array<readonly [number, number]> = []
  for (let i = 0; i < reach.length; i += 2) pairs.push([reach[i], reach[i + 1]])
  return Extent.fromUnsorted(pairs)
}
