/**
 * Folders by path: making them, and listing what is in them.
 *
 * - A listing of more than one batch reads one root, so it shows one state.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { FileResult } from "../core/FileError.ts"
import * as FileError from "../core/FileError.ts"
import * as CoreFiles from "../core/Files.ts"
import * as Folder from "../core/Folder.ts"
import * as Inode from "../core/Inode.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as Names from "../core/Names.ts"
import type { Pages } from "../core/Pages.ts"
import * as Path from "../core/Path.ts"
import type { Tree } from "../core/Tree.ts"
import type { Operation, Service } from "./FileOperation.ts"
import type { Begin } from "./Immediate.ts"
import * as FileOperation from "./FileOperation.ts"
import * as FileStat from "./FileStat.ts"
import * as VolumeError from "./VolumeError.ts"

/** Entries that are read by one call of the core. */
const BATCH_COUNT = 512

const FOLDER_MODE = 0o755
const NOTHING = new Uint8Array(0)

const decoder = new TextDecoder()

// ---- listing

const entryOf = ({ name, number, type }: Folder.Named): FileStat.Entry => ({
  name: decoder.decode(name),
  type: FileStat.typeOf(type),
  number
})

const folderAt = (pages: Pages, names: Tree, path: Path.Path): FileResult<Inode.Entry> => {
  const entry = Names.resolve(pages, names, path, true)
  if (Result.isFailure(entry) || entry.success.type === Inode.FOLDER) return entry
  return FileError.notAFolder(path.components.at(-1) ?? FileError.NO_NAME)
}

interface Listed {
  readonly folder: number
  readonly found: ReadonlyArray<Folder.Named>
}

const firstBatch = (
  volume: Service,
  path: string,
  after: Uint8Array | undefined,
  countMax: number
): Operation<Listed> =>
  FileOperation.readingPath(volume, path, (pages, names, parsed) => {
    const entry = folderAt(pages, names, parsed)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    const folder = entry.success.number
    return Result.map(Folder.list(pages, names, folder, after, countMax), (found) => ({ folder, found }))
  })

/**
 * Up to `countMax` entries of a folder after the name `after` (from the first one without it), in the byte order of names.
 * Fewer are the last ones.
 */
export const list = (
  volume: Service,
  path: string,
  after?: string,
  countMax = BATCH_COUNT
): Operation<ReadonlyArray<FileStat.Entry>> =>
  Effect.suspend(() => {
    const name = after === undefined ? Result.succeed(undefined) : Path.name(volume.facts.layout, after)
    if (Result.isFailure(name)) return Effect.fail(VolumeError.make(name.failure, path))
    return Effect.map(firstBatch(volume, path, name.success, countMax), ({ found }) => found.map(entryOf))
  })

/** The rest of a folder, from the last name that was found on. */
const restOf = (
  volume: Service,
  path: string,
  folder: number,
  entries: Array<FileStat.Entry>,
  last: ReadonlyArray<Folder.Named>
): Operation<Array<FileStat.Entry>> => {
  for (const named of last) entries.push(entryOf(named))
  if (last.length < BATCH_COUNT) return Effect.succeed(entries)
  return Effect.flatMap(
    FileOperation.reading(volume, path, (pages, names) =>
      Folder.list(pages, names, folder, last.at(-1)?.name, BATCH_COUNT)
    ),
    (next) => restOf(volume, path, folder, entries, next)
  )
}

/** All entries of a folder, in the byte order of names. */
export const readFolder = (volume: Service, path: string): Operation<Array<FileStat.Entry>> => {
  const first = firstBatch(volume, path, undefined, BATCH_COUNT)
  return Effect.flatMap(first, ({ found }) =>
    found.length < BATCH_COUNT
      ? Effect.succeed(found.map(entryOf))
      : volume.view(Effect.flatMap(first, (again) => restOf(volume, path, again.folder, [], again.found)))
  )
}

/** The names of all entries of a folder, in their byte order, begun here and now. */
export const beginNames = (volume: Service, path: string): Begin<Array<string>> => {
  const list = (pages: Pages, names: Tree): FileResult<Array<string>> => {
    const entry = volume.immediate.paths.resolve(pages, names, path)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    if (entry.success.type !== Inode.FOLDER) return FileError.notAFolder(Path.lastName(volume.facts.layout, path))
    return Folder.names(pages, names, entry.success.number, BATCH_COUNT)
  }
  const { paths, read } = volume.immediate
  return (fiber) =>
    Effect.flatMapEager(
      read(fiber, (pages, { names }) => paths.names(names, path, () => list(pages, names))),
      (result) =>
        Result.isSuccess(result) && result.success.length >= BATCH_COUNT
          ? Effect.map(readFolder(volume, path), (entries) => entries.map(({ name }) => name))
          : FileOperation.settle(path, result)
    )
}

/** An entry of a subtree; `path` is relative to where the walk began. */
export interface Walked extends FileStat.Entry {
  readonly path: string
}

/**
 * Notes that a walk enters a folder. A folder has one place: one that is found twice, inside itself perhaps, would make a walk
 * that does not end. Whoever walks by folders asks here.
 */
export const enter = (volume: Service, entered: Set<number>, folder: number, path: string): Operation<void> =>
  Effect.suspend(() => {
    if (!entered.has(folder)) {
      entered.add(folder)
      return Effect.void
    }
    const reason = "a folder stands in two places"
    const corrupt = new VolumeError.Corrupt({ device: volume.facts.device, address: undefined, path, reason })
    return Effect.fail(VolumeError.make(corrupt, path))
  })

