/**
 * A block device in memory. It is sparse: a chunk takes memory when something is written to it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { BlockDevice, type Range, refuseGeometry, refuseRanges, refuseSpans, SECTOR_BYTES_MIN } from "./BlockDevice.ts"
import * as Configuration from "./Configuration.ts"
import type { DeviceFailed } from "./DeviceError.ts"
import * as PromptCall from "./PromptCall.ts"

/** What a device in memory begins with. */
export interface Options {
  /** Bytes; by default those of `image`. */
  readonly size?: Configuration.Size | undefined
  /** What the device holds from its first byte on. It is copied, as far as it fits. */
  readonly image?: Uint8Array | undefined
  readonly sectorBytes?: number | undefined
  readonly readOnly?: boolean | undefined
}

/** A device in memory, whose bytes can be taken out. */
export type MemoryDevice = BlockDevice["Service"] & {
  /** A copy of all bytes as they are now. */
  readonly image: Effect.Effect<Uint8Array>
}

const chunkBytes = 65536

/** A new device on each run. Its content lives as long as the device is referred to. */
export const make = (options: Options): Effect.Effect<MemoryDevice, DeviceFailed> =>
  Effect.suspend(() => {
    const identity = "memory"
    const { image, readOnly = false, sectorBytes = SECTOR_BYTES_MIN } = options
    let size = Configuration.byteCount(options.size ?? image?.length ?? 0)
    const fault = refuseGeometry(identity, size, sectorBytes)
    if (fault !== undefined) return Effect.fail(fault)
    const device = { identity, sectorBytes, readOnly }
    const chunks = new Map<number, Uint8Array>()

    const load = (offset: number, bytes: Uint8Array): void =>
      forEachPart(offset, bytes.length, (chunk, from, to, at) => {
        const found = chunks.get(chunk)
        if (found === undefined) bytes.fill(0, at, at + to - from)
        else bytes.set(found.subarray(from, to), at)
      })
    const store = (offset: number, bytes: Uint8Array): void =>
      forEachPart(offset, bytes.length, (chunk, from, to, at) => {
        let found = chunks.get(chunk)
        if (found === undefined) chunks.set(chunk, (found = new Uint8Array(chunkBytes)))
        found.set(bytes.subarray(at, at + to - from), from)
      })
    const drop = (offset: number, byteCount: number): void =>
      forEachPart(offset, byteCount, (chunk, from, to) => {
        if (to - from === chunkBytes) chunks.delete(chunk)
        else chunks.get(chunk)?.fill(0, from, to)
      })
    if (image !== undefined) store(0, image.subarray(0, size))

    const transfer = (direction: "read" | "write", move: (offset: number, bytes: Uint8Array) => void) => {
      const carryOut = (ranges: ReadonlyArray<Range>): Exit.Exit<void, DeviceFailed> => {
        const refused = refuseRanges(device, direction, ranges, size)
        if (refused !== undefined) return Exit.fail(refused)
        for (const range of ranges) move(range.offset, range.bytes)
        return Exit.void
      }
      return PromptCall.make((ranges) => Effect.suspend(() => carryOut(ranges)), { accepts: () => true, carryOut })
    }

    return Effect.succeed({
      ...device,
      size: Effect.sync(() => size),
      read: transfer("read", load),
      write: transfer("write", store),
      sync: PromptCall.make(
        Effect.suspend(() => Effect.void),
        { accepts: () => true, carryOut: () => Exit.void }
      ),
      discard: (spans) =>
        Effect.suspend(() => {
          const refused = refuseSpans(device, "discard", spans, size)
          if (refused !== undefined) return Effect.fail(refused)
          for (const span of spans) drop(span.offset, span.byteCount)
          return Effect.void
        }),
      grow: (sizeBytes) =>
        Effect.suspend(() => {
          const refused = refuseSpans(device, "grow", [{ offset: 0, byteCount: sizeBytes }], Number.MAX_SAFE_INTEGER)
          if (refused !== undefined) return Effect.fail(refused)
          size = Math.max(size, sizeBytes)
          return Effect.void
        }),
      image: Effect.sync(() => {
        const bytes = new Uint8Array(size)
        for (const [chunk, found] of chunks) {
          const at = chunk * chunkBytes
          bytes.set(size - at < chunkBytes ? found.subarray(0, size - at) : found, at)
        }
        return bytes
      })
    })
  })

/** A new device each time the layer is built. To keep one, run {@link make} and provide what it gives. */
export const layer = (options: Options): Layer.Layer<BlockDevice, DeviceFailed> =>
  Layer.effect(BlockDevice, make(options))

/** Calls `f` with each chunk that the stretch touches, the part of that chunk, and where that part begins in the stretch. */
const forEachPart = (
  offset: number,
  byteCount: number,
  f: (chunk: number, from: number, to: number, at: number) => void
): void => {
  let at = 0
  while (at < byteCount) {
    const chunk = Math.floor((offset + at) / chunkBytes)
    const from = offset + at - chunk * chunkBytes
    const to = Math.min(chunkBytes, from + byteCount - at)
    f(chunk, from, to, at)
    at += to - from
  }
}
