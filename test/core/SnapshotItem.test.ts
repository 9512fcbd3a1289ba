/**
 * The items of snapshots: what is asked for, found by generation, name and id, and refused where it makes no sense.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import type { RootsDraft } from "../../src/core/Inodes.ts"
import * as Layout from "../../src/core/Layout.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import type { PendingSnapshot } from "../../src/core/Roots.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import { TestFiles } from "./TestFiles.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const pendingOf = (name: string, byte: number): PendingSnapshot => ({
  name: utf8(name),
  id: new Uint8Array(16).fill(byte),
  time: BigInt(-byte)
})

/** A volume with snapshots of these names, each of another state. */
const make = (...names: ReadonlyArray<string>): TestFiles => {
  const files = new TestFiles({ pageBytes: 512, isChecked: false })
  for (const [i, name] of names.entries()) {
    files.file(`/f${i}`)
    assert.isUndefined(files.volume.run((draft) => Snapshots.request(draft, pendingOf(name, i + 1))))
    assert.strictEqual(files.volume.commit(), "Plan")
  }
  return files
}

const treeOf = ({ volume }: TestFiles) => volume.draft.roots.snapshots

const list = (files: TestFiles, after = 0, countMax = 100): ReadonlyArray<Snapshots.Snapshot> =>
  files.volume.read((pages) => Snapshots.list(pages, treeOf(files), after, countMax))

const namesOf = (snapshots: ReadonlyArray<Snapshots.Snapshot>): ReadonlyArray<string> =>
  snapshots.map(({ name }) => text(name))

/** The reason of the fault that `f` meets. */
const reasonOf = (f: () => unknown): string => {
  try {
    f()
  } catch (thrown) {
    if (thrown instanceof CorruptPage) return thrown.reason
    throw thrown
  }
  return "none"
}

