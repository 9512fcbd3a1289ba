/**
 * Differences of ropes against those of byte arrays: no byte that differs is left out, and what was not touched is not named.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isZero } from "../../src/core/Bytes.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import { CorruptPage, MissingPages, type Pages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import type * as Rope from "../../src/core/Rope.ts"
import * as RopeBranch from "../../src/core/RopeBranch.ts"
import * as RopeDifference from "../../src/core/RopeDifference.ts"
import { makeRandom, NARROW, Pair, same, SMALL } from "./RopePair.ts"
import { parameters } from "./propertyRuns.ts"

describe("the difference of two ropes", () => {
  it("names every byte that differs", () => {
    let named = 0
    let untouched = 0
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(SMALL, NARROW), (seed, geometry) => {
        const random = makeRandom(seed)
        const pair = new Pair(geometry, undefined, seed, 40_000)
        const states: Array<{ rope: Rope.Rope; bytes: Uint8Array }> = []
        for (let round = 0; round < 4; round++) {
          for (let i = random.below(12); i > 0; i--) pair.step()
          pair.volume.commit()
          states.push({ rope: pair.volume.draft.roots, bytes: pair.model.slice() })
        }
        for (const before of states) {
          const after = random.pick(states)
          const found = pair.volume.perform((draft) => RopeDifference.ranges(draft, before.rope, after.rope))
          const isUntouched = (from: number, to: number): boolean =>
            to <= from || (to <= before.bytes.length && same(before.bytes.slice(from, to), after.bytes.slice(from, to)))
          let at = 0
          for (const { count, isHole, offset } of found) {
            assert.isAtLeast(offset, at, "ranges are in order")
            assert.isAbove(count, 0)
            assert.isTrue(isUntouched(at, offset), `a byte between ${at} and ${offset} is left out`)
            at = offset + count
            if (isHole) assert.isTrue(isZero(after.bytes, offset, at))
            named += count
          }
          assert.isTrue(isUntouched(at, after.bytes.length), `a byte from ${at} on is left out`)
          untouched += after.bytes.length - found.reduce((sum, { count }) => sum + count, 0)
          if (before === after) assert.deepStrictEqual(found, [])
        }
      }),
      parameters(150)
    )
    assert.isAbove(named, 10_000)
    assert.isAbove(untouched, 10_000)
  })
})

/** A hole of so many bytes, a run that begins in a page, or a branch. */
type Shape =
  | number
  | { readonly at: number; readonly birth?: number; readonly span: number }
  | { readonly at: number; readonly birth?: number; readonly parts: ReadonlyArray<Shape>; readonly level?: number }

const spanOf = (tree: Shape): number =>
  typeof tree === "number"
    ? tree
    : "span" in tree
      ? tree.span
      : tree.parts.reduce((sum: number, part) => sum + spanOf(part), 0)

const levelOf = (tree: Shape): number =>
  typeof tree === "number" || "span" in tree ? 0 : (tree.level ?? 1 + Math.max(0, ...tree.parts.map(levelOf)))

