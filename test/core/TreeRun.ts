/**
 * Random operations on a B+tree beside a plain `Map`, which is the model.
 *
 * Keys and values lean to what is hard: one byte, the longest, nearly a page, long equal prefixes, ascending and descending
 * order. Settling, commits, savepoints and walks come in between.
 */
import { assert } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import type { Savepoint } from "../../src/core/Draft.ts"
import type { Pages } from "../../src/core/Pages.ts"
import * as Spot from "../../src/core/Spot.ts"
import type * as Tree from "../../src/core/Tree.ts"
import { Random } from "../../src/testing/Random.ts"
import { ensure, TreeMemory } from "./TreeMemory.ts"

export const STYLES = ["hard", "prefix", "ascending", "descending", "random", "tiny"] as const
export type Style = (typeof STYLES)[number]

export interface RunOptions {
  readonly seed: number
  readonly pageBytes: number
  readonly style: Style
  readonly forgetting: number
  readonly abandoning: number
  readonly savepoints: boolean
}

interface Saved {
  readonly savepoint: Savepoint<Tree.Tree>
  readonly model: Map<string, Uint8Array>
}

/** A string of one character a byte: such strings have the order of the bytes. */
const nameOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
const bytesOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(name, "latin1"))

export class TreeRun {
  readonly memory: TreeMemory
  readonly random: Random
  readonly options: RunOptions
  readonly histogram: Record<string, number> = {}
  model = new Map<string, Uint8Array>()
  readonly #saved: Array<Saved> = []
  readonly #common: Uint8Array
  #counter = 0

  constructor(options: RunOptions) {
    this.options = options
    this.random = new Random(options.seed)
    this.memory = new TreeMemory(options.pageBytes, this.random.fork())
    this.memory.forgetting = options.forgetting
    this.memory.abandoning = options.abandoning
    const { keyBytesMax } = this.memory.layout
    this.#common = this.random.bytes(keyBytesMax - 2 - this.random.below(3))
  }

  /** One random operation. */
  step(): void {
    const { random } = this
    const dice = random.below(100)
    if (dice < 38) this.put(this.key(), this.value.bind(this))
    else if (dice < 54) this.editSpots()
    else if (dice < 72) this.remove(random.chance(0.9) ? this.present() : this.key())
    else if (dice < 84) this.find(random.chance(0.6) ? this.present() : this.key())
    else if (dice < 92) this.walk()
    else if (dice < 95) this.settle()
    else if (dice < 96) this.commit()
    else this.#savepoint()
    if (random.chance(0.1)) this.check()
  }

  // ---- keys and values

