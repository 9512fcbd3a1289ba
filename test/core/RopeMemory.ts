/**
 * A disk in memory that gives out addresses, forgets what was loaded, and keeps account of every page; and the check of
 * a whole rope on it.
 *
 * - An address is given out once and never again.
 * - What is loaded comes from the stored pages, is verified, and is never the array that was written.
 */
import { assert } from "vitest"
import xxhash from "xxhash-wasm"
import * as Binding from "../../src/core/Binding.ts"
import { isZero } from "../../src/core/Bytes.ts"
import * as Checksum from "../../src/core/Checksum.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import { MissingPages, type PageSource } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as RopeBranch from "../../src/core/RopeBranch.ts"

const hash = await xxhash()
const checksum = Checksum.xxh64((bytes, seed) => hash.h64Raw(bytes, seed))

/** As `assert`, at the price of an `if`: the checks of every page go through here. */
function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) assert.fail(message)
}

const key = (address: number, birth: number, pageCount: number): string => `${address}:${birth}:${pageCount}`

export interface Figures {
  runs: number
  holes: number
  branches: number
  dataPages: number
}

export class Volume implements PageSource {
  readonly layout: Layout.Layout
  readonly binding: Binding.Binding
  draft: Draft<Rope.Rope>
  /** Batches that were loaded. */
  batches = 0
  /** How often `perform` ran an operation again. */
  restarts = 0

  readonly #pages = new Map<number, { readonly bytes: Uint8Array; readonly birth: number }>()
  readonly #dead = new Set<number>()
  readonly #loaded = new Map<string, Uint8Array>()
  #nextAddress = 7

  constructor(geometry: Layout.Geometry, runPagesMax: number = Layout.make(geometry).runPagesMax) {
    this.layout = { ...Layout.make(geometry), runPagesMax }
    this.binding = Binding.make(this.layout, checksum, new Uint8Array(16).fill(3))
    this.draft = new Draft(this.binding, this, 1, Rope.empty(this.layout))
  }

  find(address: number, birth: number, pageCount: number): Uint8Array | undefined {
    return this.#loaded.get(key(address, birth, pageCount))
  }

