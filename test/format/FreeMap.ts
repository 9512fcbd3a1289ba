/** Section 11 of docs/FORMAT.md. */
import type { Pointer } from "./Pointer.ts"
import { decodePointer } from "./Pointer.ts"
import type { Scan } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"
import type { Expected } from "./TreeNode.ts"
import { decodeHeader, headerBytes } from "./TreeNode.ts"

/** Pages that one bitmap covers. */
export const bitmapPages = (superblock: Superblock): number => 8 * superblock.roomBytes

/** Children of a branch of the map. */
export const fanOut = (superblock: Superblock): number => Math.floor(superblock.roomBytes / superblock.pointerBytes)

const decodeMapHeader = (scan: Scan, expected: Expected): void => {
  decodeHeader(scan, expected)
  scan.expectZero(2, 2, "count of a map node")
}

/** The pages that a bitmap says are in use, counted from the first page of its stretch. */
export const decodeBitmap = (scan: Scan, superblock: Superblock, expected: Expected): ReadonlyArray<number> => {
  decodeMapHeader(scan, expected)
  const bits = scan.slice(headerBytes, superblock.roomBytes, "bits")
  const pages: Array<number> = []
  bits.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit += 1) {
      if ((byte & (1 << bit)) !== 0) pages.push(8 * index + bit)
    }
  })
  return pages
}

/** The children of a branch of the map, null pointers included. */
export const decodeMapBranch = (scan: Scan, superblock: Superblock, expected: Expected): ReadonlyArray<Pointer> => {
  decodeMapHeader(scan, expected)
  const pointers: Array<Pointer> = []
  for (let child = 0; child < fanOut(superblock); child += 1) {
    pointers.push(decodePointer(scan, headerBytes + child * superblock.pointerBytes, superblock, expected.birth, 1))
  }
  const end = headerBytes + fanOut(superblock) * superblock.pointerBytes
  scan.zero(end, superblock.pageSize - end)
  return pointers
}
