/**
 * The rope as a value, and the ways down into it.
 *
 * - A rope is `size` bytes behind one pointer. Level 0: the pointer names one data run, or is null: a hole of `size`
 *   bytes. Level 1 and up: it names a branch.
 * - A null pointer is a hole at every level. Operations make holes at level 0 only; others are understood.
 * - The bytes of a `link` are never changed once they stand in a rope.
 * - Offsets are counted from the left at every visit, so that a branch whose spans do not add up cannot be seen in two
 *   ways.
 */
import { readUint48 } from "./Bytes.ts"
import { invariant } from "./Invariant.ts"
import { ROPE_SPAN_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import { demand, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import * as RopeBranch from "./RopeBranch.ts"

/** The content of a file: a value; an edit gives a new one. */
export interface Rope {
  /** Bytes, below 2^48. */
  readonly size: number
  readonly level: number
  readonly link: Uint8Array
}

/** An entry of a rope: where its pointer stands, and which bytes of the rope it spans. */
export interface Spot {
  readonly bytes: Uint8Array
  readonly at: number
  readonly start: number
  readonly span: number
}

export const end = (spot: Spot): number => spot.start + spot.span

/** The branch that an entry names. */
export const branch = (pages: Pages, spot: Spot, level: number): Uint8Array =>
  Pointer.isNull(pages.layout, spot.bytes, spot.at)
    ? RopeBranch.hole(pages.layout, level, spot.span)
    : pages.node(spot.bytes, spot.at, Node.ROPE, level)

/** The entries that span the byte at `offset`, by level: the last one is the rope itself. */
export const path = (pages: Pages, rope: Rope, offset: number): Array<Spot> => {
  invariant(offset >= 0 && offset < rope.size, "a way down leads to a byte of the rope")
  let spot: Spot = { bytes: rope.link, at: 0, start: 0, span: rope.size }
  const spots = [spot]
  for (let level = rope.level; level > 0; level--) {
    spot = child(pages, branch(pages, spot, level), spot, offset)
    spots.push(spot)
  }
  return spots.toReversed()
}

const child = (pages: Pages, node: Uint8Array, parent: Spot, offset: number): Spot => {
  const { layout } = pages
  const entriesEnd = RopeBranch.entriesEnd(layout, node)
  let { start } = parent
  for (let at = RopeBranch.ENTRIES_AT; at < entriesEnd; at += layout.ropeEntryBytes) {
    const span = readUint48(node, at)
    if (start + span > offset) {
      if (start + span > end(parent)) break
      return { bytes: node, at: at + ROPE_SPAN_BYTES, start, span }
    }
    start += span
  }
  throw RopeBranch.disagreement()
}

/** The data run or hole that the byte at `offset` lies in. */
export const entry = (pages: Pages, rope: Rope, offset: number): Spot => path(pages, rope, offset)[0]

/** What {@link walk} calls for an entry: where its pointer stands, and its start and span. */
export type Visit = (bytes: Uint8Array, at: number, start: number, span: number) => void

/**
 * Visits the entries of a level that overlap the bytes `[from, to)`, in order. Branches that are not loaded are added
 * to `missing` and passed over.
 */
export const walk = (
  pages: Pages,
  rope: Rope,
  level: number,
  from: number,
  to: number,
  missing: Array<Pointer.Pointer>,
  visit: Visit
): void => {
  if (from < to) descend(pages, rope.link, 0, rope.level, 0, rope.size, level, from, to, missing, visit)
}

const descend = (
  pages: Pages,
  bytes: Uint8Array,
  at: number,
  level: number,
  start: number,
  spanOfNode: number,
  target: number,
  from: number,
  to: number,
  missing: Array<Pointer.Pointer>,
  visit: Visit
): void => {
  if (level <= target) return visit(bytes, at, start, spanOfNode)
  const { layout } = pages
  const node = Pointer.isNull(layout, bytes, at)
    ? RopeBranch.hole(layout, level, spanOfNode)
    : pages.peek(bytes, at, Node.ROPE, level, missing)
  if (node === undefined) return
  const entriesEnd = RopeBranch.entriesEnd(layout, node)
  const endOfNode = start + spanOfNode
  for (let entry = RopeBranch.ENTRIES_AT; entry < entriesEnd && start < to; entry += layout.ropeEntryBytes) {
    const span = readUint48(node, entry)
    if (start + span > endOfNode) throw RopeBranch.disagreement()
    if (start + span > from) {
      const pointer = entry + ROPE_SPAN_BYTES
      descend(pages, node, pointer, level - 1, start, span, target, from, to, missing, visit)
    }
    start += span
  }
  if (start < to && start < endOfNode) throw RopeBranch.disagreement()
}

/** Loads all branches over the bytes `[from, to)`; with as many batches as there are levels. */
export const load = (pages: Pages, rope: Rope, from: number, to: number): void => {
  const missing: Array<Pointer.Pointer> = []
  walk(pages, rope, 0, Math.max(0, from), Math.min(rope.size, to), missing, ignore)
  demand(missing)
}

const ignore: Visit = () => {}
