/**
 * Receipts: as text, and held against what a device holds later.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option } from "effect"
import * as fc from "fast-check"
import { BlockDevice, MemoryDevice, Receipt, Volume, VolumeFileSystem } from "../../src/index.ts"
import { MEBIBYTE } from "./TestVolume.ts"

const SIZE = 2 * MEBIBYTE

const arbitrary = fc.record({
  volumeId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  generation: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  rootHash: fc.tuple(fc.uint8Array({ minLength: 8, maxLength: 16 }), fc.constant(0)).map(([hash]) => {
    const bytes = new Uint8Array(32)
    bytes.set(hash)
    return bytes
  })
})

describe("a receipt as text", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(arbitrary, (receipt) => {
        assert.deepStrictEqual(Option.getOrThrow(Receipt.decode(Receipt.encode(receipt))), receipt)
      })
    )
  })

  it("is as it is written down", () => {
    const text = "000102030405060708090a0b0c0d0e0f-17-cc989930c85c633e"
    const receipt = Option.getOrThrow(Receipt.decode(` ${text.toUpperCase()}\n`))
    assert.strictEqual(receipt.generation, 17)
    assert.strictEqual(receipt.rootHash.length, 32)
    assert.strictEqual(Receipt.encode(receipt), text)
  })

  it("is nothing else", () => {
    const id = "000102030405060708090a0b0c0d0e0f"
    const others = ["", id, `${id}-17`, `${id}-0-aa`, `${id}-17-a`, `${id}-1x-aa`, `${id.slice(1)}-17-aa`]
    others.push(`${id}-281474976710656-aa`, `${id}-17-${"aa".repeat(33)}`, `${id}-17-aa-bb`, `${id}--17-aa`)
    for (const text of others) assert.isTrue(Option.isNone(Receipt.decode(text)), text)
  })
})

/** A volume on a device: writes a note, commits it, and gives the receipt. */
const write = (device: BlockDevice["Service"], note: string, options: Volume.Options = {}) =>
  session(
    device,
    options,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const volume = yield* Volume.Volume
      const { receipt } = yield* volume.commit(fs.writeFileString("/note", note))
      assert.deepStrictEqual(yield* volume.receipt, Option.getOrThrow(receipt))
      return Option.getOrThrow(receipt)
    })
  )

/** Runs an effect on the volume of a device, which is checked at the end. */
const session = <A, E>(
  device: BlockDevice["Service"],
  options: Volume.Options & { readonly readOnly?: boolean },
  effect: Effect.Effect<A, E, Volume.Volume | FileSystem.FileSystem>
) =>
  Effect.gen(function* () {
    const volume = yield* Volume.open(options)
    const value = yield* Effect.provide(
      effect,
      Layer.provideMerge(Layer.fresh(VolumeFileSystem.layer), Layer.succeed(Volume.Volume, volume))
    )
    assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
    return value
  }).pipe(Effect.scoped, Effect.provideService(BlockDevice, device))

const note = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString("/note"))

/** Why the device is refused, for writing and for reading; nothing is written either way. */
const refusal = Effect.fnUntraced(function* (device: BlockDevice["Service"], atLeast: Receipt.Receipt) {
  const before = yield* (device as MemoryDevice.MemoryDevice).image
  const whys: Array<string> = []
  for (const readOnly of [false, true]) {
    const { message, reason } = yield* Volume.open({ atLeast, readOnly }).pipe(
      Effect.scoped,
      Effect.provideService(BlockDevice, device),
      Effect.flip
    )
    assert.strictEqual(reason._tag, "RolledBack", message)
    if (reason._tag !== "RolledBack") continue
    assert.include(message, Receipt.encode(atLeast))
    if (reason.found !== undefined) assert.include(message, Receipt.encode(reason.found))
    whys.push(reason.why)
  }
  assert.isTrue(Buffer.from(before).equals(yield* (device as MemoryDevice.MemoryDevice).image))
  assert.strictEqual(whys[0], whys[1])
  return whys[0]
})

const copyOf = (device: MemoryDevice.MemoryDevice) =>
  Effect.flatMap(device.image, (image) => MemoryDevice.make({ image }))

describe("a volume that is opened with a receipt", () => {
  it.effect("opens where it has the commit: as its newest root, and as an older one", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: SIZE })
      const first = yield* write(device, "one")
      assert.strictEqual(yield* session(device, { atLeast: first }, note), "one")
      const second = yield* write(device, "two")
      for (const atLeast of [first, second]) {
        assert.strictEqual(yield* session(device, { atLeast }, note), "two")
        assert.strictEqual(yield* session(device, { atLeast, readOnly: true }, note), "two")
      }
      // After more commits than there are slots it is still not older than the first.
      for (let round = 0; round < 40; round++) yield* write(device, `${round}`)
      assert.strictEqual(yield* session(device, { atLeast: first }, note), "39")
    })
  )

  it.effect("is refused where it is an older copy, also one that was written further", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: SIZE })
      yield* write(device, "one")
      const copy = yield* copyOf(device)
      const receipt = yield* write(device, "two")
      assert.strictEqual(yield* refusal(copy, receipt), "Older")
      yield* write(copy, "another two")
      assert.strictEqual(yield* refusal(copy, receipt), "OtherRoot")
      yield* write(copy, "another three")
      assert.strictEqual(yield* refusal(copy, receipt), "OtherRoot")
      assert.strictEqual(yield* session(device, { atLeast: receipt }, note), "two")
    })
  )

  it.effect("is refused where it is another volume, or none, and nothing is formatted", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: SIZE })
      const receipt = yield* write(device, "one")
      const other = yield* MemoryDevice.make({ size: SIZE })
      assert.strictEqual(yield* refusal(other, receipt), "NoVolume")
      yield* write(other, "one")
      yield* write(other, "two")
      assert.strictEqual(yield* refusal(other, receipt), "OtherVolume")
      const { reason } = yield* Effect.flip(session(device, { atLeast: receipt, format: "always" }, note))
      assert.strictEqual((reason as { readonly _tag: string })._tag, "InvalidOptions")
      assert.strictEqual(yield* session(device, { atLeast: receipt }, note), "one")
    })
  )

  it.effect("is refused where a rollback has abandoned the commit", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: SIZE })
      const snapshots = Effect.map(Volume.Volume, (volume) => volume.snapshots)
      const before = yield* write(device, "before")
      yield* session(
        device,
        {},
        Effect.flatMap(snapshots, ({ create }) => create("kept"))
      )
      const abandoned = yield* write(device, "abandoned")
      assert.strictEqual(yield* session(device, { atLeast: abandoned }, note), "abandoned")
      yield* session(
        device,
        {},
        Effect.flatMap(snapshots, ({ rollback }) => rollback("kept"))
      )
      const after = yield* write(device, "after")
      assert.strictEqual(yield* refusal(device, abandoned), "Abandoned")
      for (let round = 0; round < 40; round++) yield* write(device, `${round}`)
      assert.strictEqual(yield* refusal(device, abandoned), "Abandoned")
      for (const atLeast of [before, after]) assert.strictEqual(yield* session(device, { atLeast }, note), "39")
    })
  )
})
