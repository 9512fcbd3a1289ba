/**
 * The free map and the allocator of a volume, on a disk in memory, beside a plain byte a page.
 *
 * - Map pages live on the volume that they describe; what was loaded is forgotten at random.
 * - {@link SpaceMemory.model} says of each page whether it is free, whatever the map thinks.
 */
import { assert } from "vitest"
import type * as Allocator from "../../src/core/Allocator.ts"
import * as Binding from "../../src/core/Binding.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import { CleanPages, MissingPages, type Pages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Settle from "../../src/core/Settle.ts"
import type { Random } from "../../src/testing/Random.ts"
import * as VolumeSize from "../../src/core/VolumeSize.ts"
import { checksum } from "./TestVolume.ts"

export class SpaceMemory {
  readonly layout: Layout.Layout
  readonly binding: Binding.Binding
  readonly random: Random
  readonly pages: Pages
  map: FreeMap.FreeMap
  /** 1: free. */
  model: Uint8Array
  generation = 1
  restarts = 0
  readonly #disk = new Map<number, { readonly birth: number; readonly bytes: Uint8Array }>()
  readonly #loaded = new Map<string, Uint8Array>()

  constructor(pageBytes: number, pageCount: number, used: Extent.ExtentSet, random: Random) {
    this.layout = Layout.make({ pageBytes, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
    this.binding = Binding.make(this.layout, checksum, new Uint8Array(16).fill(5))
    this.random = random
    this.map = FreeMap.make(this.layout, pageCount, used)
    this.model = new Uint8Array(pageCount).fill(1)
    this.mark(used, 0)
    this.pages = new CleanPages(this.layout, this.#source)
  }

  readonly #source = {
    find: (address: number, birth: number): Uint8Array | undefined => this.#loaded.get(`${address}:${birth}`)
  }

  mark(set: Extent.ExtentSet, value: 0 | 1): void {
    for (let i = 0; i < set.length; i += 2) this.model.fill(value, set[i], set[i + 1])
  }

  forget(): void {
    if (this.random.chance(0.2)) this.#loaded.clear()
    else for (const key of this.#loaded.keys()) if (this.random.chance(0.2)) this.#loaded.delete(key)
  }

  /** Runs a function of the core until it has all it needs. */
  run<A>(f: () => A, abandoned: () => void = () => undefined): A {
    for (;;) {
      try {
        return f()
      } catch (thrown) {
        if (!(thrown instanceof MissingPages)) throw thrown
        abandoned()
        this.restarts++
        for (const pointer of thrown.pointers) {
          const page = this.#disk.get(pointer.address)
          assert.strictEqual(page?.birth, pointer.birth)
          assert.isUndefined(Binding.fault(this.binding, pointer, page!.bytes))
          this.#loaded.set(`${pointer.address}:${pointer.birth}`, page!.bytes.slice())
        }
      }
    }
  }

  /** The volume has so many pages from here on; answers the pages of the map that died. */
  resize(pageCount: number, home: (sizes: ReadonlyArray<number>) => ReadonlyArray<number>): Extent.ExtentSet {
    const { map, model } = this
    this.model = new Uint8Array(pageCount).fill(1)
    this.model.set(model.subarray(0, pageCount))
    if (VolumeSize.changesNodes(this.layout, map, pageCount)) {
      this.map = { ...map, pageCount }
      return this.fold(home, map.pageCount)
    }
    this.map = { ...map, pageCount, height: FreeMap.heightFor(this.layout, pageCount) }
    return Extent.EMPTY
  }

  /** A fold whose nodes go to `home(count)`; answers the pages of the map that died. */
  fold(home: (sizes: ReadonlyArray<number>) => ReadonlyArray<number>, pageCountBefore?: number): Extent.ExtentSet {
    this.forget()
    this.generation++
    const draft = new Draft<undefined>(this.binding, this.#source, this.generation, undefined)
    const folded = this.run(
      () => {
        draft.attempt()
        const made =
          pageCountBefore === undefined
            ? FreeMap.fold(draft, this.map)
            : VolumeSize.fold(draft, this.map, pageCountBefore)
        draft.keep()
        return made
      },
      () => draft.abandon()
    )
    if (pageCountBefore === undefined) assert.deepStrictEqual(folded.freed, [])
    assert.deepStrictEqual(folded.used, [])
    assert.isTrue(draft.dead.every(({ bookkeeping }) => bookkeeping))
    const dead = Extent.fromUnsorted(draft.dead.map(({ address, pageCount }) => [address, pageCount] as const))
    assert.strictEqual(Extent.size(dead), draft.dead.length, "a map page dies once")
    this.mark(dead, 1)
    const top = { link: folded.link.slice(), kind: Node.MAP, level: folded.height, names: false }
    const places = Settle.collect(draft, [top])
    const addresses = home(Settle.sizes(draft, places))
    for (const { address, bytes } of Settle.place(draft, places, addresses)) {
      this.#disk.set(address, { birth: this.generation, bytes: bytes.slice() })
    }
    const taken = Extent.fromUnsorted(addresses.map((address) => [address, 1] as const))
    assert.isTrue(
      addresses.every((address) => this.model[address] === 1),
      "a map page goes to a free page"
    )
    this.mark(taken, 0)
    this.map = FreeMap.allocate({ ...folded, link: top.link }, taken)
    return dead
  }

  /** The pages that the map itself stands on. */
  ownPages(): Extent.ExtentSet {
    const own: Array<readonly [number, number]> = []
    const walk = (bytes: Uint8Array, at: number, level: number): void => {
      if (Pointer.isNull(this.layout, bytes, at)) return
      const address = Pointer.address(this.layout, bytes, at)
      own.push([address, 1])
      const node = this.#disk.get(address)!.bytes
      assert.isUndefined(Node.fault(this.layout, node, Node.MAP, level, this.generation))
      Links.forEach(this.layout, node, Node.MAP, level, false, (holder, child, _, childLevel) =>
        walk(holder, child, childLevel)
      )
    }
    walk(this.map.link, 0, this.map.height)
    return Extent.fromUnsorted(own)
  }

  /** The map says what the model says. */
  check(): void {
    this.forget()
    const { freed, used } = this.map
    assert.deepStrictEqual(Extent.intersect(freed, used), [], "the deltas are disjoint")
    const free = this.run(() => FreeMap.free(this.pages, this.map))
    this.assertSet(free, this.model, "free pages")
    const encoded = Extent.encode(freed).length + Extent.encode(used).length
    assert.strictEqual(FreeMap.deltaBytes(this.map), encoded)
  }

  assertSet(set: Extent.ExtentSet, model: Uint8Array, what: string): void {
    const pages = new Uint8Array(model.length)
    for (let i = 0; i < set.length; i += 2) {
      assert.isAtMost(set[i + 1], model.length)
      pages.fill(1, set[i], set[i + 1])
    }
    assert.isTrue(Buffer.from(pages.buffer).equals(model), what)
  }

  /** Random extents of pages of which `model` says `value`. */
  some(value: 0 | 1, extents: number, longest: number): Extent.ExtentSet {
    const found: Array<readonly [number, number]> = []
    for (let i = 0; i < extents; i++) {
      const start = this.random.below(this.model.length)
      const count = 1 + this.random.below(longest)
      for (let page = start; page < Math.min(start + count, this.model.length); page++) {
        if (this.model[page] === value) found.push([page, 1])
      }
    }
    return Extent.fromUnsorted(found)
  }
}

/** Pages of an allocator that may be taken now: free in the model and not held. */
export const allocatable = (space: SpaceMemory, allocator: Allocator.Allocator): Uint8Array => {
  const open = space.model.slice()
  for (const { extents } of allocator.held) {
    for (let i = 0; i < extents.length; i += 2) open.fill(0, extents[i], extents[i + 1])
  }
  return open
}
