import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { Draft, type Savepoint } from "../../src/core/Draft.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Layout from "../../src/core/Layout.ts"
import { NODE_HEADER_BYTES } from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import { MissingPages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters } from "./propertyRuns.ts"
import { checksum } from "./TestVolume.ts"

const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const binding = Binding.make(layout, checksum, new Uint8Array(16).fill(9))
const { pageBytes, pointerBytes } = layout

/** The roots of these drafts: links, each to a node or null. A node holds a number and two links. */
type Links = ReadonlyArray<Uint8Array>

const LINKS = 3
const VALUE_AT = NODE_HEADER_BYTES
const childAt = (child: number): number => NODE_HEADER_BYTES + 8 + child * pointerBytes
const GENERATION = 5

/** What the nodes under a link say. */
type Model = { readonly value: number; readonly children: ReadonlyArray<Model> } | undefined

/** A forest of nodes in a draft, beside its model; some of it stands on disk from the start. */
class Forest {
  readonly random: Random
  readonly disk = new Map<number, { readonly bytes: Uint8Array; readonly birth: number }>()
  readonly draft: Draft<Links>
  model: ReadonlyArray<Model>
  nextAddress = 1

  constructor(seed: number) {
    this.random = new Random(seed)
    const find = (address: number, birth: number): Uint8Array | undefined => {
      const page = this.disk.get(address)
      return page !== undefined && page.birth === birth ? page.bytes : undefined
    }
    const roots = Array.from({ length: LINKS }, () => new Uint8Array(pointerBytes))
    this.model = roots.map((link) => this.#grow(link, 0, 3))
    this.draft = new Draft(binding, { find }, GENERATION, roots)
  }

  /** Writes random nodes of an older generation. */
  #grow(bytes: Uint8Array, at: number, depth: number): Model {
    if (depth === 0 || this.random.chance(0.2)) return undefined
    const node = new Uint8Array(pageBytes)
    Node.clear(node, Node.MAP, 0)
    const value = this.random.uint32()
    node[VALUE_AT] = value
    const children = [0, 1].map((child) => this.#grow(node, childAt(child), depth - 1))
    this.#write(bytes, at, node, 1 + this.random.below(GENERATION - 1))
    return { value: value & 255, children }
  }

  #write(bytes: Uint8Array, at: number, node: Uint8Array, birth: number): void {
    const address = this.nextAddress++
    this.disk.set(address, { bytes: node, birth })
    Pointer.writePlace(layout, bytes, at, { address, pageCount: 1, birth })
  }

  /** The model of what the draft holds. */
  read(bytes: Uint8Array, at = 0): Model {
    if (Pointer.isNull(layout, bytes, at)) return undefined
    const node = this.draft.node(bytes, at, Node.MAP, 0)
    return { value: node[VALUE_AT], children: [0, 1].map((child) => this.read(node, childAt(child))) }
  }

  compare(): void {
    const found = this.draft.roots.map((link) => this.read(link))
    assert.strictEqual(JSON.stringify(found), JSON.stringify(this.model))
  }

  /** A random edit: the nodes on the way to a random place are edited, and it is set, made or cut off. */
  edit(): void {
    const { draft, random } = this
    const which = random.below(LINKS)
    const link = draft.roots[which].slice()
    const dice = random.below(4)
    const change = (bytes: Uint8Array, at: number, model: Model, depth: number): Model => {
      if (model === undefined) {
        const value = random.below(256)
        draft.create(bytes, at, Node.MAP, 0)[VALUE_AT] = value
        return { value, children: [undefined, undefined] }
      }
      if (dice === 0 && depth > 0 && random.chance(0.5)) {
        const discard = (holder: Uint8Array, holderAt: number): void => {
          if (Pointer.isNull(layout, holder, holderAt)) return
          const node = draft.node(holder, holderAt, Node.MAP, 0)
          for (const child of [0, 1]) discard(node, childAt(child))
          draft.discard(holder, holderAt)
        }
        discard(bytes, at)
        Pointer.writeNull(layout, bytes, at)
        return undefined
      }
      const node = draft.edit(bytes, at, Node.MAP, 0)
      if (dice === 1 || depth > 4) {
        const value = random.below(256)
        node[VALUE_AT] = value
        return { ...model, value }
      }
      const child = random.below(2)
      const changed = change(node, childAt(child), model.children[child], depth + 1)
      return { ...model, children: model.children.map((old, i) => (i === child ? changed : old)) }
    }
    const changed = change(link, 0, this.model[which], 0)
    draft.roots = draft.roots.map((old, i) => (i === which ? link : old))
    this.model = this.model.map((old, i) => (i === which ? changed : old))
  }

