/**
 * Where the superblock copies and the ring of root slots stand.
 *
 * - Copy one of the superblock is page 0; copy two is the largest power of two that leaves room for it and its slots below
 *   the page count at format. A reader that
 *   has lost copy one finds copy two by probing powers of two.
 * - The slots form two groups, one right after each copy, used in turn: slot 0 in the first group, slot 1 in the second, ...
 *   so that no damaged area holds the two newest roots.
 * - The next root goes into the slot after the newest accepted one, in ring order.
 */
import * as Extent from "./Extent.ts"
import { invariant } from "./Invariant.ts"

export const SLOTS_MAX = 32
export const SLOTS_MIN = 4
/** No volume is smaller: two superblocks, four slots, and some room for data. */
export const PAGES_MIN = 16

export interface RootSlots {
  readonly count: number
  /** The page of the superblock's second copy. */
  readonly secondCopy: number
}

/** The geometry for a volume that is formatted with `pageCount` pages. */
export const make = (pageCount: number): RootSlots => {
  invariant(pageCount >= PAGES_MIN, "a volume has at least 16 pages")
  const share = Math.floor(pageCount / 32) * 2
  const count = Math.min(SLOTS_MAX, Math.max(SLOTS_MIN, share))
  let secondCopy = 1
  while (2 * secondCopy + 1 + count / 2 <= pageCount) secondCopy *= 2
  return { count, secondCopy }
}

/** The page of a slot. */
export const pageOf = (slots: RootSlots, slot: number): number =>
  (slot % 2 === 0 ? 0 : slots.secondCopy) + 1 + Math.floor(slot / 2)

export const next = (slots: RootSlots, slot: number): number => (slot + 1) % slots.count

export const before = (slots: RootSlots, slot: number): number => (slot + slots.count - 1) % slots.count

/** All pages that are neither data nor free. */
export const reserved = (slots: RootSlots): Extent.ExtentSet =>
  Extent.union(Extent.of(0, 1 + slots.count / 2), Extent.of(slots.secondCopy, 1 + slots.count / 2))

/** Whether the geometry makes sense on a volume of `pageCount` pages. */
export const isSane = (slots: RootSlots, pageCount: number): boolean =>
  slots.count >= SLOTS_MIN &&
  slots.count <= SLOTS_MAX &&
  slots.count % 2 === 0 &&
  slots.secondCopy > slots.count / 2 &&
  Number.isInteger(Math.log2(slots.secondCopy)) &&
  slots.secondCopy + slots.count / 2 < pageCount
