/**
 * A B+tree on a disk in memory that gives each address once, forgets what was loaded, and keeps account of every page.
 *
 * - It plays the Interpreter: an operation is an attempt, is abandoned when it misses pages, and run again once they are
 *   loaded. What was loaded comes from the disk, is verified, and is never the array that was written.
 * - {@link TreeMemory.check} looks at the whole structure, nodes in memory included.
 */
import { assert } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import { MissingPages, type Pages, type PageSource } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Settle from "../../src/core/Settle.ts"
import * as Tree from "../../src/core/Tree.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import type { Random } from "../../src/testing/Random.ts"
import { checksum } from "./TestVolume.ts"

/** As `assert`, at the price of an `if`: the checks of every cell go through here. */
export function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) assert.fail(message)
}

const keyOf = (address: number, birth: number, pageCount: number): string => `${address}:${birth}:${pageCount}`

const NO_KEY = new Uint8Array(0)

/** What {@link TreeMemory.check} has seen. */
export interface Shape {
  leaves: number
  branches: number
  items: number
  /** Bytes that cells and slots of leaves take. */
  leafBytes: number
  /** Addresses of all nodes on disk. */
  readonly addresses: Set<number>
  /** Bytes of all nodes in memory. */
  memoryBytes: number
}

export class TreeMemory implements PageSource {
  readonly layout: Layout.Layout
  readonly binding: Binding.Binding
  readonly random: Random
  /** How likely all that was loaded is forgotten before an operation; as likely, half of it. */
  forgetting = 0
  /** How likely an operation is abandoned at its end, and run again. */
  abandoning = 0
  draft: Draft<Tree.Tree>
  readonly counters = { attempts: 0, restarts: 0, settled: 0 }

  readonly #disk = new Map<number, { readonly birth: number; readonly bytes: Uint8Array }>()
  readonly #dead = new Set<number>()
  readonly #loaded = new Map<string, Uint8Array>()
  #nextAddress = 1

