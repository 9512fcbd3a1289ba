/**
 * Faults among tables: every one is written through the trees, so that all checksums are right.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as Table from "../../src/core/Table.ts"
import { Volume, noise, utf8 } from "./CheckVolume.ts"

/** A volume with /file (2), the table "one" (3) with an entry of each form, and "two" (4). */
const make = (): Volume => {
  const volume = new Volume({ pageCount: 2048 })
  volume.file(1, "file", [noise(1, 700)])
  volume.set("one", "", utf8("the empty key"))
  volume.set("one", "run", noise(2, 700))
  volume.set("one", "rope", noise(3, 70_000))
  volume.set("two", "key", utf8("value"))
  return volume
}

const FILE = 2
const ONE = 3
const TWO = 4

/** What the check says: codes with tables or paths, or with numbers where there is neither. */
const found = (volume: Volume): ReadonlyArray<string> =>
  volume
    .check()
    .problems.map(({ code, inode, path, table }) => `${code} ${table ?? path ?? (inode === undefined ? "-" : inode)}`)

const register = (volume: Volume, name: string | Uint8Array, number: number, count: number): void =>
  volume.put(Table.tableKey(typeof name === "string" ? utf8(name) : name), Table.encode({ number, count }))

const entry = (volume: Volume, number: number, key: string, value: Uint8Array = Uint8Array.of(255, 1)): void =>
  volume.put(Table.entryKey(number, utf8(key)), value)

const nextInode = (volume: Volume, next: number): void =>
  volume.root({ roots: { ...volume.record.roots, nextInode: next } })

const encoded = (volume: Volume, level: number): Uint8Array => {
  const bytes = new Uint8Array(1 + 7 + volume.layout.pointerBytes)
  bytes[7] = level
  return bytes
}

const cases: ReadonlyArray<readonly [string, (volume: Volume) => void, ReadonlyArray<string>]> = [
  ["nothing", () => undefined, []],
  ["a table that counts too many", (v) => register(v, "one", ONE, 4), ["TableCount one"]],
  ["a table that counts too few", (v) => register(v, "one", ONE, 2), ["TableCount one"]],
  ["an entry that was put beside the count", (v) => entry(v, TWO, "another"), ["TableCount two"]],
  ["entries of a table that is not there", (v) => v.remove(Table.tableKey(utf8("one"))), ["MissingTable 3"]],
  ["entries of a number that was never given", (v) => entry(v, 9, "key"), ["NextInode -", "MissingTable 9"]],
  ["a number that is still to be given", (v) => register(v, "three", 9, 0), ["NextInode -"]],
  ["the next number itself", (v) => nextInode(v, TWO), ["NextInode -"]],
  ["a table with the number of a file", (v) => register(v, "three", FILE, 0), ["TableNumber three"]],
  ["two tables with one number", (v) => register(v, "three", TWO, 1), ["TableNumber three"]],
  [
    "an entry of a folder that names a table",
    (v) => v.entry(1, "table", { number: TWO, type: Inode.FILE }),
    ["MissingInode two"]
  ],
  ["a name that is no UTF-8", (v) => register(v, Uint8Array.of(0xff), 4, 1), ["Name two", "TableNumber two"]],
  ["a name with NUL", (v) => (nextInode(v, 6), register(v, "\0own", 5, 0)), []],
  [
    "a table of another length",
    (v) => v.put(Table.tableKey(utf8("two")), new Uint8Array(12).fill(1)),
    ["Item -", "MissingTable 4"]
  ],
  [
    "a table of another version",
    (v) => v.put(Table.tableKey(utf8("two")), Table.encode({ number: TWO, count: 1 }).fill(2, 0, 1)),
    ["Item -", "MissingTable 4"]
  ],
  ["a table with the number 0", (v) => register(v, "three", 0, 0), ["Item -"]],
  ["a table with the number of the root", (v) => register(v, "three", 1, 0), ["Item -"]],
  ["a table without a name", (v) => register(v, "", 4, 1), ["Item -"]],
  ["a table that belongs to a number", (v) => v.put(Inode.keyOf(4, 4, utf8("x")), utf8("")), ["Item two"]],
  ["an entry of table 0", (v) => v.put(Table.entryKey(0, utf8("x")), Uint8Array.of(255)), ["Item -"]],
  ["an entry without a form", (v) => entry(v, TWO, "key", utf8("")), ["Item two"]],
  ["an entry of an unknown form", (v) => entry(v, TWO, "key", Uint8Array.of(48, 1)), ["Item two"]],
  ["a rope that is too short", (v) => entry(v, TWO, "key", encoded(v, 0).slice(1)), ["Item two"]],
  ["a rope of an impossible level", (v) => entry(v, TWO, "key", encoded(v, 49)), ["Item two"]],
  ["a rope of a height without a branch", (v) => entry(v, TWO, "key", encoded(v, 1)), ["RopeSpan two"]]
]

describe("CheckTables", () => {
  for (const [what, damage, expected] of cases) {
    it(`${expected.length === 0 ? "lets pass" : "finds"} ${what}`, () => {
      const volume = make()
      damage(volume)
      assert.deepStrictEqual(found(volume), expected)
    })
  }

  it("counts tables, and their values as data", () => {
    const report = make().check(false)
    assert.strictEqual(report.tableCount, 2)
    assert.strictEqual(report.dataPageCount, 2 + 2 + Math.ceil(70_000 / 512))
    assert.isTrue(report.isComplete)
  })

  it("names the table whose value is damaged, in a run or in a branch", () => {
    for (const kind of [Node.DATA, Node.ROPE]) {
      const volume = make()
      const { address } = volume.find(kind, kind === Node.DATA ? 0 : 1, ({ page }) => page.length !== 1024).pointer
      volume.disk[address * 512 + 20] ^= 1
      assert.deepStrictEqual(
        found(volume).filter((problem) => problem.startsWith("Checksum")),
        ["Checksum one"]
      )
    }
  })

  it("names the tables whose registry or entries are lost with a node, and calls no page leaked", () => {
    for (const isFirst of [true, false]) {
      const volume = new Volume({ pageCount: 1024 })
      for (let i = 0; i < 40; i++) volume.set("table", `key ${i}`, noise(i, 60))
      const leaves = volume.reached().filter(({ pointer }) => pointer.kind === Node.TREE && pointer.level === 0)
      const { pointer } = isFirst ? leaves[0] : leaves[leaves.length - 1]
      volume.write(pointer.address, new Uint8Array(512))
      const report = volume.check()
      assert.isFalse(report.isComplete)
      assert.deepStrictEqual(
        report.problems.map(({ code }) => code).filter((code) => code !== "RootFolder"),
        isFirst ? ["Checksum", "MissingTable"] : ["Checksum"]
      )
    }
  })

  it("knows as many tables as there are", () => {
    const volume = new Volume({ pageCount: 4096 })
    volume.commit((draft) => {
      let { names } = draft.roots
      for (let number = 2; number < 1002; number++) {
        names = BTree.put(draft, names, Table.tableKey(utf8(`t${number}`)), Table.encode({ number, count: 0 }))
      }
      draft.roots = { ...draft.roots, names, nextInode: 1002 }
    })
    const report = volume.check()
    assert.deepStrictEqual(report.problems, [])
    assert.strictEqual(report.tableCount, 1000)
  })
})
