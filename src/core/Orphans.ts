/**
 * Inodes that no entry names any more.
 *
 * - What is open, large or a folder with entries is not freed at once: it loses its name and becomes an orphan, with
 *   `links` 0 and an orphan item. So removing is O(log n) whatever is removed, a whole subtree included.
 * - {@link reap} frees an orphan in bounded steps, in as many transactions as the caller likes. The subfolders of an orphan
 *   become orphans of their own, so no step is longer for a deep subtree.
 * - A volume that is opened for writing sweeps the orphans that a crash left.
 */
import * as BTree from "./BTree.ts"
import * as Bytes from "./Bytes.ts"
import * as Content from "./Content.ts"
import * as Folder from "./Folder.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import { invariant } from "./Invariant.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as ShortContent from "./ShortContent.ts"
import * as Spot from "./Spot.ts"
import type { Tree } from "./Tree.ts"

/** The numbers of the files that somebody has open: they are not freed. */
export interface Open {
  readonly has: (number: number) => boolean
}

/** What became of an inode that lost an entry. */
export type Removal =
  /** It is gone, or there was none. */
  | { readonly _tag: "Freed" }
  /** Other entries name it. */
  | { readonly _tag: "Linked" }
  /** It is to be reaped: now, or when it is no longer open. */
  | { readonly _tag: "Orphaned"; readonly number: number }

export const FREED: Removal = { _tag: "Freed" }
const LINKED: Removal = { _tag: "Linked" }

const VALUE = new Uint8Array(0)

/** An inode with more attributes or with longer content is not freed in one step. */
const ATTRIBUTES_MAX = 16
const CONTENT_PAGES_MAX = 64

/** Takes one link from an inode whose entry was removed; an inode without links is freed or becomes an orphan. */
export const unlink = (
  draft: Inodes.RootsDraft,
  number: number,
  inode: Inode.Inode,
  time: bigint,
  open: Open
): Removal => {
  const links = inode.links - 1
  if (links > 0) {
    Inodes.put(draft, number, { ...inode, links, changeTime: time })
    return LINKED
  }
  if (!open.has(number) && isSmall(draft, number, inode)) {
    if (inode.content._tag === "Rope") Content.cutOff(draft, inode.content, 0)
    removeAttributes(draft, number, ATTRIBUTES_MAX)
    Inodes.remove(draft, number)
    return FREED
  }
  Inodes.put(draft, number, { ...inode, links: 0, changeTime: time })
  Inodes.putBeside(draft, Inode.orphanKey(number), VALUE)
  return { _tag: "Orphaned", number }
}

/**
 * Whether the inode of this spot has nothing but one name, whose parent item is given, and at most one run of content, and nobody has it
 * open: it can be freed with the name, and needs nothing that is not loaded.
 */
export const isBare = (
  draft: Inodes.RootsDraft,
  number: number,
  inode: Spot.Spot,
  parent: Spot.Spot,
  open: Open
): boolean => {
  const item = Spot.item(inode)
  if (item === undefined || open.has(number) || Inode.linksOf(item.node, item.keyEnd) !== 1) return false
  // Attributes and entries would stand between the two, and other names after them.
  const isOnly = parent.leaf === inode.leaf && parent.slot === inode.slot + 1
  return isOnly && ShortContent.isOneRun(draft.layout, item)
}

/** Removes the item of a bare inode, and its content. */
export const free = (draft: Inodes.RootsDraft, names: Tree, inode: Spot.Spot): Tree => {
  const item = Spot.look(draft, names, inode)
  if (item !== undefined && Inode.hasRope(item.node, item.keyEnd))
    draft.discard(item.node, Inode.pointerAt(item.keyEnd))
  return Spot.remove(draft, names, inode)
}

