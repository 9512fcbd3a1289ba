/**
 * Copies of files and trees, each in one transaction: all of it or nothing.
 *
 * - Holes stay holes. Pages are not shared: the content is copied.
 * - The rules are those of Node's `cp`: what is there stays unless it is to be overwritten, a folder is merged into a
 *   folder, a relative symbolic link becomes an absolute one to the same place, modes and the owners of files are copied.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Attributes from "../core/Attributes.ts"
import * as Content from "../core/Content.ts"
import * as CoreFiles from "../core/Files.ts"
import * as Inode from "../core/Inode.ts"
import * as Inodes from "../core/Inodes.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as FileAttributes from "./FileAttributes.ts"
import * as FileContent from "./FileContent.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"
import type { Begin } from "./Immediate.ts"
import type { Stat } from "./FileStat.ts"
import * as Files from "./Files.ts"
import * as Folders from "./Folders.ts"
import * as VolumeError from "./VolumeError.ts"

export interface CopyOptions {
  /** Whether files and symbolic links that are there are replaced; without it they stay as they are. */
  readonly overwrite?: boolean | undefined
  readonly preserveTimestamps?: boolean | undefined
}

const NOTHING = new Uint8Array(0)

const refused = (from: string, to: string, reason: string) =>
  VolumeError.make(new VolumeError.CopyRefused({ from, to, reason }), from)

// ---- one file

/** Copies all data of one file into another, which is empty. */
const copyContent = Effect.fnUntraced(function* (
  volume: Service,
  path: string,
  from: number,
  to: number,
  size: number
) {
  const segmentAt = (offset: number) =>
    FileOperation.reading(volume, path, (pages, names) => Content.segment(pages, names, from, offset))
  for (let offset = 0; offset < size;) {
    const segment = yield* segmentAt(offset)
    if (segment === undefined) break
    const end = segment.offset + segment.count
    if (segment.isHole) {
      offset = end
      continue
    }
    const chunk = new Uint8Array(Math.min(end - offset, FileOperation.CHUNK_BYTES))
    const count = yield* FileContent.readAt(volume, path, from, offset, chunk)
    yield* FileContent.writeAt(volume, path, to, offset, chunk.subarray(0, count))
    offset += count
  }
  yield* FileContent.truncateAt(volume, path, to, size)
})

/** The times that a copy has of what is copied: they go over before the content, which is a change unless there is none. */
const timesOf = ({ accessTime, modifyTime, size }: Pick<Stat, "accessTime" | "modifyTime" | "size">) =>
  size === 0 ? { accessTime, modifyTime } : { accessTime }

const copyWhole = Effect.fnUntraced(function* (volume: Service, from: string, to: string) {
  const source = yield* FileOperation.readingPath(volume, from, FileContent.fileAt)
  const stat = yield* Files.stat(volume, from)
  const { gid, mode, size, uid } = stat
  const there = yield* Effect.option(Files.stat(volume, to))
  if (Option.isSome(there) && there.value.number === source.number) return
  yield* FileContent.writeFile(volume, to, NOTHING, { mode })
  const target = yield* FileOperation.readingPath(volume, to, FileContent.fileAt)
  yield* copyContent(volume, from, source.number, target.number, size)
  yield* FileAttributes.changeAttributes(volume, to, { mode, uid, gid, ...timesOf(stat) })
})

/** Content of a file that is copied by one call of the core. */
const SMALL_BYTES_MAX = 64 * 1024

/** A small file without holes, to a file or to where there is nothing; whatever else there may be is not done. */
const copySmall = (volume: Service, draft: RootsDraft, from: string, to: string, time: bigint): boolean => {
  const { paths } = volume.immediate
  const { names } = draft.roots
  const source = paths.resolve(draft, names, from)
  if (Result.isFailure(source) || source.success.type !== Inode.FILE) return false
  const { number } = source.success
  const item = Inodes.locate(draft, names, source.success)
  const inode = Inode.decodeAttributes(draft.layout, item.node, item.keyEnd, item.valueEnd)
  const { gid, mode, size, uid } = inode
  if (size > SMALL_BYTES_MAX) return false
  if (Inode.hasRope(item.node, item.keyEnd)) {
    const segment = Content.segment(draft, names, number, 0)
    if (Result.isFailure(segment) || segment.success?.isHole !== false || segment.success.count < size) return false
  }
  const place = to.endsWith("/") ? undefined : paths.place(draft, to, true)
  if (place === undefined || Result.isFailure(place)) return false
  const { entry } = place.success
  if (entry?.number === number) return true
  if (entry !== undefined && entry.type !== Inode.FILE) return false
  const content = copied.subarray(0, size)
  Content.readItem(draft, item, 0, content)
  const times = timesOf(inode)
  if (entry === undefined) {
    return Result.isSuccess(
      CoreFiles.create(draft, place.success, { type: Inode.FILE, mode, uid, gid, content, ...times }, time)
    )
  }
  const replaced = Content.replace(draft, entry.number, content, time)
  if (Result.isFailure(replaced) || !replaced.success) return false
  return Result.isSuccess(Attributes.change(draft, entry.number, { mode, uid, gid, ...times }, time))
}

/** The content on its way. */
const copied = new Uint8Array(SMALL_BYTES_MAX)

/**
 * Copies content, mode, owner and times of a file to a file, which is made or replaced; the content that is written is its last change.
 * Symbolic links are followed.
 */
export const copyFile = (volume: Service, from: string, to: string): Operation<void> =>
  Effect.withFiber(beginCopyFile(volume, from, to))

