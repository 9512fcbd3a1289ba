import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as RawDisk from "../../src/shell/RawDisk.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"

/** The tool that makes disks of files. */
const losetup = "losetup"

/** A loop device, where this user may make one. */
const loopDevice = (file: string): string | undefined => {
  try {
    return execFileSync(losetup, ["--find", "--show", file], { encoding: "utf8", stdio: "pipe" }).trim()
  } catch {
    return undefined
  }
}

describe("RawDisk", () => {
  it.effect("finds the end by reading", () =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      const fd = fs.openSync(path.join(folder, "file"), "w+")
      for (const blocks of [0, 1, 2, 3, 7, 8, 9, 1000, 262_144, 268_435_457]) {
        fs.ftruncateSync(fd, blocks * 4096)
        assert.strictEqual(RawDisk.probeBytes(fd), blocks * 4096)
      }
      fs.closeSync(fd)
    })
  )

  it.effect("is a device like any other", (context) =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      const file = path.join(folder, "disk")
      fs.writeFileSync(file, "")
      fs.truncateSync(file, 3 << 20)
      const disk = loopDevice(file)
      if (disk === undefined) return context.skip()
      yield* Effect.addFinalizer(() => Effect.sync(() => execFileSync(losetup, ["--detach", disk])))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const device = yield* FileDevice.make({ path: disk })
          assert.strictEqual(yield* device.size, 3 << 20)
          assert.isAtLeast(device.sectorBytes, 512)
          const range = { offset: 1 << 20, bytes: new Uint8Array(65536).fill(7) }
          yield* device.write([range])
          yield* device.sync
          const bytes = new Uint8Array(65536)
          yield* device.read([{ offset: 1 << 20, bytes }])
          assert.deepStrictEqual(bytes, range.bytes)
          const failure = yield* Effect.flip(device.grow(4 << 20))
          assert.strictEqual(failure.code, "ENOTSUP")
          assert.strictEqual((yield* Effect.flip(FileDevice.make({ path: disk })))._tag, "Locked")
        })
      )
      assert.strictEqual(fs.readFileSync(file)[1 << 20], 7)
    })
  )
})
