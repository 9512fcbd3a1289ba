/**
 * Sets of pages as extents: a sorted flat array of starts and ends.
 *
 *     [start, end, start, end, ...]   ends excluded, ascending, disjoint, never touching
 *
 * A set is a value. Every operation merges in time proportional to both sets; but of one that is far larger, what lies before
 * and behind the other one is only copied.
 */
import { varintByteCount, writeVarint } from "./Bytes.ts"

export type ExtentSet = ReadonlyArray<number>

export const EMPTY: ExtentSet = []

export const of = (start: number, count: number): ExtentSet => (count === 0 ? EMPTY : [start, start + count])

/** How many pages a set holds. */
export const size = (set: ExtentSet): number => {
  let pages = 0
  for (let i = 0; i < set.length; i += 2) pages += set[i + 1] - set[i]
  return pages
}

export const has = (set: ExtentSet, page: number): boolean => {
  let low = 0
  let high = set.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if (set[2 * middle + 1] <= page) low = middle + 1
    else high = middle
  }
  return low < set.length / 2 && set[2 * low] <= page
}

/** A set of extents given as [start, count] in any order; pages given twice count once. */
export const fromUnsorted = (extents: ReadonlyArray<readonly [number, number]>): ExtentSet => {
  const sorted = [...extents].sort((a, b) => a[0] - b[0])
  const out: Array<number> = []
  for (const [start, count] of sorted) push(out, start, start + count)
  return out
}

/** Appends [start, end) to a set under construction, whose last extent begins no later. */
const push = (out: Array<number>, start: number, end: number): void => {
  if (start >= end) return
  const last = out.length - 1
  if (last >= 0 && start <= out[last]) {
    if (end > out[last]) out[last] = end
  } else out.push(start, end)
}

/** The pages for which `keep(in a, in b)` holds. `keep(false, false)` must be false. */
const combine = (a: ExtentSet, b: ExtentSet, keep: (inA: boolean, inB: boolean) => boolean): ExtentSet => {
  const out: Array<number> = []
  let i = 0
  let j = 0
  let from = 0
  // Index parity says whether the sweep is inside: after an odd number of borders it is.
  while (i < a.length || j < b.length) {
    const next = Math.min(i < a.length ? a[i] : Infinity, j < b.length ? b[j] : Infinity)
    if (keep(i % 2 === 1, j % 2 === 1)) push(out, from, next)
    if (a[i] === next) i++
    if (b[j] === next) j++
    from = next
  }
  return out
}

/** How many times as large a set is of which a part is worth to be looked for. */
const FAR_LARGER = 4
/** Extents that are looked for one by one. */
const FEW = 8

/** The first border of an extent of `set` that ends at `page` or behind it. */
const reaching = (set: ExtentSet, page: number): number => {
  let low = 0
  let high = set.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if (set[2 * middle + 1] < page) low = middle + 1
    else high = middle
  }
  return 2 * low
}

/** The part of a far larger set that another one lies in or touches: its first border, and the one behind its last. */
const around = (set: ExtentSet, other: ExtentSet): readonly [number, number] => {
  const end = other[other.length - 1]
  const last = reaching(set, end)
  return [reaching(set, other[0]), last < set.length && set[last] <= end ? last + 2 : last]
}

/** What of a far larger set lies in another one or touches it, and perhaps more. */
const near = (set: ExtentSet, other: ExtentSet): ExtentSet => {
  if (other.length > 2 * FEW) return set.slice(...around(set, other))
  const out: Array<number> = []
  for (let i = 0; i < other.length; i += 2) {
    const [from, to] = around(set, other.slice(i, i + 2))
    // What touches two of them is there already.
    for (let at = from; at < to; at += 2) if (set[at] >= (out[out.length - 1] ?? 0)) out.push(set[at], set[at + 1])
  }
  return out
}

