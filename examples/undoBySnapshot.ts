/**
 * Undo by snapshot: a clean-up that went too far is looked at, and taken back.
 */
import { deepStrictEqual } from "node:assert"
import { Effect, FileSystem, Layer, Stream } from "effect"
import { MemoryDevice, Volume, VolumeFileSystem } from "notafs"

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  yield* fs.makeDirectory("/photos")
  for (const name of ["beach", "forest", "city"]) yield* fs.writeFileString(`/photos/${name}`, `a photo of a ${name}`)
  yield* fs.writeFileString("/index", "beach forest city")

  yield* volume.snapshots.create("before the clean-up")
  yield* fs.remove("/photos", { recursive: true })
  yield* fs.writeFileString("/index", "")

  // What has it done?
  const changes = yield* Stream.runCollect(volume.diff("before the clean-up"))
  const lost = changes.flatMap((change) => (change._tag === "Removed" ? [change.path] : []))
  deepStrictEqual(lost.toSorted(), ["/photos", "/photos/beach", "/photos/city", "/photos/forest"])
  console.log(`Lost: ${lost.toSorted().join(" ")}`)

  yield* volume.snapshots.rollback("before the clean-up")
  const back = yield* Effect.forEach(["/photos/city", "/index"], (path) => fs.readFileString(path))
  deepStrictEqual(back, ["a photo of a city", "beach forest city"])
  deepStrictEqual(yield* Stream.runCollect(volume.diff("before the clean-up")), [])
  console.log(`Back: ${(yield* fs.readDirectory("/photos")).toSorted().join(" ")}`)
})

const layer = VolumeFileSystem.layer.pipe(
  Layer.provideMerge(Volume.layer()),
  Layer.provide(MemoryDevice.layer({ size: 16 * 1024 * 1024 }))
)
await Effect.runPromise(Effect.provide(program, layer))
