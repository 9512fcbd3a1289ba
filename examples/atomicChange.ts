/**
 * An atomic change of several files: a new release of three pages, put in place while somebody reads them all the time.
 */
import { deepStrictEqual, strictEqual } from "node:assert"
import { Effect, Fiber, FileSystem, Layer } from "effect"
import { MemoryDevice, Volume, VolumeFileSystem } from "notafs"

const pages = ["/index.html", "/style.css", "/script.js"]

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume

  const release = (version: string) =>
    volume.transaction(
      // Between two pages others have their turn.
      Effect.forEach(pages, (page) => Effect.andThen(fs.writeFileString(page, version), Effect.sleep("5 millis")))
    )
  yield* release("one")

  const seen = new Set<string>()
  const look = volume.view(Effect.forEach(pages, (page) => fs.readFileString(page))).pipe(
    Effect.tap((versions) => Effect.sync(() => seen.add(versions.join(" ")))),
    Effect.andThen(Effect.sleep("1 millis"))
  )
  const visitor = yield* Effect.forkChild(Effect.forever(look), { startImmediately: true })
  const before = yield* volume.statistics
  yield* release("two")
  const after = yield* volume.statistics
  yield* Fiber.interrupt(visitor)
  yield* look

  strictEqual(after.commits - before.commits, 1)
  deepStrictEqual([...seen], ["one one one", "two two two"])
  console.log(`${pages.length} pages were changed in one commit.`)
  console.log(`A visitor saw: ${[...seen].join(", then ")}.`)
})

const layer = VolumeFileSystem.layer.pipe(
  Layer.provideMerge(Volume.layer()),
  Layer.provide(MemoryDevice.layer({ size: 16 * 1024 * 1024 }))
)
await Effect.runPromise(Effect.provide(program, layer))
