/**
 * A disk that fails on demand. It is plain and synchronous, so that crashes can be tried in bulk; {@link SimulatedDevice}
 * makes a `BlockDevice` of it.
 *
 * - What was written since the last sync is in the cache: reads see it. `crash` decides for each sector by itself what of that
 *   has reached the disk: nothing, any of the versions written, a torn one, or garbage.
 * - One thing is certain (docs/RELIABILITY.md names the axiom): rewriting a sector with the bytes that it holds durably, and
 *   with no other write pending, cannot change it.
 * - Everything follows from the seed and the calls; nothing else is random.
 * - The end of a process changes nothing here: to go on after it is to go on with the same disk.
 */
import type { Range, Span } from "../shell/BlockDevice.ts"
import { Random } from "./Random.ts"
import { Sector, SECTOR_BYTES, SectorArray } from "./SectorArray.ts"

/** What a disk begins with. */
export interface Options {
  /** Bytes, a multiple of 512. */
  readonly size: number
  readonly seed?: number | undefined
  /** What it holds from its first byte on. */
  readonly image?: Uint8Array | undefined
  /** Whether it can grow, as a file can. */
  readonly growable?: boolean | undefined
}

/** The calls that are counted, and can be made to go wrong. */
export type CallKind = "read" | "write" | "sync"

/** A call that is about to be carried out. Numbers begin with 1: `number` among those of its kind, `total` among all. */
export interface Call {
  readonly kind: CallKind
  readonly number: number
  readonly total: number
}

/**
 * What goes wrong with a call.
 *
 * - `fail`: it fails with EIO. Of a write, any sectors may be pending all the same; after a sync, all stays pending.
 * - `ghost`: a sync fails and the system forgets what it had to write: each pending sector is decided as by a crash, but
 *   reads go on showing the latest version until `evict`, and no later sync writes it.
 * - `lie`: a sync returns without having done anything.
 * - `lose`: a write returns without having done anything.
 * - `misdirect`: a write goes elsewhere, `by` bytes further.
 */
export type Trouble =
  | { readonly kind: "fail" }
  | { readonly kind: "ghost" }
  | { readonly kind: "lie" }
  | { readonly kind: "lose" }
  | { readonly kind: "misdirect"; readonly by: number }

/** Why a call failed. */
export interface Failure {
  readonly offset: number | undefined
  readonly code: "EIO"
  readonly reason: string
}

/** One state that a sector may have taken on since the last sync. */
export interface Version {
  /** The number of the write call. */
  readonly write: number
  readonly sector: Sector
}

/** A sector that was written since the last sync. */
export interface PendingSector {
  readonly index: number
  /** In the order of writing; at least one. */
  readonly versions: ReadonlyArray<Version>
}

/** What a crash leaves of a pending sector: 0 the old content, k the k-th version, or something worse. */
export type Outcome = number | "torn" | "garbage"

/** A disk in memory that crashes and fails on demand. */
export class SimulatedDisk {
  readonly seed: number
  readonly growable: boolean
  /** Called with each range before it is written, and with `undefined` bytes before it is discarded. What it throws is thrown. */
  onWrite: ((offset: number, byteCount: number, bytes: Uint8Array | undefined) => void) | undefined
  /** Called before each call; what it returns goes wrong. To try a crash at every point of a run, fork the disk here. */
  onCall: ((call: Call) => Trouble | undefined) | undefined
  /** Sectors that cannot be read, by index. Writing one heals it. */
  readonly unreadable = new Set<number>()

  /** What is on the disk if all that is pending is lost. */
  #durable: SectorArray
  /** What reads see. */
  #cache: SectorArray
  #pending = new Map<number, ReadonlyArray<Version>>()
  #log: Array<{ readonly write: number; readonly spans: ReadonlyArray<Span> }> = []
  #counts: Record<CallKind, number> = { read: 0, write: 0, sync: 0 }
  #random: Random

