/**
 * Faults among files and folders: every one is written through the trees, so that all checksums are right.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import { Volume, inodeItem, noise, utf8 } from "./CheckVolume.ts"

/** A volume with /folder (2), /folder/note (3), /folder/sub (4), /file (5), and a link /file to 5 as /folder/link. */
const make = (): Volume => {
  const volume = new Volume()
  const folder = volume.folder(1, "folder")
  volume.note(folder, "note", "hello")
  volume.folder(folder, "sub")
  const file = volume.file(1, "file", [noise(1, 700)])
  volume.entry(folder, "link", { number: file, type: Inode.FILE })
  volume.change(file, { links: 2 })
  return volume
}

const FOLDER = 2
const NOTE = 3
const SUB = 4
const LINKED = 5

/** What the check says: codes with paths, or with inodes where there is no path. */
const found = (volume: Volume): ReadonlyArray<string> =>
  volume.check().problems.map(({ code, inode, path }) => `${code} ${path ?? inode ?? "-"}`)

const counts = (volume: Volume, inodes: number): void => {
  const { roots } = volume.record
  volume.root({ roots: { ...roots, inodeCount: roots.inodeCount + inodes } })
}

const put = (volume: Volume, number: number, inode: Partial<Inode.Inode>): void =>
  volume.put(Inode.inodeKey(number), inodeItem(inode))

const raw = (key: ReadonlyArray<number>): Uint8Array => Uint8Array.from(key)

