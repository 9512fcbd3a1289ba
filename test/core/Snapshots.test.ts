/**
 * Snapshots, their deletion and rollbacks against a model of maps, with the real commits; after each, `TestVolume` compares
 * the deadlists with what the snapshots reach (I8), and no write hits what one of them sees (I4).
 */
import { assert, describe, it } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Deadlists from "../../src/core/Deadlists.ts"
import { CleanPages } from "../../src/core/Pages.ts"
import * as Rollback from "../../src/core/Rollback.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import * as Tree from "../../src/core/Tree.ts"
import { Random } from "../../src/testing/Random.ts"
import { TestVolume } from "./TestVolume.ts"

type Values = ReadonlyMap<number, string>

const text = new TextEncoder()
const textOf = new TextDecoder()

const keyOf = (number: number): Uint8Array => {
  const key = new Uint8Array(6)
  Bytes.writeUint48Key(key, 0, number)
  return key
}

class SnapshotRun {
  readonly volume: TestVolume
  readonly random: Random
  readonly histogram: Record<string, number> = {}
  values = new Map<number, string>()
  durable: Values = new Map()
  snapshots = new Map<string, Values>()
  durableSnapshots: ReadonlyMap<string, Values> = new Map()
  #names = 0
  /** The snapshot that the transaction takes: of what it commits, whatever comes after it in the transaction. */
  #wanted: string | undefined

  constructor(seed: number) {
    this.volume = new TestVolume({
      seed,
      pageBytes: 512,
      pageCount: 4096,
      unkindness: { forget: 0.2, abandon: 0.1 }
    })
    this.random = new Random(seed)
  }

  count(name: string): void {
    this.histogram[name] = (this.histogram[name] ?? 0) + 1
  }

  change(number = this.random.below(300)): void {
    if (this.random.chance(0.3)) {
      this.volume.run((draft) => {
        draft.roots = { ...draft.roots, names: BTree.remove(draft, draft.roots.names, keyOf(number)) }
      })
      this.values.delete(number)
      return
    }
    const value = `${this.random.uint32()}`.repeat(1 + this.random.below(5))
    this.volume.run((draft) => {
      const names = BTree.put(draft, draft.roots.names, keyOf(number), text.encode(value))
      draft.roots = { ...draft.roots, names }
    })
    this.values.set(number, value)
  }

  /** Some changes, perhaps with early writes or a savepoint that is rolled back. */
  changes(): void {
    for (let left = this.random.below(25); left > 0; left--) this.change()
    if (this.random.chance(0.2) && this.volume.writeEarly()) this.count("early")
    if (!this.random.chance(0.2)) return
    const { draft } = this.volume
    const savepoint = draft.savepoint()
    const before = new Map(this.values)
    for (let left = 5; left > 0; left--) this.change()
    draft.rollback(savepoint)
    this.values = before
    this.count("savepoint")
  }

