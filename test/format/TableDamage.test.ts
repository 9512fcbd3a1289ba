import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { Fault } from "./Fault.ts"
import type { Cell } from "./Forgery.ts"
import { forge } from "./Forgery.ts"
import { readImage } from "./Reader.ts"
import { pattern, Scribe } from "./Scribe.ts"
import { compareBytes } from "./Scan.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

const format: Format = { pageSize: 4096, checksum: "xxh64", size: 262_144 }
const encoder = new TextEncoder()

/** /file (2), the table "one" (3) with a short value and one of two pages, and the empty table "two" (4): in one leaf. */
const scene = runFixed(
  makeImage(format, (volume) =>
    Effect.gen(function* () {
      const scribe = new Scribe(volume)
      yield* scribe.file("/file", pattern(10, 3))
      yield* scribe.set("one", encoder.encode("short"), pattern(10, 5))
      yield* scribe.set("one", encoder.encode("long"), pattern(2 * format.pageSize, 7))
      yield* scribe.table("two")
    })
  )
).then(({ image }) => readImage(image))

const u48be = (number: number): Uint8Array => Uint8Array.from({ length: 6 }, (_, at) => number / 256 ** (5 - at))
const u48 = (number: number): Uint8Array => u48be(number).toReversed()

const tableCell = (name: string | Uint8Array, number: number, count: number, version = 1): Cell => ({
  key: Uint8Array.of(...u48be(0), 4, ...(typeof name === "string" ? encoder.encode(name) : name)),
  value: Uint8Array.of(version, ...u48(number), ...u48(count))
})

const entryCell = (table: number, key: string, ...value: ReadonlyArray<number>): Cell => ({
  key: Uint8Array.of(...u48be(table), 5, ...encoder.encode(key)),
  value: Uint8Array.from(value)
})

/** The cells with some more, which take the place of those of their keys. */
const withCells = (cells: ReadonlyArray<Cell>, ...more: ReadonlyArray<Cell>): ReadonlyArray<Cell> => [
  ...cells.filter(({ key }) => !more.some((cell) => compareBytes(cell.key, key) === 0)),
  ...more
]

const without = (cells: ReadonlyArray<Cell>, gone: Cell): ReadonlyArray<Cell> =>
  cells.filter(({ key }) => compareBytes(key, gone.key) !== 0)

/** Changes the entry of the long value. */
const long = (cells: ReadonlyArray<Cell>, change: (value: Uint8Array) => Uint8Array): ReadonlyArray<Cell> => {
  const { key } = entryCell(3, "long")
  return cells.map((cell) => (compareBytes(cell.key, key) === 0 ? { key, value: change(cell.value) } : cell))
}

const cases: ReadonlyArray<readonly [string, (cells: ReadonlyArray<Cell>) => ReadonlyArray<Cell>, RegExp]> = [
  [
    "a count that is too high",
    (cells) => withCells(cells, tableCell("one", 3, 3)),
    /table one counts 3 entries and has 2/
  ],
  [
    "a count that is too low",
    (cells) => withCells(cells, tableCell("one", 3, 1)),
    /table one counts 1 entries and has 2/
  ],
  [
    "an entry beside the count",
    (cells) => withCells(cells, entryCell(4, "", 255)),
    /table two counts 0 entries and has 1/
  ],
  ["entries of no table", (cells) => without(cells, tableCell("one", 3, 2)), /entries of table 3, which is missing/],
  ["two tables of one number", (cells) => withCells(cells, tableCell("three", 4, 0)), /two tables have the number 4/],
  ["a table with the number of a file", (cells) => withCells(cells, tableCell("three", 2, 0)), /the number of inode 2/],
  ["a number that was not given", (cells) => withCells(cells, tableCell("three", 5, 0)), /5 is to be the next/],
  ["a name that is no text", (cells) => withCells(cells, tableCell(Uint8Array.of(0xc0), 4, 0)), /the name of a table/],
  ["no name", (cells) => withCells(cells, tableCell("", 4, 0)), /the name of a table/],
  ["another version", (cells) => withCells(cells, tableCell("two", 4, 0, 2)), /a table of version 2/],
  ["the number of the root", (cells) => withCells(cells, tableCell("two", 1, 0)), /a table of number 1/],
  ["an entry without a form", (cells) => withCells(cells, entryCell(3, "short")), /without a form/],
  [
    "an entry of an unknown form",
    (cells) => withCells(cells, entryCell(3, "short", 1, 2)),
    /an entry of a table of form 1/
  ],
  ["an entry of table 0", (cells) => withCells(cells, entryCell(0, "short", 255)), /tag 5 of inode 0/],
  [
    "a rope that is too short",
    (cells) => long(cells, (value) => value.slice(0, -1)),
    /an entry of a table of \d+ bytes/
  ],
  ["a rope of level 49", (cells) => long(cells, (value) => value.fill(49, 7, 8)), /49/],
  [
    "a rope that is longer than its run",
    (cells) => long(cells, (value) => value.fill(0x21, 2, 3)),
    /a pointer to 2 pages/
  ],
  ["a rope with data behind its end", (cells) => long(cells, (value) => value.fill(0x1f, 2, 3)), /data after its span/],
  ["a rope that is not named", (cells) => without(cells, entryCell(3, "long")), /the map says that page/]
]

/** What the independent reader says. */
const ours = (image: Uint8Array): ReadonlyArray<string> => {
  try {
    return readImage(image).complaints
  } catch (fault) {
    if (fault instanceof Fault) return [fault.message]
    throw fault
  }
}

/** How many problems the file system finds. */
const theirs = (image: Uint8Array): Promise<number> =>
  runFixed(openImage(image, (volume) => Effect.map(volume.check({ deep: true }), ({ problemCount }) => problemCount)))

describe("tables", () => {
  it("are sound without damage", async () => {
    const { complaints, opened } = await scene
    assert.deepStrictEqual(complaints, [])
    const again = forge(opened, "names", (cells) => cells)
    assert.deepStrictEqual(ours(again), [])
    assert.strictEqual(await theirs(again), 0)
  })

  for (const [name, change, complaint] of cases) {
    it(`are found: ${name}`, async () => {
      const { opened } = await scene
      const image = forge(opened, "names", change)
      assert.isTrue(
        ours(image).some((one) => complaint.test(one)),
        ours(image).join("; ")
      )
      assert.isAbove(await theirs(image), 0)
    })
  }
})
