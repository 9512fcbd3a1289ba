/** Section 10 of docs/FORMAT.md. */
import { must } from "./Fault.ts"
import type { Pointer } from "./Pointer.ts"
import { decodePointer } from "./Pointer.ts"
import type { Scan } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"
import type { Expected } from "./TreeNode.ts"
import { decodeHeader, headerBytes } from "./TreeNode.ts"

/** A stretch of content, and what it is: a hole if the pointer is null, else a data run or a branch. */
export interface Stretch {
  readonly span: number
  /** 0: the pointer names a data run. Above: a branch of this level. */
  readonly level: number
  readonly pointer: Pointer
}

const pagesMaxOf = ({ pageSize }: Superblock): number => 65_536 / pageSize

const mustFit = (stretch: Stretch, superblock: Superblock): void => {
  const { pages } = stretch.pointer
  if (pages === 0) return
  const expected = stretch.level === 0 ? Math.ceil(stretch.span / superblock.pageSize) : 1
  must(pages === expected, `a pointer to ${pages} pages for ${stretch.span} bytes at level ${stretch.level}`)
}

/** Decodes the rope at an offset: seven bytes and a pointer. */
export const decodeRope = (scan: Scan, at: number, superblock: Superblock, holderBirth: number): Stretch => {
  const span = scan.u48(at, "rope size")
  const level = scan.u8(at + 6, "rope level")
  const pointer = decodePointer(scan, at + 7, superblock, holderBirth, pagesMaxOf(superblock))
  const rope = { span, level, pointer }
  must(level <= 48, `a rope of level ${level}`)
  must(level === 0 || pointer.pages !== 0, "a rope of level 1 and up that is null")
  mustFit(rope, superblock)
  return rope
}

/** Decodes a rope branch. */
export const decodeRopeBranch = (scan: Scan, superblock: Superblock, expected: Expected): ReadonlyArray<Stretch> => {
  const { count } = decodeHeader(scan, expected)
  const entryBytes = 6 + superblock.pointerBytes
  must(count >= 1 && count <= Math.floor(superblock.roomBytes / entryBytes), `${count} entries in a rope branch`)
  const stretches: Array<Stretch> = []
  for (let index = 0; index < count; index += 1) {
    const at = headerBytes + index * entryBytes
    const span = scan.u48(at, "span")
    const pointer = decodePointer(scan, at + 6, superblock, expected.birth, pagesMaxOf(superblock))
    const stretch = { span, level: expected.level - 1, pointer }
    must(span >= 1, "an empty span")
    mustFit(stretch, superblock)
    stretches.push(stretch)
  }
  const end = headerBytes + count * entryBytes
  scan.zero(end, superblock.pageSize - end)
  return stretches
}
