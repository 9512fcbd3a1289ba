/**
 * `kill -9` of a process that offers items to a queue and works on them, before each call of its device in turn. NOTAFS_QUEUE_KILLS
 * says how many kills there are.
 */
import * as childProcess from "node:child_process"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as VolumePersistedQueue from "../../src/shell/VolumePersistedQueue.ts"
import * as Scale from "../torture/Scale.ts"
import { ITEMS, queue } from "./killQueue.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"
import { MEBIBYTE } from "./TestVolume.ts"

const count = Scale.number("QUEUE_KILLS", 12)
const script = fileURLToPath(new URL("./killQueue.ts", import.meta.url))

interface Run {
  readonly signal: string | null
  readonly said: (word: string) => ReadonlyArray<string>
}

const start = (cache: string, args: ReadonlyArray<string>): Promise<Run> =>
  new Promise((resolve) => {
    const child = childProcess.spawn(process.execPath, [script, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: cache }
    })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.once("close", (_status, signal) => {
      const lines = out.split("\n").map((line) => line.split(" "))
      resolve({ signal, said: (word) => lines.flatMap(([first, rest]) => (first === word ? [rest] : [])) })
    })
  })

describe("a queue whose process is killed", () => {
  it.live(
    "delivers every item, and none again that was acknowledged as done",
    () =>
      Effect.gen(function* () {
        const folder = yield* TemporaryFolder.make
        const image = path.join(folder, "image")
        const below = FileDevice.layer({ path: image, size: 16 * MEBIBYTE })
        const run = (...args: ReadonlyArray<string>) =>
          Effect.promise(() => start(path.join(folder, "cache"), [image, ...args]))
        yield* Effect.provide(Volume.Volume, Layer.provide(Volume.layer(), below))

        const whole = yield* run("whole")
        assert.isNull(whole.signal)
        const calls = Number(whole.said("calls")[0])
        assert.isAbove(calls, 6 * ITEMS)

        const offered = new Set(whole.said("offered"))
        const began = new Set(whole.said("began"))
        const done = new Set(whole.said("done"))
        for (let kill = 0; kill < count; kill++) {
          const killed = yield* run(`run${kill}`, String(Math.floor((kill * calls) / count)))
          assert.strictEqual(killed.signal, "SIGKILL")
          for (const id of killed.said("offered")) offered.add(id)
          for (const id of killed.said("began")) {
            began.add(id)
            assert.isFalse(done.has(id), `${id} was done, and came again`)
          }
          for (const id of killed.said("done")) done.add(id)
        }

        let problems = 0
        yield* Effect.gen(function* () {
          const jobs = yield* queue
          const left = Effect.timeoutOption(
            jobs.take((id) => Effect.succeed(id)),
            "300 millis"
          )
          for (let id = yield* left; Option.isSome(id); id = yield* left) {
            began.add(id.value)
            assert.isFalse(done.has(id.value), `${id.value} was done, and came again`)
          }
          problems = (yield* (yield* Volume.Volume).check({ deep: true })).problemCount
        }).pipe(
          Effect.provide([
            VolumePersistedQueue.layer().pipe(
              Layer.provideMerge(Volume.layer({ format: "never" })),
              Layer.provide(below)
            ),
            Logger.layer([])
          ])
        )
        assert.isAbove(offered.size, ITEMS)
        assert.deepStrictEqual(
          [...offered].filter((id) => !began.has(id)),
          []
        )
        assert.strictEqual(problems, 0)
      }),
    600_000
  )
})
