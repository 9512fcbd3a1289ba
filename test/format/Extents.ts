/** The sets of pages of section 6 of docs/FORMAT.md. */
import { must } from "./Fault.ts"

/** A run of pages: the first, and how many. */
export interface Extent {
  readonly start: number
  readonly count: number
}

export const decodeExtents = (payload: Uint8Array, pageCount: number): ReadonlyArray<Extent> => {
  const extents: Array<Extent> = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let length = 0; ; length += 1) {
      must(length < 7, "a varint of more than seven bytes")
      must(at < payload.length, "a varint that does not end")
      const byte = payload[at]
      at += 1
      value += (byte & 0x7f) * 128 ** length
      if (byte < 0x80) return value
    }
  }
  let end = 0
  while (at < payload.length) {
    const gap = varint()
    const count = varint()
    must(count >= 1 && (gap >= 1 || extents.length === 0), "extents that touch or are empty")
    const start = end + gap
    end = start + count
    must(end <= pageCount, "an extent that ends above the page count")
    extents.push({ start, count })
  }
  return extents
}

/** The pages one by one. */
export const pagesOf = (extents: ReadonlyArray<Extent>): ReadonlySet<number> =>
  new Set(extents.flatMap(({ start, count }) => Array.from({ length: count }, (_, index) => start + index)))

export const share = (left: ReadonlyArray<Extent>, right: ReadonlyArray<Extent>): boolean =>
  left.some((one) => right.some((two) => one.start < two.start + two.count && two.start < one.start + one.count))
