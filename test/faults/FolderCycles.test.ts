/**
 * Hostile images in which a folder stands in two places: inside itself, or in so many ways that no walk of all of them ends.
 * Whatever walks by folders ends with `Corrupt`, soon.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Inode from "../../src/core/Inode.ts"
import { copy } from "../../src/shell/FileCopy.ts"
import * as Files from "../../src/shell/Files.ts"
import * as KeyValue from "../../src/shell/KeyValue.ts"
import { Volume as VolumeService } from "../../src/shell/Volume.ts"
import * as Tool from "../cli/Tool.ts"
import { Volume } from "../core/CheckVolume.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import { ArrayDisk } from "./ArrayDisk.ts"
import { runFixed, type Service, withVolume } from "./FaultVolume.ts"
import { tagOf } from "./TrapVolume.ts"

/** More than any of these walks takes, and far less than one without an end. */
const CALLS_MAX = 5000

/** /top/inner/again is /top. */
const cycle = (): Volume => {
  const volume = new Volume()
  const top = volume.folder(Inode.ROOT, "top")
  const inner = volume.folder(top, "inner")
  volume.entry(inner, "again", { number: top, type: Inode.FOLDER })
  return volume
}

/** /top/a/a/a/..., and at each step b is the same folder as a: 2^30 ways. */
const ladder = (): Volume => {
  const volume = new Volume({ pageCount: 1024 })
  let folder = volume.folder(Inode.ROOT, "top")
  for (let step = 0; step < 30; step++) {
    const next = volume.folder(folder, "a")
    volume.entry(folder, "b", { number: next, type: Inode.FOLDER })
    folder = next
  }
  return volume
}

const images = { "a folder that stands in itself": cycle, "folders that stand in two places each": ladder }

const keysOf = (volume: Service): Effect.Effect<KeyValue.Interface> =>
  Effect.provide(
    Effect.map(KeyValue.KeyValue, (keys) => keys),
    Layer.provide(KeyValue.layer, Layer.succeed(VolumeService, volume))
  )

/** The tag that each of these ends with. */
const shell = (volume: Service) =>
  Effect.gen(function* () {
    return {
      walk: yield* tagOf(Files.walk(volume, "/")),
      copy: yield* tagOf(copy(volume, "/top", "/copied")),
      "copy of what is above": yield* tagOf(copy(volume, "/top/", "/other/copied")),
      exists: yield* tagOf(Files.stat(volume, "/copied"))
    }
  })

describe.each(Object.keys(images) as ReadonlyArray<keyof typeof images>)("%s", (name) => {
  it("ends every walk of the shell", { timeout: 20_000 }, async () => {
    const disk = new ArrayDisk(images[name]().disk.slice())
    disk.callsMax = CALLS_MAX
    const tags = await runFixed(withVolume(disk.device, { format: "never" }, shell))
    assert.deepStrictEqual(tags, {
      walk: "Corrupt",
      copy: "Corrupt",
      "copy of what is above": "Corrupt",
      // It left nothing.
      exists: "NotFound"
    })
  })

  it("ends every question about a dictionary", { timeout: 20_000 }, async () => {
    const disk = new ArrayDisk(images[name]().disk.slice())
    disk.callsMax = CALLS_MAX
    const tags = await runFixed(
      withVolume(disk.device, { readOnly: true, format: "never" }, (volume) =>
        Effect.gen(function* () {
          const keys = yield* keysOf(volume)
          return [yield* tagOf(keys.size("top")), yield* tagOf(keys.digest("")), yield* tagOf(keys.lastModified("/"))]
        })
      )
    )
    // Where links to folders are followed, two ways to one folder are no fault; a way into itself is.
    const expected = name === "a folder that stands in itself" ? "Corrupt" : "success"
    assert.deepStrictEqual(tags, [expected, expected, expected])
  })

  it.effect("ends every walk of the tool", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* TemporaryFolder.make
        const image = path.join(folder, "image")
        const out = path.join(folder, "out")
        const calls: ReadonlyArray<ReadonlyArray<string>> = [
          ["tree", image],
          ["tree", image, "--json"],
          ["tree", image, "/top"],
          ["export", image, out],
          ["cp", "-r", image, "@/top", out],
          ["cp", "-r", image, "@/top", "@/copied"]
        ]
        for (const args of calls) {
          fs.writeFileSync(image, images[name]().disk)
          const { err, status } = yield* Tool.run(args)
          assert.strictEqual(status, 1, args.join(" "))
          // The console of a test remembers what was said before.
          assert.match(
            err.split("\n").at(-1) ?? "",
            /is damaged \(.*\/top.*\): a folder stands in two places/,
            args.join(" ")
          )
          assert.isFalse(fs.existsSync(out), "what was made is taken away")
        }
      })
    )
  )
})
