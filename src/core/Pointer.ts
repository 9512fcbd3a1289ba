/**
 * A pointer: where a page (or a run of pages) stands, when it was born, and the checksum of its bytes.
 *
 *     address (1-6) | pages (1) | flags (1) | birth (6) | checksum (8-32) | extension (0-32)
 *
 * - `pages` = 0 is the null pointer: a hole in a file, an empty tree, a stretch of free map that is all free.
 * - The flag `memory` says that the node is not on disk yet; `birth` then holds its number in the running draft. A page on
 *   disk never holds such a pointer.
 * - A pointer does not say what it points at: whoever holds it knows the kind and the level from where it stands.
 */
import { equal, readUint, readUint48, writeUint, writeUint48 } from "./Bytes.ts"
import { type Layout, POINTER_BIRTH, POINTER_CHECKSUM, POINTER_FLAGS, POINTER_PAGES } from "./Layout.ts"

const FLAG_MEMORY = 1

/** A pointer outside a page, together with what it points at. */
export interface Pointer {
  readonly address: number
  readonly pageCount: number
  readonly birth: number
  readonly checksum: Uint8Array
  /** See `Node`. */
  readonly kind: number
  readonly level: number
  /** Where the reader would have the bytes: they need not be kept anywhere else. */
  readonly into?: Uint8Array | undefined
}

export const address = (layout: Layout, bytes: Uint8Array, at: number): number =>
  readUint(bytes, at, layout.addressBytes)

export const pageCount = (layout: Layout, bytes: Uint8Array, at: number): number =>
  bytes[at + layout.addressBytes + POINTER_PAGES]

export const birth = (layout: Layout, bytes: Uint8Array, at: number): number =>
  readUint48(bytes, at + layout.addressBytes + POINTER_BIRTH)

export const isNull = (layout: Layout, bytes: Uint8Array, at: number): boolean => pageCount(layout, bytes, at) === 0

export const isMemory = (layout: Layout, bytes: Uint8Array, at: number): boolean =>
  bytes[at + layout.addressBytes + POINTER_FLAGS] === FLAG_MEMORY

/** The number of the node in the running draft; only for a memory pointer. */
export const memoryId = (layout: Layout, bytes: Uint8Array, at: number): number => birth(layout, bytes, at)

/** Where the checksum of the pointer at `at` begins. */
export const checksumAt = (layout: Layout, at: number): number => at + layout.addressBytes + POINTER_CHECKSUM

/** Takes the pointer at `at` out of its page. */
export const read = (layout: Layout, bytes: Uint8Array, at: number, kind: number, level: number): Pointer => {
  const checksum = checksumAt(layout, at)
  return {
    address: address(layout, bytes, at),
    pageCount: pageCount(layout, bytes, at),
    birth: birth(layout, bytes, at),
    checksum: bytes.slice(checksum, checksum + layout.checksumBytes),
    kind,
    level
  }
}

/** Writes everything but the checksum, which is left zero; the extension is zero. */
export const writePlace = (
  layout: Layout,
  bytes: Uint8Array,
  at: number,
  place: { readonly address: number; readonly pageCount: number; readonly birth: number }
): void => {
  bytes.fill(0, at, at + layout.pointerBytes)
  writeUint(bytes, at, layout.addressBytes, place.address)
  bytes[at + layout.addressBytes + POINTER_PAGES] = place.pageCount
  writeUint48(bytes, at + layout.addressBytes + POINTER_BIRTH, place.birth)
}

export const write = (layout: Layout, bytes: Uint8Array, at: number, pointer: Pointer): void => {
  writePlace(layout, bytes, at, pointer)
  bytes.set(pointer.checksum, checksumAt(layout, at))
}

export const writeMemory = (layout: Layout, bytes: Uint8Array, at: number, id: number, pages: number): void => {
  writePlace(layout, bytes, at, { address: 0, pageCount: pages, birth: id })
  bytes[at + layout.addressBytes + POINTER_FLAGS] = FLAG_MEMORY
}

export const writeNull = (layout: Layout, bytes: Uint8Array, at: number): void => {
  bytes.fill(0, at, at + layout.pointerBytes)
}

/** The null pointer as bytes of its own. */
export const makeNull = (layout: Layout): Uint8Array => new Uint8Array(layout.pointerBytes)

/** What is wrong with a pointer read from disk: one that a node born at `parentBirth` may not hold (I5). */
export const fault = (
  layout: Layout,
  bytes: Uint8Array,
  at: number,
  parentBirth: number,
  pageCountMax: number
): string | undefined => {
  const pages = pageCount(layout, bytes, at)
  if (bytes[at + layout.addressBytes + POINTER_FLAGS] !== 0) return "a pointer has unknown flags"
  if (pages > pageCountMax) return "a pointer names more pages than it may"
  if (pages === 0) return undefined
  const born = birth(layout, bytes, at)
  if (born === 0) return "a pointer names a page that was never born"
  return born > parentBirth ? "a page is younger than the page that points at it" : undefined
}

export const same = (a: Pointer, b: Pointer): boolean =>
  a.address === b.address && a.pageCount === b.pageCount && a.birth === b.birth && equal(a.checksum, b.checksum)
