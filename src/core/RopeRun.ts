/**
 * A data run: raw bytes in whole pages, without a header.
 *
 * - A run has exactly the pages that its span needs, and zeros behind its span.
 * - Of a run on disk whole pages may survive where they stand, with their birth: they get a pointer of their own, made
 *   from bytes that were verified. A run in memory survives whole or not at all.
 */
import * as Binding from "./Binding.ts"
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as RopeBranch from "./RopeBranch.ts"
import type * as RopePath from "./RopePath.ts"

/** A data run as a splice sees it. */
export interface Run extends RopePath.Spot {
  readonly pageCount: number
  readonly isDirty: boolean
}

/** Whether the pointer names a node that is still in memory. */
export const isDirty = (draft: Draft<unknown>, bytes: Uint8Array, at: number): boolean =>
  Pointer.isMemory(draft.layout, bytes, at) && draft.dirty(Pointer.memoryId(draft.layout, bytes, at)) !== undefined

export const runBytesMax = (layout: Layout): number => layout.runPagesMax * layout.pageBytes

export const isHole = (layout: Layout, spot: RopePath.Spot): boolean => Pointer.isNull(layout, spot.bytes, spot.at)

export const fromSpot = (draft: Draft<unknown>, spot: RopePath.Spot): Run => ({
  ...spot,
  pageCount: Pointer.pageCount(draft.layout, spot.bytes, spot.at),
  isDirty: isDirty(draft, spot.bytes, spot.at)
})

/** How many zeros complete `count` bytes to whole pages. */
export const room = (layout: Layout, count: number): number => {
  const over = count % layout.pageBytes
  return over === 0 ? 0 : layout.pageBytes - over
}

/** Writes the pointer of the pages `[from, to)` of a run, counted in bytes. */
export const survive = (
  draft: Draft<unknown>,
  run: Run,
  from: number,
  to: number,
  out: Uint8Array,
  at: number
): void => {
  const { binding, layout } = draft
  const { bytes, at: pointerAt } = onDisk(draft, run)
  if (from === 0 && to === run.span) {
    out.set(run.bytes.subarray(run.at, run.at + layout.pointerBytes), at)
    return
  }
  invariant(!run.isDirty && from % layout.pageBytes === 0, "whole pages of a run on disk survive")
  const pageFrom = from / layout.pageBytes
  const pageTo = Math.ceil(to / layout.pageBytes)
  const data = draft.node(run.bytes, run.at, Node.DATA, 0)
  const place = {
    address: Pointer.address(layout, bytes, pointerAt) + pageFrom,
    pageCount: pageTo - pageFrom,
    birth: Pointer.birth(layout, bytes, pointerAt),
    kind: Node.DATA,
    level: 0
  }
  Binding.writePointer(binding, place, data.subarray(from, pageTo * layout.pageBytes), out, at)
}

/** Where the pointer of a run stands that says its address: a run that was settled early is named by its number. */
const onDisk = (
  draft: Draft<unknown>,
  { at, bytes }: RopePath.Spot
): { readonly bytes: Uint8Array; readonly at: number } => {
  if (!Pointer.isMemory(draft.layout, bytes, at)) return { bytes, at }
  const settled = draft.settled(Pointer.memoryId(draft.layout, bytes, at))
  return settled === undefined ? { bytes, at } : { bytes: settled, at: 0 }
}

/** Releases the pages `[from, to)` of a run, counted in bytes. */
export const bury = (draft: Draft<unknown>, run: Run, from: number, to: number): void => {
  if (run.isDirty) {
    if (from < to) draft.discard(run.bytes, run.at)
    return
  }
  const { layout } = draft
  const { at, bytes } = onDisk(draft, run)
  const pageFrom = from / layout.pageBytes
  const pageTo = Math.ceil(to / layout.pageBytes)
  if (from === to || pageFrom >= pageTo) return
  draft.release(Pointer.address(layout, bytes, at) + pageFrom, pageTo - pageFrom, Pointer.birth(layout, bytes, at))
}

/** A run of these bytes. */
export const ofBytes = (draft: Draft<unknown>, bytes: Uint8Array): Uint8Array => {
  const run = draft.takeBuffer(bytes.length + room(draft.layout, bytes.length))
  run.set(bytes)
  return run.fill(0, bytes.length)
}

/** Bytes to come: some of `bytes`, or zeros. */
export interface Part {
  readonly bytes: Uint8Array | undefined
  at: number
  readonly end: number
}

/** Makes runs in memory out of all parts, each but the last one of full length, and leaves no parts. */
export const chop = (draft: Draft<unknown>, parts: Array<Part>, entries: RopeBranch.Entries): void => {
  const { layout } = draft
  let rest = 0
  for (const part of parts) rest += part.end - part.at
  let index = 0
  while (rest > 0) {
    const span = Math.min(rest, runBytesMax(layout))
    while (parts[index].at === parts[index].end) index++
    const part = parts[index]
    let run: Uint8Array
    if (part.bytes !== undefined && part.end - part.at >= span) {
      run = ofBytes(draft, part.bytes.subarray(part.at, part.at + span))
      part.at += span
    } else {
      run = new Uint8Array(span + room(layout, span))
      index = fill(run, span, parts, index)
    }
    draft.createData(entries.bytes, RopeBranch.push(layout, entries, span), run)
    rest -= span
  }
  parts.length = 0
}

const fill = (run: Uint8Array, span: number, parts: ReadonlyArray<Part>, index: number): number => {
  let done = 0
  while (done < span) {
    const part = parts[index]
    const count = Math.min(part.end - part.at, span - done)
    if (part.bytes !== undefined) run.set(part.bytes.subarray(part.at, part.at + count), done)
    part.at += count
    done += count
    if (part.at === part.end) index++
  }
  return index
}
