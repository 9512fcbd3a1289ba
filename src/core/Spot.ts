/**
 * Where a key stands in a tree, or would stand: found once, and edited there without another way down from the root.
 *
 * - A spot is edited in place once the attempt is sealed, where the draft owns the leaf and still has the same nodes; everywhere else an
 *   edit of a spot is that of `BTree`. Where the draft owns the branch above the leaf only, and nothing was edited since, a put makes
 *   the leaf its own: that spares the way down too.
 * - Other edits may have moved the key within its leaf: that is looked at again.
 * - Spots of later attempts are told from those of before by the shape of the draft: whoever keeps one knows its draft.
 * - A removal that leaves a leaf too empty may need its neighbours: {@link prepareRemovals} loads them, or says that the operation must
 *   not be sealed.
 */
import * as BTree from "./BTree.ts"
import { compare } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import { LEAF_CELL_HEADER_BYTES, SLOT_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage } from "./Pages.ts"
import * as Tree from "./Tree.ts"
import * as TreeNode from "./TreeNode.ts"

type AnyDraft = Draft<unknown>

export interface Spot {
  readonly key: Uint8Array
  leaf: Uint8Array
  /** The slot of the key, or the complement (`~slot`) of where it would be inserted. */
  slot: number
  isOwned: boolean
  /** The branch above the leaf if the draft owns it, and where in it the pointer to the leaf stands. */
  readonly branch: Uint8Array | undefined
  readonly at: number
  /** Whether no leaf comes after this one. */
  readonly isLast: boolean
  readonly shape: number
  changeCount: number
}

const NO_LEAF = new Uint8Array(0)

/** Finds a key, which the spot keeps. */
export const find = (draft: AnyDraft, tree: Tree.Tree, key: Uint8Array): Spot => {
  const { changeCount, layout, shape } = draft
  if (Tree.isEmpty(layout, tree)) {
    return { key, leaf: NO_LEAF, slot: ~0, isOwned: false, branch: undefined, at: 0, isLast: true, shape, changeCount }
  }
  let { level } = tree
  let holder = tree.link
  let at = 0
  let isLast = true
  // What is under a node that the draft does not own, it does not own either.
  let isOwned = draft.owns(holder, at)
  let isHolderOwned = false
  let node = draft.node(holder, at, Node.TREE, level)
  while (level > 0) {
    const slot = TreeNode.searchBranch(layout, node, key)
    if (slot + 1 < Node.count(node)) isLast = false
    holder = node
    at = TreeNode.pointerAt(TreeNode.cellAt(node, slot))
    level--
    isHolderOwned = isOwned
    isOwned = isOwned && draft.owns(holder, at)
    node = draft.node(holder, at, Node.TREE, level)
  }
  const slot = TreeNode.searchLeaf(node, key)
  const branch = isHolderOwned ? holder : undefined
  return { key, leaf: node, slot, isOwned, branch, at, isLast, shape, changeCount }
}

/** Finds a key that is above that of `below`, often in the same leaf. */
export const findAbove = (draft: AnyDraft, tree: Tree.Tree, below: Spot, key: Uint8Array): Spot => {
  const { changeCount, isOwned, leaf, shape } = below
  const isStill = shape === draft.shape && (isOwned || changeCount === draft.changeCount)
  if (!isStill || leaf === NO_LEAF) return find(draft, tree, key)
  const slot = TreeNode.searchLeaf(leaf, key)
  const isInside = below.isLast || (slot < 0 ? ~slot : slot) < Node.count(leaf)
  return isInside ? { ...below, key, slot, changeCount: draft.changeCount } : find(draft, tree, key)
}

/** Whether the leaf belongs to the draft: the draft for which it was found, with all that was done since. */
export const isOwnedStill = (draft: AnyDraft, { isOwned, shape }: Spot): boolean => isOwned && shape === draft.shape

/** The item, as long as nothing is edited. */
export const item = ({ leaf, slot }: Spot): BTree.Item | undefined => (slot < 0 ? undefined : BTree.itemAt(leaf, slot))

/** The item as it stands now in the tree that the edits since have made. */
export const look = (draft: AnyDraft, tree: Tree.Tree, spot: Spot): BTree.Item | undefined => {
  if (!isFirm(draft, spot)) return BTree.find(draft, tree, spot.key)
  const slot = slotNow(draft, spot)
  return slot < 0 ? undefined : BTree.itemAt(spot.leaf, slot)
}

