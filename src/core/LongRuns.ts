/**
 * The runs of content in a draft that are too long for the free space there is.
 */
import * as BTree from "./BTree.ts"
import type { Draft } from "./Draft.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as Rope from "./Rope.ts"
import * as RopeItem from "./RopeItem.ts"
import type { Roots } from "./Roots.ts"
import * as Settle from "./Settle.ts"
import * as TreeNode from "./TreeNode.ts"

/** The most pages that splitting the runs among these places, down to single pages, adds: branches over the pieces. */
export const growth = (layout: Layout, places: Settle.Places): number => {
  let branches = 0
  let added = 0
  for (const { kind, node } of places) {
    const pages = node.length / layout.pageBytes
    if (kind === Node.ROPE) branches++
    // Branches that are half full, one that is split at each end, and one above.
    else if (pages > 1) added += 2 + Math.ceil((2 * pages) / layout.ropeFanout)
  }
  return added === 0 ? 0 : added + branches
}

/** Splits every run in memory that has more than `pagesMax` pages. */
export const split = (draft: Draft<Roots>, pagesMax: number): void => {
  const { layout } = draft
  let { names } = draft.roots
  const top = { link: names.link.slice(), kind: Node.TREE, level: names.level, names: true }
  const keys: Array<Uint8Array> = []
  for (const { kind, level, node } of Settle.collect(draft, [top])) {
    if (kind !== Node.TREE || level !== 0) continue
    for (let slot = 0; slot < Node.count(node); slot++) {
      const cell = TreeNode.cellAt(node, slot)
      const keyAt = TreeNode.leafKeyAt(cell)
      const keyEnd = keyAt + TreeNode.keyBytes(node, cell)
      const valueEnd = keyEnd + TreeNode.valueBytes(node, cell)
      const at = RopeItem.pointerAt(layout, node, keyAt, keyEnd, valueEnd)
      if (at >= 0 && Pointer.isMemory(layout, node, at)) keys.push(node.slice(keyAt, keyEnd))
    }
  }
  for (const key of keys) {
    const value = BTree.get(draft, names, key)
    if (value === undefined) continue
    // The rope is the end of its item.
    const begin = value.length - Rope.encodedBytes(layout)
    const rope = Rope.decode(layout, value, begin)
    const shortened = Rope.shorten(draft, rope, pagesMax)
    if (shortened === rope) continue
    Rope.encode(shortened, value, begin)
    names = BTree.put(draft, names, key, value)
  }
  draft.roots = { ...draft.roots, names }
}