/** All that is under a folder, each folder before what is in it. Symbolic links are not followed. One state. */
export const walk = (volume: Service, path: string): Operation<Array<Walked>> => {
  const found: Array<Walked> = []
  const entered = new Set<number>()
  const inside = (folder: number, prefix: string): Operation<void> =>
    Effect.flatMap(
      Effect.flatMap(
        FileOperation.reading(volume, path, (pages, names) =>
          Folder.list(pages, names, folder, undefined, BATCH_COUNT)
        ),
        (first) => restOf(volume, path, folder, [], first)
      ),
      (entries) =>
        Effect.forEach(
          entries,
          (entry) => {
            const entryPath = prefix + entry.name
            found.push({ ...entry, path: entryPath })
            if (entry.type !== "Folder") return Effect.void
            return Effect.andThen(
              enter(volume, entered, entry.number, entryPath),
              inside(entry.number, `${entryPath}/`)
            )
          },
          { discard: true }
        )
    )
  const whole = Effect.flatMap(FileOperation.readingPath(volume, path, folderAt), ({ number }) =>
    Effect.andThen(enter(volume, entered, number, path), inside(number, ""))
  )
  return volume.view(Effect.map(whole, () => found))
}

// ---- making

/** How {@link makeFolder} makes. */
export interface MakeFolderOptions {
  /** Makes the parents too, and takes a folder that is there for done. */
  readonly recursive?: boolean | undefined
  /** Permission bits of all folders that are made: 0o755 by default. */
  readonly mode?: number | undefined
}

const make = (draft: RootsDraft, path: Path.Path, mode: number, time: bigint): FileResult<number> => {
  const place = Names.place(draft, draft.roots.names, path)
  if (Result.isFailure(place)) return Result.fail(place.failure)
  return CoreFiles.create(draft, place.success, FileStat.made(Inode.FOLDER, mode, NOTHING), time)
}

/** The same where a folder that is there will do; answers whether there was none. */
const ensure = (draft: RootsDraft, path: Path.Path, mode: number, time: bigint): FileResult<boolean> => {
  const entry = Names.resolve(draft, draft.roots.names, path, true)
  if (Result.isSuccess(entry) && entry.success.type === Inode.FOLDER) return Result.succeed(false)
  const made = make(draft, path, mode, time)
  // A symbolic link that leads to nothing is in the way: what it leads to says why.
  if (Result.isFailure(entry) && Result.isFailure(made) && made.failure._tag === "AlreadyExists") {
    return Result.fail(entry.failure)
  }
  return Result.map(made, () => true)
}

/** The same for what leads to something else: whatever else is there is not a folder. */
const ensureParent = (draft: RootsDraft, path: Path.Path, mode: number, time: bigint): FileResult<boolean> => {
  const entry = Names.resolve(draft, draft.roots.names, path, true)
  if (Result.isSuccess(entry) && entry.success.type === Inode.FOLDER) return Result.succeed(false)
  const made = make(draft, path, mode, time)
  if (Result.isFailure(made) && made.failure._tag === "AlreadyExists") return FileError.notAFolder(made.failure.name)
  return Result.map(made, () => true)
}

/** Makes a folder. */
export const makeFolder = (volume: Service, path: string, options: MakeFolderOptions = {}): Operation<void> => {
  const { mode = FOLDER_MODE, recursive = false } = options
  if (!recursive) return Effect.withFiber(beginMakeFolder(volume, path, mode))
  return FileOperation.parsed(volume, path, (parsed) =>
    makeAll(volume, path, parsed, parsed.components.length, mode, (draft, time) => ensure(draft, parsed, mode, time))
  )
}

/** Begins to make one folder here and now. */
export const beginMakeFolder = (volume: Service, path: string, mode = FOLDER_MODE): Begin<void> =>
  FileOperation.beginEditing(volume, path, (draft, time) => {
    const place = volume.immediate.paths.place(draft, path, false)
    if (Result.isFailure(place)) return Result.fail(place.failure)
    const made = FileStat.made(Inode.FOLDER, mode, NOTHING)
    return Result.map(CoreFiles.create(draft, place.success, made, time), () => undefined)
  })

/** Makes the folders of the first `count` components of a path that are not there; the parents only if needed. */
const makeAll = (
  volume: Service,
  path: string,
  parsed: Path.Path,
  count: number,
  mode: number,
  last: (draft: RootsDraft, time: bigint) => FileResult<boolean>
): Operation<void> =>
  Effect.catch(Effect.asVoid(FileOperation.editing(volume, path, last)), (error) => {
    if (error.reason._tag !== "NotFound" || count < 2) return Effect.fail(error)
    const parents = Array.from({ length: count - 1 }, (_, index) => ({
      ...parsed,
      components: parsed.components.slice(0, index + 1),
      needsFolder: true
    }))
    return volume.transaction(
      Effect.andThen(
        Effect.forEach(
          parents,
          (parent) => FileOperation.editing(volume, path, (draft, time) => ensureParent(draft, parent, mode, time)),
          { discard: true }
        ),
        Effect.asVoid(FileOperation.editing(volume, path, last))
      )
    )
  })

/** Makes the folders that lead to the last name of a path, as far as they are not there. */
export const makeParents = (volume: Service, path: string): Operation<void> =>
  FileOperation.parsed(volume, path, (parsed) => {
    const parent = { ...parsed, components: parsed.components.slice(0, -1), needsFolder: true }
    return makeAll(volume, path, parent, parent.components.length, FOLDER_MODE, (draft, time) =>
      ensure(draft, parent, FOLDER_MODE, time)
    )
  })
