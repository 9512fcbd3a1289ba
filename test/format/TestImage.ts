/** Images of volumes that the file system itself makes, with a clock and ids that are fixed. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import { Identity } from "../../src/shell/Identity.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import type { Options, Volume } from "../../src/shell/Volume.ts"
import { open } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"

export interface Format {
  readonly pageSize: number
  readonly checksum: "xxh64" | "sha256"
  readonly size: number
}

/** Ids that count: no two of a run are the same, and every run has the same ones. */
const countingIdentity = (first: number): Identity => {
  let count = first
  return {
    next: () => {
      count += 1
      // After sixteen of them the bytes begin anew, in another order.
      return Uint8Array.from({ length: 16 }, (_, index) => ((count * 16 + index) & 0xff) ^ (count >> 4))
    },
    boot: Uint8Array.from({ length: 16 }, (_, index) => 0xb0 + index)
  }
}

const millis = Date.UTC(2026, 0, 1)

/** Runs an effect with the fixed clock and ids, and without a log. */
export const runFixed = <A, E>(effect: Effect.Effect<A, E>, firstId = 0): Promise<A> =>
  Effect.andThen(TestClock.setTime(millis), effect).pipe(
    Effect.provideService(Identity, countingIdentity(firstId)),
    Effect.provide(Layer.mergeAll(TestClock.layer(), Logger.layer([]))),
    Effect.runPromise
  )

type Session<A> = (
  volume: Volume["Service"],
  image: Effect.Effect<Uint8Array>
) => Effect.Effect<A, VolumeError, Scope.Scope>

/** Opens the volume of a device, uses it, and closes it. */
export const withVolume = <A>(
  device: MemoryDevice.MemoryDevice,
  options: Options & { readonly readOnly?: boolean },
  use: Session<A>
) =>
  Effect.scoped(Effect.flatMap(open(options), (volume) => use(volume, device.image))).pipe(
    Effect.provideService(BlockDevice, device)
  )

/** Formats a new device, uses its volume, and closes it. Answers what the use gave, and the image after the close. */
export const makeImage = <A>({ size, ...options }: Format, use: Session<A>) =>
  Effect.gen(function* () {
    const device = yield* MemoryDevice.make({ size })
    const value = yield* withVolume(device, options, use)
    return { value, image: yield* device.image }
  })

/** Opens an image, for reading only, and uses its volume. */
export const openImage = <A>(image: Uint8Array, use: Session<A>) =>
  Effect.flatMap(MemoryDevice.make({ image }), (device) => withVolume(device, { readOnly: true, format: "never" }, use))
