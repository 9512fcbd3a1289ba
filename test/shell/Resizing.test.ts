/**
 * A volume that is given other sizes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Option } from "effect"
import { BlockDevice, MemoryDevice, Receipt, Volume, VolumeFileSystem } from "../../src/index.ts"
import type { VolumeError } from "../../src/index.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { Random } from "../../src/testing/Random.ts"
import { MEBIBYTE, pattern } from "./TestVolume.ts"

const KIBIBYTE = 1024
/** With pages of 512 bytes a bitmap stands for 3968 pages, nearly 2 MiB, and a branch above for about 48 MiB. */
const FORMAT: Volume.Options = { pageSize: 512, sizeMax: 256 * MEBIBYTE }

interface Open {
  readonly fs: FileSystem.FileSystem
  readonly volume: Volume.Volume["Service"]
}

/** Runs an effect on the volume of a device, which is checked at the end. */
const session = <A, E>(
  device: BlockDevice["Service"],
  use: (open: Open) => Effect.Effect<A, E>,
  options: Volume.Options = FORMAT
) =>
  Effect.gen(function* () {
    const volume = yield* Volume.open(options)
    const faces = Layer.provide(Layer.fresh(VolumeFileSystem.layer), Layer.succeed(Volume.Volume, volume))
    const fs = yield* Effect.provide(FileSystem.FileSystem, faces)
    const value = yield* use({ fs, volume })
    yield* expectSound(volume)
    return value
  }).pipe(Effect.scoped, Effect.provideService(BlockDevice, device))

const expectSound = ({ check, statistics }: Volume.Volume["Service"]) =>
  Effect.gen(function* () {
    const before = yield* statistics
    const report = yield* check({ deep: true })
    assert.deepStrictEqual(report.problems, [])
    // What an earlier session has left is freed beside.
    const after = yield* statistics
    if (after.generation === before.generation) assert.strictEqual(report.freePageCount * 512, after.free)
  })

const sizeOf = ({ statistics }: Volume.Volume["Service"]) => Effect.map(statistics, ({ size }) => size)

