/**
 * A send stream: what leads from one state of a volume to another, as records in frames. See docs/FORMAT.md, 18.
 *
 *     magic (8) | frames: bytes of the records (4) | records | digest (8)
 *
 * - A digest covers the records and the digest before it (the first one the magic): a frame that is altered, lost, or out of its
 *   order does not verify. It finds accidents, not forgeries.
 * - Records speak of items of the names tree by key, and of contents by bytes: nothing in them depends on page size, addresses or
 *   checksums of the volume that sent them.
 * - The first record is a header and the last one an end, which says how many there were.
 */
import * as Bytes from "./Bytes.ts"
import type { Checksum } from "./Checksum.ts"
import { ID_BYTES } from "./Snapshots.ts"

/** What a stream leads to. */
export interface Header {
  readonly _tag: "Header"
  /** Of the volume that sends. */
  readonly volumeId: Uint8Array
  readonly id: Uint8Array
  readonly name: Uint8Array
  /** Nanoseconds since 1970. */
  readonly time: bigint
  readonly nextInode: number
  readonly inodeCount: number
  /** The id of the snapshot that it leads from, and its name where it was sent; none: from nothing. */
  readonly base: { readonly id: Uint8Array; readonly name: Uint8Array } | undefined
}

export type Record =
  | Header
  /** An item that is gone, with its content. */
  | { readonly _tag: "Remove"; readonly key: Uint8Array }
  /** An item without content. */
  | { readonly _tag: "Put"; readonly key: Uint8Array; readonly value: Uint8Array }
  /**
   * The head of an item with content, of which `size` bytes follow in the records after it. What does not follow is as it was if
   * `isPatch`, or else zero.
   */
  | {
      readonly _tag: "Content"
      readonly key: Uint8Array
      readonly head: Uint8Array
      readonly size: number
      readonly isPatch: boolean
    }
  | { readonly _tag: "Write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly _tag: "Hole"; readonly offset: number; readonly count: number }
  /** How many records there were before it. */
  | { readonly _tag: "End"; readonly recordCount: number }

/** "notafs", zero, version 1. */
export const MAGIC = Uint8Array.of(0x6e, 0x6f, 0x74, 0x61, 0x66, 0x73, 0x00, 0x01)
export const DIGEST_BYTES = 8
export const LENGTH_BYTES = 4
/** No frame is longer, in bytes of records. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024

const TAGS = ["Header", "Remove", "Put", "Content", "Write", "Hole", "End"] as const
const tagOf = (record: Record): number => TAGS.indexOf(record._tag)

// ---- encoding

/** Bytes that a record takes. */
export const byteCount = (record: Record): number => {
  switch (record._tag) {
    case "Header":
      return 1 + 2 * ID_BYTES + 8 + 6 + 6 + 2 + record.name.length + 1 + baseBytes(record.base)
    case "Remove":
      return 1 + 2 + record.key.length
    case "Put":
      return 1 + 2 + record.key.length + 4 + record.value.length
    case "Content":
      return 1 + 2 + record.key.length + 2 + record.head.length + 6 + 1
    case "Write":
      return 1 + 6 + 4 + record.bytes.length
    case "Hole":
      return 1 + 6 + 6
    case "End":
      return 1 + 6
  }
}

const baseBytes = (base: Header["base"]): number => (base === undefined ? 0 : ID_BYTES + 2 + base.name.length)

class Writer {
  readonly bytes: Uint8Array
  at = 0
  constructor(count: number) {
    this.bytes = new Uint8Array(count)
  }
  uint8(value: number): void {
    this.bytes[this.at++] = value
  }
  uint16(value: number): void {
    Bytes.writeUint16(this.bytes, this.at, value)
    this.at += 2
  }
  uint32(value: number): void {
    Bytes.writeUint32(this.bytes, this.at, value)
    this.at += 4
  }
  uint48(value: number): void {
    Bytes.writeUint48(this.bytes, this.at, value)
    this.at += 6
  }
  uint64(value: bigint): void {
    Bytes.writeUint64(this.bytes, this.at, value)
    this.at += 8
  }
  plain(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }
  short(bytes: Uint8Array): void {
    this.uint16(bytes.length)
    this.plain(bytes)
  }
  long(bytes: Uint8Array): void {
    this.uint32(bytes.length)
    this.plain(bytes)
  }
}

const writeRecord = (to: Writer, record: Record): void => {
  to.uint8(tagOf(record))
  switch (record._tag) {
    case "Header":
      to.plain(record.volumeId)
      to.plain(record.id)
      to.uint64(record.time)
      to.uint48(record.nextInode)
      to.uint48(record.inodeCount)
      to.short(record.name)
      to.uint8(record.base === undefined ? 0 : 1)
      if (record.base !== undefined) {
        to.plain(record.base.id)
        to.short(record.base.name)
      }
      return
    case "Remove":
      return to.short(record.key)
    case "Put":
      to.short(record.key)
      return to.long(record.value)
    case "Content":
      to.short(record.key)
      to.short(record.head)
      to.uint48(record.size)
      return to.uint8(record.isPatch ? 1 : 0)
    case "Write":
      to.uint48(record.offset)
      return to.long(record.bytes)
    case "Hole":
      to.uint48(record.offset)
      return to.uint48(record.count)
    case "End":
      return to.uint48(record.recordCount)
  }
}

/** A frame of these records, after one of this digest (the first: after {@link MAGIC}). */
export const frame = (checksum: Checksum, before: Uint8Array, records: ReadonlyArray<Record>): Uint8Array => {
  const count = records.reduce((sum, record) => sum + byteCount(record), 0)
  const to = new Writer(LENGTH_BYTES + count + DIGEST_BYTES)
  to.uint32(count)
  for (const record of records) writeRecord(to, record)
  checksum.write(before, to.bytes.subarray(0, LENGTH_BYTES + count), to.bytes, LENGTH_BYTES + count)
  return to.bytes
}

/** The digest at the end of a frame. */
export const digestOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.length - DIGEST_BYTES)

