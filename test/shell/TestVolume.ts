/**
 * Volumes in memory for tests, and a device whose syncs wait.
 */
import { Effect, Latch, Layer } from "effect"
import { BlockDevice, KeyValue, MemoryDevice, Volume, VolumeFileSystem } from "../../src/index.ts"

export const MEBIBYTE = 1024 * 1024

/** The faces of a volume. */
export const faces = Layer.merge(VolumeFileSystem.layer, KeyValue.layer)

/** A new volume in memory with all its faces. */
export const volume = (size = 32 * MEBIBYTE, options: Volume.Options = {}) =>
  Layer.fresh(
    faces.pipe(Layer.provideMerge(Volume.layer(options)), Layer.provide(MemoryDevice.layer({ size })), Layer.orDie)
  )

/** The volume of a device that outlives it, opened until the layer's scope ends. */
export const volumeOn = (device: BlockDevice["Service"], options: Volume.Options = {}) =>
  Layer.fresh(
    faces.pipe(
      Layer.provideMerge(Volume.layer(options)),
      Layer.provide(Layer.succeed(BlockDevice, device)),
      Layer.orDie
    )
  )

/** A device in memory whose syncs wait while `gate` is closed. */
export const gatedDevice = (size = 32 * MEBIBYTE) =>
  Effect.map(MemoryDevice.make({ size }), (device) => {
    const gate = Latch.makeUnsafe(true)
    return { gate, device: { ...device, sync: gate.whenOpen(device.sync) } satisfies BlockDevice["Service"] }
  })

/** Bytes that tell where they were written. */
export const pattern = (size: number, seed = 0): Uint8Array => {
  const bytes = new Uint8Array(size)
  for (let index = 0; index < size; index++) bytes[index] = (index * 31 + (index >>> 8) + seed) & 0xff
  return bytes
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
export const bytes = (content: string): Uint8Array => new TextEncoder().encode(content)
