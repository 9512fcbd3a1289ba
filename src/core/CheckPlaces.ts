/**
 * The check of what no pointer leads to: both copies of the superblock, and the slot of the root.
 *
 * - One of them may be lost without anybody noticing, until the other one is lost too. So a scrub looks at all.
 */
import type { Binding } from "./Binding.ts"
import { equal } from "./Bytes.ts"
import type { Problem } from "./CheckReport.ts"
import type { Pointer } from "./Pointer.ts"
import * as RootRecord from "./RootRecord.ts"
import * as Superblock from "./Superblock.ts"

/** The pages to be read: copy one, copy two, the root. Their checksums stand in themselves. */
export const wanted = (superblock: Superblock.Superblock, root: RootRecord.EncodedRoot): ReadonlyArray<Pointer> => {
  const page = (address: number, kind: number): Pointer => ({
    address,
    pageCount: 1,
    birth: 0,
    checksum: new Uint8Array(0),
    kind,
    level: 0
  })
  return [
    page(0, Superblock.KIND),
    page(superblock.slots.secondCopy, Superblock.KIND),
    page(root.page, RootRecord.KIND)
  ]
}

const problem = (code: Problem["code"], message: string, address: number): Problem => ({
  code,
  message,
  address,
  inode: undefined,
  path: undefined,
  table: undefined
})

/** What is wrong with the pages that were wanted; `undefined` for one that could not be read. */
export const problems = (
  binding: Binding,
  superblock: Superblock.Superblock,
  root: RootRecord.EncodedRoot,
  pages: ReadonlyArray<Uint8Array | undefined>
): ReadonlyArray<Problem> => {
  const found: Array<Problem> = []
  const { pageBytes } = binding.layout
  for (const [copy, address] of [0, superblock.slots.secondCopy].entries()) {
    const bytes = pages[copy]?.subarray(0, Superblock.SUPERBLOCK_BYTES)
    const decoded = bytes && Superblock.decode(bytes, address * pageBytes, [binding.checksum])
    if (decoded === undefined || "_tag" in decoded || !equal(decoded.volumeId, superblock.volumeId)) {
      const message = `copy ${copy === 0 ? "one" : "two"} of the superblock is lost`
      found.push(problem("Superblock", message, address))
    }
  }
  const slot = pages[2]
  // Beside a writer in another process the slot may hold a newer root by now.
  if (slot === undefined || (!equal(slot, root.bytes) && !isNewer(binding, superblock, root, slot))) {
    found.push(problem("RootSlot", "the slot of the newest root does not hold it any more", root.page))
  }
  return found
}

const isNewer = (
  binding: Binding,
  superblock: Superblock.Superblock,
  root: RootRecord.EncodedRoot,
  bytes: Uint8Array
): boolean => {
  const decoded = RootRecord.decode(binding, superblock, root.record.slot, bytes)
  return !("_tag" in decoded) && decoded.record.generation > root.record.generation
}
