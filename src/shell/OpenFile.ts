/**
 * An open file: a handle on an inode, whatever becomes of its name.
 *
 * - A file that is unlinked while it is open lives until its last close, which frees it in bounded steps.
 * - Reads and writes say where; a handle has no cursor.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Content from "../core/Content.ts"
import type { FileResult } from "../core/FileError.ts"
import * as FileError from "../core/FileError.ts"
import * as CoreFiles from "../core/Files.ts"
import * as Inode from "../core/Inode.ts"
import * as Inodes from "../core/Inodes.ts"
import { invariant } from "../core/Invariant.ts"
import * as Names from "../core/Names.ts"
import type { Pages } from "../core/Pages.ts"
import type * as Path from "../core/Path.ts"
import type { Roots } from "../core/Roots.ts"
import type { Tree } from "../core/Tree.ts"
import * as FileAttributes from "./FileAttributes.ts"
import * as FileContent from "./FileContent.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"
import * as FileStat from "./FileStat.ts"
import type { Begin } from "./Immediate.ts"
import * as ReadAhead from "./ReadAhead.ts"
import type { OpenInode } from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

/** How a file is opened. */
export interface OpenOptions {
  /** As in `fopen`; an `x` fails if there is anything. `"r"` by default. What `fopen` cannot say is spelled out. */
  readonly flag?: "r" | "r+" | "w" | "w+" | "wx" | "wx+" | "a" | "a+" | "ax" | "ax+" | Way | undefined
  /** Permission bits of a file that is made: 0o644 by default. */
  readonly mode?: number | undefined
  /** Fails with `NotAFile` if the path ends in a symbolic link. */
  readonly noFollow?: boolean | undefined
}

/** A file that is open, whatever becomes of its name. Offsets and sizes are in bytes. */
export interface OpenFile {
  readonly number: number
  readonly stat: Operation<FileStat.Stat>
  /** Fills `target` from `offset` on and answers the number of bytes: fewer at the end, none after it. */
  readonly read: (offset: number, target: Uint8Array) => Operation<number>
  /** The same, begun here and now. */
  readonly beginRead: (offset: number, target: Uint8Array) => Begin<number>
  /** Writes all of `bytes`; a gap before `offset` is zeros. Answers the size. */
  readonly write: (offset: number, bytes: Uint8Array) => Operation<number>
  /** Writes at the end. Answers the size. */
  readonly append: (bytes: Uint8Array) => Operation<number>
  /** Either of them, begun here and now: `append` where there is no offset. */
  readonly beginWrite: (offset: number | undefined, bytes: Uint8Array) => Begin<number>
  /** Cuts off, or adds zeros. */
  readonly truncate: (size: number) => Operation<void>
  /** Sets mode, owner and times, whatever the file was opened for. */
  readonly changeAttributes: (changes: FileAttributes.Attributes) => Operation<void>
}

const FILE_MODE = 0o644
const NOTHING = new Uint8Array(0)

// ---- opening

/** What a file is opened for, and what becomes of it. */
export interface Way {
  readonly isWriting: boolean
  readonly isReading: boolean
  /** Fails if there is anything. */
  readonly isExclusive: boolean
  /** Makes the file if there is none. */
  readonly isCreating: boolean
  readonly isEmptying: boolean
}

const wayOf = (flag: string): Way => ({
  isReading: flag.startsWith("r") || flag.endsWith("+"),
  isWriting: flag !== "r",
  isExclusive: flag.includes("x"),
  isCreating: !flag.startsWith("r"),
  isEmptying: flag.startsWith("w")
})

/** The place that a path opens. */
const placeOf = (pages: Pages, names: Tree, path: Path.Path, way: Way, noFollow: boolean): FileResult<Names.Place> => {
  const isMakingFolder = way.isCreating && path.needsFolder
  const isLast = way.isExclusive || isMakingFolder || (noFollow && !path.needsFolder)
  const place = (isLast ? Names.place : Names.target)(pages, names, path)
  if (Result.isFailure(place)) return place
  const { entry, name = FileError.NO_NAME } = place.success
  // A slash after the name asks for a folder, which is not made by opening it.
  if (isMakingFolder) return FileError.isAFolder(name)
  if (entry === undefined) return way.isCreating ? place : FileError.notFound(name)
  if (way.isExclusive) return FileError.alreadyExists(name)
  if (entry.type === Inode.FOLDER && way.isWriting) return FileError.isAFolder(name)
  return entry.type === Inode.SYMBOLIC_LINK ? FileError.notAFile(name) : place
}