  /** Forgets what was loaded, all or a part. */
  forget(chance: () => boolean = () => true): void {
    for (const name of this.#loaded.keys()) if (chance()) this.#loaded.delete(name)
  }

  /** What is on the disk there. */
  stored(address: number, pageCount: number, birth?: number): Uint8Array {
    const { pageBytes } = this.layout
    const bytes = new Uint8Array(pageCount * pageBytes)
    for (let i = 0; i < pageCount; i++) {
      const page = this.#pages.get(address + i)
      assert(page !== undefined && page.birth === (birth ?? page.birth), "a pointer names pages that were written")
      bytes.set(page.bytes, i * pageBytes)
    }
    return bytes
  }

  load(pointers: ReadonlyArray<Pointer.Pointer>): void {
    this.batches++
    for (const pointer of pointers) {
      const bytes = this.stored(pointer.address, pointer.pageCount, pointer.birth)
      assert.isUndefined(Binding.fault(this.binding, pointer, bytes))
      this.#loaded.set(key(pointer.address, pointer.birth, pointer.pageCount), bytes)
    }
  }

  /** Runs an operation as the Interpreter does: what it has loaded stays until it is through. */
  perform<A>(operation: (draft: Draft<Rope.Rope>) => A): A {
    let before = -1
    for (;;) {
      this.draft.attempt()
      try {
        const result = operation(this.draft)
        this.draft.keep()
        return result
      } catch (cause) {
        if (!(cause instanceof MissingPages)) {
          this.draft.keep()
          throw cause
        }
        this.draft.abandon()
        this.restarts++
        this.load(cause.pointers)
        assert.isAbove(this.#loaded.size, before, "every restart has loaded something new")
        before = this.#loaded.size
      }
    }
  }

  /** Runs an operation that may only miss while it prepares. */
  performSealed<A, P>(
    prepare: (draft: Draft<Rope.Rope>) => P,
    operation: (draft: Draft<Rope.Rope>, prepared: P) => A
  ): A {
    return this.perform((draft) => {
      const prepared = prepare(draft)
      draft.seal()
      return operation(draft, prepared)
    })
  }

  edit(operation: (draft: Draft<Rope.Rope>, rope: Rope.Rope) => Rope.Rope): void {
    this.perform((draft) => {
      const { link } = draft.roots
      const copy = link.slice()
      const rope = operation(draft, draft.roots)
      assert.deepStrictEqual(link, copy, "the link of a rope value never changes")
      draft.roots = rope
    })
  }

  read(rope: Rope.Rope, offset: number, count: number): Uint8Array {
    const target = new Uint8Array(count).fill(255)
    return target.subarray(
      0,
      this.perform((draft) => Rope.read(draft, rope, offset, target))
    )
  }

  // ---- settling

  /** Gives addresses to everything under the rope; the draft goes on. */
  settle(): void {
    const { draft } = this
    const link = draft.roots.link.slice()
    this.#settle(link, 0, draft.roots.level, () => true)
    draft.roots = { ...draft.roots, link }
  }

  /** Gives addresses to whole subtrees here and there. The nodes above keep naming them by number. */
  settleSome(chance: () => boolean): void {
    this.#settleUnder(this.draft.roots.link, 0, this.draft.roots.level, chance)
  }

  /** Settles all, and begins the next draft. */
  commit(): void {
    this.settle()
    assert.strictEqual(this.draft.dirtyBytes, 0, "every node in memory hangs under the rope")
    this.#account()
    this.draft = new Draft(this.binding, this, this.draft.generation + 1, this.draft.roots)
  }

  #settleUnder(bytes: Uint8Array, at: number, level: number, chance: () => boolean): void {
    const { draft, layout } = this
    if (!Pointer.isMemory(layout, bytes, at)) return
    const node = draft.dirty(Pointer.memoryId(layout, bytes, at))
    if (node === undefined) return
    if (chance()) this.#settle(bytes.slice(at, at + layout.pointerBytes), 0, level, chance)
    else if (level > 0) {
      for (let i = 0; i < Node.count(node); i++) {
        this.#settleUnder(node, RopeBranch.pointerAt(layout, i), level - 1, chance)
      }
    }
  }

  #settle(bytes: Uint8Array, at: number, level: number, chance: () => boolean): void {
    const { binding, draft, layout } = this
    if (!Pointer.isMemory(layout, bytes, at)) return
    const id = Pointer.memoryId(layout, bytes, at)
    const settled = draft.settled(id)
    if (settled !== undefined) return void bytes.set(settled, at)
    const node = draft.dirty(id)
    assert(node !== undefined, "a memory pointer names a node of its draft")
    if (level > 0) {
      for (let i = 0; i < Node.count(node); i++) {
        this.#settle(node, RopeBranch.pointerAt(layout, i), level - 1, chance)
      }
    }
    const pageCount = node.length / layout.pageBytes
    const kind = level > 0 ? Node.ROPE : Node.DATA
    const place = { address: this.#nextAddress, pageCount, birth: draft.generation, kind, level }
    for (let i = 0; i < pageCount; i++) {
      const page = node.slice(i * layout.pageBytes, (i + 1) * layout.pageBytes)
      this.#pages.set(this.#nextAddress++, { bytes: page, birth: draft.generation })
    }
    Binding.writePointer(binding, place, node, bytes, at)
    draft.settle(id, bytes.slice(at, at + layout.pointerBytes))
  }

  /** Takes up the dead pages of the draft: each was written, with the birth that is told, and dies once. */
  #account(): void {
    for (const { address, birth, pageCount } of this.draft.dead) {
      assert.isAbove(pageCount, 0)
      for (let page = address; page < address + pageCount; page++) {
        ensure(this.#pages.get(page)?.birth === birth, "a page dies with the birth it had")
        ensure(!this.#dead.has(page), "a page dies once")
        this.#dead.add(page)
      }
    }
  }

  // ---- checking

  /** Checks the structure of the whole rope, and that every page is alive or dead exactly once. */
  check(): Figures {
    const { draft, layout } = this
    const rope = draft.roots
    const figures: Figures = { runs: 0, holes: 0, branches: 0, dataPages: 0 }
    const alive = new Set<number>()
    let dirtyBytes = 0
    let endsInHole = false

    const visit = (
      bytes: Uint8Array,
      at: number,
      level: number,
      span: number,
      isLast: boolean,
      isRoot: boolean
    ): void => {
      if (Pointer.isNull(layout, bytes, at)) {
        assert.strictEqual(level, 0, "holes are made at level 0")
        assert.isTrue(isZero(bytes, at, at + layout.pointerBytes))
        if (span === 0) return void assert.isTrue(isRoot)
        assert.isFalse(endsInHole, "two holes meet")
        endsInHole = true
        figures.holes++
        return
      }
      const id = Pointer.isMemory(layout, bytes, at) ? Pointer.memoryId(layout, bytes, at) : undefined
      const dirty = id === undefined ? undefined : draft.dirty(id)
      const pageCount = Pointer.pageCount(layout, bytes, at)
      const node = this.perform(() => draft.node(bytes, at, level > 0 ? Node.ROPE : Node.DATA, level))
      assert.strictEqual(node.length, pageCount * layout.pageBytes)
      if (dirty === undefined) {
        const settled = id === undefined ? bytes.slice(at, at + layout.pointerBytes) : draft.settled(id)
        assert(settled !== undefined)
        const address = Pointer.address(layout, settled, 0)
        for (let page = address; page < address + pageCount; page++) {
          ensure(!alive.has(page), "a page is reached twice")
          alive.add(page)
        }
      } else {
        dirtyBytes += node.length
      }
      if (level === 0) {
        figures.runs++
        figures.dataPages += pageCount
        assert.strictEqual(pageCount, Math.ceil(span / layout.pageBytes), "a run has the pages that its span needs")
        assert.isAtMost(pageCount, layout.runPagesMax)
        assert.isTrue(isZero(node, span, node.length), "the tail of a run is zero")
        endsInHole = false
        return
      }
      figures.branches++
      const count = Node.count(node)
      assert.strictEqual(Node.kind(node), Node.ROPE)
      assert.strictEqual(Node.level(node), level)
      assert.isAtMost(count, layout.ropeFanout)
      assert.isAtLeast(count, isRoot ? 2 : isLast ? 1 : RopeBranch.fillMin(layout), "a branch is filled")
      assert.isTrue(isZero(node, RopeBranch.pointerAt(layout, count) - 6, node.length), "the rest of a branch is zero")
      let spans = 0
      for (let i = 0; i < count; i++) {
        const child = RopeBranch.span(layout, node, i)
        ensure(child > 0, "an entry spans something")
        spans += child
        visit(node, RopeBranch.pointerAt(layout, i), level - 1, child, isLast && i === count - 1, false)
      }
      assert.strictEqual(spans, span, "spans add up")
    }
    visit(rope.link, 0, rope.level, rope.size, true, true)

    assert.strictEqual(draft.dirtyBytes, dirtyBytes, "every node in memory hangs under the rope")
    const dead = new Set(this.#dead)
    for (const { address, birth, pageCount } of draft.dead) {
      for (let page = address; page < address + pageCount; page++) {
        ensure(this.#pages.get(page)?.birth === birth, "a page dies with the birth it had")
        ensure(!dead.has(page), "a page dies once")
        dead.add(page)
      }
    }
    for (const page of this.#pages.keys()) {
      ensure(alive.has(page) !== dead.has(page), "a page is alive or dead, and not both")
    }
    assert.strictEqual(alive.size + dead.size, this.#pages.size)
    return figures
  }
}
