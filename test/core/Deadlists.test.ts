/**
 * Deadlists against a model: for each snapshot the set of pages that it sees.
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Deadlists from "../../src/core/Deadlists.ts"
import type { DeadExtent, Draft } from "../../src/core/Draft.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { makeRandom, TestVolume } from "./TestVolume.ts"

const PAGES = 60
/** The pages of the model stand beyond those of the volume. */
const FAR = 100_000

/** Which pages are alive, and what each snapshot sees of those that are not. */
interface Model {
  generation: number
  /** Page to birth. */
  readonly live: Map<number, number>
  readonly snapshots: Map<number, Map<number, number>>
}

const addSnapshot = (draft: Draft<Roots>, generation: number): void => {
  const snapshots = BTree.put(draft, draft.roots.snapshots, Snapshots.key(generation), new Uint8Array(0))
  draft.roots = { ...draft.roots, snapshots }
}

const dropSnapshot = (draft: Draft<Roots>, generation: number): void => {
  const snapshots = BTree.remove(draft, draft.roots.snapshots, Snapshots.key(generation))
  draft.roots = { ...draft.roots, snapshots }
}

const pagesOf = (set: ReadonlyArray<number>): ReadonlyArray<number> => {
  const pages: Array<number> = []
  for (let i = 0; i < set.length; i += 2) for (let page = set[i]; page < set[i + 1]; page++) pages.push(page)
  return pages
}

/** What is dead and seen by some snapshot. */
const kept = ({ live, snapshots }: Model): ReadonlyArray<number> => {
  const pages = new Set<number>()
  for (const seen of snapshots.values()) {
    for (const [page, birth] of seen) if (live.get(page) !== birth) pages.add(page)
  }
  return [...pages].sort((a, b) => a - b)
}

const play = (seed: number): { readonly deaths: number; readonly dissolved: number } => {
  const random = makeRandom(seed)
  const below = (end: number): number => Math.floor(random() * end)
  const volume = new TestVolume({ isChecked: false, seed })
  const model: Model = { generation: 10, live: new Map(), snapshots: new Map() }
  let deaths = 0
  let dissolved = 0
  for (let step = 0; step < 120; step++) {
    model.generation++
    const choice = random()
    if (choice < 0.25) {
      volume.run((draft) => addSnapshot(draft, model.generation))
      model.snapshots.set(model.generation, new Map(model.live))
    } else if (choice < 0.4 && model.snapshots.size > 0) {
      const [gone] = [...model.snapshots.keys()].slice(below(model.snapshots.size))
      volume.run((draft) => dropSnapshot(draft, gone))
      let isDone = false
      const before = kept(model)
      model.snapshots.delete(gone)
      const freed: Array<number> = []
      while (!isDone) {
        const result = volume.run((draft) => {
          const from = draft.dead.length
          const done = Deadlists.dissolve(draft, gone, 3)
          const free = draft.dead.slice(from).filter(({ address }) => address >= FAR)
          return { done, pages: free.flatMap(({ address, pageCount }) => pagesOf([address, address + pageCount])) }
        })
        isDone = result.done
        freed.push(...result.pages.map((page) => page - FAR))
      }
      const after = new Set(kept(model))
      assert.deepStrictEqual(
        freed.sort((a, b) => a - b),
        before.filter((page) => !after.has(page)),
        `seed ${seed}, step ${step}: deleting ${gone} frees what only it saw`
      )
      dissolved += freed.length
    } else {
      // A page dies, and another one is born where nothing is that anybody sees.
      const alive = [...model.live.keys()]
      const dead: Array<DeadExtent> = []
      if (alive.length > 0 && random() < 0.6) {
        const page = alive[below(alive.length)]
        const birth = model.live.get(page) ?? 0
        model.live.delete(page)
        dead.push({ address: page + FAR, pageCount: 1, birth, bookkeeping: false })
        deaths++
        const free = volume.run((draft) => Deadlists.record(draft, dead))
        const isSeen = [...model.snapshots.values()].some((seen) => seen.get(page) === birth)
        assert.strictEqual(free.length, isSeen ? 0 : 1, `seed ${seed}, step ${step}: a page that is seen is kept`)
      }
      const taken = new Set([...model.live.keys(), ...kept(model)])
      const page = below(PAGES)
      if (!taken.has(page)) model.live.set(page, model.generation)
    }
    const listed = volume.read((pages) => pagesOf(Deadlists.all(pages, volume.draft.roots.deadlists)))
    assert.deepStrictEqual(
      listed.map((page) => page - FAR),
      kept(model),
      `seed ${seed}, step ${step}`
    )
  }
  return { deaths, dissolved }
}

