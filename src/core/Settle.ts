/**
 * Settling: the nodes of a draft that are still in memory get addresses, bottom-up, and become writes.
 *
 * - `collect` lists them, children before parents, and changes nothing: it says how many pages an allocator has to give.
 * - `place` writes each node's pointer into its parent before the parent's own checksum is made, so every pointer on disk
 *   carries the checksum of what is there.
 * - Neither can miss a page: what is in memory hangs under what is in memory.
 */
import * as Binding from "./Binding.ts"
import type { Draft } from "./Draft.ts"
import * as Links from "./Links.ts"
import * as Node from "./Node.ts"
import { CorruptPage } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import type { Write } from "./Write.ts"

/** A node in memory and the pointer that names it. */
interface Place {
  readonly id: number
  readonly node: Uint8Array
  readonly kind: number
  readonly level: number
  /** The bytes that hold its pointer, and where. */
  readonly holder: Uint8Array
  readonly at: number
}

/** Nodes to settle, children before parents. */
export type Places = ReadonlyArray<Place>

/** A root that may name a node in memory. Its link is changed in place: hand in a copy. */
export interface Top {
  readonly link: Uint8Array
  readonly kind: number
  readonly level: number
  readonly names: boolean
}

export const collect = (draft: Draft<unknown>, tops: ReadonlyArray<Top>): Places => {
  const { layout } = draft
  const places: Array<Place> = []
  const seen = new Set<number>()
  const walk = (holder: Uint8Array, at: number, kind: number, level: number, names: boolean): void => {
    if (!Pointer.isMemory(layout, holder, at)) return
    const id = Pointer.memoryId(layout, holder, at)
    const node = draft.dirty(id)
    if (node === undefined) {
      // It was settled under another parent, before this one was copied.
      const settled = draft.settled(id)
      if (settled === undefined) throw forged()
      holder.set(settled, at)
      return
    }
    if (seen.has(id)) throw forged()
    seen.add(id)
    if (kind !== Node.TREE || level > 0 || draft.hasContent) {
      const visit: Links.Visit = (bytes, child, childKind, childLevel) =>
        walk(bytes, child, childKind, childLevel, names)
      Links.forEach(layout, node, kind, level, names, visit, true)
    }
    places.push({ id, node, kind, level, holder, at })
  }
  for (const top of tops) walk(top.link, 0, top.kind, top.level, top.names)
  return places
}

/** Every pointer of ours names one node of its draft: one that does not was read from a disk that somebody forged. */
const forged = (): CorruptPage => new CorruptPage(undefined, "a pointer names a node in memory")

/** Pages that each place needs in one piece. */
export const sizes = (draft: Draft<unknown>, places: Places): ReadonlyArray<number> =>
  places.map(({ node }) => node.length / draft.layout.pageBytes)

/** Gives every place its address; the writes are in the order of the places. */
export const place = (
  draft: Draft<unknown>,
  places: Places,
  addresses: ReadonlyArray<number>
): ReadonlyArray<Write> => {
  const { binding, generation, layout } = draft
  return places.map(({ at, holder, id, kind, level, node }, i) => {
    const where = { address: addresses[i], pageCount: node.length / layout.pageBytes, birth: generation, kind, level }
    Binding.writePointer(binding, where, node, holder, at)
    draft.settle(id, holder.slice(at, at + layout.pointerBytes))
    return { address: addresses[i], bytes: node }
  })
}