const reasonOf = (effect: Effect.Effect<unknown, VolumeError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** The least size that the volume says it can have. */
const sizeMinOf = (volume: Volume.Volume["Service"]) =>
  Effect.map(reasonOf(volume.resize(RootSlots.PAGES_MIN * 512)), (reason) => {
    assert.strictEqual(reason._tag, "ImpossibleSize")
    return reason._tag === "ImpossibleSize" ? reason.sizeMin : 0
  })

/** What the root records say that lie on pages of an image, the newest first. */
const rootsIn = (image: Uint8Array) => {
  const roots: Array<{ readonly generation: number; readonly pageCount: number }> = []
  for (let at = 0; at < image.length; at += 512) {
    if (Bytes.readUint32(image, at + 32) !== 0x524e4131) continue
    roots.push({ generation: Bytes.readUint48(image, at + 56), pageCount: Bytes.readUint48(image, at + 136) })
  }
  return roots.sort((a, b) => b.generation - a.generation)
}

describe("a volume", () => {
  it.effect("grows with its device, and what is added can be written", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: MEBIBYTE })
      const content = pattern(2 * MEBIBYTE)
      yield* session(device, ({ fs, volume }) =>
        Effect.gen(function* () {
          assert.isTrue(Exit.isFailure(yield* Effect.exit(fs.writeFile("/large", content))))
          const before = yield* volume.statistics
          // Over one leaf, and no whole page.
          yield* volume.resize(3 * MEBIBYTE + 100)
          const after = yield* volume.statistics
          assert.strictEqual(after.size, 3 * MEBIBYTE)
          assert.isAtLeast(after.free, before.free + 2 * MEBIBYTE - 64 * 512)
          yield* fs.writeFile("/large", content)
        })
      )
      assert.strictEqual(yield* device.size, 3 * MEBIBYTE)
      yield* session(device, ({ fs, volume }) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* sizeOf(volume), 3 * MEBIBYTE)
          assert.deepStrictEqual(yield* fs.readFile("/large"), content)
          // Over the second level of the map, too, and back by two levels.
          yield* volume.resize(100 * MEBIBYTE)
          yield* expectSound(volume)
          yield* fs.writeFile("/more", content)
          yield* fs.remove("/more")
          yield* fs.remove("/large")
          yield* volume.resize(yield* sizeMinOf(volume))
          assert.isBelow(yield* sizeOf(volume), 5 * MEBIBYTE)
          yield* expectSound(volume)
          yield* volume.resize(4 * MEBIBYTE)
          yield* fs.writeFile("/large", content)
        })
      )
      yield* session(device, ({ fs }) =>
        Effect.map(fs.readFile("/large"), (found) => assert.deepStrictEqual(found, content))
      )
    })
  )

  it.effect("takes what its device has behind it, and says so where that does not grow", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 2 * MEBIBYTE })
      const refusing: BlockDevice["Service"] = {
        ...device,
        grow: (sizeBytes) =>
          Effect.flatMap(device.size, (size) =>
            sizeBytes <= size
              ? Effect.void
              : Effect.asVoid(device.read([{ offset: sizeBytes, bytes: new Uint8Array(512) }]))
          )
      }
      yield* session(
        refusing,
        ({ fs, volume }) =>
          Effect.gen(function* () {
            yield* fs.writeFileString("/a", "a")
            assert.strictEqual((yield* reasonOf(volume.resize(3 * MEBIBYTE)))._tag, "DeviceFailed")
            assert.strictEqual(yield* sizeOf(volume), MEBIBYTE)
            yield* volume.resize(2 * MEBIBYTE)
            yield* fs.writeFile("/b", pattern(MEBIBYTE))
          }),
        { ...FORMAT, size: MEBIBYTE }
      )
    })
  )

  it.effect("has no size beyond what it was formatted for, nor below what it needs, and none in a transaction", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: MEBIBYTE })
      yield* session(device, ({ fs, volume }) =>
        Effect.gen(function* () {
          const { generation } = yield* volume.statistics
          const tooLarge = yield* Effect.flip(volume.resize(256 * MEBIBYTE + 512))
          assert.match(tooLarge.message, /at most 268435456, as was said when it was formatted/)
          for (const size of [0, -1, Number.NaN, 15 * 512]) {
            assert.strictEqual((yield* reasonOf(volume.resize(size)))._tag, "ImpossibleSize")
          }
          assert.strictEqual((yield* reasonOf(volume.transaction(volume.resize(2 * MEBIBYTE))))._tag, "Unsupported")
          assert.strictEqual((yield* reasonOf(volume.view(volume.resize(2 * MEBIBYTE))))._tag, "Unsupported")
          yield* volume.resize(MEBIBYTE)
          assert.strictEqual((yield* volume.statistics).generation, generation, "nothing to do")
          yield* fs.writeFile("/file", pattern(300 * KIBIBYTE))
          const sizeMin = yield* sizeMinOf(volume)
          assert.isAbove(sizeMin, 300 * KIBIBYTE)
          assert.strictEqual((yield* reasonOf(volume.resize(sizeMin - 512)))._tag, "ImpossibleSize")
          yield* volume.resize(sizeMin)
          assert.strictEqual(yield* sizeOf(volume), sizeMin)
          // What is left for deletions is left.
          yield* fs.remove("/file")
          assert.deepStrictEqual(yield* fs.readDirectory("/"), [])
        })
      )
      const readOnly = Volume.open({ ...FORMAT, readOnly: true }).pipe(
        Effect.flatMap((volume) => volume.resize(MEBIBYTE)),
        Effect.scoped,
        Effect.provideService(BlockDevice, device)
      )
      assert.strictEqual((yield* reasonOf(readOnly))._tag, "ReadOnly")
    })
  )

  it.effect("is not made smaller than what a view or a snapshot reads", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: MEBIBYTE })
      const content = pattern(200 * KIBIBYTE, 1)
      yield* session(device, ({ fs, volume }) =>
        Effect.gen(function* () {
          yield* fs.writeFile("/first", pattern(300 * KIBIBYTE))
          yield* fs.writeFile("/kept", content)
          yield* volume.snapshots.create("kept")
          const reading = yield* Deferred.make<void>()
          const done = yield* Deferred.make<void>()
          const view = volume.view(
            Effect.andThen(
              Deferred.succeed(reading, undefined),
              Effect.andThen(Deferred.await(done), fs.readFile("/kept"))
            )
          )
          const viewing = yield* Effect.forkChild(view)
          yield* Deferred.await(reading)
          yield* fs.remove("/kept")
          const sizeMin = yield* sizeMinOf(volume)
          assert.isAbove(sizeMin, 500 * KIBIBYTE)
          yield* volume.snapshots.remove("kept")
          assert.strictEqual(yield* sizeMinOf(volume), sizeMin, "the view still reads it")
          yield* volume.resize(sizeMin)
          yield* Deferred.succeed(done, undefined)
          assert.deepStrictEqual(yield* Fiber.join(viewing), content)
          assert.isBelow(yield* sizeMinOf(volume), sizeMin)
        })
      )
    })
  )

  it.effect("that was made smaller opens on a device that was cut to that, and on no shorter one", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: MEBIBYTE })
      const size = 768 * KIBIBYTE
      const receipt = yield* session(device, ({ fs, volume }) =>
        Effect.gen(function* () {
          yield* fs.writeFile("/file", pattern(100 * KIBIBYTE))
          yield* volume.resize(size)
          return yield* volume.receipt
        })
      )
      assert.isAbove(receipt.generation, 1)
      const cut = yield* MemoryDevice.make({ image: (yield* device.image).slice(0, size) })
      yield* session(cut, ({ fs }) => fs.readFile("/file"), { ...FORMAT, atLeast: receipt })
      const shorter = yield* MemoryDevice.make({ image: (yield* device.image).slice(0, size - 512) })
      const { message, reason } = yield* Effect.flip(session(shorter, () => Effect.void)) as Effect.Effect<VolumeError>
      assert.strictEqual(reason._tag, "Corrupt")
      assert.match(message, /was cut short/)
      assert.isTrue(Option.isSome(Receipt.decode(Receipt.encode(receipt))))
    })
  )

  it.effect("that was made smaller keeps no root that has more pages, also before it is closed", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: MEBIBYTE })
      yield* session(device, ({ fs, volume }) =>
        Effect.gen(function* () {
          yield* fs.writeFile("/file", pattern(100 * KIBIBYTE))
          yield* volume.resize(768 * KIBIBYTE)
          const [newest, base] = rootsIn(yield* device.image)
          assert.deepStrictEqual([newest.pageCount, base.pageCount], [1536, 1536])
        })
      )
    })
  )

  for (const durability of ["commit", "interval"] as const) {
    it.effect(`is resized beside writers (durability "${durability}")`, () =>
      Effect.gen(function* () {
        const device = yield* MemoryDevice.make({ size: 4 * MEBIBYTE })
        yield* session(
          device,
          ({ fs, volume }) =>
            Effect.gen(function* () {
              const writing = (name: string) =>
                Effect.forEach(
                  Array.from({ length: 20 }).keys(),
                  (i) => fs.writeFile(`/${name}`, pattern(10_000 + i, i)),
                  {
                    discard: true
                  }
                )
              const sizes = [6, 5, 30, 7, 4].map((size) => size * MEBIBYTE)
              const resizing = Effect.forEach(sizes, (size) => Effect.andThen(Effect.yieldNow, volume.resize(size)))
              yield* Effect.all([writing("a"), writing("b"), resizing, writing("c")], { concurrency: "unbounded" })
              assert.strictEqual(yield* sizeOf(volume), 4 * MEBIBYTE)
              for (const name of ["a", "b", "c"]) {
                assert.deepStrictEqual(yield* fs.readFile(`/${name}`), pattern(10_019, 19))
              }
            }),
          { ...FORMAT, durability }
        )
      })
    )
  }

  it.effect("keeps what it holds, whatever sizes it is given", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 12; seed++) yield* exercise(seed)
    })
  )
})

