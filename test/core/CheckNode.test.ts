/**
 * Faults of trees, ropes and pointers: pages are changed as bytes and sealed again up to the root record.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Check from "../../src/core/Check.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { type Found, noise, utf8, Volume } from "./CheckVolume.ts"

const PAGE = 512

/** A names tree of two levels and more, and files of every form. */
const make = (extensionBytes = 0): Volume => {
  const volume = new Volume({ pageCount: 512, extensionBytes })
  const folder = volume.folder(1, "folder")
  for (let i = 10; i < 40; i++) volume.note(folder, `note ${i}`, "x".repeat(60))
  volume.file(1, "run", [noise(1, 700)])
  volume.file(1, "parts", [noise(2, PAGE + 7), 5000, noise(3, 10)])
  volume.file(1, "deep", [
    [noise(4, 20), noise(5, PAGE)],
    [50, noise(6, 3 * PAGE - 1)]
  ])
  return volume
}

/** Codes with what they are about: a path, else an address in terms of the case. */
const found = (volume: Volume, isDeep = true): ReadonlyArray<string> =>
  volume.check(isDeep).problems.map(({ code, path }) => (path === undefined ? code : `${code} ${path}`))

const POINTER_BYTES = 18
const ENTRY_BYTES = 6 + POINTER_BYTES
/** Of a pointer with addresses of two bytes. */
const PAGES = 2
const FLAGS = 3
const BIRTH = 4

/** Where the pointer of a rope branch's entry stands. */
const entryAt = (entry: number): number => 16 + entry * ENTRY_BYTES + 6
/** Where the pointer of a tree branch's slot stands. */
const slotAt = (node: Uint8Array, slot: number): number => TreeNode.cellAt(node, slot) + 2

/** Where the item of an inode stands in a leaf. */
const itemAt = (node: Uint8Array, number: number): number => {
  const key = Inode.inodeKey(number)
  const slot = TreeNode.searchLeaf(node, key)
  return slot < 0 ? -1 : TreeNode.cellAt(node, slot) + 4 + key.length
}

const holding = (volume: Volume, number: number): Found =>
  volume.find(Node.TREE, 0, ({ page }) => itemAt(page, number) >= 0)

const numberOf = (volume: Volume, name: string): number => {
  let number = 0
  volume.reached().forEach(({ page, pointer: { kind, level } }) => {
    const slot = kind === Node.TREE && level === 0 ? TreeNode.searchLeaf(page, Inode.entryKey(1, utf8(name))) : -1
    if (slot >= 0) number = page[TreeNode.cellAt(page, slot) + 4 + 7 + name.length]
  })
  return number
}

/** Changes the rope in the item of a file; `at` is where size (6), level (1) and pointer begin. */
const rope = (volume: Volume, name: string, change: (page: Uint8Array, at: number) => void): void => {
  const number = numberOf(volume, name)
  const leaf = holding(volume, number)
  volume.damage(leaf.pointer.address, (page) => change(page, itemAt(page, number) + Inode.AT_CONTENT))
}

const branch = (volume: Volume, level: number, change: (page: Uint8Array) => void): void =>
  volume.damage(volume.find(Node.ROPE, level).pointer.address, change)

const lastLeaf = (volume: Volume): Found =>
  volume.reached().findLast(({ pointer: { kind, level } }) => kind === Node.TREE && level === 0)!

