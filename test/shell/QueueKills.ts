/**
 * What a queue does whose process is killed: run after run of `killQueue`, each killed before another call of its device, and a last
 * look at what is left. What a run has said is certain; what does not fit to it is a fault.
 */
import * as childProcess from "node:child_process"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as VolumePersistedQueue from "../../src/shell/VolumePersistedQueue.ts"
import { type Breakage, queue } from "./killQueue.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"
import { MEBIBYTE } from "./TestVolume.ts"

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

export interface Outcome {
  /** Calls of the device that a run makes which is not killed. */
  readonly calls: number
  readonly offered: number
  readonly faults: ReadonlyArray<string>
}

/** Kills before the calls that `killsOf` chooses, of those that a whole run makes. */
export const run = Effect.fnUntraced(function* (breakage: Breakage, killsOf: (calls: number) => ReadonlyArray<number>) {
  const folder = yield* TemporaryFolder.make
  const image = path.join(folder, "image")
  const below = FileDevice.layer({ path: image, size: 16 * MEBIBYTE })
  const spawn = (...args: ReadonlyArray<string>) =>
    Effect.promise(() => start(path.join(folder, "cache"), [image, breakage, ...args]))
  yield* Effect.provide(Volume.Volume, Layer.provide(Volume.layer(), below))

  const whole = yield* spawn("whole")
  const calls = Number(whole.said("calls")[0])
  const offered = new Set(whole.said("offered"))
  const began = new Set(whole.said("began"))
  const done = new Set(whole.said("done"))
  const faults: Array<string> = []
  const begin = (id: string): void => {
    began.add(id)
    if (done.has(id)) faults.push(`${id} was done, and came again`)
  }
  for (const [kill, call] of killsOf(calls).entries()) {
    const killed = yield* spawn(`run${kill}`, String(call))
    if (killed.signal !== "SIGKILL") faults.push(`run ${kill} was not killed`)
    for (const id of killed.said("offered")) offered.add(id)
    for (const id of killed.said("began")) begin(id)
    for (const id of killed.said("done")) done.add(id)
  }

  yield* Effect.gen(function* () {
    const jobs = yield* queue
    const left = Effect.timeoutOption(
      jobs.take((id) => Effect.succeed(id)),
      "300 millis"
    )
    for (let id = yield* left; Option.isSome(id); id = yield* left) begin(id.value)
    const { problems } = yield* (yield* Volume.Volume).check({ deep: true })
    for (const problem of problems) faults.push(JSON.stringify(problem))
  }).pipe(
    Effect.provide([
      VolumePersistedQueue.layer().pipe(Layer.provideMerge(Volume.layer({ format: "never" })), Layer.provide(below)),
      Logger.layer([])
    ])
  )
  for (const id of offered) if (!began.has(id)) faults.push(`${id} was offered, and never came`)
  return { calls, offered: offered.size, faults } satisfies Outcome
})
