/**
 * Files, folders and symbolic links by path: the operations that every face of a volume is made of.
 *
 * - Paths are POSIX, absolute or relative to the root. An operation is one effect, and atomic; in a transaction it is a part
 *   of that.
 * - A failure is a `VolumeError` whose reason is the core's `FileError`, and which names the path.
 * - What a removal leaves (a subtree, a large file) is freed right after it, in bounded steps; if those are cut short, the
 *   next removal or the next opening goes on.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as BTree from "../core/BTree.ts"
import type { FileResult } from "../core/FileError.ts"
import * as FileError from "../core/FileError.ts"
import * as CoreFiles from "../core/Files.ts"
import * as Inode from "../core/Inode.ts"
import * as Inodes from "../core/Inodes.ts"
import * as Content from "../core/Content.ts"
import type { Layout } from "../core/Layout.ts"
import * as Names from "../core/Names.ts"
import type * as Orphans from "../core/Orphans.ts"
import type { Pages } from "../core/Pages.ts"
import * as Path from "../core/Path.ts"
import * as RealPath from "../core/RealPath.ts"
import type { Tree } from "../core/Tree.ts"
import type { Operation, Service } from "./FileOperation.ts"
import type { Begin } from "./Immediate.ts"
import * as FileOperation from "./FileOperation.ts"
import * as FileStat from "./FileStat.ts"
import * as VolumeError from "./VolumeError.ts"

export {
  type Attributes,
  attributes,
  changeAttributes,
  changeLinkAttributes,
  getAttribute,
  removeAttribute,
  setAttribute
} from "./FileAttributes.ts"
export {
  append,
  beginReadFile,
  beginTruncate,
  beginWriteFile,
  readFile,
  readRange,
  truncate,
  write,
  writeFile,
  type WriteOptions
} from "./FileContent.ts"
export {
  beginMakeFolder,
  beginNames,
  list,
  makeFolder,
  type MakeFolderOptions,
  makeParents,
  readFolder,
  walk,
  type Walked
} from "./Folders.ts"
export { type Entry, type Stat, type Type } from "./FileStat.ts"
export { open, type OpenFile, type OpenOptions, type Way } from "./OpenFile.ts"
export { CHUNK_BYTES, type Failure, sweep } from "./FileOperation.ts"

const NOTHING = new Uint8Array(0)
const LINK_MODE = 0o777

const decoder = new TextDecoder()

// ---- looking

const statOf = (pages: Pages, names: Tree, path: Path.Path, follow: boolean): FileResult<FileStat.Stat> => {
  const entry = Names.resolve(pages, names, path, follow)
  if (Result.isFailure(entry)) return Result.fail(entry.failure)
  return Result.succeed(FileStat.make(entry.success.number, Inodes.ofEntry(pages, names, entry.success)))
}

/** What a path leads to, symbolic links followed. */
export const stat = (volume: Service, path: string): Operation<FileStat.Stat> =>
  Effect.withFiber(beginStat(volume, path))

/** The same, begun here and now. */
export const beginStat = (volume: Service, path: string): Begin<FileStat.Stat> =>
  beginLooking(volume, path, (layout, number, { keyEnd, node, valueEnd }) =>
    FileStat.make(number, Inode.decodeAttributes(layout, node, keyEnd, valueEnd))
  )

/** What `look` makes of the inode that a path leads to, symbolic links followed. */
export const beginLooking = <A>(
  volume: Service,
  path: string,
  look: (layout: Layout, number: number, item: BTree.Item) => A
): Begin<A> =>
  FileOperation.beginReading(volume, path, (pages, names) => {
    const entry = volume.immediate.paths.resolve(pages, names, path)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    return Result.succeed(look(pages.layout, entry.success.number, Inodes.locate(pages, names, entry.success)))
  })

/** Succeeds if a path leads to anything, symbolic links followed. */
export const beginAccess = (volume: Service, path: string): Begin<void> =>
  FileOperation.beginReading(volume, path, (pages, names) =>
    Result.map(volume.immediate.paths.resolve(pages, names, path), () => undefined)
  )

