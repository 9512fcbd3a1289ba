import { assert, describe, it } from "vitest"
import * as Marks from "../../src/core/Marks.ts"
import type { Tree } from "../../src/core/Tree.ts"

const tree = (marks?: Marks.Marks): Tree => ({
  level: 0,
  link: new Uint8Array(8),
  ...(marks === undefined ? {} : { marks })
})

describe("Marks", () => {
  it("are those of the tree itself at first, and are handed on where entries stay", () => {
    const first = tree()
    assert.strictEqual(Marks.ofEntries(first), first)
    assert.strictEqual(Marks.ofWays(first), first)
    const second = tree(Marks.sameEntries(first))
    assert.strictEqual(Marks.ofEntries(second), first)
    assert.strictEqual(Marks.ofWays(second), first)
    const third = tree(Marks.sameEntries(second))
    assert.strictEqual(Marks.ofEntries(third), first)
    assert.strictEqual(Marks.ofWays(third), first)
  })

  it("keep the ways where files come and go", () => {
    const first = tree()
    const second = tree(Marks.sameWays(first))
    assert.notStrictEqual(Marks.ofEntries(second), first)
    assert.strictEqual(Marks.ofWays(second), first)
    assert.notStrictEqual(Marks.ofEntries(tree(Marks.sameWays(second))), Marks.ofEntries(second))
  })

  it("differ where anything may have changed", () => {
    const first = tree()
    const second = tree(Marks.none())
    const third = tree(Marks.none())
    for (const markOf of [Marks.ofEntries, Marks.ofWays]) {
      assert.strictEqual(new Set([markOf(first), markOf(second), markOf(third)]).size, 3)
    }
  })

  it("say of one entry more that all ways before are ways still, and nothing the other way round", () => {
    const first = tree()
    const second = tree(Marks.moreWays(first))
    const [before, after] = [Marks.ofWays(first), Marks.ofWays(second)]
    assert.notStrictEqual(Marks.ofEntries(second), Marks.ofEntries(first))
    assert.isTrue(Marks.hasWaysOf(after, before))
    assert.isFalse(Marks.hasWaysOf(before, after))
    assert.isTrue(Marks.hasWaysOf(after, after))
    assert.isTrue(Marks.hasWaysOf(before, before))
    assert.isFalse(Marks.hasWaysOf(after, undefined))
    // Two trees that were made of the same one have nothing more in common.
    const other = Marks.ofWays(tree(Marks.moreWays(first)))
    assert.isFalse(Marks.hasWaysOf(other, after))
    assert.isFalse(Marks.hasWaysOf(Marks.ofWays(tree(Marks.none())), before))
  })

  it("hold on to one mark before them, not to all", () => {
    const first = tree()
    const second = tree(Marks.moreWays(first))
    const third = tree(Marks.moreWays(second))
    assert.isTrue(Marks.hasWaysOf(Marks.ofWays(third), Marks.ofWays(second)))
    assert.isFalse(Marks.hasWaysOf(Marks.ofWays(second), Marks.ofWays(first)))
    assert.isFalse(Marks.hasWaysOf(Marks.ofWays(third), undefined))
  })
})