/** The same, begun here and now. */
export const beginCopyFile = (volume: Service, from: string, to: string): Begin<void> => {
  const begin = FileOperation.beginAttempting(volume, from, (draft, time): FileOperation.Piece<true> =>
    copySmall(volume, draft, from, to, time) ? Result.succeed(true) : Result.fail(FileOperation.TOO_LONG)
  )
  return (fiber) =>
    Effect.flatMapEager(begin(fiber), (done) =>
      done === undefined ? volume.transaction(copyWhole(volume, from, to)) : Effect.void
    )
}

// ---- trees

/** A path from the root, by its text alone. */
const namesOf = (path: string): Array<string> => {
  const names: Array<string> = []
  for (const name of path.split("/")) {
    if (name === "..") names.pop()
    else if (name !== "" && name !== ".") names.push(name)
  }
  return names
}

const isInside = (folder: ReadonlyArray<string>, path: ReadonlyArray<string>): boolean =>
  folder.every((name, index) => path[index] === name)

const parentOf = (names: ReadonlyArray<string>): string => `/${names.slice(0, -1).join("/")}`

const statIfThere = (volume: Service, path: string): Operation<Stat | undefined> =>
  Effect.catch(Files.lstat(volume, path), (error) =>
    error.reason._tag === "NotFound" ? Effect.succeed(undefined) : Effect.fail(error)
  )

/** Copies a file, a symbolic link or a folder with all that is under it. */
export const copy = (volume: Service, from: string, to: string, options: CopyOptions = {}): Operation<void> =>
  volume.transaction(copyRoot(volume, from, to, options))

const copyRoot = Effect.fnUntraced(function* (volume: Service, from: string, to: string, options: CopyOptions) {
  const source = yield* Files.lstat(volume, from)
  yield* checkPair(volume, from, to, source)
  const goal = namesOf(to)
  const sourceParent = parentOf(namesOf(from))
  // The goal must not lie in the source, under whatever name.
  for (let depth = goal.length - 1; depth > 0; depth--) {
    const parent = `/${goal.slice(0, depth).join("/")}`
    if (parent === sourceParent) break
    const found = yield* Effect.catch(Files.stat(volume, parent), (error) =>
      error.reason._tag === "NotFound" ? Effect.succeed(undefined) : Effect.fail(error)
    )
    if (found === undefined) break
    if (found.number === source.number) return yield* refused(from, to, "the goal lies in what is copied")
  }
  yield* Folders.makeParents(volume, `/${goal.join("/")}`)
  yield* copyAny(volume, from, to, options, new Set())
})

const checkPair = Effect.fnUntraced(function* (volume: Service, from: string, to: string, source: Stat) {
  const there = yield* statIfThere(volume, to)
  if (there !== undefined) {
    if (there.number === source.number) return yield* refused(from, to, "they are the same")
    if (source.type === "Folder" && there.type !== "Folder") {
      return yield* refused(from, to, "a folder does not replace what is not a folder")
    }
    if (source.type !== "Folder" && there.type === "Folder") {
      return yield* refused(from, to, "only a folder comes in the place of a folder")
    }
  }
  if (source.type === "Folder" && isInside(namesOf(from), namesOf(to))) {
    return yield* refused(from, to, "the goal lies in what is copied")
  }
  return there
})

/** Copies what is at `from`, whose goal has a parent. `entered` are the folders that are copied already. */
const copyAny: (
  volume: Service,
  from: string,
  to: string,
  options: CopyOptions,
  entered: Set<number>
) => Operation<void> = Effect.fnUntraced(function* (
  volume: Service,
  from: string,
  to: string,
  options: CopyOptions,
  entered: Set<number>
) {
  const source = yield* Files.lstat(volume, from)
  const there = yield* checkPair(volume, from, to, source)
  if (source.type === "Folder") {
    yield* Folders.enter(volume, entered, source.number, from)
    if (there === undefined) yield* Folders.makeFolder(volume, to)
    for (const { name } of yield* Folders.readFolder(volume, from)) {
      yield* copyAny(volume, `${from}/${name}`, `${to}/${name}`, options, entered)
    }
    if (there === undefined) yield* FileAttributes.changeAttributes(volume, to, { mode: source.mode })
  } else if (source.type === "SymbolicLink") yield* copyLink(volume, from, to, there)
  else if (there === undefined || options.overwrite === true) {
    if (there !== undefined) yield* Files.unlink(volume, to)
    yield* copyWhole(volume, from, to)
    if (options.preserveTimestamps === true) {
      const { accessTime, modifyTime } = source
      yield* FileAttributes.changeAttributes(volume, to, { accessTime, modifyTime })
    }
  }
})

/** Where a symbolic link at `path` leads, as names from the root. */
const linkNames = (path: string, target: string): Array<string> =>
  namesOf(target.startsWith("/") ? target : `${parentOf(namesOf(path))}/${target}`)

const copyLink = Effect.fnUntraced(function* (volume: Service, from: string, to: string, there: Stat | undefined) {
  const text = yield* Files.readLink(volume, from)
  const target = linkNames(from, text)
  const made = text.startsWith("/") ? text : `/${target.join("/")}`
  if (there?.type === "SymbolicLink") {
    const old = linkNames(to, yield* Files.readLink(volume, to))
    const { type } = yield* Files.stat(volume, from)
    if (type === "Folder" && isInside(target, old)) {
      return yield* refused(from, to, "the old link leads into what the new one leads to")
    }
    if (type === "Folder" && isInside(old, target)) {
      return yield* refused(from, to, "the new link leads into what the old one leads to")
    }
    yield* Files.unlink(volume, to)
  }
  yield* Files.symlink(volume, made, to)
})
