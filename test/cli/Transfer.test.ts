/**
 * Snapshots that are compared, sent and received by the tool: through real pipes, in pieces, and where they do not fit.
 */
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestConsole from "effect/testing/TestConsole"
import * as Failure from "../../src/cli/Failure.ts"
import { Volume } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import * as VolumeError from "../../src/shell/VolumeError.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const done = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  input: Uint8Array | string = ""
): Effect.fn.Return<Tool.Outcome> {
  const outcome = yield* Tool.run(args, input)
  assert.deepStrictEqual([outcome.status, outcome.err], [0, ""], args.join(" "))
  return outcome
})

const refused = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  expected: RegExp,
  input: Uint8Array | string = "",
  status = 1
): Effect.fn.Return<void> {
  const outcome = yield* Tool.run(args, input)
  assert.strictEqual(outcome.status, status, args.join(" "))
  assert.match(outcome.err, expected)
  assert.match(outcome.err, status === 2 ? /^notafs: [^\n]+(\nTry: [^\n]+)?$/ : /^notafs: [^\n]+$/)
})

/** Two volumes, of which the first one has something. */
const prepare = Effect.gen(function* () {
  const folder = yield* TemporaryFolder.make
  const at = (...names: ReadonlyArray<string>) => path.join(folder, ...names)
  const [from, to] = [at("from"), at("to")]
  for (const image of [from, to]) yield* done(["format", image, "--size", "64MiB"])
  HostFolder.plant(at("in"), { "a/b": "b", large: HostFolder.noise(2_000_000), gone: "gone" })
  yield* done(["import", from, at("in")])
  yield* done(["snapshot", "create", from, "one"])
  return { at, from, to }
})

/** Changes the first volume and takes another snapshot. */
const change = Effect.fnUntraced(function* (image: string) {
  yield* done(["write", "-a", image, "/large"], "and more")
  yield* done(["mv", image, "/a", "/renamed"])
  yield* done(["rm", image, "/gone"])
  yield* done(["mkdir", image, "/new"])
  yield* done(["touch", image, "/new/x\ny"])
  yield* done(["snapshot", "create", image, "two"])
})

const onTables = (image: string, f: (volume: Volume.Volume["Service"]) => Effect.Effect<void, unknown>) =>
  Effect.flatMap(Volume.Volume, f).pipe(
    Effect.provide(Layer.provide(Volume.layer(), FileDevice.layer({ path: image }))),
    Effect.orDie
  )

const textOf = (outcome: Tool.Outcome): string => outcome.bytes.toString()

describe("notafs snapshot diff", () => {
  it.live("tells what was added, removed, renamed and changed", () =>
    Effect.gen(function* () {
      const { from } = yield* prepare
      assert.strictEqual(textOf(yield* done(["snapshot", "diff", from, "one"])), "")
      yield* change(from)
      const expected = [
        "A /new/",
        "A /new/x\\ny",
        "D /gone",
        "M /large (2,000,000 -> 2,000,008 bytes, 1.4 KiB changed)",
        "R /a/ -> /renamed/"
      ]
      for (const to of [[], ["two"]]) {
        const lines = textOf(yield* done(["snapshot", "diff", from, "one", ...to])).split("\n")
        assert.strictEqual(lines.pop(), "")
        assert.deepStrictEqual(
          lines.map((line) => line.replace(/[\d.]+ KiB changed/, "1.4 KiB changed")).toSorted(),
          expected
        )
      }
      const back = textOf(yield* done(["snapshot", "diff", from, "two", "one"]))
      for (const line of ["A /gone\n", "D /new/\n", "R /renamed/ -> /a/\n"]) assert.include(back, line)
      yield* done(["touch", from, "/large"])
      assert.strictEqual(textOf(yield* done(["snapshot", "diff", from, "two"])), "M /large (attributes)\n")
      const json = textOf(yield* done(["snapshot", "diff", from, "one", "two", "--json"]))
      const told = json
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepInclude(told, { change: "Renamed", path: "/renamed", from: "/a", type: "Folder" })
      assert.deepInclude(told, { change: "Added", path: "/new/x\ny", type: "File" })
      yield* refused(["snapshot", "diff", from, "none"], /has no snapshot "none"\.$/)
      yield* refused(["snapshot", "diff", from, "one", "none"], /has no snapshot "none"\.$/)
      yield* refused(["snapshot", "diff", from], /from/, "", 2)
    })
  )

  it.live("tells what was changed in tables", () =>
    Effect.gen(function* () {
      const { from } = yield* prepare
      yield* onTables(from, (volume) =>
        Effect.gen(function* () {
          yield* volume.table("users").set(bytes("kept"), bytes("1"))
          yield* volume.table("users").set(bytes("left"), bytes("1"))
          yield* volume.table("old").set(bytes("x"), bytes("1"))
          yield* volume.snapshots.create("tables")
          yield* volume.table("users").set(bytes("kept"), bytes("2"))
          yield* volume.table("users").set(new Uint8Array([0xff, 0]), bytes("2"))
          yield* volume.table("users").remove(bytes("left"))
          yield* volume.table("new").set(bytes("k\n"), bytes("1"))
        })
      )
      const lines = textOf(yield* done(["snapshot", "diff", from, "tables"])).trimEnd()
      assert.deepStrictEqual(lines.split("\n").toSorted(), [
        'A table "new"',
        'A table "new" "k\\n"',
        'A table "users" 0xff00',
        'D table "users" "left"',
        'M table "users" "kept"'
      ])
      const json = textOf(yield* done(["snapshot", "diff", from, "tables", "--json"])).trimEnd()
      assert.deepInclude(
        json.split("\n").map((line) => JSON.parse(line)),
        { change: "EntrySet", table: "users", key: "/wA=", isNew: true }
      )
    })
  )
})

