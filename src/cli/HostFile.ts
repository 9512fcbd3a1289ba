/**
 * Reads files of the host for an import, and makes sure that what is read is one state of them: a file or folder that changes
 * or vanishes between the walk and the end of its reading is an error.
 */
import * as fs from "node:fs"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { type HostError, hostError, printable } from "./Failure.ts"

/** A file or folder is not what it was when the import began. */
export class SourceChanged extends Data.TaggedError("SourceChanged")<{
  readonly path: string
  readonly what: "changed" | "vanished"
}> {
  override get message(): string {
    return `${printable(this.path)} ${this.what} while it was read. Nothing was taken in; try again when nobody writes there.`
  }
}

export type Failure = HostError | SourceChanged

/** What is read in one piece, and the most that stands in memory. */
export const PIECE_BYTES = 1024 * 1024

const decoder = new TextDecoder("utf-8", { fatal: true })

/** Unwritten stretches are looked for in this unit. */
const HOLE_BYTES = 65536

const failure = (path: string, cause: unknown): Failure => {
  if (cause instanceof SourceChanged) return cause
  const { code } = cause as NodeJS.ErrnoException
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP"
    ? new SourceChanged({ path, what: code === "ENOENT" ? "vanished" : "changed" })
    : hostError(path, "reading", cause)
}

const attempt = <A>(path: string, f: () => A): Effect.Effect<A, Failure> =>
  Effect.try({ try: f, catch: (cause) => failure(path, cause) })

const isSame = (a: fs.BigIntStats, b: fs.BigIntStats): boolean =>
  a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeNs === b.mtimeNs && a.mode === b.mode

const expectSame = (path: string, before: fs.BigIntStats, after: fs.BigIntStats): void => {
  if (!isSame(before, after)) throw new SourceChanged({ path, what: "changed" })
}

const flags = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0)

/** Fills `target` from `position` on. Throws if the file has become shorter. */
const fill = (path: string, fd: number, target: Uint8Array, position: number): void => {
  for (let at = 0; at < target.length;) {
    const count = fs.readSync(fd, target, at, target.length - at, position + at)
    if (count === 0) throw new SourceChanged({ path, what: "changed" })
    at += count
  }
}

/** Reads a file of at most {@link PIECE_BYTES} into the start of `buffer` and answers that part of it. */
export const readSmall = (path: string, stat: fs.BigIntStats, buffer: Uint8Array): Effect.Effect<Uint8Array, Failure> =>
  attempt(path, () => {
    const bytes = buffer.subarray(0, Number(stat.size))
    const fd = fs.openSync(path, flags)
    try {
      fill(path, fd, bytes, 0)
      expectSame(path, stat, fs.fstatSync(fd, { bigint: true }))
    } finally {
      fs.closeSync(fd)
    }
    return bytes
  })

/** Whether the host has fewer blocks for a file than its size asks for. */
export const isSparse = (stat: fs.BigIntStats): boolean => stat.blocks * BigInt(512) < stat.size

const ZEROS = Buffer.alloc(HOLE_BYTES)

const isZero = (bytes: Uint8Array): boolean => ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0

/** The parts of a piece that are not all zeros. */
const written = (bytes: Uint8Array): ReadonlyArray<readonly [start: number, end: number]> => {
  const parts: Array<readonly [number, number]> = []
  let start = -1
  for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
    const hole = isZero(bytes.subarray(at, at + HOLE_BYTES))
    if (hole && start >= 0) parts.push([start, at])
    if (hole) start = -1
    else if (start < 0) start = at
  }
  if (start >= 0) parts.push([start, bytes.length])
  return parts
}

/**
 * Reads a file in pieces and gives each to `use`, which is done with it when it returns. Of a sparse file, stretches of zeros
 * are left out.
 */
export const readPieces = <E, R>(
  path: string,
  stat: fs.BigIntStats,
  buffer: Uint8Array,
  use: (offset: number, bytes: Uint8Array) => Effect.Effect<void, E, R>,
  passed: (byteCount: number) => Effect.Effect<void>
): Effect.Effect<void, E | Failure, R> => {
  const size = Number(stat.size)
  const sparse = isSparse(stat)
  const body = Effect.fnUntraced(function* (fd: number) {
    for (let offset = 0; offset < size; offset += PIECE_BYTES) {
      const bytes = buffer.subarray(0, Math.min(PIECE_BYTES, size - offset))
      yield* attempt(path, () => fill(path, fd, bytes, offset))
      if (sparse) for (const [start, end] of written(bytes)) yield* use(offset + start, bytes.subarray(start, end))
      else yield* use(offset, bytes)
      yield* passed(bytes.length)
    }
    yield* attempt(path, () => expectSame(path, stat, fs.fstatSync(fd, { bigint: true })))
  })
  return Effect.acquireUseRelease(
    attempt(path, () => fs.openSync(path, flags)),
    body,
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )
}

/** The target of a symbolic link. */
export const readLink = (path: string, stat: fs.BigIntStats): Effect.Effect<string, Failure> =>
  attempt(path, () => {
    const bytes = fs.readlinkSync(path, { encoding: "buffer" })
    if (BigInt(bytes.length) !== stat.size) throw new SourceChanged({ path, what: "changed" })
    return decoder.decode(bytes)
  })

/** Fails if a folder has got or lost an entry since the walk. */
export const expectUnchanged = (path: string, stat: fs.BigIntStats): Effect.Effect<void, Failure> =>
  attempt(path, () => expectSame(path, stat, fs.statSync(path, { bigint: true })))
