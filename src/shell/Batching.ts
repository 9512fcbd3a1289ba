/**
 * Between pages and the device: many pages become few calls.
 *
 * - Requests are sorted by address and handed over in one call, so that the device sees neighbours side by side and joins
 *   them ({@link runs}): 256 neighbouring pages are one system call.
 * - Every page that is read has a buffer of its own, and the device scatters a run over them. So a page that is kept never
 *   keeps its neighbours alive, and nothing is copied. (Measured on neighbouring cached pages of 4 KiB, microseconds a page:
 *   scattered 1.4 to 2.4, one buffer with views 0.8 to 1.4, one buffer copied apart 1.7 to 3.1.)
 * - Gaps between requests are not read through: where these devices stand, a second call costs less than a page.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { invariant } from "../core/Invariant.ts"
import type { BlockDevice, Range } from "./BlockDevice.ts"
import type { DeviceFailed } from "./DeviceError.ts"
import * as PromptCall from "./PromptCall.ts"

/** Neighbouring ranges: one call of the system. */
export interface Run {
  readonly offset: number
  readonly byteCount: number
  /** In the order of the device, without gaps; none is empty. */
  readonly buffers: ReadonlyArray<Uint8Array>
}

/** Pages to be read together, as a pointer names them. */
export interface PageRequest {
  readonly address: number
  readonly pageCount: number
  /** Where to put them, instead of a buffer of their own. */
  readonly into?: Uint8Array | undefined
}

/** Pages to be written together. */
export interface PageWrite {
  readonly address: number
  readonly bytes: Uint8Array
}

/** The most buffers that one vectored system call takes (IOV_MAX). */
const runBuffersMax = 1024

/**
 * Reads all of `pages` in one call of the device; the answers stand in the order of the requests. `take` gives the buffers of those
 * that have none.
 */
export const read = (
  device: BlockDevice["Service"],
  pages: ReadonlyArray<PageRequest>,
  pageBytes: number,
  take: (byteCount: number) => Uint8Array = (byteCount) => new Uint8Array(byteCount)
): Effect.Effect<ReadonlyArray<Uint8Array>, DeviceFailed> =>
  Effect.suspend(() => {
    const now = readNow(device, pages, pageBytes, take)
    if (now !== undefined) return now
    const ranges = rangesOf(pages, pageBytes, take)
    return Effect.map(device.read(sorted(ranges)), () => buffersOf(ranges))
  })

/** The same here and now; nothing where the device would take its time. */
export const readNow = (
  device: BlockDevice["Service"],
  pages: ReadonlyArray<PageRequest>,
  pageBytes: number,
  take: (byteCount: number) => Uint8Array
): Exit.Exit<ReadonlyArray<Uint8Array>, DeviceFailed> | undefined => {
  let byteCount = 0
  for (const { pageCount } of pages) byteCount += pageCount * pageBytes
  const prompt = PromptCall.of(device.read, byteCount)
  if (prompt === undefined) return undefined
  const ranges = rangesOf(pages, pageBytes, take)
  const done = prompt.carryOut(sorted(ranges))
  return Exit.map(done, () => buffersOf(ranges))
}

const rangesOf = (
  pages: ReadonlyArray<PageRequest>,
  pageBytes: number,
  take: (byteCount: number) => Uint8Array
): ReadonlyArray<Range> =>
  pages.map(({ address, into, pageCount }) => ({
    offset: address * pageBytes,
    bytes: into ?? take(pageCount * pageBytes)
  }))

const buffersOf = (ranges: ReadonlyArray<Range>): ReadonlyArray<Uint8Array> => ranges.map(({ bytes }) => bytes)

/** Writes all of `writes` in one call of the device. They must not overlap. */
export const write = (
  device: BlockDevice["Service"],
  writes: ReadonlyArray<PageWrite>,
  pageBytes: number
): Effect.Effect<void, DeviceFailed> => Effect.suspend(() => device.write(apart(writes, pageBytes)))

/** The same here and now; nothing where the device would take its time, for this or for a sync behind it. */
export const writeNow = (
  device: BlockDevice["Service"],
  writes: ReadonlyArray<PageWrite>,
  pageBytes: number
): Exit.Exit<void, DeviceFailed> | undefined => {
  let byteCount = 0
  for (const { bytes } of writes) byteCount += bytes.length
  if (PromptCall.of(device.sync, byteCount) === undefined) return undefined
  return PromptCall.of(device.write, byteCount)?.carryOut(apart(writes, pageBytes))
}

/** In the order of the device, where no two overlap. */
const apart = (writes: ReadonlyArray<PageWrite>, pageBytes: number): ReadonlyArray<Range> => {
  const ranges = sorted(writes.map(({ address, bytes }) => ({ offset: address * pageBytes, bytes })))
  for (let i = 1; i < ranges.length; i++) {
    const before = ranges[i - 1]
    invariant(before.offset + before.bytes.length <= ranges[i].offset, "no two writes of a batch overlap")
  }
  return ranges
}

/**
 * Joins ranges that follow each other in the list and on the device into runs of at most `buffersMax` buffers. Buffers that
 * lie side by side in memory as well become one.
 */
export const runs = (ranges: ReadonlyArray<Range>, buffersMax = runBuffersMax): ReadonlyArray<Run> => {
  const found: Array<Run> = []
  let at = 0
  while (at < ranges.length) {
    const { offset } = ranges[at]
    const buffers: Array<Uint8Array> = []
    let end = offset
    while (at < ranges.length && ranges[at].offset === end) {
      const { bytes } = ranges[at]
      let byteCount = bytes.length
      let next = at + 1
      while (next < ranges.length && continues(bytes, byteCount, end, ranges[next])) {
        byteCount += ranges[next].bytes.length
        next++
      }
      if (byteCount > 0) {
        if (buffers.length === buffersMax) break
        buffers.push(next === at + 1 ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, byteCount))
      }
      end += byteCount
      at = next
    }
    if (buffers.length > 0) found.push({ offset, byteCount: end - offset, buffers })
  }
  return found
}

/** Runs that are carried out together. */
export interface Slice {
  readonly runs: ReadonlyArray<Run>
  readonly byteCount: number
}

/** Cuts a list of runs into slices of at most `bytesMax`; runs that are longer stay whole, and stay together with such. */
export const slices = (found: ReadonlyArray<Run>, bytesMax: number): ReadonlyArray<Slice> => {
  const cut: Array<Slice> = []
  let start = 0
  let bytes = 0
  for (let i = 0; i < found.length; i++) {
    const { byteCount } = found[i]
    const joins = bytes > bytesMax ? byteCount > bytesMax : bytes + byteCount <= bytesMax
    if (i > start && !joins) {
      cut.push({ runs: found.slice(start, i), byteCount: bytes })
      start = i
      bytes = 0
    }
    bytes += byteCount
  }
  if (found.length > 0) cut.push({ runs: start === 0 ? found : found.slice(start), byteCount: bytes })
  return cut
}

/** Whether `range` follows the `byteCount` bytes from the start of `bytes`, which stand at `offset`, there and in memory. */
const continues = (bytes: Uint8Array, byteCount: number, offset: number, range: Range): boolean =>
  range.offset === offset + byteCount &&
  range.bytes.buffer === bytes.buffer &&
  range.bytes.byteOffset === bytes.byteOffset + byteCount

const sorted = (ranges: ReadonlyArray<Range>): ReadonlyArray<Range> => {
  for (let i = 1; i < ranges.length; i++) {
    if (ranges[i].offset < ranges[i - 1].offset) return ranges.toSorted((a, b) => a.offset - b.offset)
  }
  return ranges
}
