/**
 * The content of files by path, and by number for what is open.
 *
 * - Content of up to a chunk is read and written by one call of the core. More of it is read in one view, and written in one
 *   transaction: nobody sees a part.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Content from "../core/Content.ts"
import type { FileResult } from "../core/FileError.ts"
import * as FileError from "../core/FileError.ts"
import * as CoreFiles from "../core/Files.ts"
import * as Inode from "../core/Inode.ts"
import * as Inodes from "../core/Inodes.ts"
import { invariant } from "../core/Invariant.ts"
import * as Names from "../core/Names.ts"
import type { Pages } from "../core/Pages.ts"
import * as Path from "../core/Path.ts"
import type { Tree } from "../core/Tree.ts"
import type { Operation, Service } from "./FileOperation.ts"
import type { Begin } from "./Immediate.ts"
import * as FileOperation from "./FileOperation.ts"
import * as FileStat from "./FileStat.ts"

const { CHUNK_BYTES } = FileOperation

/** The most that is read into one array. */
const READ_BYTES_MAX = 2 ** 31 - 1

const FILE_MODE = 0o644

// ---- finding the file

/** The file at a path, symbolic links followed. */
export const fileAt = (pages: Pages, names: Tree, path: Path.Path): FileResult<Inode.Entry> => {
  const entry = Names.resolve(pages, names, path, true)
  if (Result.isFailure(entry) || entry.success.type === Inode.FILE) return entry
  return FileError.isAFolder(path.components.at(-1) ?? FileError.NO_NAME)
}

/** The same by the volume's memory of paths. */
const fileOf = (volume: Service, pages: Pages, names: Tree, path: string): FileResult<Inode.Entry> => {
  const entry = volume.immediate.paths.resolve(pages, names, path)
  return Result.isFailure(entry) || entry.success.type === Inode.FILE
    ? entry
    : FileError.isAFolder(Path.lastName(volume.facts.layout, path))
}

// ---- reading

/** Fills `target` from `offset` on and answers the number of bytes, fewer at the end. One state of the file. */
export const readAt = (
  volume: Service,
  path: string | undefined,
  number: number,
  offset: number,
  target: Uint8Array
): Operation<number> => {
  const chunk = (from: number): Operation<number> => {
    const part = target.subarray(from, from + CHUNK_BYTES)
    return FileOperation.reading(volume, path, (pages, names) =>
      Content.read(pages, names, number, offset + from, part)
    )
  }
  if (target.length <= CHUNK_BYTES) return chunk(0)
  // One chunk is read from the device while another is verified.
  const starts = Array.from({ length: Math.ceil(target.length / CHUNK_BYTES) }, (_, i) => i * CHUNK_BYTES)
  const all = Effect.forEach(starts, chunk, { concurrency: 2 })
  return volume.view(Effect.map(all, (counts) => counts.reduce((sum, count) => sum + count, 0)))
}

const NOTHING = new Uint8Array(0)

/** All content of a file. */
export const readFile = (volume: Service, path: string): Operation<Uint8Array> =>
  Effect.withFiber(beginReadFile(volume, path))

/** The same, begun here and now. */
export const beginReadFile = (volume: Service, path: string): Begin<Uint8Array> =>
  read(volume, path, 0, Number.MAX_SAFE_INTEGER)

/** Up to `length` bytes of a file from `offset` on: fewer at its end, none after it. */
export const readRange = (volume: Service, path: string, offset: number, length: number): Operation<Uint8Array> =>
  FileOperation.counted(volume, path, [offset, length], Effect.withFiber(read(volume, path, offset, length)))

const read = (volume: Service, path: string, offset: number, length: number): Begin<Uint8Array> => {
  const first = FileOperation.beginReading(volume, path, (pages, names) => {
    const entry = fileOf(volume, pages, names, path)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    const item = Inodes.locate(pages, names, entry.success)
    const size = Math.max(0, Math.min(length, Inode.sizeOf(item.node, item.keyEnd) - offset))
    const short = offset === 0 && size < length ? Content.shortOfItem(pages, item) : undefined
    if (short !== undefined) return Result.succeed({ number: entry.success.number, size, bytes: short })
    if (size > READ_BYTES_MAX) return FileError.fileTooLarge(size, READ_BYTES_MAX)
    const bytes = size <= CHUNK_BYTES ? new Uint8Array(size) : NOTHING
    if (bytes.length > 0) Content.readItem(pages, item, offset, bytes)
    return Result.succeed({ number: entry.success.number, size, bytes })
  })
  const large = Effect.flatMap(Effect.withFiber(first), ({ number, size }) => {
    const target = new Uint8Array(size)
    return Effect.as(readAt(volume, path, number, offset, target), target)
  })
  return (fiber) =>
    Effect.flatMapEager(first(fiber), ({ bytes, size }) =>
      size <= CHUNK_BYTES ? Effect.succeed(bytes) : volume.view(large)
    )
}

