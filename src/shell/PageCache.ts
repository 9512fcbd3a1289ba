/**
 * Verified clean pages in memory, bounded in bytes.
 *
 * - A page is known by its address and its birth: a page that was written again is another page. It is given only as what it
 *   was verified as: on a forged disk two pointers may name one page, and call it a node of different kinds.
 * - Pages that are being written are held: they stay until their write has settled, since the device may still give the old
 *   ones. They do not count towards the bound.
 * - Runs of file content that were read and must go are handed to who uses their buffers again.
 * - A run of content enters when it is read for the second time within some while: who reads a large file here and there, or once
 *   from its beginning to its end, leaves everything else in its place, and the first of the cache is not that of the disk again.
 *   (The first of the two queues of Johnson and Shasha's 2Q, of which only the addresses are kept.)
 * - Second chance: a page that was used since the hand came by last stays; the others leave in the order of the ring.
 */
import type { ExtentSet } from "../core/Extent.ts"
import { RUN_PAGES_LIMIT } from "../core/Layout.ts"
import { DATA } from "../core/Node.ts"
import type { PageSource } from "../core/Pages.ts"
import type { Write } from "../core/Write.ts"

interface Entry {
  readonly address: number
  readonly birth: number
  /** {@link ANY} for pages of our own, which no other pointer can name. */
  readonly kind: number
  readonly level: number
  readonly bytes: Uint8Array
  used: boolean
  /** On its way to the device. */
  isHeld: boolean
  isHere: boolean
  /** Where it stands in the ring, if it does. */
  place: number
}

export interface Statistics {
  readonly hits: number
  readonly misses: number
  readonly bytes: number
}

const ANY = -1

const isOf = (entry: Entry, kind: number, level: number): boolean =>
  (entry.kind === kind && entry.level === level) || entry.kind === ANY || kind === ANY

/** Content of so many bytes is about one run, by which the number of runs that are remembered is reckoned. */
const RUN_BYTES = 65536
/** Places to look first, at first and at most; powers of two. An opening waits until they are made. */
const NEAR_COUNT_MIN = 1024
const NEAR_COUNT_MAX = 65536
/** The ring is made anew without its gaps when it has more of them than entries, and than this. */
const GAPS_MIN = 64

export class PageCache implements PageSource {
  readonly #entries = new Map<number, Entry>()
  /** Where an entry is looked for first, by the end of its address: half the way of the map's. As many places as there are entries. */
  #near: Array<Entry | undefined> = []
  /** All that are not held, in the order in which they came; who has left is a gap. */
  #ring: Array<Entry | undefined> = []
  #hand = 0
  #gaps = 0
  /** Runs of content that were read and have not entered: the birth, by address; the oldest first. */
  readonly #passed = new Map<number, number>()
  readonly #passedCountMax: number
  /** Runs of several pages that are held. */
  #heldRuns = 0
  readonly #bytesMax: number
  readonly #pageBytes: number
  readonly #retire: (run: Uint8Array) => void
  #bytes = 0
  #hits = 0
  #misses = 0

  constructor(bytesMax: number, pageBytes: number, retire: (run: Uint8Array) => void = () => undefined) {
    this.#bytesMax = bytesMax
    this.#retire = retire
    this.#pageBytes = pageBytes
    this.#passedCountMax = Math.ceil(bytesMax / RUN_BYTES)
    this.#near.length = NEAR_COUNT_MIN
  }

  find(address: number, birth: number, pageCount: number, kind = ANY, level = 0): Uint8Array | undefined {
    const near = this.#near[this.#nearOf(address)]
    const found = near !== undefined && near.address === address && near.isHere ? near : this.#entries.get(address)
    if (
      found !== undefined &&
      found.birth === birth &&
      found.bytes.length === pageCount * this.#pageBytes &&
      isOf(found, kind, level)
    ) {
      if (!found.used) found.used = true
      this.#hits++
      return found.bytes
    }
    const held = this.#heldRuns > 0 ? this.#findHeld(address, birth, pageCount) : undefined
    if (held === undefined) this.#misses++
    return held
  }

