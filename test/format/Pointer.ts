/** Section 7 of docs/FORMAT.md. */
import { must } from "./Fault.ts"
import type { Scan } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"

export interface Pointer {
  readonly address: number
  /** 0 if the pointer is null. */
  readonly pages: number
  readonly birth: number
  readonly checksum: Uint8Array
}

/**
 * Decodes the pointer at an offset and makes sure that it is sound. `holderBirth` is the birth of the node that it
 * stands in, or the generation of the record.
 */
export const decodePointer = (
  scan: Scan,
  at: number,
  superblock: Superblock,
  holderBirth: number,
  pagesMax: number
): Pointer => {
  const { addressBytes, checksumBytes, extensionBytes, pointerBytes } = superblock
  const address = scan.unsigned(at, addressBytes, "pointer address")
  const pages = scan.u8(at + addressBytes, "pointer pages")
  const flags = scan.u8(at + addressBytes + 1, "pointer flags")
  const birth = scan.u48(at + addressBytes + 2, "pointer birth")
  const checksum = scan.slice(at + addressBytes + 8, checksumBytes, "pointer checksum")
  scan.zero(at + addressBytes + 8 + checksumBytes, extensionBytes, "pointer extension")
  must(flags === 0, "a pointer with flags")
  if (pages === 0) {
    scan.expectZero(at, pointerBytes, "null pointer")
  } else {
    must(pages <= pagesMax, `a pointer to ${pages} pages`)
    must(birth >= 1 && birth <= holderBirth, `a pointer of birth ${birth} in a node of birth ${holderBirth}`)
  }
  return { address, pages, birth, checksum }
}
