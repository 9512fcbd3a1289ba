/**
 * One suite, run on a volume in memory and on one in a file.
 */
import * as path from "node:path"
import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { MemoryDevice, Volume } from "../../src/index.ts"
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

/** Describes `suite` for each device; each layer that it takes is a new volume. */
export const onDevices = (name: string, suite: (volume: () => Layer.Layer<Volume.Volume>) => void): void => {
  for (const [device, below] of Object.entries(devices)) {
    describe(`${name} on ${device}`, () => {
      suite(() => Layer.fresh(Volume.layer().pipe(Layer.provide(below), Layer.orDie)))
    })
  }
}
