/**
 * The content of a file: bytes by offset, in a B+tree whose leaves are runs of raw pages.
 *
 * - A rope is a value: an operation answers a new one, or the same one if it changed nothing that the rope shows (it
 *   may have changed nodes of its draft in place).
 * - Every operation takes time in proportion to what it touches and to the depth. Holes cost nothing.
 * - An operation reads all that it needs before it changes anything. {@link prepare} does just that reading.
 * - The form inside an inode: size (6), level (1), pointer.
 *
 * `RopePath` has the value and the ways down, `RopeCut` and `RopeRun` the data, `RopeSplice` and
 * `RopeBranch` the branches.
 */
import { readUint48, UINT48_END, writeUint48 } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage, demand, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import * as RopeBranch from "./RopeBranch.ts"
import * as RopeCut from "./RopeCut.ts"
import * as RopePath from "./RopePath.ts"
import * as RopeRun from "./RopeRun.ts"
import * as RopeSplice from "./RopeSplice.ts"

export type Rope = RopePath.Rope

/** A stretch of a rope that is all hole or all data. */
export interface Segment {
  readonly offset: number
  readonly count: number
  readonly isHole: boolean
}

const NOTHING = new Uint8Array(0)

export const empty = (layout: Layout): Rope => ({ size: 0, level: 0, link: Pointer.makeNull(layout) })

// ---- reading

/** Fills `target` with the content from `offset` on and answers the number of bytes, fewer at the end of the rope. */
export const read = (pages: Pages, rope: Rope, offset: number, target: Uint8Array): number => {
  const missing: Array<Pointer.Pointer> = []
  const count = gather(pages, rope, offset, target, missing)
  demand(missing)
  return count
}

/** All of a rope that is one page of data; nothing if it is more, or a hole. */
export const onePage = (pages: Pages, { level, link, size }: Rope): Uint8Array | undefined =>
  level === 0 && Pointer.pageCount(pages.layout, link, 0) === 1 && size <= pages.layout.pageBytes
    ? pages.node(link, 0, Node.DATA, 0).slice(0, size)
    : undefined

/** The same as far as pages are loaded; what is not is added to `missing`, so that many ropes are loaded in one batch. */
export const gather = (
  pages: Pages,
  rope: Rope,
  offset: number,
  target: Uint8Array,
  missing: Array<Pointer.Pointer>
): number => {
  const end = Math.min(rope.size, offset + target.length)
  if (offset >= end) return 0
  const { layout } = pages
  RopePath.walk(pages, rope, 0, offset, end, missing, (bytes, at, start, span) => {
    const from = Math.max(offset, start)
    const to = Math.min(end, start + span)
    if (Pointer.isNull(layout, bytes, at)) {
      target.fill(0, from - offset, to - offset)
      return
    }
    // A whole run without a tail can be loaded straight to where it is wanted.
    const isWhole = from === start && to - from === Pointer.pageCount(layout, bytes, at) * layout.pageBytes
    const into = isWhole ? target.subarray(from - offset, to - offset) : undefined
    const run = pages.peek(bytes, at, Node.DATA, 0, missing, into)
    if (run === undefined || (run.buffer === into?.buffer && run.byteOffset === into.byteOffset)) return
    target.set(run.subarray(from - start, to - start), from - offset)
  })
  return end - offset
}

/**
 * The segment that begins at `offset`, or `undefined` at the end. Holes are answered to their end; data as far as one
 * branch knows, so that a long file without holes is not walked in one step.
 */
export const segment = (pages: Pages, rope: Rope, offset: number): Segment | undefined => {
  if (offset >= rope.size) return undefined
  const { layout } = pages
  const path = RopePath.path(pages, rope, offset)
  const [first] = path
  const isHole = Pointer.isNull(layout, first.bytes, first.at)
  let end = RopePath.end(first)
  if (path.length > 1) {
    const parent = path[1]
    const missing: Array<Pointer.Pointer> = []
    let isOver = false
    RopePath.walk(pages, rope, 0, end, RopePath.end(parent), missing, (bytes, at, start, span) => {
      isOver ||= Pointer.isNull(layout, bytes, at) !== isHole
      if (!isOver) end = start + span
    })
  }
  return { offset, count: end - offset, isHole }
}

// ---- changing

/** How bytes of a rope are replaced: what becomes of the runs, and of the branches over them. */
interface Splice {
  readonly runs: RopeCut.Plan
  readonly branches: RopeSplice.Plan
}

/** How so many bytes are written at an offset: into a run in memory, or by a splice. */
export interface WritePlan {
  readonly rope: Rope
  readonly offset: number
  readonly count: number
  readonly how: RopePath.Spot | Splice
}

/** Loads whatever writing `count` bytes at `offset` touches, and says how that is done as long as the draft stays as it is. */
export const planWrite = (draft: Draft<unknown>, rope: Rope, offset: number, count: number): WritePlan => {
  const from = Math.min(offset, rope.size)
  const how =
    inPlace(draft, rope, offset, count) ??
    planSplice(draft, rope, from, Math.min(offset + count, rope.size), offset - from, count)
  return { rope, offset, count, how }
}

