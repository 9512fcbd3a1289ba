/**
 * T9: `kill -9` of a real import on a real file. The moments are placed by the phase of the commit, and not by time.
 * NOTAFS_KILLS says how many there are, NOTAFS_SEED draws others.
 */
import * as childProcess from "node:child_process"
import * as crypto from "node:crypto"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { Random } from "../../src/testing/Random.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as Scale from "../torture/Scale.ts"
import * as HostFolder from "./HostFolder.ts"
import { type Call, SMALL_COUNT } from "./killImport.ts"
import * as KillMoments from "./KillMoments.ts"
import * as Tool from "./Tool.ts"

const count = Scale.number("KILLS", 50)
const seed = Scale.seed(1)
const FILES = 40

const script = fileURLToPath(new URL("./killImport.ts", import.meta.url))

interface Run {
  readonly signal: string | null
  /** The paths that were acknowledged. */
  readonly acks: ReadonlyArray<string>
  readonly calls: ReadonlyArray<Call> | undefined
}

/** What the processes have compiled is kept in `cache`: most of their time would go into that. */
const start = (cache: string, args: ReadonlyArray<string>): Promise<Run> =>
  new Promise((resolve) => {
    const child = childProcess.spawn(process.execPath, [script, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: cache }
    })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.once("close", (_status, signal) => {
      const said = (word: string) =>
        out.split("\n").flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
      const [calls] = said("calls")
      resolve({ signal, acks: said("ack"), calls: calls === undefined ? undefined : JSON.parse(calls) })
    })
  })

const hashOf = (bytes: Uint8Array): string => crypto.hash("sha1", bytes)

/** What an open volume holds under `/name`: all of the files, or nothing at all. */
const stateOf = Effect.fnUntraced(function* (name: string, wanted: ReadonlyMap<string, string>) {
  const volume = yield* Volume.Volume
  if (!(yield* Files.exists(volume, `/${name}`))) return "absent" as const
  const found = new Map<string, string>()
  for (const { path: file, type } of yield* Files.walk(volume, `/${name}`)) {
    if (type === "File") found.set(file, hashOf(yield* Files.readFile(volume, `/${name}/${file}`)))
  }
  assert.deepStrictEqual([...found].sort(), [...wanted].sort())
  return "complete" as const
})

describe("an import that is killed", () => {
  it.live(
    "is whole or not there at all, and everything acknowledged is there",
    () =>
      Effect.gen(function* () {
        const begin = performance.now()
        const folder = yield* TemporaryFolder.make
        const image = path.join(folder, "image")
        const source = path.join(folder, "source")
        const wanted = new Map<string, string>()
        const run = (...args: ReadonlyArray<string>) =>
          Effect.promise(() => start(path.join(folder, "cache"), [image, source, ...args]))
        for (let i = 0; i < FILES; i++) {
          const name = `folder ${i % 7}/file ${i}`
          const content = HostFolder.noise(500 * i + (i % 10 === 0 ? 100_000 : 0), i + 1)
          HostFolder.plant(source, { [name]: content })
          wanted.set(name, hashOf(content))
        }
        assert.deepInclude(yield* Tool.run(["format", image, "--size", "256MiB"]), { status: 0 })
        const first = yield* run("first")
        // From the second one on, all of them make the same calls.
        const whole = yield* run("second")
        assert.deepStrictEqual([first.signal, whole.signal], [null, null])
        const acknowledged = new Set([...first.acks, ...whole.acks])
        assert.strictEqual(acknowledged.size, 2 * (SMALL_COUNT + 1))

        const phases: Record<string, number> = {}
        const states = { absent: 0, complete: 0 }
        const names = new Set<string>()
        let problems = 0
        const kills = KillMoments.moments(whole.calls ?? [], count, Random.at(seed, 1))
        const before = KillMoments.unsynced(whole.calls ?? [])
        for (const [i, { call, expected, phase, section, when }] of kills.entries()) {
          const name = `run-${i}`
          if (section === "open") {
            // A recovery has something to do after a kill, so one comes before it: between a root and its sync.
            const cut = yield* run(`before-${i}`, before.section, String(before.call), before.when)
            assert.strictEqual(cut.signal, "SIGKILL")
            for (const ack of cut.acks) acknowledged.add(ack)
            names.add(`before-${i}`)
          }
          const killed = yield* run(name, section, String(call), when)
          assert.strictEqual(killed.signal, "SIGKILL", phase)
          phases[phase] = (phases[phase] ?? 0) + 1
          names.add(name)
          for (const ack of killed.acks) acknowledged.add(ack)

          yield* Effect.gen(function* () {
            const volume = yield* Volume.Volume
            problems += (yield* volume.check({ deep: true })).problemCount
            for (const ack of acknowledged) assert.isTrue(yield* Files.exists(volume, ack), `${ack} after: ${phase}`)
            const state = yield* stateOf(name, wanted)
            if (expected !== "either") assert.strictEqual(state, expected, phase)
            states[state]++
            // What the recovery that was killed had found stays.
            if (section === "open") assert.strictEqual(yield* stateOf(`before-${i}`, wanted), "complete")
            // Once seen, it stays.
            if (state === "complete") acknowledged.add(`/${name}`)
            const present = (yield* Files.readFolder(volume, "/")).map((entry) => entry.name)
            for (const other of present) assert.isTrue(["acks", "first", "second"].includes(other) || names.has(other))
          }).pipe(
            Effect.provide([
              Layer.provide(Volume.layer({ format: "never" }), FileDevice.layer({ path: image })),
              // A recovery reports what it has passed over.
              Logger.layer([])
            ])
          )
        }
        assert.strictEqual(problems, 0)
        assert.strictEqual(kills.length, count)
        const seconds = Math.round((performance.now() - begin) / 100) / 10
        yield* Effect.sync(() =>
          console.log(JSON.stringify({ test: "T9", kills: count, seed, phases, states, problems, seconds }))
        )
      }),
    600_000
  )
})
