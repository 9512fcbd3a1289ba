import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Settle from "../../src/core/Settle.ts"
import { Random } from "../../src/testing/Random.ts"
import { CommitRun } from "./CommitRun.ts"
import { TreeMemory } from "./TreeMemory.ts"

const topOf = (memory: TreeMemory): Settle.Top => ({
  link: memory.tree.link.slice(),
  kind: Node.TREE,
  level: memory.tree.level,
  names: false
})

const grown = (items: number): TreeMemory => {
  const memory = new TreeMemory(512, new Random(4))
  for (let i = 0; i < items; i++) {
    memory.edit((draft, tree) => BTree.put(draft, tree, Uint8Array.of(i >> 8, i), new Uint8Array(20).fill(i)))
  }
  return memory
}

describe("Settle", () => {
  it("lists children before parents, each once, and asks for what is in memory", () => {
    const memory = grown(500)
    const { draft, layout } = memory
    const places = Settle.collect(draft, [topOf(memory)])
    const order = new Map(places.map(({ id }, i) => [id, i]))
    assert.strictEqual(order.size, places.length)
    assert.strictEqual(places.length * layout.pageBytes, draft.dirtyBytes)
    assert.deepStrictEqual([...new Set(Settle.sizes(draft, places))], [1])
    for (const [i, { kind, level, node }] of places.entries()) {
      Links.forEach(layout, node, kind, level, false, (bytes, at) => {
        assert.isBelow(order.get(Pointer.memoryId(layout, bytes, at))!, i)
      })
    }
  })

  it("writes no pointer into memory, and leaves nothing there", () => {
    const memory = grown(500)
    const { draft, layout } = memory
    const top = topOf(memory)
    const places = Settle.collect(draft, [top])
    const writes = Settle.place(
      draft,
      places,
      places.map((_, i) => 1000 - i)
    )
    assert.deepStrictEqual(
      writes.map(({ address }) => address),
      places.map((_, i) => 1000 - i)
    )
    for (const [i, { bytes }] of writes.entries()) {
      const { kind, level } = places[i]
      assert.isUndefined(Node.fault(layout, bytes, kind, level, draft.generation))
    }
    assert.isFalse(Pointer.isMemory(layout, top.link, 0))
    assert.strictEqual(draft.dirtyBytes, 0)
    assert.deepStrictEqual(Settle.collect(draft, [top]), [])
  })

  it("names what was settled before by its address, wherever a pointer into memory is left", () => {
    const memory = grown(500)
    const { draft, layout } = memory
    const top = topOf(memory)
    const places = Settle.collect(draft, [top])
    const before = places.map(({ at, holder, kind, level }) => ({
      link: holder.slice(at, at + layout.pointerBytes),
      kind,
      level,
      names: false
    }))
    Settle.place(
      draft,
      places,
      places.map((_, i) => 1000 + i)
    )
    assert.deepStrictEqual(Settle.collect(draft, before), [])
    assert.deepStrictEqual(
      before.map(({ link }) => link),
      places.map(({ at, holder }) => holder.slice(at, at + layout.pointerBytes))
    )
  })

  it("finds forged what names no node of the draft, or one that has its place", () => {
    const memory = grown(5)
    const unknown = topOf(memory)
    Pointer.writeMemory(memory.layout, unknown.link, 0, 999, 1)
    const tops: ReadonlyArray<ReadonlyArray<Settle.Top>> = [[unknown], [topOf(memory), topOf(memory)]]
    for (const some of tops) {
      let thrown: unknown
      try {
        Settle.collect(memory.draft, some)
      } catch (cause) {
        thrown = cause
      }
      assert.instanceOf(thrown, CorruptPage)
    }
    assert.lengthOf(Settle.collect(memory.draft, [topOf(memory)]), 1)
  })

  it("settles only what changed since", () => {
    const memory = grown(500)
    memory.commit()
    memory.edit((draft, tree) => BTree.put(draft, tree, Uint8Array.of(0, 7), new Uint8Array(20)))
    const places = Settle.collect(memory.draft, [topOf(memory)])
    assert.deepStrictEqual(
      places.map(({ level }) => level),
      Array.from({ length: memory.tree.level + 1 }, (_, level) => level)
    )
  })

  it("gives the same image for the same operations, whatever had to be loaded in between (I15)", () => {
    const images = [0, 0.5].map((forget) => {
      const run = new CommitRun({
        seed: 9,
        pageBytes: 512,
        pageCount: 1500,
        checking: 0,
        unkindness: { forget, abandon: 0 }
      })
      for (let round = 0; round < 60; round++) {
        run.commit(() => {
          for (let i = 0; i < 8; i++) {
            const number = run.random.below(400)
            if (run.random.chance(0.7)) run.put(number, run.random.bytes(run.random.below(400)))
            else run.remove(number)
          }
        })
      }
      assert.isAtLeast(run.histogram["fold"] ?? 0, 1)
      return Buffer.concat(Array.from({ length: 1500 }, (_, page) => run.volume.page(page)))
    })
    assert.isTrue(images[0].equals(images[1]))
  })
})
