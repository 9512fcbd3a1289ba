/** Section 4 of docs/FORMAT.md. */
import { digestBytes, digestOf, kinds } from "./Checksum.ts"
import type { Disk } from "./Disk.ts"
import { Fault } from "./Fault.ts"
import type { Ledger } from "./Ledger.ts"
import { hex, sameBytes, Scan } from "./Scan.ts"

/** What the format of a volume fixed, with the sizes that follow from it. */
export interface Superblock {
  readonly pageSize: number
  readonly volumeId: Uint8Array
  readonly algorithm: number
  readonly checksumBytes: number
  readonly addressBytes: number
  readonly extensionBytes: number
  readonly slotCount: number
  readonly secondCopy: number
  readonly pageCount: number
  readonly pageCountMax: number
  /** `L` of the document. */
  readonly pointerBytes: number
  /** `R` of the document. */
  readonly roomBytes: number
}

type CopyState = "valid" | "not a volume" | "unsupported" | "unsupported by its own word" | "damaged"

interface Copy {
  readonly state: CopyState
  /** Of a copy that is unsupported by its own word. */
  readonly volumeId?: Uint8Array
  readonly superblock?: Superblock
}

const copyBytes = 512
const digestStart = 480
const fieldsEnd = 64
const magic = Uint8Array.of(0x6e, 0x6f, 0x74, 0x61, 0x66, 0x73, 0x0d, 0x0a)

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value))

/** Whether the digest verifies, by what all versions have in common. */
const digestIsRight = (bytes: Uint8Array, offset: number, pageSize: number, algorithm: number): boolean => {
  const place = { address: Math.floor(offset / pageSize), birth: 0, pages: 1, kind: kinds.superblock, level: 0 }
  const expected = digestOf(algorithm, bytes.subarray(16, 32), place, bytes.subarray(0, digestStart))
  return sameBytes(bytes.subarray(digestStart, digestStart + expected.length), expected)
}

/** Decodes the 512 bytes that stand at a byte offset of the device. */
export const decodeCopy = (bytes: Uint8Array, offset: number, ledger?: Ledger): Copy => {
  const scan = new Scan(bytes, offset, "superblock", ledger)
  if (!sameBytes(scan.slice(0, 8, "magic"), magic)) return { state: "not a volume" }
  const version = scan.u32(8, "version")
  const pageSize = scan.u32(12, "page size")
  const volumeId = scan.slice(16, 16, "volume id")
  const algorithm = scan.u8(32, "algorithm")
  const checksumBytes = scan.u8(33, "checksum bytes")
  const addressBytes = scan.u8(34, "address bytes")
  const extensionBytes = scan.u8(35, "extension bytes")
  const slotCount = scan.u16(36, "slot count")
  const secondCopy = scan.u48(40, "second copy")
  const pageCount = scan.u48(48, "page count")
  const pageCountMax = scan.u48(56, "page count max")
  for (const at of [38, 46, 54, 62]) scan.zero(at, 2)
  const restIsZero = scan.zero(fieldsEnd, digestStart - fieldsEnd)
  const pageIsRight = isPowerOfTwo(pageSize) && pageSize >= 512 && pageSize <= 65_536
  if (version !== 1 || !digestBytes.has(algorithm)) {
    const isCertain = digestBytes.has(algorithm) && pageIsRight && digestIsRight(bytes, offset, pageSize, algorithm)
    return isCertain ? { state: "unsupported" } : { state: "unsupported by its own word", volumeId }
  }
  const widthsAreRight =
    pageIsRight &&
    checksumBytes === digestBytes.get(algorithm) &&
    addressBytes >= 1 &&
    addressBytes <= 6 &&
    extensionBytes <= 32
  if (!widthsAreRight) return { state: "damaged" }
  scan.mark(digestStart, checksumBytes, "digest")
  if (!digestIsRight(bytes, offset, pageSize, algorithm)) return { state: "damaged" }
  scan.zero(digestStart + checksumBytes, copyBytes - digestStart - checksumBytes)
  const fieldsAreRight =
    restIsZero &&
    pageCount <= pageCountMax &&
    pageCountMax <= 256 ** addressBytes &&
    slotCount % 2 === 0 &&
    slotCount >= 4 &&
    slotCount <= 32 &&
    isPowerOfTwo(secondCopy) &&
    secondCopy > slotCount / 2 &&
    secondCopy + slotCount / 2 < pageCount
  if (!fieldsAreRight) return { state: "damaged" }
  return {
    state: "valid",
    superblock: {
      pageSize,
      volumeId,
      algorithm,
      checksumBytes,
      addressBytes,
      extensionBytes,
      slotCount,
      secondCopy,
      pageCount,
      pageCountMax,
      pointerBytes: addressBytes + 8 + checksumBytes + extensionBytes,
      roomBytes: pageSize - 16
    }
  }
}

