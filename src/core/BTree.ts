/**
 * An ordered map from bytes to bytes: a B+tree of pages.
 *
 * - Keys ascend in every node and through the tree; all leaves have level 0.
 * - An item fits into one page: key at most `layout.keyBytesMax`, key and value together at most `layout.itemBytesMax`.
 *   Whoever takes keys from outside has refused longer ones before.
 * - An insert at the end of a leaf leaves a full page behind. A node less than a third full is merged with a neighbour
 *   under the same parent if both together fill at most three quarters of a page; an empty node never stays.
 * - Every function takes a tree and gives a tree: the old one stays what it was, as far as the draft does not own its nodes.
 */
import { compare } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import { type Layout, NODE_HEADER_BYTES, SLOT_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage, demand, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import * as Tree from "./Tree.ts"
import * as TreeNode from "./TreeNode.ts"

type AnyDraft = Draft<unknown>

/** Where an item stands: offsets into the bytes of its leaf, valid until the next edit. */
export interface Item {
  readonly node: Uint8Array
  readonly keyAt: number
  readonly keyEnd: number
  readonly valueEnd: number
}

/** The item in a slot of a leaf. */
export const itemAt = (node: Uint8Array, slot: number): Item => {
  const cell = TreeNode.cellAt(node, slot)
  const keyAt = TreeNode.leafKeyAt(cell)
  const keyEnd = keyAt + TreeNode.keyBytes(node, cell)
  return { node, keyAt, keyEnd, valueEnd: keyEnd + TreeNode.valueBytes(node, cell) }
}

export const key = (at: Item): Uint8Array => at.node.slice(at.keyAt, at.keyEnd)
export const value = (at: Item): Uint8Array => at.node.slice(at.keyEnd, at.valueEnd)

// ---- reading

const leafOf = (pages: Pages, tree: Tree.Tree, sought: Uint8Array): Uint8Array => {
  const { layout } = pages
  let level = tree.level
  let node = pages.node(tree.link, 0, Node.TREE, level)
  while (level > 0) {
    const cell = TreeNode.cellAt(node, TreeNode.searchBranch(layout, node, sought))
    level--
    node = pages.node(node, TreeNode.pointerAt(cell), Node.TREE, level)
  }
  return node
}

/** The item of a key. */
export const find = (pages: Pages, tree: Tree.Tree, sought: Uint8Array): Item | undefined => {
  if (Tree.isEmpty(pages.layout, tree)) return undefined
  const leaf = leafOf(pages, tree, sought)
  const slot = TreeNode.searchLeaf(leaf, sought)
  return slot < 0 ? undefined : itemAt(leaf, slot)
}

/** A copy of the value of a key. */
export const get = (pages: Pages, tree: Tree.Tree, sought: Uint8Array): Uint8Array | undefined => {
  const found = find(pages, tree, sought)
  return found === undefined ? undefined : value(found)
}

/** What a walk does with an item: `false` ends it. */
export type Visit = (at: Item) => boolean

/** Visits the items from `from` (included; from the first if `undefined`) upwards. */
export const ascend = (pages: Pages, tree: Tree.Tree, from: Uint8Array | undefined, visit: Visit): void => {
  if (!Tree.isEmpty(pages.layout, tree)) {
    ascendFrom(pages, pages.node(tree.link, 0, Node.TREE, tree.level), tree.level, from, visit)
  }
}

const ascendFrom = (
  pages: Pages,
  node: Uint8Array,
  level: number,
  from: Uint8Array | undefined,
  visit: Visit
): boolean => {
  const count = Node.count(node)
  if (level === 0) {
    const found = from === undefined ? 0 : TreeNode.searchLeaf(node, from)
    for (let slot = found < 0 ? ~found : found; slot < count; slot++) if (!visit(itemAt(node, slot))) return false
    return true
  }
  const first = from === undefined ? 0 : TreeNode.searchBranch(pages.layout, node, from)
  for (let slot = first; slot < count; slot++) {
    const child = pages.node(node, TreeNode.pointerAt(TreeNode.cellAt(node, slot)), Node.TREE, level - 1)
    if (!ascendFrom(pages, child, level - 1, slot === first ? from : undefined, visit)) return false
  }
  return true
}

/** Visits the items from `from` (included; from the last if `undefined`) downwards. */
export const descend = (pages: Pages, tree: Tree.Tree, from: Uint8Array | undefined, visit: Visit): void => {
  if (!Tree.isEmpty(pages.layout, tree)) {
    descendFrom(pages, pages.node(tree.link, 0, Node.TREE, tree.level), tree.level, from, visit)
  }
}

const descendFrom = (
  pages: Pages,
  node: Uint8Array,
  level: number,
  from: Uint8Array | undefined,
  visit: Visit
): boolean => {
  const last = Node.count(node) - 1
  if (level === 0) {
    const found = from === undefined ? last : TreeNode.searchLeaf(node, from)
    for (let slot = found < 0 && from !== undefined ? ~found - 1 : found; slot >= 0; slot--) {
      if (!visit(itemAt(node, slot))) return false
    }
    return true
  }
  const first = from === undefined ? last : TreeNode.searchBranch(pages.layout, node, from)
  for (let slot = first; slot >= 0; slot--) {
    const child = pages.node(node, TreeNode.pointerAt(TreeNode.cellAt(node, slot)), Node.TREE, level - 1)
    if (!descendFrom(pages, child, level - 1, slot === first ? from : undefined, visit)) return false
  }
  return true
}

// ---- inserting

/** A node that a split made, and the key that separates it from what is left of it. */
interface Sibling {
  readonly key: Uint8Array
  readonly link: Uint8Array
}

const NO_SIBLINGS: ReadonlyArray<Sibling> = []

/** Sets the value of a key to the first `count` bytes of `to`. */
export const put = (
  draft: AnyDraft,
  tree: Tree.Tree,
  sought: Uint8Array,
  to: Uint8Array,
  count = to.length
): Tree.Tree => {
  const { layout } = draft
  invariant(sought.length > 0 && sought.length <= layout.keyBytesMax, "a key is neither empty nor too long")
  invariant(sought.length + count <= layout.itemBytesMax, "an item fits into a page")
  const link = draft.owns(tree.link, 0) ? tree.link : tree.link.slice()
  if (Tree.isEmpty(layout, tree)) {
    TreeNode.insertItem(layout, draft.create(link, 0, Node.TREE, 0), 0, sought, to, count)
    return { level: 0, link }
  }
  // All that is needed is loaded before anything is changed.
  if (!draft.isSealed) leafOf(draft, tree, sought)
  const siblings = putInto(draft, draft.edit(link, 0, Node.TREE, tree.level), tree.level, sought, to, count)
  if (siblings.length === 0) return { level: tree.level, link }
  const rootLink = Pointer.makeNull(layout)
  const root = draft.create(rootLink, 0, Node.TREE, tree.level + 1)
  TreeNode.insert(layout, root, 0, TreeNode.branchCell(layout, new Uint8Array(0), link))
  siblings.forEach((sibling, i) =>
    TreeNode.insert(layout, root, i + 1, TreeNode.branchCell(layout, sibling.key, sibling.link))
  )
  return { level: tree.level + 1, link: rootLink }
}

const putInto = (
  draft: AnyDraft,
  node: Uint8Array,
  level: number,
  sought: Uint8Array,
  to: Uint8Array,
  count: number
): ReadonlyArray<Sibling> => {
  const { layout } = draft
  if (level === 0) return putIntoLeaf(draft, node, sought, to, count)
  const slot = TreeNode.searchBranch(layout, node, sought)
  const child = draft.edit(node, TreeNode.pointerAt(TreeNode.cellAt(node, slot)), Node.TREE, level - 1)
  const siblings = putInto(draft, child, level - 1, sought, to, count)
  if (siblings.length === 0) return NO_SIBLINGS
  const made: Array<Sibling> = []
  let target = node
  let at = slot + 1
  let targets = 0
  for (const sibling of siblings) {
    const cell = TreeNode.branchCell(layout, sibling.key, sibling.link)
    if (TreeNode.room(target) >= cell.length + SLOT_BYTES) {
      TreeNode.insert(layout, target, at, cell)
      at++
      continue
    }
    // Two cells at most come in, so a branch splits twice at most: the node and its siblings are three, as for a leaf.
    const [right] = split(draft, target, at, cell)
    made.splice(targets, 0, right)
    const left = Node.count(target)
    if (at < left) at++
    else {
      target = draft.edit(right.link, 0, Node.TREE, level)
      targets++
      at = at - left + 1
    }
  }
  return made.length === 0 ? NO_SIBLINGS : made
}

const putIntoLeaf = (
  draft: AnyDraft,
  leaf: Uint8Array,
  sought: Uint8Array,
  to: Uint8Array,
  count: number
): ReadonlyArray<Sibling> => {
  const { layout } = draft
  const found = TreeNode.searchLeaf(leaf, sought)
  if (TreeNode.putItem(layout, leaf, found, sought, to, count)) return NO_SIBLINGS
  return split(draft, leaf, found < 0 ? ~found : found, TreeNode.leafCell(sought, to, count))
}

/** Shares the cells of a full node and one more, at `slot`, out to it and one or two new ones on its right. */
const split = (draft: AnyDraft, node: Uint8Array, slot: number, cell: Uint8Array): ReadonlyArray<Sibling> => {
  const { layout } = draft
  const level = Node.level(node)
  const all = TreeNode.overflow(node, slot, cell)
  const cuts = TreeNode.cuts(layout, all)
  Node.clear(node, Node.TREE, level)
  TreeNode.fill(layout, all, 0, cuts[0], node)
  let left = node
  return cuts.map((start, i): Sibling => {
    const link = Pointer.makeNull(layout)
    const right = draft.create(link, 0, Node.TREE, level)
    TreeNode.fill(layout, all, start, i + 1 < cuts.length ? cuts[i + 1] : all.count, right)
    const first = TreeNode.keyOf(layout, right, 0)
    const key =
      level === 0 ? TreeNode.separator(TreeNode.keyOf(layout, left, Node.count(left) - 1), first).slice() : first
    if (level > 0) TreeNode.dropFirstKey(layout, right)
    left = right
    return { key, link }
  })
}

// ---- removing

const FILLED = 0
const UNDERFULL = 1
const EMPTY = 2

const fillOf = (node: Uint8Array): number =>
  Node.count(node) === 0 ? EMPTY : TreeNode.isUnderfull(node) ? UNDERFULL : FILLED

/**
 * Loads all that removing `count` items in and around the leaf of `sought` may need, so that the attempt may be sealed before. Answers
 * whether it could: where a branch might have to be merged as well, nobody knows before.
 */
export const prepareRemovals = (draft: AnyDraft, tree: Tree.Tree, sought: Uint8Array, count: number): boolean => {
  const { layout } = draft
  let node = draft.node(tree.link, 0, Node.TREE, tree.level)
  for (let { level } = tree; level > 0; level--) {
    const slot = TreeNode.searchBranch(layout, node, sought)
    const missing: Array<Pointer.Pointer> = []
    let lost = 0
    const last = level > 1 ? -1 : Math.min(slot + count, Node.count(node) - 1)
    for (let near = Math.max(slot - count, 0); near <= last; near++) {
      const cell = TreeNode.cellAt(node, near)
      lost += TreeNode.cellBytes(layout, node, cell) + SLOT_BYTES
      draft.peek(node, TreeNode.pointerAt(cell), Node.TREE, 0, missing)
    }
    demand(missing)
    // The root has no neighbour, and a leaf that is left alone under it takes its place.
    if (level < tree.level && TreeNode.isUnderfull(node, lost)) return false
    node = draft.node(node, TreeNode.pointerAt(TreeNode.cellAt(node, slot)), Node.TREE, level - 1)
  }
  return true
}

/** Removes a key; gives the same tree if it is not there. */
export const remove = (draft: AnyDraft, tree: Tree.Tree, sought: Uint8Array): Tree.Tree => {
  if (find(draft, tree, sought) === undefined) return tree
  let link = tree.link.slice()
  let level = tree.level
  let root = draft.edit(link, 0, Node.TREE, level)
  if (removeFrom(draft, root, level, sought) === EMPTY) {
    draft.discard(link, 0)
    return Tree.empty(draft.layout)
  }
  while (level > 0 && Node.count(root) === 1) {
    const at = TreeNode.pointerAt(TreeNode.cellAt(root, 0))
    const only = root.slice(at, at + draft.layout.pointerBytes)
    draft.discard(link, 0)
    link = only
    level--
    if (level > 0) root = draft.node(link, 0, Node.TREE, level)
  }
  return { level, link }
}

const removeFrom = (draft: AnyDraft, node: Uint8Array, level: number, sought: Uint8Array): number => {
  const { layout } = draft
  if (level === 0) {
    TreeNode.remove(layout, node, TreeNode.searchLeaf(node, sought))
    return fillOf(node)
  }
  const slot = TreeNode.searchBranch(layout, node, sought)
  const at = TreeNode.pointerAt(TreeNode.cellAt(node, slot))
  const filled = removeFrom(draft, draft.edit(node, at, Node.TREE, level - 1), level - 1, sought)
  if (filled === EMPTY) {
    draft.discard(node, at)
    TreeNode.remove(layout, node, slot)
    if (slot === 0 && Node.count(node) > 0) TreeNode.dropFirstKey(layout, node)
  } else if (filled === UNDERFULL) {
    if (!(slot > 0 && merge(draft, node, slot - 1)) && slot + 1 < Node.count(node)) merge(draft, node, slot)
  }
  return fillOf(node)
}

/** Merges the children at `slot` and `slot + 1` if together they fill at most three quarters of a page. */
const merge = (draft: AnyDraft, parent: Uint8Array, slot: number): boolean => {
  const { layout } = draft
  const level = Node.level(parent) - 1
  const leftAt = TreeNode.pointerAt(TreeNode.cellAt(parent, slot))
  const rightCell = TreeNode.cellAt(parent, slot + 1)
  const rightAt = TreeNode.pointerAt(rightCell)
  const right = draft.node(parent, rightAt, Node.TREE, level)
  const separatorBytes = level === 0 ? 0 : TreeNode.keyBytes(parent, rightCell)
  const together = TreeNode.used(draft.node(parent, leftAt, Node.TREE, level)) + TreeNode.used(right) + separatorBytes
  if (together * 4 > (layout.pageBytes - NODE_HEADER_BYTES) * 3) return false
  const left = draft.edit(parent, leftAt, Node.TREE, level)
  TreeNode.compact(layout, left)
  if (level === 0) TreeNode.appendCells(layout, right, 0, Node.count(right), left)
  else {
    // The right node's first child had no key of its own: the separator becomes it.
    const first = TreeNode.pointerAt(TreeNode.cellAt(right, 0))
    const link = right.slice(first, first + layout.pointerBytes)
    const key = TreeNode.keyOf(layout, parent, slot + 1)
    TreeNode.insert(layout, left, Node.count(left), TreeNode.branchCell(layout, key, link))
    TreeNode.appendCells(layout, right, 1, Node.count(right), left)
  }
  draft.discard(parent, rightAt)
  TreeNode.remove(layout, parent, slot + 1)
  return true
}

/** Throws {@link CorruptPage} unless the key of an item has `bytes` bytes: keys of fixed width are checked where read. */
export const expectKeyBytes = (at: Item, bytes: number): void => {
  if (at.keyEnd - at.keyAt !== bytes) throw new CorruptPage(undefined, "a key has the wrong length")
}

/** Whether the key of an item begins with `prefix`. */
export const hasPrefix = (at: Item, prefix: Uint8Array): boolean =>
  at.keyEnd - at.keyAt >= prefix.length &&
  compare(at.node, at.keyAt, at.keyAt + prefix.length, prefix, 0, prefix.length) === 0

/** The longest key and value that a tree of this layout takes: what a caller checks before `put`. */
export const fits = (layout: Layout, keyBytes: number, valueBytes: number): boolean =>
  keyBytes > 0 && keyBytes <= layout.keyBytesMax && keyBytes + valueBytes <= layout.itemBytesMax
