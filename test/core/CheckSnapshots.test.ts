/**
 * What a check says of snapshots: each kind of damage to their items, their lists and the pages that only they see.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { Problems } from "../../src/core/CheckReport.ts"
import { CheckSnapshots } from "../../src/core/CheckSnapshots.ts"
import { CheckSpace } from "../../src/core/CheckSpace.ts"
import * as Inode from "../../src/core/Inode.ts"
import type { RootsDraft } from "../../src/core/Inodes.ts"
import * as Node from "../../src/core/Node.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import { noise, utf8, Volume } from "./CheckVolume.ts"

/** A volume with two snapshots, of which each sees pages that nothing else does. */
const make = (): Volume => {
  const volume = new Volume()
  const take = (name: string): void =>
    volume.commit((draft) => {
      Snapshots.request(draft, { name: utf8(name), id: new Uint8Array(16).fill(name.length), time: BigInt(7) })
    })
  volume.file(Inode.ROOT, "run", [noise(1, 512 * 3)])
  volume.note(Inode.ROOT, "first", "1")
  take("first")
  volume.note(Inode.ROOT, "second", "2")
  take("second one")
  volume.note(Inode.ROOT, "third", "3")
  return volume
}

const codes = (volume: Volume): ReadonlyArray<string> => [...new Set(volume.check().problems.map(({ code }) => code))]

/** The snapshots, and the entries of their lists, as they stand. */
const state = (volume: Volume) => {
  let list: ReadonlyArray<Snapshots.Snapshot> = []
  const entries: Array<{ readonly key: Uint8Array; readonly value: Uint8Array }> = []
  volume.commit((draft) => {
    list = Snapshots.list(draft, draft.roots.snapshots, 0, 10)
    entries.length = 0
    BTree.ascend(draft, draft.roots.deadlists, undefined, (item) => {
      entries.push({ key: BTree.key(item), value: BTree.value(item) })
      return true
    })
  })
  return { list, entries }
}

/** Edits a bookkeeping tree without asking whether it makes sense. */
const edit = (
  volume: Volume,
  tree: "snapshots" | "deadlists",
  change: (draft: RootsDraft, tree: RootsDraft["roots"]["snapshots"]) => RootsDraft["roots"]["snapshots"]
): void =>
  volume.commit((draft) => {
    draft.bookkeeping = true
    draft.roots = { ...draft.roots, [tree]: change(draft, draft.roots[tree]) }
    draft.bookkeeping = false
  })

const put = (volume: Volume, tree: "snapshots" | "deadlists", key: Uint8Array, value: Uint8Array): void =>
  edit(volume, tree, (draft, now) => BTree.put(draft, now, key, value))

const remove = (volume: Volume, tree: "snapshots" | "deadlists", key: Uint8Array): void =>
  edit(volume, tree, (draft, now) => BTree.remove(draft, now, key))

const entryOf = (snapshot: number, address: number, birth: number, pageCount: number) => {
  const key = new Uint8Array(12)
  Bytes.writeUint48Key(key, 0, snapshot)
  Bytes.writeUint48Key(key, 6, address)
  const value = new Uint8Array(12)
  Bytes.writeUint48(value, 0, birth)
  Bytes.writeUint48(value, 6, pageCount)
  return { key, value }
}

const six = (generation: number): Uint8Array => {
  const bytes = new Uint8Array(6)
  Bytes.writeUint48(bytes, 0, generation)
  return bytes
}