/** Writes over the value of an item that is there and stays as long as it is: `write` gets bytes and where in them the value begins. */
export const patch = (
  draft: AnyDraft,
  tree: Tree.Tree,
  spot: Spot,
  write: (bytes: Uint8Array, at: number) => void
): Tree.Tree => {
  const found = look(draft, tree, spot)
  // The edits before have moved it to where its key does not lead: the keys of a forged tree are out of order.
  if (found === undefined) throw new CorruptPage(undefined, "an item of a tree is not where its key leads")
  if (isFirm(draft, spot)) {
    draft.changeCount++
    write(found.node, found.keyEnd)
    return tree
  }
  const value = BTree.value(found)
  write(value, 0)
  return BTree.put(draft, tree, spot.key, value)
}

/** Sets the value of the key to the first `count` bytes of `value`. */
export const put = (
  draft: AnyDraft,
  tree: Tree.Tree,
  spot: Spot,
  value: Uint8Array,
  count = value.length
): Tree.Tree => {
  own(draft, spot)
  if (!isFirm(draft, spot)) return BTree.put(draft, tree, spot.key, value, count)
  const slot = slotNow(draft, spot)
  draft.changeCount++
  return TreeNode.putItem(draft.layout, spot.leaf, slot, spot.key, value, count)
    ? tree
    : BTree.put(draft, tree, spot.key, value, count)
}

/** Loads what removing the items of these spots needs, if they are there; answers whether the attempt may be sealed now. */
export const prepareRemovals = (draft: AnyDraft, tree: Tree.Tree, spots: ReadonlyArray<Spot>): boolean => {
  let lost = 0
  for (const { leaf, slot } of spots) {
    if (slot < 0) return false
    lost += TreeNode.cellBytes(draft.layout, leaf, TreeNode.cellAt(leaf, slot)) + SLOT_BYTES
  }
  // In place they need nothing. Where one of them does, it may move the others.
  return (
    spots.every(({ isOwned, leaf }) => isOwned && !TreeNode.isUnderfull(leaf, lost)) ||
    spots.every(({ key }) => BTree.prepareRemovals(draft, tree, key, spots.length))
  )
}

/** Removes the key; gives the same tree if it is not there. Before an attempt is sealed, {@link prepareRemovals} is asked. */
export const remove = (draft: AnyDraft, tree: Tree.Tree, spot: Spot): Tree.Tree => {
  if (!isFirm(draft, spot)) return BTree.remove(draft, tree, spot.key)
  const { leaf } = spot
  const slot = slotNow(draft, spot)
  if (slot < 0) return tree
  const cellBytes = TreeNode.cellBytes(draft.layout, leaf, TreeNode.cellAt(leaf, slot))
  if (TreeNode.isUnderfull(leaf, cellBytes + SLOT_BYTES)) return BTree.remove(draft, tree, spot.key)
  draft.changeCount++
  TreeNode.remove(draft.layout, leaf, slot)
  return tree
}

/** Makes the leaf the draft's own, if the draft owns the branch above it. */
const own = (draft: AnyDraft, spot: Spot): void => {
  const { at, branch, changeCount, isOwned } = spot
  if (isOwned || branch === undefined || changeCount !== draft.changeCount || !draft.isSealed) return
  spot.leaf = draft.edit(branch, at, Node.TREE, 0)
  spot.isOwned = true
  spot.changeCount = draft.changeCount
}

/** Whether it is edited in place. */
const isFirm = (draft: AnyDraft, spot: Spot): boolean => isOwnedStill(draft, spot) && draft.isSealed

const slotNow = (draft: AnyDraft, spot: Spot): number => {
  if (spot.changeCount === draft.changeCount) return spot.slot
  const { key, leaf, slot } = spot
  if (slot >= 0 && slot < Node.count(leaf)) {
    const keyAt = TreeNode.cellAt(leaf, slot) + LEAF_CELL_HEADER_BYTES
    const keyEnd = keyAt + TreeNode.keyBytes(leaf, TreeNode.cellAt(leaf, slot))
    if (compare(leaf, keyAt, keyEnd, key, 0, key.length) === 0) return slot
  }
  return TreeNode.searchLeaf(leaf, key)
}
