/**
 * The tool that watches beside processes that write.
 */
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as Tool from "./Tool.ts"

const call = (...args: ReadonlyArray<string>) => Effect.promise(() => Tool.ending(Tool.start(args)))

/** A process that watches, and has seen its first change. */
const watching = (image: string, ...flags: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const child = Tool.start(["watch", image, "--interval", "20", ...flags])
      const ended = Tool.ending(child)
      const seen: Array<string> = []
      child.stdout?.on("data", (chunk: Buffer) => seen.push(chunk.toString()))
      const until = (text: string) =>
        Effect.gen(function* () {
          for (let i = 0; i < 500 && !seen.join("").includes(text); i++) yield* Effect.sleep(20)
          assert.include(seen.join(""), text)
        })
      for (let i = 0; i < 100 && seen.length === 0; i++) {
        yield* Tool.run(["touch", image, "/first"])
        yield* Effect.sleep(100)
      }
      yield* until("/first")
      return { child, ended, until }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("notafs watch", () => {
  it.live("prints what other processes commit, until it is interrupted", () =>
    Effect.gen(function* () {
      const image = path.join(yield* TemporaryFolder.make, "image")
      yield* Tool.run(["format", image, "--size", "16MiB"])
      const text = yield* watching(image)
      const json = yield* watching(image, "--json")
      const steps = [
        [["mkdir", image, "/folder"], "A /folder/\n", '"Added","path":"/folder",'],
        [["touch", image, "/folder/x"], "A /folder/x\n", '"Added","path":"/folder/x",'],
        [["mv", image, "/folder/x", "/y"], "R /folder/x -> /y\n", '"Renamed","path":"/y",'],
        [["rm", image, "/y"], "D /y\n", '"Removed","path":"/y",']
      ] as const
      for (const [args, line, part] of steps) {
        yield* args[0] === "mv" ? call(...args) : Tool.run(args)
        yield* text.until(line)
        yield* json.until(part)
      }
      for (const { child } of [text, json]) child.kill("SIGINT")
      const shown = yield* Effect.promise(() => text.ended)
      assert.deepStrictEqual([shown.status, shown.err], [0, ""])
      const lines = shown.out.split("\n")
      assert.deepStrictEqual(lines.slice(lines.indexOf("A /folder/")), [
        "A /folder/",
        "A /folder/x",
        "R /folder/x -> /y",
        "D /y"
      ])
      const told = yield* Effect.promise(() => json.ended)
      assert.deepStrictEqual([told.status, told.err], [0, ""])
      const events = told.out.split("\n").map((line) => JSON.parse(line))
      const renamed = events.find(({ change }) => change === "Renamed")
      assert.deepInclude(renamed, { path: "/y", from: "/folder/x", type: "File" })
      assert.isAbove(renamed.generation, 0)
    })
  )

  it.live("ends when nobody reads what it prints", () =>
    Effect.gen(function* () {
      const image = path.join(yield* TemporaryFolder.make, "image")
      yield* Tool.run(["format", image, "--size", "16MiB"])
      const { child, ended } = yield* watching(image)
      child.stdout?.destroy()
      for (let i = 0; i < 100 && child.exitCode === null; i++) yield* Tool.run(["touch", image, `/${i}`])
      assert.deepInclude(yield* Effect.promise(() => ended), { status: 0, err: "" })
    })
  )

  it.live("refuses what it cannot watch", () =>
    Effect.gen(function* () {
      const image = path.join(yield* TemporaryFolder.make, "image")
      const missing = yield* Tool.run(["watch", image])
      assert.strictEqual(missing.status, 1)
      assert.match(missing.err, /image does not exist\. Make a volume/)
      assert.strictEqual((yield* Tool.run(["watch", image, "--interval", "0"])).status, 2)
    })
  )
})
