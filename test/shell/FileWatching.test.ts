/**
 * What effect's `FileSystem` tells of changes, on a volume.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Stream } from "effect"
import * as TestClock from "effect/testing/TestClock"
import { MemoryDevice, Volume, VolumeFileSystem } from "../../src/index.ts"
import { MEBIBYTE } from "./TestVolume.ts"

const layer = VolumeFileSystem.layer.pipe(
  Layer.provideMerge(Volume.layer()),
  Layer.provide(MemoryDevice.layer({ size: 4 * MEBIBYTE }))
)

/** What is told of a path; `next` gives the events since the last time. */
const watched = Effect.fnUntraced(function* (path: string, options?: { readonly recursive?: boolean }) {
  const fs = yield* FileSystem.FileSystem
  const events: Array<string> = []
  const ready: Array<string> = []
  const onReady = () => void ready.push(path)
  const all = Stream.runForEach(fs.watch(path, { ...options, onReady }), ({ _tag, path: where }) =>
    Effect.sync(() => events.push(`${_tag} ${where}`))
  )
  yield* Effect.forkScoped(all, { startImmediately: true })
  for (let i = 0; i < 20 && ready.length === 0; i++) yield* Effect.yieldNow
  assert.deepStrictEqual(ready, [path])
  return Effect.gen(function* () {
    yield* TestClock.adjust("1 second")
    for (let i = 0; i < 50; i++) yield* Effect.yieldNow
    return events.splice(0).toSorted()
  })
})

describe("watch", () => {
  it.effect("tells what happens in a folder, and not below it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory("/in/deep", { recursive: true })
      yield* fs.writeFileString("/in/old", "1")
      const next = yield* watched("/in")
      yield* fs.writeFileString("/in/new", "1")
      yield* fs.writeFileString("/in/old", "2")
      yield* fs.writeFileString("/in/deep/other", "1")
      yield* fs.writeFileString("/inside", "1")
      assert.deepStrictEqual(yield* next, ["Create new", "Update old"])
      yield* fs.rename("/in/new", "/in/newer")
      yield* fs.remove("/in/old")
      assert.deepStrictEqual(yield* next, ["Create newer", "Remove new", "Remove old"])
      yield* fs.rename("/in/newer", "/out")
      yield* fs.rename("/inside", "/in/side")
      assert.deepStrictEqual(yield* next, ["Create side", "Remove newer"])
      assert.deepStrictEqual(yield* next, [])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("tells what happens below a folder, if that is asked for, and through a link", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory("/in/deep", { recursive: true })
      yield* fs.symlink("in", "/link")
      const next = yield* watched("/link", { recursive: true })
      yield* fs.writeFileString("/in/deep/file", "1")
      assert.deepStrictEqual(yield* next, ["Create deep/file"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("tells what happens to a file, and nothing of what was rolled back", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const volume = yield* Volume.Volume
      yield* fs.writeFileString("/file", "1")
      yield* fs.writeFileString("/other", "1")
      const next = yield* watched("/file")
      yield* Effect.exit(volume.transaction(Effect.andThen(fs.writeFileString("/file", "2"), Effect.fail("no"))))
      yield* fs.writeFileString("/other", "2")
      assert.deepStrictEqual(yield* next, [])
      yield* fs.chmod("/file", 0o600)
      assert.deepStrictEqual(yield* next, ["Update file"])
      yield* fs.remove("/file")
      assert.deepStrictEqual(yield* next, ["Remove file"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.effect("fails where nothing is", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const error = yield* Effect.flip(Stream.runDrain(fs.watch("/nothing")))
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.include(error.reason, { method: "watch" })
    }).pipe(Effect.provide(layer))
  )
})