describe("a check of snapshots", () => {
  it("finds nothing wrong with sound ones, and counts what only they see", () => {
    const volume = make()
    const { entries } = state(volume)
    const report = volume.check()
    assert.deepStrictEqual(report.problems, [])
    assert.isTrue(report.isComplete)
    assert.strictEqual(report.snapshotCount, 2)
    assert.strictEqual(
      report.deadPageCount,
      entries.reduce((sum, { value }) => sum + Bytes.readUint48(value, 6), 0)
    )
    assert.isAbove(report.deadPageCount, 1)
    assert.strictEqual(
      report.reachedPageCount,
      volume.reached().reduce((sum, { pointer }) => sum + pointer.pageCount, 0)
    )
  })

  it("sees a page that only a snapshot sees and that is damaged", () => {
    const volume = make()
    const [{ key }] = state(volume).entries
    volume.disk[Bytes.readUint48Key(key, 6) * 512 + 300] ^= 1
    assert.include(codes(volume), "Checksum")
  })

  it("sees a page that is not kept for its snapshot", () => {
    const volume = make()
    const [{ key }] = state(volume).entries
    remove(volume, "deadlists", key)
    assert.deepStrictEqual(codes(volume), ["SnapshotLost"])
  })

  it("sees a page that is kept for nobody", () => {
    const volume = make()
    const { list } = state(volume)
    const { key, value } = entryOf(list[1].generation, 200, 1, 2)
    put(volume, "deadlists", key, value)
    volume.mark([200, 202], true)
    assert.deepStrictEqual(codes(volume), ["Deadlist"])
  })

  it("sees a page that is kept and that the root reaches too", () => {
    const volume = make()
    const { list } = state(volume)
    const leaf = volume.find(Node.DATA, 0)
    const { key, value } = entryOf(list[1].generation, leaf.pointer.address, 1, 1)
    put(volume, "deadlists", key, value)
    assert.include(codes(volume), "Shared")
  })

  for (const [name, damage, code] of [
    [
      "an entry of a page younger than its snapshot",
      (volume: Volume, { entries, list }: ReturnType<typeof state>) =>
        put(volume, "deadlists", entries[0].key, entryOf(0, 0, list[1].generation + 1, 1).value),
      "Deadlist"
    ],
    [
      "an entry with another birth than its page has",
      (volume: Volume, { entries }: ReturnType<typeof state>) => {
        const value = entries[0].value.slice()
        Bytes.writeUint48(value, 0, Bytes.readUint48(value, 0) - 1)
        put(volume, "deadlists", entries[0].key, value)
      },
      "Deadlist"
    ],
    [
      "an entry of no pages",
      (volume: Volume, { entries }: ReturnType<typeof state>) =>
        put(volume, "deadlists", entries[0].key, entryOf(0, 0, 1, 0).value),
      "Deadlist"
    ],
    [
      "an entry of the wrong length",
      (volume: Volume, { entries }: ReturnType<typeof state>) =>
        put(volume, "deadlists", entries[0].key, new Uint8Array(11)),
      "Deadlist"
    ],
    [
      "a list without its snapshot",
      (volume: Volume, { list }: ReturnType<typeof state>) => {
        const { key, value } = entryOf(list[0].generation - 1, 210, 1, 1)
        put(volume, "deadlists", key, value)
      },
      "Deadlist"
    ],
    [
      "a name of no snapshot",
      (volume: Volume, { list }: ReturnType<typeof state>) =>
        put(volume, "snapshots", Uint8Array.of(1, 120), six(list[0].generation - 1)),
      "SnapshotItem"
    ],
    [
      "a name of another snapshot",
      (volume: Volume, { list }: ReturnType<typeof state>) =>
        put(volume, "snapshots", Uint8Array.of(1, ...utf8("first")), six(list[1].generation)),
      "SnapshotItem"
    ],
    [
      "a snapshot without a name",
      (volume: Volume) => remove(volume, "snapshots", Uint8Array.of(1, ...utf8("first"))),
      "SnapshotItem"
    ],
    ["an unknown tag", (volume: Volume) => put(volume, "snapshots", Uint8Array.of(3, 1), six(1)), "SnapshotItem"],
    [
      "a snapshot to come",
      (volume: Volume, { list }: ReturnType<typeof state>) => {
        edit(volume, "snapshots", (draft, tree) =>
          BTree.put(draft, tree, Snapshots.key(5000), BTree.get(draft, tree, Snapshots.key(list[0].generation))!)
        )
      },
      "SnapshotItem"
    ],
    [
      "a snapshot of an unknown version",
      (volume: Volume, { list }: ReturnType<typeof state>) =>
        edit(volume, "snapshots", (draft, tree) => {
          const value = BTree.get(draft, tree, Snapshots.key(list[0].generation))!
          value[0] = 9
          return BTree.put(draft, tree, Snapshots.key(list[0].generation), value)
        }),
      "SnapshotItem"
    ],
    [
      "a rollback to a later root",
      (volume: Volume) => put(volume, "snapshots", Uint8Array.of(2, 0, 0, 0, 0, 0, 3), six(4)),
      "SnapshotItem"
    ]
  ] as const) {
    it(`sees ${name}`, () => {
      const volume = make()
      damage(volume, state(volume))
      assert.include(codes(volume), code)
    })
  }

  it("follows the pointer of a snapshot no further than it may", () => {
    const volume = make()
    const { list } = state(volume)
    edit(volume, "snapshots", (draft, tree) => {
      const key = Snapshots.key(list[0].generation)
      const value = BTree.get(draft, tree, key)!
      value.fill(255, 2, 2 + volume.layout.addressBytes)
      return BTree.put(draft, tree, key, value)
    })
    assert.include(codes(volume), "OutsideVolume")
  })
})

