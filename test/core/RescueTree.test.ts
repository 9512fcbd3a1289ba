/**
 * Where a rescue puts what it found: sets of inodes and entries as damage leaves them, written by hand.
 */
import { assert, describe, it } from "vitest"
import * as Inode from "../../src/core/Inode.ts"
import type { LostPage, Rescue } from "../../src/core/Rescue.ts"
import * as RescueTree from "../../src/core/RescueTree.ts"
import type * as Pointer from "../../src/core/Pointer.ts"
import { utf8 } from "./CheckVolume.ts"

const { FILE, FOLDER, ROOT, SYMBOLIC_LINK } = Inode
const leaf: Pointer.Pointer = { address: 50, pageCount: 1, birth: 1, checksum: new Uint8Array(8), kind: 1, level: 0 }

/** Inodes as number, type, size and links; entries as folder, name, number, type and what is unsound. */
interface Scene {
  readonly inodes?: ReadonlyArray<readonly [number, number, number?, number?]>
  readonly entries?: ReadonlyArray<readonly [number, string, number, number, "unsound"?]>
  readonly orphans?: ReadonlyArray<number>
  readonly lostPages?: ReadonlyArray<LostPage>
  readonly tables?: ReadonlyArray<readonly [number, string, number]>
  readonly tableEntries?: ReadonlyArray<readonly [number, number]>
  readonly inodeCount?: number
}

const make = (scene: Scene): RescueTree.RescueTree => {
  const { entries = [], inodes = [], lostPages = [], orphans = [], tableEntries = [], tables = [] } = scene
  const rows = new Map(
    inodes.map(([number, type, size = 0, links = 1]) => [number, { number, type, size, links, leaf }] as const)
  )
  const byFolder: Rescue["entries"] = new Map()
  for (const [folder, name, number, type, unsound] of entries) {
    const list = byFolder.get(folder) ?? []
    list.push({ name: utf8(name), number, type, isSound: unsound === undefined })
    byFolder.set(folder, list)
  }
  const rescue: Pick<Rescue, "rows" | "entries" | "orphans" | "lostPages" | "tables" | "tableEntries"> = {
    rows,
    entries: byFolder,
    orphans: new Set(orphans),
    lostPages: [...lostPages],
    tables: new Map(tables.map(([number, name, count]) => [number, { name: utf8(name), count }])),
    tableEntries: new Map(tableEntries.map(([number, count]) => [number, { count, leaves: [] }]))
  }
  // eslint-disable-next-line typescript/no-unsafe-type-assertion
  return RescueTree.make(rescue as Rescue, scene.inodeCount ?? inodes.length)
}

/** Paths with numbers and types, and what is lost with the paths that it is about. */
const told = (scene: Scene) => {
  const { items, lost } = make(scene)
  return {
    items: items.map(
      ({ number, row, type }, i) =>
        `${RescueTree.pathOf(items, i)} ${number} ${type}${row === undefined ? " lost" : ""}`
    ),
    lost: lost.map(({ item, reason }) => (item === undefined ? reason : `${RescueTree.pathOf(items, item)}: ${reason}`))
  }
}