// ---- writing

/** Writes all of `bytes` by chunks, each where `write` puts it; more than a chunk in one transaction. */
const inChunks = (
  volume: Service,
  path: string | undefined,
  bytes: Uint8Array,
  write: (draft: Inodes.RootsDraft, chunk: Uint8Array, done: number, time: bigint) => FileResult<number>
): Operation<number> => {
  const chunk = (done: number) =>
    FileOperation.editing(volume, path, (draft, time) =>
      write(draft, bytes.subarray(done, done + CHUNK_BYTES), done, time)
    )
  if (bytes.length <= CHUNK_BYTES) return chunk(0)
  const from = (done: number): Operation<number> =>
    Effect.flatMap(chunk(done), (size) =>
      done + CHUNK_BYTES < bytes.length ? from(done + CHUNK_BYTES) : Effect.succeed(size)
    )
  return volume.transaction(from(0))
}

/** Writes at `offset` of what has this number. Answers the size. */
export const writeAt = (
  volume: Service,
  path: string | undefined,
  number: number,
  offset: number,
  bytes: Uint8Array
): Operation<number> =>
  inChunks(volume, path, bytes, (draft, chunk, done, time) => Content.write(draft, number, offset + done, chunk, time))

/** Writes at the end of what has this number. Answers the size. */
export const appendTo = (
  volume: Service,
  path: string | undefined,
  number: number,
  bytes: Uint8Array
): Operation<number> =>
  inChunks(volume, path, bytes, (draft, chunk, _done, time) => Content.append(draft, number, chunk, time))

/** Cuts what has this number off at `size`, or adds zeros up to it. */
export const truncateAt = (volume: Service, path: string | undefined, number: number, size: number): Operation<void> =>
  FileOperation.pieces(volume, path, (draft, time) => Content.truncate(draft, number, size, time))

/** Writes over the content of the file at `path` and past its end; a gap before `offset` is zeros. */
export const write = (volume: Service, path: string, offset: number, bytes: Uint8Array): Operation<void> =>
  FileOperation.counted(volume, path, [offset], writeOver(volume, path, offset, bytes))

const writeOver = (volume: Service, path: string, offset: number, bytes: Uint8Array): Operation<void> =>
  bytes.length > CHUNK_BYTES
    ? volume.transaction(
        Effect.flatMap(FileOperation.readingPath(volume, path, fileAt), ({ number }) =>
          Effect.asVoid(writeAt(volume, path, number, offset, bytes))
        )
      )
    : FileOperation.editingPath(volume, path, (draft, parsed, time) => {
        const entry = fileAt(draft, draft.roots.names, parsed)
        if (Result.isFailure(entry)) return Result.fail(entry.failure)
        return Result.map(Content.write(draft, entry.success.number, offset, bytes, time), () => undefined)
      })

/** Writes at the end of the file at `path`. */
export const append = (volume: Service, path: string, bytes: Uint8Array): Operation<void> =>
  writeFile(volume, path, bytes, { flag: "a" })

/** Cuts the file at `path` off at `size`, or adds zeros up to it. */
export const truncate = (volume: Service, path: string, size: number): Operation<void> =>
  FileOperation.counted(volume, path, [size], Effect.withFiber(beginTruncate(volume, path, size)))

/** The same of a size that is one, begun here and now. */
export const beginTruncate = (volume: Service, path: string, size: number): Begin<void> =>
  FileOperation.beginPieces(volume, path, (draft, time) => {
    const entry = fileOf(volume, draft, draft.roots.names, path)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    return Content.truncate(draft, entry.success.number, size, time)
  })

