/**
 * The root record: one page that names a whole state of the volume.
 *
 * - A fixed part, then sections by tag and length. A tag with its highest bit set must be understood by whoever opens the
 *   volume; any other unknown section is passed over.
 * - Its digest covers everything after it, bound to volume id, page and generation; it is also the root's hash, which the
 *   next root names as its parent's.
 * - `base` is the generation of the root that was durable when this one was encoded: pages born after it are exactly what
 *   this commit wrote.
 */
import * as Binding from "./Binding.ts"
import * as Bytes from "./Bytes.ts"
import * as Extent from "./Extent.ts"
import * as FreeMap from "./FreeMap.ts"
import { invariant } from "./Invariant.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as RootSlots from "./RootSlots.ts"
import { NOTHING_PENDING, type Roots } from "./Roots.ts"
import type { Superblock } from "./Superblock.ts"
import * as Tree from "./Tree.ts"

/** The kind in the context of its checksum. */
export const KIND = 17
/** A digest is padded with zeros to this. */
export const HASH_BYTES = 32
export const ID_BYTES = 16

const AT_DIGEST = 0
const AT_MAGIC = 32
const AT_SLOT = 36
const AT_BARRIERS = 38
const AT_CLEAN = 39
const AT_VOLUME_ID = 40
const AT_GENERATION = 56
const AT_BASE = 64
const AT_PARENT = 72
const AT_SESSION = 104
const AT_BOOT = 120
const AT_PAGE_COUNT = 136
const AT_FREE_COUNT = 144
const AT_CURSOR = 152
const AT_NEXT_INODE = 160
const AT_INODE_COUNT = 168
const AT_TIME = 176
const AT_SECTION_BYTES = 184
const AT_SECTIONS = 192

const MAGIC = 0x524e4131
const SECTION_HEADER_BYTES = 4

const TAG_NAMES = 0x8001
const TAG_SNAPSHOTS = 0x8002
const TAG_DEADLISTS = 0x8003
/** Kept for later: no volume of version 1 has it. */
const TAG_RESERVED = 0x8004
const TAG_MAP = 0x8005
const TAG_FREED = 0x8006
const TAG_USED = 0x8007
const TREE_TAGS = { names: TAG_NAMES, snapshots: TAG_SNAPSHOTS, deadlists: TAG_DEADLISTS } as const
const TREES = ["names", "snapshots", "deadlists"] as const
const MUST_KNOW = 0x8000
/** A root leaves room for a tree that version 1 does not have. */
const TREES_MAX = 4

export interface RootRecord {
  readonly generation: number
  readonly base: number
  /** The hash of the root that was durable before, zeros for the first. */
  readonly parent: Uint8Array
  readonly sessionId: Uint8Array
  /** Of the machine's boot in which this was written; zeros where it is unknown. */
  readonly bootId: Uint8Array
  readonly slot: number
  /** 2: a sync stood between the pages and this root; 1: recovery verifies the pages. */
  readonly barriers: 1 | 2
  /** Written by a close: nothing was in flight. */
  readonly clean: boolean
  readonly map: FreeMap.FreeMap
  readonly freeCount: number
  /** See `Allocator`. */
  readonly cursor: number
  /** When it was made, in nanoseconds since 1970. */
  readonly time: bigint
  readonly roots: Roots
}

/** A root record together with its page. */
export interface EncodedRoot {
  readonly record: RootRecord
  readonly page: number
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
}

const place = (page: number, generation: number) => ({
  address: page,
  birth: generation,
  pageCount: 1,
  kind: KIND,
  level: 0
})

/** Bytes that a section of `count` bytes takes. */
const sectionBytes = (count: number): number => SECTION_HEADER_BYTES + count

/** Bytes that are left for the free map's deltas beside the trees that the volume can have. */
export const deltaBytesMax = ({ pageBytes, pointerBytes }: Layout): number => {
  const trees = TREES_MAX * sectionBytes(1 + pointerBytes)
  const map = sectionBytes(1 + pointerBytes) + 2 * SECTION_HEADER_BYTES
  return pageBytes - AT_SECTIONS - trees - map
}

