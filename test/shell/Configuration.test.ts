import { assert, describe, it } from "@effect/vitest"
import { ByteSize, ConfigProvider, Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MemoryDevice, Volume } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"

const MIB = 1024 * 1024

const configured = (values: object) => ConfigProvider.layer(ConfigProvider.fromUnknown(values))

const inMemory = (values: object) =>
  Volume.layerConfig().pipe(Layer.provide(MemoryDevice.layer({ size: 16 * MIB })), Layer.provide(configured(values)))

describe("Volume.layerConfig", () => {
  it.effect("takes sizes and durations as they are written", () =>
    Effect.gen(function* () {
      const { facts, statistics } = yield* Volume.Volume
      assert.strictEqual(facts.layout.pageBytes, 8192)
      assert.strictEqual(facts.checksum, "sha256-128")
      assert.strictEqual((yield* statistics).size, 8 * MIB)
    }).pipe(
      Effect.provide(
        inMemory({
          pageSize: "8 KiB",
          size: "8 MiB",
          checksum: "sha256",
          durability: "commit",
          viewAgeMax: "5 minutes"
        })
      )
    )
  )

  it.effect("has the defaults of what is not configured", () =>
    Effect.gen(function* () {
      const { facts } = yield* Volume.Volume
      assert.strictEqual(facts.layout.pageBytes, 4096)
    }).pipe(Effect.provide(inMemory({})))
  )

  it.effect("names what is configured wrongly", () =>
    Effect.gen(function* () {
      for (const [name, value] of [
        ["cacheBytes", "much"],
        ["format", "sometimes"],
        ["force", "maybe"],
        ["viewAgeMax", "old"]
      ]) {
        const error = yield* Effect.flip(Layer.build(inMemory({ [name]: value }))).pipe(Effect.scoped)
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(error.message, name)
      }
    })
  )

  it.effect("refuses what the volume refuses", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(inMemory({ pageSize: "5 KiB" }))).pipe(Effect.scoped)
      assert.strictEqual(error._tag, "VolumeError")
    })
  )
})

describe("sizes in options", () => {
  it.effect("are numbers, texts or effect's byte sizes", () =>
    Effect.gen(function* () {
      for (const size of [8 * MIB, "8 MiB", ByteSize.mebibytes(8)] as const) {
        const layer = Volume.layer({ size, cacheBytes: size, dirtyBytes: "1 MiB", sizeMax: "1 GiB" })
        const volume = Layer.provide(layer, MemoryDevice.layer({ size: "16 MiB" }))
        const { statistics } = yield* Effect.provide(Volume.Volume, volume)
        assert.strictEqual((yield* statistics).size, 8 * MIB)
      }
    })
  )

  it.effect("are refused where they are none", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<Volume.Options> = [
        { size: Number.NaN },
        { sizeMax: -1 },
        { cacheBytes: "many MiB" as "1 MiB" },
        { dirtyBytes: -5 },
        { pageSize: Number.NaN }
      ]
      for (const options of wrong) {
        const layer = Layer.provide(Volume.layer(options), MemoryDevice.layer({ size: "16 MiB" }))
        const error = yield* Effect.flip(Layer.build(layer)).pipe(Effect.scoped)
        assert.deepInclude(error, { _tag: "VolumeError" })
        assert.include(error.message, Object.keys(options)[0])
      }
      const device = yield* Effect.flip(Layer.build(MemoryDevice.layer({ size: "much" as "1 B" }))).pipe(Effect.scoped)
      assert.strictEqual(device.code, "EINVAL")
    })
  )
})

describe("FileDevice.layerConfig", () => {
  it.live("opens the file that is configured", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "notafs-config-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true }))
      )
      const layer = (values: object) =>
        Volume.layer().pipe(Layer.provide(FileDevice.layerConfig()), Layer.provide(configured(values)))
      const path = join(folder, "data.notafs")
      const sizes = Effect.flatMap(Volume.Volume, ({ statistics }) => statistics)
      const { size } = yield* Effect.provide(sizes, layer({ path, size: "4 MiB", lock: "true" }))
      assert.strictEqual(size, 4 * MIB)
      const error = yield* Effect.flip(Layer.build(layer({ size: "4 MiB" }))).pipe(Effect.scoped)
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, "path")
    }).pipe(Effect.scoped)
  )
})
