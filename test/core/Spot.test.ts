import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Spot from "../../src/core/Spot.ts"
import type * as Tree from "../../src/core/Tree.ts"
import { Random } from "../../src/testing/Random.ts"
import { TreeMemory } from "./TreeMemory.ts"

const keyOf = (count: number): Uint8Array => {
  const key = new Uint8Array(6)
  Bytes.writeUint48Key(key, 0, count)
  return key
}

/** A tree of the even numbers below `end`, each with a value of 30 bytes. */
const evens = (end: number): TreeMemory => {
  const memory = new TreeMemory(4096, new Random(1))
  for (let i = 0; i < end; i += 2) memory.edit((draft, tree) => BTree.put(draft, tree, keyOf(i), new Uint8Array(30)))
  return memory
}

const valueOf = (memory: TreeMemory, count: number): Uint8Array | undefined =>
  memory.read((pages) => BTree.get(pages, memory.tree, keyOf(count)))

/** The edits that `edit` makes of a draft, and whether nodes came or went. */
const changes = (
  memory: TreeMemory,
  edit: (draft: TreeMemory["draft"], tree: Tree.Tree) => Tree.Tree
): readonly [number, boolean] => {
  const { changeCount, shape } = memory.draft
  memory.edit(edit)
  return [memory.draft.changeCount - changeCount, memory.draft.shape !== shape]
}