  constructor(pageBytes: number, random: Random) {
    this.layout = Layout.make({ pageBytes, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
    this.binding = Binding.make(this.layout, checksum, new Uint8Array(16).fill(7))
    this.random = random
    this.draft = new Draft(this.binding, this, 1, Tree.empty(this.layout))
  }

  get tree(): Tree.Tree {
    return this.draft.roots
  }

  find(address: number, birth: number, pageCount: number): Uint8Array | undefined {
    return this.#loaded.get(keyOf(address, birth, pageCount))
  }

  /** Forgets loaded pages, as likely as the options say. */
  forget(): void {
    const chance = this.random.below(1000) / 1000
    if (chance < this.forgetting) this.#loaded.clear()
    else if (chance < 2 * this.forgetting) {
      for (const key of this.#loaded.keys()) if (this.random.chance(0.5)) this.#loaded.delete(key)
    }
  }

  #load({ pointers }: MissingPages): void {
    ensure(pointers.length > 0, "a miss names pages")
    this.counters.restarts++
    for (const pointer of pointers) {
      const key = keyOf(pointer.address, pointer.birth, pointer.pageCount)
      ensure(!this.#loaded.has(key), "every restart has loaded something new")
      const page = this.#disk.get(pointer.address)
      ensure(page !== undefined && page.birth === pointer.birth, "a pointer names a page that was written")
      const bytes = page.bytes.slice()
      const fault = Binding.fault(this.binding, pointer, bytes)
      ensure(fault === undefined, fault ?? "")
      this.#loaded.set(key, bytes)
    }
  }

  /** Runs an operation to its end. */
  run<A>(operation: (draft: Draft<Tree.Tree>) => A): A {
    const { draft } = this
    this.forget()
    let isAbandonedForNothing = this.random.chance(this.abandoning)
    for (;;) {
      this.counters.attempts++
      draft.attempt()
      try {
        const result = operation(draft)
        if (!isAbandonedForNothing || draft.isSealed) {
          draft.keep()
          return result
        }
        isAbandonedForNothing = false
        draft.abandon()
      } catch (thrown) {
        if (!(thrown instanceof MissingPages)) throw thrown
        draft.abandon()
        this.#load(thrown)
      }
    }
  }

  /** Changes the tree by an operation that gives a new one. */
  edit(operation: (draft: Draft<Tree.Tree>, tree: Tree.Tree) => Tree.Tree): void {
    this.run((draft) => {
      const before = draft.roots
      const link = before.link.slice()
      const after = operation(draft, before)
      ensure(Bytes.equal(before.link, link), "the link of a tree is never changed")
      draft.roots = after
    })
  }

  /** Runs a reader outside any attempt. */
  read<A>(reader: (pages: Pages) => A): A {
    this.forget()
    return this.#retry(() => reader(this.draft))
  }

  #retry<A>(reader: () => A): A {
    for (;;) {
      try {
        return reader()
      } catch (thrown) {
        if (!(thrown instanceof MissingPages)) throw thrown
        this.#load(thrown)
      }
    }
  }

  /** Reads that load what they miss at once: for walks over all there is, which would restart at every page. */
  get eager(): Pages {
    const node = (bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array =>
      this.#retry(() => this.draft.node(bytes, at, kind, level))
    return { layout: this.layout, node, peek: node }
  }

  // ---- settling

  /** Writes all that is in memory; the draft goes on. */
  settle(): void {
    const { draft } = this
    const top = { link: draft.roots.link.slice(), kind: Node.TREE, level: draft.roots.level, names: false }
    const places = Settle.collect(draft, [top])
    const addresses = Settle.sizes(draft, places).map((size) => (this.#nextAddress += size) - size)
    for (const { address, bytes } of Settle.place(draft, places, addresses)) {
      this.#disk.set(address, { birth: draft.generation, bytes: bytes.slice() })
      this.counters.settled++
    }
    draft.roots = { level: draft.roots.level, link: top.link }
  }

  /** Settles all, checks that every page that was ever written is reachable or dead, and begins the next draft. */
  commit(): Shape {
    this.settle()
    const { draft } = this
    ensure(draft.dirtyBytes === 0, "every node in memory hangs under the tree")
    for (const { address, birth, pageCount } of draft.dead) {
      ensure(pageCount === 1 && this.#disk.get(address)?.birth === birth, "a page dies with the birth it had")
      ensure(!this.#dead.has(address), `page ${address} dies once`)
      this.#dead.add(address)
    }
    const shape = this.check()
    for (const address of this.#disk.keys()) {
      ensure(shape.addresses.has(address) !== this.#dead.has(address), `page ${address} is either reachable or dead`)
    }
    this.draft = new Draft(this.binding, this, draft.generation + 1, draft.roots)
    return shape
  }

  // ---- checking

  /** Checks the whole structure. */
  check(tree: Tree.Tree = this.tree): Shape {
    const shape: Shape = { leaves: 0, branches: 0, items: 0, leafBytes: 0, addresses: new Set(), memoryBytes: 0 }
    if (!Tree.isEmpty(this.layout, tree)) {
      this.#checkNode(this.eager, shape, tree.link, 0, tree.level, NO_KEY, undefined, this.draft.generation)
    }
    return shape
  }

  #checkNode(
    pages: Pages,
    shape: Shape,
    bytes: Uint8Array,
    at: number,
    level: number,
    low: Uint8Array,
    high: Uint8Array | undefined,
    birth: number
  ): void {
    const { layout } = this
    const node = pages.node(bytes, at, Node.TREE, level)
    const count = Node.count(node)
    const settled = this.#settledPointer(bytes, at)
    const isMemory = settled === undefined
    if (settled === undefined) shape.memoryBytes += node.length
    else {
      const address = Pointer.address(layout, settled.bytes, settled.at)
      ensure(!shape.addresses.has(address), "no page is reached twice")
      shape.addresses.add(address)
      const own = Pointer.birth(layout, settled.bytes, settled.at)
      ensure(own <= birth, "I5: a page is not younger than its parent")
      birth = own
    }
    ensure(count > 0, "no node is empty")
    // What is in memory holds pointers that no disk may hold: the fault is looked for with others in their place.
    const standIn = isMemory && level > 0 ? this.#withoutMemory(node) : node
    const fault = Node.fault(layout, standIn, Node.TREE, level, birth)
    ensure(fault === undefined, fault ?? "")
    const cells: Array<readonly [number, number]> = []
    let previous = low
    for (let slot = 0; slot < count; slot++) {
      const cell = TreeNode.cellAt(node, slot)
      cells.push([cell, cell + TreeNode.cellBytes(layout, node, cell)])
      if (level === 0 && slot > 0 && slot + 1 < count) continue
      const key = TreeNode.keyOf(layout, node, slot)
      if (level === 0) {
        // The fault has seen that the keys ascend: the first and the last speak for all.
        ensure(Bytes.compare(key, 0, key.length, low, 0, low.length) >= 0, "a key is not below its separator")
        ensure(
          high === undefined || Bytes.compare(key, 0, key.length, high, 0, high.length) < 0,
          "a key is below the next separator"
        )
        continue
      }
      if (slot > 0) {
        ensure(Bytes.compare(key, 0, key.length, previous, 0, previous.length) > 0, "separators ascend")
        ensure(
          high === undefined || Bytes.compare(key, 0, key.length, high, 0, high.length) < 0,
          "a separator is below the parent's next"
        )
        previous = key
      }
      const next = slot + 1 < count ? TreeNode.keyOf(layout, node, slot + 1) : high
      this.#checkNode(pages, shape, node, TreeNode.pointerAt(cell), level - 1, previous, next, birth)
    }
    cells.sort((a, b) => a[0] - b[0])
    for (let i = 1; i < cells.length; i++) ensure(cells[i - 1][1] <= cells[i][0], "cells do not overlap")
    if (level === 0) {
      shape.leaves++
      shape.items += count
      shape.leafBytes += TreeNode.used(node)
    } else shape.branches++
  }

  #settledPointer(bytes: Uint8Array, at: number): { readonly bytes: Uint8Array; readonly at: number } | undefined {
    if (!Pointer.isMemory(this.layout, bytes, at)) return { bytes, at }
    const id = Pointer.memoryId(this.layout, bytes, at)
    const settled = this.draft.settled(id)
    ensure((settled === undefined) === (this.draft.dirty(id) !== undefined), "a node is in memory or settled")
    return settled === undefined ? undefined : { bytes: settled, at: 0 }
  }

  #withoutMemory(node: Uint8Array): Uint8Array {
    const copy = node.slice()
    for (let slot = 0; slot < Node.count(node); slot++) {
      const at = TreeNode.pointerAt(TreeNode.cellAt(node, slot))
      if (Pointer.isMemory(this.layout, copy, at)) {
        Pointer.writePlace(this.layout, copy, at, { address: 1, pageCount: 1, birth: 1 })
      }
    }
    return copy
  }
}
