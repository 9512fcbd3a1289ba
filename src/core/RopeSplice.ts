/**
 * The one change of a rope's branches: the entries over a range of bytes give way to other entries.
 *
 * - It goes up level by level. On each level the branches that overlap the range become one list: the entries before
 *   it, the new ones, the entries after it. The list is spread over new branches, and they are what replaces the old
 *   ones on the level above.
 * - A list that is too short for a branch in the middle of its level takes in a neighbour first.
 * - One branch that stays one branch is edited in place. Where neither its pointer nor its span changes, the rest of
 *   the rope does not either.
 * - {@link plan} reads all that {@link apply} needs, so `apply` misses nothing.
 */
import { compare } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as RopeBranch from "./RopeBranch.ts"
import * as RopePath from "./RopePath.ts"

/** What happens on one level. */
interface Step {
  /** The first and the last branch over the range, without the neighbours. */
  readonly first: RopePath.Spot
  readonly last: RopePath.Spot
  readonly firstNode: Uint8Array
  readonly lastNode: Uint8Array
  /** How many entries of the first branch stay, and from which on those of the last branch do. */
  readonly keepTo: number
  readonly keepFrom: number
  /** A neighbour that is taken in. */
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
  /** The bytes that all these branches span. */
  readonly from: number
  readonly to: number
  /** Entries of all of them afterwards. */
  readonly entryCount: number
  /** Whether all but the last branch are filled to the brim. */
  readonly full: boolean
}

export interface Plan {
  readonly from: number
  readonly to: number
  readonly entryCount: number
  readonly steps: ReadonlyArray<Step>
}

/** After how many entries at the end of a rope (a hole that is being filled) a write still counts as an append. */
const APPEND_ENTRIES_MAX = 2

/**
 * Plans to replace the entries over the bytes `[from, to)`, which begin and end with entries, by `entryCount` others.
 */
export const plan = (
  draft: Draft<unknown>,
  rope: RopePath.Rope,
  from: number,
  to: number,
  entryCount: number
): Plan => {
  const { layout } = draft
  const steps: Array<Step> = []
  const isPoint = from === to
  let left = rope.level === 0 ? [] : RopePath.path(draft, rope, isPoint && from > 0 ? from - 1 : from)
  let right = isPoint || rope.level === 0 ? left : RopePath.path(draft, rope, to - 1)
  let stepFrom = from
  let stepTo = to
  let added = entryCount
  for (let level = 1; level <= rope.level; level++) {
    const first = left[level]
    const last = right[level]
    const firstNode = whole(draft, first, level)
    const lastNode = first.start === last.start ? firstNode : whole(draft, last, level)
    const keepTo = RopeBranch.indexOf(layout, firstNode, stepFrom - first.start)
    const keepFrom = RopeBranch.indexOf(layout, lastNode, stepTo - last.start)
    const kept = Node.count(lastNode) - keepFrom
    let count = keepTo + added + kept
    let before: Uint8Array | undefined
    let after: Uint8Array | undefined
    stepFrom = first.start
    stepTo = RopePath.end(last)
    const full = stepTo === rope.size && kept <= APPEND_ENTRIES_MAX
    if (count > 0 && count < RopeBranch.fillMin(layout) && stepTo < rope.size) {
      // A neighbour under the same parent costs nothing more above.
      const isFirst = stepFrom === left[level + 1].start
      const isLast = stepTo === RopePath.end(right[level + 1])
      if (stepFrom > 0 && (!isFirst || isLast)) {
        left = RopePath.path(draft, rope, stepFrom - 1)
        before = whole(draft, left[level], level)
        stepFrom = left[level].start
        count += Node.count(before)
      } else {
        right = RopePath.path(draft, rope, stepTo)
        after = whole(draft, right[level], level)
        stepTo = RopePath.end(right[level])
        count += Node.count(after)
      }
    }
    steps.push({
      first,
      last,
      firstNode,
      lastNode,
      keepTo,
      keepFrom,
      before,
      after,
      from: stepFrom,
      to: stepTo,
      entryCount: count,
      full
    })
    added = Math.ceil(count / layout.ropeFanout)
  }
  return { from, to, entryCount, steps }
}

const whole = (draft: Draft<unknown>, spot: RopePath.Spot, level: number): Uint8Array => {
  const node = RopePath.branch(draft, spot, level)
  RopeBranch.check(draft.layout, node, spot.span)
  return node
}

