/**
 * Where everything stands inside a page. Derived once from the facts that the superblock fixes, then only read.
 *
 * - A page is a power of two from 512 bytes to 64 KiB.
 * - Offsets are declared here and nowhere else; `docs/FORMAT.md` lists the same figures.
 */
import { UINT48_END } from "./Bytes.ts"
import { invariant } from "./Invariant.ts"

export const PAGE_BYTES_MIN = 512
export const PAGE_BYTES_MAX = 65536
export const PAGE_BYTES_DEFAULT = 4096

/** The most pages that one data run may have: its length is one byte of a pointer. */
export const RUN_PAGES_LIMIT = 255
/** A data run is at most this long: the unit that is read and verified whole. */
export const RUN_BYTES_MAX = 65536

/** What the superblock fixes for the life of a volume. */
export interface Geometry {
  readonly pageBytes: number
  /** Bytes of a page address in a pointer, 1 to 6. */
  readonly addressBytes: number
  readonly checksumBytes: number
  /** Bytes of every pointer that are kept for later (a nonce, a tag), 0 to 32; zero in format version 1. */
  readonly extensionBytes: number
}

/** Node header: kind, level, count, top, garbage; 16 bytes at the start of every page that is not raw data. */
export const NODE_KIND = 0
export const NODE_LEVEL = 1
export const NODE_COUNT = 2
export const NODE_TOP = 4
export const NODE_GARBAGE = 8
export const NODE_HEADER_BYTES = 16

/** Pointer: address, then these at fixed distances from the address's end. */
export const POINTER_PAGES = 0
export const POINTER_FLAGS = 1
export const POINTER_BIRTH = 2
export const POINTER_CHECKSUM = 8

/** A rope branch entry is a span of bytes (6) and a pointer. */
export const ROPE_SPAN_BYTES = 6

/** A slot of a B+tree node is the offset of its cell. A cell starts with the key's length; a leaf's also has the value's. */
export const SLOT_BYTES = 2
export const LEAF_CELL_HEADER_BYTES = 4
export const BRANCH_CELL_HEADER_BYTES = 2

/** All offsets and limits that follow from a {@link Geometry}. */
export interface Layout extends Geometry {
  readonly pointerBytes: number
  /** A rope branch entry. */
  readonly ropeEntryBytes: number
  /** The most entries of a rope branch. */
  readonly ropeFanout: number
  /** Pages of the longest data run that is written. */
  readonly runPagesMax: number
  /** The longest key of a B+tree: three cells fit into a branch. */
  readonly keyBytesMax: number
  /** The most bytes that a key and its value have together. */
  readonly itemBytesMax: number
  /** Pages that one bitmap leaf of the free map covers. */
  readonly mapLeafPages: number
  /** Children of a branch of the free map. */
  readonly mapFanout: number
}

export const make = (geometry: Geometry): Layout => {
  const { addressBytes, checksumBytes, extensionBytes, pageBytes } = geometry
  invariant(isPageBytes(pageBytes), "the page size is a power of two from 512 to 65536")
  invariant(addressBytes >= 1 && addressBytes <= 6, "an address has 1 to 6 bytes")
  invariant(checksumBytes >= 8 && checksumBytes <= 32, "a checksum has 8 to 32 bytes")
  invariant(extensionBytes >= 0 && extensionBytes <= 32, "a pointer's extension has 0 to 32 bytes")
  const pointerBytes = addressBytes + POINTER_CHECKSUM + checksumBytes + extensionBytes
  const room = pageBytes - NODE_HEADER_BYTES
  const ropeEntryBytes = ROPE_SPAN_BYTES + pointerBytes
  return {
    ...geometry,
    pointerBytes,
    ropeEntryBytes,
    ropeFanout: Math.floor(room / ropeEntryBytes),
    runPagesMax: Math.min(RUN_PAGES_LIMIT, Math.max(1, RUN_BYTES_MAX / pageBytes)),
    keyBytesMax: Math.floor(room / 3) - pointerBytes - SLOT_BYTES - BRANCH_CELL_HEADER_BYTES,
    itemBytesMax: room - SLOT_BYTES - LEAF_CELL_HEADER_BYTES,
    mapLeafPages: room * 8,
    mapFanout: Math.floor(room / pointerBytes)
  }
}

export const isPageBytes = (pageBytes: number): boolean =>
  pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX && Number.isInteger(Math.log2(pageBytes))

/** The bytes that an address needs on a volume that may grow to `pageCount` pages. */
export const addressBytesFor = (pageCount: number): number => {
  invariant(pageCount > 0 && pageCount <= UINT48_END, "a volume has at most 2^48 pages")
  let bytes = 1
  while (256 ** bytes < pageCount) bytes++
  return bytes
}