describe("notafs send and receive", () => {
  it.live("make a copy through a pipe, and bring it up to date", () =>
    Effect.gen(function* () {
      const { at, from, to } = yield* prepare
      HostFolder.plantNasty(at("in", "a"))
      yield* done(["import", from, at("in", "a"), "@/nasty"])
      yield* done(["snapshot", "create", from, "nasty"])
      const pipe = (name: string, ...flags: ReadonlyArray<string>) =>
        Effect.promise(async () => {
          const tool = `"${process.execPath}" "${Tool.main}"`
          const line = `${tool} send "${from}" ${[name, ...flags].join(" ")} | ${tool} receive "${to}"`
          const { err, out, status } = await Tool.ending(childProcess.spawn("sh", ["-c", line]))
          assert.deepStrictEqual([status, err], [0, ""])
          return out
        })
      assert.match(yield* pipe("nasty"), /^received "nasty": \d+ frames, \d\d\.\d MiB in \d+\.\d s$/)
      yield* change(from)
      assert.match(yield* pipe("two", "--from", "nasty"), /^received "two": 2 frames, [\d.]+ K?i?B in \d+\.\d s$/)
      assert.strictEqual(yield* pipe("two"), '"two" is there already: nothing was changed')
      for (const image of [from, to]) yield* done(["export", image, `${image}.out`])
      const copies = [from, to].map((image) => HostFolder.describe(`${image}.out`))
      assert.deepStrictEqual(HostFolder.differences(copies[0], copies[1]), [])
      yield* done(["check", to, "--deep"])
      const list = JSON.parse((yield* done(["snapshot", "list", to, "--json"])).out)
      assert.deepStrictEqual(
        list.map(({ name }: { readonly name: string }) => name),
        ["nasty", "two"]
      )
    })
  )

  it.live("go on where a stream was cut, and say how", () =>
    Effect.gen(function* () {
      const { from, to } = yield* prepare
      const whole = (yield* done(["send", from, "one"])).bytes
      const cut = yield* Tool.run(["receive", to], whole.subarray(0, 1_400_000))
      assert.strictEqual(cut.status, 1)
      const [, frames] =
        /was cut short\. Nothing was changed\. Kept are (\d) frames of "one": [^\n]* --after \1 leaves them out\.$/.exec(
          cut.err
        ) ?? []
      assert.isDefined(frames, cut.err)
      assert.strictEqual((yield* done(["ls", to])).out, "")
      assert.match((yield* done(["info", to])).out, new RegExp(`^receiving one: ${frames} frames kept$`, "m"))
      const rest = (yield* done(["send", from, "one", "--after", frames])).bytes
      assert.isBelow(rest.length, 800_000)
      const received = JSON.parse((yield* done(["receive", to, "--json"], rest)).out)
      assert.deepInclude(received, { snapshot: "one", wasThere: false })
      assert.isUndefined(JSON.parse((yield* done(["info", to, "--json"])).out).receiving)
      assert.isTrue(HostFolder.noise(2_000_000).equals((yield* done(["cat", to, "/large"])).bytes))
      yield* done(["check", to, "--deep"])
    })
  )

  it.live("tell what is kept when they are interrupted", () =>
    Effect.gen(function* () {
      const { from, to } = yield* prepare
      const whole = (yield* done(["send", from, "one"])).bytes
      const child = Tool.start(["receive", to])
      const ended = Tool.ending(child)
      yield* Effect.promise(() => new Promise((resolve) => child.stdin?.write(whole.subarray(0, 1_400_000), resolve)))
      yield* Effect.sleep(500)
      child.kill("SIGINT")
      const { err, status } = yield* Effect.promise(() => ended)
      assert.strictEqual(status, 130)
      assert.match(err, /^notafs: interrupted\. Kept are \d frames of "one": [^\n]*$/)
      yield* done(["receive", to], whole)
    })
  )

  it.live("refuse what does not fit", () =>
    Effect.gen(function* () {
      const { at, from, to } = yield* prepare
      const one = (yield* done(["send", from, "one"])).bytes
      yield* change(from)
      const two = (yield* done(["send", from, "two", "--from", "one"])).bytes
      yield* refused(["send", from, "none"], /has no snapshot "none"\.$/)
      yield* refused(["send", from, "one", "--from", "none"], /has no snapshot "none"\.$/)
      yield* refused(["send", from, "one", "--after", "-1"], /--after/, "", 2)
      yield* refused(["send", from], /snapshot/, "", 2)
      yield* refused(["send", at("nowhere"), "one"], /nowhere does not exist/)
      yield* refused(["receive", at("nowhere")], /nowhere does not exist\. Make a volume: notafs format/, one)
      assert.isFalse(fs.existsSync(at("nowhere")))
      fs.writeFileSync(at("blank"), Buffer.alloc(1_000_000))
      yield* refused(["receive", at("blank")], /is blank\. Format it first/, one)
      yield* refused(["receive", at("in", "large")], /holds no volume, but something else/, one)
      yield* refused(["receive", to], /ends before it has begun/)
      yield* refused(["receive", to], /is no send stream/, HostFolder.noise(10_000))
      yield* refused(["receive", to], /does not have the snapshot that the stream leads from/, two)
      // A volume with something of its own, and one that has the name already.
      yield* done(["touch", to, "/own"])
      yield* refused(["receive", to], /is not empty.* Receive it with --force: /, one)
      yield* done(["rm", to, "/own"])
      yield* done(["snapshot", "create", to, "one"])
      yield* refused(["receive", to], /has a snapshot "one" already\. Remove it first/, one)
      yield* done(["snapshot", "rm", to, "one"])
      yield* done(["receive", to], one)
      yield* done(["touch", to, "/own"])
      yield* refused(["receive", to], /has changed since its snapshot "one".* Receive it with --force: /, two)
      yield* done(["receive", to, "--force"], two)
      assert.strictEqual((yield* done(["ls", to])).out, "large\nnew/\nrenamed/")
      yield* refused(
        ["snapshot", "rollback", to, "one"],
        /"two"\. Going back removes them: ask for it with --discard-newer\.$/
      )
    })
  )

  const hasScript = childProcess.spawnSync("script", ["--version"]).status === 0

  it.live.skipIf(!hasScript)("keep away from a terminal", () =>
    Effect.gen(function* () {
      const { from, to } = yield* prepare
      for (const args of [
        ["send", from, "one"],
        ["receive", to]
      ]) {
        const command = [process.execPath, Tool.main, ...args].join(" ")
        const seen = childProcess.spawnSync("script", ["-qec", command, "/dev/null"], { input: "" })
        assert.strictEqual(seen.status, 2)
        assert.match(seen.stdout.toString(), /^notafs: (send writes|receive reads) [^\n]*\s*$/)
      }
    })
  )
})

describe("a reader that a writer has overtaken", () => {
  it.live("says that it may be run again, by text and status", () =>
    Effect.gen(function* () {
      const reason = new VolumeError.ViewExpired({ device: "/image", generation: 3, newest: 9 })
      const { status } = yield* Effect.flip(Failure.report(Effect.fail(VolumeError.make(reason))))
      assert.strictEqual(status, 3)
      assert.match(String((yield* TestConsole.errorLines)[0]), /^notafs: \/image has a writer, .* Run it again\.$/)
    }).pipe(Effect.provide(TestConsole.layer))
  )
})
