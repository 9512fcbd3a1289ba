/**
 * The nodes of a draft that have an address by now: their pointers on disk, by number.
 *
 * - A long transaction writes early and goes on, so there may be hundreds of thousands: they stand packed, side by side, in blocks of
 *   numbers. (A map of byte arrays took 500 bytes for each.)
 * - The first few stand by themselves: a small commit has no more, and to make a block takes longer than to settle them.
 * - A pointer that was settled is never null, so a null one stands for a node that was not.
 */
import * as Extent from "./Extent.ts"
import type { Layout } from "./Layout.ts"
import * as Pointer from "./Pointer.ts"

const BLOCK_COUNT = 64
const FEW = 16

export class SettledNodes {
  readonly #layout: Layout
  readonly #few = new Map<number, Uint8Array>()
  readonly #blocks = new Map<number, Uint8Array>()
  #size = 0

  constructor(layout: Layout) {
    this.#layout = layout
  }

  get size(): number {
    return this.#size
  }

  get(id: number): Uint8Array | undefined {
    const { pointerBytes } = this.#layout
    const one = this.#few.get(id)
    if (one !== undefined) return one.slice()
    const block = this.#blocks.get(Math.floor(id / BLOCK_COUNT))
    if (block === undefined) return undefined
    const at = (id % BLOCK_COUNT) * pointerBytes
    return Pointer.isNull(this.#layout, block, at) ? undefined : block.slice(at, at + pointerBytes)
  }

  /** A number is settled once. The bytes of the pointer are not to be changed any more. */
  add(id: number, pointer: Uint8Array): void {
    this.#size++
    if (this.#few.size < FEW) {
      this.#few.set(id, pointer)
      return
    }
    const { pointerBytes } = this.#layout
    const number = Math.floor(id / BLOCK_COUNT)
    let block = this.#blocks.get(number)
    if (block === undefined) {
      block = new Uint8Array(BLOCK_COUNT * pointerBytes)
      this.#blocks.set(number, block)
    }
    block.set(pointer, (id % BLOCK_COUNT) * pointerBytes)
  }

  /** The pages of all of them. */
  extents(): Extent.ExtentSet {
    const { pointerBytes } = this.#layout
    const extents: Array<readonly [number, number]> = []
    for (const block of [...this.#few.values(), ...this.#blocks.values()]) {
      for (let at = 0; at < block.length; at += pointerBytes) {
        if (Pointer.isNull(this.#layout, block, at)) continue
        extents.push([Pointer.address(this.#layout, block, at), Pointer.pageCount(this.#layout, block, at)])
      }
    }
    return Extent.fromUnsorted(extents)
  }
}
