/**
 * effect's file system on a volume: what a comparison with Node cannot see.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, MutableRef, Option, Scope, Stream } from "effect"
import { MemoryDevice, Volume, VolumeError } from "../../src/index.ts"
import { bytes, gatedDevice, MEBIBYTE, pattern, volume, volumeOn } from "./TestVolume.ts"

const free = Effect.flatMap(Volume.Volume, ({ statistics }) => Effect.map(statistics, (found) => found.free))
const inodeCount = Effect.flatMap(Volume.Volume, ({ statistics }) =>
  Effect.map(statistics, (found) => found.inodeCount)
)

describe("errors", () => {
  it.effect("name method and path, and have ours as their cause", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const error = yield* Effect.flip(fs.readFile("/a/b"))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.include(error.reason, { module: "FileSystem", method: "readFile", pathOrDescriptor: "/a/b" })
      assert.instanceOf(error.reason.cause, VolumeError)
      assert.strictEqual((error.reason.cause as VolumeError).reason._tag, "NotFound")
      const invalid = yield* Effect.flip(fs.writeFileString("/a\0b", "x"))
      assert.strictEqual(invalid.reason._tag, "BadArgument")
    }).pipe(Effect.provide(volume()))
  )

  for (const [budget, dirtyBytes] of [
    ["kept in memory", 64 * MEBIBYTE],
    ["written early", MEBIBYTE]
  ] as const) {
    it.effect(`say that a volume is full, which stays usable (${budget})`, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const before = yield* free
        const content = pattern(3 * MEBIBYTE)
        for (let round = 0; round < 3; round++) {
          yield* fs.writeFile("/one", content)
          const between = yield* free
          for (const write of [
            fs.writeFile("/two", pattern(6 * MEBIBYTE)),
            fs.writeFile("/one", pattern(9 * MEBIBYTE)),
            Stream.run(Stream.make(content, content), fs.sink("/two"))
          ]) {
            const error = yield* Effect.flip(write)
            assert.strictEqual(error.reason._tag, "Unknown")
            assert.strictEqual((error.reason.cause as VolumeError).reason._tag, "DiskFull")
            assert.deepStrictEqual(yield* fs.readFile("/one"), content)
            yield* fs.remove("/two", { force: true })
          }
          assert.deepStrictEqual(yield* fs.readDirectory("/"), ["one"])
          assert.isAtLeast(yield* free, between - 64 * 1024)
          yield* fs.remove("/one")
          yield* fs.writeFile("/three", pattern(5 * MEBIBYTE))
          yield* fs.remove("/three")
        }
        assert.isAtLeast(yield* free, before - 64 * 1024)
      }).pipe(Effect.provide(volume(8 * MEBIBYTE, { dirtyBytes })))
    )
  }
})

describe("large content", () => {
  it.effect("goes through a sink and a stream", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const part = pattern(MEBIBYTE)
      const count = 50
      yield* Stream.run(
        Stream.map(Stream.range(1, count), (seed) => pattern(MEBIBYTE, seed)),
        fs.sink("/large")
      )
      assert.strictEqual(Number((yield* fs.stat("/large")).size), count * MEBIBYTE)
      let at = 0
      yield* Stream.runForEach(fs.stream("/large"), (chunk) =>
        Effect.sync(() => {
          const seed = 1 + Math.floor(at / MEBIBYTE)
          assert.strictEqual(at % MEBIBYTE, 0)
          assert.isTrue(chunk.every((byte, index) => byte === ((part[index] + seed) & 0xff)))
          at += chunk.length
        })
      )
      assert.strictEqual(at, count * MEBIBYTE)
    }).pipe(Effect.provide(volume(128 * MEBIBYTE)))
  )

  it.effect("is read as one state while it is replaced", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const states = [0, 1, 2].map((seed) => new Uint8Array(3 * MEBIBYTE).fill(seed))
      yield* fs.writeFile("/file", states[0])
      const stop = MutableRef.make(false)
      const writer = yield* Effect.forkChild(
        Effect.whileLoop({
          while: () => !stop.current,
          body: () => fs.writeFile("/file", states[Math.floor(Math.random() * 3)]),
          step: () => undefined
        })
      )
      for (let index = 0; index < 20; index++) {
        const read = yield* fs.readFile("/file")
        assert.isTrue(read.every((byte) => byte === read[0]))
        yield* Effect.yieldNow
      }
      MutableRef.set(stop, true)
      yield* Fiber.join(writer)
    }).pipe(Effect.provide(volume(64 * MEBIBYTE)))
  )
})

describe("open files", () => {
  it.effect("live without a name until the last close, which frees them", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFile("/file", pattern(8 * MEBIBYTE))
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const file = yield* Scope.provide(fs.open("/file", { flag: "r+" }), first)
      const other = yield* Scope.provide(fs.open("/file"), second)
      yield* fs.remove("/file")
      yield* fs.writeFileString("/file", "another")
      yield* file.writeAll(bytes("written without a name"))
      assert.strictEqual(Number((yield* other.stat).size), 8 * MEBIBYTE)
      assert.deepStrictEqual((yield* other.stat).nlink, Option.some(0n))
      const whole = yield* free
      yield* Scope.close(first, Exit.void)
      const read = Option.getOrThrow(yield* other.readAlloc(22))
      assert.strictEqual(new TextDecoder().decode(read), "written without a name")
      yield* Scope.close(second, Exit.void)
      assert.isAtLeast(yield* free, whole + 7 * MEBIBYTE)
      assert.strictEqual(yield* inodeCount, 2)
      assert.strictEqual(yield* fs.readFileString("/file"), "another")
    }).pipe(Effect.provide(volume()))
  )

  it.effect("live on when the folder above them is removed", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory("/a/b/c", { recursive: true })
      yield* fs.writeFile("/a/b/c/file", pattern(MEBIBYTE))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* fs.open("/a/b/c/file")
          yield* fs.remove("/a", { recursive: true })
          assert.strictEqual(yield* inodeCount, 2)
          assert.strictEqual((yield* Effect.map(file.readAlloc(MEBIBYTE), Option.getOrThrow)).length, MEBIBYTE)
        })
      )
      assert.strictEqual(yield* inodeCount, 1)
    }).pipe(Effect.provide(volume()))
  )

  it.live("are found again as a writer when their removal is on its way", () =>
    Effect.gen(function* () {
      const { device, gate } = yield* gatedDevice()
      yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.writeFileString("/file", "content")
        gate.closeUnsafe()
        const removal = yield* Effect.forkChild(fs.remove("/file"), { startImmediately: true })
        // The removal is not durable, so the name is still seen; but the file must not be opened just to vanish.
        assert.isTrue(yield* fs.exists("/file"))
        const opening = yield* Effect.forkChild(Effect.exit(Effect.scoped(fs.open("/file"))), {
          startImmediately: true
        })
        yield* Effect.sleep(5)
        gate.openUnsafe()
        yield* Fiber.join(removal)
        const opened = yield* Fiber.join(opening)
        assert.isTrue(Exit.isFailure(opened))
      }).pipe(Effect.provide(volumeOn(device)))
    })
  )

  it.effect("that a crash left without a name are freed by the next opening", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 32 * MEBIBYTE })
      const crashed = yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        return yield* Effect.scoped(
          Effect.gen(function* () {
            yield* fs.writeFile("/file", pattern(9 * MEBIBYTE))
            yield* fs.open("/file")
            yield* fs.remove("/file")
            return yield* device.image
          })
        )
      }).pipe(Effect.provide(volumeOn(device)))
      const again = yield* MemoryDevice.make({ image: crashed })
      yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        for (let index = 0; (yield* inodeCount) > 1 && index < 1000; index++) yield* Effect.yieldNow
        assert.strictEqual(yield* inodeCount, 1)
        yield* fs.writeFile("/file", pattern(25 * MEBIBYTE))
      }).pipe(Effect.provide(volumeOn(again)))
    })
  )

  it.effect("that were made in a transaction are gone when it is rolled back", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { transaction } = yield* Volume.Volume
      const scope = yield* Scope.make()
      const file = yield* Effect.flip(
        transaction(Effect.flatMap(Scope.provide(fs.open("/made", { flag: "w+" }), scope), Effect.fail))
      )
      assert.isTrue(FileSystem.isFile(file))
      yield* fs.writeFileString("/other", "not to be touched")
      const error = yield* Effect.flip((file as FileSystem.File).writeAll(bytes("stray")))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.strictEqual(yield* fs.readFileString("/other"), "not to be touched")
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.provide(volume()))
  )
})

describe("temporary files and folders", () => {
  it.effect("are made under /tmp or where they are asked for, and removed with their scope", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* Effect.scoped(
        Effect.gen(function* () {
          const folder = yield* fs.makeTempDirectoryScoped({ prefix: "work-" })
          assert.match(folder, /^\/tmp\/work-/)
          const file = yield* fs.makeTempFileScoped({ directory: folder, suffix: ".txt" })
          assert.isTrue(file.startsWith(`${folder}/`) && file.endsWith(".txt"))
          yield* fs.writeFileString(file, "x")
        })
      )
      assert.deepStrictEqual(yield* fs.readDirectory("/tmp"), [])
      const missing = yield* Effect.flip(fs.makeTempDirectory({ directory: "/missing" }))
      assert.strictEqual(missing.reason._tag, "NotFound")
    }).pipe(Effect.provide(volume()))
  )
})

describe("large folders", () => {
  it.effect("are listed, copied and removed", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { transaction } = yield* Volume.Volume
      const names = Array.from({ length: 1300 }, (_, index) => `file-${String(index).padStart(5, "0")}`)
      yield* fs.makeDirectory("/folder")
      yield* transaction(
        Effect.forEach(names, (name) => fs.writeFileString(`/folder/${name}`, name), { discard: true })
      )
      assert.deepStrictEqual(yield* fs.readDirectory("/folder"), names)
      yield* fs.copy("/folder", "/copy")
      assert.strictEqual((yield* fs.readDirectory("/", { recursive: true })).length, 2 + 2 * names.length)
      assert.strictEqual(yield* fs.readFileString("/copy/file-01299"), "file-01299")
      yield* fs.remove("/folder", { recursive: true })
      yield* fs.remove("/copy", { recursive: true })
      assert.strictEqual(yield* inodeCount, 1)
    }).pipe(Effect.provide(volume()))
  )
})
