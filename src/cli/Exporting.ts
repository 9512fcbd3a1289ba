/**
 * Copies a source onto the host.
 *
 * - Nothing is written through a symbolic link: files are created where nothing is, and folders that are there must be folders.
 *   Links are written as links, wherever they lead.
 * - Modes, owners (where the user may give files away) and times come along. Node hands times to the system as fractions of a
 *   second, so they are right to a quarter of a microsecond.
 * - Folders are open to their owner while they are filled, and get their modes and times at the end, the innermost first.
 */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import { type HostError, hostError, printable, Refused } from "./Failure.ts"
import * as Source from "./Source.ts"

/** What to do where something stands already. */
export type Existing = "refuse" | "replace"

const BILLION = 1_000_000_000

/**
 * Nanoseconds as Node wants times: the nearest fraction of a second. As a text, since it takes numbers below zero for a
 * mistake and puts the present in their place.
 */
export const seconds = (time: bigint): string => {
  const whole = time / BigInt(BILLION)
  return String(Number(whole) + Number(time - whole * BigInt(BILLION)) / BILLION)
}

const attempt = <A>(path: string, doing: string, f: () => A): Effect.Effect<A, HostError | Refused> =>
  Effect.try({
    try: f,
    catch: (cause) => (cause instanceof Refused ? cause : hostError(path, doing, cause))
  })

/** How a file is opened that must not be there. */
export const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0)

/** Only the superuser may give files away. */
export const isSuperuser = process.getuid?.() === 0

export const writeAll = (fd: number, bytes: Uint8Array, position: number): void => {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at, position + at)
}

/** What a copy is given of it. */
export type Attributes = Pick<Source.Entry, "uid" | "gid" | "mode" | "accessTime" | "modifyTime">

/** Gives an open file what the entry says of it; the mode last, since a change of owner takes bits from it. */
export const finishFile = (fd: number, entry: Attributes): void => {
  if (isSuperuser) fs.fchownSync(fd, entry.uid, entry.gid)
  fs.fchmodSync(fd, entry.mode)
  fs.futimesSync(fd, seconds(entry.accessTime), seconds(entry.modifyTime))
}

/** Makes room for a file or link; of a folder that stands there nothing is removed. */
const clear = (path: string, existing: Existing): void => {
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (existing === "refuse") {
    const reason =
      "stands there already: the host takes two names of the volume for one, or somebody else writes there."
    throw new Refused({ reason: `${printable(path)} ${reason}` })
  }
  if (found.isDirectory())
    throw new Refused({ reason: `${printable(path)} is a folder, and is not replaced by a file.` })
  fs.unlinkSync(path)
}

const makeFolder = (path: string, existing: Existing): void => {
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return fs.mkdirSync(path, 0o700)
  if (existing === "refuse") return clear(path, existing)
  if (found.isDirectory()) return undefined
  const what = found.isSymbolicLink() ? "a symbolic link: nothing is written through it" : "not a folder"
  throw new Refused({ reason: `${printable(path)} is ${what}. Remove it, or export elsewhere.` })
}