// ---- decoding

/** How long the frame is that begins with these {@link LENGTH_BYTES}; `undefined` if no frame is. */
export const frameBytes = (head: Uint8Array): number | undefined => {
  const count = Bytes.readUint32(head, 0)
  return count === 0 || count > FRAME_BYTES_MAX ? undefined : LENGTH_BYTES + count + DIGEST_BYTES
}

/** Whether a frame is the one that comes after a digest. */
export const follows = (checksum: Checksum, before: Uint8Array, bytes: Uint8Array): boolean => {
  const digest = new Uint8Array(DIGEST_BYTES)
  checksum.write(before, bytes.subarray(0, bytes.length - DIGEST_BYTES), digest, 0)
  return Bytes.equal(digest, digestOf(bytes))
}

/** Reads values one after the other, as parts of the bytes; what is not there makes it `isSpent`, and reads as zeros. */
class Reader {
  readonly bytes: Uint8Array
  at = 0
  isSpent = false
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
  plain(count: number): Uint8Array {
    const start = this.at
    this.at += count
    if (this.at <= this.bytes.length) return this.bytes.subarray(start, this.at)
    this.isSpent = true
    return new Uint8Array(0)
  }
  uint(width: number): number {
    const bytes = this.plain(width)
    return this.isSpent ? 0 : Bytes.readUint(bytes, 0, width)
  }
  uint64(): bigint {
    const bytes = this.plain(8)
    return this.isSpent ? BigInt(0) : Bytes.readUint64(bytes, 0)
  }
  short(): Uint8Array {
    return this.plain(this.uint(2))
  }
  long(): Uint8Array {
    return this.plain(this.uint(4))
  }
}

const readRecord = (from: Reader): Record | undefined => {
  const tag = TAGS[from.uint(1)]
  switch (tag) {
    case "Header": {
      const volumeId = from.plain(ID_BYTES)
      const id = from.plain(ID_BYTES)
      const time = from.uint64()
      const [nextInode, inodeCount] = [from.uint(6), from.uint(6)]
      const name = from.short()
      const hasBase = from.uint(1) === 1
      const base = hasBase ? { id: from.plain(ID_BYTES), name: from.short() } : undefined
      return { _tag: tag, volumeId, id, time, nextInode, inodeCount, name, base }
    }
    case "Remove":
      return { _tag: tag, key: from.short() }
    case "Put":
      return { _tag: tag, key: from.short(), value: from.long() }
    case "Content":
      return { _tag: tag, key: from.short(), head: from.short(), size: from.uint(6), isPatch: from.uint(1) === 1 }
    case "Write":
      return { _tag: tag, offset: from.uint(6), bytes: from.long() }
    case "Hole":
      return { _tag: tag, offset: from.uint(6), count: from.uint(6) }
    case "End":
      return { _tag: tag, recordCount: from.uint(6) }
  }
  return undefined
}

/** The records of a frame that verified; `undefined` if they make no sense. */
export const records = (bytes: Uint8Array): ReadonlyArray<Record> | undefined => {
  const from = new Reader(bytes.subarray(LENGTH_BYTES, bytes.length - DIGEST_BYTES))
  const found: Array<Record> = []
  while (from.at < from.bytes.length) {
    const record = readRecord(from)
    if (record === undefined || from.isSpent) return undefined
    found.push(record)
  }
  return found
}
