import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Show from "../../src/cli/Show.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

const done = (outcome: Tool.Outcome): void => assert.deepStrictEqual([outcome.status, outcome.err], [0, ""])

const prepare = (formatFlags: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const folder = yield* TemporaryFolder.make
    const image = path.join(folder, "image")
    done(yield* Tool.run(["format", image, "--size", "128MiB", ...formatFlags]))
    return { image, at: (...names: ReadonlyArray<string>) => path.join(folder, ...names) }
  })

describe("import and export", () => {
  for (const flags of [[], ["--page-size", "64KiB"], ["--page-size", "2KiB", "--checksum", "sha256"]]) {
    it.live(`keep all of a nasty tree ${flags.join(" ")}`, () =>
      Effect.gen(function* () {
        const { at, image } = yield* prepare(flags)
        fs.mkdirSync(at("original"))
        HostFolder.plantNasty(at("original"))
        const original = HostFolder.describe(at("original"))
        done(yield* Tool.run(["import", image, at("original"), "@/nasty"]))
        done(yield* Tool.run(["check", image, "--deep"]))
        done(yield* Tool.run(["export", image, "@/nasty", at("copy")]))
        assert.deepStrictEqual(HostFolder.differences(original, HostFolder.describe(at("copy"))), [])
        // Holes stay holes, and times in the volume are exact.
        const copy = HostFolder.describe(at("copy"))
        assert.isBelow(copy.get("holes")?.blocks ?? Infinity, 1024)
        assert.strictEqual(copy.get("only a hole")?.blocks, 0)
        const stat = JSON.parse((yield* Tool.run(["stat", image, "/nasty/empty", "--json"])).out)
        assert.strictEqual(stat.modifyTime, Show.isoTime(original.get("empty")?.mtime ?? BigInt(0)))
        assert.match(stat.modifyTime, /^1954-12-13T23:04:05\.1234567\d\dZ$/)
        // Inside the volume a copy is as good.
        done(yield* Tool.run(["cp", "-r", image, "@/nasty", "@/again"]))
        done(yield* Tool.run(["cp", "-r", image, "@/again", at("out")]))
        assert.deepStrictEqual(HostFolder.differences(original, HostFolder.describe(at("out"))), [])
        done(yield* Tool.run(["cp", "-r", image, at("original"), "@/by cp"]))
        done(yield* Tool.run(["export", image, "@/by cp", at("third")]))
        assert.deepStrictEqual(HostFolder.differences(original, HostFolder.describe(at("third"))), [])
        done(yield* Tool.run(["check", image, "--deep"]))
        // Removed again, all of it is free again.
        const before = JSON.parse((yield* Tool.run(["info", image, "--json"])).out)
        done(yield* Tool.run(["rm", "-r", image, "/nasty", "/again", "/by cp"]))
        done(yield* Tool.run(["check", image, "--deep"]))
        const after = JSON.parse((yield* Tool.run(["info", image, "--json"])).out)
        assert.strictEqual(after.inodes, 1)
        assert.isBelow(after.used, before.used / 10)
      })
    )
  }

  it.live("take the root for the place that is left out", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare()
      HostFolder.plant(at("original"), { "a/b": "b", c: "c" })
      fs.chmodSync(at("original"), 0o750)
      done(yield* Tool.run(["import", image, at("original")]))
      done(yield* Tool.run(["export", image, at("copy")]))
      const original = HostFolder.describe(at("original"))
      assert.deepStrictEqual(HostFolder.differences(original, HostFolder.describe(at("copy"))), [])
      // An empty folder will do, too.
      fs.mkdirSync(at("empty"))
      done(yield* Tool.run(["export", image, "@/", at("empty")]))
      assert.deepStrictEqual(HostFolder.differences(original, HostFolder.describe(at("empty"))), [])
    })
  )
})
