/**
 * Sources that change or vanish between the walk and the end of their reading.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HostSource from "../../src/cli/HostSource.ts"
import * as Importing from "../../src/cli/Importing.ts"
import * as Source from "../../src/cli/Source.ts"
import * as Files from "../../src/shell/Files.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"

const layer = () => Layer.provide(Volume.layer(), MemoryDevice.layer({ size: 32 * 1024 * 1024 }))

const changes: Readonly<Record<string, readonly [what: "changed" | "vanished", change: (folder: string) => void]>> = {
  "a file that grows": ["changed", (folder) => fs.appendFileSync(path.join(folder, "small"), "x")],
  "a file that shrinks": ["changed", (folder) => fs.truncateSync(path.join(folder, "small"), 3)],
  "a large file that grows": ["changed", (folder) => fs.appendFileSync(path.join(folder, "large"), "x")],
  "a large file that shrinks": ["changed", (folder) => fs.truncateSync(path.join(folder, "large"), 2_000_000)],
  "other content of the same size": ["changed", (folder) => fs.writeFileSync(path.join(folder, "small"), "CONTENT")],
  "a file that vanishes": ["vanished", (folder) => fs.rmSync(path.join(folder, "small"))],
  "a large file that vanishes": ["vanished", (folder) => fs.rmSync(path.join(folder, "large"))],
  "a file that is replaced": [
    "changed",
    (folder) => {
      fs.writeFileSync(path.join(folder, "new"), "content")
      const { atime, mtime } = fs.statSync(path.join(folder, "small"))
      fs.utimesSync(path.join(folder, "new"), atime, mtime)
      fs.renameSync(path.join(folder, "new"), path.join(folder, "small"))
    }
  ],
  "a file that becomes a link": [
    "changed",
    (folder) => {
      fs.rmSync(path.join(folder, "small"))
      fs.symlinkSync("large", path.join(folder, "small"))
    }
  ],
  "a link that leads elsewhere": [
    "changed",
    (folder) => {
      fs.rmSync(path.join(folder, "link"))
      fs.symlinkSync("elsewhere", path.join(folder, "link"))
    }
  ],
  "a new file": ["changed", (folder) => fs.writeFileSync(path.join(folder, "sub", "new"), "")],
  "a folder that vanishes": ["vanished", (folder) => fs.rmSync(path.join(folder, "sub"), { recursive: true })]
}

describe("a source", () => {
  for (const [name, [what, change]] of Object.entries(changes)) {
    it.live(`is refused for ${name}, and nothing of it stays`, () =>
      Effect.gen(function* () {
        const folder = yield* TemporaryFolder.make
        HostFolder.plant(folder, { "in/sub/file": "1", "in/small": "content", "in/large": HostFolder.noise(3_000_000) })
        fs.symlinkSync("small", path.join(folder, "in", "link"))
        fs.writeFileSync(path.join(folder, "image"), "")
        const volume = yield* Volume.Volume
        yield* Files.writeFile(volume, "/kept", Buffer.from("kept"))
        const source = yield* HostSource.make(path.join(folder, "in"), path.join(folder, "image"), true)
        change(path.join(folder, "in"))
        const error = yield* Effect.flip(
          volume.transaction(
            Effect.flatMap(Importing.goalAt(volume, "/in", "Folder"), (goal) =>
              Importing.run(volume, source, goal, () => Effect.void)
            )
          )
        )
        assert.deepInclude(error, { _tag: "SourceChanged", what })
        assert.deepStrictEqual(
          (yield* Files.readFolder(volume, "/")).map((entry) => entry.name),
          ["kept"]
        )
        assert.strictEqual((yield* volume.check({ deep: true })).problemCount, 0)
      }).pipe(Effect.provide(layer()))
    )
  }

  it.live("stands in the order of bytes, a folder before its entries", () =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      HostFolder.plant(folder, { "b/z": "", "b/a": "", a: "", "\uff5e": "", "\u{1f680}": "", image: "" })
      fs.renameSync(path.join(folder, "image"), `${folder}.image`)
      const source = yield* HostSource.make(folder, `${folder}.image`, true)
      fs.rmSync(`${folder}.image`)
      assert.deepStrictEqual(
        source.entries.map((_, index) => path.relative(folder, Source.pathOf(source, index))),
        ["", "a", "b", "\uff5e", "\u{1f680}", "b/a", "b/z"]
      )
    })
  )

  it("finds what is written in a piece with holes", () => {
    const bytes = new Uint8Array(65536 * 4 + 10)
    assert.deepStrictEqual(Source.writtenParts(bytes), [])
    bytes[65536 * 4 + 9] = 1
    bytes[65536] = 1
    bytes[65536 * 3 - 1] = 1
    assert.deepStrictEqual(Source.writtenParts(bytes), [
      [65536, 65536 * 3],
      [65536 * 4, 65536 * 4 + 10]
    ])
  })
})
