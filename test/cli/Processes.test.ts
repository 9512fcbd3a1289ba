/**
 * The tool as the user starts it: signals, pipes that close, locks, terminals.
 */
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

/** Whether there is a lock file; it is a link that leads nowhere. */
const isLocked = (image: string): boolean => fs.lstatSync(`${image}.lock`, { throwIfNoEntry: false }) !== undefined

const prepare = Effect.gen(function* () {
  const folder = yield* TemporaryFolder.make
  const image = path.join(folder, "image")
  assert.deepInclude(yield* Tool.run(["format", image, "--size", "64MiB"]), { status: 0, err: "" })
  return { folder, image, at: (...names: ReadonlyArray<string>) => path.join(folder, ...names) }
})

const call = (...args: ReadonlyArray<string>) => Effect.promise(() => Tool.ending(Tool.start(args)))

/** A process that holds the volume for writing: it has made `/held` and waits for its input. */
const holder = (image: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = Tool.start(["write", image, "/held"])
      const ended = Tool.ending(child)
      while (!isLocked(image)) await new Promise((resolve) => setTimeout(resolve, 20))
      return { child, ended }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("a process of notafs", () => {
  it.live("says what it did, or in one line why not, by text and status", () =>
    Effect.gen(function* () {
      const { image } = yield* prepare
      assert.deepInclude(yield* call("mkdir", image, "/a"), { status: 0, out: "", err: "" })
      assert.deepInclude(yield* call("ls", image), { status: 0, out: "a/", err: "" })
      const missing = yield* call("ls", image, "/b")
      assert.deepStrictEqual([missing.status, missing.out], [1, ""])
      assert.strictEqual(missing.err, 'notafs: /b: "b" does not exist.')
      const wrong = yield* call("ls")
      assert.strictEqual(wrong.status, 2)
      assert.match(wrong.err, /^notafs: Missing .*\nTry: notafs ls --help$/)
    })
  )

  it.live("ends quietly when its reader has had enough", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare
      fs.writeFileSync(at("big"), HostFolder.noise(20_000_000))
      yield* call("cp", image, at("big"), "@/big")
      for (const args of [
        ["cat", image, "/big"],
        ["tree", image],
        ["info", image]
      ]) {
        const child = Tool.start(args)
        child.stdout?.once("data", () => child.stdout?.destroy())
        if (args[0] !== "cat") child.stdout?.destroy()
        const ended = yield* Effect.promise(() => Tool.ending(child))
        assert.deepInclude(ended, { status: 0, err: "" })
      }
    })
  )

  it.live("keeps other writers out, by name, and lets readers in", () =>
    Effect.gen(function* () {
      const { image } = yield* prepare
      yield* call("touch", image, "/before")
      const { child, ended } = yield* holder(image)
      const locked = yield* call("touch", image, "/x")
      assert.strictEqual(locked.status, 1)
      assert.match(locked.err, new RegExp(`^notafs: .*\\.lock is held by process ${child.pid} on .* since [^\\n]*$`))
      assert.deepInclude(yield* call("ls", image), { status: 0, out: "before" })
      assert.deepInclude(yield* call("check", image, "--deep"), { status: 0, err: "" })
      child.stdin?.end("done")
      assert.deepInclude(yield* Effect.promise(() => ended), { status: 0, err: "" })
      assert.deepInclude(yield* call("cat", image, "/held"), { status: 0, out: "done" })
      assert.isFalse(isLocked(image))
    })
  )

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.live(`undoes what it has begun on ${signal}, and leaves no lock`, () =>
      Effect.gen(function* () {
        const { image } = yield* prepare
        const { child, ended } = yield* holder(image)
        child.stdin?.write(HostFolder.noise(3_000_000))
        yield* Effect.sleep(300)
        child.kill(signal)
        assert.deepInclude(yield* Effect.promise(() => ended), { status: 130, out: "", err: "" })
        assert.isFalse(isLocked(image))
        assert.deepInclude(yield* call("ls", image), { status: 0, out: "" })
      })
    )
  }

  it.live("fails at once when it is full, although its input goes on", () =>
    Effect.gen(function* () {
      const { image } = yield* prepare
      const { child, ended } = yield* holder(image)
      child.stdin?.on("error", () => undefined)
      child.stdin?.write(HostFolder.noise(100_000_000))
      const outcome = yield* Effect.promise(() => ended)
      assert.strictEqual(outcome.status, 1)
      assert.match(outcome.err, /^notafs: .* is full: [^\n]*$/)
      assert.deepInclude(yield* call("ls", image), { status: 0, out: "" })
    })
  )

  it.live.skipIf(process.getuid?.() !== 0)("names a source that it may not read", () =>
    Effect.gen(function* () {
      const { at, folder, image } = yield* prepare
      HostFolder.plant(at("in"), { readable: "1", secret: "2" })
      fs.chmodSync(at("in", "secret"), 0o000)
      for (const file of [folder, image]) fs.chownSync(file, 65534, 65534)
      const child = Tool.start(["import", image, at("in"), "@/in"], { uid: 65534, gid: 65534 })
      const outcome = yield* Effect.promise(() => Tool.ending(child))
      assert.strictEqual(outcome.status, 1)
      assert.match(outcome.err, /^notafs: .*in\/secret: reading it failed: permission denied \(EACCES\)\.$/)
      assert.deepInclude(yield* call("ls", image), { status: 0, out: "" })
    })
  )

  const hasScript = childProcess.spawnSync("script", ["--version"]).status === 0

  it.live.skipIf(!hasScript)("draws a bar on a terminal, and none elsewhere", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare
      HostFolder.plant(at("in"), { file: HostFolder.noise(10_000_000) })
      const piped = yield* call("import", image, at("in"), "@/piped")
      assert.deepInclude(piped, { status: 0, err: "" })
      assert.match(piped.out, /^imported 1 file, 9\.5 MiB in \d+\.\d s$/)
      const command = [process.execPath, Tool.main, "import", image, at("in"), "@/seen"].join(" ")
      const options = { env: { ...process.env, TERM: "xterm" } }
      const seen = childProcess.spawnSync("script", ["-qec", command, "/dev/null"], options)
      assert.strictEqual(seen.status, 0)
      assert.match(seen.stdout.toString(), /importing [█▏▎▍▌▋▊▉░]+ +\d+ % of 9\.5 MiB/)
      assert.include(seen.stdout.toString(), "\u001b[Kimported 1 file")
    })
  )
})