/** Carries out a plan. What the replaced entries of level 0 named is for the caller to discard. */
export const apply = (
  draft: Draft<unknown>,
  rope: RopePath.Rope,
  { entryCount, from, steps, to }: Plan,
  replacement: RopeBranch.Entries
): RopePath.Rope => {
  const { layout } = draft
  invariant(replacement.count === entryCount, "a splice puts in as many entries as it planned")
  const size = rope.size - (to - from) + RopeBranch.spanOf(layout, replacement)
  let entries = rope.level === 0 && from === to && rope.size > 0 ? beside(draft, rope, from, replacement) : replacement
  let level = rope.level
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]
    const isOne = step.from === step.last.start && step.to === RopePath.end(step.first)
    const isRoot = i + 1 === rope.level
    if (isOne && step.entryCount > (isRoot ? 1 : 0) && step.entryCount <= layout.ropeFanout) {
      const edited = edit(draft, step, i + 1, entries)
      if (edited === undefined) return rope
      entries = edited
      continue
    }
    const all = gather(draft, step, entries)
    discard(draft, rope, i + 1, step.from, step.to)
    if (isRoot && all.count <= 1) {
      // A root with one child is no root.
      entries = all
      level = i
    } else {
      entries = RopeBranch.spread(draft, i + 1, all, step.full)
    }
  }
  while (entries.count > 1) entries = RopeBranch.spread(draft, ++level, entries, true)
  if (entries.count === 0) return { size: 0, level: 0, link: Pointer.makeNull(layout) }
  return collapse(draft, size, level, RopeBranch.takePointer(layout, entries.bytes, RopeBranch.FIRST_POINTER))
}

/** The entries together with the one that is the whole rope, if they come before or after it. */
const beside = (
  { layout }: Draft<unknown>,
  rope: RopePath.Rope,
  offset: number,
  entries: RopeBranch.Entries
): RopeBranch.Entries => {
  const all = RopeBranch.makeEntries(layout, entries.count + 1)
  if (offset === 0) RopeBranch.pushAll(layout, all, entries)
  all.bytes.set(rope.link, RopeBranch.push(layout, all, rope.size))
  if (offset > 0) RopeBranch.pushAll(layout, all, entries)
  return all
}

/** Edits the one branch of a step; `undefined` if the level above does not see it. */
const edit = (
  draft: Draft<unknown>,
  { first, firstNode, keepFrom, keepTo }: Step,
  level: number,
  entries: RopeBranch.Entries
): RopeBranch.Entries | undefined => {
  const { layout } = draft
  let span = first.span + RopeBranch.spanOf(layout, entries)
  for (let index = keepTo; index < keepFrom; index++) span -= RopeBranch.span(layout, firstNode, index)
  const edited = RopeBranch.makeEntries(layout, 1)
  const at = RopeBranch.push(layout, edited, span)
  edited.bytes.set(first.bytes.subarray(first.at, first.at + layout.pointerBytes), at)
  let node: Uint8Array
  if (Pointer.isNull(layout, first.bytes, first.at)) {
    node = draft.create(edited.bytes, at, Node.ROPE, level)
    node.set(firstNode)
  } else {
    node = draft.edit(edited.bytes, at, Node.ROPE, level)
  }
  RopeBranch.splice(layout, node, keepTo, keepFrom, entries)
  const { pointerBytes } = layout
  const isSame =
    span === first.span &&
    compare(edited.bytes, at, at + pointerBytes, first.bytes, first.at, first.at + pointerBytes) === 0
  return isSame ? undefined : edited
}

const gather = (draft: Draft<unknown>, step: Step, entries: RopeBranch.Entries): RopeBranch.Entries => {
  const { layout } = draft
  const { after, before, firstNode, keepFrom, keepTo, lastNode } = step
  const all = RopeBranch.makeEntries(layout, step.entryCount)
  if (before !== undefined) RopeBranch.pushFrom(layout, all, before, 0, Node.count(before))
  RopeBranch.pushFrom(layout, all, firstNode, 0, keepTo)
  RopeBranch.pushAll(layout, all, entries)
  RopeBranch.pushFrom(layout, all, lastNode, keepFrom, Node.count(lastNode))
  if (after !== undefined) RopeBranch.pushFrom(layout, all, after, 0, Node.count(after))
  invariant(all.count === step.entryCount, "a splice has on each level the entries that it planned")
  return all
}

/** Discards the branches of a level over the bytes `[from, to)`. */
const discard = (draft: Draft<unknown>, rope: RopePath.Rope, level: number, from: number, to: number): void => {
  const missing: Array<Pointer.Pointer> = []
  RopePath.walk(draft, rope, level, from, to, missing, (bytes, at) => draft.discard(bytes, at))
  invariant(missing.length === 0, "a splice has loaded the branches that it discards")
}

/** Takes away every root that has one child, and the level of a hole. */
const collapse = (draft: Draft<unknown>, size: number, level: number, link: Uint8Array): RopePath.Rope => {
  const { layout } = draft
  while (level > 0) {
    if (Pointer.isNull(layout, link, 0)) return { size, level: 0, link }
    const node = draft.node(link, 0, Node.ROPE, level)
    if (Node.count(node) > 1) break
    draft.discard(link, 0)
    link = RopeBranch.takePointer(layout, node, RopeBranch.pointerAt(layout, 0))
    level--
  }
  return { size, level, link }
}
