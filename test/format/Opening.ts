/** Section 12 of docs/FORMAT.md, for a reader that will not write: steps A to F. */
import type { Disk } from "./Disk.ts"
import { corrupt, Fault, must } from "./Fault.ts"
import type { RootRecord } from "./RootRecord.ts"
import { decodeRecord, displacedRecord } from "./RootRecord.ts"
import { sameBytes } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"
import { findSuperblock, slotPage } from "./Superblock.ts"
import { Walk } from "./Walk.ts"

type Slot = RootRecord | Fault | "no root" | "unreadable"

export interface Opened {
  readonly disk: Disk
  readonly superblock: Superblock
  /** The byte offset of the copy of the superblock that was used. */
  readonly superblockOffset: number
  readonly slots: ReadonlyArray<Slot>
  readonly record: RootRecord
  readonly rejected: ReadonlyArray<{ readonly record: RootRecord; readonly reason: string }>
  readonly nextGeneration: number
}

interface Options {
  /** Goes on although a slot that may hold a newer root could not be read. */
  readonly despiteUnreadable?: boolean
}

const readSlot = (disk: Disk, superblock: Superblock, slot: number): Slot => {
  const offset = slotPage(superblock, slot) * superblock.pageSize
  if (!disk.holds(offset, superblock.pageSize)) return "no root"
  try {
    return decodeRecord(disk.read(offset, superblock.pageSize), slot, superblock)
  } catch (fault) {
    if (fault instanceof Fault && fault.kind === "corrupt") return "no root"
    if (fault instanceof Fault && fault.kind === "unreadable") return "unreadable"
    if (fault instanceof Fault && fault.kind === "unsupported") return fault
    throw fault
  }
}

const isRecord = (slot: Slot): slot is RootRecord => typeof slot !== "string" && !(slot instanceof Fault)

/** The end of rule B: a root that asks for more is not passed over for the one before it. */
const refuseUnsupported = (slots: ReadonlyArray<Slot>): void => {
  const records = slots.filter(isRecord).sort((left, right) => right.generation - left.generation)
  const base = records.length > 0 ? records[0].base : 0
  for (const slot of slots) if (slot instanceof Fault && slot.generation > base) throw slot
}

/** Rule C: the record of the highest generation, if no slot that could not be read may hold a newer one. */
const candidateOf = (slots: ReadonlyArray<Slot>, options: Options): RootRecord => {
  const records = slots.filter(isRecord)
  if (records.length === 0) {
    throw new Fault(slots.includes("unreadable") ? "unreadable" : "corrupt", "no slot holds a root record")
  }
  const candidate = records.reduce((newest, record) => (record.generation > newest.generation ? record : newest))
  for (let step = 1; step < slots.length; step += 1) {
    const slot = slots[(candidate.slot + step) % slots.length]
    if (isRecord(slot)) break
    if (slot === "unreadable" && options.despiteUnreadable !== true) {
      throw new Fault("unreadable", "a slot that may hold a newer root")
    }
  }
  return candidate
}

/** The highest generation of a root that stands in a wrong slot and stood on a root newer than the candidate; else 0. */
const lostGeneration = (
  disk: Disk,
  superblock: Superblock,
  slots: ReadonlyArray<Slot>,
  candidate: RootRecord
): number => {
  let lost = 0
  for (const [index, slot] of slots.entries()) {
    const offset = slotPage(superblock, index) * superblock.pageSize
    if (slot !== "no root" || !disk.holds(offset, superblock.pageSize)) continue
    const record = displacedRecord(disk.read(offset, superblock.pageSize), superblock)
    if (record !== undefined && record.base > candidate.generation) lost = Math.max(lost, record.generation)
  }
  return lost
}

/** What a commit with one barrier writes at most. */
const oneBarrierBytesMax = 1024 * 1024

/** Rule D. Answers why the record cannot be trusted, or nothing. Throws if a page cannot be read. */
const distrust = (disk: Disk, superblock: Superblock, record: RootRecord): string | undefined => {
  if (record.clean || record.barriers === 2) return undefined
  let bytes = 0
  let namesTwice = false
  const pages = new Set([slotPage(superblock, record.slot)])
  const reached = (page: number): void => {
    namesTwice ||= pages.has(page)
    pages.add(page)
    bytes += superblock.pageSize
    if (bytes > oneBarrierBytesMax) throw corrupt("a root with more new pages than one barrier allows")
  }
  try {
    new Walk({ disk, superblock }, record, record.base, { reached }).run()
  } catch (fault) {
    if (fault instanceof Fault && fault.kind === "corrupt" && bytes <= oneBarrierBytesMax) return fault.message
    throw fault
  }
  // No mismatch, and no step back from it: no writer makes that.
  if (namesTwice) throw corrupt("a root that names a page twice")
  return undefined
}

/** The device must have all pages of the root that was taken. */
const mustHold = (opened: Opened): Opened => {
  const { disk, record, superblock } = opened
  must(disk.holds(0, record.pageCount * superblock.pageSize), "the device was cut short")
  return opened
}

export const openDisk = (disk: Disk, options: Options = {}): Opened => {
  const { superblock, offset } = findSuperblock(disk)
  const slots = Array.from({ length: superblock.slotCount }, (_, slot) => readSlot(disk, superblock, slot))
  refuseUnsupported(slots)
  const candidate = candidateOf(slots, options)
  const records = slots.filter(isRecord)
  const lost = lostGeneration(disk, superblock, slots, candidate)
  if (lost > 0 && options.despiteUnreadable !== true)
    throw corrupt(`root ${lost} in a wrong slot, and the one before it lost`)
  const nextGeneration = Math.max(candidate.generation, lost) + 1
  const opened = { disk, superblock, superblockOffset: offset, slots, nextGeneration }
  const reason = distrust(disk, superblock, candidate)
  if (reason === undefined) return mustHold({ ...opened, record: candidate, rejected: [] })
  const base = records.find(
    (record) => record.generation === candidate.base && sameBytes(record.hash, candidate.parent)
  )
  const before = slots[(candidate.slot + slots.length - 1) % slots.length]
  if (base === undefined && before === "unreadable") throw new Fault("unreadable", "the slot of the newest root's base")
  if (base === undefined) throw new Fault("corrupt", `the newest root (${reason}), and no slot holds its base`)
  const baseReason = distrust(disk, superblock, base)
  if (baseReason !== undefined) throw new Fault("corrupt", `the newest root (${reason}) and its base (${baseReason})`)
  return mustHold({ ...opened, record: base, rejected: [{ record: candidate, reason }] })
}