export const encode = (binding: Binding.Binding, slots: RootSlots.RootSlots, record: RootRecord): EncodedRoot => {
  const { layout } = binding
  const { map, roots } = record
  invariant(FreeMap.deltaBytes(map) <= deltaBytesMax(layout), "a root record has room for all trees beside its deltas")
  invariant(roots.pending === NOTHING_PENDING, "a root that is committed asks for nothing")
  const bytes = new Uint8Array(layout.pageBytes)
  Bytes.writeUint32(bytes, AT_MAGIC, MAGIC)
  Bytes.writeUint16(bytes, AT_SLOT, record.slot)
  bytes[AT_BARRIERS] = record.barriers
  bytes[AT_CLEAN] = record.clean ? 1 : 0
  bytes.set(binding.volumeId, AT_VOLUME_ID)
  Bytes.writeUint48(bytes, AT_GENERATION, record.generation)
  Bytes.writeUint48(bytes, AT_BASE, record.base)
  bytes.set(record.parent, AT_PARENT)
  bytes.set(record.sessionId, AT_SESSION)
  bytes.set(record.bootId, AT_BOOT)
  Bytes.writeUint48(bytes, AT_PAGE_COUNT, map.pageCount)
  Bytes.writeUint48(bytes, AT_FREE_COUNT, record.freeCount)
  Bytes.writeUint48(bytes, AT_CURSOR, record.cursor)
  Bytes.writeUint48(bytes, AT_NEXT_INODE, roots.nextInode)
  Bytes.writeUint48(bytes, AT_INODE_COUNT, roots.inodeCount)
  Bytes.writeUint64(bytes, AT_TIME, record.time)
  let at = AT_SECTIONS
  const link = (tag: number, level: number, pointer: Uint8Array): void => {
    if (Pointer.isNull(layout, pointer, 0)) return
    invariant(!Pointer.isMemory(layout, pointer, 0), "a root record names pages on disk")
    const end = at + SECTION_HEADER_BYTES + 1 + pointer.length
    invariant(end <= layout.pageBytes, "a root record fits into its page")
    Bytes.writeUint16(bytes, at, tag)
    Bytes.writeUint16(bytes, at + 2, 1 + pointer.length)
    bytes[at + SECTION_HEADER_BYTES] = level
    bytes.set(pointer, at + SECTION_HEADER_BYTES + 1)
    at = end
  }
  for (const name of TREES) link(TREE_TAGS[name], roots[name].level, roots[name].link)
  link(TAG_MAP, map.height, map.link)
  const deltas = (tag: number, set: Extent.ExtentSet): void => {
    if (set.length === 0) return
    const end = Extent.write(set, bytes, at + SECTION_HEADER_BYTES)
    Bytes.writeUint16(bytes, at, tag)
    Bytes.writeUint16(bytes, at + 2, end - at - SECTION_HEADER_BYTES)
    at = end
  }
  deltas(TAG_FREED, map.freed)
  deltas(TAG_USED, map.used)
  Bytes.writeUint32(bytes, AT_SECTION_BYTES, at - AT_SECTIONS)
  const page = RootSlots.pageOf(slots, record.slot)
  const hash = new Uint8Array(HASH_BYTES)
  Binding.digest(binding, place(page, record.generation), bytes.subarray(AT_MAGIC), hash, 0)
  bytes.set(hash, AT_DIGEST)
  return { record, page, bytes, hash }
}

/** Why the bytes of a slot are no root: blank or torn ones are passed over, a root that asks for more is not. */
export type Fault =
  | { readonly _tag: "NoRoot"; readonly reason: string }
  | { readonly _tag: "UnsupportedFormat"; readonly generation: number; readonly reason: string }

const noRoot = (reason: string): Fault => ({ _tag: "NoRoot", reason })

/** The generation that a page has if it is a root; 0 if it is none for certain. */
export const claimedGeneration = (bytes: Uint8Array): number =>
  Bytes.readUint32(bytes, AT_MAGIC) === MAGIC ? Bytes.readUint48(bytes, AT_GENERATION) : 0

