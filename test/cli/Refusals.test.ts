/**
 * Bad input: each gets one line on standard error and a status, and leaves the volume as it was.
 */
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

const linux = process.platform === "linux"

const prepare = Effect.gen(function* () {
  const folder = yield* TemporaryFolder.make
  const image = path.join(folder, "image")
  const at = (...names: ReadonlyArray<string>) => path.join(folder, ...names)
  HostFolder.plant(at("in"), { "a/b": "b", c: "c" })
  for (const args of [
    ["format", image, "--size", "4MiB"],
    ["import", image, at("in"), "@/kept"]
  ]) {
    assert.deepInclude(yield* Tool.run(args), { status: 0, err: "" })
  }
  /** Fails as it should, and changes nothing. */
  const refuses = Effect.fnUntraced(function* (
    args: ReadonlyArray<string>,
    expected: RegExp,
    status = 1,
    input: string | Uint8Array = ""
  ): Effect.fn.Return<void> {
    const tree = Tool.run(["tree", image, "--json"])
    const before = yield* tree
    const [name, ...rest] = args
    const outcome = yield* Tool.run([name, image, ...rest], input)
    assert.strictEqual(outcome.status, status, args.join(" "))
    assert.match(outcome.err, expected)
    assert.match(outcome.err, status === 2 ? /^notafs: [^\n]+(\nTry: [^\n]+)?$/ : /^notafs: [^\n]+$/)
    assert.notMatch(outcome.err, /\n +at |Error:|undefined|\[object/)
    assert.deepStrictEqual(yield* tree, before)
    assert.deepInclude(yield* Tool.run(["check", image, "--deep"]), { status: 0 })
  })
  return { image, at, refuses }
})

const only = (pattern: RegExp, outcome: Tool.Outcome, status = 1): void => {
  assert.strictEqual(outcome.status, status)
  assert.match(outcome.err, pattern)
  assert.notInclude(outcome.err, "\n")
}

describe("notafs refuses", () => {
  it.live("what is no volume", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare
      only(/nowhere does not exist\. Make a volume: notafs format/, yield* Tool.run(["ls", at("nowhere")]))
      only(/nowhere does not exist/, yield* Tool.run(["touch", at("nowhere"), "/x"]))
      only(/it is a folder/, yield* Tool.run(["ls", at("in")]))
      fs.writeFileSync(at("text"), "x".repeat(100_000))
      only(/holds no volume, but something else/, yield* Tool.run(["ls", at("text")]))
      fs.writeFileSync(at("blank"), Buffer.alloc(100_000))
      only(/is blank\. Format it first/, yield* Tool.run(["ls", at("blank")]))
      fs.writeFileSync(at("nothing"), "")
      only(/is blank/, yield* Tool.run(["touch", at("nothing"), "/x"]))
      // The version stands after the magic number, in both copies of the superblock: page 0 and page 512.
      const newer = fs.readFileSync(image)
      for (const copy of [0, 512 * 4096]) newer.writeUInt32LE(2, copy + 8)
      fs.writeFileSync(at("newer"), newer)
      only(/cannot be opened by this version.*version 2\. Use a newer one/, yield* Tool.run(["ls", at("newer")]))
      only(/newer is not blank/, yield* Tool.run(["format", at("newer")]))
      for (const size of [4096, 100_000, 2 * 1024 * 1024]) {
        fs.copyFileSync(image, at("short"))
        fs.truncateSync(at("short"), size)
        only(/is damaged.*cut short|is damaged/, yield* Tool.run(["ls", at("short")]))
      }
    })
  )

  it.live("a snapshot beside the image, where there is none or it makes no sense", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare
      yield* Tool.run(["snapshot", "create", image, "a@b"])
      assert.deepInclude(yield* Tool.run(["ls", `${image}@a@b`]), { status: 0, err: "", out: "kept/" })
      only(/image has no snapshot "nope"\.$/, yield* Tool.run(["ls", `${image}@nope`]))
      only(/is empty/, yield* Tool.run(["ls", `${image}@`]))
      only(/nowhere@a@b does not exist\. Make a volume/, yield* Tool.run(["ls", at("nowhere@a@b")]))
      only(/image@a\/x does not exist/, yield* Tool.run(["ls", `${image}@a/x`]))
      only(/leave out --snapshot/, yield* Tool.run(["ls", `${image}@a@b`, "--snapshot", "a@b"]), 2)
      for (const args of [
        ["touch", `${image}@a@b`, "/x"],
        ["check", `${image}@a@b`],
        ["send", `${image}@a@b`, "a@b"]
      ]) {
        only(/would be a snapshot of .*image, and .* Name the image alone/, yield* Tool.run(args))
      }
      // A file of that very name wins.
      yield* Tool.run(["format", `${image}@a@b`, "--size", "1MiB"])
      assert.deepInclude(yield* Tool.run(["ls", `${image}@a@b`]), { status: 0, err: "", out: "" })
      // A name may have the mark in it.
      fs.copyFileSync(image, at("x@y"))
      assert.deepInclude(yield* Tool.run(["ls", `${at("x@y")}@a@b`]), { status: 0, err: "", out: "kept/" })
    })
  )

  it.live("to format over something", () =>
    Effect.gen(function* () {
      const { at, refuses } = yield* prepare
      yield* refuses(["format"], /holds a volume already .*--force/)
      fs.writeFileSync(at("text"), "something ".repeat(10_000))
      only(/not blank.*--force/, yield* Tool.run(["format", at("text")]))
      assert.strictEqual(fs.readFileSync(at("text"), "utf8"), "something ".repeat(10_000))
      assert.deepInclude(yield* Tool.run(["format", at("text"), "--force"]), { status: 0, err: "" })
      only(/at least 16 pages/, yield* Tool.run(["format", at("tiny"), "--size", "60KiB"]))
      assert.isFalse(fs.existsSync(at("tiny")))
      only(/created only if its size is given/, yield* Tool.run(["format", at("sizeless")]))
      assert.isFalse(fs.existsSync(at("sizeless")))
      yield* refuses(["format", "--size", "4Mib"], /Invalid value for flag --size/, 2)
      yield* refuses(["format", "--page-size", "3KiB"], /power of two/, 2)
      yield* refuses(["format", "--checksum", "crc"], /checksum/, 2)
    })
  )

  it.live("wrong usage", () =>
    Effect.gen(function* () {
      const { at, refuses } = yield* prepare
      yield* refuses(["ls", "--nope"], /nope/, 2)
      yield* refuses(["cat"], /path/, 2)
      yield* refuses(["mv", "/kept"], /at least two paths/, 2)
      yield* refuses(["cp", "@/kept"], /at least two paths/, 2)
      yield* refuses(["cp", at("in"), at("out")], /mark the paths inside with @/, 2)
      yield* refuses(["cp", "@/kept/c", at("in", "c"), at("out")], /mark the paths inside with @/, 2)
      yield* refuses(["import", at("in"), "kept2"], /begin with @, as in @\/kept2/, 2)
      yield* refuses(["export", "@/kept"], /begins with @/, 2)
      yield* refuses(["export", at("a"), at("b")], /begins with @/, 2)
      only(/Unknown subcommand/, { ...(yield* Tool.run(["nope"])), err: "notafs: Unknown subcommand" }, 2)
    })
  )

  it.live("paths that lead nowhere, or to the wrong kind of thing", () =>
    Effect.gen(function* () {
      const { at, refuses } = yield* prepare
      const long = "n".repeat(256)
      yield* refuses(["ls", "/nope"], /\/nope: "nope" does not exist/)
      yield* refuses(["ls", ""], /does not exist/)
      yield* refuses(["ls", "/kept/c/x"], /"c" is not a folder/)
      yield* refuses(["tree", "/kept/c"], /"?c"? is not a folder/)
      yield* refuses(["cat", "/kept"], /is a folder/)
      yield* refuses(["write", "/kept"], /is a folder/)
      yield* refuses(["write", "/nope/x"], /"nope" does not exist/)
      yield* refuses(["touch", "/kept/c/x"], /not a folder/)
      yield* refuses(["mkdir", "/kept"], /"kept" exists already/)
      yield* refuses(["mkdir", "/x/y"], /"x" does not exist/)
      yield* refuses(["mkdir", "-p", "/kept/c/y"], /"c" is not a folder/)
      yield* refuses(["rm", "/kept"], /use -r/)
      yield* refuses(["rm", "/"], /root|folder/)
      yield* refuses(["rm", "-r", "/"], /root/)
      yield* refuses(["mv", "/kept", "/kept/a/x"], /into itself/)
      yield* refuses(["mv", "/kept/c", "/kept/a", "/new"], /not a folder/)
      yield* refuses(["cp", "-r", "@/kept", "@/kept/a"], /into itself/)
      yield* refuses(["cp", "@/kept/c", "@/kept/c"], /over itself/)
      yield* refuses(["cp", "@/kept", "@/x"], /use -r/)
      yield* refuses(["cp", at("in"), "@/x"], /use -r/)
      yield* refuses(["cp", "@/kept/c", "@/kept/a/b", at("no folder")], /not a folder/)
      yield* refuses(["cp", "-r", "@/kept", at("in", "c")], /exists already/)
      yield* refuses(["export", "@/kept/c", at("out")], /is not a folder\. Use: notafs cp/)
      yield* refuses(["export", "@/kept", at("in", "c")], /exists and is not a folder/)
      yield* refuses(["touch", `/${long}`], /256 bytes, the longest possible here has 255/)
      yield* refuses(["touch", `/${"ü".repeat(128)}`], /256 bytes/)
      yield* refuses(["touch", "/nul\0"], /NUL/)
      yield* refuses(["ls", "/x".repeat(2049)], /4098 bytes, the longest possible has 4096/)
      // All of several paths, or none.
      yield* refuses(["touch", "/new1", "/nope/new2"], /"nope" does not exist/)
      yield* refuses(["rm", "/kept/c", "/nope"], /does not exist/)
      yield* refuses(["mv", "/kept/c", "/nope", "/kept/a"], /does not exist/)
    })
  )

  it.live("names that are too long for its pages", () =>
    Effect.gen(function* () {
      const { at } = yield* prepare
      yield* Tool.run(["format", at("small"), "--size", "1MiB", "--page-size", "512"])
      fs.writeFileSync(at("in", "n".repeat(200)), "")
      only(/the longest possible here has/, yield* Tool.run(["import", at("small"), at("in")]))
      assert.strictEqual((yield* Tool.run(["ls", at("small")])).out, "")
    })
  )

  it.live("sources that it cannot take whole", () =>
    Effect.gen(function* () {
      const { at, image, refuses } = yield* prepare
      yield* refuses(["import", at("nowhere"), "@/new"], /nowhere: looking at it failed: no such file/)
      yield* refuses(["import", at("in", "c"), "@/new"], /is not a folder\. Use: notafs cp/)
      yield* refuses(["import", at("in"), "@/kept"], /is a folder that is not empty/)
      yield* refuses(["import", at("in"), "@/kept/c"], /exists already/)
      yield* refuses(["import", at("in"), "@/nope/new"], /"nope" does not exist/)
      yield* refuses(["import", path.dirname(image), "@/new"], /is the image itself/)
      if (linux) {
        childProcess.execFileSync("mkfifo", [at("in", "pipe")])
        yield* refuses(["import", at("in"), "@/new"], /in\/pipe is a pipe, which a volume cannot hold/)
        fs.rmSync(at("in", "pipe"))
        const server = net.createServer()
        yield* Effect.promise(
          () => new Promise((resolve) => server.listen(at("in", "socket"), () => resolve(undefined)))
        )
        yield* refuses(["cp", "-r", at("in"), "@/new"], /in\/socket is a socket/)
        yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
        yield* refuses(["cp", "/dev/null", "@/new"], /\/dev\/null is a device/)
        const undecodable = Buffer.concat([Buffer.from(`${at("in")}/`), Buffer.from([0x66, 0xff, 0x67])])
        fs.writeFileSync(undecodable, "")
        yield* refuses(["import", at("in"), "@/new"], /holds the name "fÿg", which is not Unicode/)
        fs.rmSync(undecodable)
        const deep = Array.from({ length: 15 }, () => "d".repeat(250)).join("/")
        fs.mkdirSync(at("in", deep), { recursive: true })
        const goal = `@/${"g".repeat(250)}/${"h".repeat(250)}`
        yield* Tool.run(["mkdir", image, `/${"g".repeat(250)}`])
        yield* refuses(["import", at("in"), goal], /would be a path of 4\d\d\d bytes, and the longest has 4096/)
      }
    })
  )

  it.live("to grow beyond its size: the whole import is gone", () =>
    Effect.gen(function* () {
      const { at, refuses } = yield* prepare
      for (let i = 0; i < 20; i++) HostFolder.plant(at("in"), { [`big ${i}`]: HostFolder.noise(300_000, i + 1) })
      yield* refuses(["import", at("in"), "@/new"], /is full: \d+ bytes more were needed\. Nothing of it was kept/)
      yield* refuses(["write", "/new"], /is full/, 1, HostFolder.noise(5_000_000))
      yield* refuses(["cp", at("in", "big 1"), at("in", "big 2"), "@/kept/c"], /not a folder/)
    })
  )

  it.live("names that the host cannot hold, and leaves no half of an export behind", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare
      // A path on the host may be longer than one in the volume by where it begins: this one is too long there only.
      const deep = Array.from({ length: 16 }, () => "d".repeat(250))
      assert.deepInclude(yield* Tool.run(["mkdir", "-p", image, `/${deep.join("/")}`]), { status: 0, err: "" })
      const goal = at("x".repeat(200))
      only(/ENAMETOOLONG/, yield* Tool.run(["export", image, goal]))
      assert.isFalse(fs.existsSync(goal))
      fs.mkdirSync(goal)
      only(/ENAMETOOLONG/, yield* Tool.run(["export", image, goal]))
      assert.deepStrictEqual(fs.readdirSync(goal), [])
    })
  )
})
