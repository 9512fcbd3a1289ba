/**
 * One suite, run on a volume in memory and on one in a file.
 */
import * as path from "node:path"
import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { BlockDevice, MemoryDevice, Volume } from "../../src/index.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"
import { MEBIBYTE } from "./TestVolume.ts"

const SIZE = 16 * MEBIBYTE

const devices = {
  MemoryDevice: MemoryDevice.layer({ size: SIZE }),
  FileDevice: Layer.unwrap(
    Effect.map(TemporaryFolder.make, (folder) => FileDevice.layer({ path: path.join(folder, "image"), size: SIZE }))
  )
}

/** Runs each of some effects in a session of its own, one after the other, on one volume. */
export type InSessions = <A, E>(
  ...sessions: ReadonlyArray<Effect.Effect<A, E, Volume.Volume>>
) => Effect.Effect<void, E>

const inSessionsOn =
  (below: Layer.Layer<BlockDevice>): InSessions =>
  (...sessions) =>
    Effect.gen(function* () {
      const device = Layer.succeed(BlockDevice, yield* BlockDevice)
      for (const session of sessions) {
        yield* Effect.provide(session, Layer.fresh(Volume.layer().pipe(Layer.provide(device), Layer.orDie)))
      }
    }).pipe(Effect.provide(Layer.fresh(below)))

/** Describes `suite` for each device; each layer that it takes is a new volume. */
export const onDevices = (
  name: string,
  suite: (volume: () => Layer.Layer<Volume.Volume>, inSessions: InSessions) => void
): void => {
  for (const [device, some] of Object.entries(devices)) {
    const below = Layer.orDie(some)
    describe(`${name} on ${device}`, () => {
      suite(() => Layer.fresh(Volume.layer().pipe(Layer.provide(below), Layer.orDie)), inSessionsOn(below))
    })
  }
}
