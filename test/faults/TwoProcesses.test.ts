/**
 * T10: real processes on one real file. Beside a writer a reader gets the right bytes of one state or `ViewExpired`, and never
 * goes back; a second writer gets `Locked`. NOTAFS_SECONDS says how long (20 by default).
 */
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tool from "../cli/Tool.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as Scale from "../torture/Scale.ts"

/** Whether there is a lock file; it is a link that leads nowhere. */
const isLocked = (image: string): boolean => fs.lstatSync(`${image}.lock`, { throwIfNoEntry: false }) !== undefined

const seconds = Scale.number("SECONDS", 20)
const script = fileURLToPath(new URL("./twoProcesses.ts", import.meta.url))

const start = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = childProcess.spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] })
      const isReady = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()))
      return { child, isReady, ended: Tool.ending(child) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const lastLine = (out: string): Record<string, unknown> => JSON.parse(out.split("\n").at(-1) ?? "")

describe("processes on one file", () => {
  it.live(
    "a writer, two readers, and writers that come too late",
    () =>
      Effect.gen(function* () {
        const folder = yield* TemporaryFolder.make
        const image = path.join(folder, "image")
        assert.deepInclude(yield* Tool.run(["format", image, "--size", "4MiB"]), { status: 0 })
        const writer = yield* start("writer", image, String(seconds))
        yield* Effect.promise(() => writer.isReady)
        const readers = [
          yield* start("reader", image, String(seconds - 1), String(64 * 1024)),
          yield* start("reader", image, String(seconds - 1), String(32 * 1024 * 1024))
        ]
        let locked = 0
        for (; locked < 3; locked++) {
          const late = yield* Effect.promise(() => Tool.ending(Tool.start(["touch", image, "/late"])))
          assert.strictEqual(late.status, 1)
          assert.match(late.err, new RegExp(`is held by process ${writer.child.pid} `))
        }
        const written = yield* Effect.promise(() => writer.ended)
        assert.deepInclude(written, { status: 0, err: "" })
        const { rounds } = lastLine(written.out)
        assert.isAbove(Number(rounds), 20)
        for (const reader of readers) {
          const { err, out, status } = yield* Effect.promise(() => reader.ended)
          assert.strictEqual(status, 0, `${out}\n${err}`)
          const seen = lastLine(out)
          console.log(JSON.stringify({ test: "T10", seconds, written: rounds, locked, ...seen }))
          assert.isAbove(Number(seen["views"]), 5)
          assert.isAbove(Number(seen["expired"]) + Number(seen["checksExpired"]), 0)
        }
        assert.isFalse(isLocked(image))
        assert.deepInclude(yield* Tool.run(["check", image, "--deep"]), { status: 0, err: "" })
      }).pipe(Effect.scoped),
    (seconds + 50) * 1000
  )
})
