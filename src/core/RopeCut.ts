/**
 * What becomes of the runs and holes of a rope when a range of bytes gives way to other bytes.
 *
 * - The range is cut out of at most two runs: the *head*, which begins before it, and the *tail*, which ends after it.
 *   A run in memory is cut by copying; of a run on disk the whole pages outside the range survive, and only the rest of
 *   the boundary pages is copied.
 * - What is copied, written and copied again is one stretch, chopped into runs of full length. Runs in memory on either
 *   side that are not full join it, and so does the last page of a head on disk that is not full.
 * - A hole beside what is written gives it the zeros that complete its pages.
 * - No two holes meet.
 * - {@link plan} reads all that {@link apply} needs, so `apply` misses nothing.
 */
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import * as Node from "./Node.ts"
import { demand } from "./Pages.ts"
import type * as Pointer from "./Pointer.ts"
import * as RopeBranch from "./RopeBranch.ts"
import * as RopePath from "./RopePath.ts"
import * as RopeRun from "./RopeRun.ts"

/** What becomes of the runs; bytes that are named `...To` and `...From` are counted inside the run. */
export interface Plan {
  /** The bytes whose entries are replaced, and the number of entries that come instead. */
  readonly from: number
  readonly to: number
  readonly entryCount: number
  /**
   * The head, if it changes: `[0, headFrom)` survives and takes in `headGrowth` zeros, `[headFrom, headTo)` is copied.
   */
  readonly head: RopeRun.Run | undefined
  readonly headFrom: number
  readonly headTo: number
  readonly headGrowth: number
  /** The zeros after the copied part of the head. */
  readonly headZeros: number
  readonly gap: number
  /** The zeros before and after the written bytes. */
  readonly dataZeros: number
  readonly dataBytes: number
  readonly endZeros: number
  /** The tail, if it changes: `[tailFrom, tailTo)` is copied, and what comes after survives. */
  readonly tail: RopeRun.Run | undefined
  readonly tailFrom: number
  readonly tailTo: number
  readonly gapAfter: number
}

/** The run or hole before `offset`; branches must be loaded. */
const before = (draft: Draft<unknown>, rope: RopePath.Rope, offset: number): RopePath.Spot | undefined =>
  offset > 0 ? RopePath.entry(draft, rope, offset - 1) : undefined

const after = (draft: Draft<unknown>, rope: RopePath.Rope, offset: number): RopePath.Spot | undefined =>
  offset < rope.size ? RopePath.entry(draft, rope, offset) : undefined

/** Plans to replace the bytes `[from, to)` by a hole of `hole` bytes and then `dataBytes` written bytes. */
export const plan = (
  draft: Draft<unknown>,
  rope: RopePath.Rope,
  from: number,
  to: number,
  hole: number,
  dataBytes: number
): Plan => {
  const { layout } = draft
  const { pageBytes } = layout
  const bytesMax = RopeRun.runBytesMax(layout)
  RopePath.load(draft, rope, from - 1, to + 1)

  // Holes on either side join in, so that head and tail are runs and no two holes ever meet.
  let gap = hole
  let gapAfter = 0
  let headSpot = before(draft, rope, from)
  while (headSpot !== undefined && RopeRun.isHole(layout, headSpot)) {
    gap += from - headSpot.start
    from = headSpot.start
    headSpot = before(draft, rope, from)
  }
  let tailSpot = after(draft, rope, to)
  while (tailSpot !== undefined && RopeRun.isHole(layout, tailSpot)) {
    gapAfter += RopePath.end(tailSpot) - to
    to = RopePath.end(tailSpot)
    tailSpot = after(draft, rope, to)
  }
  if (dataBytes === 0) {
    gap += gapAfter
    gapAfter = 0
  }

  const head = headSpot === undefined ? undefined : RopeRun.fromSpot(draft, headSpot)
  const headTo = head === undefined ? 0 : from - head.start
  const isHeadCut = head !== undefined && headTo < head.span
  let headFrom = !isHeadCut ? headTo : head.isDirty ? 0 : headTo - (headTo % pageBytes)
  const tail = tailSpot === undefined ? undefined : RopeRun.fromSpot(draft, tailSpot)
  const tailFrom = tail === undefined ? 0 : to - tail.start
  let tailTo = tailFrom
  if (tail !== undefined && tailFrom > 0) {
    tailTo = tail.isDirty ? tail.span : Math.min(tail.span, tailFrom + RopeRun.room(layout, tailFrom))
    // Less than a page does not survive alone.
    if (tail.span - tailTo < pageBytes) tailTo = tail.span
  }

  // Zeros out of the gap complete the pages beside it.
  const dataAt = from + gap
  const headZeros = Math.min(gap, RopeRun.room(layout, headTo))
  gap -= headZeros
  const dataZeros = Math.min(gap, dataBytes > 0 ? dataAt % pageBytes : RopeRun.room(layout, tailTo - tailFrom))
  gap -= dataZeros
  let stretch = dataZeros + dataBytes + tailTo - tailFrom
  let headGrowth = 0
  if (head !== undefined && !isHeadCut) {
    if (gap > 0 || stretch === 0) headGrowth = headZeros
    else if (joins(draft, head, rope)) headFrom = 0
    else headFrom = headTo - (headTo % pageBytes)
  }
  let headStretch = headTo - headFrom + headZeros - headGrowth
  if (gap === 0) {
    stretch += headStretch
    headStretch = 0
  }
  const endZeros = Math.min(gapAfter, RopeRun.room(layout, stretch))
  gapAfter -= endZeros
  stretch += endZeros

  // A tail in memory that is not cut may join as well.
  if (tail !== undefined && tail.isDirty && tailFrom === 0 && gapAfter === 0 && tail.span < bytesMax) {
    const isLonePair =
      stretch === 0 &&
      gap === 0 &&
      head !== undefined &&
      !isHeadCut &&
      head.isDirty &&
      headTo + headZeros + tail.span <= bytesMax
    if (isLonePair) {
      headFrom = 0
      headGrowth = 0
      stretch = headTo + headZeros
    }
    if (stretch % bytesMax !== 0) {
      tailTo = tail.span
      stretch += tailTo
    }
  }

  const isHeadTouched = isHeadCut || headFrom < headTo || headGrowth > 0
  const headCut = isHeadTouched ? head : undefined
  const tailCut = tailTo > 0 ? tail : undefined
  const entryCount =
    (headCut !== undefined && headFrom > 0 ? 1 : 0) +
    Math.ceil(headStretch / bytesMax) +
    (gap > 0 ? 1 : 0) +
    Math.ceil(stretch / bytesMax) +
    (gapAfter > 0 ? 1 : 0) +
    (tailCut !== undefined && tailTo < tailCut.span ? 1 : 0)
  const planned: Plan = {
    from: headCut?.start ?? from,
    to: tailCut === undefined ? to : RopePath.end(tailCut),
    entryCount,
    head: headCut,
    headFrom,
    headTo,
    headGrowth,
    headZeros: headZeros - headGrowth,
    gap,
    dataZeros,
    dataBytes,
    endZeros,
    tail: tailCut,
    tailFrom,
    tailTo,
    gapAfter
  }
  loadRuns(draft, planned)
  return planned
}