  take(): void {
    const name = `snapshot ${++this.#names}`
    this.volume.run((draft) => {
      const pending = { name: text.encode(name), id: this.random.bytes(16), time: BigInt(-this.#names) }
      draft.roots = { ...draft.roots, pending: { ...draft.roots.pending, snapshot: pending } }
    })
    this.#wanted = name
    this.changes()
    this.count("take")
  }

  remove(): void {
    const name = this.some()
    if (name === undefined) return
    const { volume } = this
    const { generation } = volume.run((draft) => {
      const snapshot = Snapshots.named(draft, draft.roots.snapshots, text.encode(name))
      if (snapshot === undefined) assert.fail(`${name} is there`)
      Snapshots.remove(draft, snapshot)
      return snapshot
    })
    while (!volume.run((draft) => Deadlists.dissolve(draft, generation, 7))) this.count("step of a deletion")
    this.snapshots.delete(name)
    this.count("remove")
  }

  rollback(): void {
    const name = this.some()
    if (name === undefined) return
    const { volume } = this
    let state: Rollback.State | undefined = volume.run((draft) => {
      const snapshot = Snapshots.named(draft, draft.roots.snapshots, text.encode(name))
      if (snapshot === undefined) assert.fail(`${name} is there`)
      return Rollback.begin(draft, snapshot)
    })
    while (state !== undefined) {
      const now: Rollback.State = state
      state = volume.run((draft) => Rollback.step(draft, now))
    }
    this.values = new Map(this.snapshots.get(name))
    const names = [...this.snapshots.keys()]
    for (const newer of names.slice(names.indexOf(name) + 1)) this.snapshots.delete(newer)
    this.count("rollback")
  }

  /** Empties the volume; whatever snapshots see stays. */
  clear(): void {
    const { volume } = this
    let rest = volume.run((draft) => {
      const { changeCount } = draft
      const frontier = Rollback.clear(draft)
      assert.isAbove(draft.changeCount, changeCount, "there is something to commit")
      assert.strictEqual(draft.roots.inodeCount, 0)
      return frontier
    })
    while (rest.length > 0) {
      const frontier: typeof rest = rest
      rest = volume.run((draft) => Rollback.release(draft, frontier))
      if (rest.length > 0) this.count("step of an emptying")
    }
    this.values.clear()
    this.count("clear")
  }

  /** A snapshot that is durable by now: in the order in which they were taken. */
  some(): string | undefined {
    const names = [...this.snapshots.keys()].filter((name) => this.durableSnapshots.has(name))
    return names[this.random.below(names.length)]
  }

  commit(): void {
    const outcome = this.volume.commit()
    this.count(outcome)
    if (this.#wanted !== undefined) this.snapshots.set(this.#wanted, new Map(this.values))
    this.#wanted = undefined
    if (outcome === "Plan") {
      this.durable = new Map(this.values)
      this.durableSnapshots = new Map(this.snapshots)
    } else this.forget()
  }

  /** Back to what is durable. */
  forget(): void {
    this.#wanted = undefined
    this.values = new Map(this.durable)
    this.snapshots = new Map(this.durableSnapshots)
  }

  read(tree: Tree.Tree): Values {
    const { layout, source } = this.volume
    return this.volume.read(
      (pages) => {
        const found = new Map<number, string>()
        BTree.ascend(pages, tree, undefined, (item) => {
          // The root folder has a longer key.
          if (item.keyEnd - item.keyAt !== 6) return true
          found.set(Bytes.readUint48Key(item.node, item.keyAt), textOf.decode(BTree.value(item)))
          return true
        })
        return found
      },
      new CleanPages(layout, source)
    )
  }

  compare(): void {
    const { layout, source } = this.volume
    const { roots } = this.volume.head.root.record
    const sorted = (values: Values) => [...values].sort(([a], [b]) => a - b)
    assert.deepStrictEqual([...this.read(roots.names)], sorted(this.durable))
    const list = this.volume.read(
      (pages) => Snapshots.list(pages, roots.snapshots, 0, 1000),
      new CleanPages(layout, source)
    )
    assert.deepStrictEqual(
      list.map(({ name }) => textOf.decode(name)),
      [...this.durableSnapshots.keys()]
    )
    for (const { name, names } of list) {
      assert.deepStrictEqual([...this.read(names)], sorted(this.durableSnapshots.get(textOf.decode(name)) ?? new Map()))
    }
  }
}

describe("Snapshots", () => {
  it("stay what they were, through changes, deletions, rollbacks and crashes", { timeout: 120_000 }, () => {
    const histogram: Record<string, number> = {}
    for (let seed = 1; seed <= 4; seed++) {
      const run = new SnapshotRun(seed)
      for (let step = 0; step < 120; step++) {
        run.changes()
        const what = run.random.below(10)
        if (what < 3) run.take()
        else if (what < 5) run.remove()
        else if (what === 5) run.rollback()
        else if (what === 6 && run.random.chance(0.4)) run.clear()
        if (run.random.chance(0.15)) run.changes()
        if (run.random.chance(0.05)) {
          run.volume.crash(false)
          run.forget()
          run.count("crash")
        } else run.commit()
        run.compare()
      }
      for (const [name, count] of Object.entries(run.histogram)) histogram[name] = (histogram[name] ?? 0) + count
    }
    console.log(JSON.stringify({ test: "snapshots of the core", ...histogram }))
    for (const name of ["take", "remove", "rollback", "clear", "crash", "early", "savepoint", "Plan"]) {
      assert.isAbove(histogram[name] ?? 0, 10, name)
    }
  })

  it("leave the same pages free when all of them are deleted", () => {
    const run = new SnapshotRun(77)
    for (let i = 0; i < 60; i++) run.change()
    run.commit()
    for (let round = 0; round < 30; round++) {
      run.change()
      run.take()
      run.commit()
    }
    while (run.snapshots.size > 0) {
      run.remove()
      run.commit()
    }
    const { roots } = run.volume.head.root.record
    const { layout } = run.volume
    assert.deepStrictEqual([roots.snapshots, roots.deadlists], [Tree.empty(layout), Tree.empty(layout)])
    run.compare()
  })

  it("are gone back to for the price of what was changed, which is to be committed", () => {
    const run = new SnapshotRun(9)
    run.volume.unkindness = { forget: 1, abandon: 0 }
    for (let number = 0; number < 900; number++) run.change(number)
    run.take()
    run.commit()
    const { volume } = run
    const loaded = (): number => volume.statistics.loaded
    const wholeFrom = loaded()
    run.read(volume.head.root.record.roots.names)
    const whole = loaded() - wholeFrom
    assert.isAbove(whole, 20)
    run.change()
    run.commit()
    const before = loaded()
    const [to] = volume.read((pages) => Snapshots.list(pages, volume.draft.roots.snapshots, 0, 2))
    let state: Rollback.State | undefined = volume.run((draft) => Rollback.begin(draft, to))
    assert.strictEqual(volume.draft.changeCount, 1)
    while (state !== undefined) {
      const now: Rollback.State = state
      state = volume.run((draft) => Rollback.step(draft, now))
    }
    assert.isAtMost(loaded() - before, 12, "a path down the tree, and the lists")
    run.values = new Map([...run.snapshots.values()][0])
    run.commit()
    run.compare()
    // Where nothing was changed since, the mark of the rollback is what is committed.
    state = volume.run((draft) => Rollback.begin(draft, to))
    const { changeCount } = volume.draft
    while (state !== undefined) {
      const now: Rollback.State = state
      state = volume.run((draft) => Rollback.step(draft, now))
    }
    assert.strictEqual(volume.draft.changeCount, changeCount + 1)
  })

  it("know what a rollback has abandoned", () => {
    const run = new SnapshotRun(5)
    const generations: Array<number> = []
    const commit = (): void => {
      run.change()
      run.commit()
      generations.push(run.volume.head.root.record.generation)
    }
    commit()
    run.take()
    commit()
    commit()
    commit()
    run.rollback()
    commit()
    commit()
    const { layout, source } = run.volume
    const { snapshots } = run.volume.head.root.record.roots
    const abandoned = generations.map((generation) =>
      run.volume.read((pages) => Snapshots.isAbandoned(pages, snapshots, generation), new CleanPages(layout, source))
    )
    assert.deepStrictEqual(abandoned, [false, false, true, true, false, false])
  })
})