const cases: ReadonlyArray<readonly [string, (volume: Volume) => void, ReadonlyArray<string>]> = [
  ["nothing", () => undefined, []],
  // Data
  [
    "bytes behind the content",
    (v) =>
      v.damage(
        v.find(Node.DATA, 0, ({ page }) => page.length === 2 * PAGE).pointer.address,
        (page) => (page[1023] = 1)
      ),
    ["DataTail /run"]
  ],
  // Ropes in their inode
  [
    "a rope that is shorter than its run",
    (v) => rope(v, "run", (page, at) => (page[at + 1] = 0)),
    ["RopeSpan /run", "DataTail /run"]
  ],
  ["a rope that is longer than its run", (v) => rope(v, "run", (page, at) => (page[at + 1] = 5)), ["RopeSpan /run"]],
  [
    "an empty rope with pages",
    (v) => rope(v, "run", (page, at) => page.fill(0, at, at + 6)),
    ["RopeSpan /run", "DataTail /run"]
  ],
  [
    "a rope with a height and no branch",
    (v) => rope(v, "deep", (page, at) => page.fill(0, at + 7, at + 7 + POINTER_BYTES)),
    ["RopeSpan /deep", "Leak"]
  ],
  ["a rope of the wrong height", (v) => rope(v, "deep", (page, at) => (page[at + 6] = 3)), ["Checksum /deep"]],
  ["a rope of the wrong size", (v) => rope(v, "deep", (page, at) => page[at]++), ["RopeSpan /deep"]],
  [
    "a rope whose branch has two pages",
    (v) => rope(v, "deep", (page, at) => (page[at + 7 + PAGES] = 2)),
    ["Pointer /deep"]
  ],
  ["a rope with flags", (v) => rope(v, "run", (page, at) => (page[at + 7 + FLAGS] = 1)), ["Pointer /run"]],
  [
    "a rope that was never born",
    (v) => rope(v, "run", (page, at) => page.fill(0, at + 7 + BIRTH, at + 7 + BIRTH + 6)),
    ["Birth /run"]
  ],
  [
    "a rope younger than its inode",
    (v) => rope(v, "run", (page, at) => (page[at + 7 + BIRTH + 1] = 1)),
    ["Birth /run"]
  ],
  ["a hole that is not quite null", (v) => rope(v, "run", (page, at) => (page[at + 7 + PAGES] = 0)), ["Pointer /run"]],
  [
    "a hole of the greatest height",
    (v) =>
      rope(v, "deep", (page, at) => {
        page[at + 6] = 48
        page.fill(0, at + 7, at + 7 + POINTER_BYTES)
      }),
    ["RopeSpan /deep", "Leak"]
  ],
  // Rope branches
  [
    "spans that do not add up",
    (v) => branch(v, 2, (page) => page[16 + ENTRY_BYTES]++),
    ["RopeSpan /deep", "RopeSpan /deep"]
  ],
  [
    "a hole of the wrong span",
    (v) => v.damage(partsBranch(v), (page) => page[16 + ENTRY_BYTES]++),
    ["RopeSpan /parts"]
  ],
  ["a run of the wrong span", (v) => v.damage(partsBranch(v), (page) => (page[17] = 9)), ["Structure /parts"]],
  ["an empty rope branch", (v) => branch(v, 2, (page) => (page[2] = 0)), ["Structure /deep"]],
  ["a rope branch of another level", (v) => branch(v, 2, (page) => (page[1] = 1)), ["Structure /deep"]],
  [
    "a rope branch with a young child",
    (v) => branch(v, 2, (page) => (page[entryAt(0) + BIRTH + 1] = 9)),
    ["Structure /deep"]
  ],
  [
    "a run that two files share",
    (v) => {
      const deep = v.find(Node.ROPE, 1, ({ page }) => page[2] === 2)
      rope(v, "run", (page, at) => {
        // One page of content, and the pointer of another file's run.
        page.fill(0, at, at + 6)
        page[at + 1] = 2
        page.set(deep.page.subarray(entryAt(1), entryAt(1) + POINTER_BYTES), at + 7)
      })
    },
    ["Shared /deep", "Leak"]
  ],
  // Addresses
  [
    "a run outside the volume",
    (v) => rope(v, "run", (page, at) => (page[at + 8] = 0xff)),
    ["OutsideVolume /run", "Leak"]
  ],
  [
    "a run that begins inside and ends outside",
    (v) => rope(v, "run", (page, at) => page.set([0xff, 1], at + 7)),
    ["OutsideVolume /run", "Leak"]
  ],
  ["a run on a superblock", (v) => rope(v, "run", (page, at) => page.set([0, 0], at + 7)), ["Reserved /run", "Leak"]],
  [
    "a run on the second copy",
    (v) => rope(v, "run", (page, at) => page.set([0xff, 0], at + 7)),
    ["Reserved /run", "Leak"]
  ],
  ["a branch on a root slot", (v) => rope(v, "deep", (page, at) => page.set([1, 0], at + 7)), ["Reserved /deep"]],
  // Trees
  [
    "keys out of order in a node",
    (v) => v.damage(lastLeaf(v).pointer.address, (page) => (page[TreeNode.cellAt(page, 0) + 4] = 9)),
    ["Structure"]
  ],
  [
    "a tree branch with a null child",
    (v) => v.damage(namesRoot(v), (page) => page.fill(0, slotAt(page, 1), slotAt(page, 1) + POINTER_BYTES)),
    ["Structure"]
  ],
  [
    "a tree branch with a young child",
    (v) => v.damage(namesRoot(v), (page) => (page[slotAt(page, 1) + BIRTH + 1] = 9)),
    ["Structure"]
  ]
]