const cases: ReadonlyArray<readonly [string, (volume: Volume) => void, ReadonlyArray<string>]> = [
  ["nothing", () => undefined, []],
  ["too many links", (v) => v.change(LINKED, { links: 3 }), ["LinkCount /file"]],
  ["too few links", (v) => v.change(LINKED, { links: 1 }), ["LinkCount /file"]],
  ["a folder with two links", (v) => v.change(FOLDER, { links: 2 }), ["LinkCount /folder"]],
  ["a folder that is too large", (v) => v.change(FOLDER, { size: 4 }), ["FolderSize /folder"]],
  ["a folder that is too small", (v) => v.change(FOLDER, { size: 2 }), ["FolderSize /folder"]],
  [
    "an entry without an inode",
    (v) => v.entry(FOLDER, "ghost", { number: 7, type: Inode.FILE }),
    ["MissingInode /folder/ghost", "NextInode -"]
  ],
  [
    "a removed inode",
    (v) => {
      v.remove(Inode.inodeKey(NOTE))
      counts(v, -1)
    },
    ["MissingInode /folder/note"]
  ],
  [
    "a wrong type in an entry",
    (v) => v.put(Inode.entryKey(FOLDER, utf8("note")), Inode.encodeEntry({ number: NOTE, type: Inode.SYMBOLIC_LINK })),
    ["EntryType /folder/note"]
  ],
  [
    "a wrong type in one entry of two",
    (v) => v.put(Inode.entryKey(1, utf8("file")), Inode.encodeEntry({ number: LINKED, type: Inode.FOLDER })),
    ["EntryType /file"]
  ],
  [
    "an item that makes no sense beside another fault of its inode",
    (v) => {
      v.put(raw([0, 0, 0, 0, 0, 3, 9]), utf8(""))
      v.change(NOTE, { links: 2 })
    },
    ["Item /folder/note", "LinkCount /folder/note"]
  ],
  ["all permission bits", (v) => v.change(NOTE, { mode: 0o7777 }), []],
  [
    "a broken inode, and does not call its content leaked",
    (v) => damageItem(v, (item) => (item[0] = 2), LINKED),
    ["Item /file"]
  ],
  [
    "an item that makes no sense, and a leak beside it",
    (v) => {
      v.put(raw([0, 0, 0, 0, 0, 3, 9]), utf8(""))
      v.mark([250, 251], true)
    },
    ["Item /folder/note", "Leak -"]
  ],
  [
    "a broken inode of the root, and what is inside it",
    (v) => {
      damageItem(v, (item) => (item[0] = 2), 1)
      v.change(NOTE, { links: 2 })
    },
    ["Item /", "LinkCount /folder/note"]
  ],
  [
    "entries in a file",
    (v) => {
      v.put(Inode.entryKey(NOTE, utf8("in")), Inode.encodeEntry({ number: LINKED, type: Inode.FILE }))
      v.put(Inode.parentKey(LINKED, NOTE, utf8("in")), new Uint8Array(0))
      v.change(LINKED, { links: 3 })
    },
    ["EntryType /folder/note"]
  ],
  [
    "an entry that is not known from below",
    (v) => v.remove(Inode.parentKey(LINKED, FOLDER, utf8("link"))),
    ["Parents /file"]
  ],
  [
    "a parent item without its entry",
    (v) => v.put(Inode.parentKey(LINKED, FOLDER, utf8("other")), new Uint8Array(0)),
    ["Parents /file"]
  ],
  [
    "a parent item with another name",
    (v) => {
      v.remove(Inode.parentKey(NOTE, FOLDER, utf8("note")))
      v.put(Inode.parentKey(NOTE, FOLDER, utf8("nota")), new Uint8Array(0))
    },
    ["Parents /folder/note"]
  ],
  [
    "a parent item with another folder",
    (v) => {
      v.remove(Inode.parentKey(NOTE, FOLDER, utf8("note")))
      v.put(Inode.parentKey(NOTE, SUB, utf8("note")), new Uint8Array(0))
    },
    ["Parents /folder/note"]
  ],
  [
    "a parent item of nobody",
    (v) => v.put(Inode.parentKey(77, FOLDER, utf8("note")), new Uint8Array(0)),
    ["MissingInode 77", "NextInode -"]
  ],
  [
    "a parent item with a value",
    (v) => v.put(Inode.parentKey(NOTE, FOLDER, utf8("note")), utf8("x")),
    ["Item /folder/note", "Parents /folder/note"]
  ],
  [
    "a parent item without a name",
    (v) => v.put(Inode.parentKey(NOTE, FOLDER, utf8("")), utf8("")),
    ["Item /folder/note"]
  ],
  [
    "an inode without a name",
    (v) => {
      v.put(Inode.inodeKey(6), inodeItem({ links: 0 }))
      counts(v, 1)
      v.root({ roots: { ...v.record.roots, nextInode: 7 } })
    },
    ["Unreachable 6"]
  ],
  [
    "a folder without a name",
    (v) => {
      v.unname(FOLDER, "sub", SUB)
      v.change(FOLDER, { size: 2 })
    },
    ["Unreachable 4"]
  ],
  [
    "an orphan",
    (v) => {
      v.unname(FOLDER, "note", NOTE)
      v.change(FOLDER, { size: 2 })
      v.change(NOTE, { links: 0 })
      v.put(Inode.orphanKey(NOTE), new Uint8Array(0))
    },
    []
  ],
  [
    "an orphan with links",
    (v) => {
      v.unname(FOLDER, "note", NOTE)
      v.change(FOLDER, { size: 2 })
      v.put(Inode.orphanKey(NOTE), new Uint8Array(0))
    },
    ["Orphan 3"]
  ],
  [
    "an orphan with a name",
    (v) => {
      v.change(NOTE, { links: 0 })
      v.put(Inode.orphanKey(NOTE), new Uint8Array(0))
    },
    ["Orphan /folder/note"]
  ],
  [
    "an orphan that does not exist",
    (v) => v.put(Inode.orphanKey(77), new Uint8Array(0)),
    ["MissingInode 77", "NextInode -"]
  ],
  [
    "a folder with two parents",
    (v) => v.entry(1, "again", { number: SUB, type: Inode.FOLDER }),
    ["FolderParents /again"]
  ],
  [
    "a folder inside itself",
    (v) => {
      v.unname(1, "folder", FOLDER)
      v.change(1, { size: 1 })
      v.entry(SUB, "folder", { number: FOLDER, type: Inode.FOLDER })
    },
    ["Cycle 2"]
  ],
  [
    "a folder that is its own parent",
    (v) => {
      v.unname(FOLDER, "sub", SUB)
      v.change(FOLDER, { size: 2 })
      v.entry(SUB, "sub", { number: SUB, type: Inode.FOLDER })
    },
    ["Cycle 4"]
  ],
  [
    "an entry for the root folder",
    (v) => v.entry(SUB, "root", { number: 1, type: Inode.FOLDER }),
    ["RootFolder /folder/sub/root"]
  ],
  ["a root that is a file", (v) => put(v, 1, {}), ["RootFolder /", "LinkCount /", "EntryType /"]],
  [
    "a volume without a root folder",
    (v) => {
      v.remove(Inode.inodeKey(1))
      counts(v, -1)
    },
    ["RootFolder /"]
  ],
  ["an attribute", (v) => v.put(Inode.attributeKey(NOTE, utf8("user.a/b")), utf8("value")), []],
  [
    "an attribute with a damaged name",
    (v) => v.put(Inode.attributeKey(NOTE, raw([0x61, 0])), utf8("value")),
    ["Name /folder/note"]
  ],
  [
    "an attribute of nobody",
    (v) => v.put(Inode.attributeKey(77, utf8("a")), utf8("value")),
    ["MissingInode 77", "NextInode -"]
  ],
  ["the next inode is taken", (v) => v.root({ roots: { ...v.record.roots, nextInode: 5 } }), ["NextInode -"]],
  ["too few inodes counted", (v) => counts(v, -1), ["InodeCount -"]],
  ["too many inodes counted", (v) => counts(v, 1), ["InodeCount -"]],
  ...(
    [
      ["a slash", "a/b"],
      ["a NUL", "a\0b"],
      ["a dot", "."],
      ["two dots", ".."]
    ] as const
  ).map(
    ([what, name]) =>
      [
        `a name that is ${what}`,
        (v: Volume) => {
          v.entry(SUB, name, { number: LINKED, type: Inode.FILE })
          v.change(LINKED, { links: 3 })
        },
        [`Name /folder/sub/${name}`]
      ] as const
  ),
  [
    "a name that is no UTF-8",
    (v) => {
      v.entry(SUB, raw([0x61, 0xc3]), { number: LINKED, type: Inode.FILE })
      v.change(LINKED, { links: 3 })
    },
    ["Name /folder/sub/a\u{fffd}"]
  ],
  [
    "names with three dots and other scripts",
    (v) => {
      v.entry(SUB, "...", { number: LINKED, type: Inode.FILE })
      v.entry(SUB, "\u{feff}żółw 🐢", { number: LINKED, type: Inode.FILE })
      v.change(LINKED, { links: 4 })
    },
    []
  ],
  ["a key that is too short", (v) => v.put(raw([0, 0, 0, 0, 0, 3]), utf8("")), ["Item -"]],
  ["a key with an unknown tag", (v) => v.put(raw([0, 0, 0, 0, 0, 3, 9]), utf8("")), ["Item /folder/note"]],
  ["a long key of an inode", (v) => v.put(raw([0, 0, 0, 0, 0, 3, 0, 0]), utf8("")), ["Item /folder/note"]],
  ["an entry without a name", (v) => v.put(raw([0, 0, 0, 0, 0, 2, 1]), utf8("1234567")), ["Item /folder"]],
  ["an item of inode 0", (v) => v.put(raw([0, 0, 0, 0, 0, 0, 0]), utf8("")), ["Item -"]],
  ["an orphan item with a value", (v) => v.put(Inode.orphanKey(NOTE), utf8("x")), ["Item -"]],
  ["an entry that is too long", (v) => v.put(Inode.entryKey(SUB, utf8("x")), utf8("12345678")), ["Item /folder/sub"]],
  [
    "an entry for inode 0",
    (v) => v.put(Inode.entryKey(SUB, utf8("x")), raw([0, 0, 0, 0, 0, 0, 1])),
    ["Item /folder/sub"]
  ],
  [
    "an entry of type 4",
    (v) => v.put(Inode.entryKey(SUB, utf8("x")), raw([3, 0, 0, 0, 0, 0, 4])),
    ["Item /folder/sub"]
  ],
  ["an inode of version 2", (v) => damageItem(v, (item) => (item[0] = 2)), ["Item /folder/note"]],
  ["an inode of type 0", (v) => damageItem(v, (item) => (item[1] = 0)), ["Item /folder/note"]],
  ["an inode of type 4", (v) => damageItem(v, (item) => (item[1] = 4)), ["Item /folder/note"]],
  ["an inode with 13 permission bits", (v) => damageItem(v, (item) => (item[3] = 0x10)), ["Item /folder/note"]],
  ["an inode of form 49", (v) => damageItem(v, (item) => (item[54] = 49)), ["Item /folder/note"]],
  ["an inode with a short rope", (v) => damageItem(v, (item) => (item[54] = 0)), ["Item /folder/note"]],
  ["an inode with the wrong size", (v) => damageItem(v, (item) => (item[48] = 4)), ["Item /folder/note"]],
  ["an inode cut short", (v) => v.put(Inode.inodeKey(NOTE), inodeItem({}).slice(0, 54)), ["Item /folder/note"]],
  [
    "a folder with content",
    (v) => v.change(SUB, { content: { _tag: "Inline", bytes: utf8("x") } }),
    ["Item /folder/sub"]
  ]
]

