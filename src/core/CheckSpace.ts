/**
 * Who owns which page, and whether the free map says the same (I8).
 *
 * - A page is claimed when a pointer to it is seen, not when it is read: one bit a page, in pieces as long as a bitmap of
 *   the free map, made when they are first needed. A page that is claimed twice has two owners.
 * - The bitmaps are compared in ascending order after everything has been claimed, so no second set of bits is kept.
 * - Claims are bounded by the pages of the volume and of its device, whatever a pointer says.
 */
import type * as CheckReport from "./CheckReport.ts"
import type * as Extent from "./Extent.ts"
import { type Layout, NODE_HEADER_BYTES } from "./Layout.ts"
import type * as Pointer from "./Pointer.ts"

/** What the root record says of its space. */
export interface Claims {
  readonly pageCount: number
  readonly freeCount: number
  readonly cursor: number
  readonly freed: Extent.ExtentSet
  readonly used: Extent.ExtentSet
}

/** Of a byte: its zero bits. */
const zeroBits = (byte: number): number => {
  let count = 8
  for (let rest = byte; rest !== 0; rest &= rest - 1) count--
  return count
}

type Verdict = "FreeInUse" | "Leak"

/** Sets of pages as bits, in pieces that are made when they are needed. */
type Pieces = Map<number, Uint8Array>

/** Whether the bit was not set before. */
const setBit = (pieces: Pieces, piecePages: number, page: number): boolean => {
  const index = Math.floor(page / piecePages)
  let piece = pieces.get(index)
  if (piece === undefined) {
    piece = new Uint8Array(piecePages / 8)
    pieces.set(index, piece)
  }
  const within = page - index * piecePages
  const bit = 1 << (within & 7)
  if ((piece[within >> 3] & bit) !== 0) return false
  piece[within >> 3] |= bit
  return true
}

/** Whether the bit was set before. */
const clearBit = (pieces: Pieces, piecePages: number, page: number): boolean => {
  const index = Math.floor(page / piecePages)
  const piece = pieces.get(index)
  const within = page - index * piecePages
  const bit = 1 << (within & 7)
  if (piece === undefined || (piece[within >> 3] & bit) === 0) return false
  piece[within >> 3] &= ~bit
  return true
}

export class CheckSpace {
  readonly #layout: Layout
  readonly #problems: CheckReport.Problems
  readonly #record: Claims
  readonly #reserved: Extent.ExtentSet
  /** Pages that volume and device both have. */
  readonly #end: number
  /** Pieces of `mapLeafPages` pages, by index. */
  readonly #pieces: Pieces = new Map()

  // The comparison, as far as it has come.
  #leaf = 0
  #freedAt = 0
  #usedAt = 0
  #run: { readonly verdict: Verdict; readonly start: number; end: number } | undefined
  #isKnown = true
  readonly #inUse: Uint8Array
  readonly #nothing: Uint8Array

  /** Of the claimed pages, those on deadlists that no snapshot was seen to reach yet. */
  readonly #unseen: Pieces = new Map()
  /** The entries of deadlists, by address once all are there. */
  readonly #dead: Array<Pick<Pointer.Pointer, "address" | "pageCount" | "birth">> = []
  #isSorted = true

  claimedCount = 0
  /** Of these, the pages on deadlists. */
  deadCount = 0
  freeCount = 0

  constructor(
    layout: Layout,
    problems: CheckReport.Problems,
    record: Claims,
    reserved: Extent.ExtentSet,
    devicePageCount: number
  ) {
    this.#layout = layout
    this.#problems = problems
    this.#record = record
    this.#reserved = reserved
    this.#end = Math.min(record.pageCount, devicePageCount)
    this.#inUse = new Uint8Array(layout.mapLeafPages / 8)
    this.#nothing = new Uint8Array(layout.mapLeafPages / 8)
    for (let i = 0; i < reserved.length; i += 2) {
      for (let page = reserved[i]; page < reserved[i + 1]; page++) this.#claimPage(page)
    }
    this.claimedCount = 0
    if (record.pageCount > devicePageCount) {
      problems.add("VolumeSize", `the volume has ${record.pageCount} pages, its device only ${devicePageCount}`)
    }
    if (record.cursor >= this.mapLeafCount) {
      problems.add("Cursor", `the search for free pages stands at bitmap ${record.cursor} of ${this.mapLeafCount}`)
    }
  }

