/**
 * The entries of one folder.
 *
 * - A folder's size is the number of its entries; adding or removing one changes the folder's times as well.
 * - Entries are keyed by the number of their folder, in the byte order of their names: a folder moves without them.
 * - An entry stands twice: under its folder, and under what it names (a parent item), so that a path is found from below.
 */
import * as Result from "effect/Result"
import * as BTree from "./BTree.ts"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import { invariant } from "./Invariant.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as Spot from "./Spot.ts"
import type { Tree } from "./Tree.ts"

const NO_NAME = new Uint8Array(0)
const NO_VALUE = new Uint8Array(0)

/** An entry and its name. */
export interface Named extends Inode.Entry {
  readonly name: Uint8Array
}

/** What a name stands for in a folder. */
export const lookup = (pages: Pages, names: Tree, folder: number, name: Uint8Array): Inode.Entry | undefined =>
  entryOf(BTree.find(pages, names, Inode.entryKey(folder, name)))

/** The entry of an item that was found, or not. */
export const entryOf = (found: BTree.Item | undefined): Inode.Entry | undefined =>
  found && Inode.decodeEntry(found.node, found.keyEnd, found.valueEnd)

/** Up to `countMax` entries after the name `after` (from the first one if `undefined`), in the byte order of names. */
export const entries = (
  pages: Pages,
  names: Tree,
  folder: number,
  after: Uint8Array | undefined,
  countMax: number
): ReadonlyArray<Named> => {
  const prefix = Inode.entryKey(folder, NO_NAME)
  const from = after === undefined ? prefix : Inode.entryKey(folder, after)
  const found: Array<Named> = []
  BTree.ascend(pages, names, from, (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    const name = item.node.slice(item.keyAt + prefix.length, item.keyEnd)
    const isAfter = after !== undefined && found.length === 0 && name.length === after.length
    if (isAfter && BTree.hasPrefix(item, from)) return true
    found.push({ name, ...Inode.decodeEntry(item.node, item.keyEnd, item.valueEnd) })
    return found.length < countMax
  })
  return found
}

/**
 * Lists a folder in batches: up to `countMax` entries after the name `after`. Fewer than `countMax` are the last ones.
 * Entries that come and go between two batches are seen or not; all others are seen once.
 */
export const list = (
  pages: Pages,
  names: Tree,
  folder: number,
  after: Uint8Array | undefined,
  countMax: number
): FileResult<ReadonlyArray<Named>> => {
  invariant(countMax > 0, "a folder is listed by at least one entry at a time")
  const inode = Inodes.get(pages, names, folder)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  if (inode.type !== Inode.FOLDER) return FileError.notAFolder(FileError.NO_NAME)
  return Result.succeed(entries(pages, names, folder, after, countMax))
}

/** Up to `countMax` names from the first one on, as text. Fewer than that are all. */
export const names = (pages: Pages, tree: Tree, folder: number, countMax: number): FileResult<Array<string>> => {
  const inode = Inodes.typeOf(pages, tree, folder)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  if (inode !== Inode.FOLDER) return FileError.notAFolder(FileError.NO_NAME)
  const prefix = Inode.entryKey(folder, NO_NAME)
  const found: Array<string> = []
  BTree.ascend(pages, tree, prefix, (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    Inode.decodeEntry(item.node, item.keyEnd, item.valueEnd)
    found.push(textOf(item.node, item.keyAt + prefix.length, item.keyEnd))
    return found.length < countMax
  })
  return Result.succeed(found)
}

/** The text of a name; by hand if it is ASCII. */
const textOf = (bytes: Uint8Array, from: number, end: number): string => {
  let text = ""
  for (let at = from; at < end; at++) {
    const code = bytes[at]
    if (code >= 0x80) return decoder.decode(bytes.subarray(from, end))
    text += String.fromCharCode(code)
  }
  return text
}

const decoder = new TextDecoder()

export const isEmpty = (pages: Pages, names: Tree, folder: number): boolean =>
  entries(pages, names, folder, undefined, 1).length === 0

/** The spot of the inode item of a folder that a way through the names led to, and that may have `added` entries more (or fewer). */
export const spotOf = (draft: Inodes.RootsDraft, folder: number, added: number): Spot.Spot => {
  const spot = Inodes.spotOf(draft, { number: folder, type: Inode.FOLDER })
  const item = Spot.item(spot)
  if (item === undefined || Inode.sizeOf(item.node, item.keyEnd) + added < 0) {
    throw new CorruptPage(undefined, `folder ${folder} has more entries than it counts`)
  }
  return spot
}

/** Where an entry stands or is to stand: under its folder, and under what it names. */
export interface EntrySpots {
  readonly entry: Spot.Spot
  readonly parent: Spot.Spot
}

/** The spots of an entry of an inode, whose own spot is given; and that of the entry, if it is known. */
export const entrySpots = (
  draft: Inodes.RootsDraft,
  folder: number,
  name: Uint8Array,
  number: number,
  inode: Spot.Spot,
  entry = Spot.find(draft, draft.roots.names, Inode.entryKey(folder, name))
): EntrySpots => ({
  entry,
  parent: Spot.findAbove(draft, draft.roots.names, inode, Inode.parentKey(number, folder, name))
})

/** Adds an entry where there is none, without touching the folder itself. */
export const addEntry = (draft: Inodes.RootsDraft, names: Tree, at: EntrySpots, entry: Inode.Entry): Tree =>
  Spot.put(draft, Spot.put(draft, names, at.entry, Inode.encodeEntry(entry)), at.parent, NO_VALUE)

/** Removes an entry that is there. */
export const dropEntry = (draft: Inodes.RootsDraft, names: Tree, { entry, parent }: EntrySpots): Tree =>
  Spot.remove(draft, Spot.remove(draft, names, parent), entry)

/** Removes the entry of this name, which is the one given. */
export const removeEntry = (draft: Inodes.RootsDraft, folder: number, name: Uint8Array, entry: Inode.Entry): void => {
  Inodes.removeBeside(draft, Inode.parentKey(entry.number, folder, name))
  Inodes.removeEntry(draft, Inode.entryKey(folder, name), entry)
}

/** Writes into the folder's inode that it has `added` entries more (or fewer). */
export const touch = (draft: Inodes.RootsDraft, names: Tree, spot: Spot.Spot, added: number, time: bigint): Tree =>
  Spot.patch(draft, names, spot, (bytes, at) => {
    Inode.writeSize(bytes, at, Inode.sizeOf(bytes, at) + added)
    Inode.writeModified(bytes, at, time)
  })