  /** Settles one random subtree of the roots, or all; its parents go on naming it by number. */
  settle(isAll: boolean): void {
    const walk = (bytes: Uint8Array, at: number, chosen: boolean): void => {
      if (!Pointer.isMemory(layout, bytes, at)) return
      const id = Pointer.memoryId(layout, bytes, at)
      const node = this.draft.dirty(id)
      if (node === undefined) return
      const isChosen = chosen || isAll || this.random.chance(0.2)
      for (const child of [0, 1]) walk(node, childAt(child), isChosen)
      if (!isChosen) return
      // A node that goes to disk holds no number of a node in memory.
      for (const child of [0, 1]) this.#forward(node, childAt(child))
      const pointer = new Uint8Array(pointerBytes)
      this.#write(pointer, 0, node.slice(), GENERATION)
      this.draft.settle(id, pointer)
    }
    for (const link of this.draft.roots) walk(link, 0, false)
  }

  #forward(bytes: Uint8Array, at: number): void {
    if (!Pointer.isMemory(layout, bytes, at)) return
    const settled = this.draft.settled(Pointer.memoryId(layout, bytes, at))
    assert.isDefined(settled)
    bytes.set(settled!, at)
  }

  /** Addresses on disk that the roots reach, and bytes that they reach in memory. */
  reach(roots: Links = this.draft.roots): {
    readonly addresses: Set<number>
    readonly memory: Map<number, Uint8Array>
  } {
    const addresses = new Set<number>()
    const memory = new Map<number, Uint8Array>()
    const walk = (bytes: Uint8Array, at: number): void => {
      if (Pointer.isNull(layout, bytes, at)) return
      if (Pointer.isMemory(layout, bytes, at)) {
        const id = Pointer.memoryId(layout, bytes, at)
        const settled = this.draft.settled(id)
        if (settled !== undefined) return walk(settled, 0)
        memory.set(id, this.draft.dirty(id)!)
      } else addresses.add(Pointer.address(layout, bytes, at))
      const node = this.draft.node(bytes, at, Node.MAP, 0)
      for (const child of [0, 1]) walk(node, childAt(child))
    }
    for (const link of roots) walk(link, 0)
    return { addresses, memory }
  }

  /** Every page that was written is reachable or dead, once; `dirtyBytes` counts what `roots` reach in memory. */
  account(alive: ReadonlyArray<Links> = [this.draft.roots]): void {
    const { addresses } = this.reach()
    const dead = this.draft.dead.map(({ address }) => address)
    const died = new Set(dead)
    assert.strictEqual(died.size, dead.length, "a page dies once")
    for (const address of this.disk.keys()) {
      if (addresses.has(address) === died.has(address)) assert.fail(`page ${address} is neither reachable nor dead`)
    }
    for (const { address, birth } of this.draft.dead) {
      if (this.disk.get(address)?.birth !== birth) assert.fail("a page dies with the birth it had")
    }
    const memory = new Set<Uint8Array>()
    for (const roots of alive) for (const bytes of this.reach(roots).memory.values()) memory.add(bytes)
    assert.strictEqual(this.draft.dirtyBytes, memory.size * pageBytes, "dirtyBytes is exact")
  }
}

