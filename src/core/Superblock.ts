/**
 * The superblock: what is fixed when a volume is formatted. Written twice then, and never again.
 *
 * Its 512 bytes stand at the start of page 0 and of a second page (see `RootSlots`); the rest of both pages is zero.
 * What can change later (page count, features in use) stands in the root record.
 */
import * as Binding from "./Binding.ts"
import * as Bytes from "./Bytes.ts"
import type { Checksum } from "./Checksum.ts"
import * as Layout from "./Layout.ts"
import * as RootSlots from "./RootSlots.ts"

export const SUPERBLOCK_BYTES = 512
export const FORMAT_VERSION = 1
/** The kind in the context of its checksum. */
export const KIND = 16

const MAGIC = new Uint8Array([0x6e, 0x6f, 0x74, 0x61, 0x66, 0x73, 0x0d, 0x0a])
const AT_VERSION = 8
const AT_PAGE_BYTES = 12
const AT_VOLUME_ID = 16
const AT_ALGORITHM = 32
const AT_CHECKSUM_BYTES = 33
const AT_ADDRESS_BYTES = 34
const AT_EXTENSION_BYTES = 35
const AT_SLOT_COUNT = 36
const AT_SECOND_COPY = 40
const AT_PAGE_COUNT = 48
const AT_PAGE_COUNT_MAX = 56
const AT_ZERO = 64
const AT_DIGEST = 480

export interface Superblock {
  readonly geometry: Layout.Geometry
  readonly volumeId: Uint8Array
  readonly algorithm: number
  readonly slots: RootSlots.RootSlots
  /** Pages at format; the volume may have grown since. */
  readonly pageCount: number
  /** The most pages it can ever have. */
  readonly pageCountMax: number
}

/** Why bytes are no superblock. */
export type Fault =
  /** No magic: perhaps not a volume at all. */
  | { readonly _tag: "NotFormatted" }
  /** Of a later version, or so it says: `isVerified` if its digest is right, by what all versions have in common. */
  | {
      readonly _tag: "UnsupportedFormat"
      readonly version: number
      readonly reason: string
      readonly isVerified: boolean
      readonly volumeId: Uint8Array
    }
  | { readonly _tag: "Corrupt"; readonly reason: string }

export const binding = (superblock: Superblock, checksum: Checksum): Binding.Binding =>
  Binding.make(Layout.make(superblock.geometry), checksum, superblock.volumeId)

const place = (page: number) => ({ address: page, birth: 0, pageCount: 1, kind: KIND, level: 0 })

/** One copy, as a whole page. */
export const encode = (superblock: Superblock, checksum: Checksum, page: number): Uint8Array => {
  const { geometry, pageCount, pageCountMax, slots, volumeId } = superblock
  const bytes = new Uint8Array(geometry.pageBytes)
  bytes.set(MAGIC)
  Bytes.writeUint32(bytes, AT_VERSION, FORMAT_VERSION)
  Bytes.writeUint32(bytes, AT_PAGE_BYTES, geometry.pageBytes)
  bytes.set(volumeId, AT_VOLUME_ID)
  bytes[AT_ALGORITHM] = superblock.algorithm
  bytes[AT_CHECKSUM_BYTES] = geometry.checksumBytes
  bytes[AT_ADDRESS_BYTES] = geometry.addressBytes
  bytes[AT_EXTENSION_BYTES] = geometry.extensionBytes
  Bytes.writeUint16(bytes, AT_SLOT_COUNT, slots.count)
  Bytes.writeUint48(bytes, AT_SECOND_COPY, slots.secondCopy)
  Bytes.writeUint48(bytes, AT_PAGE_COUNT, pageCount)
  Bytes.writeUint48(bytes, AT_PAGE_COUNT_MAX, pageCountMax)
  Binding.digest(binding(superblock, checksum), place(page), bytes.subarray(0, AT_DIGEST), bytes, AT_DIGEST)
  return bytes
}

