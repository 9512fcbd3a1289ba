import fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as BlockDeviceSuite from "../../src/testing/BlockDeviceSuite.ts"
import * as SystemCalls from "./SystemCalls.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"

const inFolder = (options: Partial<FileDevice.Options>) =>
  Layer.unwrap(
    Effect.map(TemporaryFolder.make, (folder) =>
      FileDevice.layer({ path: path.join(folder, "image"), size: 2 << 20, ...options })
    )
  )

BlockDeviceSuite.suite("FileDevice", inFolder({}), { describe, it })
BlockDeviceSuite.suite("FileDevice, all through the thread pool", inFolder({ synchronousBytesMax: 0 }), {
  describe,
  it
})
BlockDeviceSuite.suite("FileDevice, all synchronous", inFolder({ synchronousBytesMax: Infinity }), { describe, it })
BlockDeviceSuite.suite("FileDevice with large sectors", inFolder({ sectorBytes: 4096 }), { describe, it })

const image = Effect.map(TemporaryFolder.make, (folder) => path.join(folder, "image"))

const replacing = (others: Partial<typeof fs>) =>
  Effect.acquireRelease(
    Effect.sync(() => SystemCalls.replace(others)),
    (restore) => Effect.sync(restore)
  )

const sector = (content: number) => ({ offset: 0, bytes: new Uint8Array(512).fill(content) })

