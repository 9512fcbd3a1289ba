/**
 * The image that a command works on: a file or raw disk, opened for reading or for writing.
 *
 * - Who only reads takes no lock and writes nothing, so it works beside a writer.
 * - Who writes holds the lock of the image as long as the command runs.
 */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import type { DeviceFailed, Locked } from "../shell/DeviceError.ts"
import * as FileDevice from "../shell/FileDevice.ts"
import * as Receipt from "../shell/Receipt.ts"
import * as Volume from "../shell/Volume.ts"
import type { VolumeError } from "../shell/VolumeError.ts"
import { printable, Refused } from "./Failure.ts"

/** `IMAGE`. */
export const argument: Argument.Argument<string> = Argument.Path("image").pipe(
  Argument.withDescription("The file or raw disk that holds the volume")
)

export type OpenError = DeviceFailed | Locked | Refused | VolumeError

/** What is not there is not opened: here only `format` makes an image. */
const expectFile = (path: string): Effect.Effect<void, Refused> =>
  Effect.suspend(() =>
    fs.statSync(path, { throwIfNoEntry: false }) === undefined
      ? new Refused({ reason: `${printable(path)} does not exist. Make a volume: notafs format IMAGE --size 256MiB` })
      : Effect.void
  )

/** `--snapshot NAME`. */
export const snapshotFlag: Flag.Flag<Option.Option<string>> = Flag.String("snapshot").pipe(
  Flag.optional,
  Flag.withDescription("Read this snapshot, and not the newest state")
)

/** `--at-least RECEIPT`. */
export const atLeastFlag: Flag.Flag<Option.Option<Receipt.Receipt>> = Flag.String("at-least").pipe(
  Flag.withMetavar("<receipt>"),
  Flag.filterMap(Receipt.decode, () => "a receipt as `notafs info` shows it"),
  Flag.optional,
  Flag.withDescription("Fail if the volume does not have this commit any more: an older copy, or another volume")
)

/** Runs an effect on the volume in the image at `path`, or on a snapshot of it, for reading only. */
export const reading =
  (
    path: string,
    snapshot: Option.Option<string> = Option.none(),
    atLeast: Option.Option<Receipt.Receipt> = Option.none()
  ) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | OpenError, Exclude<R, Volume.Volume>> => {
    const newest = Layer.provide(
      Volume.layerReadOnly({ atLeast: Option.getOrUndefined(atLeast) }),
      FileDevice.layer({ path, readOnly: true })
    )
    const layer = Option.match(snapshot, {
      onNone: () => newest,
      onSome: (name) => Layer.provide(Volume.layerSnapshot(name), newest)
    })
    return Effect.andThen(expectFile(path), Effect.provide(effect, layer))
  }

/** Runs an effect on the volume in the image at `path`. */
export const writing =
  (path: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | OpenError, Exclude<R, Volume.Volume>> =>
    Effect.andThen(
      expectFile(path),
      Effect.provide(effect, Layer.provide(Volume.layer({ format: "never" }), FileDevice.layer({ path })))
    )
