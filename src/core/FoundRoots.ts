/**
 * The roots that stand in the slots, each decoded when it is asked for: of a ring of slots an opening needs three.
 *
 * - What a page says of itself before its digest is verified says in what order to ask, and nothing else.
 */
import type * as Binding from "./Binding.ts"
import * as Bytes from "./Bytes.ts"
import * as RootRecord from "./RootRecord.ts"
import type * as RootSlots from "./RootSlots.ts"
import type { Superblock } from "./Superblock.ts"

type Decoded = RootRecord.EncodedRoot | RootRecord.Fault
type Unsupported = Extract<RootRecord.Fault, { readonly _tag: "UnsupportedFormat" }>

export class FoundRoots {
  readonly #binding: Binding.Binding
  readonly #superblock: Superblock
  readonly #decoded = new Map<number, Decoded>()
  /** The slots whose pages say that they hold a root, the newest first. */
  readonly #order: ReadonlyArray<number>
  /** The pages of all slots; `undefined` for one that could not be read. */
  readonly pages: ReadonlyArray<Uint8Array | undefined>

  constructor(binding: Binding.Binding, superblock: Superblock, pages: ReadonlyArray<Uint8Array | undefined>) {
    this.#binding = binding
    this.#superblock = superblock
    this.pages = pages
    this.#order = [...pages.keys()]
      .filter((slot) => this.#claim(slot) > 0)
      .sort((a, b) => this.#claim(b) - this.#claim(a))
  }

  /** The generation that the page of a slot claims for its root; 0 where there is none. */
  #claim(slot: number): number {
    const bytes = this.pages[slot]
    return bytes === undefined ? 0 : RootRecord.claimedGeneration(bytes)
  }

  #decode(slot: number, bytes: Uint8Array): Decoded {
    const before = this.#decoded.get(slot)
    if (before !== undefined) return before
    const decoded = RootRecord.decode(this.#binding, this.#superblock, slot, bytes)
    this.#decoded.set(slot, decoded)
    return decoded
  }

  get slots(): RootSlots.RootSlots {
    return this.#superblock.slots
  }

  /** The root in a slot. */
  at(slot: number): RootRecord.EncodedRoot | undefined {
    const bytes = this.pages[slot]
    if (bytes === undefined || this.#claim(slot) === 0) return undefined
    const decoded = this.#decode(slot, bytes)
    return "_tag" in decoded ? undefined : decoded
  }

  /** All of them, the newest first. */
  *all(): Generator<RootRecord.EncodedRoot> {
    for (const slot of this.#order) {
      const root = this.at(slot)
      if (root !== undefined) yield root
    }
  }

  /** The newest root, and the newest that asks for more than this program has, if it is newer than the base of the former. */
  newest(): { readonly root: RootRecord.EncodedRoot | undefined; readonly unsupported: Unsupported | undefined } {
    let root: RootRecord.EncodedRoot | undefined
    let unsupported: Unsupported | undefined
    for (const slot of this.#order) {
      const bytes = this.pages[slot]
      if (bytes === undefined || this.#claim(slot) <= (root?.record.base ?? 0)) break
      const decoded = this.#decode(slot, bytes)
      if (!("_tag" in decoded)) root ??= decoded
      else if (decoded._tag === "UnsupportedFormat") unsupported ??= decoded
    }
    return { root, unsupported }
  }

  /** The root that was durable when `record` was made, if its slot still holds it. */
  baseOf({ base, parent }: RootRecord.RootRecord): RootRecord.EncodedRoot | undefined {
    for (const slot of this.#order) {
      const root = this.#claim(slot) === base ? this.at(slot) : undefined
      if (root !== undefined && Bytes.equal(root.hash, parent)) return root
    }
    return undefined
  }

  /** The newest root above `generation` that stands in a slot which is not its own, and whose base is above it as well. */
  displaced(generation: number): RootRecord.RootRecord | undefined {
    let found: RootRecord.RootRecord | undefined
    for (const slot of this.#order) {
      const bytes = this.pages[slot]
      const record = bytes && RootRecord.displaced(this.#binding, this.#superblock, slot, bytes)?.record
      if (record === undefined || record.base <= generation) continue
      if (record.generation > (found?.generation ?? 0)) found = record
    }
    return found
  }
}