describe("an item of the snapshot trees", () => {
  const { layout } = new Volume()
  const NEWEST = 10
  const PAGE = 77
  const nameAt = 2 + layout.pointerBytes + 16 + 8 + 6 + 6

  const make = () => {
    const problems = new Problems()
    const snapshots = new CheckSnapshots(layout, problems, NEWEST)
    const claims = { pageCount: 1000, freeCount: 0, cursor: 0, freed: [], used: [] }
    const space = new CheckSpace(layout, problems, claims, [0, 2], 1000)
    /** The item somewhere in a node; what is said of it, and where. */
    const place = (key: ReadonlyArray<number>, value: ReadonlyArray<number>) => {
      const node = new Uint8Array(2048).fill(0xaa)
      node.set(key, 20)
      node.set(value, 20 + key.length)
      return [node, 20, 20 + key.length, 20 + key.length + value.length, PAGE] as const
    }
    const said = () =>
      problems
        .list({ pathOf: () => undefined, pathOfEntry: () => undefined, tableOf: () => undefined })
        .map(({ address, code, message }) => [code, address, message])
    return {
      snapshots,
      space,
      said,
      item: (key: ReadonlyArray<number>, value: ReadonlyArray<number>) => snapshots.item(...place(key, value)),
      entry: (key: ReadonlyArray<number>, value: ReadonlyArray<number>) => snapshots.entry(space, ...place(key, value))
    }
  }

  const bigEndian = (value: number): ReadonlyArray<number> => [...six(value)].toReversed()
  const snapshot = (name: Uint8Array, version = 1, level = 0): ReadonlyArray<number> => [
    version,
    level,
    ...new Uint8Array(nameAt - 2).fill(5),
    ...name
  ]
  const name = (count: number): Uint8Array => new Uint8Array(count).fill(120)

  const sound: ReadonlyArray<readonly [string, ReadonlyArray<number>, ReadonlyArray<number>]> = [
    ["a name", [1, ...utf8("x")], [...six(3)]],
    ["a rollback to the generation before", [2, ...bigEndian(NEWEST)], [...six(NEWEST - 1)]],
    ["a snapshot of the newest generation", [0, ...bigEndian(NEWEST)], snapshot(name(1))],
    ["a snapshot of the first generation", [0, ...bigEndian(1)], snapshot(name(1))],
    ["a snapshot of the longest name", [0, ...bigEndian(4)], snapshot(name(255))],
    ["a snapshot of the highest tree", [0, ...bigEndian(4)], snapshot(name(1), 1, 48)]
  ]
  for (const [what, key, value] of sound) {
    it(`is ${what}`, () => {
      const { item, said } = make()
      assert.isTrue(item(key, value))
      assert.deepStrictEqual(said(), [])
    })
  }

  const broken: ReadonlyArray<readonly [string, ReadonlyArray<number>, ReadonlyArray<number>, RegExp]> = [
    ["an unknown tag", [3, ...utf8("x")], [...six(3)], /unknown tag 3/],
    ["a name with five bytes", [1, ...utf8("x")], [1, 0, 0, 0, 0], /wrong length/],
    ["a name with seven bytes", [1, ...utf8("x")], [...six(3), 0], /wrong length/],
    ["a rollback with seven bytes", [2, ...bigEndian(5)], [...six(3), 0], /wrong length/],
    ["a rollback to itself", [2, ...bigEndian(5)], [...six(5)], /rollback/],
    ["a rollback to come", [2, ...bigEndian(NEWEST + 1)], [...six(5)], /rollback/],
    ["a rollback with a short key", [2, 0, 0, 0, 0, 9], [...six(5)], /rollback/],
    ["a rollback with a long key", [2, ...bigEndian(9), 0], [...six(5)], /rollback/],
    ["a snapshot with a short key", [0, 0, 0, 0, 0, 5], snapshot(name(1)), /key of a snapshot/],
    ["a snapshot with a long key", [0, ...bigEndian(5), 0], snapshot(name(1)), /key of a snapshot/],
    ["a snapshot of generation 0", [0, ...bigEndian(0)], snapshot(name(1)), /generation that is not/],
    ["a snapshot to come", [0, ...bigEndian(NEWEST + 1)], snapshot(name(1)), /generation that is not/],
    ["a snapshot with no name", [0, ...bigEndian(5)], snapshot(name(0)), /item of a snapshot/],
    ["a snapshot cut short", [0, ...bigEndian(5)], [1, 0, 0], /item of a snapshot/],
    ["a snapshot with a name of 256 bytes", [0, ...bigEndian(5)], snapshot(name(256)), /item of a snapshot/],
    ["a snapshot of an unknown version", [0, ...bigEndian(5)], snapshot(name(1), 2), /item of a snapshot/],
    ["a snapshot of a tree that is too high", [0, ...bigEndian(5)], snapshot(name(1), 1, 49), /too high/]
  ]
  for (const [what, key, value, message] of broken) {
    it(`is not ${what}`, () => {
      const { item, said, snapshots } = make()
      assert.isFalse(item(key, value))
      const [[code, address, text], ...more] = said()
      assert.deepStrictEqual([code, address, more], ["SnapshotItem", PAGE, []])
      assert.match(String(text), message)
      assert.deepStrictEqual(snapshots.found, [])
    })
  }

  it("gives the snapshot that it holds", () => {
    const { item, snapshots } = make()
    const value = snapshot(utf8("name"), 1, 3)
    item([0, ...bigEndian(7)], value)
    assert.deepStrictEqual(snapshots.found, [
      { generation: 7, bytes: Uint8Array.from(value), names: { at: 2, level: 3 }, name: utf8("name") }
    ])
  })

  it("of a deadlist has pages that were born, no later than its snapshot", () => {
    const { entry, said, snapshots, space } = make()
    const key = (list: number, address: number) => [...bigEndian(list), ...bigEndian(address)]
    const value = (birth: number, pages: number) => [...six(birth), ...six(pages)]
    assert.isTrue(entry(key(5, 100), value(5, 2)))
    assert.isTrue(entry(key(5, 102), value(1, 1)))
    assert.deepStrictEqual([space.deadCount, snapshots.entryCount], [3, 2])
    const bad = [
      [[...key(5, 200), 0], value(5, 2), /wrong length/],
      [key(5, 200).slice(1), value(5, 2), /wrong length/],
      [key(5, 200), [...value(5, 2), 0], /wrong length/],
      [key(5, 200), value(5, 2).slice(1), /wrong length/],
      [key(5, 200), value(5, 0), /makes no sense/],
      [key(5, 200), value(0, 2), /makes no sense/],
      [key(5, 200), value(6, 2), /younger/]
    ] as const
    for (const [i, [badKey, badValue, message]] of bad.entries()) {
      assert.isFalse(entry(badKey, badValue))
      const [code, address, text] = said()[i]
      assert.deepStrictEqual([code, address], ["Deadlist", PAGE])
      assert.match(String(text), message)
    }
    assert.strictEqual(space.deadCount, 3)
    // Somebody has them already.
    assert.isFalse(entry(key(5, 101), value(5, 1)))
    assert.deepStrictEqual(said().at(-1)?.slice(0, 2), ["Shared", 101])
  })

  it("is one of as many names as snapshots, and of lists of snapshots alone", () => {
    const finished = (...items: ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number>]>) => {
      const { entry, item, said, snapshots } = make()
      for (const [key, value] of items) {
        if (key.length === 12) entry(key, value)
        else item(key, value)
      }
      snapshots.finish()
      return said().map(([code, address, message]) => {
        assert.isUndefined(address)
        return `${code}: ${message}`
      })
    }
    const five = [[0, ...bigEndian(5)], snapshot(utf8("five"))] as const
    const named = [[1, ...utf8("five")], [...six(5)]] as const
    const list = (generation: number) =>
      [
        [...bigEndian(generation), ...bigEndian(100)],
        [...six(1), ...six(1)]
      ] as const
    assert.deepStrictEqual(finished(five, named, list(5)), [])
    assert.deepStrictEqual(finished(five, named, list(4)), [
      "Deadlist: there is a deadlist of generation 4, and no such snapshot"
    ])
    assert.deepStrictEqual(finished(five), ["SnapshotItem: the snapshot tree has 1 snapshots and 0 names"])
    assert.deepStrictEqual(finished(named), [
      "SnapshotItem: a name stands for generation 5, which has another or none",
      "SnapshotItem: the snapshot tree has 0 snapshots and 1 names"
    ])
    assert.deepStrictEqual(finished(five, [[1, ...utf8("fivf")], [...six(5)]]), [
      "SnapshotItem: a name stands for generation 5, which has another or none"
    ])
  })
})
