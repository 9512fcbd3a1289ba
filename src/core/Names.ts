/**
 * From a path to what it names.
 *
 * - Folders do not know their parents: `..` goes back along the folders that the way led through, so after a symbolic link
 *   it is the parent of the link's target. At the root it stays there.
 * - Symbolic links before the last component are always followed; the last one where the caller wants it, or where a slash
 *   after it asks for a folder.
 * - A {@link Place} holds for the tree in which it was found: an operation finds it and uses it in one attempt.
 */
import * as Result from "effect/Result"
import * as Content from "./Content.ts"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Folder from "./Folder.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import type { Pages } from "./Pages.ts"
import * as Path from "./Path.ts"
import * as Spot from "./Spot.ts"
import type { Tree } from "./Tree.ts"

/** Where an entry stands or could stand. */
export interface Place {
  /** The tree in which this holds. */
  readonly names: Tree
  /** The folders from the root to the one that the entry is in. */
  readonly trail: ReadonlyArray<number>
  /** The name of the entry; `undefined` for the root and after `.` or `..`: then `entry` is the trail's last folder. */
  readonly name: Uint8Array | undefined
  readonly entry: Inode.Entry | undefined
  /** Where the entry stands, or would, if that was found as well. */
  readonly spot?: Spot.Spot
  /** Whether a slash at the path's end asks for a folder. */
  readonly needsFolder: boolean
}

/** The folder of a place. */
export const folderOf = (place: Place): number => place.trail[place.trail.length - 1]

/** What a path names, a symbolic link at its end followed if `follow`. */
export const resolve = (pages: Pages, names: Tree, path: Path.Path, follow: boolean): FileResult<Inode.Entry> => {
  const place = walk(pages, names, path, follow || path.needsFolder)
  if (Result.isFailure(place)) return Result.fail(place.failure)
  const { entry, name } = place.success
  return entry === undefined ? FileError.notFound(name ?? FileError.NO_NAME) : Result.succeed(entry)
}

/** The entry that a path names, be it there or not: for what adds, removes and renames entries. */
export const place = (pages: Pages, names: Tree, path: Path.Path): FileResult<Place> => walk(pages, names, path, false)

/** The same behind symbolic links: for what opens a file or makes it where it is not. */
export const target = (pages: Pages, names: Tree, path: Path.Path): FileResult<Place> => walk(pages, names, path, true)

/** The place of a name in the last folder of a trail. */
export const placeAt = (draft: Inodes.RootsDraft, trail: ReadonlyArray<number>, name: Uint8Array): Place => {
  const { names } = draft.roots
  const spot = Spot.find(draft, names, Inode.entryKey(trail[trail.length - 1], name))
  return { names, trail, name, entry: Folder.entryOf(Spot.item(spot)), spot, needsFolder: false }
}

/** The place of a name in a folder that is known by its number; it cannot be the goal of a folder's rename. */
export const placeIn = (draft: Inodes.RootsDraft, folder: number, name: Uint8Array): FileResult<Place> => {
  const inode = Inodes.get(draft, draft.roots.names, folder)
  if (inode === undefined || inode.links === 0) return FileError.notFound(FileError.NO_NAME)
  if (inode.type !== Inode.FOLDER) return FileError.notAFolder(FileError.NO_NAME)
  return Result.succeed(placeAt(draft, [folder], name))
}

const walk = (pages: Pages, names: Tree, path: Path.Path, followLast: boolean): FileResult<Place> => {
  const trail = [Inode.ROOT]
  // What is still to go, the next component last.
  const rest = path.components.toReversed()
  let needsFolder = path.needsFolder
  let links = 0
  for (let component = rest.pop(); component !== undefined; component = rest.pop()) {
    if (component === Path.HERE) continue
    if (component === Path.UP) {
      if (trail.length > 1) trail.pop()
      continue
    }
    const isLast = rest.length === 0
    const folder = trail[trail.length - 1]
    const entry = Folder.lookup(pages, names, folder, component)
    if (entry?.type === Inode.SYMBOLIC_LINK && (!isLast || followLast)) {
      if (++links > FileError.SYMBOLIC_LINKS_MAX) return FileError.tooManySymbolicLinks()
      const link = Path.fromBytes(pages.layout, Content.linkTarget(pages, Inodes.ofEntry(pages, names, entry)))
      if (Result.isFailure(link)) return Result.fail(link.failure)
      if (link.success.isAbsolute) trail.length = 1
      rest.push(...link.success.components.toReversed())
      if (isLast) needsFolder ||= link.success.needsFolder
      continue
    }
    if (isLast) {
      if (needsFolder && followLast && entry !== undefined && entry.type !== Inode.FOLDER) {
        return FileError.notAFolder(component)
      }
      return Result.succeed({ names, trail, name: component, entry, needsFolder })
    }
    if (entry === undefined) return FileError.notFound(component)
    if (entry.type !== Inode.FOLDER) return FileError.notAFolder(component)
    trail.push(entry.number)
  }
  const entry: Inode.Entry = { number: trail[trail.length - 1], type: Inode.FOLDER }
  return Result.succeed({ names, trail, name: undefined, entry, needsFolder: true })
}
