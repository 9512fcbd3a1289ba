/**
 * A reader of notafs volumes that was written from docs/FORMAT.md alone and shares no code with the file system: what it
 * cannot read, the document does not say.
 */
import { Account, accountComplaints } from "./Account.ts"
import type { DeadRun } from "./DeadRun.ts"
import { Disk } from "./Disk.ts"
import { isZero } from "./Scan.ts"
import { Fault } from "./Fault.ts"
import { History } from "./History.ts"
import { Ledger } from "./Ledger.ts"
import type { Listing } from "./Listing.ts"
import { complaintsOf, ListingBuilder } from "./Listing.ts"
import type { Opened } from "./Opening.ts"
import { openDisk } from "./Opening.ts"
import { decodeRecord } from "./RootRecord.ts"
import type { Rollback, Snapshot } from "./SnapshotItem.ts"
import type { Superblock } from "./Superblock.ts"
import { decodeCopy, isReserved, slotPage } from "./Superblock.ts"
import { Walk } from "./Walk.ts"

/** Everything that a volume says, and everything that is wrong with it. */
export interface Reading {
  readonly opened: Opened
  readonly listing: Listing
  /** Oldest first. */
  readonly snapshots: ReadonlyArray<{ readonly snapshot: Snapshot; readonly listing: Listing }>
  readonly rollbacks: ReadonlyArray<Rollback>
  readonly dead: ReadonlyArray<DeadRun>
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

/** The counts that a record or a snapshot has of its names. */
const countComplaints = (
  counts: { readonly inodeCount: number; readonly nextInode: number },
  { inodes, orphans, tables }: Listing
): ReadonlyArray<string> => {
  const { inodeCount, nextInode } = counts
  const tableNumbers = [...tables.values()].map(({ number }) => number)
  const highest = Math.max(0, ...inodes.keys(), ...orphans, ...tableNumbers)
  return [
    ...(inodeCount === inodes.size ? [] : [`${inodes.size} inodes, and an inode count of ${inodeCount}`]),
    ...(nextInode > highest ? [] : [`inode ${highest}, and ${nextInode} is to be the next`])
  ]
}

/** Reads what a snapshot keeps, as if it were a volume of its own. */
const readKept = (opened: Opened, snapshot: Snapshot, account: Account, ledger: Ledger) => {
  const complaints: Array<string> = []
  const builder = new ListingBuilder()
  new Walk(opened, opened.record, 0, {
    named: (item, pieces) => builder.add(item, pieces),
    reached: (page, use) => account.reach(page, use),
    complain: (complaint) => complaints.push(complaint),
    ledger
  }).names(snapshot.names)
  const listing = builder.build()
  complaints.push(...complaintsOf(listing), ...countComplaints(snapshot, listing))
  return { listing, complaints }
}

/** Reads everything that the opened root names. Throws a fault if a part of it cannot be read. */
const readAll = (opened: Opened): Reading => {
  const { disk, superblock, record } = opened
  const complaints: Array<string> = [...layoutComplaints(superblock)]
  const ledger = new Ledger(disk.size)
  readReserved(opened, ledger, complaints)
  const builder = new ListingBuilder()
  const account = new Account("the root")
  const history = new History()
  const dead: Array<DeadRun> = []
  const bits = new Set<number>()
  const complain = (complaint: string) => complaints.push(complaint)
  new Walk(opened, record, 0, {
    named: (item, pieces) => builder.add(item, pieces),
    kept: (item) => history.add(item),
    dead: (run) => dead.push(run),
    mapped: (page) => bits.add(page),
    reached: (page, use) => account.reach(page, use),
    complain,
    ledger
  }).run()
  const listing = builder.build()
  complaints.push(...complaintsOf(listing), ...countComplaints(record, listing))
  complaints.push(...history.complaints(record), ...history.birthComplaints("the root", account))
  const accounts = new Map<number, Account>()
  const snapshots = history.snapshots.map((snapshot) => {
    const state = `snapshot ${snapshot.generation}`
    const own = new Account(state)
    accounts.set(snapshot.generation, own)
    const kept = readKept(opened, snapshot, own, ledger)
    complaints.push(...kept.complaints.map((complaint) => `${state}: ${complaint}`))
    complaints.push(...history.birthComplaints(state, own))
    return { snapshot, listing: kept.listing }
  })
  complaints.push(...accountComplaints(opened, account, accounts, dead, bits))
  for (let page = 0; page < record.pageCount; page += 1) {
    const isReached = account.uses.has(page) || [...accounts.values()].some(({ uses }) => uses.has(page))
    if (isReached || isReserved(superblock, page)) continue
    ledger.mark(page * superblock.pageSize, superblock.pageSize, "free page")
  }
  const end = record.pageCount * superblock.pageSize
  if (disk.size > end) ledger.mark(end, disk.size - end, "past the end of the volume")
  if (disk.size < end) complaints.push(`the device ends ${end - disk.size} bytes before the volume`)
  complaints.push(...ledger.complaints)
  return { opened, listing, snapshots, rollbacks: history.rollbacks, dead, ledger, complaints }
}

/** Opens an image and reads all of it. */
export const readImage = (image: Uint8Array): Reading => readAll(openDisk(new Disk(image)))
