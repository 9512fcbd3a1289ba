/** Section 6 of docs/FORMAT.md. */
import { digestOf, kinds } from "./Checksum.ts"
import type { Extent } from "./Extents.ts"
import { decodeExtents, share } from "./Extents.ts"
import { Fault, must } from "./Fault.ts"
import type { Ledger } from "./Ledger.ts"
import type { Pointer } from "./Pointer.ts"
import { decodePointer } from "./Pointer.ts"
import { isZero, sameBytes, Scan } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"
import { slotPage } from "./Superblock.ts"

/** The root of a tree, or of the free map. */
export interface Root {
  readonly level: number
  readonly pointer: Pointer
}

export interface RootRecord {
  readonly hash: Uint8Array
  readonly slot: number
  readonly barriers: number
  readonly clean: boolean
  readonly generation: number
  readonly base: number
  readonly parent: Uint8Array
  readonly session: Uint8Array
  readonly bootId: Uint8Array
  readonly pageCount: number
  readonly freeCount: number
  readonly cursor: number
  readonly nextInode: number
  readonly inodeCount: number
  readonly time: bigint
  readonly names: Root | undefined
  readonly snapshots: Root | undefined
  readonly deadlists: Root | undefined
  readonly map: Root | undefined
  readonly freed: ReadonlyArray<Extent>
  readonly used: ReadonlyArray<Extent>
}

const tags = {
  names: 0x8001,
  snapshots: 0x8002,
  deadlists: 0x8003,
  map: 0x8005,
  freed: 0x8006,
  used: 0x8007
} as const
const rootTags: ReadonlySet<number> = new Set([tags.names, tags.snapshots, tags.deadlists, tags.map])
const knownTags: ReadonlySet<number> = new Set(Object.values(tags))
const magic = 0x524e4131
const headerBytes = 192

/** The height that a free map has, by the number of pages that it speaks of. */
const mapHeight = (superblock: Superblock, pageCount: number): number => {
  const fanOut = Math.floor(superblock.roomBytes / superblock.pointerBytes)
  let height = 0
  for (let covered = 8 * superblock.roomBytes; covered < pageCount; covered *= fanOut) height += 1
  return height
}

const readSections = (
  scan: Scan,
  end: number,
  generation: number
): ReadonlyMap<number, { readonly at: number; readonly count: number }> => {
  const sections = new Map<number, { readonly at: number; readonly count: number }>()
  let at = headerBytes
  while (at < end) {
    must(at + 4 <= end, "a section that is cut")
    const tag = scan.u16(at, "section tag")
    const count = scan.u16(at + 2, "section count")
    must(at + 4 + count <= end, "a section that is longer than the sections together")
    must(!sections.has(tag), "a section that stands twice")
    sections.set(tag, { at: at + 4, count })
    if (!knownTags.has(tag)) {
      if (tag >= 0x8000) throw new Fault("unsupported", `section ${tag.toString(16)}`, generation)
      scan.mark(at + 4, count, "unknown section")
    }
    at += 4 + count
  }
  return sections
}

/**
 * Decodes the page of a slot. Throws a fault of kind "corrupt" if it is not a root record, and of kind "unsupported" if
 * it is one that asks for more than version 1.
 */
export const decodeRecord = (page: Uint8Array, slot: number, superblock: Superblock, ledger?: Ledger): RootRecord => {
  const address = slotPage(superblock, slot)
  const scan = new Scan(page, address * superblock.pageSize, "root record", ledger)
  must(scan.u32(32, "magic") === magic, "no magic")
  const hash = scan.slice(0, 32, "digest")
  const generation = scan.u48(56, "generation")
  const place = { address, birth: generation, pages: 1, kind: kinds.root, level: 0 }
  const digest = digestOf(superblock.algorithm, superblock.volumeId, place, page.subarray(32))
  must(sameBytes(hash.subarray(0, digest.length), digest) && isZero(hash.subarray(digest.length)), "a wrong digest")
  const slotField = scan.u16(36, "slot")
  const volumeId = scan.slice(40, 16, "volume id")
  must(slotField === slot && sameBytes(volumeId, superblock.volumeId), "a record of another slot or volume")
  const barriers = scan.u8(38, "barriers")
  const clean = scan.u8(39, "clean")
  const base = scan.u48(64, "base")
  const pageCount = scan.u48(136, "page count")
  const sectionsEnd = headerBytes + scan.u32(184, "section bytes")
  must(base < generation, "a base that is not older")
  must((barriers === 1 || barriers === 2) && clean <= 1, "barriers or clean")
  must(pageCount >= 16 && pageCount <= superblock.pageCountMax, "the page count")
  must(sectionsEnd <= superblock.pageSize, "sections that do not fit the page")
  for (const at of [62, 70, 142, 150, 158, 166, 174]) scan.zero(at, 2)
  scan.zero(188, 4)
  const sections = readSections(scan, sectionsEnd, generation)
  const root = (tag: number): Root | undefined => {
    const section = sections.get(tag)
    if (section === undefined) return undefined
    must(section.count === 1 + superblock.pointerBytes, "a root of a wrong length")
    const level = scan.u8(section.at, "section level")
    const pointer = decodePointer(scan, section.at + 1, superblock, generation, 1)
    must(level <= 48 && pointer.pages === 1, "a root of a wrong level, or null")
    must(tag !== tags.map || level === mapHeight(superblock, pageCount), "the height of the free map")
    return { level, pointer }
  }
  const extents = (tag: number, label: string): ReadonlyArray<Extent> => {
    const section = sections.get(tag)
    return section === undefined ? [] : decodeExtents(scan.slice(section.at, section.count, label), pageCount)
  }
  const roots = new Map([...rootTags].map((tag) => [tag, root(tag)]))
  const freed = extents(tags.freed, "freed")
  const used = extents(tags.used, "used")
  must(!share(freed, used), "freed and used share a page")
  scan.zero(sectionsEnd, superblock.pageSize - sectionsEnd, "zero to the end of the page")
  return {
    hash,
    slot,
    barriers,
    clean: clean === 1,
    generation,
    base,
    parent: scan.slice(72, 32, "parent"),
    session: scan.slice(104, 16, "session id"),
    bootId: scan.slice(120, 16, "boot id"),
    pageCount,
    freeCount: scan.u48(144, "free count"),
    cursor: scan.u48(152, "cursor"),
    nextInode: scan.u48(160, "next inode"),
    inodeCount: scan.u48(168, "inode count"),
    time: scan.i64(176, "time"),
    names: roots.get(tags.names),
    snapshots: roots.get(tags.snapshots),
    deadlists: roots.get(tags.deadlists),
    map: roots.get(tags.map),
    freed,
    used
  }
}

/** The record that a page holds if it was written for another slot. */
export const displacedRecord = (page: Uint8Array, superblock: Superblock): RootRecord | undefined => {
  const slot = new Scan(page, 0, "root record", undefined).u16(36, "slot")
  if (slot >= superblock.slotCount) return undefined
  try {
    return decodeRecord(page, slot, superblock)
  } catch (fault) {
    if (fault instanceof Fault) return undefined
    throw fault
  }
}
