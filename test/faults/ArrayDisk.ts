/**
 * A device over an array that counts what is read from it, for tests that open very many images.
 *
 * - It refuses nothing silently: a range outside of it is counted and fails.
 * - More calls than `callsMax` are a defect, so that a reader that does not end is found.
 */
import * as Effect from "effect/Effect"
import type { Range } from "../../src/shell/BlockDevice.ts"
import { DeviceFailed, type Operation } from "../../src/shell/DeviceError.ts"
import type { Device } from "./FaultVolume.ts"

export const SECTOR_BYTES = 512

export class ArrayDisk {
  readonly bytes: Uint8Array
  /** Calls since the last {@link reset}, of all kinds. */
  calls = 0
  readBytes = 0
  /** Ranges that lay outside of the device, in all calls ever. */
  outside = 0
  callsMax = Number.POSITIVE_INFINITY
  /** How often each sector was read since the last {@link reset}. */
  readonly visits: Uint32Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.visits = new Uint32Array(bytes.length / SECTOR_BYTES)
  }

  reset(): void {
    this.calls = 0
    this.readBytes = 0
    this.visits.fill(0)
  }

  get device(): Device {
    const identity = "array"
    const { bytes } = this
    const call = (operation: Operation, ranges: ReadonlyArray<Range>, each: (range: Range) => void) =>
      Effect.suspend(() => {
        if (++this.calls > this.callsMax) return Effect.die(new Error(`more than ${this.callsMax} device calls`))
        for (const range of ranges) {
          const { offset } = range
          if (!(offset >= 0) || offset + range.bytes.length > bytes.length || offset % SECTOR_BYTES !== 0) {
            this.outside += 1
            const fault = { code: "EINVAL", reason: "it lies outside", cause: undefined }
            return Effect.fail(new DeviceFailed({ device: identity, operation, offset, ...fault }))
          }
          each(range)
        }
        return Effect.void
      })
    return {
      identity,
      sectorBytes: SECTOR_BYTES,
      readOnly: false,
      size: Effect.succeed(bytes.length),
      read: (ranges) =>
        call("read", ranges, (range) => {
          const end = range.offset + range.bytes.length
          this.readBytes += range.bytes.length
          for (let at = range.offset; at < end; at += SECTOR_BYTES) this.visits[at / SECTOR_BYTES] += 1
          range.bytes.set(bytes.subarray(range.offset, end))
        }),
      write: (ranges) => call("write", ranges, (range) => bytes.set(range.bytes, range.offset)),
      sync: call("sync", [], () => {}),
      discard: () => call("discard", [], () => {}),
      grow: () => call("grow", [], () => {})
    }
  }
}
