/**
 * What a root on a disk reaches, found by following pointers and nothing else: no cache, no allocator, no recovery.
 */
import * as Binding from "../../src/core/Binding.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import { CleanPages, type Pages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import type { Facts } from "./CrashVolume.ts"

/** The bytes of pages as reads see them. */
export const pagesAt = (disk: SimulatedDisk, { sectorsPerPage }: Facts, page: number, count: number): Uint8Array => {
  const sectors = count * sectorsPerPage
  if (sectors === 1) return disk.sector(page).bytes
  const bytes = new Uint8Array(sectors * SECTOR_BYTES)
  const first = page * sectorsPerPage
  for (let i = 0; i < sectors; i++) bytes.set(disk.sector(first + i).bytes, i * SECTOR_BYTES)
  return bytes
}

/** All pages of a disk, unverified. */
export const pagesOf = (disk: SimulatedDisk, facts: Facts): Pages =>
  new CleanPages(facts.binding.layout, { find: (address, _, count) => pagesAt(disk, facts, address, count) })

/** All roots that stand in the slots, the newest first. */
export const rootsOf = (disk: SimulatedDisk, facts: Facts): ReadonlyArray<RootRecord.EncodedRoot> => {
  const { slots } = facts.superblock
  const roots: Array<RootRecord.EncodedRoot> = []
  for (let slot = 0; slot < slots.count; slot++) {
    const root = rootIn(facts, slot, pagesAt(disk, facts, RootSlots.pageOf(slots, slot), 1))
    if (root !== undefined) roots.push(root)
  }
  return roots.sort((a, b) => b.record.generation - a.record.generation)
}

/** What was decoded before: most slots hold on each image the same bytes, which are the same object. */
const decoded = new WeakMap<Uint8Array, RootRecord.EncodedRoot | undefined>()

export const rootIn = (facts: Facts, slot: number, bytes: Uint8Array): RootRecord.EncodedRoot | undefined => {
  if (decoded.has(bytes)) return decoded.get(bytes)
  const root = RootRecord.decode(facts.binding, facts.superblock, slot, bytes)
  const found = "_tag" in root ? undefined : root
  decoded.set(bytes, found)
  return found
}

export interface Reached {
  /** Extents, as pairs of page and count, in the order of the walk. */
  readonly pages: Extent.ExtentSet
  /** What is wrong with the tree: nothing, if the root is whole. */
  readonly faults: ReadonlyArray<string>
}

/**
 * Follows every pointer of a root, verifies every page, and looks for pages that are too young (I5) or reached twice; then the
 * same for what each snapshot sees, which shares pages with the root and with the others.
 */
export const reach = (disk: SimulatedDisk, facts: Facts, { record }: RootRecord.EncodedRoot): Reached => {
  const { binding } = facts
  const { layout } = binding
  const { map, roots } = record
  let reached: Array<readonly [number, number]> = []
  const faults: Array<string> = []
  let count = 0
  const walk = (holder: Uint8Array, at: number, kind: number, level: number, names: boolean, birth: number): void => {
    if (Pointer.isNull(layout, holder, at)) return
    const pointer = Pointer.read(layout, holder, at, kind, level)
    const { address, birth: born, pageCount } = pointer
    if (born > birth) faults.push(`I5: page ${address} was born at ${born}, its parent at ${birth}`)
    if (address + pageCount > map.pageCount) {
      faults.push(`page ${address} lies outside the volume`)
      return
    }
    reached.push([address, pageCount])
    count += pageCount
    const bytes = pagesAt(disk, facts, address, pageCount)
    const fault = Binding.fault(binding, pointer, bytes)
    if (fault !== undefined) {
      faults.push(`page ${address}: ${fault}`)
      return
    }
    if (kind === Node.DATA) return
    Links.forEach(layout, bytes, kind, level, names, (child, childAt, childKind, childLevel) =>
      walk(child, childAt, childKind, childLevel, names, born)
    )
  }
  for (const name of ["names", "snapshots", "deadlists"] as const) {
    walk(roots[name].link, 0, Node.TREE, roots[name].level, name === "names", record.generation)
  }
  walk(map.link, 0, Node.MAP, map.height, false, record.generation)
  let pages = Extent.fromUnsorted(reached)
  if (Extent.size(pages) !== count) faults.push("I8: a page is reached twice")
  if (faults.length > 0 || Pointer.isNull(layout, roots.snapshots.link, 0)) return { pages, faults }
  for (const { generation, names } of Snapshots.list(pagesOf(disk, facts), roots.snapshots, 0, Infinity)) {
    reached = []
    walk(names.link, 0, Node.TREE, names.level, true, generation)
    pages = Extent.union(pages, Extent.fromUnsorted(reached))
  }
  return { pages, faults }
}

/** I8: reachable, free and reserved pages are all pages, and no page is two of these. */
export const partitionFaults = (
  disk: SimulatedDisk,
  facts: Facts,
  { record }: RootRecord.EncodedRoot,
  { pages }: Reached
): ReadonlyArray<string> => {
  const { map, freeCount } = record
  const free = FreeMap.free(pagesOf(disk, facts), map)
  const reserved = RootSlots.reserved(facts.superblock.slots)
  const faults: Array<string> = []
  if (Extent.size(free) !== freeCount)
    faults.push(`I8: ${Extent.size(free)} pages are free, the root says ${freeCount}`)
  const overlaps = [
    ["reachable and free", Extent.intersect(pages, free)],
    ["reachable and reserved", Extent.intersect(pages, reserved)],
    ["free and reserved", Extent.intersect(free, reserved)],
    ["leaked", Extent.subtract(Extent.of(0, map.pageCount), Extent.union(Extent.union(pages, free), reserved))]
  ] as const
  for (const [what, set] of overlaps) if (set.length > 0) faults.push(`I8: pages ${set.join("-")} are ${what}`)
  return faults
}
