/**
 * Sets of pages as extents: a sorted flat array of starts and ends.
 *
 *     [start, end, start, end, ...]   ends excluded, ascending, disjoint, never touching
 *
 * A set is a value; every operation merges in time proportional to both sets.
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

export const union = (a: ExtentSet, b: ExtentSet): ExtentSet =>
  a.length === 0 ? b : b.length === 0 ? a : combine(a, b, (inA, inB) => inA || inB)

export const subtract = (a: ExtentSet, b: ExtentSet): ExtentSet =>
  a.length === 0 || b.length === 0 ? a : combine(a, b, (inA, inB) => inA && !inB)

export const intersect = (a: ExtentSet, b: ExtentSet): ExtentSet =>
  a.length === 0 || b.length === 0 ? EMPTY : combine(a, b, (inA, inB) => inA && inB)

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

export const encode = (set: ExtentSet): Uint8Array => {
  const bytes = new Uint8Array(encodedBytes(set))
  let at = 0
  let last = 0
  for (let i = 0; i < set.length; i += 2) {
    at = writeVarint(bytes, at, set[i] - last)
    at = writeVarint(bytes, at, set[i + 1] - set[i])
    last = set[i + 1]
  }
  return bytes
}

/** Decodes a set of pages below `pageCount`; `undefined` for bytes that are none. */
export const decode = (bytes: Uint8Array, pageCount: number): ExtentSet | undefined => {
  const out: Array<number> = []
  let last = 0
  let at = 0
  while (at < bytes.length) {
    let ends: ReadonlyArray<number> = []
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
      ends = [...ends, number]
    }
    const start = last + ends[0]
    const end = start + ends[1]
    if (ends[1] === 0 || end > pageCount || (out.length > 0 && ends[0] === 0)) return undefined
    out.push(start, end)
    last = end
  }
  return out
}
