import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as BlockDeviceSuite from "../../src/testing/BlockDeviceSuite.ts"

BlockDeviceSuite.suite("MemoryDevice", MemoryDevice.layer({ size: 2 << 20 }), { describe, it })
BlockDeviceSuite.suite("MemoryDevice with large sectors", MemoryDevice.layer({ size: 2 << 20, sectorBytes: 4096 }), {
  describe,
  it
})

describe("MemoryDevice", () => {
  it.effect("takes an image and gives it out again, each a copy", () =>
    Effect.gen(function* () {
      const image = new Uint8Array(200 * 1024).fill(7)
      const device = yield* MemoryDevice.make({ image })
      image.fill(0)
      const first = yield* device.image
      assert.deepStrictEqual(first, new Uint8Array(200 * 1024).fill(7))
      yield* device.write([{ offset: 512, bytes: new Uint8Array(512).fill(9) }])
      assert.strictEqual(first[512], 7)
      assert.strictEqual((yield* device.image)[512], 9)
    })
  )

  it.effect("gives an image a larger size, or a smaller one", () =>
    Effect.gen(function* () {
      const image = new Uint8Array(1024).fill(1)
      const larger = yield* (yield* MemoryDevice.make({ image, size: 2048 })).image
      assert.deepStrictEqual([larger.length, larger[1023], larger[1024]], [2048, 1, 0])
      assert.strictEqual((yield* (yield* MemoryDevice.make({ image, size: 512 })).image).length, 512)
    })
  )

  it.effect("takes memory only for what is written", () =>
    Effect.gen(function* () {
      const size = 2 ** 48
      const device = yield* MemoryDevice.make({ size })
      const range = { offset: size - 512, bytes: new Uint8Array(512).fill(1) }
      yield* device.write([range])
      const bytes = new Uint8Array(512)
      yield* device.read([{ offset: size - 512, bytes }])
      assert.deepStrictEqual(bytes, range.bytes)
    })
  )

  it.effect("is a new device each time the layer is built", () =>
    Effect.gen(function* () {
      const layer = MemoryDevice.layer({ size: 4096 })
      const write = BlockDevice.use((device) => device.write([{ offset: 0, bytes: new Uint8Array(512).fill(1) }]))
      const read = BlockDevice.use((device) => {
        const bytes = new Uint8Array(512)
        return Effect.as(device.read([{ offset: 0, bytes }]), bytes[0])
      })
      yield* Effect.provide(write, layer, { local: true })
      assert.strictEqual(yield* Effect.provide(read, layer, { local: true }), 0)
    })
  )

  it.effect("refuses every change if it is read-only", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ image: new Uint8Array(1024), readOnly: true })
      const bytes = new Uint8Array(512)
      for (const call of [
        device.write([{ offset: 0, bytes }]),
        device.discard([{ offset: 0, byteCount: 512 }]),
        device.grow(2048)
      ]) {
        const failure = yield* Effect.flip(call)
        assert.strictEqual(failure._tag, "DeviceFailed")
        assert.strictEqual(failure.code, "EROFS")
        assert.include(failure.message, "memory")
      }
      yield* device.read([{ offset: 0, bytes }])
      yield* device.sync
    })
  )

  it.effect("refuses sizes and sectors that make no sense", () =>
    Effect.gen(function* () {
      for (const options of [
        { size: 1000 },
        { size: -512 },
        { size: Number.NaN },
        { size: 4096, sectorBytes: 256 },
        { size: 6000, sectorBytes: 1000 }
      ]) {
        const failure = yield* Effect.flip(MemoryDevice.make(options))
        assert.strictEqual(failure.code, "EINVAL")
      }
    })
  )
})
