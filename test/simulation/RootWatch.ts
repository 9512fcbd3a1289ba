/**
 * Looks at every write before the simulated disk carries it out.
 *
 * - I4: no write hits a page that the newest durable root or its base reaches, nor their slots, nor a superblock, but for
 *   identical bytes.
 * - I6: a root that is written has a generation above every generation that stands in any slot.
 * - I9: a page that was written since the last sync is not written again with other bytes: it was taken, given up and taken
 *   again without a sync in between.
 */
import * as Extent from "../../src/core/Extent.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import type { Facts } from "./CrashVolume.ts"
import * as RootWalk from "./RootWalk.ts"

/** Watches the disk; `report` is called with each breach. */
export const watch = (disk: SimulatedDisk, facts: Facts, report: (breach: string) => void): void => {
  const { sectorsPerPage, superblock } = facts
  const pageBytes = sectorsPerPage * SECTOR_BYTES
  const slotPages = new Map<number, number>()
  for (let slot = 0; slot < superblock.slots.count; slot++)
    slotPages.set(RootSlots.pageOf(superblock.slots, slot), slot)
  let retained: Extent.ExtentSet | undefined
  disk.onCall = ({ kind }) => {
    if (kind === "sync") retained = undefined
    return undefined
  }
  disk.onWrite = (offset, byteCount, bytes) => {
    if (bytes === undefined) return
    for (let at = 0; at < byteCount; at += pageBytes) {
      const page = (offset + at) / pageBytes
      if (isSame(disk, (offset + at) / SECTOR_BYTES, bytes.subarray(at, at + pageBytes))) continue
      retained ??= retainedPages(disk, facts)
      if (Extent.within(retained, page, page + 1).length > 0) report(`I4: page ${page} is retained and written over`)
      for (let i = 0; i < sectorsPerPage; i++) {
        if (disk.isPending(page * sectorsPerPage + i)) report(`I9: page ${page} is written again before a sync`)
      }
      const slot = slotPages.get(page)
      if (slot === undefined) continue
      const root = RootWalk.rootIn(facts, slot, bytes.subarray(at, at + pageBytes))
      const highest = RootWalk.rootsOf(disk, facts)[0]?.record.generation ?? 0
      if (root === undefined) report(`a slot is written, but not with a root: page ${page}`)
      else if (root.record.generation <= highest) {
        report(`I6: root ${root.record.generation} is written where root ${highest} was seen`)
      }
    }
  }
}

const isSame = (disk: SimulatedDisk, first: number, bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length / SECTOR_BYTES; i++) {
    const there = disk.sector(first + i).bytes
    for (let at = 0; at < SECTOR_BYTES; at++) if (there[at] !== bytes[i * SECTOR_BYTES + at]) return false
  }
  return true
}

/** What a crash now could still ask for: the newest root that is durable and whole, its base, and the superblocks. */
const retainedPages = (disk: SimulatedDisk, facts: Facts): Extent.ExtentSet => {
  const durable = disk.crash(() => 0)
  const { secondCopy } = facts.superblock.slots
  let pages = Extent.union(Extent.of(0, 1), Extent.of(secondCopy, 1))
  const roots = RootWalk.rootsOf(durable, facts)
  let newest = roots[0]
  for (let kept = 0; kept < 2 && newest !== undefined;) {
    const { record } = newest
    const reached = RootWalk.reach(durable, facts, newest)
    // The newest root may be one that recovery rejected: then its base is the newest.
    if (reached.faults.length === 0) {
      pages = Extent.union(Extent.union(pages, reached.pages), Extent.of(newest.page, 1))
      kept++
    } else if (newest !== roots[0]) break
    newest = roots.find(({ record: { generation } }) => generation === record.base) as typeof newest
  }
  return pages
}