  key(): Uint8Array {
    const { random } = this
    const { keyBytesMax } = this.memory.layout
    const counted = (count: number): Uint8Array => {
      const bytes = new Uint8Array(6)
      Bytes.writeUint48Key(bytes, 0, count)
      return bytes
    }
    switch (this.options.style) {
      case "hard": {
        const sizes = [1, 1, 2, 3, 10, Math.floor(keyBytesMax / 2), keyBytesMax - 1, keyBytesMax]
        const letters = [0, 1, 254, 255]
        const key = new Uint8Array(sizes[random.below(sizes.length)])
        // Long keys differ at their very end, or all along.
        const from = random.chance(0.7) ? Math.max(0, key.length - 4) : 0
        for (let i = from; i < key.length; i++) key[i] = letters[random.below(4)]
        return key
      }
      case "prefix": {
        const rest = random.bytes(1 + random.below(2))
        const key = new Uint8Array(this.#common.length + rest.length)
        key.set(this.#common)
        key.set(rest, this.#common.length)
        return key
      }
      case "ascending":
        return counted(this.#counter++)
      case "descending":
        return counted(2 ** 40 - this.#counter++)
      case "random":
        return random.bytes(1 + random.below(24))
      case "tiny":
        return random.bytes(1 + random.below(2))
    }
  }

  value(keyBytes: number): Uint8Array {
    const { random } = this
    const { itemBytesMax } = this.memory.layout
    const most = itemBytesMax - keyBytes
    const isSmall = random.chance(this.options.style === "hard" || this.options.style === "prefix" ? 0.6 : 0.97)
    const sizes = isSmall
      ? [0, 1, 8, 30]
      : [most, most - 1, most - 7, Math.floor(most / 2), Math.floor(most / 3), Math.floor((most * 2) / 3)]
    return random.bytes(Math.max(0, sizes[random.below(sizes.length)]))
  }

  /** A key of the model, if it has any. */
  present(): Uint8Array {
    const keys = [...this.model.keys()]
    return keys.length === 0 ? this.key() : bytesOf(keys[this.random.below(keys.length)])
  }

  // ---- operations

  #count(name: string): void {
    this.histogram[name] = (this.histogram[name] ?? 0) + 1
  }

  put(key: Uint8Array, value: (keyBytes: number) => Uint8Array): void {
    const to = value(key.length)
    this.#count(this.model.has(nameOf(key)) ? "replace" : "insert")
    const [keyCopy, valueCopy] = [key.slice(), to.slice()]
    this.memory.edit((draft, tree) => BTree.put(draft, tree, key, to))
    ensure(Bytes.equal(key, keyCopy) && Bytes.equal(to, valueCopy), "what a caller hands in is not changed")
    this.model.set(nameOf(key), to)
  }

  remove(key: Uint8Array): void {
    const isThere = this.model.delete(nameOf(key))
    this.#count(isThere ? "remove" : "remove nothing")
    this.memory.edit((draft, tree) => {
      const after = BTree.remove(draft, tree, key)
      if (!isThere) ensure(after === tree, "removing what is not there gives the same tree")
      return after
    })
  }

  /** Several edits of one operation, each where its key was found before any of them. */
  editSpots(): void {
    const { random } = this
    const removed = new Map(
      Array.from({ length: random.below(4) }, () => this.present()).map((key) => [nameOf(key), key])
    )
    const written = new Map<string, readonly [Uint8Array, Uint8Array]>()
    for (let i = random.below(4); i >= 0; i--) {
      const key = random.chance(0.4) ? this.present() : this.key()
      if (!removed.has(nameOf(key))) written.set(nameOf(key), [key, this.value(key.length)])
    }
    const patched = [this.present()].filter(
      (key) => this.model.has(nameOf(key)) && !removed.has(nameOf(key)) && !written.has(nameOf(key))
    )
    const isSealing = random.chance(0.8)
    const reverse = (bytes: Uint8Array, at: number, end: number): void =>
      bytes.set(bytes.slice(at, end).toReversed(), at)
    this.memory.edit((draft, tree) => {
      let before: Spot.Spot | undefined
      const find = (key: Uint8Array): Spot.Spot => {
        const isAbove = before !== undefined && nameOf(before.key) < nameOf(key)
        const spot = isAbove ? Spot.findAbove(draft, tree, before!, key) : Spot.find(draft, tree, key)
        const item = Spot.item(spot)
        ensure((item !== undefined) === this.model.has(nameOf(key)), "a spot knows whether its key is there")
        before = spot
        return spot
      }
      const toRemove = [...removed.values()].map(find)
      const toWrite = Array.from(written.values(), ([key, value]) => [find(key), value] as const)
      const toPatch = patched.map(find)
      const canSeal = toRemove.length === 0 || Spot.prepareRemovals(draft, tree, toRemove)
      if (canSeal && isSealing) draft.seal()
      this.#count(!canSeal ? "spots that cannot be sealed" : isSealing ? "sealed spots" : "spots")
      let after = tree
      for (const spot of toRemove) after = Spot.remove(draft, after, spot)
      for (const [spot, value] of toWrite) after = Spot.put(draft, after, spot, value)
      for (const spot of toPatch) {
        const { length } = this.model.get(nameOf(spot.key))!
        after = Spot.patch(draft, after, spot, (bytes, at) => reverse(bytes, at, at + length))
        const item = Spot.look(draft, after, spot)
        ensure(item !== undefined && item.valueEnd - item.keyEnd === length, "an item that was written over is there")
      }
      return after
    })
    for (const name of removed.keys()) this.model.delete(name)
    for (const [name, [, value]] of written) this.model.set(name, value)
    for (const key of patched) this.model.set(nameOf(key), this.model.get(nameOf(key))!.toReversed())
  }

  find(key: Uint8Array): void {
    this.#count("find")
    const found = this.memory.read((pages) => BTree.get(pages, this.memory.tree, key))
    const wanted = this.model.get(nameOf(key))
    ensure(found === undefined ? wanted === undefined : wanted !== undefined && Bytes.equal(found, wanted), "found")
  }

  /** Ascends or descends from a key that is there, one that is not, or the end; sometimes all the way. */
  walk(): void {
    const { random } = this
    const isUp = random.chance(0.5)
    const from = random.chance(0.2) ? undefined : random.chance(0.5) ? this.present() : this.key()
    const limit = random.chance(0.7) ? 1 + random.below(12) : Infinity
    this.#count(isUp ? "ascend" : "descend")
    const seen = this.memory.read((pages) => this.#visit(pages, this.memory.tree, from, isUp, limit))
    const start = from === undefined ? undefined : nameOf(from)
    const names = [...this.model.keys()].sort()
    if (!isUp) names.reverse()
    const wanted = names.filter((name) => start === undefined || (isUp ? name >= start : name <= start)).slice(0, limit)
    ensure(seen.length === wanted.length, "a walk visits all there is")
    for (const [i, [name, value]] of seen.entries()) {
      ensure(name === wanted[i], "a walk visits the items in order")
      ensure(Bytes.equal(value, this.model.get(name)!), "a walk gives the values")
    }
  }

  #visit(
    pages: Pages,
    tree: Tree.Tree,
    from: Uint8Array | undefined,
    isUp: boolean,
    limit: number
  ): Array<readonly [string, Uint8Array]> {
    const seen: Array<readonly [string, Uint8Array]> = []
    const walk = isUp ? BTree.ascend : BTree.descend
    walk(pages, tree, from, (item) => {
      ensure(seen.length < limit, "a walk that was ended visits nothing more")
      seen.push([nameOf(BTree.key(item)), BTree.value(item)])
      return seen.length < limit
    })
    return seen
  }

  settle(): void {
    this.#count("settle")
    this.memory.settle()
  }

  commit(): void {
    this.#count("commit")
    for (let saved = this.#saved.pop(); saved !== undefined; saved = this.#saved.pop()) {
      this.memory.draft.merge(saved.savepoint)
    }
    const tree = this.memory.tree
    this.memory.commit()
    assert.deepStrictEqual(this.memory.tree.level, tree.level)
    this.compare()
  }

  #savepoint(): void {
    if (!this.options.savepoints) return
    const { draft } = this.memory
    const dice = this.random.below(3)
    if (dice === 0 || this.#saved.length === 0) {
      if (this.#saved.length >= 4) return
      this.#count("savepoint")
      this.#saved.push({ savepoint: draft.savepoint(), model: new Map(this.model) })
      return
    }
    const saved = this.#saved.pop()!
    if (dice === 1) {
      this.#count("merge")
      draft.merge(saved.savepoint)
      return
    }
    this.#count("rollback")
    draft.rollback(saved.savepoint)
    this.model = saved.model
    this.check()
    this.compare()
  }

  // ---- checks

  /** Checks the structure, and that the draft's count of its bytes is right where nothing is hidden by a savepoint. */
  check(): void {
    const shape = this.memory.check()
    ensure(shape.items === this.model.size, "the tree has as many items as the model")
    const { dirtyBytes } = this.memory.draft
    if (this.#saved.length === 0) ensure(dirtyBytes === shape.memoryBytes, "dirtyBytes is exact")
    else ensure(dirtyBytes >= shape.memoryBytes, "dirtyBytes counts what savepoints keep")
  }

  /** Compares all items. */
  compare(): void {
    const seen = this.#visit(this.memory.eager, this.memory.tree, undefined, true, Infinity)
    ensure(seen.length === this.model.size, "the tree has as many items as the model")
    for (const [name, value] of seen) {
      const wanted = this.model.get(name)
      ensure(wanted !== undefined && Bytes.equal(value, wanted), "the items of the tree are those of the model")
    }
  }

  /** Removes everything in random order. */
  clear(): void {
    const names = [...this.model.keys()]
    for (let i = names.length - 1; i >= 0; i--) {
      const at = this.random.below(i + 1)
      this.remove(bytesOf(names[at]))
      names[at] = names[i]
      if (i % 16 === 0) this.check()
      if (this.random.chance(0.01)) this.settle()
    }
    this.commit()
    assert.strictEqual(this.memory.check().leaves, 0)
    assert.strictEqual(this.memory.tree.level, 0)
  }
}