describe("Spot", () => {
  it("is edited in place where the draft owns its leaf and the attempt is sealed", () => {
    const memory = evens(1000)
    const edits: ReadonlyArray<readonly [string, (draft: TreeMemory["draft"], tree: Tree.Tree) => Tree.Tree]> = [
      ["put", (draft, tree) => Spot.put(draft, tree, Spot.find(draft, tree, keyOf(400)), new Uint8Array(30).fill(1))],
      ["longer", (draft, tree) => Spot.put(draft, tree, Spot.find(draft, tree, keyOf(402)), new Uint8Array(31))],
      [
        "patch",
        (draft, tree) =>
          Spot.patch(draft, tree, Spot.find(draft, tree, keyOf(404)), (bytes, at) => bytes.fill(2, at, at + 30))
      ],
      ["remove", (draft, tree) => Spot.remove(draft, tree, Spot.find(draft, tree, keyOf(406)))],
      ["new", (draft, tree) => Spot.put(draft, tree, Spot.find(draft, tree, keyOf(405)), new Uint8Array(3), 2)]
    ]
    for (const [what, edit] of edits) {
      const sealed = changes(memory, (draft, tree) => {
        draft.seal()
        return edit(draft, tree)
      })
      assert.deepStrictEqual(sealed, [1, false], what)
    }
    assert.deepStrictEqual(valueOf(memory, 400), new Uint8Array(30).fill(1))
    assert.deepStrictEqual(valueOf(memory, 402), new Uint8Array(31))
    assert.deepStrictEqual(valueOf(memory, 404), new Uint8Array(30).fill(2))
    assert.deepStrictEqual(valueOf(memory, 405), new Uint8Array(2))
    assert.isUndefined(valueOf(memory, 406))
    for (const [what, edit] of edits) {
      const [count] = changes(memory, edit)
      if (what !== "remove") assert.isAbove(count, 1, `${what}, not sealed`)
    }
    memory.check()
  })

  it("takes its leaf from the disk where the draft owns the branch above it", () => {
    const memory = evens(1000)
    memory.commit()
    const putAt = (number: number) => {
      let spot: Spot.Spot | undefined
      const [count] = changes(memory, (draft, tree) => {
        spot = Spot.find(draft, tree, keyOf(number))
        assert.isFalse(spot.isOwned)
        draft.seal()
        return Spot.put(draft, tree, spot, new Uint8Array(30).fill(number % 256))
      })
      return { spot: spot!, count }
    }
    const first = putAt(400)
    assert.isUndefined(first.spot.branch, "nothing is owned")
    assert.isFalse(first.spot.isOwned)
    const second = putAt(800)
    assert.isDefined(second.spot.branch)
    assert.isTrue(second.spot.isOwned)
    assert.strictEqual(second.count, 3, "a page dies, a copy of it is changed")
    assert.isTrue(Spot.isOwnedStill(memory.draft, second.spot))
    // Of the same leaf, and found before it: the way to it leads to the copy.
    changes(memory, (draft, tree) => {
      const [a, b] = [Spot.find(draft, tree, keyOf(100)), Spot.find(draft, tree, keyOf(102))]
      assert.strictEqual(a.leaf, b.leaf)
      draft.seal()
      const after = Spot.put(draft, tree, a, new Uint8Array(30).fill(7))
      assert.notStrictEqual(a.leaf, b.leaf)
      assert.strictEqual(Spot.findAbove(draft, after, b, keyOf(104)).leaf, a.leaf)
      return Spot.put(draft, after, b, new Uint8Array(30).fill(8))
    })
    for (const [number, byte] of [
      [400, 144],
      [800, 32],
      [100, 7],
      [102, 8]
    ]) {
      assert.deepStrictEqual(valueOf(memory, number), new Uint8Array(30).fill(byte))
    }
    memory.check()
  })

  it("is undone with its attempt as long as that is not sealed", () => {
    const memory = evens(100)
    memory.draft.attempt()
    const { draft, tree } = memory
    draft.roots = Spot.put(draft, tree, Spot.find(draft, tree, keyOf(40)), new Uint8Array(30).fill(1))
    draft.roots = Spot.patch(draft, draft.roots, Spot.find(draft, draft.roots, keyOf(42)), (bytes, at) => {
      bytes[at] = 1
    })
    draft.roots = Spot.remove(draft, draft.roots, Spot.find(draft, draft.roots, keyOf(44)))
    draft.abandon()
    for (const count of [40, 42, 44]) assert.deepStrictEqual(valueOf(memory, count), new Uint8Array(30))
  })

  it("is found above another one without a way down, where the leaf tells", () => {
    const memory = evens(1000)
    const { draft, tree } = memory
    const below = Spot.find(draft, tree, keyOf(400))
    const count = below.leaf.length
    assert.isAbove(count, 0)
    for (let i = 400; i < 999; i++) {
      const found = Spot.findAbove(draft, tree, below, keyOf(i + 1))
      const wanted = Spot.find(draft, tree, keyOf(i + 1))
      assert.strictEqual(found.leaf, wanted.leaf)
      assert.deepStrictEqual([found.slot, found.isOwned, found.isLast], [wanted.slot, wanted.isOwned, wanted.isLast])
    }
    const last = Spot.find(draft, tree, keyOf(998))
    assert.isTrue(last.isLast)
    assert.isFalse(below.isLast)
    // From here on the answer is that of the leaf, which a way down would not give: it is not asked for.
    const elsewhere = { ...last, leaf: below.leaf, isLast: true }
    assert.strictEqual(Spot.findAbove(draft, tree, elsewhere, keyOf(2000)).leaf, below.leaf)
    const gone = { ...elsewhere, shape: last.shape - 1 }
    assert.strictEqual(Spot.findAbove(draft, tree, gone, keyOf(2000)).leaf, last.leaf)
    const inside = { ...last, leaf: below.leaf, isLast: false }
    assert.strictEqual(Spot.findAbove(draft, tree, inside, keyOf(402)).leaf, below.leaf)
    assert.strictEqual(Spot.findAbove(draft, tree, inside, keyOf(401)).leaf, below.leaf)
    assert.strictEqual(Spot.findAbove(draft, tree, inside, keyOf(2000)).leaf, last.leaf)
  })

  it("stands in no leaf of an empty tree", () => {
    const memory = new TreeMemory(512, new Random(1))
    const { draft, tree } = memory
    const spot = Spot.find(draft, tree, keyOf(1))
    assert.isUndefined(Spot.item(spot))
    assert.isUndefined(Spot.look(draft, tree, spot))
    const above = Spot.findAbove(draft, tree, spot, keyOf(2))
    assert.deepStrictEqual([above.isOwned, above.slot, above.key], [false, ~0, keyOf(2)])
    memory.edit((edited, before) => {
      edited.seal()
      return Spot.put(edited, Spot.put(edited, before, spot, keyOf(3)), above, keyOf(4))
    })
    assert.deepStrictEqual([valueOf(memory, 1), valueOf(memory, 2)], [keyOf(3), keyOf(4)])
    assert.strictEqual(memory.check().items, 2)
  })

  it("may be removed at once where no leaf gets too empty, or what a merge needs is loaded", () => {
    const memory = evens(2000)
    const { draft, tree } = memory
    const all = (counts: ReadonlyArray<number>) => counts.map((count) => Spot.find(draft, tree, keyOf(count)))
    assert.isTrue(Spot.prepareRemovals(draft, tree, []))
    assert.isTrue(Spot.prepareRemovals(draft, tree, all([400, 402])))
    assert.isFalse(Spot.prepareRemovals(draft, tree, all([400, 401])))
    memory.commit()
    memory.forgetting = 1
    // All of a leaf: it is emptied, and its neighbours are asked for before.
    memory.edit((edited, before) => {
      const spots = Array.from({ length: 60 }, (_, i) => Spot.find(edited, before, keyOf(400 + 2 * i)))
      assert.isTrue(Spot.prepareRemovals(edited, before, spots))
      edited.seal()
      return spots.reduce((now, spot) => Spot.remove(edited, now, spot), before)
    })
    assert.strictEqual(memory.check().items, 940)
    memory.commit()
  })

  it("is corrupt if an item has moved to where its key does not lead", () => {
    const memory = evens(100)
    let thrown: unknown
    try {
      memory.edit((draft, tree) => {
        const spot = Spot.find(draft, tree, keyOf(40))
        const after = BTree.remove(draft, tree, keyOf(40))
        return Spot.patch(draft, after, spot, () => assert.fail("nothing is written"))
      })
    } catch (signal) {
      thrown = signal
    }
    assert.instanceOf(thrown, CorruptPage)
  })
})
