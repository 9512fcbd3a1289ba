/**
 * The rescue of the tool: what it writes onto the host, what it says, and how it ends.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

const prepare = Effect.fnUntraced(function* (plant: (folder: string) => void, size: string) {
  const folder = yield* TemporaryFolder.make
  const at = (...names: ReadonlyArray<string>) => path.join(folder, ...names)
  fs.mkdirSync(at("in"))
  plant(at("in"))
  for (const args of [
    ["format", at("image"), "--size", size],
    ["import", at("image"), at("in"), "@/in"]
  ]) {
    assert.deepInclude(yield* Tool.run(args), { status: 0, err: "" })
  }
  return { at, image: at("image") }
})

/** Overwrites the page in which `needle` is found. */
const spoil = (image: string, needle: Uint8Array): void => {
  const bytes = fs.readFileSync(image)
  const found = bytes.indexOf(needle)
  assert.isAtLeast(found, 0)
  bytes.fill(0x55, found, found + needle.length)
  fs.writeFileSync(image, bytes)
}

describe("notafs rescue", () => {
  it.live("takes a sound volume out as an export does", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare(HostFolder.plantNasty, "64MiB")
      const outcome = yield* Tool.run(["rescue", image, at("out")])
      assert.deepInclude(outcome, { status: 0, err: "" })
      assert.match(outcome.out, /^root \d+ of .*: \d+ folders, \d+ files, \d+ links taken out in \d+\.\d s$/)
      const differences = HostFolder.differences(HostFolder.describe(at("in")), HostFolder.describe(at("out", "in")))
      assert.deepStrictEqual(differences, [])
    })
  )

  it.live("leaves damaged files out, or zeros where they are damaged, and says so", () =>
    Effect.gen(function* () {
      const big = HostFolder.noise(300_000, 3)
      const plant = (folder: string) => HostFolder.plant(folder, { big, small: "small", "sub/other": "other" })
      const { at, image } = yield* prepare(plant, "8MiB")
      spoil(image, big.subarray(150_000, 150_016))
      // Without the first superblock as well.
      const fd = fs.openSync(image, "r+")
      fs.writeSync(fd, Buffer.alloc(4096), 0, 4096, 0)
      fs.closeSync(fd)
      const outcome = yield* Tool.run(["rescue", image, at("out")])
      assert.strictEqual(outcome.status, 1)
      assert.match(outcome.out, /^lost: \/in\/big: 65536 bytes of its content are lost: the bytes do not match/)
      assert.match(
        outcome.err,
        /^notafs: 1 thing of .* could not be taken out\. --partial keeps damaged files; --older /
      )
      assert.deepStrictEqual(fs.readdirSync(at("out", "in")).sort(), ["small", "sub"])
      const partial = yield* Tool.run(["rescue", image, at("partial"), "--partial", "--json"])
      assert.strictEqual(partial.status, 1)
      const { lost } = JSON.parse(partial.out)
      assert.strictEqual(lost.length, 1)
      assert.deepInclude(lost[0], { path: "/in/big", isPartial: true })
      const [{ byteCount, offset }] = lost[0].ranges
      assert.deepStrictEqual([offset, byteCount], [131_072, 65_536])
      assert.isTrue(
        fs.readFileSync(at("partial", "in", "big")).equals(Buffer.from(big).fill(0, offset, offset + byteCount))
      )
    })
  )

  it.live("takes tables out as lines of JSON, and names the values that are lost", () =>
    Effect.gen(function* () {
      const { at, image } = yield* prepare((folder) => HostFolder.plant(folder, { a: "a" }), "8MiB")
      const device = yield* MemoryDevice.make({ image: fs.readFileSync(image) })
      const long = HostFolder.noise(30_000, 5)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const volume = yield* Volume.open()
          yield* Files.makeFolder(volume, "/tables")
          yield* volume.table("some/thing").set(Buffer.from("key"), Buffer.from("value"))
          yield* volume.table("some/thing").set(Buffer.from("long"), long)
          yield* volume.table("empty").create
        })
      ).pipe(Effect.provideService(BlockDevice, device))
      fs.writeFileSync(image, yield* device.image)
      const sound = yield* Tool.run(["rescue", image, at("out")])
      assert.deepInclude(sound, { status: 0, err: "" })
      assert.match(sound.out, / 1 file, 0 links, 2 tables taken out /)
      const read = (goal: string) =>
        fs
          .readdirSync(at(goal, "tables.2"))
          .sort()
          .map((name) => {
            const text = fs.readFileSync(at(goal, "tables.2", name), "utf8")
            return text.split("\n").flatMap((line): ReadonlyArray<unknown> => (line === "" ? [] : [JSON.parse(line)]))
          })
      const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString("base64")
      const [head, key] = [
        { table: "some/thing", count: 2 },
        { key: base64("key"), value: base64("value") }
      ]
      const empty = [{ table: "empty", count: 0 }]
      assert.deepStrictEqual(read("out"), [[head, key, { key: base64("long"), value: base64(long) }], empty])
      spoil(image, long.subarray(20_000, 20_016))
      const damaged = yield* Tool.run(["rescue", image, at("damaged")])
      assert.strictEqual(damaged.status, 1)
      assert.match(damaged.out, /^lost: the value of the key bG9uZw== of the table "some\/thing" is lost: the bytes/)
      assert.deepStrictEqual(read("damaged"), [[head, key], empty])
    })
  )

  it.live("writes into nothing that is there, and through no link", () =>
    Effect.gen(function* () {
      const plant = (folder: string) => HostFolder.plant(folder, { a: "a" })
      const { at, image } = yield* prepare(plant, "4MiB")
      fs.mkdirSync(at("elsewhere"))
      fs.symlinkSync(at("elsewhere"), at("link"))
      assert.match((yield* Tool.run(["rescue", image, at("link")])).err, /is a symbolic link/)
      HostFolder.plant(at("filled"), { mine: "mine" })
      assert.match((yield* Tool.run(["rescue", image, at("filled")])).err, /is not empty/)
      assert.deepStrictEqual(fs.readdirSync(at("elsewhere")), [])
      const both = yield* Tool.run(["rescue", image, at("out"), "--older", "--root", "1"])
      assert.strictEqual(both.status, 2)
      fs.writeFileSync(at("text"), "x".repeat(100_000))
      assert.match((yield* Tool.run(["rescue", at("text"), at("out")])).err, /holds no volume/)
      assert.isFalse(fs.existsSync(at("out")))
    })
  )
})