/** Opens the file at a path until the scope ends. With `"r"`, a folder too: for its `stat`. */
export const open = (
  volume: Service,
  path: string,
  options: OpenOptions = {}
): Effect.Effect<OpenFile, VolumeError.VolumeError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const { flag = "r", noFollow = false } = options
      const way = typeof flag === "string" ? wayOf(flag) : flag
      const answer = (inode: OpenInode) =>
        Effect.as(
          Scope.addFinalizer(
            scope,
            Effect.suspend(() => close(volume, inode))
          ),
          handle(volume, path, way, inode)
        )
      const acquired = Effect.suspend(() => acquire(volume, path, way, options, restore))
      return flag === "r" && !noFollow
        ? Effect.withFiber((fiber) => Effect.flatMapEager(acquireNow(volume, path, fiber, acquired), answer))
        : Effect.flatMap(acquired, answer)
    })
  )

/**
 * Opens what is there to be read, here and now if its path is in memory; whatever else there may be is left to `otherwise`. Nothing is
 * counted but in the very step that answers it.
 */
const acquireNow = (
  volume: Service,
  path: string,
  fiber: Fiber.Fiber<unknown, unknown>,
  otherwise: Operation<OpenInode>
): Operation<OpenInode> => {
  let inode: OpenInode | undefined
  let isNow = true
  const found = volume.immediate.read(fiber, (pages, roots) => {
    const entry = isNow ? volume.immediate.paths.resolve(pages, roots.names, path) : undefined
    if (entry !== undefined && Result.isSuccess(entry)) inode = volume.openFiles.acquire(roots, entry.success.number)
  })
  isNow = false
  if (inode !== undefined) return Effect.succeed(inode)
  // What has begun to load is ended, whatever comes of it.
  return Exit.isExit(found) ? otherwise : Effect.andThen(Effect.exit(found), otherwise)
}

/**
 * Finds what a path opens, making or emptying it as the flag says, and counts it as open. Only the finding, which `restore`
 * makes interruptible, can be interrupted: what was counted is either answered or given back.
 */
const acquire = (
  volume: Service,
  path: string,
  way: Way,
  options: OpenOptions,
  restore: <A>(operation: Operation<A>) => Operation<A>
): Operation<OpenInode> =>
  FileOperation.parsed(volume, path, (parsed) => {
    const { openFiles } = volume
    const { mode = FILE_MODE, noFollow = false } = options
    // It is counted by the very call of the core that found it, and given back if that comes to nothing.
    let inode: OpenInode | undefined
    const find = (pages: Pages, names: Tree, count: (number: number) => OpenInode | undefined): FileResult<boolean> => {
      const place = placeOf(pages, names, parsed, way, noFollow)
      if (Result.isFailure(place)) return Result.fail(place.failure)
      inode = count(place.success.entry?.number ?? Inode.ROOT)
      return Result.succeed(inode !== undefined)
    }
    const make = (draft: Inodes.RootsDraft, time: bigint): FileOperation.Piece<boolean> => {
      const place = placeOf(draft, draft.roots.names, parsed, way, noFollow)
      if (Result.isFailure(place)) return Result.fail(place.failure)
      const { entry } = place.success
      if (entry !== undefined) {
        const done = way.isEmptying ? Content.truncate(draft, entry.number, 0, time) : Result.succeed(true)
        if (Result.isFailure(done)) return Result.fail(done.failure)
        if (!done.success) return Result.fail(FileOperation.TOO_LONG)
        inode = openFiles.acquireAnyway(entry.number)
        return Result.succeed(true)
      }
      const made = FileStat.made(Inode.FILE, mode, NOTHING)
      const number = CoreFiles.create(draft, place.success, made, time)
      if (Result.isFailure(number)) return Result.fail(number.failure)
      inode = openFiles.acquireAnyway(number.success)
      return Result.succeed(true)
    }
    const opened =
      way.isCreating || way.isEmptying
        ? Effect.flatMap(FileOperation.attempting(volume, path, make), (done) =>
            done === undefined
              ? volume.transaction(
                  Effect.andThen(
                    FileContent.truncate(volume, path, 0),
                    Effect.asVoid(FileOperation.attempting(volume, path, make))
                  )
                )
              : Effect.void
          )
        : opening(volume, path, find)
    return Effect.onExit(
      Effect.map(restore(opened), () => {
        invariant(inode !== undefined, "what was opened is counted")
        return inode
      }),
      (exit) => (Exit.isFailure(exit) && inode !== undefined ? close(volume, inode) : Effect.void)
    )
  })