describe("Deadlists", () => {
  it("hold exactly what snapshots see and the newest root does not", () => {
    let deaths = 0
    let dissolved = 0
    for (let seed = 1; seed <= parameters(40).numRuns; seed++) {
      const played = play(seed)
      deaths += played.deaths
      dissolved += played.dissolved
    }
    assert.isAbove(deaths, scaled(500))
    assert.isAbove(dissolved, scaled(200))
  })

  it("keep bookkeeping pages of no snapshot", () => {
    const volume = new TestVolume({ isChecked: false })
    volume.run((draft) => addSnapshot(draft, 20))
    const dead = { address: 500, pageCount: 1, birth: 5, bookkeeping: true }
    assert.deepStrictEqual(
      volume.run((draft) => Deadlists.record(draft, [dead])),
      [dead]
    )
    const young = { ...dead, bookkeeping: false, birth: 21 }
    assert.deepStrictEqual(
      volume.run((draft) => Deadlists.record(draft, [young])),
      [young]
    )
  })

  /** A volume on disk with snapshots, and pages dead that were born at `births`. */
  const made = (snapshots: ReadonlyArray<number>, births: ReadonlyArray<number>): TestVolume => {
    const volume = new TestVolume({ isChecked: false })
    volume.run((draft) => {
      for (const generation of snapshots) addSnapshot(draft, generation)
      const dead = births.map((birth, i) => ({ address: FAR + 2 * i, pageCount: 1, birth, bookkeeping: false }))
      assert.deepStrictEqual(Deadlists.record(draft, dead), [])
    })
    volume.commit()
    return volume
  }

  it("hold a page that was born with the snapshot itself", () => {
    const volume = made([10, 20], [20, 10, 11])
    const dissolve = (snapshot: number): ReadonlyArray<number> =>
      volume.run((draft) => {
        dropSnapshot(draft, snapshot)
        assert.isTrue(Deadlists.dissolve(draft, snapshot, 10))
        return draft.dead.map(({ address }) => address).filter((address) => address >= FAR)
      })
    assert.deepStrictEqual(dissolve(20), [FAR, FAR + 4])
    assert.deepStrictEqual(dissolve(10), [FAR, FAR + 4, FAR + 2])
  })

  it("are given up in steps, each as large as it may be", () => {
    const volume = made([20], [1, 2, 3, 4, 5])
    volume.run((draft) => dropSnapshot(draft, 20))
    for (const [isDone, count] of [
      [false, 2],
      [false, 4],
      [true, 5]
    ] as const) {
      volume.run((draft) => {
        assert.strictEqual(Deadlists.dissolve(draft, 20, 2), isDone)
        assert.lengthOf(
          draft.dead.filter(({ address }) => address >= FAR),
          count
        )
      })
    }
  })

  it("are bookkeeping, and so is what they give free", () => {
    const volume = made([20], [1, 2])
    volume.run((draft) => {
      assert.isEmpty(Deadlists.record(draft, [{ address: FAR + 9, pageCount: 1, birth: 3, bookkeeping: false }]))
      assert.isFalse(draft.bookkeeping)
      assert.isNotEmpty(draft.dead)
      assert.isTrue(draft.dead.every(({ bookkeeping }) => bookkeeping))
    })
    volume.run((draft) => {
      dropSnapshot(draft, 20)
      const before = draft.dead.length
      assert.isTrue(Deadlists.dissolve(draft, 20, 10))
      assert.isFalse(draft.bookkeeping)
      assert.isAbove(draft.dead.length, before)
      assert.isTrue(draft.dead.slice(before).every(({ bookkeeping }) => bookkeeping))
    })
  })

  it("are corrupt where an entry is too long", () => {
    for (const [keyBytes, valueBytes] of [
      [13, 12],
      [12, 13],
      [12, 11]
    ]) {
      const volume = new TestVolume({ isChecked: false })
      volume.run((draft) => {
        const deadlists = BTree.put(draft, draft.roots.deadlists, new Uint8Array(keyBytes), new Uint8Array(valueBytes))
        draft.roots = { ...draft.roots, deadlists }
      })
      let thrown: unknown
      try {
        volume.read((pages) => Deadlists.all(pages, volume.draft.roots.deadlists))
      } catch (cause) {
        thrown = cause
      }
      assert.instanceOf(thrown, CorruptPage)
    }
  })
})