/** Copies the whole source to `goal`; `passed` hears of each byte of content that is done. */
export const run = Effect.fnUntraced(function* <E>(
  source: Source.Source<E>,
  goal: string,
  options: {
    readonly existing: Existing
    /** Whether the first entry, a folder, is there. */
    readonly isMade: boolean
  },
  passed: (byteCount: number) => Effect.Effect<void>
) {
  const { entries } = source
  const { existing } = options
  const links = new Map<string, string>()
  const folders: Array<{ readonly index: number; readonly path: string }> = []

  const makeFile = Effect.fnUntraced(function* (index: number, from: string, path: string) {
    const entry = entries[index]
    if (entry.size <= Source.PIECE_BYTES) {
      const bytes = yield* source.whole(index, from)
      yield* attempt(path, "writing", () => {
        const fd = fs.openSync(path, flags, 0o600)
        try {
          writeAll(fd, bytes, 0)
          finishFile(fd, entry)
        } finally {
          fs.closeSync(fd)
        }
      })
      return yield* passed(bytes.length)
    }
    yield* Effect.acquireUseRelease(
      attempt(path, "writing", () => fs.openSync(path, flags, 0o600)),
      (fd) =>
        source
          .pieces(index, from, (offset, bytes) => attempt(path, "writing", () => writeAll(fd, bytes, offset)), passed)
          .pipe(
            Effect.andThen(
              attempt(path, "writing", () => {
                fs.ftruncateSync(fd, entry.size)
                finishFile(fd, entry)
              })
            )
          ),
      (fd) => Effect.sync(() => fs.closeSync(fd))
    )
  })

  const makeLink = Effect.fnUntraced(function* (index: number, from: string, path: string) {
    const entry = entries[index]
    const target = yield* source.linkTarget(index, from)
    yield* attempt(path, "making", () => {
      fs.symlinkSync(target, path)
      if (isSuperuser) fs.lchownSync(path, entry.uid, entry.gid)
      fs.lutimesSync(path, seconds(entry.accessTime), seconds(entry.modifyTime))
    })
  })

  const makeEntry = Effect.fnUntraced(function* (index: number, from: string, path: string) {
    const { link, size, type } = entries[index]
    if (type === "Folder") {
      if (index > 0 || !options.isMade) yield* attempt(path, "making", () => makeFolder(path, existing))
      return folders.push({ index, path })
    }
    yield* attempt(path, "writing", () => clear(path, existing))
    const linked = link === undefined ? undefined : links.get(link)
    if (linked !== undefined) {
      yield* attempt(path, "linking", () => fs.linkSync(linked, path))
      return yield* passed(size)
    }
    yield* type === "File" ? makeFile(index, from, path) : makeLink(index, from, path)
    if (link !== undefined) links.set(link, path)
  })

  yield* makeEntry(0, source.root, goal)
  const paths = new Map([[0, { from: source.root, to: goal }]])
  for (let index = 1; index < entries.length; index++) {
    const { name, parent, type } = entries[index]
    const folder = paths.get(parent)
    if (folder === undefined) return yield* Effect.die(new Error("an entry before its folder"))
    const path = { from: Source.childPath(folder.from, name), to: Source.childPath(folder.to, name) }
    yield* makeEntry(index, path.from, path.to)
    if (type === "Folder") paths.set(index, path)
  }
  for (const { index, path } of folders.toReversed()) {
    const entry = entries[index]
    yield* attempt(path, "finishing", () => {
      if (isSuperuser) fs.chownSync(path, entry.uid, entry.gid)
      fs.chmodSync(path, entry.mode)
      fs.utimesSync(path, seconds(entry.accessTime), seconds(entry.modifyTime))
    })
  }
  return undefined
})

/**
 * What stands where a folder is to be exported: nothing, an empty folder, or one with entries in it. Anything else, and a
 * symbolic link to a folder, is refused.
 */
export const goalAt = (path: string): Effect.Effect<"absent" | "empty" | "filled", HostError | Refused> =>
  attempt(path, "looking at", () => {
    const found = fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return "absent"
    if (found.isSymbolicLink()) {
      throw new Refused({ reason: `${printable(path)} is a symbolic link: nothing is written through it.` })
    }
    if (!found.isDirectory()) throw new Refused({ reason: `${printable(path)} exists and is not a folder.` })
    return fs.readdirSync(path).length === 0 ? "empty" : "filled"
  })

/** Takes away what an export that failed has made: all of the goal, or all that is in it. */
export const undo = (path: string, found: "absent" | "empty"): Effect.Effect<void> =>
  Effect.sync(() => {
    const made = found === "absent" ? [path] : fs.readdirSync(path).map((name) => Source.childPath(path, name))
    for (const entry of made) fs.rmSync(entry, { recursive: true, force: true })
  }).pipe(Effect.catchDefect((defect) => Effect.logWarning(`${path} could not be cleared: ${String(defect)}`)))