/** Carries out a plan; it misses nothing. */
export const carryOut = (draft: Draft<unknown>, { count, how, offset, rope }: WritePlan, bytes: Uint8Array): Rope => {
  invariant(count > 0 && bytes.length === count, "a write is as long as it was planned")
  return "runs" in how ? apply(draft, rope, how, bytes) : overwrite(draft, rope, how, offset, bytes)
}

/**
 * Loads what {@link planWrite} does, and the same for inserting as many bytes there, for punching or removing these bytes, and for
 * truncating to `offset` if they reach to the end.
 */
export const prepare = (draft: Draft<unknown>, rope: Rope, offset: number, count: number): void => {
  planWrite(draft, rope, offset, count)
  const from = Math.min(offset, rope.size)
  const to = Math.min(offset + count, rope.size)
  planSplice(draft, rope, from, from, 0, count)
  if (from === to) return
  planSplice(draft, rope, from, to, to - from, 0)
  planSplice(draft, rope, from, to, 0, 0)
}

const planSplice = (
  draft: Draft<unknown>,
  rope: Rope,
  from: number,
  to: number,
  hole: number,
  dataBytes: number
): Splice => {
  invariant(rope.size - (to - from) + hole + dataBytes < UINT48_END, "a rope has less than 2^48 bytes")
  const runs = RopeCut.plan(draft, rope, from, to, hole, dataBytes)
  return { runs, branches: RopeSplice.plan(draft, rope, runs.from, runs.to, runs.entryCount) }
}

const apply = (draft: Draft<unknown>, rope: Rope, { branches, runs }: Splice, bytes: Uint8Array): Rope =>
  RopeSplice.apply(draft, rope, branches, RopeCut.apply(draft, rope, runs, bytes))

/** A rope of these bytes. */
export const make = (draft: Draft<unknown>, bytes: Uint8Array): Rope => {
  const { layout } = draft
  const isOneRun = bytes.length > 0 && bytes.length <= RopeRun.runBytesMax(layout)
  if (!isOneRun) return write(draft, empty(layout), 0, bytes)
  const link = Pointer.makeNull(layout)
  draft.createData(link, 0, RopeRun.ofBytes(draft, bytes))
  return { size: bytes.length, level: 0, link }
}

/** Writes bytes over the content and past its end; between the end and `offset` there will be a hole. */
export const write = (draft: Draft<unknown>, rope: Rope, offset: number, bytes: Uint8Array): Rope => {
  if (bytes.length === 0) return rope
  return carryOut(draft, planWrite(draft, rope, offset, bytes.length), bytes)
}

/** Cuts the content off at `size`, or adds a hole up to it. */
export const truncate = (draft: Draft<unknown>, rope: Rope, size: number): Rope => {
  if (size === rope.size) return rope
  if (size > rope.size) return splice(draft, rope, rope.size, rope.size, size - rope.size, NOTHING)
  return splice(draft, rope, size, rope.size, 0, NOTHING)
}

/** Puts bytes in at `offset`, at most the size; what stood there moves on. */
export const insert = (draft: Draft<unknown>, rope: Rope, offset: number, bytes: Uint8Array): Rope => {
  invariant(offset <= rope.size, "bytes are put into a rope")
  return bytes.length === 0 ? rope : splice(draft, rope, offset, offset, 0, bytes)
}

/** Takes out up to `count` bytes from `offset` on; what stood behind them moves up. */
export const remove = (draft: Draft<unknown>, rope: Rope, offset: number, count: number): Rope => {
  const end = Math.min(rope.size, offset + count)
  return offset >= end ? rope : splice(draft, rope, offset, end, 0, NOTHING)
}

/** Makes up to `count` bytes from `offset` on a hole; the size stays. */
export const punch = (draft: Draft<unknown>, rope: Rope, offset: number, count: number): Rope => {
  const end = Math.min(rope.size, offset + count)
  if (offset >= end) return rope
  const spot = RopePath.entry(draft, rope, offset)
  if (Pointer.isNull(draft.layout, spot.bytes, spot.at) && end <= RopePath.end(spot)) return rope
  return splice(draft, rope, offset, end, end - offset, NOTHING)
}

/** Replaces the bytes `[from, to)` by a hole of `hole` bytes and then `bytes`. */
const splice = (draft: Draft<unknown>, rope: Rope, from: number, to: number, hole: number, bytes: Uint8Array): Rope =>
  apply(draft, rope, planSplice(draft, rope, from, to, hole, bytes.length), bytes)

