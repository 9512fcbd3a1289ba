/**
 * What a check says of snapshots: each kind of damage to their items, their lists and the pages that only they see.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
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
