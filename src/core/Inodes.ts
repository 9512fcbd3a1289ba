/**
 * Inode items in the names tree, by number.
 *
 * - Who holds an entry holds an inode: an entry whose inode is missing, or of another type, is a corrupt volume.
 * - Reading takes the tree; writing takes the draft and its tree.
 */
import * as BTree from "./BTree.ts"
import { UINT48_END } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import * as Inode from "./Inode.ts"
import * as Marks from "./Marks.ts"
import type { Layout } from "./Layout.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as Spot from "./Spot.ts"
import type { Roots } from "./Roots.ts"
import type { Tree } from "./Tree.ts"

export type RootsDraft = Draft<Roots>

/** The inode of a number that a caller gave: it may have been removed. */
export const get = (pages: Pages, names: Tree, number: number): Inode.Inode | undefined => {
  const found = BTree.find(pages, names, Inode.inodeKey(number))
  return found === undefined ? undefined : Inode.decode(pages.layout, found.node, found.keyEnd, found.valueEnd)
}

/** Where the item of the inode of a number stands. */
export const find = (pages: Pages, names: Tree, number: number): BTree.Item | undefined =>
  BTree.find(pages, names, Inode.inodeKey(number))

/** The type of the inode of a number. */
export const typeOf = (pages: Pages, names: Tree, number: number): Inode.Type | undefined => {
  const found = BTree.find(pages, names, Inode.inodeKey(number))
  return found && Inode.typeOf(pages.layout, found.node, found.keyEnd, found.valueEnd)
}

/** The inode that an entry names. */
export const ofEntry = (pages: Pages, names: Tree, entry: Inode.Entry): Inode.Inode => {
  const inode = get(pages, names, entry.number)
  if (inode === undefined) throw new CorruptPage(undefined, `an entry names inode ${entry.number}, which is missing`)
  if (inode.type !== entry.type) {
    throw new CorruptPage(undefined, `an entry names inode ${entry.number} with another type than its own`)
  }
  return inode
}

/** Where the item of the inode that an entry names stands. */
export const locate = (pages: Pages, names: Tree, entry: Inode.Entry): BTree.Item =>
  named(pages.layout, entry, BTree.find(pages, names, Inode.inodeKey(entry.number)))

/** The spot of the item of the inode that an entry names. */
export const spotOf = (draft: RootsDraft, entry: Inode.Entry): Spot.Spot => {
  const spot = Spot.find(draft, draft.roots.names, Inode.inodeKey(entry.number))
  named(draft.layout, entry, Spot.item(spot))
  return spot
}

/** The item that was found for an entry, which is of its type. */
const named = (layout: Layout, { number, type }: Inode.Entry, found: BTree.Item | undefined): BTree.Item => {
  if (found === undefined) throw new CorruptPage(undefined, `an entry names inode ${number}, which is missing`)
  if (Inode.typeOf(layout, found.node, found.keyEnd, found.valueEnd) !== type) {
    throw new CorruptPage(undefined, `an entry names inode ${number} with another type than its own`)
  }
  return found
}

/** Makes `names` the tree, with marks that tell what it has in common with the one before. */
const change = (draft: RootsDraft, { level, link }: Tree, marks: Marks.Marks): void => {
  draft.roots = { ...draft.roots, names: { level, link, marks } }
}

/** Makes `names`, that came of the tree by an entry more or less, the tree; with so many inodes more. */
export const changeEntries = (
  draft: RootsDraft,
  { level, link }: Tree,
  entry: Inode.Entry,
  added: 1 | 0 | -1
): void => {
  const { roots } = draft
  const isMade = added > 0 && entry.type !== Inode.FILE
  const names = { level, link, marks: isMade ? Marks.moreWays(roots.names) : marksWith(roots.names, entry) }
  const nextInode = added > 0 ? entry.number + 1 : roots.nextInode
  draft.roots = { ...roots, names, nextInode, inodeCount: roots.inodeCount + added }
}

/** Makes `names`, that has the same entries as the tree, the tree. */
export const changeBeside = (draft: RootsDraft, names: Tree): void =>
  change(draft, names, Marks.sameEntries(draft.roots.names))

/** Sets an item that is no entry of a folder to the first `count` bytes of `value`. */
export const putBeside = (draft: RootsDraft, key: Uint8Array, value: Uint8Array, count = value.length): void => {
  const { names } = draft.roots
  change(draft, BTree.put(draft, names, key, value, count), Marks.sameEntries(names))
}

/** Removes an item that is no entry of a folder. */
export const removeBeside = (draft: RootsDraft, key: Uint8Array): void => {
  const { names } = draft.roots
  change(draft, BTree.remove(draft, names, key), Marks.sameEntries(names))
}

/** Removes an entry from a folder. */
export const removeEntry = (draft: RootsDraft, key: Uint8Array, entry: Inode.Entry): void => {
  const { names } = draft.roots
  change(draft, BTree.remove(draft, names, key), marksWith(names, entry))
}

/** No way leads through a file. */
const marksWith = (names: Tree, { type }: Inode.Entry): Marks.Marks =>
  type === Inode.FILE ? Marks.sameWays(names) : Marks.none()

/** Sets an item of the names tree to the first `count` bytes of `value`. */
export const putItem = (draft: RootsDraft, key: Uint8Array, value: Uint8Array, count = value.length): void => {
  draft.roots = { ...draft.roots, names: BTree.put(draft, draft.roots.names, key, value, count) }
}

export const removeItem = (draft: RootsDraft, key: Uint8Array): void => {
  draft.roots = { ...draft.roots, names: BTree.remove(draft, draft.roots.names, key) }
}

export const put = (draft: RootsDraft, number: number, inode: Inode.Inode): void =>
  putBeside(draft, Inode.inodeKey(number), Inode.scratch, Inode.encodeToScratch(inode))

/** The number that the next inode gets. */
export const nextNumber = (draft: RootsDraft): number => {
  const { nextInode } = draft.roots
  // No volume comes that far in its life: its root was forged.
  if (nextInode >= UINT48_END - 1) throw new CorruptPage(undefined, "all inode numbers have been given")
  return nextInode
}

/** Removes the item of an inode that has neither content nor attributes left. */
export const remove = (draft: RootsDraft, number: number): void => {
  removeBeside(draft, Inode.inodeKey(number))
  draft.roots = { ...draft.roots, inodeCount: draft.roots.inodeCount - 1 }
}
