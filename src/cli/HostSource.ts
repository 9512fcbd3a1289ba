/**
 * A tree of the host as a source.
 *
 * - A symbolic link that the user names is followed if asked for, and no other.
 * - What is read is one state of it: a file or folder that changes or vanishes between the walk and the end of its reading is
 *   an error.
 * - What a volume cannot hold is refused by name: sockets, pipes and devices; names that are not Unicode.
 * - Calls are synchronous: on the way through Node's thread pool a small file costs many times its reading.
 */
import * as fs from "node:fs"
import * as nodePath from "node:path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Type } from "../shell/Files.ts"
import { type HostError, hostError, printable, Refused } from "./Failure.ts"
import * as Source from "./Source.ts"

/** A file or folder is not what it was when the walk found it. */
class SourceChanged extends Data.TaggedError("SourceChanged")<{
  readonly path: string
  readonly what: "changed" | "vanished"
}> {
  override get message(): string {
    return `${printable(this.path)} ${this.what} while it was read. Nothing was taken in; try again when nobody writes there.`
  }
}

export type Failure = HostError | SourceChanged | Refused

// ---- the host's calls

const failure = (path: string, cause: unknown): Failure => {
  if (cause instanceof SourceChanged || cause instanceof Refused) return cause
  const { code } = cause as NodeJS.ErrnoException
  if (code === "ENOENT") return new SourceChanged({ path, what: "vanished" })
  if (code === "ENOTDIR" || code === "ELOOP") return new SourceChanged({ path, what: "changed" })
  return hostError(path, "reading", cause)
}

const attempt = <A>(path: string, f: () => A): Effect.Effect<A, Failure> =>
  Effect.try({ try: f, catch: (cause) => failure(path, cause) })

const refuse = (path: string, reason: string): Refused => new Refused({ reason: `${printable(path)} ${reason}` })

const typeOf = (path: string, stat: fs.BigIntStats): Type => {
  if (stat.isFile()) return "File"
  if (stat.isDirectory()) return "Folder"
  if (stat.isSymbolicLink()) return "SymbolicLink"
  const what = stat.isSocket() ? "a socket" : stat.isFIFO() ? "a pipe" : "a device"
  throw refuse(path, `is ${what}, which a volume cannot hold. Remove it, or take what is beside it.`)
}

const decoder = new TextDecoder("utf-8", { fatal: true })

const decode = (path: string, bytes: Uint8Array, what: string): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    const shown = JSON.stringify(Buffer.from(bytes).toString("latin1"))
    throw refuse(path, `${what} ${shown}, which is not Unicode (UTF-8). Rename or remove it.`)
  }
}

/** The names in a folder, in byte order. What is no Unicode shows by the character that decoding puts in its place. */
const namesIn = (path: string): ReadonlyArray<string> => {
  const names = fs.readdirSync(path)
  if (names.some((name) => name.includes("\ufffd"))) {
    for (const bytes of fs.readdirSync(path, { encoding: "buffer" })) decode(path, bytes, "holds the name")
  }
  return names.sort(compareBytes)
}

/** The order of UTF-16 is that of bytes but for surrogates. */
const compareBytes = (a: string, b: string): number =>
  // oxlint-disable-next-line no-control-regex
  /^[\u0000-\ud7ff]*$/.test(a + b) ? (a < b ? -1 : a > b ? 1 : 0) : Buffer.compare(Buffer.from(a), Buffer.from(b))

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

const BLOCK_BYTES = BigInt(512)
const ONE = BigInt(1)

const entryOf = (parent: number, name: string, type: Type, stat: fs.BigIntStats): Source.Entry => ({
  parent,
  name,
  type,
  size: type === "File" ? Number(stat.size) : 0,
  mode: Number(stat.mode) & 0o7777,
  uid: Number(stat.uid),
  gid: Number(stat.gid),
  accessTime: stat.atimeNs,
  modifyTime: stat.mtimeNs,
  link: type !== "Folder" && stat.nlink > ONE ? `${stat.dev}:${stat.ino}` : undefined,
  isSparse: stat.blocks * BLOCK_BYTES < stat.size
})

// ---- the walk

/**
 * Walks what is at `path`; a symbolic link there is followed if `follow`. The file `image` must not be in it: it changes while
 * it takes in the others.
 */
