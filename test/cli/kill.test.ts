/**
 * T9: `kill -9` of a real import on a real file. The moments are placed by the phase of the commit, and not by time.
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
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import { type Call, type Section, SMALL_COUNT, type When } from "./killImport.ts"
import * as Tool from "./Tool.ts"

const script = fileURLToPath(new URL("./killImport.ts", import.meta.url))

/**
 * What the state of the import is after a kill: what a process has written is not lost with it, synced or not. Of a root the
 * first half may be all that says anything.
 */
type Expected = "absent" | "complete" | "either"

interface Kill {
  readonly phase: string
  readonly section: Section
  readonly call: number
  readonly when: When
  readonly expected: Expected
}

interface Run {
  readonly signal: string | null
  /** The paths that were acknowledged. */
  readonly acks: ReadonlyArray<string>
  readonly calls: ReadonlyArray<Call> | undefined
}

const start = (args: ReadonlyArray<string>): Promise<Run> =>
  new Promise((resolve) => {
    const child = childProcess.spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.once("close", (_status, signal) => {
      const said = (word: string) =>
        out.split("\n").flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
      const [calls] = said("calls")
      resolve({ signal, acks: said("ack"), calls: calls === undefined ? undefined : JSON.parse(calls) })
    })
  })

/** The moments: the calls of a section as a run without a kill has made them, by their place in it. */
const moments = (calls: ReadonlyArray<Call>): ReadonlyArray<Kill> => {
  const of = (section: Section) => calls.filter((call) => call.section === section)
  const inImport = of("import")
  const root = inImport.findLastIndex(({ operation }) => operation === "root")
  const barrier = root - 1
  const pages = barrier - 1
  assert.deepStrictEqual(
    inImport.slice(pages).map(({ operation }) => operation),
    ["pages", "sync", "root", "sync"]
  )
  assert.isAbove(pages, 8, "the import writes early")
  const kill = (phase: string, section: Section, call: number, when: When, expected: Expected): Kill => ({
    phase,
    section,
    call,
    when,
    expected
  })
  // A small commit is a write, of its pages and the root, and a sync.
  const lastSmall = 2 * (SMALL_COUNT - 1)
  return [
    kill("in an earlier, small commit", "small", 0, "half", "absent"),
    kill("in an earlier, small commit", "small", lastSmall, "half", "absent"),
    kill("before the first page", "import", 0, "before", "absent"),
    kill("in an early write", "import", 0, "half", "absent"),
    kill("in an early write", "import", Math.floor(pages / 2), "half", "absent"),
    kill("between early writes", "import", 0, "after", "absent"),
    kill("between early writes", "import", Math.floor(pages / 3), "after", "absent"),
    kill("between early writes", "import", pages - 1, "after", "absent"),
    kill("in the last pages", "import", pages, "half", "absent"),
    kill("between pages and their sync", "import", barrier, "before", "absent"),
    kill("between the sync and the root", "import", barrier, "after", "absent"),
    kill("in the root", "import", root, "half", "either"),
    kill("after the root, before its sync", "import", root, "after", "complete"),
    kill("in recovery, before it writes", "open", 0, "before", "absent"),
    kill("in recovery, while it writes", "open", 0, "half", "absent"),
    kill("in recovery, before its sync", "open", 0, "after", "absent"),
    kill("in recovery, after its sync", "open", 1, "after", "absent"),
    kill("after the root's sync", "import", root + 1, "after", "complete"),
    kill("in closing", "close", 0, "half", "complete"),
    kill("in closing", "close", 1, "before", "complete")
  ]
}

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
        for (let i = 0; i < 120; i++) {
          const name = `folder ${i % 7}/file ${i}`
          const content = HostFolder.noise(500 * (i % 50) + (i % 10 === 0 ? 100_000 : 0), i + 1)
          HostFolder.plant(source, { [name]: content })
          wanted.set(name, hashOf(content))
        }
        assert.deepInclude(yield* Tool.run(["format", image, "--size", "256MiB"]), { status: 0 })
        const first = yield* Effect.promise(() => start([image, source, "first"]))
        // From the second one on, all of them make the same calls.
        const whole = yield* Effect.promise(() => start([image, source, "second"]))
        assert.deepStrictEqual([first.signal, whole.signal], [null, null])
        const acknowledged = new Set([...first.acks, ...whole.acks])
        assert.strictEqual(acknowledged.size, 2 * (SMALL_COUNT + 1))

        const phases: Record<string, number> = {}
        const states = { absent: 0, complete: 0 }
        const names = new Set<string>()
        let problems = 0
        const kills = moments(whole.calls ?? [])
        for (const [i, { call, expected, phase, section, when }] of kills.entries()) {
          const name = `run-${i}`
          if (section === "open") {
            // A recovery has something to do after a kill, so one comes before it: between a root and its sync.
            const root = kills.find(({ phase: other }) => other === "after the root, before its sync")
            const before = ["import", String(root?.call), "after"]
            const cut = yield* Effect.promise(() => start([image, source, `before-${i}`, ...before]))
            assert.strictEqual(cut.signal, "SIGKILL")
            for (const ack of cut.acks) acknowledged.add(ack)
            names.add(`before-${i}`)
          }
          const run = yield* Effect.promise(() => start([image, source, name, section, String(call), when]))
          assert.strictEqual(run.signal, "SIGKILL", phase)
          phases[phase] = (phases[phase] ?? 0) + 1
          names.add(name)
          for (const ack of run.acks) acknowledged.add(ack)

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
        assert.strictEqual(kills.length, 20)
        const seconds = Math.round((performance.now() - begin) / 100) / 10
        yield* Effect.sync(() =>
          console.log(JSON.stringify({ test: "T9", kills: kills.length, phases, states, problems, seconds }))
        )
      }),
    600_000
  )
})
