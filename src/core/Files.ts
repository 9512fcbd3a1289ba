/**
 * What adds, removes and renames entries: files, folders and symbolic links, as POSIX has it.
 *
 * - An operation takes a {@link Names.Place} that was found in the same attempt, checks all that can fail, and only then
 *   changes anything. Making an entry seals its attempt, so it is the last operation in it.
 * - What changes the entries of a folder sets its times; what changes the links of an inode sets its time of change.
 * - A folder has one entry. Removing the last entry of a file that is open leaves an orphan (see `Orphans`).
 */
import * as Result from "effect/Result"
import * as Content from "./Content.ts"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Folder from "./Folder.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import { invariant } from "./Invariant.ts"
import * as Names from "./Names.ts"
import * as Orphans from "./Orphans.ts"
import { CorruptPage } from "./Pages.ts"
import * as Spot from "./Spot.ts"

type RootsDraft = Inodes.RootsDraft

/** The most entries that name one file. */
export const LINKS_MAX = 0xffffffff

export interface New {
  readonly type: Inode.Type
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The content of a file; the target of a symbolic link, as `Path.linkTarget` made it. */
  readonly content: Uint8Array
  /** Times that are not the time of its making. */
  readonly accessTime?: bigint
  readonly modifyTime?: bigint
}

const usable = (draft: RootsDraft, place: Names.Place): void =>
  invariant(
    place.names === draft.roots.names,
    "a place is used in the operation that found it, before anything changes"
  )

/** Makes a file, a folder or a symbolic link and answers its number. */
export const create = (draft: RootsDraft, place: Names.Place, made: New, time: bigint): FileResult<number> => {
  usable(draft, place)
  const { entry, name } = place
  if (entry !== undefined || name === undefined) return FileError.alreadyExists(name ?? FileError.NO_NAME)
  if (place.needsFolder && made.type !== Inode.FOLDER) return FileError.notAFolder(name)
  if (made.content.length > Content.FILE_BYTES_MAX) {
    return FileError.fileTooLarge(made.content.length, Content.FILE_BYTES_MAX)
  }
  invariant(made.type !== Inode.FOLDER || made.content.length === 0, "a folder has no content")
  const { names } = draft.roots
  const folder = Names.folderOf(place)
  const parent = Folder.spotOf(draft, folder, 1)
  const number = Inodes.nextNumber(draft)
  const inode = Spot.find(draft, names, Inode.inodeKey(number))
  if (inode.slot >= 0) throw new CorruptPage(undefined, `inode ${number} is to be given next, and is there`)
  const spots = Folder.entrySpots(draft, folder, name, number, inode, place.spot)
  // The ways to the items are loaded now, and an insert needs nothing else.
  draft.seal()
  const count = Inode.encodeToScratch({
    type: made.type,
    mode: made.mode,
    links: 1,
    uid: made.uid,
    gid: made.gid,
    accessTime: made.accessTime ?? time,
    modifyTime: made.modifyTime ?? time,
    changeTime: time,
    birthTime: time,
    size: made.content.length,
    content: Content.make(draft, made.content)
  })
  const named: Inode.Entry = { number, type: made.type }
  const added = Folder.addEntry(draft, Spot.put(draft, names, inode, Inode.scratch, count), spots, named)
  Inodes.changeEntries(draft, Folder.touch(draft, added, parent, 1, time), named, 1)
  return Result.succeed(number)
}

/** Gives a file or symbolic link one more name. */
export const link = (draft: RootsDraft, number: number, place: Names.Place, time: bigint): FileResult<void> => {
  usable(draft, place)
  const { entry, name } = place
  const { names } = draft.roots
  const inode = Inodes.get(draft, names, number)
  if (inode === undefined || inode.links === 0) return FileError.notFound(FileError.NO_NAME)
  if (entry !== undefined || name === undefined) return FileError.alreadyExists(name ?? FileError.NO_NAME)
  if (inode.type === Inode.FOLDER) return FileError.isAFolder(FileError.NO_NAME)
  if (place.needsFolder) return FileError.notAFolder(name)
  if (inode.links === LINKS_MAX) return FileError.tooManyLinks()
  const folder = Names.folderOf(place)
  const linked: Inode.Entry = { number, type: inode.type }
  const parent = Folder.spotOf(draft, folder, 1)
  const spot = Inodes.spotOf(draft, linked)
  const spots = Folder.entrySpots(draft, folder, name, number, spot, place.spot)
  draft.seal()
  const count = Inode.encodeToScratch({ ...inode, links: inode.links + 1, changeTime: time })
  const counted = Spot.put(draft, names, spot, Inode.scratch, count)
  const added = Folder.addEntry(draft, counted, spots, linked)
  Inodes.changeEntries(draft, Folder.touch(draft, added, parent, 1, time), linked, 0)
  return Result.succeed(undefined)
}

/** Removes the entry of a file or symbolic link. */
export const unlink = (
  draft: RootsDraft,
  place: Names.Place,
  time: bigint,
  open: Orphans.Open
): FileResult<Orphans.Removal> => {
  const { entry, name } = place
  if (name === undefined) return FileError.isAFolder(FileError.NO_NAME)
  if (entry === undefined) return FileError.notFound(name)
  if (entry.type === Inode.FOLDER) return FileError.isAFolder(name)
  if (place.needsFolder) return FileError.notAFolder(name)
  return Result.succeed(remove(draft, place, name, entry, time, open))
}

