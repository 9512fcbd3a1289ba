/**
 * A {@link SimulatedDisk} as a `BlockDevice`. Two devices on one disk are two openers of it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { BlockDevice, type Range, refusal, refuseRanges, refuseSpans } from "../shell/BlockDevice.ts"
import { DeviceFailed, type Operation } from "../shell/DeviceError.ts"
import * as PromptCall from "../shell/PromptCall.ts"
import { SECTOR_BYTES } from "./SectorArray.ts"
import type { Failure, SimulatedDisk } from "./SimulatedDisk.ts"

/** How the device shows the disk. */
export interface Options {
  /** 512 by default; a larger one does not make larger writes atomic. */
  readonly sectorBytes?: number | undefined
  readonly readOnly?: boolean | undefined
  /** Whether each call lets other fibers run first, as a device that takes its time does; else it is carried out here and now. */
  readonly yields?: boolean | undefined
}

/** A device on the disk. What a hook of the disk throws is a defect. */
export const make = (disk: SimulatedDisk, options: Options = {}): BlockDevice["Service"] => {
  const identity = `simulated disk ${disk.seed}`
  const self = { identity, sectorBytes: options.sectorBytes ?? SECTOR_BYTES, readOnly: options.readOnly ?? false }

  /** Carries a call out unless it is refused; what a hook of the disk throws is a defect. */
  const callNow = (operation: Operation, refused: DeviceFailed | undefined, f: () => Failure | undefined | void) => {
    if (refused !== undefined) return Exit.fail(refused)
    const failure = f()
    if (failure === undefined) return Exit.void
    return Exit.fail(new DeviceFailed({ device: identity, operation, ...failure, cause: failure }))
  }

  const call = (operation: Operation, refuse: () => DeviceFailed | undefined, f: () => Failure | undefined | void) => {
    const perform = Effect.suspend(() => callNow(operation, refuse(), f))
    return options.yields === true ? Effect.uninterruptible(Effect.andThen(Effect.yieldNow, perform)) : perform
  }

  const accepts = (): boolean => options.yields !== true
  const transfer = (direction: "read" | "write") => {
    const refuse = (ranges: ReadonlyArray<Range>) => refuseRanges(self, direction, ranges, disk.size)
    return PromptCall.make(
      (ranges) =>
        call(
          direction,
          () => refuse(ranges),
          () => disk[direction](ranges)
        ),
      { accepts, carryOut: (ranges) => callNow(direction, refuse(ranges), () => disk[direction](ranges)) }
    )
  }

  return {
    ...self,
    size: Effect.sync(() => disk.size),
    read: transfer("read"),
    write: transfer("write"),
    sync: PromptCall.make(
      call(
        "sync",
        () => undefined,
        () => disk.sync()
      ),
      { accepts, carryOut: () => callNow("sync", undefined, () => disk.sync()) }
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
