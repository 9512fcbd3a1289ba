import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

/** A volume of its own, and the tool on it: `notafs("ls", "/a")`. */
const prepare = Effect.gen(function* () {
  const folder = yield* TemporaryFolder.make
  const image = path.join(folder, "image")
  const call = Effect.fnUntraced(function* (
    args: ReadonlyArray<string>,
    input: Uint8Array | string = ""
  ): Effect.fn.Return<Tool.Outcome> {
    const [name, ...rest] = args
    const outcome = yield* Tool.run([name, image, ...rest], input)
    assert.deepStrictEqual([outcome.status, outcome.err], [0, ""], args.join(" "))
    return outcome
  })
  yield* call(["format", "--size", "32MiB"])
  return { image, call, at: (...names: ReadonlyArray<string>) => path.join(folder, ...names) }
})

describe("notafs", () => {
  it.live("formats, and says what it made", () =>
    Effect.gen(function* () {
      const { call } = yield* prepare
      const info = JSON.parse((yield* call(["info", "--json"])).out)
      assert.deepInclude(info, { size: 32 * 1024 * 1024, pageSize: 4096, checksum: "xxh64", inodes: 1 })
      assert.match((yield* call(["info"])).out, /^device +.*\nvolume +[0-9a-f]{32}\npages +8,192 pages of 4 KiB\n/)
      yield* call(["format", "--force", "--page-size", "8KiB", "--checksum", "sha256"])
      const again = JSON.parse((yield* call(["info", "--json"])).out)
      assert.deepInclude(again, { size: 32 * 1024 * 1024, pageSize: 8192, checksum: "sha256-128" })
      assert.notStrictEqual(again.volumeId, info.volumeId)
    })
  )

  it.live("shows a receipt, and refuses an image that does not have it", () =>
    Effect.gen(function* () {
      const { at, call, image } = yield* prepare
      yield* call(["touch", "/before"])
      fs.copyFileSync(image, at("copy"))
      yield* call(["touch", "/after"])
      const { receipt } = JSON.parse((yield* call(["info", "--json"])).out)
      assert.match((yield* call(["info"])).out, new RegExp(`^receipt +${receipt}$`, "m"))
      yield* call(["info", "--at-least", receipt])
      yield* call(["check", "--at-least", receipt])
      for (const name of ["info", "check"]) {
        const { err, status } = yield* Tool.run([name, at("copy"), "--at-least", receipt])
        assert.strictEqual(status, 1)
        assert.match(err, /^notafs: .*copy is an older copy of its volume: .*-\d+-[0-9a-f]{16}\. Find the newest copy/)
      }
      assert.strictEqual((yield* Tool.run(["info", image, "--at-least", "17"])).status, 2)
    })
  )

  it.live("resizes, within what was said when it was formatted", () =>
    Effect.gen(function* () {
      const { at, call, image } = yield* prepare
      yield* call(["format", "--force", "--size", "32MiB", "--size-max", "64MiB"])
      yield* call(["write", "/file"], "content")
      assert.match(
        (yield* call(["resize", "48MiB"])).out,
        /image: a volume of 48(\.0)? MiB, 32(\.0)? MiB before; 4\d\.\d MiB are free$/
      )
      assert.strictEqual(fs.statSync(image).size, 48 * 1024 * 1024)
      assert.match((yield* call(["resize", "48MiB"])).out, /as before; /)
      assert.match(
        (yield* call(["resize", "20MiB"])).out,
        /a volume of 20(\.0)? MiB, 48(\.0)? MiB before; .* The file or disk/
      )
      assert.deepInclude(JSON.parse((yield* call(["info", "--json"])).out), { size: 20 << 20, sizeMax: 64 << 20 })
      assert.strictEqual(fs.statSync(image).size, 48 * 1024 * 1024)
      fs.truncateSync(image, 20 * 1024 * 1024)
      assert.strictEqual((yield* call(["cat", "/file"])).bytes.toString(), "content")
      yield* call(["check", "--deep"])
      const refused = [
        ["65MiB", /^notafs: .*image cannot have 68157440 bytes: at most 67108864/],
        ["1MiB", /^notafs: .*image cannot have 1048576 bytes now, but \d+ or more: /]
      ] as const
      for (const [size, message] of refused) {
        const { err, status } = yield* Tool.run(["resize", image, size])
        assert.deepStrictEqual([status, message.test(err)], [1, true], err)
      }
      assert.strictEqual((yield* Tool.run(["resize", image, "much"])).status, 2)
      assert.strictEqual((yield* Tool.run(["resize", at("nothing"), "1MiB"])).status, 1)
      // Cut to less than the volume has.
      fs.truncateSync(image, 19 * 1024 * 1024)
      assert.match((yield* Tool.run(["info", image])).err, /it was cut short/)
    })
  )

  it.live("makes, lists, moves and removes", () =>
    Effect.gen(function* () {
      const { call } = yield* prepare
      yield* call(["mkdir", "-p", "/a/b/c", "/d"])
      yield* call(["touch", "/a/x", "/a/y"])
      yield* call(["write", "/a/b/file"], "hello")
      assert.strictEqual((yield* call(["ls"])).out, "a/\nd/")
      assert.strictEqual((yield* call(["ls", "/a"])).out, "b/\nx\ny")
      assert.strictEqual((yield* call(["ls", "@/a/b"])).out, "c/\nfile")
      assert.strictEqual((yield* call(["ls", "/d"])).out, "")
      assert.strictEqual(
        (yield* call(["tree"])).out,
        "/\n├── a/\n│   ├── b/\n│   │   ├── c/\n│   │   └── file (5 B)\n│   ├── x (0 B)\n│   └── y (0 B)\n└── d/"
      )
      const tree = JSON.parse((yield* call(["tree", "/a", "--json"])).out)
      assert.deepStrictEqual(
        tree.children.map(({ name, type }: { name: string; type: string }) => [name, type]),
        [
          ["b", "Folder"],
          ["x", "File"],
          ["y", "File"]
        ]
      )
      assert.match(
        (yield* call(["ls", "-l", "/a/b/file"])).out,
        /^-rw-r--r-- 1 0 0 5 \d{4}-\d\d-\d\d \d\d:\d\d \/a\/b\/file$/
      )
      assert.deepInclude(JSON.parse((yield* call(["stat", "/a/b/file", "--json"])).out), {
        type: "File",
        size: 5,
        mode: "0644",
        links: 1
      })
      assert.match(
        (yield* call(["stat", "/a"])).out,
        /^path +\/a\ntype +folder\nsize +3 entries\nmode +0755 drwxr-xr-x/
      )
      yield* call(["mv", "/a/x", "/a/y", "/d"])
      yield* call(["mv", "/a/b/file", "/a/renamed"])
      assert.strictEqual((yield* call(["ls", "/d"])).out, "x\ny")
      assert.strictEqual((yield* call(["cat", "/a/renamed"])).bytes.toString(), "hello")
      yield* call(["rm", "/d/x", "/d/y"])
      yield* call(["rm", "-r", "/a"])
      assert.strictEqual((yield* call(["ls"])).out, "d/")
      assert.match((yield* call(["check", "--deep"])).out, /\nNo problems\.$/)
      const check = JSON.parse((yield* call(["check", "--json"])).out)
      assert.deepInclude(check, { problemCount: 0, folderCount: 2, fileCount: 0 })
    })
  )

  it.live("streams content in and out", () =>
    Effect.gen(function* () {
      const { call } = yield* prepare
      const content = HostFolder.noise(5_000_003)
      yield* call(["write", "/big"], content)
      assert.isTrue(content.equals((yield* call(["cat", "/big"])).bytes))
      const part = yield* call(["cat", "/big", "--offset", "1MiB", "--length", "1.5MiB"])
      assert.isTrue(content.subarray(1048576, 1048576 * 2.5).equals(part.bytes))
      assert.strictEqual((yield* call(["cat", "/big", "--offset", "1GiB"])).bytes.length, 0)
      assert.strictEqual((yield* call(["cat", "/big", "--length", "0"])).bytes.length, 0)
      yield* call(["write", "/big"], "short")
      yield* call(["write", "-a", "/big"], " and more")
      assert.strictEqual((yield* call(["cat", "/big"])).bytes.toString(), "short and more")
      yield* call(["write", "/empty"])
      assert.strictEqual((yield* call(["cat", "/empty"])).bytes.length, 0)
    })
  )

  it.live("touches: times of what is there become the present, its content stays", () =>
    Effect.gen(function* () {
      const { at, call } = yield* prepare
      fs.writeFileSync(at("old"), "content")
      fs.utimesSync(at("old"), 1, 1)
      yield* call(["cp", at("old"), "@/old"])
      const time = () => Effect.map(call(["stat", "/old", "--json"]), ({ out }) => String(JSON.parse(out).modifyTime))
      assert.strictEqual(yield* time(), "1970-01-01T00:00:01.000000000Z")
      yield* call(["touch", "/old"])
      assert.isAbove(Date.parse(yield* time()), Date.now() - 60_000)
      assert.strictEqual((yield* call(["cat", "/old"])).bytes.toString(), "content")
    })
  )

  it.live("copies in every direction", () =>
    Effect.gen(function* () {
      const { at, call } = yield* prepare
      HostFolder.plant(at("in"), { one: "1", "two/three": "3" })
      fs.symlinkSync("one", at("in", "link"))
      yield* call(["cp", at("in", "one"), "@/file"])
      yield* call(["cp", at("in", "two", "three"), "@/file"])
      assert.strictEqual((yield* call(["cat", "/file"])).bytes.toString(), "3")
      yield* call(["cp", "-r", at("in"), "@/new"])
      yield* call(["cp", "-r", at("in"), "@/new"])
      assert.strictEqual((yield* call(["ls", "/new"])).out, "in/\nlink\none\ntwo/")
      // A link that is named is followed, unless folders are copied.
      yield* call(["cp", at("in", "link"), "@/followed"])
      yield* call(["cp", "-r", at("in", "link"), "@/kept"])
      assert.match((yield* call(["ls", "-l", "/kept"])).out, / \/kept -> one$/)
      assert.strictEqual((yield* call(["cat", "/followed"])).bytes.toString(), "1")
      yield* call(["cp", "@/file", "@/followed", "@/new"])
      yield* call(["cp", "-r", "@/new", "@/copy"])
      assert.strictEqual((yield* call(["ls", "/copy"])).out, "file\nfollowed\nin/\nlink\none\ntwo/")
      yield* call(["cp", "@/file", at("out")])
      assert.strictEqual(fs.readFileSync(at("out"), "utf8"), "3")
      yield* call(["cp", "@/copy/one", at("out")])
      assert.strictEqual(fs.readFileSync(at("out"), "utf8"), "1")
      fs.mkdirSync(at("folder"))
      yield* call(["cp", "-r", "@/file", "@/copy", at("folder")])
      assert.deepStrictEqual(fs.readdirSync(at("folder")).sort(), ["copy", "file"])
      yield* call(["cp", "-r", "@/", at("all")])
      assert.deepStrictEqual(fs.readdirSync(at("all")).sort(), ["copy", "file", "followed", "kept", "new"])
    })
  )

  it.live("takes `..` above the root for the root, and a path that begins with @ by a dot", () =>
    Effect.gen(function* () {
      const { at, call } = yield* prepare
      yield* call(["write", "/../../x"], "up")
      assert.strictEqual((yield* call(["cat", "../x"])).bytes.toString(), "up")
      fs.writeFileSync(at("@file"), "at")
      yield* call(["cp", path.relative(".", at("@file")), "@/y"])
      yield* call(["cp", "@y", "@z"])
      assert.strictEqual((yield* call(["cat", "z"])).bytes.toString(), "at")
    })
  )

  it.live("shows no control character of a name", () =>
    Effect.gen(function* () {
      const { call } = yield* prepare
      yield* call(["touch", "/a\n\u001b[31mb\u009b"])
      assert.strictEqual((yield* call(["ls"])).out, "a\\n\\x1b[31mb\\x9b")
      assert.include((yield* call(["tree"])).out, "a\\n\\x1b[31mb\\x9b")
      assert.strictEqual(JSON.parse((yield* call(["ls", "--json"])).out)[0].name, "a\n\u001b[31mb\u009b")
    })
  )

  it.live("explains itself, and completes in the shell", () =>
    Effect.gen(function* () {
      const help = yield* Tool.run(["--help"])
      assert.strictEqual(help.status, 0)
      for (const name of ["format", "ls", "cat", "import", "export", "check"]) assert.include(help.out, `\n  ${name} `)
      assert.match((yield* Tool.run(["--version"])).out, /^notafs v\d+\.\d+\.\d+$/)
      for (const shell of ["bash", "zsh", "fish"]) {
        assert.include((yield* Tool.run(["--completions", shell])).out, "export")
      }
      const bare = yield* Tool.run([])
      assert.strictEqual(bare.status, 2)
      assert.include(bare.out, "USAGE")
    })
  )

  it.live("overwrites on export only by force, and never through a link", () =>
    Effect.gen(function* () {
      const { at, call, image } = yield* prepare
      HostFolder.plant(at("in"), { "a/b": "new", c: "new" })
      yield* call(["import", at("in")])
      HostFolder.plant(at("out"), { "a/b": "old", other: "stays" })
      const refused = yield* Tool.run(["export", image, at("out")])
      assert.deepStrictEqual([refused.status, fs.readFileSync(at("out", "a", "b"), "utf8")], [1, "old"])
      assert.match(refused.err, /is not empty\. Nothing was written; .*--force/)
      yield* call(["export", at("out"), "--force"])
      assert.strictEqual(fs.readFileSync(at("out", "a", "b"), "utf8"), "new")
      assert.strictEqual(fs.readFileSync(at("out", "other"), "utf8"), "stays")
      // A link to a file is replaced; its target stays as it is.
      HostFolder.plant(at("victim"), { file: "safe" })
      fs.rmSync(at("out", "c"))
      fs.symlinkSync(at("victim", "file"), at("out", "c"))
      yield* call(["export", at("out"), "--force"])
      assert.isTrue(fs.lstatSync(at("out", "c")).isFile())
      assert.strictEqual(fs.readFileSync(at("victim", "file"), "utf8"), "safe")
      // A link where a folder goes is refused.
      fs.rmSync(at("out", "a"), { recursive: true })
      fs.symlinkSync(at("victim"), at("out", "a"))
      const through = yield* Tool.run(["export", image, at("out"), "--force"])
      assert.strictEqual(through.status, 1)
      assert.match(through.err, /out\/a is a symbolic link: nothing is written through it/)
      assert.deepStrictEqual(fs.readdirSync(at("victim")), ["file"])
      fs.symlinkSync(at("victim"), at("goal"))
      assert.match((yield* Tool.run(["export", image, at("goal")])).err, /symbolic link: nothing is written through it/)
    })
  )

  it.live("follows no link out of the folder that it exports", () =>
    Effect.gen(function* () {
      const { at, call } = yield* prepare
      HostFolder.plant(at("victim"), {})
      fs.mkdirSync(at("victim"))
      fs.mkdirSync(at("in"))
      fs.symlinkSync(at("victim"), at("in", "way"))
      yield* call(["import", at("in")])
      // The link stands in the volume; what comes by the same name afterwards stands in another folder.
      yield* call(["mkdir", "/z"])
      yield* call(["touch", "/z/way"])
      yield* call(["export", at("out")])
      assert.strictEqual(fs.readlinkSync(at("out", "way")), at("victim"))
      assert.deepStrictEqual(fs.readdirSync(at("victim")), [])
    })
  )

  it.live("takes snapshots, reads them, goes back and removes them", () =>
    Effect.gen(function* () {
      const { at, call, image } = yield* prepare
      yield* call(["write", "/file"], "one")
      yield* snapshot("create", "first")
      yield* call(["write", "/file"], "two")
      yield* call(["touch", "/later"])
      yield* snapshot("create", "second")
      assert.strictEqual((yield* call(["ls", "--snapshot", "first"])).out, "file")
      assert.strictEqual((yield* call(["cat", "--snapshot", "first", "/file"])).bytes.toString(), "one")
      const of = `${image}@first`
      assert.strictEqual((yield* Tool.run(["ls", of])).out, "file")
      assert.include((yield* Tool.run(["tree", of])).out, "file (3 B)")
      assert.include((yield* Tool.run(["stat", of, "/file"])).out, "3 bytes")
      assert.strictEqual((yield* Tool.run(["cat", of, "/file"])).bytes.toString(), "one")
      assert.deepInclude(yield* Tool.run(["cp", of, "@/file", at("copy")]), { status: 0, err: "" })
      assert.strictEqual(fs.readFileSync(at("copy"), "utf8"), "one")
      assert.deepInclude(yield* Tool.run(["export", of, at("again")]), { status: 0, err: "" })
      assert.deepStrictEqual(fs.readdirSync(at("again")), ["file"])
      yield* call(["export", "--snapshot", "first", at("out")])
      assert.deepStrictEqual(fs.readdirSync(at("out")), ["file"])
      const names = (list: string) => JSON.parse(list).map(({ name }: { readonly name: string }) => name)
      assert.deepStrictEqual(names((yield* snapshot("list", "--json")).out), ["first", "second"])
      const refused = yield* Tool.run(["snapshot", "rollback", image, "first"])
      assert.strictEqual(refused.status, 1)
      assert.match(refused.err, /snapshots newer than "first": "second"/)
      yield* snapshot("rollback", "first", "--discard-newer")
      assert.strictEqual((yield* call(["ls"])).out, "file")
      yield* snapshot("rm", "first")
      assert.strictEqual((yield* snapshot("list")).out, "")
      assert.strictEqual((yield* call(["cat", "/file"])).bytes.toString(), "one")
      const gone = yield* Tool.run(["ls", `${image}@first`])
      assert.strictEqual(gone.status, 1)

      function snapshot(what: string, ...rest: ReadonlyArray<string>) {
        return Effect.tap(Tool.run(["snapshot", what, image, ...rest]), ({ err, status }) =>
          Effect.sync(() => assert.deepStrictEqual([status, err], [0, ""]))
        )
      }
    })
  )
})