/** Whether a run that the written bytes follow is copied whole, so that they fill it up. */
const joins = ({ layout }: Draft<unknown>, head: RopeRun.Run, rope: RopePath.Rope): boolean =>
  head.isDirty
    ? head.span < RopeRun.runBytesMax(layout)
    : // A file that grows by little, commit after commit, would otherwise consist of one-page runs.
      RopePath.end(head) === rope.size && head.span < (layout.runPagesMax >> 2) * layout.pageBytes

/** A run that is cut is read: what is copied out of it, and what gets a new checksum. A run that only grows is not. */
const loadRuns = (draft: Draft<unknown>, { head, headFrom, headTo, tail }: Plan): void => {
  const missing: Array<Pointer.Pointer> = []
  if (head !== undefined && (headFrom < head.span || headFrom < headTo)) {
    draft.peek(head.bytes, head.at, Node.DATA, 0, missing)
  }
  if (tail !== undefined && tail.start !== head?.start) draft.peek(tail.bytes, tail.at, Node.DATA, 0, missing)
  demand(missing)
}

/** Carries out a plan with the written bytes, and answers the entries that take the place of the old ones. */
export const apply = (
  draft: Draft<unknown>,
  rope: RopePath.Rope,
  planned: Plan,
  data: Uint8Array
): RopeBranch.Entries => {
  const { layout } = draft
  const { endZeros, gap, gapAfter, head, headFrom, headGrowth, headTo, tail, tailFrom, tailTo } = planned
  const entries = RopeBranch.makeEntries(layout, planned.entryCount)
  const parts: Array<RopeRun.Part> = []
  if (head !== undefined && headFrom > 0) {
    const at = RopeBranch.push(layout, entries, headFrom + headGrowth)
    RopeRun.survive(draft, head, 0, headFrom, entries.bytes, at)
  }
  if (head !== undefined && headFrom < headTo) {
    parts.push({ bytes: draft.node(head.bytes, head.at, Node.DATA, 0), at: headFrom, end: headTo })
  }
  parts.push({ bytes: undefined, at: 0, end: planned.headZeros })
  if (gap > 0) {
    RopeRun.chop(draft, parts, entries)
    RopeBranch.push(layout, entries, gap)
  }
  parts.push({ bytes: undefined, at: 0, end: planned.dataZeros })
  parts.push({ bytes: data, at: 0, end: data.length })
  parts.push({ bytes: undefined, at: 0, end: endZeros })
  if (tail !== undefined && tailFrom < tailTo) {
    parts.push({ bytes: draft.node(tail.bytes, tail.at, Node.DATA, 0), at: tailFrom, end: tailTo })
  }
  RopeRun.chop(draft, parts, entries)
  if (gapAfter > 0) RopeBranch.push(layout, entries, gapAfter)
  if (tail !== undefined && tailTo < tail.span) {
    const at = RopeBranch.push(layout, entries, tail.span - tailTo)
    RopeRun.survive(draft, tail, tailTo, tail.span, entries.bytes, at)
  }
  bury(draft, rope, planned)
  return entries
}

/** Releases what does not survive: the rest of head and tail, and all that lies between them. */
const bury = (draft: Draft<unknown>, rope: RopePath.Rope, planned: Plan): void => {
  const { from, head, headFrom, tail, tailTo, to } = planned
  const missing: Array<Pointer.Pointer> = []
  RopePath.walk(draft, rope, 0, from, to, missing, (bytes, at, start) => {
    const isHead = start === head?.start
    const isTail = start === tail?.start
    if (isHead && isTail) RopeRun.bury(draft, head, headFrom, tailTo)
    else if (isHead) RopeRun.bury(draft, head, headFrom, head.span)
    else if (isTail) RopeRun.bury(draft, tail, 0, tailTo)
    else draft.discard(bytes, at)
  })
  invariant(missing.length === 0, "a splice has loaded the branches that it discards from")
}