const damageItem = (volume: Volume, change: (item: Uint8Array) => void, number = NOTE): void => {
  const item = Inode.encode(volume.inode(number))
  change(item)
  volume.put(Inode.inodeKey(number), item)
}

describe("CheckNames", () => {
  for (const [what, damage, expected] of cases) {
    it(`${expected.length === 0 ? "lets pass" : "finds"} ${what}`, () => {
      const volume = make()
      damage(volume)
      assert.deepStrictEqual(found(volume), expected)
    })
  }

  it("names the files of a lost node and blames nothing else", () => {
    const volume = new Volume({ pageCount: 1024 })
    const folder = volume.folder(1, "folder")
    for (let i = 0; i < 40; i++) volume.note(folder, `note ${i}`, "x".repeat(60))
    const names = volume.reached().filter(({ pointer }) => pointer.kind === Node.TREE && pointer.level === 0)
    const last = names[names.length - 1].pointer.address
    volume.write(last, new Uint8Array(512))
    const report = volume.check()
    assert.isFalse(report.isComplete)
    const [checksum, ...missing] = report.problems
    assert.deepInclude(checksum, { code: "Checksum", address: last, path: undefined })
    assert.isNotEmpty(missing)
    for (const problem of missing) {
      assert.strictEqual(problem.code, "MissingInode")
      assert.match(problem.path ?? "", /^\/folder\/note \d+$/)
    }
    assert.include(
      missing.map(({ path }) => path),
      "/folder/note 39"
    )
  })

  it("counts what there is", () => {
    const volume = make()
    volume.add(1, "symbolic", { type: Inode.SYMBOLIC_LINK, content: { _tag: "Inline", bytes: utf8("folder") } })
    const { dataPageCount, fileCount, folderCount, symbolicLinkCount } = volume.check(false)
    assert.deepStrictEqual(
      { dataPageCount, fileCount, folderCount, symbolicLinkCount },
      { dataPageCount: 2, fileCount: 2, folderCount: 3, symbolicLinkCount: 1 }
    )
  })

  it("knows as many orphans as there are", () => {
    const volume = new Volume({ pageCount: 1024 })
    volume.commit((draft) => {
      let { names } = draft.roots
      for (let number = 2; number < 402; number++) {
        const item = number % 100 === 0 ? utf8("broken") : inodeItem({ links: 0 })
        names = BTree.put(draft, names, Inode.inodeKey(number), item)
        names = BTree.put(draft, names, Inode.orphanKey(number), new Uint8Array(0))
      }
      draft.roots = { ...draft.roots, names, inodeCount: 401, nextInode: 402 }
    })
    const report = volume.check()
    assert.strictEqual(report.orphanCount, 400)
    assert.deepStrictEqual(
      report.problems.map(({ code, inode }) => [code, inode]),
      [100, 200, 300, 400].map((inode) => ["Item" as const, inode])
    )
  })

  it("finds a name that is too long", () => {
    const volume = new Volume({ pageBytes: 4096 })
    const note = volume.note(1, "note", "")
    const long = new Uint8Array(256).fill(0x61)
    volume.put(Inode.attributeKey(note, long), utf8("value"))
    volume.change(note, { links: 2 })
    volume.entry(1, long, { number: note, type: Inode.FILE })
    assert.deepStrictEqual(found(volume), [`Name /${"a".repeat(256)}`, `Name /${"a".repeat(255)}`])
  })

  it("finds the path of something very deep, and gives up on what is deeper", () => {
    const volume = new Volume({ pageCount: 8192 })
    let folder = 1
    for (let i = 0; i < 1030; i++) folder = volume.folder(folder, "d")
    volume.change(1024, { size: 9 })
    volume.change(1030, { size: 9 })
    const lengths = volume.check().problems.map(({ code, path }) => [code, path?.length])
    assert.deepStrictEqual(lengths, [
      ["FolderSize", 2 * 1023],
      ["FolderSize", undefined]
    ])
  })
})