/** Whether the 512 bytes at byte `offset` of the device have the right digest: the same in all versions. */
const verifies = (bytes: Uint8Array, offset: number, pageBytes: number, checksum: Checksum): boolean => {
  const layout = Layout.make({ pageBytes, addressBytes: 6, checksumBytes: checksum.byteCount, extensionBytes: 0 })
  const volume = Binding.make(layout, checksum, volumeIdOf(bytes))
  const expected = new Uint8Array(checksum.byteCount)
  Binding.digest(volume, place(offset / pageBytes), bytes.subarray(0, AT_DIGEST), expected, 0)
  return Bytes.compare(expected, 0, expected.length, bytes, AT_DIGEST, AT_DIGEST + expected.length) === 0
}

const volumeIdOf = (bytes: Uint8Array): Uint8Array => bytes.slice(AT_VOLUME_ID, AT_VOLUME_ID + Binding.VOLUME_ID_BYTES)

/**
 * Decodes the 512 bytes found at byte `offset` of the device. `checksums` are the algorithms this program knows.
 */
export const decode = (bytes: Uint8Array, offset: number, checksums: ReadonlyArray<Checksum>): Superblock | Fault => {
  if (Bytes.compare(bytes, 0, MAGIC.length, MAGIC, 0, MAGIC.length) !== 0) return { _tag: "NotFormatted" }
  const version = Bytes.readUint32(bytes, AT_VERSION)
  const algorithm = bytes[AT_ALGORITHM]
  const checksum = checksums.find((known) => known.algorithm === algorithm)
  const pageBytes = Bytes.readUint32(bytes, AT_PAGE_BYTES)
  const isInPlace = Layout.isPageBytes(pageBytes) && offset % pageBytes === 0
  const isVerified = checksum !== undefined && isInPlace && verifies(bytes, offset, pageBytes, checksum)
  const volumeId = volumeIdOf(bytes)
  const unsupported = (reason: string): Fault => ({ _tag: "UnsupportedFormat", version, reason, isVerified, volumeId })
  if (version !== FORMAT_VERSION) return unsupported(`it has format version ${version}`)
  if (checksum === undefined) return unsupported(`it uses checksum algorithm ${algorithm}`)
  const geometry: Layout.Geometry = {
    pageBytes,
    addressBytes: bytes[AT_ADDRESS_BYTES],
    checksumBytes: bytes[AT_CHECKSUM_BYTES],
    extensionBytes: bytes[AT_EXTENSION_BYTES]
  }
  const superblock: Superblock = {
    geometry,
    volumeId,
    algorithm,
    slots: { count: Bytes.readUint16(bytes, AT_SLOT_COUNT), secondCopy: Bytes.readUint48(bytes, AT_SECOND_COPY) },
    pageCount: Bytes.readUint48(bytes, AT_PAGE_COUNT),
    pageCountMax: Bytes.readUint48(bytes, AT_PAGE_COUNT_MAX)
  }
  const corrupt = (reason: string): Fault => ({ _tag: "Corrupt", reason })
  if (!Layout.isPageBytes(geometry.pageBytes)) return corrupt("its page size is impossible")
  if (geometry.checksumBytes !== checksum.byteCount) return corrupt("its checksum width does not fit its algorithm")
  if (geometry.addressBytes < 1 || geometry.addressBytes > 6) return corrupt("its address width is impossible")
  if (geometry.extensionBytes > 32) return corrupt("its pointer extension is impossible")
  if (!isInPlace) return corrupt("the superblock stands in the middle of a page")
  if (!isVerified) return corrupt("the superblock does not match its checksum")
  if (
    !Bytes.isZero(bytes, AT_ZERO, AT_DIGEST) ||
    superblock.pageCount > superblock.pageCountMax ||
    superblock.pageCountMax > 256 ** geometry.addressBytes ||
    !RootSlots.isSane(superblock.slots, superblock.pageCount)
  ) {
    return corrupt("its geometry contradicts itself")
  }
  return superblock
}