  constructor(options: Options) {
    this.seed = options.seed ?? 0
    this.growable = options.growable ?? false
    this.#random = Random.at(this.seed, 0)
    this.#durable = new SectorArray(Math.ceil(options.size / SECTOR_BYTES))
    if (options.image !== undefined) store(this.#durable, 0, options.image)
    this.#cache = this.#durable.fork()
  }

  get size(): number {
    return this.#cache.length * SECTOR_BYTES
  }

  /** How many calls of each kind there were. */
  get counts(): Readonly<Record<CallKind, number>> {
    return this.#counts
  }

  /** The write calls since the last successful sync. */
  get unsynced(): ReadonlyArray<{ readonly write: number; readonly spans: ReadonlyArray<Span> }> {
    return this.#log
  }

  /** The sectors whose fate a crash would decide, in order. */
  get pending(): ReadonlyArray<PendingSector> {
    return Array.from(this.#pending, ([index, versions]) => ({ index, versions })).sort((a, b) => a.index - b.index)
  }

  read(ranges: ReadonlyArray<Range>): Failure | undefined {
    if (this.#begin("read") !== undefined) return failure(ranges[0]?.offset, "the disk failed to read")
    for (const { bytes, offset } of ranges) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        const index = (offset + at) / SECTOR_BYTES
        if (this.unreadable.has(index)) return failure(offset + at, "the sector cannot be read")
        bytes.set(this.#cache.get(index).bytes, at)
      }
    }
    return undefined
  }

  write(ranges: ReadonlyArray<Range>): Failure | undefined {
    for (const { bytes, offset } of ranges) this.onWrite?.(offset, bytes.length, bytes)
    const trouble = this.#begin("write")
    if (trouble?.kind === "lose") return undefined
    const by = trouble?.kind === "misdirect" ? trouble.by : 0
    const failing = trouble?.kind === "fail"
    this.#log.push({
      write: this.#counts.write,
      spans: ranges.map(({ bytes, offset }) => ({ offset: offset + by, byteCount: bytes.length }))
    })
    for (const { bytes, offset } of ranges) {
      const copy = bytes.slice()
      for (let at = 0; at < copy.length; at += SECTOR_BYTES) {
        if (failing && this.#random.chance(0.5)) continue
        const index = (offset + by + at) / SECTOR_BYTES
        if (index >= 0 && index < this.#cache.length) this.#put(index, new Sector(copy.subarray(at, at + SECTOR_BYTES)))
      }
    }
    return failing ? failure(ranges[0]?.offset, "the disk failed to write") : undefined
  }

  sync(): Failure | undefined {
    const trouble = this.#begin("sync")
    if (trouble?.kind === "lie") return undefined
    if (trouble?.kind === "fail") return failure(undefined, "the disk failed to sync")
    if (trouble?.kind === "ghost") {
      for (const { index, versions } of this.pending) {
        const outcome = this.#random.below(versions.length + 2)
        this.#durable.set(
          index,
          this.#outcome(index, outcome > versions.length ? "garbage" : outcome, this.#random.uint32())
        )
      }
    } else {
      // Only what is pending: after a ghost the cache shows what no sync will write.
      for (const [index, versions] of this.#pending) this.#durable.set(index, versions[versions.length - 1].sector)
    }
    this.#pending.clear()
    this.#log = []
    return trouble === undefined ? undefined : failure(undefined, "the disk failed to sync")
  }

  /** What is discarded may be anything afterwards: here it becomes garbage, as if that had been written. */
  discard(spans: ReadonlyArray<Span>): void {
    for (const { byteCount, offset } of spans) {
      this.onWrite?.(offset, byteCount, undefined)
      for (let at = 0; at < byteCount; at += SECTOR_BYTES) {
        const index = (offset + at) / SECTOR_BYTES
        this.#put(index, this.#outcome(index, "garbage", this.#random.uint32()))
      }
    }
  }

  grow(sizeBytes: number): void {
    this.#durable.grow(Math.ceil(sizeBytes / SECTOR_BYTES))
    this.#cache.grow(Math.ceil(sizeBytes / SECTOR_BYTES))
  }

  /** Drops what the cache holds and need not write: from now on reads see what is on the disk. */
  evict(): void {
    const cache = this.#durable.fork()
    for (const [index, versions] of this.#pending) cache.set(index, versions[versions.length - 1].sector)
    this.#cache = cache
  }

  /** The same disk again, with all that is pending, but without hooks. Its size does not matter for the cost. */
  fork(): SimulatedDisk {
    const copy = this.#with(this.#durable.fork(), this.#cache.fork())
    copy.#pending = new Map(this.#pending)
    copy.#log = [...this.#log]
    copy.#counts = { ...this.#counts }
    copy.#random = this.#random.fork()
    return copy
  }

  /** The disk after a power cut, without hooks. `choose` decides about each pending sector; `salt` varies the damage. */
  crash(choose: (sector: PendingSector) => Outcome, salt = 0): SimulatedDisk {
    const durable = this.#durable.fork()
    for (const [index, versions] of this.#pending) {
      const outcome = choose({ index, versions })
      if (outcome !== 0) durable.set(index, this.#outcome(index, outcome, salt))
    }
    return this.#with(durable, durable.fork())
  }

  /** The sector that reads see: the same object as long as nobody writes it, on forks and crash images too. */
  sector(index: number): Sector {
    return this.#cache.get(index)
  }

  /** Whether a crash would decide about anything. */
  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  /** Whether a crash would decide about this sector. */
  isPending(index: number): boolean {
    return this.#pending.has(index)
  }

  /**
   * The disk when the system has given up writing what is pending, without hooks: what reached the disk is chosen as for
   * `crash`, but reads go on showing the latest, until `evict` or a crash.
   */
  forget(choose: (sector: PendingSector) => Outcome, salt = 0): SimulatedDisk {
    const copy = this.crash(choose, salt)
    copy.#cache = this.#cache.fork()
    return copy
  }

  /** A number that stands for what reads see. */
  fingerprint(): number {
    return this.#cache.fingerprint()
  }

  /** A copy of what reads see. */
  image(): Uint8Array {
    return this.peek(0, this.size)
  }

  /** Reads without a call: nothing is counted, and nothing goes wrong. */
  peek(offset: number, byteCount: number): Uint8Array {
    const bytes = new Uint8Array(byteCount)
    for (let at = 0; at < byteCount; at += SECTOR_BYTES) {
      bytes.set(this.#cache.get((offset + at) / SECTOR_BYTES).bytes, at)
    }
    return bytes
  }

  /** Changes the disk behind everybody's back: rot. */
  damage(offset: number, bytes: Uint8Array): void {
    store(this.#durable, offset, bytes)
    store(this.#cache, offset, bytes)
  }

  #begin(kind: CallKind): Trouble | undefined {
    const counts = this.#counts
    counts[kind]++
    return this.onCall?.({ kind, number: counts[kind], total: counts.read + counts.write + counts.sync })
  }

  #put(index: number, sector: Sector): void {
    this.unreadable.delete(index)
    this.#cache.set(index, sector)
    const versions = this.#pending.get(index)
    if (versions === undefined && this.#durable.get(index).equals(sector)) return
    this.#pending.set(index, [...(versions ?? []), { write: this.#counts.write, sector }])
  }

  /** The sector that an outcome stands for. */
  #outcome(index: number, outcome: Outcome, salt: number): Sector {
    if (outcome === 0) return this.#durable.get(index)
    const versions = this.#pending.get(index) ?? []
    if (typeof outcome === "number") return versions[outcome - 1].sector
    const random = Random.at(this.seed ^ salt, index)
    if (outcome === "garbage") return new Sector(random.bytes(SECTOR_BYTES))
    const torn = this.#durable.get(index).bytes.slice()
    const cut = 1 + random.below(SECTOR_BYTES - 1)
    torn.set(versions[versions.length - 1].sector.bytes.subarray(0, cut))
    return new Sector(torn)
  }

  #with(durable: SectorArray, cache: SectorArray): SimulatedDisk {
    const copy = new SimulatedDisk({ size: 0, seed: this.seed, growable: this.growable })
    copy.#durable = durable
    copy.#cache = cache
    for (const index of this.unreadable) copy.unreadable.add(index)
    return copy
  }
}

/** An `onCall` that lets one call go wrong: the `number`-th of its kind, or of all. */
export const troubleAt =
  (kind: CallKind | "any", number: number, trouble: Trouble = { kind: "fail" }) =>
  (call: Call): Trouble | undefined =>
    (kind === "any" ? call.total : kind === call.kind ? call.number : 0) === number ? trouble : undefined

const failure = (offset: number | undefined, reason: string): Failure => ({ offset, code: "EIO", reason })

/** Puts bytes into an array, wherever they begin and end. */
const store = (array: SectorArray, offset: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) {
    const index = Math.floor((offset + at) / SECTOR_BYTES)
    const from = offset + at - index * SECTOR_BYTES
    const count = Math.min(SECTOR_BYTES - from, bytes.length - at)
    const sector = array.get(index).bytes.slice()
    sector.set(bytes.subarray(at, at + count), from)
    array.set(index, new Sector(sector))
    at += count
  }
}
