/**
 * effect's `FileSystem` on a volume.
 *
 * - It behaves as effect's file system on Node does, error tag for error tag; what differs stands in `docs/decisions`.
 * - Every operation is atomic and, where the volume's durability is `"commit"`, durable when it returns.
 * - The cause of a `PlatformError` is the `VolumeError`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as FileCopy from "./FileCopy.ts"
import * as FileCursor from "./FileCursor.ts"
import * as FileWatching from "./FileWatching.ts"
import type { Operation } from "./FileOperation.ts"
import * as Files from "./Files.ts"
import type { Begin } from "./Immediate.ts"
import * as PlatformFailure from "./PlatformFailure.ts"
import * as Tracing from "./Tracing.ts"
import { Volume } from "./Volume.ts"
import * as VolumeError from "./VolumeError.ts"

type Outcome<A> = Effect.Effect<A, PlatformError>

const NOTHING = new Uint8Array(0)
const REMOVAL_TAGS = { IsAFolder: "Unknown" } as const
const TEMPORARY_FOLDER = "/tmp"
const TEMPORARY_NAME_ATTEMPTS = 16

interface TemporaryOptions {
  readonly directory?: string | undefined
  readonly prefix?: string | undefined
  readonly suffix?: string | undefined
}

/** The options of {@link layerWith}. */
export interface Options {
  /** Taken from the permission bits of what is made, as the system does: 0o022 by default. */
  readonly umask?: number | undefined
}

/** What systems take from permission bits where nobody says otherwise. */
export const UMASK = 0o022

