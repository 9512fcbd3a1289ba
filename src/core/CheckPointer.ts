/**
 * What is wrong with a single pointer, by section 7 of `docs/FORMAT.md`.
 *
 * Stricter than what admits a node to the core: here the bytes that version 1 leaves zero are zero.
 */
import { isZero, readUint48 } from "./Bytes.ts"
import type { Code } from "./CheckReport.ts"
import type { Layout } from "./Layout.ts"

export interface Fault {
  readonly code: Extract<Code, "Pointer" | "Birth">
  readonly message: string
}

const fault = (message: string): Fault => ({ code: "Pointer", message })

/** Of a pointer at `bytes[at]` in something born at `holderBirth`, where at most `pagesMax` pages may be named. */
export const check = (
  layout: Layout,
  bytes: Uint8Array,
  at: number,
  holderBirth: number,
  pagesMax: number
): Fault | undefined => {
  const { addressBytes, checksumBytes, extensionBytes, pointerBytes } = layout
  const pages = bytes[at + addressBytes]
  if (pages === 0) {
    return isZero(bytes, at, at + pointerBytes) ? undefined : fault("the bytes of a null pointer are not zero")
  }
  if (bytes[at + addressBytes + 1] !== 0) return fault("a pointer has unknown flags")
  if (pages > pagesMax) return fault("a pointer names more pages than it may")
  const extensionAt = at + addressBytes + 8 + checksumBytes
  if (!isZero(bytes, extensionAt, extensionAt + extensionBytes)) return fault("a pointer's reserved bytes are not zero")
  const birth = readUint48(bytes, at + addressBytes + 2)
  if (birth === 0) return { code: "Birth", message: "a pointer names a page that was never born" }
  if (birth > holderBirth) return { code: "Birth", message: "a page is younger than what points at it" }
  return undefined
}

/** Whether nothing is named: a hole, an empty tree, a stretch of map that is all zero. */
export const isNull = (layout: Layout, bytes: Uint8Array, at: number): boolean => bytes[at + layout.addressBytes] === 0