  /** The number of bitmaps that the volume can have. */
  get mapLeafCount(): number {
    return Math.ceil(this.#record.pageCount / this.#layout.mapLeafPages)
  }

  /** The number of bitmaps that are compared. */
  get #leafCount(): number {
    return Math.ceil(this.#end / this.#layout.mapLeafPages)
  }

  /** Claims the pages of a pointer; tells whether they are the caller's alone and may be read. */
  claim(pointer: Pick<Pointer.Pointer, "address" | "pageCount">, inode: number | undefined): boolean {
    const { address, pageCount } = pointer
    if (address + pageCount > this.#end) {
      this.#problems.add("OutsideVolume", "a pointer names pages outside the volume", { address, inode })
      return false
    }
    if (this.#isReserved(address, address + pageCount)) {
      this.#problems.add("Reserved", "a pointer names a page of the superblocks or root slots", { address, inode })
      return false
    }
    let shared = -1
    for (let page = address; page < address + pageCount; page++) {
      if (!this.#claimPage(page) && shared < 0) shared = page
    }
    if (shared >= 0) this.#problems.add("Shared", "a page has two owners", { address: shared, inode })
    return shared < 0
  }

  /** Claims the pages of an entry of a deadlist; tells whether nobody else has them. */
  die(extent: Pick<Pointer.Pointer, "address" | "pageCount" | "birth">): boolean {
    if (!this.claim(extent, undefined)) return false
    this.#dead.push(extent)
    this.#isSorted = false
    for (let page = extent.address; page < extent.address + extent.pageCount; page++) {
      setBit(this.#unseen, this.#layout.mapLeafPages, page)
    }
    this.deadCount += extent.pageCount
    return true
  }

  /**
   * A snapshot reaches the pages of a pointer; tells whether one of them was not known yet, and is to be read. A page that
   * neither the root reaches nor a list has is lost to the snapshot: the next commit may write over it.
   */
  seesDead({ address, birth, pageCount }: Pick<Pointer.Pointer, "address" | "pageCount" | "birth">): boolean {
    if (address + pageCount > this.#end || this.#isReserved(address, address + pageCount)) {
      this.#problems.add("OutsideVolume", "a snapshot names pages outside the volume, or reserved ones", { address })
      return false
    }
    let isNew = false
    for (let page = address; page < address + pageCount; page++) {
      if (this.#claimPage(page)) {
        isNew = true
        this.#problems.add("SnapshotLost", "a snapshot reaches a page that is not kept for it", { address: page })
      } else if (clearBit(this.#unseen, this.#layout.mapLeafPages, page)) {
        isNew = true
        if (this.#birthOf(page) !== birth) {
          const message = "a page is on a deadlist with another birth than it has"
          this.#problems.add("Deadlist", message, { address: page })
        }
      }
    }
    return isNew
  }

  /** The birth that a deadlist gives a page. */
  #birthOf(page: number): number | undefined {
    if (!this.#isSorted) this.#dead.sort((a, b) => a.address - b.address)
    this.#isSorted = true
    let low = 0
    let high = this.#dead.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#dead[middle].address > page) high = middle
      else low = middle + 1
    }
    return this.#dead.at(low - 1)?.birth
  }

  /** All snapshots were walked: what is on a list and was not reached is kept for nobody. */
  finishDead(): void {
    for (const [index, piece] of [...this.#unseen].sort(([a], [b]) => a - b)) {
      const at = piece.findIndex((byte) => byte !== 0)
      if (at < 0) continue
      const pages = piece.reduce((sum, byte) => sum + 8 - zeroBits(byte), 0)
      const address = index * this.#layout.mapLeafPages + at * 8
      this.#problems.add("Deadlist", `${pages} pages are on deadlists, and no snapshot reaches them`, { address })
    }
  }

  #isReserved(start: number, end: number): boolean {
    const reserved = this.#reserved
    for (let i = 0; i < reserved.length; i += 2) if (start < reserved[i + 1] && end > reserved[i]) return true
    return false
  }

  /** Whether nobody had claimed the page before. */
  #claimPage(page: number): boolean {
    if (!setBit(this.#pieces, this.#layout.mapLeafPages, page)) return false
    this.claimedCount++
    return true
  }

  // ---- the comparison with the free map

  /** The bitmaps up to `leaf` that nothing was said of are all zero. */
  skipTo(leaf: number): void {
    const end = Math.min(leaf, this.#leafCount)
    while (this.#leaf < end) this.#compare(this.#nothing, 0)
  }

  /** The next bitmap, as a page. */
  bitmap(page: Uint8Array): void {
    if (this.#leaf < this.#leafCount) this.#compare(page, NODE_HEADER_BYTES)
  }

  /** The bitmaps [index, end) could not be read. */
  unknown(index: number, end: number): void {
    this.skipTo(index)
    this.#flush()
    this.#isKnown = false
    this.#leaf = Math.max(this.#leaf, Math.min(end, this.#leafCount))
  }

  /** All bitmaps are compared. */
  finish(): void {
    this.skipTo(this.#leafCount)
    this.#flush()
    const { freeCount, pageCount } = this.#record
    if (this.#isKnown && this.#end === pageCount && this.freeCount !== freeCount) {
      this.#problems.add("FreeCount", `the root counts ${freeCount} free pages, its map has ${this.freeCount}`)
    }
  }

  /** Whether a page in use that nobody claimed is a problem: only if all that can claim pages was read. */
  mayLeak = true

  #compare(bits: Uint8Array, bitsAt: number): void {
    const { mapLeafPages } = this.#layout
    const first = this.#leaf * mapLeafPages
    const end = Math.min(first + mapLeafPages, this.#end)
    const inUse = this.#inUse
    inUse.set(bits.subarray(bitsAt, bitsAt + inUse.length))
    this.#beyondEnd(inUse, first)
    this.#freedAt = this.#apply(this.#record.freed, this.#freedAt, first, end, false)
    this.#usedAt = this.#apply(this.#record.used, this.#usedAt, first, end, true)
    const claimed = this.#pieces.get(this.#leaf) ?? this.#nothing
    for (let at = 0, page = first; page < end; at++, page += 8) {
      const here = Math.min(8, end - page)
      this.freeCount += zeroBits(inUse[at]) - (8 - here)
      if (inUse[at] === claimed[at]) continue
      for (let bit = 0; bit < here; bit++) {
        const isUsed = (inUse[at] >> bit) & 1
        const isClaimed = (claimed[at] >> bit) & 1
        if (isUsed !== isClaimed) this.#differs(page + bit, isClaimed === 1 ? "FreeInUse" : "Leak")
      }
    }
    this.#leaf++
  }

  /** Bits of pages that the volume does not have are zero; they are zeroed here, so that they do not count again. */
  #beyondEnd(inUse: Uint8Array, first: number): void {
    const { pageCount } = this.#record
    let found = -1
    for (let at = Math.max(0, Math.floor((pageCount - first) / 8)); at < inUse.length; at++) {
      const kept = first + at * 8 < pageCount ? (1 << (pageCount - first - at * 8)) - 1 : 0
      if ((inUse[at] & ~kept) !== 0 && found < 0) found = first + at * 8
      inUse[at] &= kept
    }
    if (found >= 0) {
      this.#problems.add("MapBeyondEnd", "the free map has bits for pages that the volume does not have", {
        address: Math.max(found, pageCount)
      })
    }
  }

  /** Puts the pages of `set` in [first, end) into the bits, and answers where in `set` to go on. */
  #apply(set: Extent.ExtentSet, at: number, first: number, end: number, isUsed: boolean): number {
    while (at < set.length && set[at + 1] <= first) at += 2
    let told = false
    for (let i = at; i < set.length && set[i] < end; i += 2) {
      const stop = Math.min(set[i + 1], end)
      for (let page = Math.max(set[i], first); page < stop; page++) {
        const bit = 1 << ((page - first) & 7)
        const byte = (page - first) >> 3
        const was = (this.#inUse[byte] & bit) !== 0
        if (was === isUsed && !told) {
          told = true
          const what = isUsed ? "used" : "freed"
          this.#problems.add("MapDelta", `the root says again what the free map knows: a page is ${what}`, {
            address: page
          })
        }
        this.#inUse[byte] = isUsed ? this.#inUse[byte] | bit : this.#inUse[byte] & ~bit
      }
    }
    return at
  }

  #differs(page: number, verdict: Verdict): void {
    const run = this.#run
    if (run !== undefined && run.verdict === verdict && run.end === page) run.end++
    else {
      this.#flush()
      this.#run = { verdict, start: page, end: page + 1 }
    }
  }

  #flush(): void {
    const run = this.#run
    this.#run = undefined
    if (run === undefined || (run.verdict === "Leak" && !this.mayLeak)) return
    const pages = run.end - run.start === 1 ? "1 page" : `${run.end - run.start} pages`
    const message =
      run.verdict === "Leak"
        ? `${pages} in use by the free map, and nothing reaches them`
        : `${pages} free by the free map, and the root reaches or reserves them`
    this.#problems.add(run.verdict, message, { address: run.start })
  }
}
