import { digestOf, kinds } from "./Checksum.ts"
import type { DeadRun } from "./DeadRun.ts"
import { decodeDeadRun } from "./DeadRun.ts"
import type { Disk } from "./Disk.ts"
import { Fault, must } from "./Fault.ts"
import { bitmapPages, decodeBitmap, decodeMapBranch, fanOut } from "./FreeMap.ts"
import type { Ledger } from "./Ledger.ts"
import type { NamedItem } from "./Names.ts"
import { decodeNamedItem } from "./Names.ts"
import type { Pointer } from "./Pointer.ts"
import type { Stretch } from "./Rope.ts"
import { decodeRopeBranch } from "./Rope.ts"
import type { Root, RootRecord } from "./RootRecord.ts"
import { compareBytes, isZero, sameBytes, Scan } from "./Scan.ts"
import type { SnapshotItem } from "./SnapshotItem.ts"
import { decodeSnapshotItem } from "./SnapshotItem.ts"
import type { Superblock } from "./Superblock.ts"
import { isReserved } from "./Superblock.ts"
import type { Item } from "./TreeNode.ts"
import { decodeTreeNode } from "./TreeNode.ts"

/** A stretch of a file's content; a hole has no bytes. */
export interface Piece {
  readonly offset: number
  readonly length: number
  readonly bytes: Uint8Array | undefined
}

/** What a walk needs to know of the volume. */
export interface Volume {
  readonly disk: Disk
  readonly superblock: Superblock
}

/** What a page is, by the pointer that names it. */
export interface Use {
  readonly tree: "names" | "snapshots" | "deadlists" | "map"
  readonly kind: number
  readonly level: number
  readonly birth: number
}

interface Visit {
  readonly named?: (item: NamedItem, pieces: ReadonlyArray<Piece>) => void
  readonly mapped?: (page: number) => void
  /** Without these two the items of their trees are not judged. */
  readonly kept?: (item: SnapshotItem) => void
  readonly dead?: (run: DeadRun) => void
  /** A page that some pointer names. */
  readonly reached?: (page: number, use: Use) => void
  /** What is wrong between nodes that are well-formed one by one. */
  readonly complain?: (complaint: string) => void
  /** Pages that it knows already, from another state of the volume, are not explained again. */
  readonly ledger?: Ledger
}

const names = new Map<number, string>([
  [kinds.tree, "tree node"],
  [kinds.rope, "rope branch"],
  [kinds.map, "map node"]
])

/**
 * Follows the pointers of a root whose birth is above a generation: all of them if that is 0, but for those of snapshots.
 * Throws at the first page that cannot be read or is not well-formed.
 */
export class Walk {
  readonly #volume: Volume
  readonly #record: RootRecord
  readonly #above: number
  readonly #visit: Visit
  #within: Use["tree"] = "names"

  constructor(volume: Volume, record: RootRecord, above: number, visit: Visit) {
    this.#volume = volume
    this.#record = record
    this.#above = above
    this.#visit = visit
  }

  run(): void {
    const { names: namesRoot, snapshots, deadlists, map } = this.#record
    const { dead, kept } = this.#visit
    this.names(namesRoot)
    this.#within = "snapshots"
    this.#tree(snapshots, (scan, item, birth) => kept?.(decodeSnapshotItem(scan, item, this.#volume.superblock, birth)))
    this.#within = "deadlists"
    this.#tree(deadlists, (scan, item) => dead?.(decodeDeadRun(scan, item)))
    this.#within = "map"
    if (map !== undefined) this.#map(map.pointer, map.level, 0)
  }

