/**
 * A {@link SimulatedDisk} as a `BlockDevice`. Two devices on one disk are two openers of it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BlockDevice, refusal, refuseRanges, refuseSpans } from "../shell/BlockDevice.ts"
import { DeviceFailed, type Operation } from "../shell/DeviceError.ts"
import { SECTOR_BYTES } from "./SectorArray.ts"
import type { Failure, SimulatedDisk } from "./SimulatedDisk.ts"

/** How the device shows the disk. */
export interface Options {
  /** 512 by default; a larger one does not make larger writes atomic. */
  readonly sectorBytes?: number | undefined
  readonly readOnly?: boolean | undefined
  /** Whether each call lets other fibers run first, as a device that takes its time does. */
  readonly yields?: boolean | undefined
}

/** A device on the disk. What a hook of the disk throws is a defect. */
export const make = (disk: SimulatedDisk, options: Options = {}): BlockDevice["Service"] => {
  const identity = `simulated disk ${disk.seed}`
  const self = { identity, sectorBytes: options.sectorBytes ?? SECTOR_BYTES, readOnly: options.readOnly ?? false }

  /** Carries a call out unless it is refused; what a hook of the disk throws is a defect. */
  const call = (operation: Operation, refuse: () => DeviceFailed | undefined, f: () => Failure | undefined | void) => {
    const perform = Effect.suspend(() => {
      const refused = refuse()
      if (refused !== undefined) return Effect.fail(refused)
      const failure = f()
      return failure === undefined
        ? Effect.void
        : Effect.fail(new DeviceFailed({ device: identity, operation, ...failure, cause: failure }))
    })
    return options.yields === true ? Effect.uninterruptible(Effect.andThen(Effect.yieldNow, perform)) : perform
  }

  return {
    ...self,
    size: Effect.sync(() => disk.size),
    read: (ranges) =>
      call(
        "read",
        () => refuseRanges(self, "read", ranges, disk.size),
        () => disk.read(ranges)
      ),
    write: (ranges) =>
      call(
        "write",
        () => refuseRanges(self, "write", ranges, disk.size),
        () => disk.write(ranges)
      ),
    sync: call(
      "sync",
      () => undefined,
      () => disk.sync()
    ),
    discard: (spans) =>
      call(
        "discard",
        () => refuseSpans(self, "discard", spans, disk.size),
        () => disk.discard(spans)
      ),
    grow: (sizeBytes) =>
      call(
        "grow",
        () =>
          refuseSpans(self, "grow", [{ offset: 0, byteCount: sizeBytes }], Number.MAX_SAFE_INTEGER) ??
          (disk.growable || sizeBytes <= disk.size
            ? undefined
            : refusal(identity, "grow", undefined, "ENOTSUP", `a disk keeps its ${disk.size} bytes`)),
        () => disk.grow(sizeBytes)
      )
  }
}

/** The same as a layer. */
export const layer = (disk: SimulatedDisk, options: Options = {}): Layer.Layer<BlockDevice> =>
  Layer.sync(BlockDevice, () => make(disk, options))
