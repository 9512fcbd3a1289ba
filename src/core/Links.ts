/**
 * The pointers that a node holds, and what they point at: one step down any tree.
 *
 * `names` says whether a tree node belongs to the names tree, whose leaves hold the ropes of files and of tables.
 */
import { type Layout, NODE_HEADER_BYTES, ROPE_SPAN_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as RopeItem from "./RopeItem.ts"
import * as TreeNode from "./TreeNode.ts"

/** Called for each pointer that is not null: it stands at `bytes[at]` and names a node of this kind and level. */
export type Visit = (bytes: Uint8Array, at: number, kind: number, level: number) => void

/** Visits the pointers of a node in order; of a branch of a tree only those to nodes in memory, if no others are wanted. */
export const forEach = (
  layout: Layout,
  node: Uint8Array,
  kind: number,
  level: number,
  names: boolean,
  visit: Visit,
  inMemory = false
): void => {
  if (kind === Node.TREE) {
    const count = Node.count(node)
    for (let slot = 0; slot < count; slot++) {
      const cell = TreeNode.cellAt(node, slot)
      if (level > 0) {
        const at = TreeNode.pointerAt(cell)
        if (!inMemory || Pointer.isMemory(layout, node, at)) visit(node, at, Node.TREE, level - 1)
      } else if (names) forRope(layout, node, cell, visit)
    }
  } else if (kind === Node.ROPE) {
    const count = Node.count(node)
    for (let entry = 0; entry < count; entry++) {
      const at = NODE_HEADER_BYTES + entry * layout.ropeEntryBytes + ROPE_SPAN_BYTES
      if (!Pointer.isNull(layout, node, at)) visit(node, at, level === 1 ? Node.DATA : Node.ROPE, level - 1)
    }
  } else if (kind === Node.MAP && level > 0) {
    for (let child = 0; child < layout.mapFanout; child++) {
      const at = NODE_HEADER_BYTES + child * layout.pointerBytes
      if (!Pointer.isNull(layout, node, at)) visit(node, at, Node.MAP, level - 1)
    }
  }
}

const forRope = (layout: Layout, leaf: Uint8Array, cell: number, visit: Visit): void => {
  const keyAt = TreeNode.leafKeyAt(cell)
  const keyEnd = keyAt + TreeNode.keyBytes(leaf, cell)
  const at = RopeItem.pointerAt(layout, leaf, keyAt, keyEnd, keyEnd + TreeNode.valueBytes(leaf, cell))
  if (at < 0) return
  const level = RopeItem.level(leaf, at)
  visit(leaf, at, level === 0 ? Node.DATA : Node.ROPE, level)
}