/** The same, but of a symbolic link at the path's end itself. */
export const lstat = (volume: Service, path: string): Operation<FileStat.Stat> =>
  FileOperation.readingPath(volume, path, (pages, names, parsed) => statOf(pages, names, parsed, false))

/** Whether a path leads to anything, symbolic links followed. That it leads through a file is a failure. */
export const exists = (volume: Service, path: string): Operation<boolean> => Effect.withFiber(beginExists(volume, path))

/** The same, begun here and now. */
export const beginExists = (volume: Service, path: string): Begin<boolean> =>
  FileOperation.beginReading(volume, path, (pages, names) => {
    const entry = volume.immediate.paths.resolve(pages, names, path)
    if (Result.isSuccess(entry)) return THERE
    return entry.failure._tag === "NotFound" ? NOT_THERE : Result.fail(entry.failure)
  })

const THERE = Result.succeed(true)
const NOT_THERE = Result.succeed(false)

/** The target of a symbolic link. */
export const readLink = (volume: Service, path: string): Operation<string> =>
  FileOperation.readingPath(volume, path, (pages, names, parsed) => {
    const entry = Names.resolve(pages, names, parsed, false)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    if (entry.success.type !== Inode.SYMBOLIC_LINK) return FileError.notASymbolicLink(lastName(parsed))
    return Result.succeed(decoder.decode(Content.linkTarget(pages, Inodes.ofEntry(pages, names, entry.success))))
  })

/** The absolute path through folders only that leads to what `path` leads to. */
export const realPath = (volume: Service, path: string): Operation<string> =>
  FileOperation.readingPath(volume, path, (pages, names, parsed) =>
    Result.map(
      RealPath.resolve(pages, names, parsed),
      (found) => `/${found.map((name) => decoder.decode(name)).join("/")}`
    )
  )

const lastName = ({ components }: Path.Path): Uint8Array => components.at(-1) ?? FileError.NO_NAME

// ---- adding

/** Where something that is not a folder is to come: a slash after the name asks for a folder, and there is none. */
const placeForFile = (draft: Inodes.RootsDraft, path: Path.Path): FileResult<Names.Place> => {
  const place = Names.place(draft, draft.roots.names, path)
  if (Result.isFailure(place) || !path.needsFolder || place.success.entry !== undefined) return place
  return FileError.notFound(place.success.name ?? FileError.NO_NAME)
}

/** Makes a symbolic link at `path`; its target is not looked at. */
export const symlink = (volume: Service, target: string, path: string): Operation<void> =>
  FileOperation.editingPath(volume, path, (draft, parsed, time) => {
    const content = Path.linkTarget(target)
    if (Result.isFailure(content)) return Result.fail(content.failure)
    const place = placeForFile(draft, parsed)
    if (Result.isFailure(place)) return Result.fail(place.failure)
    const made = FileStat.made(Inode.SYMBOLIC_LINK, LINK_MODE, content.success)
    return Result.map(CoreFiles.create(draft, place.success, made, time), () => undefined)
  })

/** Gives the file or symbolic link at `path` the name `newPath` as well. */
export const link = (volume: Service, path: string, newPath: string): Operation<void> =>
  onTwoPaths(volume, path, newPath, (draft, from, to, time) => {
    const entry = Names.resolve(draft, draft.roots.names, from, false)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    const place = placeForFile(draft, to)
    if (Result.isFailure(place)) return Result.fail(place.failure)
    return CoreFiles.link(draft, entry.success.number, place.success, time)
  })

const onTwoPaths = <A>(
  volume: Service,
  path: string,
  otherPath: string,
  f: (draft: Inodes.RootsDraft, parsed: Path.Path, other: Path.Path, time: bigint) => FileResult<A>
): Operation<A> =>
  Effect.suspend(() => {
    const other = Path.parse(volume.facts.layout, otherPath)
    if (Result.isFailure(other)) return Effect.fail(VolumeError.make(other.failure, otherPath))
    return FileOperation.editingPath(volume, path, (draft, parsed, time) => f(draft, parsed, other.success, time))
  })

