/**
 * A block device: an array of bytes that is read and written in whole sectors. It knows nothing of notafs.
 *
 * - All offsets and lengths are multiples of `sectorBytes`; a call that breaks this, or reaches beyond the end, fails with
 *   `DeviceFailed` and does nothing.
 * - What was written is read back at once, by this opener. It survives a crash only after a later `sync` has returned; until
 *   then each sector of it may be old, new or damaged, in any order.
 * - Within one call the ranges of `write` do not overlap, and a device may carry them out in any order. Calls may run at the
 *   same time; `sync` covers the writes that had returned when it was called.
 * - A call that has begun runs to its end: interruption waits for it, so its buffers may be used again afterwards. Until then
 *   the caller leaves them alone.
 * - After a failed `write` or `sync` nothing is known about the sectors concerned, and calling again proves nothing.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { DeviceFailed, type Operation } from "./DeviceError.ts"

/** Bytes and the place on the device where they come from or go to. */
export interface Range {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** A stretch of the device. */
export interface Span {
  readonly offset: number
  readonly byteCount: number
}

/** What a volume stands on, as a service: `MemoryDevice`, `FileDevice`, or one of your own, which `BlockDeviceSuite` tries. */
export class BlockDevice extends Context.Service<
  BlockDevice,
  {
    /** Says in messages which device it is: the path of a file, "memory". */
    readonly identity: string
    /** What is written atomically, and the unit of all offsets and lengths: a power of two, 512 or more. */
    readonly sectorBytes: number
    /** Whether every write, discard and growth fails. */
    readonly readOnly: boolean
    /** The bytes that the device has now, a multiple of `sectorBytes`. */
    readonly size: Effect.Effect<number, DeviceFailed>
    /** Fills the bytes of each range. */
    readonly read: (ranges: ReadonlyArray<Range>) => Effect.Effect<void, DeviceFailed>
    /** Writes the bytes of each range. */
    readonly write: (ranges: ReadonlyArray<Range>) => Effect.Effect<void, DeviceFailed>
    /** Makes everything durable whose write has returned. */
    readonly sync: Effect.Effect<void, DeviceFailed>
    /** Says that nobody needs what these spans hold: reading them may give anything until they are written again. */
    readonly discard: (spans: ReadonlyArray<Span>) => Effect.Effect<void, DeviceFailed>
    /** Makes the device at least this large, durably; what is added reads as zeros. Fails where the size is fixed. */
    readonly grow: (sizeBytes: number) => Effect.Effect<void, DeviceFailed>
  }
>()("notafs/shell/BlockDevice") {}

export const SECTOR_BYTES_MIN = 512

/** What a device must say of itself to refuse a call. */
export interface Refusing {
  readonly identity: string
  readonly sectorBytes: number
  readonly readOnly: boolean
}

/** The error of a call that the device refuses without trying it. */
export const refusal = (
  identity: string,
  operation: Operation,
  offset: number | undefined,
  code: "EINVAL" | "EROFS" | "EBADF" | "ENOTSUP",
  reason: string
): DeviceFailed => new DeviceFailed({ device: identity, operation, offset, code, reason, cause: undefined })

/** Why a device of `sizeBytes` refuses to work on these spans, if it does. */
export const refuseSpans = (
  device: Refusing,
  operation: Operation,
  spans: ReadonlyArray<Span>,
  sizeBytes: number
): DeviceFailed | undefined => {
  const { identity, sectorBytes } = device
  if (device.readOnly && operation !== "read") {
    return refusal(identity, operation, undefined, "EROFS", "it was opened read-only")
  }
  for (const { byteCount, offset } of spans) {
    if (!(offset >= 0) || offset % sectorBytes !== 0 || byteCount % sectorBytes !== 0) {
      const rule = `offset and length (${byteCount}) must be multiples of its sector of ${sectorBytes} bytes`
      return refusal(identity, operation, offset, "EINVAL", rule)
    }
    if (offset + byteCount > sizeBytes) {
      const rule = `${byteCount} bytes there reach beyond its end, ${sizeBytes}`
      return refusal(identity, operation, offset, "EINVAL", rule)
    }
  }
  return undefined
}

/** The same for ranges. */
export const refuseRanges = (
  device: Refusing,
  operation: Operation,
  ranges: ReadonlyArray<Range>,
  sizeBytes: number
): DeviceFailed | undefined => {
  const { sectorBytes } = device
  let sound = !device.readOnly || operation === "read"
  for (const { bytes, offset } of ranges) {
    sound &&=
      offset >= 0 &&
      offset % sectorBytes === 0 &&
      bytes.length % sectorBytes === 0 &&
      offset + bytes.length <= sizeBytes
  }
  if (sound) return undefined
  const spans = ranges.map(({ bytes, offset }) => ({ offset, byteCount: bytes.length }))
  return refuseSpans(device, operation, spans, sizeBytes)
}

/** Why a device cannot have this size and these sectors, if it cannot. */
export const refuseGeometry = (identity: string, sizeBytes: number, sectorBytes: number): DeviceFailed | undefined => {
  if (!(sectorBytes >= SECTOR_BYTES_MIN) || !Number.isInteger(Math.log2(sectorBytes))) {
    const rule = `a sector has a power of two of bytes, ${SECTOR_BYTES_MIN} or more, and not ${sectorBytes}`
    return refusal(identity, "open", undefined, "EINVAL", rule)
  }
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes % sectorBytes !== 0) {
    const rule = `its size must be a multiple of its sector of ${sectorBytes} bytes, which ${sizeBytes} is not`
    return refusal(identity, "open", undefined, "EINVAL", rule)
  }
  return undefined
}
