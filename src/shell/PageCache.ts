/**
 * Verified clean pages in memory, bounded in bytes.
 *
 * - A page is known by its address and its birth: a page that was written again is another page. It is given only as what it
 *   was verified as: on a forged disk two pointers may name one page, and call it a node of different kinds.
 * - Pages that are being written are held: they stay until their write has settled, since the device may still give the old
 *   ones. They do not count towards the bound.
 * - Second chance: a page that was used since the last sweep stays; the others leave in the order in which they came.
 */
import { RUN_PAGES_LIMIT } from "../core/Layout.ts"
import type { PageSource } from "../core/Pages.ts"
import type { Write } from "../core/Write.ts"

interface Entry {
  readonly birth: number
  /** {@link ANY} for pages of our own, which no other pointer can name. */
  readonly kind: number
  readonly level: number
  readonly bytes: Uint8Array
  used: boolean
}

export interface Statistics {
  readonly hits: number
  readonly misses: number
  readonly bytes: number
}

const ANY = -1

const isOf = (entry: Entry, kind: number, level: number): boolean =>
  (entry.kind === kind && entry.level === level) || entry.kind === ANY || kind === ANY

export class PageCache implements PageSource {
  readonly #entries = new Map<number, Entry>()
  readonly #held = new Map<number, Entry>()
  readonly #bytesMax: number
  readonly #pageBytes: number
  #bytes = 0
  #hits = 0
  #misses = 0

  constructor(bytesMax: number, pageBytes: number) {
    this.#bytesMax = bytesMax
    this.#pageBytes = pageBytes
  }

  find(address: number, birth: number, pageCount: number, kind = ANY, level = 0): Uint8Array | undefined {
    const found = this.#entries.get(address) ?? this.#held.get(address)
    if (found !== undefined && found.birth === birth && found.bytes.length === pageCount * this.#pageBytes) {
      if (isOf(found, kind, level)) {
        found.used = true
        this.#hits++
        return found.bytes
      }
    }
    if (this.#held.size > 0) {
      const held = this.#findHeld(address, birth, pageCount)
      if (held !== undefined) return held
    }
    this.#misses++
    return undefined
  }

  /** Takes in pages that were read and verified. */
  insert(address: number, birth: number, bytes: Uint8Array, kind = ANY, level = 0): void {
    const before = this.#entries.get(address)
    if (before !== undefined) {
      this.#bytes -= before.bytes.length
      this.#entries.delete(address)
    }
    // Long runs of file content are the first to go: they are read again in one call, and seldom.
    this.#entries.set(address, { birth, kind, level, bytes, used: bytes.length === this.#pageBytes })
    this.#bytes += bytes.length
    if (this.#bytes > this.#bytesMax) this.#sweep()
  }

  /** Holds pages until {@link release}: they are on their way to the device. */
  hold(writes: ReadonlyArray<Write>, birth: number): void {
    for (const { address, bytes } of writes) {
      this.forget(address)
      this.#held.set(address, { birth, kind: ANY, level: 0, bytes, used: true })
    }
  }

  /**
   * The writes have settled: their pages are ordinary ones now. Runs of several pages, the content of large files, are not
   * kept if there are too many to be of use.
   */
  release(writes: ReadonlyArray<Write>, keepsRuns: boolean): void {
    for (const { address, bytes } of writes) {
      const held = this.#held.get(address)
      if (held === undefined || held.bytes !== bytes) continue
      this.#held.delete(address)
      if (keepsRuns || bytes.length === this.#pageBytes) this.insert(address, held.birth, bytes)
    }
  }

  forget(address: number): void {
    const before = this.#entries.get(address)
    if (before === undefined) return
    this.#bytes -= before.bytes.length
    this.#entries.delete(address)
  }

  get statistics(): Statistics {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#bytes }
  }

  /** Part of a run that is being written: the run was split before its write had settled. */
  #findHeld(address: number, birth: number, pageCount: number): Uint8Array | undefined {
    for (let before = 0; before < RUN_PAGES_LIMIT && before <= address; before++) {
      const held = this.#held.get(address - before)
      if (held === undefined || held.birth !== birth) continue
      const end = (before + pageCount) * this.#pageBytes
      if (held.bytes.length >= end) return held.bytes.subarray(before * this.#pageBytes, end)
    }
    return undefined
  }

  #sweep(): void {
    for (const [address, entry] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return
      this.#entries.delete(address)
      if (entry.used) {
        entry.used = false
        this.#entries.set(address, entry)
      } else this.#bytes -= entry.bytes.length
    }
  }
}
