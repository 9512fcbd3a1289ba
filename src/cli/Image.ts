/**
 * The image that a command works on: a file or raw disk, opened for reading or for writing.
 *
 * - Who only reads takes no lock and writes nothing, so it works beside a writer.
 * - Who writes holds the lock of the image as long as the command runs.
 * - Who reads files may name a snapshot with the image, as in `disk.notafs@monday`; a file of that very name comes first.
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
import { printable, Refused, WrongUsage } from "./Failure.ts"

/** `IMAGE`. */
export const argument: Argument.Argument<string> = Argument.Path("image").pipe(
  Argument.withDescription("The file or raw disk that holds the volume")
)

export type OpenError = DeviceFailed | Locked | Refused | VolumeError | WrongUsage

/** `IMAGE` or `IMAGE@SNAPSHOT`. */
export const argumentAt: Argument.Argument<string> = Argument.Path("image").pipe(
  Argument.withDescription("The file or raw disk that holds the volume; image@snapshot reads a snapshot of it")
)

const isThere = (path: string): boolean => fs.statSync(path, { throwIfNoEntry: false }) !== undefined

/** The image and the snapshot that a text names which is no image itself. The name of a snapshot has no slash. */
const split = (text: string): { readonly path: string; readonly snapshot: string } | undefined => {
  for (let at = text.lastIndexOf("@"); at > 0; at = text.lastIndexOf("@", at - 1)) {
    const [path, snapshot] = [text.slice(0, at), text.slice(at + 1)]
    if (!snapshot.includes("/") && isThere(path)) return { path, snapshot }
  }
  return undefined
}

/** What is not there is not opened: here only `format` makes an image. */
const expectFile = (path: string): Effect.Effect<void, Refused> =>
  Effect.suspend(() => {
    if (isThere(path)) return Effect.void
    const found = split(path)
    return new Refused({
      reason:
        found === undefined
          ? `${printable(path)} does not exist. Make a volume: notafs format IMAGE --size 256MiB`
          : `${printable(path)} would be a snapshot of ${printable(found.path)}, and this works on the volume as it is. Name the image alone.`
    })
  })

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

const readOnly = (path: string, atLeast?: Receipt.Receipt) =>
  Layer.provide(Volume.layerReadOnly({ atLeast }), FileDevice.layer({ path, readOnly: true }))

/** Runs an effect on the volume in the image at `path`, for reading only. */
export const reading =
  (path: string, atLeast: Option.Option<Receipt.Receipt> = Option.none()) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | OpenError, Exclude<R, Volume.Volume>> =>
    Effect.andThen(expectFile(path), Effect.provide(effect, readOnly(path, Option.getOrUndefined(atLeast))))

/** Runs an effect on the files of a state: that of the snapshot that `text` or the flag names, or else the newest. */
export const readingAt =
  (text: string, flag: Option.Option<string> = Option.none()) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | OpenError, Exclude<R, Volume.Volume>> =>
    Effect.suspend((): Effect.Effect<A, E | OpenError, Exclude<R, Volume.Volume>> => {
      const found = isThere(text) ? undefined : split(text)
      if (found !== undefined && Option.isSome(flag)) {
        const reason = `${printable(text)} names a snapshot already: leave out --snapshot, or what follows the @`
        return new WrongUsage({ reason })
      }
      const path = found?.path ?? text
      const name = found?.snapshot ?? Option.getOrUndefined(flag)
      const newest = readOnly(path)
      const layer = name === undefined ? newest : Layer.provide(Volume.layerSnapshot(name), newest)
      return Effect.andThen(expectFile(path), Effect.provide(effect, layer))
    })

/** Runs an effect on the volume in the image at `path`. */
export const writing =
  (path: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | OpenError, Exclude<R, Volume.Volume>> =>
    Effect.andThen(
      expectFile(path),
      Effect.provide(effect, Layer.provide(Volume.layer({ format: "never" }), FileDevice.layer({ path })))
    )