/** effect's file system on this volume. */
export const make = (volume: Volume["Service"], { umask = UMASK }: Options = {}): FileSystem.FileSystem => {
  const infos = FileCursor.infosOf(volume)

  /** An operation as a method of the interface. */
  const tried = <A>(
    method: string,
    path: string,
    operation: Operation<A>,
    tags?: Parameters<typeof PlatformFailure.make>[2]
  ): Outcome<A> => Effect.mapError(operation, PlatformFailure.make(method, path, tags))

  /** The same of one that begins here and now: it is one step, if all that it needs is in memory. */
  const begun = <A>(
    method: string,
    path: string,
    begin: Begin<A>,
    tags?: Parameters<typeof PlatformFailure.make>[2]
  ): Outcome<A> =>
    Effect.withFiber((fiber) => {
      const answer = begin(fiber)
      const isDone = Exit.isExit(answer) && answer._tag === "Success"
      return isDone ? (answer as Exit.Exit<A>) : Effect.mapErrorEager(answer, PlatformFailure.make(method, path, tags))
    })

  const folderMode = (options: { readonly mode?: number | undefined } | undefined): number =>
    (options?.mode ?? 0o777) & ~umask

  const access: FileSystem.FileSystem["access"] = (path, options) => {
    const found = begun("access", path, Files.beginAccess(volume, path))
    if (options?.writable !== true || !volume.facts.readOnly) return found
    return Effect.flatMap(found, () => {
      const error = VolumeError.make(new VolumeError.ReadOnly({ device: volume.facts.device }), path)
      return Effect.fail(PlatformFailure.make("access", path)(error))
    })
  }

  const open: FileSystem.FileSystem["open"] = (path, options) =>
    Effect.map(
      Effect.mapError(
        Files.open(volume, path, { ...options, mode: (options?.mode ?? 0o666) & ~umask }),
        PlatformFailure.make("open", path)
      ),
      (handle) => FileCursor.make(volume, infos, path, handle, options?.flag?.startsWith("a") ?? false)
    )

  const writeFile: FileSystem.FileSystem["writeFile"] = (path, data, options) => {
    const flag = options?.flag ?? "w"
    if (flag !== "r") {
      return begun(
        "writeFile",
        path,
        Files.beginWriteFile(volume, path, data, { flag, mode: (options?.mode ?? 0o666) & ~umask })
      )
    }
    // Node opens the file, and then cannot write to it.
    const error = VolumeError.make(new VolumeError.NotOpenFor({ what: "writing" }), path)
    const refused = Effect.fail(PlatformFailure.make("writeFile", path)(error))
    return Effect.andThen(tried("writeFile", path, Files.stat(volume, path)), refused)
  }

  /** With a slash behind it a symbolic link is what it leads to: nothing, or a folder. */
  const unlink = (path: string): Operation<void> =>
    path.endsWith("/")
      ? volume.transaction(Effect.flatMap(Files.realPath(volume, path), (real) => Files.unlink(volume, real)))
      : Files.unlink(volume, path)

  const removeAs =
    (method: string): FileSystem.FileSystem["remove"] =>
    (path, options) => {
      if (options?.recursive !== true && options?.force !== true && !path.endsWith("/")) {
        return begun(method, path, Files.beginUnlink(volume, path), REMOVAL_TAGS)
      }
      const removed = options?.recursive === true ? Files.removeTree(volume, path) : unlink(path)
      const forced =
        options?.force === true
          ? Effect.catch(removed, (error) => (error.reason._tag === "NotFound" ? Effect.void : Effect.fail(error)))
          : removed
      return tried(method, path, forced, REMOVAL_TAGS)
    }

  // ---- temporary files and folders

  const makeTemporaryFolder = (method: string, options: TemporaryOptions | undefined): Outcome<string> => {
    const folder = options?.directory ?? TEMPORARY_FOLDER
    const attempt = (left: number): Operation<string> =>
      Effect.flatMap(randomName, (random) => {
        const path = `${folder}/${options?.prefix ?? ""}${random}`
        return Effect.as(Files.makeFolder(volume, path, { mode: 0o700 }), path).pipe(
          Effect.catch((error) =>
            error.reason._tag === "AlreadyExists" && left > 1 ? attempt(left - 1) : Effect.fail(error)
          )
        )
      })
    const made = attempt(TEMPORARY_NAME_ATTEMPTS)
    const ready =
      options?.directory === undefined
        ? Files.makeFolder(volume, folder, { recursive: true, mode: 0o1777 })
        : Effect.void
    return tried(method, `${folder}/${options?.prefix ?? ""}`, Effect.andThen(ready, made))
  }

  const makeTemporaryFile = (method: string, options: TemporaryOptions | undefined): Outcome<string> =>
    Effect.flatMap(makeTemporaryFolder(method, options), (folder) =>
      Effect.flatMap(randomName, (random) => {
        const path = `${folder}/${random}${options?.suffix ?? ""}`
        return Effect.as(tried(method, path, Files.writeFile(volume, path, NOTHING, { mode: 0o666 & ~umask })), path)
      })
    )

  /** What is made is removed with all that is in it when the scope ends. */
  const scoped = (method: string, made: Outcome<string>, rootOf: (path: string) => string) =>
    Effect.acquireRelease(made, (path) =>
      Effect.orDie(removeAs(method)(rootOf(path), { recursive: true, force: true }))
    )

  const base = FileSystem.make({
    access,
    chmod: (path, mode) => tried("chmod", path, Files.changeAttributes(volume, path, { mode })),
    chown: (path, uid, gid) => tried("chown", path, Files.changeAttributes(volume, path, { uid, gid })),
    copy: (from, to, options) => tried("copy", from, FileCopy.copy(volume, from, to, options)),
    copyFile: (from, to) => begun("copyFile", from, FileCopy.beginCopyFile(volume, from, to)),
    link: (from, to) => tried("link", from, Files.link(volume, from, to), { IsAFolder: "PermissionDenied" }),
    lstat: (path) => tried("lstat", path, Effect.map(Files.lstat(volume, path), infos.ofStat)),
    makeDirectory: (path, options) =>
      options?.recursive === true
        ? tried("makeDirectory", path, Files.makeFolder(volume, path, { recursive: true, mode: folderMode(options) }))
        : begun("makeDirectory", path, Files.beginMakeFolder(volume, path, folderMode(options))),
    makeTempDirectory: (options) => makeTemporaryFolder("makeTempDirectory", options),
    makeTempDirectoryScoped: (options) => {
      const method = "makeTempDirectoryScoped"
      return scoped(method, makeTemporaryFolder(method, options), (path) => path)
    },
    makeTempFile: (options) => makeTemporaryFile("makeTempFile", options),
    makeTempFileScoped: (options) => {
      const method = "makeTempFileScoped"
      return scoped(method, makeTemporaryFile(method, options), (path) => path.slice(0, path.lastIndexOf("/")))
    },
    open,
    readDirectory: (path, options) =>
      options?.recursive === true
        ? tried(
            "readDirectory",
            path,
            Effect.map(Files.walk(volume, path), (found) => found.map((entry) => entry.path))
          )
        : begun("readDirectory", path, Files.beginNames(volume, path)),
    readDirectoryEntries: (path) =>
      tried(
        "readDirectoryEntries",
        path,
        Effect.map(Files.readFolder(volume, path), (entries) =>
          entries.map(({ name, type }) => ({ name, type: FileCursor.typeOf(type) }))
        )
      ),
    readFile: (path) => begun("readFile", path, Files.beginReadFile(volume, path)),
    readLink: (path) => tried("readLink", path, Files.readLink(volume, path)),
    realPath: (path) => tried("realPath", path, Files.realPath(volume, path)),
    remove: removeAs("remove"),
    rename: (from, to) => begun("rename", from, Files.beginRename(volume, from, to)),
    stat: (path) => begun("stat", path, Files.beginLooking(volume, path, infos.ofItem)),
    symlink: (target, path) => tried("symlink", target, Files.symlink(volume, target, path)),
    truncate: (path, length = 0) => {
      const size = Math.max(0, length)
      if (Number.isSafeInteger(size)) return begun("truncate", path, Files.beginTruncate(volume, path, size))
      return Number.isInteger(length)
        ? tried("truncate", path, Files.truncate(volume, path, size))
        : Effect.fail(PlatformFailure.badArgument("truncate", "length must be an integer"))
    },
    utimes: (path, accessed, modified) => {
      const accessTime = nanosOf(accessed)
      const modifyTime = nanosOf(modified)
      return accessTime === undefined || modifyTime === undefined
        ? Effect.fail(PlatformFailure.badArgument("utime", "a time is a date or a number of seconds"))
        : tried("utime", path, Files.changeAttributes(volume, path, { accessTime, modifyTime }))
    },
    watch: (path, options) =>
      Stream.mapError(FileWatching.watch(volume, path, options), PlatformFailure.make("watch", path)),
    writeFile
  })
  return {
    ...base,
    exists: (path) => begun("access", path, Files.beginExists(volume, path)),
    readFileString: (path, encoding) => {
      if (encoding !== undefined) return base.readFileString(path, encoding)
      const begin = Files.beginReadFile(volume, path)
      return begun("readFile", path, (fiber) => Effect.mapEager(begin(fiber), textOf))
    },
    stream: (path, options) => base.stream(path, { ...options, chunkSize: options?.chunkSize ?? Files.CHUNK_BYTES }),
    sink: (path, options) =>
      Sink.unwrap(
        Effect.map(open(path, { ...options, flag: options?.flag ?? "w" }), (file) =>
          Sink.forEachArray((chunks: ReadonlyArray<Uint8Array>) => file.writeAll(joined(chunks)))
        )
      )
  }
}