/** Removes an empty folder. */
export const removeFolder = (
  draft: RootsDraft,
  place: Names.Place,
  time: bigint,
  open: Orphans.Open
): FileResult<Orphans.Removal> => {
  const { entry, name } = place
  if (name === undefined) return FileError.notAnEntry()
  if (entry === undefined) return FileError.notFound(name)
  if (entry.type !== Inode.FOLDER) return FileError.notAFolder(name)
  if (!Folder.isEmpty(draft, draft.roots.names, entry.number)) return FileError.notEmpty(name)
  return Result.succeed(remove(draft, place, name, entry, time, open))
}

/**
 * Removes whatever the place names: of a folder with all that is under it only the entry, in one step. What is left is an
 * orphan; sweeping the orphans frees the subtree.
 */
export const removeTree = (
  draft: RootsDraft,
  place: Names.Place,
  time: bigint,
  open: Orphans.Open
): FileResult<Orphans.Removal> => {
  const { entry, name } = place
  if (name === undefined) return FileError.notAnEntry()
  if (entry === undefined) return FileError.notFound(name)
  if (place.needsFolder && entry.type !== Inode.FOLDER) return FileError.notAFolder(name)
  return Result.succeed(remove(draft, place, name, entry, time, open))
}

const remove = (
  draft: RootsDraft,
  place: Names.Place,
  name: Uint8Array,
  entry: Inode.Entry,
  time: bigint,
  open: Orphans.Open
): Orphans.Removal => {
  usable(draft, place)
  const folder = Names.folderOf(place)
  const { names } = draft.roots
  const parent = Folder.spotOf(draft, folder, -1)
  const spot = Inodes.spotOf(draft, entry)
  const spots = Folder.entrySpots(draft, folder, name, entry.number, spot, place.spot)
  if (Orphans.isBare(draft, entry.number, spot, spots.parent, open)) {
    if (Spot.prepareRemovals(draft, names, [spots.entry, spots.parent, spot])) draft.seal()
    const without = Folder.touch(draft, Folder.dropEntry(draft, names, spots), parent, -1, time)
    Inodes.changeEntries(draft, Orphans.free(draft, without, spot), entry, -1)
    return Orphans.FREED
  }
  const inode = Inodes.ofEntry(draft, names, entry)
  const without = Folder.touch(draft, Folder.dropEntry(draft, names, spots), parent, -1, time)
  Inodes.changeEntries(draft, without, entry, 0)
  return Orphans.unlink(draft, entry.number, inode, time, open)
}

/**
 * Gives an entry another place, atomically. A file or an empty folder that stands there is replaced by one of its kind;
 * answers what became of it. Two names of one file stay as they are.
 */
export const rename = (
  draft: RootsDraft,
  from: Names.Place,
  to: Names.Place,
  time: bigint,
  open: Orphans.Open
): FileResult<Orphans.Removal> => {
  usable(draft, from)
  usable(draft, to)
  const { names } = draft.roots
  const { entry: moved, name: fromName } = from
  const { entry: replaced, name: toName } = to
  if (fromName === undefined || toName === undefined) return FileError.notAnEntry()
  if (moved === undefined) return FileError.notFound(fromName)
  if (moved.type === Inode.FOLDER) {
    invariant(to.trail[0] === Inode.ROOT, "a folder is renamed to a place that was found from the root")
    if (to.trail.includes(moved.number)) return FileError.intoItself(fromName)
    if (replaced !== undefined && replaced.type !== Inode.FOLDER) return FileError.notAFolder(toName)
  } else {
    if (from.needsFolder || to.needsFolder) return FileError.notAFolder(fromName)
    if (replaced?.type === Inode.FOLDER) return FileError.isAFolder(toName)
  }
  if (replaced?.number === moved.number) return Result.succeed(Orphans.FREED)
  if (replaced?.type === Inode.FOLDER && !Folder.isEmpty(draft, names, replaced.number)) {
    return FileError.notEmpty(toName)
  }
  const fromFolder = Names.folderOf(from)
  const toFolder = Names.folderOf(to)
  const replacedInode = replaced && Inodes.ofEntry(draft, names, replaced)
  const added = replaced === undefined ? 1 : 0
  const isWithin = fromFolder === toFolder
  const fromParent = Folder.spotOf(draft, fromFolder, isWithin ? added - 1 : -1)
  const toParent = isWithin ? fromParent : Folder.spotOf(draft, toFolder, added)
  const spot = Inodes.spotOf(draft, moved)
  const fromSpots = Folder.entrySpots(draft, fromFolder, fromName, moved.number, spot, from.spot)
  const toSpots = Folder.entrySpots(draft, toFolder, toName, moved.number, spot, to.spot)
  if (replaced !== undefined) Folder.removeEntry(draft, toFolder, toName, replaced)
  else if (Spot.prepareRemovals(draft, names, [fromSpots.entry, fromSpots.parent])) draft.seal()
  let tree = Folder.dropEntry(draft, draft.roots.names, fromSpots)
  tree = Folder.addEntry(draft, tree, toSpots, moved)
  tree = Folder.touch(draft, tree, fromParent, isWithin ? added - 1 : -1, time)
  if (!isWithin) tree = Folder.touch(draft, tree, toParent, added, time)
  tree = Spot.patch(draft, tree, spot, (bytes, at) => Inode.writeChanged(bytes, at, time))
  Inodes.changeEntries(draft, tree, moved, 0)
  if (replaced === undefined || replacedInode === undefined) return Result.succeed(Orphans.FREED)
  return Result.succeed(Orphans.unlink(draft, replaced.number, replacedInode, time, open))
}