const isSmall = (draft: Inodes.RootsDraft, number: number, inode: Inode.Inode): boolean =>
  (inode.type === Inode.FOLDER
    ? Folder.isEmpty(draft, draft.roots.names, number)
    : inode.size <= CONTENT_PAGES_MAX * draft.layout.pageBytes) &&
  attributeKeys(draft, draft.roots.names, number, ATTRIBUTES_MAX + 1).length <= ATTRIBUTES_MAX

/** The first orphan after the number `after` (from the first one if 0), or `undefined`. */
export const next = (pages: Pages, names: Tree, after: number): number | undefined => {
  const prefix = Inode.orphanPrefix()
  let number: number | undefined
  BTree.ascend(pages, names, Inode.orphanKey(after + 1), (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    BTree.expectKeyBytes(item, prefix.length + 6)
    number = Bytes.readUint48Key(item.node, item.keyAt + prefix.length)
    return false
  })
  return number
}

/**
 * Frees an orphan in at most `steps` steps: an entry, an attribute or a piece of content each. Answers whether it is gone;
 * it goes on when called again.
 */
export const reap = (draft: Inodes.RootsDraft, number: number, steps: number, time: bigint, open: Open): boolean => {
  invariant(steps > 0, "an orphan is reaped by at least one step")
  const inode = Inodes.get(draft, draft.roots.names, number)
  if (inode === undefined) return true
  invariant(!open.has(number), "only an orphan that is not open is reaped")
  if (inode.links !== 0) throw new CorruptPage(undefined, `inode ${number} is an orphan and has names`)
  let left = steps
  if (inode.type === Inode.FOLDER) {
    const found = Folder.entries(draft, draft.roots.names, number, undefined, left)
    for (const entry of found) {
      Folder.removeEntry(draft, number, entry.name, entry)
      unlink(draft, entry.number, Inodes.ofEntry(draft, draft.roots.names, entry), time, open)
    }
    left -= found.length
    if (left === 0) {
      const size = inode.size - found.length
      if (size < 0) throw new CorruptPage(undefined, `folder ${number} has more entries than it counts`)
      Inodes.put(draft, number, { ...inode, size, modifyTime: time, changeTime: time })
      return false
    }
  }
  let { content } = inode
  while (content._tag === "Rope" && left > 0) {
    content = Content.cutOff(draft, content, 0)
    left--
  }
  if (left > 0) left -= removeAttributes(draft, number, left)
  if (left > 0) {
    Inodes.remove(draft, number)
    Inodes.removeBeside(draft, Inode.orphanKey(number))
    return true
  }
  const size = inode.type === Inode.FOLDER ? 0 : Content.sizeOf(content)
  Inodes.put(draft, number, { ...inode, size, content })
  return false
}

/** Reaps whatever orphan is not open, by at most `steps` steps. Answers whether there was none. */
export const sweep = (draft: Inodes.RootsDraft, steps: number, time: bigint, open: Open): boolean => {
  let number = next(draft, draft.roots.names, 0)
  while (number !== undefined && open.has(number)) number = next(draft, draft.roots.names, number)
  if (number === undefined) return true
  // Else nothing would ever be removed, and sweeping would not end.
  if (Inodes.get(draft, draft.roots.names, number) === undefined) {
    throw new CorruptPage(undefined, `orphan ${number} has no inode`)
  }
  reap(draft, number, steps, time, open)
  return false
}

const attributeKeys = (pages: Pages, names: Tree, number: number, countMax: number): ReadonlyArray<Uint8Array> => {
  const prefix = Inode.attributeKey(number, VALUE)
  const keys: Array<Uint8Array> = []
  BTree.ascend(pages, names, prefix, (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    keys.push(BTree.key(item))
    return keys.length < countMax
  })
  return keys
}

const removeAttributes = (draft: Inodes.RootsDraft, number: number, countMax: number): number => {
  const keys = attributeKeys(draft, draft.roots.names, number, countMax)
  for (const key of keys) Inodes.removeItem(draft, key)
  return keys.length
}