/** The same as {@link combine} where all of `a` stays that is not near `b`; a few extents of that may lie far apart. */
const edit = (a: ExtentSet, b: ExtentSet, keep: (inA: boolean, inB: boolean) => boolean): ExtentSet => {
  if (a.length < FAR_LARGER * b.length) return combine(a, b, keep)
  if (b.length > 2 * FEW) {
    const [from, to] = around(a, b)
    return a.slice(0, from).concat(combine(a.slice(from, to), b, keep), a.slice(to))
  }
  const edited = a.slice()
  for (let i = 0; i < b.length; i += 2) {
    const one = b.slice(i, i + 2)
    const [from, to] = around(edited, one)
    edited.splice(from, to - from, ...combine(edited.slice(from, to), one, keep))
  }
  return edited
}

const isEither = (inA: boolean, inB: boolean): boolean => inA || inB
const isFirstOnly = (inA: boolean, inB: boolean): boolean => inA && !inB
const isBoth = (inA: boolean, inB: boolean): boolean => inA && inB

export const union = (a: ExtentSet, b: ExtentSet): ExtentSet => {
  if (a.length === 0) return b
  if (b.length === 0) return a
  return a.length < b.length ? edit(b, a, isEither) : edit(a, b, isEither)
}

export const subtract = (a: ExtentSet, b: ExtentSet): ExtentSet => {
  if (a.length === 0 || b.length === 0) return a
  if (b.length < FAR_LARGER * a.length) return edit(a, b, isFirstOnly)
  return combine(a, near(b, a), isFirstOnly)
}

export const intersect = (a: ExtentSet, b: ExtentSet): ExtentSet => {
  if (a.length === 0 || b.length === 0) return EMPTY
  if (a.length >= FAR_LARGER * b.length) return combine(near(a, b), b, isBoth)
  return b.length >= FAR_LARGER * a.length ? combine(a, near(b, a), isBoth) : combine(a, b, isBoth)
}

/** Whether two sets have a page in common. */
export const meet = (a: ExtentSet, b: ExtentSet): boolean => {
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    if (a[i + 1] <= b[j]) i += 2
    else if (b[j + 1] <= a[i]) j += 2
    else return true
  }
  return false
}

/** The pages of `set` in [start, end). */
export const within = (set: ExtentSet, start: number, end: number): ExtentSet => intersect(set, of(start, end - start))

// ---- encoding: for each extent the gap since the last end and the count, as varints

export const encodedBytes = (set: ExtentSet): number => {
  let bytes = 0
  let last = 0
  for (let i = 0; i < set.length; i += 2) {
    bytes += varintByteCount(set[i] - last) + varintByteCount(set[i + 1] - set[i])
    last = set[i + 1]
  }
  return bytes
}

/** Writes the encoded set to `bytes[at]` and answers where it ends. */
export const write = (set: ExtentSet, bytes: Uint8Array, at: number): number => {
  let last = 0
  for (let i = 0; i < set.length; i += 2) {
    at = writeVarint(bytes, at, set[i] - last)
    at = writeVarint(bytes, at, set[i + 1] - set[i])
    last = set[i + 1]
  }
  return at
}

export const encode = (set: ExtentSet): Uint8Array => {
  const bytes = new Uint8Array(encodedBytes(set))
  write(set, bytes, 0)
  return bytes
}

/** Decodes a set of pages below `pageCount`; `undefined` for bytes that are none. */
export const decode = (bytes: Uint8Array, pageCount: number): ExtentSet | undefined => {
  const out: Array<number> = []
  let last = 0
  let at = 0
  while (at < bytes.length) {
    let gap = 0
    let count = 0
    for (let part = 0; part < 2; part++) {
      let number = 0
      let scale = 1
      for (;;) {
        if (at >= bytes.length || scale > 2 ** 42) return undefined
        const byte = bytes[at++]
        number += (byte % 128) * scale
        scale *= 128
        if (byte < 128) break
      }
      if (part === 0) gap = number
      else count = number
    }
    const start = last + gap
    const end = start + count
    if (count === 0 || end > pageCount || (out.length > 0 && gap === 0)) return undefined
    out.push(start, end)
    last = end
  }
  return out
}