describe("the difference of two ropes, page by page", () => {
  const layout = Layout.make(SMALL)

  const make = () => {
    const disk = new Map<number, Uint8Array>()
    const read: Array<number> = []
    /** Pages that were asked for once while loading is slow. */
    const missed = new Set<number>()
    let isSlow = false
    const put = (bytes: Uint8Array, at: number, tree: Shape): void => {
      if (typeof tree === "number") return
      const pageCount = "span" in tree ? Math.ceil(tree.span / layout.pageBytes) : 1
      Pointer.writePlace(layout, bytes, at, { address: tree.at, pageCount, birth: tree.birth ?? 1 })
      if ("span" in tree) return
      const node = new Uint8Array(layout.pageBytes)
      Node.clear(node, Node.ROPE, levelOf(tree))
      const entries = RopeBranch.makeEntries(layout, tree.parts.length)
      for (const part of tree.parts) put(entries.bytes, RopeBranch.push(layout, entries, spanOf(part)), part)
      RopeBranch.splice(layout, node, 0, 0, entries)
      disk.set(tree.at, node)
    }
    const peek: Pages["peek"] = (bytes, at, kind, level, missing) => {
      const pointer = Pointer.read(layout, bytes, at, kind, level)
      const node = disk.get(pointer.address)
      assert.deepStrictEqual([kind, node && Node.level(node)], [Node.ROPE, level])
      if (isSlow && !missed.has(pointer.address)) {
        missed.add(pointer.address)
        missing.push(pointer)
        return undefined
      }
      read.push(pointer.address)
      return node
    }
    const pages: Pages = {
      layout,
      peek,
      node: () => assert.fail("branches are loaded together")
    }
    return {
      disk,
      pages,
      slow: () => (isSlow = true),
      rope: (tree: Shape): Rope.Rope => {
        const link = Pointer.makeNull(layout)
        put(link, 0, tree)
        return { size: spanOf(tree), level: levelOf(tree), link }
      },
      /** Ranges as offset and count, with what was read. */
      compare: (before: Rope.Rope, after: Rope.Rope) => {
        read.length = 0
        const ranges = RopeDifference.ranges(pages, before, after).map(({ count, isHole, offset }) =>
          isHole ? [offset, count, "hole"] : [offset, count]
        )
        return { ranges, read: read.toSorted((a, b) => a - b) }
      }
    }
  }

  const run = (at: number, span: number, birth = 1) => ({ at, span, birth })
  const branch = (at: number, ...parts: ReadonlyArray<Shape>) => ({ at, parts })

  const cases: ReadonlyArray<readonly [string, Shape, Shape, ReadonlyArray<unknown>, ReadonlyArray<number>]> = [
    ["one run and itself", run(100, 700), run(100, 700), [], []],
    ["another page", run(100, 700), run(200, 700), [[0, 700]], []],
    ["a page that was written again", run(100, 700), run(100, 700, 2), [[0, 700]], []],
    ["a run that was cut", run(100, 700), run(100, 600), [], []],
    ["a run that has grown where it is", run(100, 600), run(100, 700), [[600, 100]], []],
    ["nothing before", 0, run(100, 700), [[0, 700]], []],
    ["nothing after", run(100, 700), 0, [], []],
    ["a hole for a run", run(100, 700), 700, [[0, 700, "hole"]], []],
    ["a run for a hole", 700, run(100, 700), [[0, 700]], []],
    ["a longer hole", 700, 900, [[700, 200, "hole"]], []],
    ["a shorter hole", 900, 700, [], []],
    [
      "one branch in both",
      branch(10, branch(11, run(100, 512), run(101, 512)), branch(12, run(102, 512))),
      branch(20, branch(11, run(100, 512), run(101, 512)), branch(13, run(103, 512))),
      [[1024, 512]],
      [10, 12, 13, 20]
    ],
    [
      "branches that stand elsewhere",
      branch(10, branch(11, run(100, 512), run(101, 512)), branch(12, run(102, 512))),
      branch(20, branch(12, run(102, 512)), branch(11, run(100, 512), run(101, 512))),
      [[0, 1536]],
      [10, 11, 11, 12, 12, 20]
    ],
    [
      "a rope that became higher",
      branch(11, run(100, 512), run(101, 512)),
      branch(20, branch(11, run(100, 512), run(101, 512)), branch(12, run(102, 512))),
      [[1024, 512]],
      [12, 20]
    ],
    [
      "a rope that became lower",
      branch(20, branch(11, run(100, 512), run(101, 512)), branch(12, run(102, 512))),
      branch(11, run(100, 512), run(101, 512)),
      [],
      [12, 20]
    ],
    [
      "a run that was split, with another page in its middle",
      run(100, 512 * 5),
      branch(10, run(100, 512), run(300, 512, 2), run(102, 512 * 3)),
      [[512, 512]],
      [10]
    ],
    [
      "runs that were joined",
      branch(10, run(100, 512), run(200, 512), run(300, 512)),
      run(100, 512 * 3),
      [[512, 1024]],
      [10]
    ],
    [
      "the same bytes at another offset",
      branch(10, run(100, 512), run(200, 100)),
      branch(11, run(100, 100), run(200, 100)),
      [[100, 100]],
      [10, 11]
    ],
    [
      "neighbours that changed, and a hole beside them",
      branch(10, run(100, 512), run(101, 512), run(102, 512), run(103, 512)),
      branch(11, run(200, 512), run(300, 512), 512, run(103, 512)),
      [
        [0, 1024],
        [1024, 512, "hole"]
      ],
      [10, 11]
    ],
    [
      "changes that are apart",
      branch(10, run(100, 512), run(101, 512), run(102, 512)),
      branch(11, run(200, 512), run(101, 512), run(202, 512)),
      [
        [0, 512],
        [1024, 512]
      ],
      [10, 11]
    ],
    [
      "holes of other lengths",
      branch(10, 1000, run(100, 512), 300),
      branch(11, 700, run(101, 300), run(100, 512), 900),
      [
        [700, 300],
        [1812, 600, "hole"]
      ],
      [10, 11]
    ],
    [
      "a hole for a branch",
      branch(10, branch(11, run(100, 512), run(101, 512)), branch(12, run(102, 512))),
      branch(20, 1024, branch(12, run(102, 512))),
      [[0, 1024, "hole"]],
      [10, 11, 20]
    ]
  ]
  for (const [what, before, after, ranges, read] of cases) {
    it(`is right for ${what}`, () => {
      const { compare, rope } = make()
      assert.deepStrictEqual(compare(rope(before), rope(after)), { ranges, read })
    })
  }

  it("wants the branches of a level together", () => {
    const { compare, rope, slow } = make()
    slow()
    const before = rope(branch(10, branch(11, run(100, 512)), branch(12, run(102, 512))))
    const after = rope(branch(20, branch(13, run(103, 512)), branch(14, run(104, 512))))
    const wanted: Array<ReadonlyArray<number>> = []
    for (;;) {
      try {
        assert.deepStrictEqual(compare(before, after).ranges, [[0, 1024]])
        break
      } catch (thrown) {
        if (!(thrown instanceof MissingPages)) throw thrown
        wanted.push(thrown.pointers.map(({ address }) => address))
      }
    }
    assert.deepStrictEqual(wanted, [
      [10, 20],
      [11, 12, 13, 14]
    ])
  })

  it("does not believe a branch of another length", () => {
    const { pages, rope } = make()
    const before = rope(branch(10, run(100, 512), run(101, 512)))
    const after = { ...rope(branch(11, run(100, 512))), size: 600 }
    try {
      RopeDifference.ranges(pages, before, after)
      assert.fail("the branch is shorter than its rope")
    } catch (thrown) {
      assert.instanceOf(thrown, CorruptPage)
    }
  })
})