/** Files written and removed, snapshots taken and removed, sizes given, sessions ended, as a seed fixes it. */
const exercise = Effect.fnUntraced(function* (seed: number) {
  const random = new Random(seed)
  const device = yield* MemoryDevice.make({ size: 512 * KIBIBYTE })
  const files = new Map<string, Uint8Array>()
  const outcomes = { grown: 0, shrunk: 0, refused: 0 }
  const step = Effect.fnUntraced(function* ({ fs, volume }: Open) {
    const name = `/${random.below(12)}`
    const chance = random.below(10)
    if (chance < 4) {
      const content = pattern(random.below(60_000), random.below(250))
      const exit = yield* Effect.exit(fs.writeFile(name, content))
      if (Exit.isSuccess(exit)) files.set(name, content)
      else assert.deepStrictEqual((yield* fs.exists(name)) ? yield* fs.readFile(name) : undefined, files.get(name))
    } else if (chance < 6) {
      yield* fs.remove(name, { force: true })
      files.delete(name)
    } else if (chance < 7) {
      const kept = yield* volume.snapshots.list
      if (kept.length < 2) yield* Effect.exit(volume.snapshots.create(`${kept.at(-1)?.generation ?? 0}`))
      else yield* volume.snapshots.remove(kept[random.below(2)].name)
    } else {
      const before = yield* sizeOf(volume)
      const size = random.chance(0.3)
        ? 512 * random.below(random.chance(0.2) ? 200_000 : 12_000)
        : yield* sizeMinOf(volume)
      const resized = yield* Effect.exit(volume.resize(size))
      const after = yield* sizeOf(volume)
      if (Exit.isSuccess(resized)) {
        assert.strictEqual(after, size)
        outcomes[after > before ? "grown" : "shrunk"]++
      } else {
        assert.strictEqual(after, before)
        outcomes.refused++
      }
      yield* expectSound(volume)
    }
  })
  for (let round = 0; round < 4; round++) {
    yield* session(device, (open) =>
      Effect.gen(function* () {
        for (let i = 0; i < 25; i++) yield* step(open)
        for (const [name, content] of files) assert.deepStrictEqual(yield* open.fs.readFile(name), content)
        assert.strictEqual((yield* open.fs.readDirectory("/")).length, files.size)
      })
    )
  }
  assert.isTrue(outcomes.grown > 0 && outcomes.shrunk > 0, JSON.stringify(outcomes))
})