export const make = Effect.fnUntraced(function* (path: string, image: string, follow: boolean) {
  const lookAt = <A>(at: string, f: () => A) =>
    Effect.try({ try: f, catch: (cause) => hostError(at, "looking at", cause) })
  const imageStat = yield* lookAt(image, () => fs.statSync(image, { bigint: true }))
  const root = yield* lookAt(path, () => (follow && fs.lstatSync(path).isSymbolicLink() ? fs.realpathSync(path) : path))
  const rootStat = yield* lookAt(root, () => fs.lstatSync(root, { bigint: true }))
  const entries: Array<Source.Entry> = []
  const stats: Array<fs.BigIntStats> = []
  const folders: Array<{ readonly index: number; readonly path: string }> = []
  let byteCount = 0

  const add = (parent: number, name: string, at: string, stat: fs.BigIntStats): void => {
    if (stat.dev === imageStat.dev && stat.ino === imageStat.ino) {
      throw refuse(at, "is the image itself. Move it out of the folder.")
    }
    const entry = entryOf(parent, name, typeOf(at, stat), stat)
    byteCount += entry.size
    entries.push(entry)
    stats.push(stat)
  }

  /** Takes in the entries of one folder. */
  const enter = (index: number, folder: string): void => {
    expectSame(folder, stats[index], fs.statSync(folder, { bigint: true }))
    const first = entries.length
    for (const name of namesIn(folder)) {
      const entryPath = Source.childPath(folder, name)
      add(index, name, entryPath, fs.lstatSync(entryPath, { bigint: true }))
    }
    // The first of its folders is the next to be entered.
    for (let at = entries.length - 1; at >= first; at--) {
      const { name, type } = entries[at]
      if (type === "Folder") folders.push({ index: at, path: Source.childPath(folder, name) })
    }
  }

  yield* attempt(root, () => add(-1, nodePath.basename(path), root, rootStat))
  if (entries[0].type === "Folder") folders.push({ index: 0, path: root })
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    const { index, path: folder } = next
    yield* attempt(folder, () => enter(index, folder))
  }
  return reading(root, entries, stats, byteCount)
})

// ---- reading

const reading = (
  root: string,
  entries: ReadonlyArray<Source.Entry>,
  stats: ReadonlyArray<fs.BigIntStats>,
  byteCount: number
): Source.Source<Failure> => {
  const buffer = new Uint8Array(Source.PIECE_BYTES)
  return {
    root,
    entries,
    byteCount,
    whole: (index, path) =>
      attempt(path, () => {
        const bytes = buffer.subarray(0, entries[index].size)
        const fd = fs.openSync(path, flags)
        try {
          fill(path, fd, bytes, 0)
          expectSame(path, stats[index], fs.fstatSync(fd, { bigint: true }))
        } finally {
          fs.closeSync(fd)
        }
        return bytes
      }),
    pieces: (index, path, use, passed) =>
      Effect.acquireUseRelease(
        attempt(path, () => fs.openSync(path, flags)),
        Effect.fnUntraced(function* (fd) {
          const { isSparse, size } = entries[index]
          for (let offset = 0; offset < size; offset += Source.PIECE_BYTES) {
            const bytes = buffer.subarray(0, Math.min(Source.PIECE_BYTES, size - offset))
            yield* attempt(path, () => fill(path, fd, bytes, offset))
            const parts = isSparse ? Source.writtenParts(bytes) : [[0, bytes.length] as const]
            for (const [start, end] of parts) yield* use(offset + start, bytes.subarray(start, end))
            yield* passed(bytes.length)
          }
          yield* attempt(path, () => expectSame(path, stats[index], fs.fstatSync(fd, { bigint: true })))
        }),
        (fd) => Effect.sync(() => fs.closeSync(fd))
      ),
    linkTarget: (index, path) =>
      attempt(path, () => {
        const bytes = fs.readlinkSync(path, { encoding: "buffer" })
        if (BigInt(bytes.length) !== stats[index].size) throw new SourceChanged({ path, what: "changed" })
        return decode(path, bytes, "leads to")
      }),
    verifyFolder: (index, path) =>
      attempt(path, () => expectSame(path, stats[index], fs.statSync(path, { bigint: true })))
  }
}
