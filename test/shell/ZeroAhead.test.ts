import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { runs } from "../../src/shell/Batching.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import { ZeroAhead } from "../../src/shell/ZeroAhead.ts"
import { Random } from "../../src/testing/Random.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"

const kibibytes = 1024
const size = 16 << 20

const sparseFile = Effect.gen(function* () {
  const folder = yield* TemporaryFolder.make
  const file = path.join(folder, "image")
  const fd = yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(file, "w+")),
    (opened) => Effect.sync(() => fs.closeSync(opened))
  )
  fs.ftruncateSync(fd, size)
  return { fd, allocated: () => (fs.fsyncSync(fd), fs.fstatSync(fd).blocks * 512) }
})

const at = (offset: number, byteCount = 4096) => runs([{ offset, bytes: new Uint8Array(byteCount) }])

describe("ZeroAhead", () => {
  it.effect("fills the holes around a small write, once", () =>
    Effect.gen(function* () {
      const { allocated, fd } = yield* sparseFile
      const zeros = new ZeroAhead(fd, 256 * kibibytes, size)
      assert.strictEqual(zeros.prepare(at(300 * kibibytes), size), 256 * kibibytes)
      assert.strictEqual(zeros.prepare(at(256 * kibibytes), size), 0)
      assert.isAtLeast(allocated(), 256 * kibibytes)
      assert.isBelow(allocated(), 512 * kibibytes)
      // Across a border: both sides.
      assert.strictEqual(zeros.prepare(at(1022 * kibibytes), size), 512 * kibibytes)
    })
  )

  it.effect("leaves alone what is written, and what a write covers by itself", () =>
    Effect.gen(function* () {
      const { fd } = yield* sparseFile
      const zeros = new ZeroAhead(fd, 256 * kibibytes, size)
      fs.writeSync(fd, new Uint8Array(1).fill(1), 0, 1, 70 * kibibytes)
      assert.strictEqual(zeros.prepare(at(0), size), 192 * kibibytes)
      assert.strictEqual(zeros.prepare(at(1024 * kibibytes, 512 * kibibytes), size), 0)
      assert.strictEqual(fs.readSync(fd, new Uint8Array(1), 0, 1, 70 * kibibytes), 1)
    })
  )

  it.effect("does nothing while what is written goes where something is", () =>
    Effect.gen(function* () {
      const { allocated, fd } = yield* sparseFile
      fs.writeSync(fd, new Uint8Array(1).fill(1), 0, 1, 70 * kibibytes)
      const before = allocated()
      const zeros = new ZeroAhead(fd, 256 * kibibytes, size)
      assert.strictEqual(zeros.prepare(at(80 * kibibytes), size), 0)
      assert.strictEqual(zeros.prepare(at(72 * kibibytes), size), 0)
      assert.strictEqual(allocated(), before)
      // Into a hole beside it, and across the border to one.
      assert.strictEqual(zeros.prepare(at(126 * kibibytes), size), 192 * kibibytes)
      assert.strictEqual(zeros.prepare(at(0), size), 0)
    })
  )

  it.effect("reads nothing of a new file, and leaves alone what was written to since", () =>
    Effect.gen(function* () {
      const { fd } = yield* sparseFile
      const zeros = new ZeroAhead(fd, 256 * kibibytes, size, true)
      const write = (offset: number, byteCount: number) => {
        zeros.written(at(offset, byteCount))
        fs.writeSync(fd, new Uint8Array(byteCount).fill(1), 0, byteCount, offset)
      }
      write(500 * kibibytes, 24 * kibibytes)
      // Not told of it: so it is overwritten, which shows that nothing was read.
      fs.writeSync(fd, new Uint8Array(1).fill(1), 0, 1, 1100 * kibibytes)
      assert.strictEqual(zeros.prepare(at(1024 * kibibytes), size), 256 * kibibytes)
      const byte = new Uint8Array([1])
      fs.readSync(fd, byte, 0, 1, 1100 * kibibytes)
      assert.strictEqual(byte[0], 0)
      // On both sides of the border that was written across, holes are found by reading.
      assert.strictEqual(zeros.prepare(at(256 * kibibytes), size), 192 * kibibytes)
      assert.strictEqual(zeros.prepare(at(600 * kibibytes), size), 192 * kibibytes)
      const across = new Uint8Array(24 * kibibytes)
      fs.readSync(fd, across, 0, across.length, 500 * kibibytes)
      assert.isTrue(across.every((value) => value === 1))
      assert.strictEqual(zeros.prepare(at(1024 * kibibytes), size), 0)
    })
  )

  it.effect("takes smaller steps on a small file, and never reaches beyond its end", () =>
    Effect.gen(function* () {
      const { fd } = yield* sparseFile
      fs.ftruncateSync(fd, 100 * kibibytes)
      const zeros = new ZeroAhead(fd, 4096 * kibibytes, 100 * kibibytes)
      assert.strictEqual(zeros.prepare(at(0), 100 * kibibytes), 64 * kibibytes)
      assert.strictEqual(zeros.prepare(at(96 * kibibytes), 100 * kibibytes), 0)
      assert.strictEqual(fs.fstatSync(fd).size, 100 * kibibytes)
      fs.ftruncateSync(fd, 128 * kibibytes)
      assert.strictEqual(zeros.prepare(at(96 * kibibytes), 128 * kibibytes), 64 * kibibytes)
    })
  )

  it.effect("stops for good where it fails, and says nothing", () =>
    Effect.gen(function* () {
      const { fd } = yield* sparseFile
      const zeros = new ZeroAhead(fd, 64 * kibibytes, size)
      fs.ftruncateSync(fd, 0)
      assert.strictEqual(zeros.prepare(at(0), size), 0)
      fs.ftruncateSync(fd, size)
      assert.strictEqual(zeros.prepare(at(0), size), 0)
      assert.strictEqual(zeros.prepare(at(1 << 20), size), 0)
    })
  )

  it.effect("never changes a byte, whatever is written in whatever order", () =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      const file = path.join(folder, "image")
      for (let seed = 0; seed < 8; seed++) {
        const random = new Random(seed)
        const model = new Uint8Array(4 << 20)
        fs.rmSync(file, { force: true })
        for (let session = 0; session < 3; session++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const device = yield* FileDevice.make({ path: file, size: model.length, zeroAheadBytes: 128 * kibibytes })
              const write = Effect.suspend(() => {
                const count = random.chance(0.2) ? 1 + random.below(400) : 1 + random.below(8)
                const offset = random.below(model.length / 512 - count) * 512
                const bytes = random.chance(0.2) ? new Uint8Array(count * 512) : random.bytes(count * 512)
                model.set(bytes, offset)
                return device.write([{ offset, bytes }])
              })
              // Large writes go through the thread pool while small ones beside them go on.
              for (let round = 0; round < 40; round++) {
                const large = random.bytes(150 * 512)
                const small = random.bytes(512)
                const place = random.below((model.length - large.length) / 512 - 1) * 512
                const near = place + large.length
                model.set(large, place)
                model.set(small, near)
                yield* Effect.all(
                  [
                    device.write([{ offset: place, bytes: large }]),
                    device.write([{ offset: near, bytes: small }]),
                    device.write([])
                  ],
                  { concurrency: "unbounded" }
                )
                yield* write
              }
              yield* device.sync
            })
          )
          assert.isTrue(fs.readFileSync(file).equals(model), `seed ${seed}, session ${session}`)
        }
      }
    })
  )
})