// ---- moving and removing

/** Gives what is at `from` the place `to`, atomically; a file or an empty folder that is there is replaced by its kind. */
export const rename = (volume: Service, from: string, to: string): Operation<void> =>
  Effect.withFiber(beginRename(volume, from, to))

/** The same, begun here and now. */
export const beginRename = (volume: Service, from: string, to: string): Begin<void> => {
  const other = Path.parse(volume.facts.layout, to)
  if (Result.isFailure(other)) return () => Effect.fail(VolumeError.make(other.failure, to))
  return beginRemoving(
    volume,
    FileOperation.beginEditing(volume, from, (draft, time) => {
      const { paths } = volume.immediate
      const source = paths.place(draft, from, false)
      if (Result.isFailure(source)) return Result.fail(source.failure)
      const goal = paths.place(draft, to, false)
      if (Result.isFailure(goal)) return Result.fail(goal.failure)
      const renamed = CoreFiles.rename(draft, source.success, goal.success, time, volume.openFiles)
      const { entry, name = FileError.NO_NAME } = goal.success
      // A folder that a file is to replace is not empty if the file lies in it.
      const isAbove = entry !== undefined && source.success.trail.includes(entry.number)
      const isFolder = Result.isFailure(renamed) && renamed.failure._tag === "IsAFolder"
      return isFolder && isAbove ? FileError.notEmpty(name) : renamed
    })
  )
}

/** Begins what takes names away, and frees what is left of it. */
const beginRemoving =
  (volume: Service, begin: Begin<Orphans.Removal>): Begin<void> =>
  (fiber) =>
    Effect.flatMapEager(begin(fiber), (removal) => FileOperation.afterRemoval(volume, removal))

type Removing = (
  draft: Inodes.RootsDraft,
  place: Names.Place,
  time: bigint,
  open: Orphans.Open
) => FileResult<Orphans.Removal>

const removing =
  (f: Removing) =>
  (volume: Service, path: string): Operation<void> =>
    Effect.withFiber(beginToRemove(f, volume, path))

const beginToRemove = (f: Removing, volume: Service, path: string): Begin<void> =>
  beginRemoving(
    volume,
    FileOperation.beginEditing(volume, path, (draft, time) => {
      const place = volume.immediate.paths.place(draft, path, false)
      if (Result.isFailure(place)) return Result.fail(place.failure)
      return f(draft, place.success, time, volume.openFiles)
    })
  )

/** Removes a file or a symbolic link. */
export const unlink: (volume: Service, path: string) => Operation<void> = removing(CoreFiles.unlink)

/** The same, begun here and now. */
export const beginUnlink = (volume: Service, path: string): Begin<void> => beginToRemove(CoreFiles.unlink, volume, path)

/** Removes an empty folder. */
export const removeFolder: (volume: Service, path: string) => Operation<void> = removing(CoreFiles.removeFolder)

/** Removes whatever is there, a folder with all that is under it. */
export const removeTree: (volume: Service, path: string) => Operation<void> = removing(CoreFiles.removeTree)

/** Removes a file, a symbolic link or an empty folder. */
export const remove: (volume: Service, path: string) => Operation<void> = removing((draft, place, time, open) =>
  place.entry?.type === Inode.FOLDER
    ? CoreFiles.removeFolder(draft, place, time, open)
    : CoreFiles.unlink(draft, place, time, open)
)

/** Makes an empty file; fails if there is anything. */
export const create = (volume: Service, path: string, mode = 0o644): Operation<void> =>
  FileOperation.editingPath(volume, path, (draft, parsed, time) => {
    const place = Names.place(draft, draft.roots.names, parsed)
    if (Result.isFailure(place)) return Result.fail(place.failure)
    const made = FileStat.made(Inode.FILE, mode, NOTHING)
    return Result.map(CoreFiles.create(draft, place.success, made, time), () => undefined)
  })