/** How {@link writeFile} writes. */
export interface WriteOptions {
  /**
   * `"w"` (the default) replaces the content, `"a"` adds to it, `"r+"` writes over its beginning and needs a file that is
   * there; `"wx"` and `"ax"` make the file and fail if there is anything. A plus changes nothing here.
   */
  readonly flag?: "w" | "w+" | "wx" | "wx+" | "a" | "a+" | "ax" | "ax+" | "r+" | undefined
  /** Permission bits of a file that is made: 0o644 by default. */
  readonly mode?: number | undefined
}

/** Where the rest goes, after the first chunk. */
interface Begun {
  readonly number: number
  readonly end: number
}

/** Finds or makes the file and writes the first chunk. */
const begin = (
  volume: Service,
  draft: Inodes.RootsDraft,
  path: string,
  bytes: Uint8Array,
  { flag = "w", mode = FILE_MODE }: WriteOptions,
  time: bigint
): FileOperation.Piece<Begun> => {
  const isExclusive = flag.includes("x")
  const isMakingFolder = path.endsWith("/") && flag !== "r+"
  const { paths } = volume.immediate
  const known = flag === "w" ? paths.file(draft.roots.names, path) : undefined
  if (known !== undefined) return replaced(draft, known, bytes, time)
  const place = paths.place(draft, path, !isExclusive && !isMakingFolder)
  if (Result.isFailure(place)) return Result.fail(place.failure)
  const { entry, name = FileError.NO_NAME } = place.success
  // A slash after the name asks for a folder, which is not made by writing to it.
  if (isMakingFolder) return FileError.isAFolder(name)
  if (entry === undefined) {
    if (flag === "r+") return FileError.notFound(name)
    const made = FileStat.made(Inode.FILE, mode, bytes)
    return Result.map(CoreFiles.create(draft, place.success, made, time), (number) => ({ number, end: bytes.length }))
  }
  if (isExclusive) return FileError.alreadyExists(name)
  if (entry.type === Inode.FOLDER) return FileError.isAFolder(name)
  const { number } = entry
  if (flag.startsWith("a")) {
    return Result.map(Content.append(draft, number, bytes, time), (end) => ({ number, end }))
  }
  if (flag !== "r+") return replaced(draft, number, bytes, time)
  return Result.map(Content.write(draft, number, 0, bytes, time), () => ({ number, end: bytes.length }))
}

/** Makes the first chunk the content. */
const replaced = (
  draft: Inodes.RootsDraft,
  number: number,
  bytes: Uint8Array,
  time: bigint
): FileOperation.Piece<Begun> => {
  const done = Content.replace(draft, number, bytes, time)
  if (Result.isFailure(done)) return Result.fail(done.failure)
  return done.success ? Result.succeed({ number, end: bytes.length }) : Result.fail(FileOperation.TOO_LONG)
}

/** Writes a file as a whole, as the flag says; makes it if it is not there. Atomic, whatever the size. */
export const writeFile = (
  volume: Service,
  path: string,
  bytes: Uint8Array,
  options: WriteOptions = {}
): Operation<void> => Effect.withFiber(beginWriteFile(volume, path, bytes, options))

/** The same, begun here and now. */
export const beginWriteFile =
  (volume: Service, path: string, bytes: Uint8Array, options: WriteOptions = {}): Begin<void> =>
  (fiber) => {
    const head = bytes.length <= CHUNK_BYTES ? bytes : bytes.subarray(0, CHUNK_BYTES)
    const beginning = FileOperation.beginAttempting(volume, path, (draft, time) =>
      begin(volume, draft, path, head, options, time)
    )
    if (bytes.length <= CHUNK_BYTES) {
      return Effect.flatMapEager(beginning(fiber), (first) =>
        first === undefined
          ? volume.transaction(Effect.andThen(truncate(volume, path, 0), Effect.asVoid(Effect.withFiber(beginning))))
          : Effect.void
      )
    }
    const begun = Effect.withFiber(beginning)
    const beginAnyway = Effect.flatMap(begun, (first) =>
      first === undefined ? Effect.andThen(truncate(volume, path, 0), begun) : Effect.succeed(first)
    )
    return volume.transaction(
      Effect.flatMap(beginAnyway, (first) => {
        invariant(first !== undefined, "nothing is left to cut off")
        return Effect.asVoid(writeAt(volume, path, first.number, first.end, bytes.subarray(CHUNK_BYTES)))
      })
    )
  }