const namesRoot = (volume: Volume): number => volume.reached()[0].pointer.address
const partsBranch = (volume: Volume): number => volume.find(Node.ROPE, 1, ({ page }) => page[2] === 3).pointer.address

/** The first problems are the case's own; what a node that is not read brings with it is tested in `CheckNames`. */
const own = (problems: ReadonlyArray<string>): ReadonlyArray<string> =>
  problems.filter((problem) => !/^(MissingInode|LinkCount|FolderSize|InodeCount|RootFolder)/.test(problem))

/** The names tree's nodes of a level, in order. */
const nodes = (volume: Volume, level: number): ReadonlyArray<Found> =>
  volume.reached().filter(({ pointer }) => pointer.kind === Node.TREE && pointer.level === level)

const codes = (volume: Volume): ReadonlySet<string> => new Set(volume.check().problems.map(({ code }) => code))

/** Where problems of this code are. */
const addresses = (volume: Volume, code: string): ReadonlyArray<number | undefined> =>
  volume
    .check()
    .problems.filter((problem) => problem.code === code)
    .map(({ address }) => address)

describe("CheckNode", () => {
  for (const [what, damage, expected] of cases) {
    it(`${expected.length === 0 ? "lets pass" : "finds"} ${what}`, () => {
      const volume = make()
      damage(volume)
      assert.deepStrictEqual(own(found(volume)), expected)
    })
  }

  it("sees key order across nodes, by leaves and by separators", () => {
    const large = (): Volume => {
      const volume = make()
      volume.commit((draft) => {
        let { names } = draft.roots
        for (let i = 0; i < 1500; i++)
          names = BTree.put(draft, names, Inode.attributeKey(1, utf8(`a${1e4 + i}`)), utf8("v"))
        draft.roots = { ...draft.roots, names }
      })
      return volume
    }
    assert.isAtLeast(large().record.roots.names.level, 2)
    assert.deepStrictEqual(large().check().problems, [])
    // The last says whether the node itself is to be named, not only those under it.
    const changes: ReadonlyArray<readonly [number, number, (node: Uint8Array) => void, boolean]> = [
      // The first key of a leaf below its bound, and the last one above.
      [0, 5, (node) => (node[TreeNode.cellAt(node, 0) + 4 + 5] = 0), true],
      [0, 5, (node) => (node[TreeNode.cellAt(node, Node.count(node) - 1) + 4] = 9), true],
      // A separator that is too high for what is right of it, and one that is too low for what is left of it.
      [1, 1, (node) => node[keyAt(node, 1) + keyBytes(node, 1) - 1]++, false],
      [1, 1, (node) => (node[keyAt(node, 1) + keyBytes(node, 1) - 1] -= 1), false],
      // Separators outside of the bounds of their own branch.
      [1, 1, (node) => (node[keyAt(node, 1) + 5] = 0), true],
      [1, 0, (node) => (node[keyAt(node, Node.count(node) - 1)] = 9), true]
    ]
    for (const [level, index, change, isOwn] of changes) {
      const volume = large()
      const { address } = nodes(volume, level)[index].pointer
      volume.damage(address, change)
      assert.include(codes(volume), "KeyOrder")
      if (isOwn) assert.include(addresses(volume, "KeyOrder"), address)
      assert.notInclude(codes(volume), "Structure")
      assert.notInclude(codes(volume), "Leak")
    }
  })

  it("finds an empty key", () => {
    const volume = make()
    volume.damage(nodes(volume, 0)[0].pointer.address, (page) => {
      const cell = TreeNode.cellAt(page, 0)
      page[cell + 2] += page[cell]
      page[cell] = 0
    })
    assert.deepStrictEqual(addresses(volume, "KeyOrder"), [nodes(volume, 0)[0].pointer.address])
  })

  it("finds a leaf without items", () => {
    const volume = make()
    const { address } = nodes(volume, 0)[3].pointer
    volume.damage(address, (page) => Node.clear(page, Node.TREE, 0))
    assert.deepStrictEqual(addresses(volume, "EmptyNode"), [address])
    const empty = new Volume()
    empty.damage(nodes(empty, 0)[0].pointer.address, (page) => Node.clear(page, Node.TREE, 0))
    assert.deepStrictEqual([...codes(empty)], ["EmptyNode", "RootFolder", "InodeCount"])
  })

  it("finds what stands in the bytes that are kept for later", () => {
    const volume = make(3)
    volume.damage(nodes(volume, 1)[0].pointer.address, (page) => (page[slotAt(page, 1) + POINTER_BYTES + 1] = 1))
    assert.strictEqual(found(volume)[0], "Pointer")
    const small = new Volume({ extensionBytes: 3 })
    assert.deepStrictEqual(found(small), [])
    const { names } = small.record.roots
    const link = names.link.slice()
    link[link.length - 1] = 1
    small.root({ roots: { ...small.record.roots, names: { ...names, link } } })
    assert.strictEqual(found(small)[0], "Pointer")
  })

  it("names the file of a page that rots, for data only when it is deep", () => {
    const volume = make()
    const { pointer } = volume.find(Node.DATA, 0, ({ page }) => page.length === 2 * PAGE)
    volume.disk[(pointer.address + 1) * PAGE] ^= 4
    assert.deepStrictEqual(volume.check().problems, [
      {
        code: "Checksum",
        message: "a page does not match its checksum",
        address: pointer.address,
        inode: numberOf(volume, "run"),
        path: "/run",
        table: undefined
      }
    ])
    assert.isTrue(volume.check().isComplete)
    assert.deepStrictEqual(volume.check(false).problems, [])
    const branchOfDeep = volume.find(Node.ROPE, 2)
    volume.disk[branchOfDeep.pointer.address * PAGE + 100] ^= 4
    const shallow = volume.check(false)
    assert.deepStrictEqual(
      shallow.problems.map(({ code, path }) => [code, path]),
      [["Checksum", "/deep"]]
    )
    assert.isFalse(shallow.isComplete)
  })

  it("tells what could not be read", () => {
    const volume = make()
    const { binding, pageCount, record, slots } = volume
    const { address } = volume.find(Node.ROPE, 2).pointer
    for (const bytes of [undefined, new Uint8Array(0), new Uint8Array(2 * PAGE)]) {
      const subject = { binding, slots, record, devicePageCount: pageCount, isDeep: true }
      const report = Check.run(subject, (pointer) =>
        pointer.address === address ? bytes : volume.pages(pointer.address, pointer.pageCount)
      )
      assert.deepStrictEqual(
        report.problems.map(({ code, path }) => [code, path]),
        [["Unreadable", "/deep"]]
      )
    }
    let state = Check.begin({ binding, slots, record, devicePageCount: pageCount, isDeep: true })
    while (state._tag === "Checking") state = Check.loaded(state, [])
    assert.strictEqual(state.report.problems[0].code, "Unreadable")
    assert.isFalse(state.report.isComplete)
  })
})

const keyAt = (node: Uint8Array, slot: number): number => TreeNode.cellAt(node, slot) + 2 + POINTER_BYTES
const keyBytes = (node: Uint8Array, slot: number): number => node[TreeNode.cellAt(node, slot)]