  /** Takes in pages that were read and verified. Answers whether it has. */
  insert(address: number, birth: number, bytes: Uint8Array, kind = ANY, level = 0): boolean {
    // Long runs of file content are the first to go: they are read again in one call, and seldom.
    const used = bytes.length === this.#pageBytes
    const before = this.#entries.get(address)
    if (before?.isHeld === true) return false
    if (before !== undefined) {
      this.#leave(before)
      this.#remove(before)
    } else if (kind === DATA && !this.#hasPassed(address, birth)) return false
    const entry: Entry = { address, birth, kind, level, bytes, used, isHeld: false, isHere: true, place: -1 }
    this.#add(entry)
    this.#enter(entry)
    return true
  }

  /** Whether a run was read before, not long ago; else that is taken down. */
  #hasPassed(address: number, birth: number): boolean {
    if (this.#passed.get(address) === birth) return this.#passed.delete(address)
    this.#passed.delete(address)
    this.#passed.set(address, birth)
    if (this.#passed.size > this.#passedCountMax) this.#passed.delete(this.#passed.keys().next().value!)
    return false
  }

  /** Holds pages until {@link release}: they are on their way to the device. */
  hold(writes: ReadonlyArray<Write>, birth: number): void {
    for (const { address, bytes } of writes) {
      this.forget(address)
      this.#add({ address, birth, kind: ANY, level: 0, bytes, used: true, isHeld: true, isHere: true, place: -1 })
      if (bytes.length > this.#pageBytes) this.#heldRuns++
    }
  }

  /**
   * The writes have settled: their pages are ordinary ones now. Runs of several pages, the content of large files, are not
   * kept if there are too many to be of use.
   */
  release(writes: ReadonlyArray<Write>, keepsRuns: boolean): void {
    for (const { address, bytes } of writes) {
      const held = this.#entries.get(address)
      if (held === undefined || !held.isHeld || held.bytes !== bytes) continue
      const isRun = bytes.length > this.#pageBytes
      held.isHeld = false
      held.used = !isRun
      if (isRun) this.#heldRuns--
      if (keepsRuns || !isRun) this.#enter(held)
      else this.#remove(held)
    }
  }

  /** Forgets what stands at an address, unless it is held. */
  forget(address: number): void {
    const before = this.#entries.get(address)
    if (before === undefined || before.isHeld) return
    this.#leave(before)
    this.#remove(before)
  }

  /** Forgets pages that nobody will ask for any more, and gives their buffers away. */
  forgetAll(extents: ExtentSet, give: (buffer: Uint8Array) => void): void {
    for (let i = 0; i < extents.length; i += 2) {
      for (let address = extents[i]; address < extents[i + 1]; address++) {
        const before = this.#entries.get(address)
        if (before === undefined || before.isHeld) continue
        this.#leave(before)
        this.#remove(before)
        give(before.bytes)
      }
    }
  }

  get statistics(): Statistics {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#bytes }
  }

  /** Part of a run that is being written: the run was split before its write had settled. */
  #findHeld(address: number, birth: number, pageCount: number): Uint8Array | undefined {
    for (let before = 0; before < RUN_PAGES_LIMIT && before <= address; before++) {
      const held = this.#entries.get(address - before)
      if (held === undefined || !held.isHeld || held.birth !== birth) continue
      const end = (before + pageCount) * this.#pageBytes
      if (held.bytes.length >= end) return held.bytes.subarray(before * this.#pageBytes, end)
    }
    return undefined
  }

  /** Of an address below 2^48, the low bits. */
  #nearOf(address: number): number {
    return address & (this.#near.length - 1)
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.address, entry)
    if (this.#entries.size > this.#near.length && this.#near.length < NEAR_COUNT_MAX) this.#widen()
    else this.#near[this.#nearOf(entry.address)] = entry
  }

  /** Four times as many places to look first. */
  #widen(): void {
    const { length } = this.#near
    this.#near = []
    this.#near.length = 4 * length
    for (const entry of this.#entries.values()) this.#near[this.#nearOf(entry.address)] = entry
  }

  #remove(entry: Entry): void {
    entry.isHere = false
    this.#entries.delete(entry.address)
  }

  /** Puts an entry behind all others, and makes room for it. */
  #enter(entry: Entry): void {
    entry.place = this.#ring.length
    this.#ring.push(entry)
    this.#bytes += entry.bytes.length
    while (this.#bytes > this.#bytesMax) this.#sweep()
  }

  #leave(entry: Entry): void {
    this.#ring[entry.place] = undefined
    this.#bytes -= entry.bytes.length
    this.#gaps++
    if (this.#gaps > GAPS_MIN && this.#gaps > this.#ring.length / 2) this.#close()
  }

  /** Closes the gaps of the ring. */
  #close(): void {
    const ring = [...this.#ring.slice(this.#hand), ...this.#ring.slice(0, this.#hand)]
    this.#ring = ring.filter((entry) => entry !== undefined)
    for (let place = 0; place < this.#ring.length; place++) this.#ring[place]!.place = place
    this.#hand = 0
    this.#gaps = 0
  }

  /** One step of the hand. */
  #sweep(): void {
    if (this.#hand >= this.#ring.length) this.#hand = 0
    const entry = this.#ring[this.#hand]
    this.#hand++
    if (entry === undefined) return
    if (entry.used) entry.used = false
    else {
      this.#leave(entry)
      this.#remove(entry)
      if (entry.kind === DATA) this.#retire(entry.bytes)
    }
  }
}