/** The run in memory that can take these bytes without another page, if there is one. */
const inPlace = (draft: Draft<unknown>, rope: Rope, offset: number, count: number): RopePath.Spot | undefined => {
  if (offset > rope.size || rope.size === 0) return undefined
  const spot = RopePath.entry(draft, rope, Math.min(offset, rope.size - 1))
  if (!RopeRun.isDirty(draft, spot.bytes, spot.at)) return undefined
  const end = RopePath.end(spot)
  const room = Pointer.pageCount(draft.layout, spot.bytes, spot.at) * draft.layout.pageBytes
  const endMax = end === rope.size ? spot.start + room : end
  return offset + count <= endMax ? spot : undefined
}

/** Writes into the pages of a run in memory. Its branches are in memory too, so nothing is missed. */
const overwrite = (draft: Draft<unknown>, rope: Rope, spot: RopePath.Spot, offset: number, bytes: Uint8Array): Rope => {
  const { layout } = draft
  const span = Math.max(spot.span, offset + bytes.length - spot.start)
  const entries = RopeBranch.makeEntries(layout, 1)
  const at = RopeBranch.push(layout, entries, span)
  entries.bytes.set(spot.bytes.subarray(spot.at, spot.at + layout.pointerBytes), at)
  draft.edit(entries.bytes, at, Node.DATA, 0).set(bytes, offset - spot.start)
  const id = Pointer.memoryId(layout, spot.bytes, spot.at)
  if (span === spot.span && id === Pointer.memoryId(layout, entries.bytes, at)) return rope
  const branches = RopeSplice.plan(draft, rope, spot.start, RopePath.end(spot), 1)
  return RopeSplice.apply(draft, rope, branches, entries)
}

/** Splits every run in memory of more than `pagesMax` pages: no long stretch of free pages was found. */
export const shorten = (draft: Draft<unknown>, rope: Rope, pagesMax: number): Rope => {
  const { layout } = draft
  const bytesMax = pagesMax * layout.pageBytes
  let shortened = rope
  for (const offset of longRuns(draft, rope, pagesMax)) {
    const spot = RopePath.entry(draft, shortened, offset)
    const run = draft.node(spot.bytes, spot.at, Node.DATA, 0)
    const entries = RopeBranch.makeEntries(layout, Math.ceil(spot.span / bytesMax))
    for (let from = 0; from < spot.span; from += bytesMax) {
      const at = RopeBranch.push(layout, entries, Math.min(bytesMax, spot.span - from))
      draft.createData(entries.bytes, at, run.slice(from, from + bytesMax))
    }
    draft.discard(spot.bytes, spot.at)
    const branches = RopeSplice.plan(draft, shortened, spot.start, RopePath.end(spot), entries.count)
    shortened = RopeSplice.apply(draft, shortened, branches, entries)
  }
  return shortened
}

/** Where the runs in memory begin that have more than `pagesMax` pages. Only branches in memory lead to such runs. */
const longRuns = (draft: Draft<unknown>, rope: Rope, pagesMax: number): Array<number> => {
  const { layout } = draft
  const offsets: Array<number> = []
  const visit = (bytes: Uint8Array, at: number, level: number, start: number): void => {
    if (!RopeRun.isDirty(draft, bytes, at)) return
    if (level === 0) {
      if (Pointer.pageCount(layout, bytes, at) > pagesMax) offsets.push(start)
      return
    }
    const node = draft.node(bytes, at, Node.ROPE, level)
    for (let index = 0; index < Node.count(node); index++) {
      visit(node, RopeBranch.pointerAt(layout, index), level - 1, start)
      start += RopeBranch.span(layout, node, index)
    }
  }
  visit(rope.link, 0, rope.level, 0)
  return offsets
}

// ---- the form inside an inode

const LEVEL_AT = 6
const POINTER_AT = 7

export const encodedBytes = (layout: Layout): number => POINTER_AT + layout.pointerBytes

export const encode = (rope: Rope, bytes: Uint8Array, at: number): void => {
  writeUint48(bytes, at, rope.size)
  bytes[at + LEVEL_AT] = rope.level
  bytes.set(rope.link, at + POINTER_AT)
}

/** Throws `CorruptPage` for what no rope is encoded as. */
export const decode = (layout: Layout, bytes: Uint8Array, at: number): Rope => {
  const rope = {
    size: readUint48(bytes, at),
    level: bytes[at + LEVEL_AT],
    link: RopeBranch.takePointer(layout, bytes, at + POINTER_AT)
  }
  const reason = fault(layout, rope)
  if (reason !== undefined) throw new CorruptPage(undefined, reason)
  return rope
}

/** What is wrong with a rope that was read from an inode. */
const fault = (layout: Layout, { level, link, size }: Rope): string | undefined => {
  const pages = Pointer.pageCount(layout, link, 0)
  if (level > Node.LEVEL_MAX) return "a rope has an impossible height"
  if (pages === 0) return level === 0 ? undefined : "a rope has a height but no branch"
  if (size === 0) return "an empty rope has pages"
  if (level > 0) return pages === 1 ? undefined : "a rope branch has more than one page"
  return pages === Math.ceil(size / layout.pageBytes) ? undefined : "a rope does not have the pages that its size needs"
}