  /** Follows the pointers of one names tree: the root's, or a snapshot's. */
  names(root: Root | undefined): void {
    this.#within = "names"
    this.#tree(root, (scan, item, birth) => {
      const named = this.#decodeItem(scan, item, birth)
      if (named !== undefined) this.#item(named)
    })
  }

  #skips(pointer: Pointer): boolean {
    return pointer.pages === 0 || pointer.birth <= this.#above
  }

  /** The bytes that a pointer names, after the checks that do not depend on what they are. */
  #load(pointer: Pointer, kind: number, level: number): Uint8Array {
    const { disk, superblock } = this.#volume
    const { address, pages, birth } = pointer
    const { pageSize, algorithm, volumeId } = superblock
    const place = `page ${address}`
    must(address + pages <= this.#record.pageCount, `${place} is not a page of the volume`)
    for (let page = address; page < address + pages; page += 1)
      must(!isReserved(superblock, page), `${place} is reserved`)
    must(disk.holds(address * pageSize, pages * pageSize), `${place} is not on the device`)
    const bytes = disk.read(address * pageSize, pages * pageSize)
    const digest = digestOf(algorithm, volumeId, { address, birth, pages, kind, level }, bytes)
    must(sameBytes(digest, pointer.checksum), `${place} does not verify`)
    const use = { tree: this.#within, kind, level, birth }
    for (let page = address; page < address + pages; page += 1) this.#visit.reached?.(page, use)
    return bytes
  }

  #scan(pointer: Pointer, kind: number, level: number): Scan {
    const bytes = this.#load(pointer, kind, level)
    const start = pointer.address * this.#volume.superblock.pageSize
    const { ledger } = this.#visit
    return new Scan(bytes, start, `${names.get(kind)}`, ledger?.knows(start) === true ? undefined : ledger)
  }

  #tree(root: Root | undefined, found: (scan: Scan, item: Item, birth: number) => void): void {
    if (root === undefined) return
    const descend = (pointer: Pointer, level: number, low: Uint8Array, high: Uint8Array | undefined): void => {
      if (this.#skips(pointer)) return
      const scan = this.#scan(pointer, kinds.tree, level)
      const expected = { kind: kinds.tree, level, birth: pointer.birth }
      const node = decodeTreeNode(scan, this.#volume.superblock, expected)
      if (node.is === "leaf") for (const item of node.items) found(scan, item, pointer.birth)
      const cells = node.is === "leaf" ? node.items : node.children.slice(1)
      if (node.is === "leaf" && cells.length === 0) this.#visit.complain?.(`page ${pointer.address}: an empty leaf`)
      for (const { key } of cells) {
        if (compareBytes(key, low) < 0 || (high !== undefined && compareBytes(key, high) >= 0)) {
          this.#visit.complain?.(`page ${pointer.address}: a key outside of what its parent says`)
        }
      }
      if (node.is === "leaf") return
      node.children.forEach((child, slot) => {
        descend(child.pointer, level - 1, slot === 0 ? low : child.key, node.children[slot + 1]?.key ?? high)
      })
    }
    descend(root.pointer, root.level, new Uint8Array(0), undefined)
  }

  /** An item that makes no sense is a fault where it is read; where pages are verified it holds no pointer. */
  #decodeItem(scan: Scan, item: Item, birth: number): NamedItem | undefined {
    try {
      return decodeNamedItem(scan, item, this.#volume.superblock, birth)
    } catch (fault) {
      if (this.#visit.named === undefined && fault instanceof Fault) return undefined
      throw fault
    }
  }

  #item(item: NamedItem): void {
    const pieces: Array<Piece> = []
    const content = item.is === "inode" ? item.inode.content : item.is === "table entry" ? item.value : undefined
    if (content !== undefined) {
      if (!(content instanceof Uint8Array)) this.#rope(content, 0, pieces)
      else if (content.length > 0) pieces.push({ offset: 0, length: content.length, bytes: content })
    }
    this.#visit.named?.(item, pieces)
  }

  #rope(stretch: Stretch, offset: number, pieces: Array<Piece>): void {
    const { span, level, pointer } = stretch
    if (pointer.pages === 0) {
      if (span > 0) pieces.push({ offset, length: span, bytes: undefined })
      return
    }
    if (this.#skips(pointer)) return
    if (level === 0) {
      const bytes = this.#load(pointer, kinds.data, 0)
      this.#explainRun(pointer, span)
      if (!isZero(bytes.subarray(span))) this.#visit.complain?.(`page ${pointer.address}: data after its span`)
      pieces.push({ offset, length: span, bytes: bytes.subarray(0, span) })
      return
    }
    const expected = { kind: kinds.rope, level, birth: pointer.birth }
    const stretches = decodeRopeBranch(this.#scan(pointer, kinds.rope, level), this.#volume.superblock, expected)
    let at = offset
    for (const child of stretches) {
      this.#rope(child, at, pieces)
      at += child.span
    }
    if (at !== offset + span)
      this.#visit.complain?.(`page ${pointer.address}: spans of ${at - offset} for ${span} bytes`)
  }

  /** Page by page: of a run that was cut, another state may reach some pages only. */
  #explainRun({ address, pages }: Pointer, span: number): void {
    const { pageSize } = this.#volume.superblock
    const { ledger } = this.#visit
    for (let index = 0; index < pages; index += 1) {
      const start = (address + index) * pageSize
      const count = Math.min(pageSize, span - index * pageSize)
      if (ledger === undefined || ledger.knows(start)) continue
      ledger.mark(start, count, "data run: content")
      ledger.mark(start + count, pageSize - count, "data run: zero after the content")
    }
  }

  #map(pointer: Pointer, level: number, leaf: number): void {
    if (this.#skips(pointer)) return
    const { superblock } = this.#volume
    const scan = this.#scan(pointer, kinds.map, level)
    const expected = { kind: kinds.map, level, birth: pointer.birth }
    if (level === 0) {
      for (const page of decodeBitmap(scan, superblock, expected)) {
        this.#visit.mapped?.(leaf * bitmapPages(superblock) + page)
      }
      return
    }
    const stride = fanOut(superblock) ** (level - 1)
    decodeMapBranch(scan, superblock, expected).forEach((child, index) => {
      this.#map(child, level - 1, leaf + index * stride)
    })
  }
}
