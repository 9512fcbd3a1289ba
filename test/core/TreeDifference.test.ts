/**
 * Differences of trees against those of maps, and what they cost.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import { compare } from "../../src/core/Bytes.ts"
import type { Pages } from "../../src/core/Pages.ts"
import * as Tree from "../../src/core/Tree.ts"
import * as TreeDifference from "../../src/core/TreeDifference.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters } from "./propertyRuns.ts"
import { TreeMemory } from "./TreeMemory.ts"
import { STYLES, TreeRun } from "./TreeRun.ts"

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

interface Found {
  readonly key: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** All differences, a step at a time, and the pages that were asked for. */
const difference = (memory: TreeMemory, before: Tree.Tree, after: Tree.Tree, since: number, countMax = 7) => {
  let pages = 0
  const found: Array<Found> = []
  let state = TreeDifference.begin(memory.layout, before, after, since)
  while (!TreeDifference.isDone(state)) {
    const { changes, state: next } = memory.read((source) => {
      const counting: Pages = {
        layout: source.layout,
        node: (...at) => source.node(...at),
        peek: (...at) => {
          pages++
          return source.peek(...at)
        }
      }
      return TreeDifference.step(counting, state, countMax)
    })
    assert.isTrue(changes.length > 0 || next.before !== state.before || next.after !== state.after, "a step leads on")
    for (const change of changes) {
      const [old, now] = [change.before && nameOf(change.before), change.after && nameOf(change.after)]
      found.push({ key: nameOf(change.key), before: old, after: now })
    }
    state = next
  }
  return { found, pages }
}

/** The same of two maps. */
const expected = (before: ReadonlyMap<string, Uint8Array>, after: ReadonlyMap<string, Uint8Array>) =>
  [...new Set([...before.keys(), ...after.keys()])]
    .map((key): Found => {
      const [old, now] = [before.get(key), after.get(key)]
      return { key, before: old && nameOf(old), after: now && nameOf(now) }
    })
    .filter((one) => one.before !== one.after)
    .toSorted((a, b) =>
      compare(Buffer.from(a.key, "latin1"), 0, a.key.length, Buffer.from(b.key, "latin1"), 0, b.key.length)
    )

describe("the difference of two trees", () => {
  it("is that of two maps, forwards and backwards", () => {
    let differences = 0
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.constantFrom(...STYLES), (seed, style) => {
        const random = new Random(seed)
        const forgetting = random.chance(0.5) ? 0.2 : 0
        const options = { seed, pageBytes: 512, style, forgetting, abandoning: 0, savepoints: false }
        const run = new TreeRun(options)
        const states: Array<{ tree: Tree.Tree; model: Map<string, Uint8Array>; generation: number }> = []
        for (let round = 0; round < 5; round++) {
          for (let i = random.below(200); i > 0; i--) run.step()
          run.memory.commit()
          const { generation } = run.memory.draft
          states.push({ tree: run.memory.tree, model: new Map(run.model), generation: generation - 1 })
        }
        const empty = { tree: Tree.empty(run.memory.layout), model: new Map<string, Uint8Array>(), generation: 0 }
        for (const before of [empty, ...states]) {
          for (const after of [states[random.below(states.length)], empty]) {
            const { found } = difference(run.memory, before.tree, after.tree, before.generation, 1 + random.below(20))
            assert.deepStrictEqual(found, expected(before.model, after.model))
            differences += found.length
          }
        }
      }),
      parameters(60)
    )
    assert.isAbove(differences, 1000)
  })

  it("of a few changes among many items costs a few pages", () => {
    const random = new Random(3)
    const memory = new TreeMemory(512, random.fork())
    const key = (n: number): Uint8Array => new Uint8Array(Buffer.from(String(n).padStart(6, "0")))
    for (let n = 0; n < 20_000; n++) memory.edit((draft, tree) => BTree.put(draft, tree, key(n), key(n)))
    memory.commit()
    for (const count of [0, 1, 10]) {
      const before = memory.tree
      const since = memory.draft.generation - 1
      for (let i = 0; i < count; i++) {
        const n = 2 * random.below(10_000)
        memory.edit((draft, tree) =>
          i % 2 === 0 ? BTree.put(draft, tree, key(n), key(n + 1)) : BTree.remove(draft, tree, key(n))
        )
      }
      memory.commit()
      const { found, pages } = difference(memory, before, memory.tree, since)
      assert.isAtMost(found.length, count)
      assert.isAtLeast(found.length, Math.floor(count / 2))
      // Both ways down to each change, and once again where a step was run anew.
      assert.isAtMost(pages, count * 40, `${count} changes`)
    }
  })
})
