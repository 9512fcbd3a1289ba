/**
 * A reader of notafs volumes that was written from docs/FORMAT.md alone and shares no code with the file system: what it
 * cannot read, the document does not say.
 */
import { Disk } from "./Disk.ts"
import { pagesOf } from "./Extents.ts"
import { isZero } from "./Scan.ts"
import { Fault } from "./Fault.ts"
import { Ledger } from "./Ledger.ts"
import type { Listing } from "./Listing.ts"
import { complaintsOf, ListingBuilder } from "./Listing.ts"
import type { Opened } from "./Opening.ts"
import { openDisk } from "./Opening.ts"
import { decodeRecord } from "./RootRecord.ts"
import type { Superblock } from "./Superblock.ts"
import { decodeCopy, isReserved, slotPage } from "./Superblock.ts"
import { Walk } from "./Walk.ts"

/** Everything that a volume says, and everything that is wrong with it. */
export interface Reading {
  readonly opened: Opened
  readonly listing: Listing
  /** What each byte of the image is. */
  readonly ledger: Ledger
  /** Empty for a sound volume. */
  readonly complaints: ReadonlyArray<string>
}

/** What section 4 says of the place of the second copy and of the number of slots, which the reader takes as given. */
const layoutComplaints = ({ pageCount, slotCount, secondCopy }: Superblock): ReadonlyArray<string> => {
  const slots = Math.min(32, Math.max(4, 2 * Math.floor(pageCount / 32)))
  let copy = 1
  while (2 * copy + 1 + slots / 2 <= pageCount) copy *= 2
  return [
    ...(slotCount === slots ? [] : [`${slotCount} slots in a volume of ${pageCount} pages`]),
    ...(secondCopy === copy ? [] : [`the second copy is on page ${secondCopy}, not ${copy}`])
  ]
}

/** Superblocks and slots: what they hold, field by field. */
const readReserved = (opened: Opened, ledger: Ledger, complaints: Array<string>): void => {
  const { disk, superblock, slots } = opened
  const { pageSize } = superblock
  for (const page of [0, superblock.secondCopy]) {
    const copy = decodeCopy(disk.image.subarray(page * pageSize, page * pageSize + 512), page * pageSize)
    if (copy.state === "valid") {
      decodeCopy(disk.image.subarray(page * pageSize, page * pageSize + 512), page * pageSize, ledger)
      ledger.mark(page * pageSize + 512, pageSize - 512, "superblock: rest of the page")
      const rest = disk.image.subarray(page * pageSize + 512, (page + 1) * pageSize)
      if (!isZero(rest)) complaints.push(`the rest of the superblock's page ${page} is not zero`)
    } else {
      complaints.push(`the superblock on page ${page} is ${copy.state}`)
      ledger.mark(page * pageSize, pageSize, "superblock: damaged")
    }
  }
  slots.forEach((slot, index) => {
    const start = slotPage(superblock, index) * pageSize
    const page = disk.image.subarray(start, start + pageSize)
    if (typeof slot !== "string" && !(slot instanceof Fault)) decodeRecord(page, index, superblock, ledger)
    else ledger.mark(start, pageSize, isZero(page) ? "slot: wiped" : "slot: no root")
  })
}

/** Free map = reserved + reached; the counts of the record. */
const accountComplaints = (
  { superblock, record }: Opened,
  reached: ReadonlyArray<number>,
  bits: ReadonlySet<number>,
  listing: Listing
): ReadonlyArray<string> => {
  const complaints: Array<string> = []
  const expect = (holds: boolean, complaint: string): void => {
    if (!holds) complaints.push(complaint)
  }
  const freed = pagesOf(record.freed)
  const used = pagesOf(record.used)
  for (const page of bits) expect(page < record.pageCount, `the bit of page ${page}, which the volume does not have`)
  for (const page of freed) expect(bits.has(page), `page ${page} is in freed, and its bit is 0`)
  for (const page of used) expect(!bits.has(page), `page ${page} is in used, and its bit is 1`)
  const taken = new Set<number>()
  for (const page of reached) {
    expect(!taken.has(page), `two pointers name page ${page}`)
    taken.add(page)
  }
  let free = 0
  for (let page = 0; page < record.pageCount; page += 1) {
    const isUsed = (bits.has(page) && !freed.has(page)) || used.has(page)
    const isTaken = taken.has(page) || isReserved(superblock, page)
    expect(isUsed === isTaken, `the map says that page ${page} is ${isUsed ? "in use" : "free"}`)
    if (!isUsed) free += 1
  }
  expect(record.freeCount === free, `${free} free pages, and a free count of ${record.freeCount}`)
  const { inodes, orphans } = listing
  expect(record.inodeCount === inodes.size, `${inodes.size} inodes, and an inode count of ${record.inodeCount}`)
  const highest = Math.max(0, ...inodes.keys(), ...orphans)
  expect(record.nextInode > highest, `inode ${highest}, and ${record.nextInode} is to be the next`)
  return complaints
}

/** Reads everything that the opened root names. Throws a fault if a part of it cannot be read. */
const readAll = (opened: Opened): Reading => {
  const { disk, superblock, record } = opened
  const complaints: Array<string> = [...layoutComplaints(superblock)]
  const ledger = new Ledger(disk.size)
  readReserved(opened, ledger, complaints)
  const builder = new ListingBuilder()
  const reached: Array<number> = []
  const bits = new Set<number>()
  new Walk(opened, record, 0, {
    named: (item, pieces) => builder.add(item, pieces),
    mapped: (page) => bits.add(page),
    reached: (page) => reached.push(page),
    complain: (complaint) => complaints.push(complaint),
    ledger
  }).run()
  const listing = builder.build()
  complaints.push(...complaintsOf(listing), ...accountComplaints(opened, reached, bits, listing))
  const taken = new Set(reached)
  for (let page = 0; page < record.pageCount; page += 1) {
    if (taken.has(page) || isReserved(superblock, page)) continue
    ledger.mark(page * superblock.pageSize, superblock.pageSize, "free page")
  }
  const end = record.pageCount * superblock.pageSize
  if (disk.size > end) ledger.mark(end, disk.size - end, "past the end of the volume")
  if (disk.size < end) complaints.push(`the device ends ${end - disk.size} bytes before the volume`)
  complaints.push(...ledger.complaints)
  return { opened, listing, ledger, complaints }
}

/** Opens an image and reads all of it. */
export const readImage = (image: Uint8Array): Reading => readAll(openDisk(new Disk(image)))
