import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Attributes from "../../src/core/Attributes.ts"
import * as FileError from "../../src/core/FileError.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

const make = () => {
  const files = new TestFiles()
  const number = Result.getOrThrow(files.file("/f", bytes("content")))
  const { volume } = files
  return {
    files,
    number,
    change: (changes: Attributes.Changes, of = number) =>
      volume.run((draft) => Attributes.change(draft, of, changes, files.time++)),
    get: (name: string, of = number) =>
      outcome(
        Result.map(
          volume.read((pages) => Attributes.get(pages, volume.names, of, bytes(name))),
          (value) => Buffer.from(value).toString()
        )
      ),
    set: (name: string, value: Uint8Array | string, wanted: Attributes.Wanted = "Either", of = number) =>
      volume.run((draft) =>
        Attributes.set(draft, of, bytes(name), typeof value === "string" ? bytes(value) : value, wanted, files.time++)
      ),
    remove: (name: string, of = number) =>
      volume.run((draft) => Attributes.remove(draft, of, bytes(name), files.time++)),
    list: (after?: string, countMax = 100, of = number) =>
      outcome(
        Result.map(
          volume.read((pages) =>
            Attributes.list(pages, volume.names, of, after === undefined ? undefined : bytes(after), countMax)
          ),
          (names) => names.map((name) => Buffer.from(name).toString())
        )
      )
  }
}

const GONE = 9999

describe("Attributes", () => {
  it("change what is given, keep the rest, and set the time of change", () => {
    const { change, files, number } = make()
    change({ mode: 0o7777, uid: 0xffffffff, gid: 5 })
    change({ gid: 0xffffffff, accessTime: BigInt(-3) })
    const before = files.inode(number)!
    assert.strictEqual(before.mode, 0o7777)
    assert.strictEqual(before.uid, 0xffffffff)
    assert.strictEqual(before.gid, 0xffffffff)
    assert.strictEqual(before.accessTime, BigInt(-3))
    assert.strictEqual(before.size, 7)
    const time = files.time
    change({ modifyTime: BigInt(8) })
    assert.deepStrictEqual(files.inode(number), { ...before, modifyTime: BigInt(8), changeTime: time })
    assert.strictEqual(outcome(change({}, GONE)), "NotFound")
  })

  it("hold times of 64 bits, and the nearest where one is beyond", () => {
    const { change, files, number } = make()
    const max = BigInt("0x7fffffffffffffff")
    const min = -max - BigInt(1)
    for (const [time, held] of [
      [max, max],
      [max + BigInt(1), max],
      [min, min],
      [min - BigInt(1), min],
      [BigInt(0), BigInt(0)]
    ]) {
      change({ accessTime: time, modifyTime: time })
      assert.strictEqual(files.inode(number)?.accessTime, held)
      assert.strictEqual(files.inode(number)?.modifyTime, held)
    }
  })

  it("take no mode of more than 12 bits and no owner of more than 32", () => {
    for (const bad of [-1, 0.5, 2 ** 32, Number.NaN]) {
      for (const changes of [{ mode: bad }, { uid: bad }, { gid: bad }]) {
        assert.throws(() => make().change(changes), InvariantViolation)
      }
    }
    assert.throws(() => make().change({ mode: 0o10000 }), InvariantViolation)
  })

  it("with names of their own are set, got and removed", () => {
    const { files, get, number, remove, set } = make()
    assert.strictEqual(get("user.a"), "NoAttribute")
    assert.strictEqual(get("user.a", GONE), "NotFound")
    const before = files.inode(number)!
    const time = files.time
    set("user.a", "one")
    assert.strictEqual(get("user.a"), "one")
    assert.deepStrictEqual(files.inode(number), { ...before, changeTime: time })
    set("user.a", "two")
    assert.strictEqual(get("user.a"), "two")
    assert.strictEqual(get("user."), "NoAttribute")
    const removed = files.time
    remove("user.a")
    assert.strictEqual(get("user.a"), "NoAttribute")
    assert.deepStrictEqual(files.inode(number), { ...before, changeTime: removed })
    assert.deepStrictEqual(remove("user.a"), FileError.noAttribute(bytes("user.a")))
    assert.strictEqual(outcome(remove("user.a", GONE)), "NotFound")
    assert.strictEqual(outcome(set("user.a", "", "Either", GONE)), "NotFound")
    FilesCheck.check(files.volume)
  })

  it("are new or there already, where one of both is wanted", () => {
    const { get, set } = make()
    assert.strictEqual(outcome(set("a", "1", "Existing")), "NoAttribute")
    assert.strictEqual(get("a"), "NoAttribute")
    assert.isTrue(Result.isSuccess(set("a", "2", "New")))
    assert.strictEqual(outcome(set("a", "3", "New")), "AlreadyExists")
    assert.strictEqual(get("a"), "2")
    assert.isTrue(Result.isSuccess(set("a", "4", "Existing")))
    assert.strictEqual(get("a"), "4")
  })

  it("are as long as fits into a page, and no longer", () => {
    const { files, get, set } = make()
    const { layout } = files.volume
    const most = Attributes.valueBytesMax(layout, bytes("a"))
    assert.strictEqual(Attributes.valueBytesMax(layout, bytes("abcd")), most - 3)
    assert.isBelow(most, layout.pageBytes)
    assert.deepStrictEqual(set("a", new Uint8Array(most + 1)), FileError.attributeTooLarge(most + 1, most))
    assert.strictEqual(get("a"), "NoAttribute")
    assert.isTrue(Result.isSuccess(set("a", new Uint8Array(most).fill(65))))
    assert.lengthOf(get("a"), most)
  })

  it("are listed in byte order, some at a time, each once", () => {
    const { files, list, set } = make()
    const other = Result.getOrThrow(files.file("/g"))
    assert.deepStrictEqual(list(), [])
    for (const name of ["b", "ab", "a", "abc"]) set(name, "")
    set("z", "", "Either", other)
    assert.deepStrictEqual(list(), ["a", "ab", "abc", "b"])
    assert.deepStrictEqual(list(undefined, 2), ["a", "ab"])
    assert.deepStrictEqual(list(undefined, 1), ["a"])
    assert.deepStrictEqual(list("ab", 4), ["abc", "b"])
    assert.deepStrictEqual(list("a", 1), ["ab"])
    assert.deepStrictEqual(list("aa"), ["ab", "abc", "b"])
    assert.deepStrictEqual(list("b"), [])
    assert.deepStrictEqual(list(undefined, 9, other), ["z"])
    assert.strictEqual(list(undefined, 9, GONE), "NotFound")
    assert.throws(() => list(undefined, 0), InvariantViolation)
  })
})