/** Decodes the page of slot `slot`: any bytes give a root or a fault. */
export const decode = (
  binding: Binding.Binding,
  superblock: Superblock,
  slot: number,
  bytes: Uint8Array
): EncodedRoot | Fault => {
  const { layout } = binding
  if (Bytes.readUint32(bytes, AT_MAGIC) !== MAGIC) return noRoot("it holds no root")
  const page = RootSlots.pageOf(superblock.slots, slot)
  const generation = Bytes.readUint48(bytes, AT_GENERATION)
  const hash = new Uint8Array(HASH_BYTES)
  Binding.digest(binding, place(page, generation), bytes.subarray(AT_MAGIC), hash, 0)
  if (Bytes.compare(hash, 0, HASH_BYTES, bytes, AT_DIGEST, AT_DIGEST + HASH_BYTES) !== 0) {
    return noRoot("it does not match its checksum")
  }
  if (Bytes.readUint16(bytes, AT_SLOT) !== slot) return noRoot("it was written for another slot")
  if (Bytes.compare(bytes, AT_VOLUME_ID, AT_VOLUME_ID + ID_BYTES, binding.volumeId, 0, ID_BYTES) !== 0) {
    return noRoot("it belongs to another volume")
  }
  const base = Bytes.readUint48(bytes, AT_BASE)
  const pageCount = Bytes.readUint48(bytes, AT_PAGE_COUNT)
  const barriers = bytes[AT_BARRIERS]
  const sectionsEnd = AT_SECTIONS + Bytes.readUint32(bytes, AT_SECTION_BYTES)
  if (
    base >= generation ||
    (barriers !== 1 && barriers !== 2) ||
    bytes[AT_CLEAN] > 1 ||
    pageCount > superblock.pageCountMax ||
    pageCount < RootSlots.PAGES_MIN ||
    sectionsEnd > layout.pageBytes
  ) {
    return noRoot("its fixed part makes no sense")
  }
  const sections = new Map<number, Uint8Array>()
  for (let at = AT_SECTIONS; at < sectionsEnd;) {
    if (at + SECTION_HEADER_BYTES > sectionsEnd) return noRoot("its sections are cut short")
    const tag = Bytes.readUint16(bytes, at)
    const end = at + SECTION_HEADER_BYTES + Bytes.readUint16(bytes, at + 2)
    if (end > sectionsEnd || sections.has(tag)) return noRoot("its sections make no sense")
    if (tag >= MUST_KNOW && (tag < TAG_NAMES || tag > TAG_USED || tag === TAG_RESERVED)) {
      const reason = `its newest root uses feature ${tag - MUST_KNOW}`
      return { _tag: "UnsupportedFormat", generation, reason }
    }
    sections.set(tag, bytes.slice(at + SECTION_HEADER_BYTES, end))
    at = end
  }
  let sane = true
  const tree = (tag: number): Tree.Tree => {
    const payload = sections.get(tag)
    if (payload === undefined) return Tree.empty(layout)
    const link = payload.slice(1)
    if (
      payload.length !== 1 + layout.pointerBytes ||
      payload[0] > Node.LEVEL_MAX ||
      Pointer.fault(layout, link, 0, generation, 1) !== undefined ||
      Pointer.isNull(layout, link, 0)
    ) {
      sane = false
      return Tree.empty(layout)
    }
    return { level: payload[0], link }
  }
  const map = tree(TAG_MAP)
  const roots: Roots = {
    names: tree(TAG_NAMES),
    snapshots: tree(TAG_SNAPSHOTS),
    deadlists: tree(TAG_DEADLISTS),
    nextInode: Bytes.readUint48(bytes, AT_NEXT_INODE),
    inodeCount: Bytes.readUint48(bytes, AT_INODE_COUNT),
    pending: NOTHING_PENDING
  }
  const height = FreeMap.heightFor(layout, pageCount)
  const extents = (tag: number) => Extent.decode(sections.get(tag) ?? new Uint8Array(0), pageCount)
  const freed = extents(TAG_FREED)
  const used = extents(TAG_USED)
  if (!sane || (!Pointer.isNull(layout, map.link, 0) && map.level !== height)) {
    return noRoot("its trees make no sense")
  }
  if (freed === undefined || used === undefined || Extent.meet(freed, used)) {
    return noRoot("its free map makes no sense")
  }
  const freeCount = Bytes.readUint48(bytes, AT_FREE_COUNT)
  const cursor = Bytes.readUint48(bytes, AT_CURSOR)
  const freeMap: FreeMap.FreeMap = { pageCount, height, link: map.link, freed, used }
  if (freeCount > pageCount || cursor >= FreeMap.leafCount(layout, freeMap)) {
    return noRoot("its counts of free pages make no sense")
  }
  const record: RootRecord = {
    generation,
    base,
    parent: bytes.slice(AT_PARENT, AT_PARENT + HASH_BYTES),
    sessionId: bytes.slice(AT_SESSION, AT_SESSION + ID_BYTES),
    bootId: bytes.slice(AT_BOOT, AT_BOOT + ID_BYTES),
    slot,
    barriers,
    clean: bytes[AT_CLEAN] === 1,
    map: freeMap,
    freeCount,
    cursor,
    time: Bytes.readInt64(bytes, AT_TIME),
    roots
  }
  return { record, page, bytes, hash }
}

/** The root that the page of slot `found` holds which was written for another slot: it verifies there. */
export const displaced = (
  binding: Binding.Binding,
  superblock: Superblock,
  found: number,
  bytes: Uint8Array
): EncodedRoot | undefined => {
  const slot = Bytes.readUint16(bytes, AT_SLOT)
  if (slot === found || slot >= superblock.slots.count) return undefined
  const root = decode(binding, superblock, slot, bytes)
  return "_tag" in root ? undefined : root
}
