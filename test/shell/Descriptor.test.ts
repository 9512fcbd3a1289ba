import fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Run, runs } from "../../src/shell/Batching.ts"
import * as Descriptor from "../../src/shell/Descriptor.ts"
import * as SystemCalls from "./SystemCalls.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"

const openFile = Effect.gen(function* () {
  const folder = yield* TemporaryFolder.make
  return yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path.join(folder, "file"), "w+")),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )
})

const transferAsync = (fd: number, direction: Descriptor.Direction, list: ReadonlyArray<Run>) =>
  Effect.callback<Descriptor.Stop | undefined>((resume) =>
    Descriptor.transfer(fd, direction, list, (stop) => resume(Effect.succeed(stop)))
  )

const transferSync = (fd: number, direction: Descriptor.Direction, list: ReadonlyArray<Run>) =>
  Effect.sync(() => Descriptor.transferSync(fd, direction, list))

/** Three runs of several buffers each, whose bytes tell where they belong. */
const ranges = (fill: boolean) =>
  [0, 512, 1536, 4096, 4608, 9216].map((offset) => ({
    offset,
    bytes: Uint8Array.from({ length: offset === 512 ? 1024 : 512 }, (_, i) => (fill ? (offset / 512 + i) % 251 : 0))
  }))

/** Lets the system transfer only some bytes at a time. */
const shortCalls = (byteCount: number) => {
  const cut = (buffers: ReadonlyArray<NodeJS.ArrayBufferView>): Array<Uint8Array> => {
    const first = buffers[0] as Uint8Array
    return [first.subarray(0, byteCount)]
  }
  const { readv, readvSync, writev, writevSync } = fs
  let calls = 0
  const restore = SystemCalls.replace({
    readvSync: (fd, buffers, position) => (calls++, readvSync(fd, cut(buffers), position)),
    writevSync: (fd, buffers, position) => (calls++, writevSync(fd, cut(buffers), position)),
    readv: ((fd: number, buffers: ReadonlyArray<Uint8Array>, position: number, done: never) => (
      calls++,
      readv(fd, cut(buffers), position, done)
    )) as unknown as typeof fs.readv,
    writev: ((fd: number, buffers: ReadonlyArray<Uint8Array>, position: number, done: never) => (
      calls++,
      writev(fd, cut(buffers), position, done)
    )) as unknown as typeof fs.writev
  })
  return { restore, calls: () => calls }
}

for (const [name, transfer] of Object.entries({ transferSync, transferAsync })) {
  describe(`Descriptor.${name}`, () => {
    for (const byteCount of [1 << 20, 512, 100, 37]) {
      it.effect(`finishes what the system cuts to ${byteCount} bytes`, () =>
        Effect.gen(function* () {
          const fd = yield* openFile
          const short = yield* Effect.acquireRelease(
            Effect.sync(() => shortCalls(byteCount)),
            (calls) => Effect.sync(calls.restore)
          )
          const written = ranges(true)
          assert.isUndefined(yield* transfer(fd, "write", runs(written)))
          const found = ranges(false)
          assert.isUndefined(yield* transfer(fd, "read", runs(found)))
          assert.deepStrictEqual(found, written)
          const expected = written.reduce((count, { bytes }) => count + Math.ceil(bytes.length / byteCount), 0)
          assert.strictEqual(short.calls(), 2 * expected)
        })
      )
    }

    it.effect("stops where the file ends", () =>
      Effect.gen(function* () {
        const fd = yield* openFile
        fs.ftruncateSync(fd, 1000)
        const stop = yield* transfer(fd, "read", runs([{ offset: 512, bytes: new Uint8Array(1024) }]))
        assert.deepStrictEqual(stop, { offset: 1000, error: undefined })
      })
    )

    it.effect("says where and why it stopped", () =>
      Effect.gen(function* () {
        const fd = yield* openFile
        fs.ftruncateSync(fd, 8192)
        const error = SystemCalls.systemError("EIO", "i/o error", "readv")
        const { readv, readvSync } = fs
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            SystemCalls.replace({
              readvSync: (file, buffers, position) => {
                if (position === 4096) throw error
                return readvSync(file, buffers, position)
              },
              readv: ((file: number, buffers: ReadonlyArray<Uint8Array>, position: number, done: never) =>
                position === 4096
                  ? setImmediate(() => (done as (e: Error) => void)(error))
                  : readv(file, buffers, position, done)) as unknown as typeof fs.readv
            })
          ),
          (restore) => Effect.sync(restore)
        )
        const list = runs([0, 1024, 2048, 4096, 5120, 6144].map((offset) => ({ offset, bytes: new Uint8Array(512) })))
        assert.deepStrictEqual(yield* transfer(fd, "read", list), { offset: 4096, error })
      })
    )

    it.effect.skipIf(!fs.existsSync("/dev/full"))("stops on a full device", () =>
      Effect.gen(function* () {
        const fd = yield* Effect.acquireRelease(
          Effect.sync(() => fs.openSync("/dev/full", "r+")),
          (opened) => Effect.sync(() => fs.closeSync(opened))
        )
        const stop = yield* transfer(fd, "write", runs(ranges(true)))
        assert.strictEqual(stop?.offset, 0)
        assert.include(String(stop?.error), "ENOSPC")
      })
    )

    it.effect("does nothing with nothing", () =>
      Effect.gen(function* () {
        assert.isUndefined(yield* transfer(-1, "write", []))
      })
    )
  })
}
