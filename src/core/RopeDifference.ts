/**
 * Which bytes of a file differ between two ropes of one volume.
 *
 * - Equal are bytes that stand at the same offset in the same page, and holes: nothing is compared, so bytes that were written
 *   again as they had been count as changed.
 * - A branch that both ropes have at the same offset is passed over. The branches of one level are loaded together.
 */
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import { demand, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import * as RopeBranch from "./RopeBranch.ts"
import type { Rope } from "./RopePath.ts"

/** Bytes of the new rope that the old one does not have there. */
export interface Range {
  readonly offset: number
  readonly count: number
  /** Whether they are a hole now: zeros. */
  readonly isHole: boolean
}

/** What spans some bytes: a branch, a run, or a hole, whose level is 0. */
interface Part {
  readonly bytes: Uint8Array
  readonly at: number
  readonly level: number
  readonly start: number
  readonly span: number
}

/** What differs in the rope after, in order; what only the longer one has differs, where that is the one after. */
export const ranges = (pages: Pages, before: Rope, after: Rope): ReadonlyArray<Range> => {
  const { layout } = pages
  let [old, now] = [partsOf(layout, before), partsOf(layout, after)]
  for (let level = Math.max(before.level, after.level); level > 0; level--) {
    const [oldRest, nowRest] = [without(layout, old, now), without(layout, now, old)]
    const missing: Array<Pointer.Pointer> = []
    old = oldRest.flatMap((part) => opened(pages, part, level, missing))
    now = nowRest.flatMap((part) => opened(pages, part, level, missing))
    demand(missing)
  }
  return differing(layout, without(layout, old, now), without(layout, now, old))
}

const partsOf = (layout: Layout, { level, link, size }: Rope): ReadonlyArray<Part> =>
  size === 0 ? [] : [partAt(layout, link, 0, level, 0, size)]

const partAt = (layout: Layout, bytes: Uint8Array, at: number, level: number, start: number, span: number): Part => ({
  bytes,
  at,
  level: Pointer.isNull(layout, bytes, at) ? 0 : level,
  start,
  span
})

/** The parts of a branch of this level; what has another level stays as it is. */
const opened = (pages: Pages, part: Part, level: number, missing: Array<Pointer.Pointer>): ReadonlyArray<Part> => {
  if (part.level !== level) return [part]
  const { layout } = pages
  const node = pages.peek(part.bytes, part.at, Node.ROPE, level, missing)
  if (node === undefined) return []
  RopeBranch.check(layout, node, part.span)
  let { start } = part
  return Array.from({ length: Node.count(node) }, (_, index) => {
    const span = RopeBranch.span(layout, node, index)
    const child = partAt(layout, node, RopeBranch.pointerAt(layout, index), level - 1, start, span)
    start += span
    return child
  })
}

/** The parts that the others do not have just so. */
const without = (layout: Layout, parts: ReadonlyArray<Part>, others: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  let other = 0
  return parts.filter((part) => {
    while (other < others.length && others[other].start < part.start) other++
    return other === others.length || !isSame(layout, part, others[other])
  })
}

const isSame = (layout: Layout, a: Part, b: Part): boolean =>
  a.start === b.start &&
  a.span === b.span &&
  a.level === b.level &&
  isHole(layout, a) === isHole(layout, b) &&
  (isHole(layout, a) ||
    (Pointer.birth(layout, a.bytes, a.at) === Pointer.birth(layout, b.bytes, b.at) &&
      Pointer.address(layout, a.bytes, a.at) === Pointer.address(layout, b.bytes, b.at)))

const isHole = (layout: Layout, { at, bytes }: Part): boolean => Pointer.isNull(layout, bytes, at)

/** Runs and holes against those that overlap them. */
const differing = (layout: Layout, before: ReadonlyArray<Part>, after: ReadonlyArray<Part>): ReadonlyArray<Range> => {
  const found: Array<Range> = []
  const add = (offset: number, end: number, hole: boolean): void => {
    if (offset === end) return
    const last = found.at(-1)
    if (last !== undefined && last.isHole === hole && last.offset + last.count === offset) {
      found[found.length - 1] = { ...last, count: end - last.offset }
    } else found.push({ offset, count: end - offset, isHole: hole })
  }
  let first = 0
  for (const part of after) {
    const end = part.start + part.span
    const hole = isHole(layout, part)
    let at = part.start
    while (first < before.length && before[first].start + before[first].span <= at) first++
    for (let i = first; i < before.length && before[i].start < end; i++) {
      const from = Math.max(at, before[i].start)
      const to = Math.min(end, before[i].start + before[i].span)
      if (!isSameRun(layout, part, before[i])) continue
      add(at, from, hole)
      at = to
    }
    add(at, end, hole)
  }
  return found
}

/** Whether two parts that overlap have the same bytes at the same offsets: a run that was cut keeps its pages. */
const isSameRun = (layout: Layout, a: Part, b: Part): boolean => {
  if (isHole(layout, a) || isHole(layout, b)) return isHole(layout, a) && isHole(layout, b)
  const origin = ({ at, bytes, start }: Part): number => Pointer.address(layout, bytes, at) * layout.pageBytes - start
  return Pointer.birth(layout, a.bytes, a.at) === Pointer.birth(layout, b.bytes, b.at) && origin(a) === origin(b)
}