describe("RescueTree", () => {
  it("of a sound volume has everything at its place, and nothing is lost", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER, 3],
          [2, FOLDER, 2],
          [3, FILE, 100, 2],
          [4, SYMBOLIC_LINK, 5],
          [5, FOLDER]
        ],
        entries: [
          [ROOT, "a", 2, FOLDER],
          [ROOT, "file", 3, FILE],
          [ROOT, "link", 4, SYMBOLIC_LINK],
          [2, "again", 3, FILE],
          [2, "empty", 5, FOLDER]
        ],
        tables: [[6, "table", 2]],
        tableEntries: [[6, 2]]
      }),
      { items: ["/ 1 2", "/a 2 2", "/file 3 1", "/link 4 3", "/a/again 3 1", "/a/empty 5 2"], lost: [] }
    )
  })

  it("of nothing is a root of which all is lost", () => {
    const { items, lost } = make({ inodeCount: 4, lostPages: [{ address: 9, reason: "it could not be read" }] })
    assert.deepStrictEqual(items, [{ parent: -1, name: "", number: ROOT, type: FOLDER, row: undefined }])
    assert.deepStrictEqual(lost, [
      { item: 0, reason: "its modes, times and size are lost" },
      { item: undefined, reason: "3 files, folders or links are lost with their names" },
      { item: undefined, reason: "page 9 of the names is lost: it could not be read" }
    ])
  })

  it("says which inodes and how many entries are lost", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER, 5],
          [4, FOLDER, 2]
        ],
        entries: [
          [ROOT, "file", 2, FILE],
          [ROOT, "folder", 3, FOLDER],
          [ROOT, "other", 4, FOLDER],
          [3, "x", 5, FILE]
        ],
        inodeCount: 6
      }),
      {
        items: ["/ 1 2", "/file 2 1 lost", "/folder 3 2 lost", "/other 4 2", "/folder/x 5 1 lost"],
        lost: [
          "/: 2 of its 5 entries are lost",
          "/file: its inode is lost",
          "/folder: its modes, times and size are lost",
          "/other: 2 of its 2 entries are lost",
          "/folder/x: its inode is lost",
          "1 files, folders or links are lost with their names"
        ]
      }
    )
  })

  it("believes an inode, and then what stands in it, more than an entry that names it", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER, 2],
          [2, SYMBOLIC_LINK]
        ],
        entries: [
          [ROOT, "a", 2, FILE],
          [ROOT, "b", 3, FILE],
          [3, "in", 2, SYMBOLIC_LINK]
        ],
        inodeCount: 3
      }).items,
      ["/ 1 2", "/a 2 3", "/b 3 2 lost", "/b/in 2 3"]
    )
  })

  it("has what lost its name in a folder of its own, with what is in it", () => {
    const scene: Scene = {
      inodes: [
        [ROOT, FOLDER, 1],
        [2, FILE],
        [3, FILE, 7],
        [4, FOLDER, 1],
        [5, FILE]
      ],
      entries: [
        [ROOT, "kept", 2, FILE],
        [4, "below", 5, FILE]
      ]
    }
    assert.deepStrictEqual(told(scene), {
      items: [
        "/ 1 2",
        "/kept 2 1",
        "/lost+found 0 2 lost",
        "/lost+found/#3 3 1",
        "/lost+found/#4 4 2",
        "/lost+found/#4/below 5 1"
      ],
      lost: ["/lost+found/#3: its name is lost", "/lost+found/#4: its name is lost"]
    })
    const { entries = [] } = scene
    const names = (...more: ReadonlyArray<string>) =>
      make({ ...scene, entries: [...entries, ...more.map((name) => [ROOT, name, 2, FILE] as const)] }).items.find(
        ({ number }) => number === 0
      )?.name
    assert.strictEqual(names("lost+found"), "lost+found.2")
    assert.strictEqual(names("lost+found", "lost+found.2"), "lost+found.3")
  })

  it("has a folder of lost names beside the names of a root that has none", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER],
          [2, FILE]
        ]
      }).items,
      ["/ 1 2", "/lost+found 0 2 lost", "/lost+found/#2 2 1"]
    )
  })

  it("has a folder whose inode is lost, with its entries, under its number", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER],
          [8, FILE]
        ],
        entries: [[7, "x", 8, FILE]],
        inodeCount: 3
      }),
      {
        items: ["/ 1 2", "/lost+found 0 2 lost", "/lost+found/#7 7 2 lost", "/lost+found/#7/x 8 1"],
        lost: ["/lost+found/#7: its modes, times and size are lost", "/lost+found/#7: its name is lost"]
      }
    )
  })

  it("gives what has no sound name a number for a name, once", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER, 3],
          [2, FILE],
          [3, FILE]
        ],
        entries: [
          [ROOT, "a", 2, FILE],
          [ROOT, "a/b", 2, FILE, "unsound"],
          [ROOT, "c/d", 3, FILE, "unsound"],
          [ROOT, "e/f", 9, FILE, "unsound"]
        ],
        inodeCount: 3
      }),
      {
        items: ["/ 1 2", "/a 2 1", "/lost+found 0 2 lost", "/lost+found/#3 3 1"],
        lost: ["/lost+found/#3: its name is lost"]
      }
    )
  })

  it.each([ROOT, 2, 3])("keeps what has a name, though a forged item calls number %i an orphan", (orphan) => {
    const { items, lost } = told({
      inodes: [
        [ROOT, FOLDER, 1],
        [2, FOLDER, 1],
        [3, FILE, 100]
      ],
      entries: [
        [ROOT, "folder", 2, FOLDER],
        [2, "file", 3, FILE]
      ],
      orphans: [orphan]
    })
    assert.strictEqual(items.length, 3)
    assert.deepStrictEqual(lost, [])
  })

  it("leaves out orphans and what is in them, and files without links", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER, 1],
          [2, FOLDER, 1, 0],
          [3, FILE],
          [4, FILE, 0, 0],
          [5, FILE, 0, 0],
          [6, FILE]
        ],
        entries: [
          [2, "in", 3, FILE],
          [2, "itself", 2, FOLDER],
          [ROOT, "kept", 6, FILE]
        ],
        orphans: [2, 4]
      }),
      { items: ["/ 1 2", "/kept 6 1"], lost: [] }
    )
  })

  it("ends where folders are in each other, and puts each in one place", () => {
    assert.deepStrictEqual(
      told({
        inodes: [
          [ROOT, FOLDER, 2],
          [2, FOLDER, 1],
          [3, FOLDER, 1],
          [4, FOLDER, 2],
          [5, FOLDER, 1]
        ],
        entries: [
          [ROOT, "a", 2, FOLDER],
          [ROOT, "b", 2, FOLDER],
          [2, "up", ROOT, FOLDER],
          [3, "itself", 3, FOLDER],
          [4, "five", 5, FOLDER],
          [4, "root", ROOT, FOLDER],
          [5, "four", 4, FOLDER]
        ]
      }).items,
      ["/ 1 2", "/a 2 2", "/lost+found 0 2 lost", "/lost+found/#3 3 2", "/lost+found/#4 4 2", "/lost+found/#4/five 5 2"]
    )
  })

  it("says what is lost of tables", () => {
    assert.deepStrictEqual(
      told({
        inodes: [[ROOT, FOLDER]],
        tables: [
          [2, "whole", 1],
          [3, "half", 4],
          [4, "gone", 2],
          [5, "empty", 0]
        ],
        tableEntries: [
          [2, 1],
          [3, 3],
          [9, 1]
        ]
      }).lost,
      [
        '1 of the 4 entries of the table "half" are lost',
        '2 of the 2 entries of the table "gone" are lost',
        "the name of table 9 is lost"
      ]
    )
  })
})
