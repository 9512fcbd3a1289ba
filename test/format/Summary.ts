/** What a volume holds, as plain JSON: the same form for the independent reader and for the file system itself. */
import { createHash } from "node:crypto"
import type { Inode, Listing, TableEntry } from "./Listing.ts"
import type { Reading } from "./Reader.ts"
import { hex } from "./Scan.ts"

export interface InodeSummary {
  readonly type: string
  /** Octal. */
  readonly mode: string
  readonly links: number
  readonly uid: number
  readonly gid: number
  readonly accessTime: string
  readonly modifyTime: string
  readonly changeTime: string
  readonly birthTime: string
  readonly size: number
  /** The longest stretches that are no hole: offset, length and the beginning of their SHA-256. */
  readonly data: ReadonlyArray<readonly [number, number, string]>
  /** Values in hexadecimal, or the beginning of their SHA-256. */
  readonly attributes: Readonly<Record<string, string>>
}

/** A table: its entries by their keys in hexadecimal, values as those of attributes. */
export interface TableSummary {
  readonly number: number
  readonly count: number
  readonly entries: Readonly<Record<string, string>>
}

/** The files and tables of the volume, or of a snapshot. */
export interface FilesSummary {
  readonly orphans: ReadonlyArray<number>
  readonly paths: Readonly<Record<string, number>>
  readonly inodes: Readonly<Record<string, InodeSummary>>
  /** By name. */
  readonly tables?: Readonly<Record<string, TableSummary>>
}

export interface SnapshotSummary extends FilesSummary {
  readonly name: string
  readonly id: string
  readonly generation: number
  readonly time: string
  readonly inodeCount: number
}

export interface Summary extends FilesSummary {
  readonly pageSize: number
  readonly pageCount: number
  readonly volumeId: string
  readonly checksum: string
  readonly generation: number
  readonly freePages: number
  readonly inodeCount: number
  /** Oldest first. */
  readonly snapshots?: ReadonlyArray<SnapshotSummary>
}

const checksumNames: ReadonlyArray<string> = ["", "xxh64", "sha256-128"]

const shortHash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16)

export const attributeText = (value: Uint8Array): string =>
  value.length <= 32 ? hex(value) : `${value.length} bytes, ${shortHash(value)}`

/** A stretch of content that is data. */
export interface Stretch {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Joins stretches that touch, which come in ascending order. */
export const dataOf = (stretches: ReadonlyArray<Stretch>): InodeSummary["data"] => {
  const joined: Array<{ readonly offset: number; readonly parts: Array<Uint8Array>; end: number }> = []
  for (const { offset, bytes } of stretches) {
    const last = joined.at(-1)
    if (last?.end === offset) {
      last.parts.push(bytes)
      last.end += bytes.length
    } else joined.push({ offset, parts: [bytes], end: offset + bytes.length })
  }
  return joined.map(({ offset, parts, end }) => [offset, end - offset, shortHash(Buffer.concat(parts))] as const)
}

const inodeSummary = (inode: Inode): InodeSummary => ({
  type: inode.type,
  mode: inode.mode.toString(8),
  links: inode.links,
  uid: inode.uid,
  gid: inode.gid,
  accessTime: `${inode.accessTime}`,
  modifyTime: `${inode.modifyTime}`,
  changeTime: `${inode.changeTime}`,
  birthTime: `${inode.birthTime}`,
  size: inode.size,
  data: dataOf(inode.pieces.flatMap(({ bytes, offset }) => (bytes === undefined ? [] : [{ offset, bytes }]))),
  attributes: Object.fromEntries([...inode.attributes].map(([name, value]) => [name, attributeText(value)]))
})

/** The summary of a table's entry: its key, and its value. */
export const entryText = (key: Uint8Array, value: Uint8Array): readonly [string, string] => [
  hex(key),
  attributeText(value)
]

/** Files without tables say nothing of them. */
export const withTables = (files: FilesSummary, tables: Readonly<Record<string, TableSummary>>): FilesSummary =>
  Object.keys(tables).length === 0 ? files : { ...files, tables }

const valueOf = ({ pieces, size }: TableEntry): Uint8Array => {
  const value = new Uint8Array(size)
  for (const { bytes, offset } of pieces) if (bytes !== undefined) value.set(bytes, offset)
  return value
}

const tablesOf = ({ tableEntries, tables }: Listing): Readonly<Record<string, TableSummary>> =>
  Object.fromEntries(
    [...tables].map(([name, { count, number }]) => {
      const entries = (tableEntries.get(number) ?? []).map((entry) => entryText(entry.key, valueOf(entry)))
      return [name, { number, count, entries: Object.fromEntries(entries) }]
    })
  )

const filesOf = (listing: Listing): FilesSummary => withTables(namedOf(listing), tablesOf(listing))

const namedOf = (listing: Listing): FilesSummary => ({
  orphans: listing.orphans,
  paths: Object.fromEntries(listing.paths),
  inodes: Object.fromEntries([...listing.inodes].map(([number, inode]) => [number, inodeSummary(inode)]))
})

/** A volume without snapshots says nothing of them. */
export const withSnapshots = (summary: Summary, snapshots: ReadonlyArray<SnapshotSummary>): Summary =>
  snapshots.length === 0 ? summary : { ...summary, snapshots }

const volumeSummary = ({ listing, opened }: Reading): Summary => ({
  pageSize: opened.superblock.pageSize,
  pageCount: opened.record.pageCount,
  volumeId: hex(opened.superblock.volumeId),
  checksum: checksumNames[opened.superblock.algorithm],
  generation: opened.record.generation,
  freePages: opened.record.freeCount,
  inodeCount: opened.record.inodeCount,
  ...filesOf(listing)
})

/** What the independent reader read. */
export const summaryOf = (reading: Reading): Summary =>
  withSnapshots(
    volumeSummary(reading),
    reading.snapshots.map(({ snapshot: { name, id, generation, time, inodeCount }, listing }) => ({
      name,
      id: hex(id),
      generation,
      time: `${time}`,
      inodeCount,
      ...filesOf(listing)
    }))
  )