/** What has a span, where somebody traces; see `Tracing`. */
const TRACED = [
  "access",
  "chmod",
  "chown",
  "copy",
  "copyFile",
  "exists",
  "link",
  "makeDirectory",
  "makeTempDirectory",
  "makeTempDirectoryScoped",
  "makeTempFile",
  "makeTempFileScoped",
  "open",
  "readDirectory",
  "readFile",
  "readFileString",
  "readLink",
  "realPath",
  "remove",
  "rename",
  "stat",
  "symlink",
  "truncate",
  "utimes",
  "writeFile",
  "writeFileString"
] as const

/** {@link layer} with other options. */
export const layerWith = (options: Options): Layer.Layer<FileSystem.FileSystem, never, Volume> =>
  Layer.fresh(
    Layer.effect(
      FileSystem.FileSystem,
      Effect.map(Volume, (volume) => Tracing.traced(make(volume, options), "VolumeFileSystem", TRACED, "path"))
    )
  )

/** effect's file system on the volume below: on that, also where this layer is in use on another volume already. */
export const layer: Layer.Layer<FileSystem.FileSystem, never, Volume> = layerWith({})

// ---- values

const RANDOM_NAME_DIGITS = 10

const randomName: Effect.Effect<string> = Effect.map(Random.nextIntBetween(0, 36 ** RANDOM_NAME_DIGITS), (number) =>
  number.toString(36).padStart(RANDOM_NAME_DIGITS, "0")
)

const NANOS_PER_SECOND = 1_000_000_000
const NANOS_PER_MILLI = BigInt(1_000_000)

/** Nanoseconds since 1970 of a date or a number of seconds, if it is one. */
const nanosOf = (time: Date | number): bigint | undefined => {
  if (typeof time !== "number") {
    const millis = time.getTime()
    return Number.isNaN(millis) ? undefined : BigInt(Math.trunc(millis)) * NANOS_PER_MILLI
  }
  if (!Number.isFinite(time)) return undefined
  const seconds = Math.floor(time)
  return BigInt(seconds) * BigInt(NANOS_PER_SECOND) + BigInt(Math.floor((time - seconds) * NANOS_PER_SECOND))
}

const decoder = new TextDecoder()

const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (chunks.length === 1) return chunks[0]
  const bytes = new Uint8Array(chunks.reduce((size, { length }) => size + length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
