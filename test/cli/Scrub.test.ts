/**
 * The scrub of the tool: what it says, and how it ends.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

describe("notafs scrub", () => {
  it.live("says what it read, and names what is damaged", () =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      const image = path.join(folder, "image")
      HostFolder.plant(path.join(folder, "in"), { "a/b": HostFolder.noise(500_000), c: "c" })
      yield* Tool.run(["format", image, "--size", "8MiB"])
      yield* Tool.run(["import", image, path.join(folder, "in"), "@/"])
      const sound = yield* Tool.run(["scrub", image, "--rate", "5MiB"])
      assert.deepInclude(sound, { status: 0, err: "" })
      assert.match(sound.out, /^\d+(\.\d)? KiB read in 0\.\d s\nNo problems\.$/)
      const bytes = fs.readFileSync(image)
      const needle = HostFolder.noise(500_000).subarray(100_000, 100_016)
      const fd = fs.openSync(image, "r+")
      fs.writeSync(fd, "x", bytes.indexOf(needle))
      fs.closeSync(fd)
      const damaged = yield* Tool.run(["scrub", image])
      assert.strictEqual(damaged.status, 1)
      assert.match(damaged.out, /^Checksum: a page does not match its checksum \(\/a\/b, page \d+\)\n.*\n1 problem\.$/)
      assert.match(damaged.err, /^notafs: .* has 1 problem\. Take out what is whole with: notafs rescue IMAGE OUTDIR$/)
      const report = JSON.parse((yield* Tool.run(["scrub", image, "--json"])).out)
      assert.deepInclude(report.problems[0], { code: "Checksum", path: "/a/b" })
    })
  )
})