const readCopy = (disk: Disk, offset: number): Copy | "unreadable" => {
  try {
    return decodeCopy(disk.read(offset, copyBytes), offset)
  } catch (fault) {
    if (fault instanceof Fault && fault.kind === "unreadable") return "unreadable"
    throw fault
  }
}

const unsupported = (offset: number): Fault => new Fault("unsupported", `the superblock at byte ${offset}`)

/** Finds a valid copy, and says which: at offset 0, or at a power of two from 4096 on. */
export const findSuperblock = (disk: Disk): { readonly superblock: Superblock; readonly offset: number } => {
  const first = disk.holds(0, copyBytes) ? readCopy(disk, 0) : { state: "not a volume" as const }
  if (first !== "unreadable") {
    if (first.state === "unsupported") throw unsupported(0)
    if (first.superblock !== undefined) return { superblock: first.superblock, offset: 0 }
  }
  const found: Array<{ readonly superblock: Superblock; readonly offset: number }> = []
  // Copies that are unsupported by their own word.
  const claims: Array<{ readonly offset: number; readonly volumeId: string }> = []
  const claim = (offset: number, volumeId: string): void => {
    if (claims.some((other) => other.volumeId === volumeId)) throw unsupported(offset)
    claims.push({ offset, volumeId })
  }
  if (first !== "unreadable" && first.volumeId !== undefined) claim(0, hex(first.volumeId))
  let unreadable = first === "unreadable"
  let damaged = first !== "unreadable" && first.state === "damaged"
  for (let offset = 4096; disk.holds(offset, copyBytes); offset *= 2) {
    const copy = readCopy(disk, offset)
    if (copy === "unreadable") {
      unreadable = true
    } else if (copy.state === "unsupported") {
      throw unsupported(offset)
    } else if (copy.volumeId !== undefined) {
      claim(offset, hex(copy.volumeId))
    } else if (copy.state === "damaged") {
      damaged = true
    } else if (copy.superblock !== undefined && copy.superblock.secondCopy * copy.superblock.pageSize === offset) {
      found.push({ superblock: copy.superblock, offset })
    }
  }
  if (new Set(found.map((copy) => hex(copy.superblock.volumeId))).size > 1) {
    throw new Fault("ambiguous", "second copies of several volumes")
  }
  if (found.length > 0) return found[0]
  if (unreadable) throw new Fault("unreadable", "no superblock was found, and some bytes could not be read")
  if (claims.length > 0) throw unsupported(claims[0].offset)
  if (damaged) throw new Fault("corrupt", "both copies of the superblock are damaged")
  throw new Fault("not a volume", "no superblock")
}

/** Whether a page belongs to one of the two groups that no pointer names. */
export const isReserved = (superblock: Superblock, page: number): boolean =>
  page <= superblock.slotCount / 2 ||
  (page >= superblock.secondCopy && page <= superblock.secondCopy + superblock.slotCount / 2)

/** The page that a root slot stands on. */
export const slotPage = (superblock: Superblock, slot: number): number =>
  slot % 2 === 0 ? 1 + slot / 2 : superblock.secondCopy + 1 + (slot - 1) / 2