describe("the item of a snapshot", () => {
  it("says what the volume was", () => {
    const files = make("monday", "tuesday")
    const [monday, tuesday] = list(files)
    assert.deepStrictEqual(
      [monday, tuesday].map(({ id, inodeCount, name, nextInode, time }) => [
        text(name),
        id[0],
        id[15],
        time,
        nextInode,
        inodeCount
      ]),
      [
        ["monday", 1, 1, BigInt(-1), 3, 2],
        ["tuesday", 2, 2, BigInt(-2), 4, 3]
      ]
    )
    const { generation, roots } = files.volume.head.root.record
    assert.strictEqual(tuesday.generation, generation)
    assert.deepStrictEqual(tuesday.names, roots.names)
  })

  it("is found by its generation, its name and its id", () => {
    const files = make("a", "b", "c")
    const { volume } = files
    const all = list(files)
    const [a, b, c] = all
    const tree = treeOf(files)
    assert.deepStrictEqual(namesOf(list(files, a.generation)), ["b", "c"])
    assert.deepStrictEqual(namesOf(list(files, a.generation - 1)), ["a", "b", "c"])
    assert.deepStrictEqual(namesOf(list(files, c.generation)), [])
    assert.deepStrictEqual(namesOf(list(files, 0, 2)), ["a", "b"])
    const newest = (atMost?: number) => volume.read((pages) => Snapshots.newest(pages, tree, atMost))
    assert.deepStrictEqual(
      [newest(), newest(c.generation), newest(c.generation - 1), newest(a.generation), newest(a.generation - 1)],
      [c.generation, c.generation, b.generation, a.generation, 0]
    )
    for (const one of all) {
      assert.deepStrictEqual(
        volume.read((pages) => Snapshots.at(pages, tree, one.generation)),
        one
      )
      assert.deepStrictEqual(
        volume.read((pages) => Snapshots.named(pages, tree, one.name)),
        one
      )
      assert.deepStrictEqual(
        volume.read((pages) => Snapshots.withId(pages, tree, one.id)),
        one
      )
    }
    assert.isUndefined(volume.read((pages) => Snapshots.at(pages, tree, c.generation + 1)))
    assert.isUndefined(volume.read((pages) => Snapshots.named(pages, tree, utf8("d"))))
    assert.isUndefined(volume.read((pages) => Snapshots.withId(pages, tree, new Uint8Array(16))))
  })

  it("is asked for once, under a name that is not taken", () => {
    const { volume } = make("a")
    const request = (name: string) => volume.run((draft) => Snapshots.request(draft, pendingOf(name, 9)))
    assert.deepStrictEqual(request("a"), { name: utf8("a"), isPending: false })
    assert.strictEqual(volume.draft.changeCount, 0)
    assert.isUndefined(request("b"))
    assert.strictEqual(volume.draft.changeCount, 1)
    assert.deepStrictEqual(request("c"), { name: utf8("b"), isPending: true })
    assert.deepStrictEqual(volume.draft.roots.pending.snapshot, pendingOf("b", 9))
  })

  it("is gone with its name", () => {
    const files = make("a", "b")
    const [a, b] = list(files)
    const { volume } = files
    volume.run((draft) => {
      Snapshots.remove(draft, a)
      assert.isFalse(draft.bookkeeping)
    })
    assert.deepStrictEqual(list(files), [b])
    assert.isUndefined(volume.read((pages) => Snapshots.named(pages, treeOf(files), a.name)))
  })

  it("belongs to the volume itself where its name begins with NUL", () => {
    assert.deepStrictEqual(
      [Snapshots.isOwn(utf8("\0a")), Snapshots.isOwn(utf8("a\0")), Snapshots.isOwn(utf8(""))],
      [true, false, false]
    )
  })

  it("has a name that its key has room for", () => {
    const layout = (pageBytes: number) =>
      Layout.make({ pageBytes, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
    assert.strictEqual(Snapshots.nameBytesMax(layout(4096)), 255)
    assert.strictEqual(Snapshots.nameBytesMax(layout(512)), layout(512).keyBytesMax - 1)
    assert.isBelow(Snapshots.nameBytesMax(layout(512)), 255)
  })

  it("is read in bounds: a longest name, and none that is longer or empty", () => {
    const files = make("a")
    const { volume } = files
    const [{ generation }] = list(files)
    const value = volume.read((pages) => {
      const item = BTree.find(pages, treeOf(files), Snapshots.key(generation)) ?? assert.fail()
      return BTree.value(item)
    })
    const max = Snapshots.nameBytesMax(volume.layout)
    const put = (changed: Uint8Array): string => {
      const savepoint = volume.draft.savepoint()
      volume.run((draft) => {
        draft.roots = { ...draft.roots, snapshots: BTree.put(draft, treeOf(files), Snapshots.key(generation), changed) }
      })
      const reason = reasonOf(() => list(files))
      volume.draft.rollback(savepoint)
      return reason
    }
    const named = (count: number): Uint8Array =>
      Uint8Array.of(...value.slice(0, -1), ...new Uint8Array(count).fill(0x61))
    assert.deepStrictEqual([put(named(1)), put(named(max))], ["none", "none"])
    assert.deepStrictEqual(
      [put(named(0)), put(named(max + 1))],
      Array.from({ length: 2 }, () => "the item of a snapshot has the wrong length")
    )
    const changed = (at: number, byte: number): Uint8Array => value.with(at, byte)
    assert.strictEqual(put(changed(0, 7)), "a snapshot has the unknown version 7")
    assert.strictEqual(put(changed(1, 48)), "none")
    assert.strictEqual(put(changed(1, 49)), "a snapshot's tree makes no sense")
    const { pointerBytes } = volume.layout
    const isNull = value.slice().fill(0, 2, 2 + pointerBytes)
    assert.strictEqual(put(isNull), "none", "a tree without pages")
    assert.strictEqual(put(isNull.with(1, 1)), "a snapshot's tree makes no sense")
    assert.strictEqual(put(value.slice().fill(0xff, 2, 2 + pointerBytes)), "a snapshot's pointer makes no sense")
  })

  it("is the one that its name stands for", () => {
    const files = make("a")
    const { volume } = files
    const nameKey = Uint8Array.of(1, 0x61)
    const named = (value: Uint8Array): string => {
      const savepoint = volume.draft.savepoint()
      volume.run((draft) => {
        draft.roots = { ...draft.roots, snapshots: BTree.put(draft, treeOf(files), nameKey, value) }
      })
      const reason = reasonOf(() => volume.read((pages) => Snapshots.named(pages, treeOf(files), utf8("a"))))
      volume.draft.rollback(savepoint)
      return reason
    }
    assert.strictEqual(named(new Uint8Array(5)), "the name of a snapshot makes no sense")
    assert.strictEqual(named(new Uint8Array(7)), "the name of a snapshot makes no sense")
    assert.strictEqual(named(Uint8Array.of(99, 0, 0, 0, 0, 0)), "a name stands for a snapshot that is not there")
  })

  it("tells what a rollback has abandoned: what came after the goal, and before the rollback", () => {
    const files = make("a")
    const { volume } = files
    const note = (draft: RootsDraft, at: number, goal: number): void => {
      const key = new Uint8Array(7)
      key[0] = 2
      Bytes.writeUint48Key(key, 1, at)
      const value = new Uint8Array(6)
      Bytes.writeUint48(value, 0, goal)
      draft.roots = { ...draft.roots, snapshots: BTree.put(draft, draft.roots.snapshots, key, value) }
    }
    volume.run((draft) => {
      note(draft, 20, 18)
      note(draft, 30, 12)
      note(draft, 40, 35)
    })
    const abandoned = Array.from({ length: 45 }, (_, i) => i).filter((generation) =>
      volume.read((pages) => Snapshots.isAbandoned(pages, treeOf(files), generation))
    )
    const expected = Array.from({ length: 45 }, (_, i) => i).filter(
      (one) => (one > 12 && one < 30) || (one > 35 && one < 40)
    )
    assert.deepStrictEqual(abandoned, expected)
    volume.run((draft) => Snapshots.noteRollback(draft, 1))
    assert.isTrue(volume.read((pages) => Snapshots.isAbandoned(pages, treeOf(files), 2)))
    assert.isFalse(volume.draft.bookkeeping)
  })
})