/** Opens what is there, on the root that the caller sees; as a writer if it may just be removed. */
const opening = (
  volume: Service,
  path: string,
  find: (pages: Pages, names: Tree, count: (number: number) => OpenInode | undefined) => FileResult<boolean>
): Operation<void> => {
  const { openFiles } = volume
  const read = (count: (roots: Roots, number: number) => OpenInode | undefined): Operation<boolean> =>
    Effect.flatMap(
      volume.read((pages, roots) => find(pages, roots.names, (number) => count(roots, number))),
      (result) => FileOperation.settle(path, result)
    )
  const anyway = Effect.asVoid(read((_roots, number) => openFiles.acquireAnyway(number)))
  const asWriter = FileOperation.editing(volume, path, (draft) =>
    find(draft, draft.roots.names, (number) => openFiles.acquireAnyway(number))
  ).pipe(
    Effect.asVoid,
    Effect.catch((error) =>
      error.reason._tag === "ReadOnly" || error.reason._tag === "Poisoned" ? anyway : Effect.fail(error)
    )
  )
  return Effect.flatMap(read(openFiles.acquire), (counted) => (counted ? Effect.void : asWriter))
}

/** Gives back what was opened; the last to do so frees what has no name any more. */
const close = (volume: Service, inode: OpenInode): Effect.Effect<void> =>
  volume.openFiles.release(inode) && inode.isUnlinked ? FileOperation.sweepAfterwards(volume) : Effect.void

// ---- using

const isOffset = (offset: number): boolean => Number.isSafeInteger(offset) && offset >= 0

const handle = (volume: Service, path: string, way: Way, inode: OpenInode): OpenFile => {
  const { number } = inode
  const ahead = new ReadAhead.ReadAhead(
    (offset, target) => FileContent.readAt(volume, path, number, offset, target),
    volume.durableRoot
  )
  const guarded = <A>(what: "reading" | "writing" | undefined, operation: Operation<A>): Operation<A> =>
    Effect.suspend(() => {
      if (inode.isGone) return FileOperation.settle(path, FileError.notFound(FileError.NO_NAME))
      const isRefused = (what === "reading" && !way.isReading) || (what === "writing" && !way.isWriting)
      return isRefused && what !== undefined
        ? Effect.fail(VolumeError.make(new VolumeError.NotOpenFor({ what }), path))
        : operation
    })
  const beginRead =
    (offset: number, target: Uint8Array): Begin<number> =>
    (fiber) =>
      inode.isGone || !way.isReading || !isOffset(offset) || target.length >= ReadAhead.TARGET_BYTES_MIN
        ? read(offset, target)
        : FileOperation.beginReading(volume, path, (pages, names) =>
            Content.read(pages, names, number, offset, target)
          )(fiber)
  const read = (offset: number, target: Uint8Array): Operation<number> =>
    guarded(
      "reading",
      FileOperation.counted(
        volume,
        path,
        [offset],
        Effect.suspend(() => ahead.read(offset, target))
      )
    )
  const write = (offset: number, bytes: Uint8Array): Operation<number> =>
    guarded(
      "writing",
      FileOperation.counted(volume, path, [offset], FileContent.writeAt(volume, path, number, offset, bytes))
    )
  const append = (bytes: Uint8Array): Operation<number> =>
    guarded("writing", FileContent.appendTo(volume, path, number, bytes))
  const beginWrite =
    (offset: number | undefined, bytes: Uint8Array): Begin<number> =>
    (fiber) => {
      const isRefused = inode.isGone || !way.isWriting || (offset !== undefined && !isOffset(offset))
      if (isRefused || bytes.length > FileOperation.CHUNK_BYTES) {
        return offset === undefined ? append(bytes) : write(offset, bytes)
      }
      return FileOperation.beginEditing(volume, path, (draft, time) =>
        offset === undefined
          ? Content.append(draft, number, bytes, time)
          : Content.write(draft, number, offset, bytes, time)
      )(fiber)
    }
  return {
    number,
    beginRead,
    read,
    beginWrite,
    write,
    append,
    stat: guarded(
      undefined,
      FileOperation.reading(volume, path, (pages, names) => {
        const found = Inodes.get(pages, names, number)
        return found === undefined
          ? FileError.notFound(FileError.NO_NAME)
          : Result.succeed(FileStat.make(number, found))
      })
    ),
    truncate: (size) =>
      guarded(
        "writing",
        FileOperation.counted(volume, path, [size], FileContent.truncateAt(volume, path, number, size))
      ),
    changeAttributes: (changes) => guarded(undefined, FileAttributes.changeOf(volume, path, number, changes))
  }
}