describe("Draft", () => {
  it("puts back all bytes when an attempt is abandoned", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 40 }), (seed, rounds) => {
        const forest = new Forest(seed)
        const { draft, random } = forest
        for (let round = 0; round < rounds; round++) {
          const before = {
            roots: draft.roots,
            links: draft.roots.map((link) => link.slice()),
            model: forest.model,
            dead: [...draft.dead],
            dirtyBytes: draft.dirtyBytes,
            memory: new Map([...forest.reach().memory].map(([id, bytes]) => [id, [bytes, bytes.slice()] as const])),
            disk: new Map([...forest.disk].map(([address, { bytes }]) => [address, bytes.slice()]))
          }
          draft.attempt()
          for (let edits = random.below(5); edits >= 0; edits--) forest.edit()
          if (random.chance(0.5)) {
            draft.keep()
            if (random.chance(0.1)) forest.settle(random.chance(0.5))
          } else {
            draft.abandon()
            assert.strictEqual(draft.roots, before.roots)
            assert.deepStrictEqual(draft.roots, before.links)
            assert.deepStrictEqual(draft.dead, before.dead)
            assert.strictEqual(draft.dirtyBytes, before.dirtyBytes)
            const after = forest.reach().memory
            assert.deepStrictEqual([...after.keys()], [...before.memory.keys()])
            for (const [id, [bytes, copy]] of before.memory) {
              assert.strictEqual(after.get(id), bytes, "a node stays the same array")
              assert.isTrue(Bytes.equal(bytes, copy))
            }
            forest.model = before.model
          }
          for (const [address, bytes] of before.disk) {
            assert.isTrue(Bytes.equal(forest.disk.get(address)!.bytes, bytes), "what is on disk is never changed")
          }
          forest.compare()
          forest.account()
        }
      }),
      parameters(60)
    )
  })

  it("rolls savepoints back and merges them in all orders, with nodes settled in between", () => {
    const histogram: Record<string, number> = {}
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 120 }), (seed, rounds) => {
        const forest = new Forest(seed)
        const { draft, random } = forest
        const saved: Array<{ readonly savepoint: Savepoint<Links>; readonly model: ReadonlyArray<Model> }> = []
        for (let round = 0; round < rounds; round++) {
          const dice = random.below(20)
          const action =
            dice < 12 ? "edit" : dice < 14 ? "settle" : dice < 17 ? "savepoint" : dice < 18 ? "merge" : "rollback"
          if (action === "edit") {
            const { model } = forest
            draft.attempt()
            for (let edits = random.below(3); edits >= 0; edits--) forest.edit()
            if (random.chance(0.8)) draft.keep()
            else {
              draft.abandon()
              forest.model = model
            }
          } else if (action === "settle") forest.settle(random.chance(0.4))
          else if (action === "savepoint") saved.push({ savepoint: draft.savepoint(), model: forest.model })
          else {
            const last = saved.pop()
            if (last === undefined) continue
            if (action === "merge") draft.merge(last.savepoint)
            else {
              draft.rollback(last.savepoint)
              forest.model = last.model
            }
          }
          histogram[action] = (histogram[action] ?? 0) + 1
          forest.compare()
          forest.account([draft.roots, ...saved.map(({ savepoint }) => savepoint.roots)])
        }
        for (let last = saved.pop(); last !== undefined; last = saved.pop()) {
          if (random.chance(0.5)) draft.merge(last.savepoint)
          else {
            draft.rollback(last.savepoint)
            forest.model = last.model
          }
        }
        forest.compare()
        forest.account()
        forest.settle(true)
        forest.account()
        assert.strictEqual(draft.dirtyBytes, 0)
      }),
      parameters(150)
    )
    console.log(JSON.stringify({ name: "Draft", ...histogram }))
  })

  const nothing = { find: () => undefined }
  const onDisk = (): Uint8Array => {
    const link = new Uint8Array(pointerBytes)
    Pointer.writePlace(layout, link, 0, { address: 77, pageCount: 1, birth: 3 })
    return link
  }

  it("misses a page as a request before it is sealed, and as a defect afterwards", () => {
    const draft = new Draft(binding, nothing, GENERATION, [])
    const link = onDisk()
    draft.attempt()
    try {
      draft.edit(link, 0, Node.TREE, 2)
      assert.fail("it has the page")
    } catch (thrown) {
      assert.instanceOf(thrown, MissingPages)
      const [pointer] = (thrown as MissingPages).pointers
      assert.deepInclude({ ...pointer }, { address: 77, pageCount: 1, birth: 3, kind: Node.TREE, level: 2 })
    }
    assert.isFalse(draft.isSealed)
    draft.seal()
    assert.isTrue(draft.isSealed)
    assert.throws(() => draft.edit(link, 0, Node.TREE, 0), InvariantViolation)
    assert.throws(() => draft.node(link, 0, Node.TREE, 0), InvariantViolation)
    assert.throws(() => draft.abandon(), InvariantViolation)
    draft.keep()
    assert.isFalse(draft.isSealed)
    draft.attempt()
    assert.isFalse(draft.isSealed, "a seal is for one operation")
    assert.isUndefined(draft.peek(link, 0, Node.TREE, 0, []))
  })

  it("names the settled pointer of a node that it misses", () => {
    const draft = new Draft(binding, nothing, GENERATION, [])
    const link = new Uint8Array(pointerBytes)
    draft.attempt()
    draft.create(link, 0, Node.TREE, 0)
    draft.keep()
    draft.settle(Pointer.memoryId(layout, link, 0), onDisk())
    const missing: Array<Pointer.Pointer> = []
    assert.isUndefined(draft.peek(link, 0, Node.TREE, 0, missing))
    assert.deepStrictEqual(
      missing.map(({ address }) => address),
      [77]
    )
  })

  it("refuses edits outside an attempt, and attempts inside one", () => {
    const draft = new Draft(binding, nothing, GENERATION, [])
    const link = new Uint8Array(pointerBytes)
    assert.throws(() => draft.create(link, 0, Node.TREE, 0), InvariantViolation)
    assert.throws(() => draft.discard(onDisk(), 0), InvariantViolation)
    assert.throws(() => draft.keep(), InvariantViolation)
    assert.throws(() => draft.abandon(), InvariantViolation)
    draft.attempt()
    assert.throws(() => draft.attempt(), InvariantViolation)
    assert.throws(() => draft.savepoint(), InvariantViolation)
    draft.keep()
    const [outer] = [draft.savepoint(), draft.savepoint()]
    assert.throws(() => draft.rollback(outer), InvariantViolation)
  })

  it("marks the dead of a bookkeeping tree, and only those", () => {
    const draft = new Draft(binding, nothing, GENERATION, [])
    draft.attempt()
    draft.bookkeeping = true
    draft.discard(onDisk(), 0)
    draft.abandon()
    assert.isFalse(draft.bookkeeping)
    draft.attempt()
    draft.bookkeeping = true
    draft.discard(onDisk(), 0)
    draft.bookkeeping = false
    draft.discard(onDisk(), 0)
    assert.deepStrictEqual(
      draft.dead.map(({ bookkeeping }) => bookkeeping),
      [true, false]
    )
    draft.keep()
  })

  it("takes a data run over as it is", () => {
    const draft = new Draft(binding, nothing, GENERATION, [])
    const link = new Uint8Array(pointerBytes)
    draft.attempt()
    assert.throws(() => draft.createData(link, 0, new Uint8Array(0)), InvariantViolation)
    assert.throws(() => draft.createData(link, 0, new Uint8Array(pageBytes + 1)), InvariantViolation)
    const run = new Uint8Array(3 * pageBytes).fill(4)
    draft.createData(link, 0, run)
    assert.strictEqual(draft.node(link, 0, Node.DATA, 0), run)
    assert.strictEqual(Pointer.pageCount(layout, link, 0), 3)
    assert.strictEqual(draft.dirtyBytes, 3 * pageBytes)
    draft.discard(link, 0)
    assert.strictEqual(draft.dirtyBytes, 3 * pageBytes, "an attempt may still be abandoned")
    draft.keep()
    assert.strictEqual(draft.dirtyBytes, 0)
  })
})