describe("FileDevice", () => {
  it.effect("creates a sparse file of the size that is given, and takes it as it is later", () =>
    Effect.gen(function* () {
      const file = yield* image
      const size = 1 << 30
      yield* Effect.scoped(
        Effect.gen(function* () {
          const device = yield* FileDevice.make({ path: file, size })
          assert.strictEqual(yield* device.size, size)
          assert.strictEqual(device.identity, fs.realpathSync(file))
          yield* device.write([sector(1)])
        })
      )
      assert.isBelow(fs.statSync(file).blocks * 512, 4 << 20)
      const device = yield* FileDevice.make({ path: file, size: 4096 })
      assert.strictEqual(yield* device.size, size)
      const bytes = new Uint8Array(512)
      yield* device.read([{ offset: 0, bytes }])
      assert.deepStrictEqual(bytes, sector(1).bytes)
    })
  )

  it.effect("gives an empty file its size, and one of odd length the sectors that are whole", () =>
    Effect.gen(function* () {
      const file = yield* image
      fs.writeFileSync(file, "")
      yield* Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual(yield* (yield* FileDevice.make({ path: file })).size, 0)
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual(yield* (yield* FileDevice.make({ path: file, size: 8192 })).size, 8192)
        })
      )
      fs.truncateSync(file, 1300)
      const device = yield* FileDevice.make({ path: file })
      assert.strictEqual(yield* device.size, 1024)
      assert.strictEqual((yield* Effect.flip(device.read([{ ...sector(0), offset: 1024 }]))).code, "EINVAL")
    })
  )

  it.effect("says why it cannot open", () =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      const fails = Effect.fnUntraced(function* (options: FileDevice.Options, code: string, words: string) {
        const failure = yield* Effect.flip(FileDevice.make(options))
        assert.strictEqual(failure._tag, "DeviceFailed", String(failure))
        assert.strictEqual((failure as { code?: string }).code, code)
        assert.include(failure.message, words)
        assert.include(failure.message, options.path)
      })
      yield* fails({ path: path.join(folder, "absent") }, "ENOENT", "if its size is given")
      yield* fails({ path: path.join(folder, "absent"), size: 4096, readOnly: true }, "ENOENT", "no such file")
      yield* fails({ path: path.join(folder, "absent", "image"), size: 4096 }, "ENOENT", "in a folder that exists")
      yield* fails({ path: folder, size: 4096 }, "EINVAL", "it is a folder")
      yield* fails({ path: path.join(folder, "new"), size: 1000 }, "EINVAL", "multiple")
      yield* fails({ path: path.join(folder, "new"), size: 4096, sectorBytes: 100 }, "EINVAL", "power of two")
      if (fs.existsSync("/dev/full")) yield* fails({ path: "/dev/full" }, "EINVAL", "neither a file nor a disk")
      fs.symlinkSync(path.join(folder, "nowhere"), path.join(folder, "dangling"))
      yield* fails({ path: path.join(folder, "dangling"), size: 4096 }, "EEXIST", "exists")
      assert.deepStrictEqual(fs.readdirSync(folder), ["dangling"])
    })
  )

  it.effect("refuses every change if it is read-only, and takes no lock", () =>
    Effect.gen(function* () {
      const file = yield* image
      const writer = yield* FileDevice.make({ path: file, size: 4096 })
      yield* writer.write([sector(5)])
      const reader = yield* FileDevice.make({ path: file, readOnly: true })
      assert.isTrue(reader.readOnly)
      for (const call of [
        reader.write([sector(6)]),
        reader.discard([{ offset: 0, byteCount: 512 }]),
        reader.grow(8192)
      ]) {
        const failure = yield* Effect.flip(call)
        assert.strictEqual(failure.code, "EROFS")
        assert.include(failure.message, "read-only")
      }
      const bytes = new Uint8Array(512)
      yield* reader.read([{ offset: 0, bytes }])
      assert.strictEqual(bytes[0], 5)
      // A reader sees that the file has grown.
      yield* writer.grow(8192)
      assert.strictEqual(yield* reader.size, 8192)
      yield* reader.read([{ offset: 7680, bytes }])
      // And that it is shorter than it was.
      fs.truncateSync(file, 512)
      assert.strictEqual((yield* Effect.flip(reader.read([{ offset: 7680, bytes }]))).code, "EINVAL")
    })
  )

  for (const synchronousBytesMax of [65536, 0]) {
    describe(synchronousBytesMax === 0 ? "through the thread pool" : "synchronously", () => {
      it.effect("passes on what the system says", () =>
        Effect.gen(function* () {
          const file = yield* image
          const device = yield* FileDevice.make({ path: file, size: 1 << 20, synchronousBytesMax, zeroAheadBytes: 0 })
          const broken = (code: string, text: string) => {
            const error = SystemCalls.systemError(code, text, "call")
            const now = () => {
              throw error
            }
            const later = (...parameters: Array<unknown>) =>
              setImmediate(() => (parameters[parameters.length - 1] as (error: Error) => void)(error))
            return replacing({
              writevSync: now,
              readvSync: now,
              fdatasyncSync: now,
              ftruncateSync: now,
              ...({ writev: later, readv: later, fdatasync: later } as unknown as Partial<typeof fs>)
            })
          }
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* broken("ENOSPC", "no space left on device")
              const failure = yield* Effect.flip(device.write([{ ...sector(1), offset: 1024 }]))
              assert.strictEqual(
                failure.message,
                `Writing to ${device.identity} failed at byte 1024: no space left on device (ENOSPC). ` +
                  "Free space on the file system that holds it, then open the volume again."
              )
              assert.strictEqual(failure.operation, "write")
              assert.strictEqual((yield* Effect.flip(device.grow(2 << 20))).operation, "grow")
            })
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* broken("EIO", "i/o error")
              const failures = [
                yield* Effect.flip(device.read([{ ...sector(1), offset: 512 }])),
                yield* Effect.flip(device.sync)
              ]
              assert.deepStrictEqual(
                failures.map(({ code, offset, operation }) => [code, offset, operation]),
                [
                  ["EIO", 512, "read"],
                  ["EIO", undefined, "sync"]
                ]
              )
            })
          )
          assert.strictEqual(yield* device.size, 1 << 20)
          yield* device.write([sector(2)])
          yield* device.sync
        })
      )

      it.effect("refuses calls after the scope's end, and waits for those under way before it closes", () =>
        Effect.gen(function* () {
          const file = yield* image
          const scope = yield* Scope.make()
          const options = { path: file, size: 4 << 20, synchronousBytesMax }
          const device = yield* Scope.provide(FileDevice.make(options), scope)
          const bytes = new Uint8Array(4 << 20).fill(3)
          yield* Effect.forkDetach(device.write([{ offset: 0, bytes }]), { startImmediately: true })
          yield* Scope.close(scope, Exit.void)
          assert.isTrue(fs.readFileSync(file).every((byte) => byte === 3))
          for (const call of [device.read([sector(0)]), device.write([sector(0)]), device.sync, device.size]) {
            assert.strictEqual((yield* Effect.flip(call)).code, "EBADF")
          }
        })
      )
    })
  }

  it.effect("writes small batches with one call of the system, and syncs them at once", () =>
    Effect.gen(function* () {
      const file = yield* image
      const device = yield* FileDevice.make({ path: file, size: 1 << 20, zeroAheadBytes: 0 })
      // On a machine that is busy these calls might take so long that the device turns to the thread pool.
      const clock = vi.spyOn(performance, "now").mockReturnValue(0)
      yield* Effect.addFinalizer(() => Effect.sync(() => clock.mockRestore()))
      const calls: Array<string> = []
      const { fdatasync, fdatasyncSync, writev, writevSync } = fs
      const later =
        (name: string, original: unknown) =>
        (...parameters: Array<unknown>) => {
          calls.push(name)
          return (original as (...all: Array<unknown>) => void)(...parameters)
        }
      yield* replacing({
        writevSync: later("writevSync", writevSync),
        fdatasyncSync: later("fdatasyncSync", fdatasyncSync),
        writev: later("writev", writev),
        fdatasync: later("fdatasync", fdatasync)
      } as unknown as Partial<typeof fs>)
      const pages = Array.from({ length: 4 }, (_, i) => ({ offset: i * 4096, bytes: new Uint8Array(4096) }))
      yield* device.write(pages)
      yield* device.sync
      yield* device.write([{ offset: 0, bytes: new Uint8Array(1 << 20) }])
      yield* device.sync
      assert.deepStrictEqual(calls, ["writevSync", "fdatasyncSync", "writev", "fdatasync"])
    })
  )

  it.effect("fills a hole with zeros ahead of a small write, and not ahead of one that is long enough itself", () =>
    Effect.gen(function* () {
      const file = yield* image
      const device = yield* FileDevice.make({ path: file, size: 32 << 20 })
      const clock = vi.spyOn(performance, "now").mockReturnValue(0)
      yield* Effect.addFinalizer(() => Effect.sync(() => clock.mockRestore()))
      const written: Array<number> = []
      const { writevSync } = fs
      yield* replacing({
        writevSync: (fd: number, buffers: ReadonlyArray<Uint8Array>, position: number) => {
          written.push(buffers.reduce((sum, { length }) => sum + length, 0))
          return writevSync(fd, buffers, position)
        }
      } as unknown as Partial<typeof fs>)
      yield* device.write([{ offset: 0, bytes: new Uint8Array(300 << 10) }])
      yield* device.write([{ offset: 8 << 20, bytes: new Uint8Array(4096) }])
      assert.deepStrictEqual(written, [300 << 10, 1 << 20, 4096])
    })
  )

  it.effect("lets others run between the pieces of a large batch, and carries it out whole", () =>
    Effect.gen(function* () {
      const file = yield* image
      const options = { path: file, size: 4 << 20, zeroAheadBytes: 0, synchronousBytesMax: 65536 }
      const device = yield* FileDevice.make(options)
      const pages = Array.from({ length: 256 }, (_, i) => ({ offset: i * 8192, bytes: new Uint8Array(4096).fill(i) }))
      let turns = 0
      const counter = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.sync(() => turns++),
            Effect.yieldNow
          )
        ),
        { startImmediately: true }
      )
      const writer = yield* Effect.forkChild(device.write(pages), { startImmediately: true })
      yield* Fiber.interrupt(writer)
      yield* Fiber.interrupt(counter)
      assert.isAtLeast(turns, 4)
      const found = pages.map(({ offset }) => ({ offset, bytes: new Uint8Array(4096) }))
      yield* device.read(found)
      assert.deepStrictEqual(found, pages)
    })
  )

  it.effect("leaves synchronous calls while the system is slow", () =>
    Effect.gen(function* () {
      const file = yield* image
      const device = yield* FileDevice.make({ path: file, size: 1 << 20, zeroAheadBytes: 0 })
      let slow = true
      const kinds: Array<string> = []
      const { fdatasync, fdatasyncSync } = fs
      yield* replacing({
        fdatasyncSync: (fd) => {
          kinds.push("synchronous")
          if (slow) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
          fdatasyncSync(fd)
        },
        fdatasync: ((fd: number, done: () => void) => {
          kinds.push("pool")
          fdatasync(fd, done)
        }) as unknown as typeof fs.fdatasync
      })
      yield* device.sync
      slow = false
      yield* device.sync
      assert.deepStrictEqual(kinds, ["synchronous", "pool"])
      for (let i = 0; i < 100 && kinds[kinds.length - 1] === "pool"; i++) yield* device.sync
      assert.strictEqual(kinds[kinds.length - 1], "synchronous")
    })
  )
})
