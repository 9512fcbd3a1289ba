/**
 * Random operations on effect's `FileSystem`, as values: the same ones can be run on two file systems.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export const makeRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

type Flag = FileSystem.OpenFlag

/** What is done with an open file; positions and sizes in bytes. */
export type Use =
  | { readonly _tag: "seek"; readonly offset: number; readonly from: FileSystem.SeekMode }
  | { readonly _tag: "read"; readonly size: number; readonly position: number | undefined }
  | { readonly _tag: "readAlloc"; readonly size: number; readonly position: number | undefined }
  | { readonly _tag: "write" | "writeAll"; readonly size: number; readonly fill: number }
  | { readonly _tag: "truncate"; readonly size: number | undefined }
  | { readonly _tag: "stat" }
  | { readonly _tag: "sync" }

export type FileOperation =
  | {
      readonly _tag: "access" | "exists" | "stat" | "lstat" | "readFile" | "readLink" | "realPath"
      readonly path: string
    }
  | {
      readonly _tag: "allowed"
      readonly path: string
      readonly readable: boolean
      readonly writable: boolean
      readonly ok: boolean
    }
  | { readonly _tag: "temporary"; readonly path: string; readonly isFile: boolean; readonly isScoped: boolean }
  | { readonly _tag: "glob"; readonly path: string; readonly pattern: string }
  | { readonly _tag: "sink"; readonly path: string; readonly size: number; readonly fill: number; readonly flag: Flag }
  | { readonly _tag: "text"; readonly path: string; readonly to: string }
  | { readonly _tag: "readDirectory"; readonly path: string; readonly recursive: boolean }
  | { readonly _tag: "readDirectoryEntries"; readonly path: string }
  | { readonly _tag: "stream"; readonly path: string; readonly offset: number; readonly size: number }
  | {
      readonly _tag: "writeFile"
      readonly path: string
      readonly size: number
      readonly fill: number
      readonly flag: Flag | undefined
      readonly mode: number | undefined
    }
  | {
      readonly _tag: "makeDirectory"
      readonly path: string
      readonly recursive: boolean
      readonly mode: number | undefined
    }
  | { readonly _tag: "remove"; readonly path: string; readonly recursive: boolean; readonly force: boolean }
  | { readonly _tag: "rename" | "link" | "copyFile"; readonly path: string; readonly to: string }
  | { readonly _tag: "symlink"; readonly target: string; readonly path: string }
  | {
      readonly _tag: "copy"
      readonly path: string
      readonly to: string
      readonly overwrite: boolean
      readonly preserveTimestamps: boolean
    }
  | { readonly _tag: "chmod"; readonly path: string; readonly mode: number }
  | { readonly _tag: "utimes"; readonly path: string; readonly accessed: number; readonly modified: number }
  | { readonly _tag: "truncate"; readonly path: string; readonly size: number | undefined }
  | {
      readonly _tag: "open"
      readonly slot: number
      readonly path: string
      readonly flag: Flag
      readonly noFollow: boolean
    }
  | { readonly _tag: "use"; readonly slot: number; readonly use: Use }
  | { readonly _tag: "close"; readonly slot: number }

// ---- drawing

const NAMES = ["a", "b", "c", "d", "é"]
const FLAGS: ReadonlyArray<Flag> = ["r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+"]
/** Those that let the owner do all, so that it does not matter who runs the test. */
const MODES = [0o755, 0o700, 0o711, 0o777, 0o775, 0o722]
const PATTERNS = ["*", "**", "**/a", "*/*", "{a,b}*", "[a-c]/?", "b/**/c"]
export const SLOTS = 4

export const makeDraw = (random: () => number) => {
  const below = (count: number): number => Math.floor(random() * count)
  const one = <A>(items: ReadonlyArray<A>): A => items[below(items.length)]
  const chance = (likelihood: number): boolean => random() < likelihood

  const path = (): string => {
    if (chance(0.01)) return `/${"n".repeat(chance(0.5) ? 255 : 256)}`
    const names = Array.from({ length: chance(0.5) ? 1 : 1 + below(3) }, () => one(NAMES))
    if (chance(0.03)) names.splice(below(names.length), 0, one([".", "..", ""]))
    return `/${names.join("/")}${chance(0.03) ? one(["/", "/.", "/.."]) : ""}`
  }
  const target = (): string => {
    const names = Array.from({ length: 1 + below(2) }, () => one(NAMES)).join("/")
    return chance(0.2) ? `../${names}` : names
  }
  const size = (): number =>
    chance(0.15) ? 0 : chance(0.6) ? below(200) : chance(0.7) ? below(20_000) : below(200_000)
  const position = (): number | undefined => (chance(0.4) ? below(3000) - (chance(0.05) ? 3000 : 0) : undefined)
  const mode = (): number | undefined => (chance(0.2) ? one(MODES) : undefined)

  const use = (): Use => {
    const at = random()
    if (at < 0.15)
      return { _tag: "seek", offset: below(4000) - (chance(0.2) ? 2000 : 0), from: one(["start", "current"]) }
    if (at < 0.3) return { _tag: "read", size: below(3000), position: position() }
    if (at < 0.45) return { _tag: "readAlloc", size: below(3000), position: position() }
    if (at < 0.65) return { _tag: "write", size: below(5000), fill: below(256) }
    if (at < 0.8) return { _tag: "writeAll", size: size(), fill: below(256) }
    if (at < 0.88) return { _tag: "truncate", size: chance(0.2) ? undefined : size() }
    return at < 0.98 ? { _tag: "stat" } : { _tag: "sync" }
  }

  return (): FileOperation => {
    const at = random() * 100
    if (at < 1) {
      return { _tag: "allowed", path: path(), readable: chance(0.5), writable: chance(0.5), ok: chance(0.3) }
    }
    if (at < 1.5) return { _tag: "temporary", path: path(), isFile: chance(0.5), isScoped: chance(0.6) }
    if (at < 2) return { _tag: "glob", path: path(), pattern: one(PATTERNS) }
    if (at < 3) return { _tag: "sink", path: path(), size: size(), fill: below(256), flag: one(FLAGS) }
    if (at < 3.5) return { _tag: "text", path: path(), to: path() }
    if (at < 14) {
      const flag = chance(0.5) ? one(FLAGS) : undefined
      return { _tag: "writeFile", path: path(), size: size(), fill: below(256), flag, mode: mode() }
    }
    if (at < 22) return { _tag: "makeDirectory", path: path(), recursive: chance(0.4), mode: mode() }
    if (at < 29) return { _tag: "remove", path: path(), recursive: chance(0.5), force: chance(0.3) }
    if (at < 36) return { _tag: "rename", path: path(), to: path() }
    if (at < 38) return { _tag: "link", path: path(), to: path() }
    if (at < 42) return { _tag: "symlink", target: target(), path: path() }
    if (at < 44) return { _tag: "copyFile", path: path(), to: path() }
    if (at < 47) {
      return { _tag: "copy", path: path(), to: path(), overwrite: chance(0.5), preserveTimestamps: chance(0.3) }
    }
    if (at < 49) return { _tag: "truncate", path: path(), size: chance(0.2) ? undefined : size() }
    if (at < 51) return { _tag: "chmod", path: path(), mode: one(MODES) }
    if (at < 53) return { _tag: "utimes", path: path(), accessed: below(2e9), modified: below(2e9) + 0.5 }
    if (at < 57) return { _tag: one(["access", "exists"]), path: path() }
    if (at < 62) return { _tag: one(["stat", "lstat"]), path: path() }
    if (at < 66) return { _tag: "readFile", path: path() }
    if (at < 68) return { _tag: one(["readLink", "realPath"]), path: path() }
    if (at < 70) return { _tag: "stream", path: path(), offset: below(3000), size: below(100_000) }
    if (at < 73) return { _tag: "readDirectory", path: path(), recursive: chance(0.3) }
    if (at < 74) return { _tag: "readDirectoryEntries", path: path() }
    if (at < 80) return { _tag: "open", slot: below(SLOTS), path: path(), flag: one(FLAGS), noFollow: chance(0.1) }
    return at < 97 ? { _tag: "use", slot: below(SLOTS), use: use() } : { _tag: "close", slot: below(SLOTS) }
  }
}

// ---- running

/** Bytes that tell where they were written. */
const filled = (size: number, fill: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  for (let index = 0; index < size; index++) bytes[index] = (fill + index * 7) & 0xff
  return bytes
}

export const summary = (bytes: Uint8Array): string => {
  let hash = 0
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0
  return `${bytes.length} bytes ${(hash >>> 0).toString(16)}`
}

const describeInfo = (info: FileSystem.File.Info): string => {
  if (info.type === "Directory") return `Directory ${(info.mode & 0o777).toString(8)}`
  if (info.type === "SymbolicLink") return "SymbolicLink"
  return `${info.type} ${info.mode.toString(8)} ${info.size} links ${Option.getOrThrow(info.nlink)}`
}

/** A file system below a root, and the files that are open on it. */
export class Subject {
  readonly fs: FileSystem.FileSystem
  readonly root: string
  /** What stands before the root on this file system only: it is left out of results. */
  readonly above: string
  readonly #open: Array<{ readonly file: FileSystem.File; readonly scope: Scope.Closeable } | undefined> = []

  constructor(fs: FileSystem.FileSystem, above: string, root: string) {
    this.fs = fs
    this.above = above
    this.root = above + root
  }

  /** What an operation comes to, without the root; `undefined` where there is nothing to compare. */
  readonly run = (operation: FileOperation): Effect.Effect<string | undefined> =>
    this.#perform(operation).pipe(
      Effect.map((value) => (value === undefined ? undefined : this.#plain(value))),
      Effect.catch(({ reason }) => {
        // Of an open file Node tells the number of a descriptor, and ours its path; and a path that is made is joined in two ways.
        const isElsewhere = operation._tag === "temporary" || ["readAlloc", "writeAll"].includes(reason.method)
        const isNamed = operation._tag !== "use" && !isElsewhere && reason._tag !== "BadArgument"
        const path = isNamed ? ` ${reason.pathOrDescriptor}` : ""
        return Effect.succeed(this.#plain(`fails: ${reason._tag} ${reason.module}.${reason.method}${path}`))
      })
    )

  #plain(text: string): string {
    return this.above === "" ? text : text.replaceAll(this.above, "")
  }

  #perform(operation: FileOperation): Effect.Effect<string | undefined, PlatformError> {
    const { fs } = this
    const path = "path" in operation ? this.root + operation.path : ""
    const to = "to" in operation ? this.root + operation.to : ""
    const nothing = (effect: Effect.Effect<void, PlatformError>) => Effect.as(effect, "done")
    switch (operation._tag) {
      case "access":
        return nothing(fs.access(path))
      case "exists":
        return Effect.map(fs.exists(path), String)
      case "stat":
        return Effect.map(fs.stat(path), describeInfo)
      case "lstat":
        return Effect.map(fs.lstat(path), describeInfo)
      case "readFile":
        return Effect.map(fs.readFile(path), summary)
      case "readLink":
        return fs.readLink(path)
      case "realPath":
        return fs.realPath(path)
      case "allowed":
        return nothing(fs.access(path, operation))
      case "temporary":
        return this.#temporary(path, operation.isFile, operation.isScoped)
      case "glob":
        return Effect.map(fs.glob(operation.pattern, { root: path }), (found) => [...found].sort().join(" "))
      case "sink":
        return this.#sink(path, filled(operation.size, operation.fill), operation.flag)
      case "text":
        return Effect.map(
          Effect.andThen(fs.writeFileString(path, `text of ${operation.to} \u{1f600}`), fs.readFileString(path)),
          String
        )
      case "readDirectory":
        return Effect.map(fs.readDirectory(path, { recursive: operation.recursive }), (names) => names.sort().join(" "))
      case "readDirectoryEntries":
        return Effect.map(fs.readDirectoryEntries(path), (entries) =>
          entries
            .map(({ name, type }) => `${name}:${type}`)
            .sort()
            .join(" ")
        )
      case "stream":
        return this.#stream(path, operation.offset, operation.size)
      case "writeFile": {
        const { fill, flag, mode, size } = operation
        return nothing(fs.writeFile(path, filled(size, fill), { flag, mode }))
      }
      case "makeDirectory":
        return nothing(fs.makeDirectory(path, operation))
      case "remove":
        return nothing(fs.remove(path, operation))
      case "rename":
        return nothing(fs.rename(path, to))
      case "link":
        return nothing(fs.link(path, to))
      case "copyFile":
        return nothing(fs.copyFile(path, to))
      case "copy":
        return nothing(fs.copy(path, to, operation))
      case "symlink":
        return nothing(fs.symlink(operation.target, path))
      case "chmod":
        return nothing(fs.chmod(path, operation.mode))
      case "utimes":
        return Effect.andThen(
          fs.utimes(path, operation.accessed, operation.modified),
          Effect.map(fs.stat(path), ({ mtime }) => `${Option.getOrThrow(mtime).getTime()}`)
        )
      case "truncate":
        return nothing(fs.truncate(path, operation.size))
      case "open":
        return this.#openFile(operation.slot, path, operation.flag, operation.noFollow)
      case "use": {
        const found = this.#open[operation.slot]
        return found === undefined ? Effect.succeed(undefined) : this.#use(found.file, operation.use)
      }
      case "close":
        return this.close(operation.slot)
    }
  }

  /** What is made, by the shape of its name and what stands there, before its scope ends and after. */
  #temporary(directory: string, isFile: boolean, isScoped: boolean): Effect.Effect<string, PlatformError> {
    const { fs } = this
    const options = { directory, prefix: "t-", suffix: ".s" }
    const seen = (path: string) =>
      Effect.map(fs.stat(path), (info) => {
        const shape = path
          .split("/")
          .slice(isFile ? -2 : -1)
          .join("/")
          .replaceAll(/[0-9a-zA-Z]{5,}/g, "*")
        return `${shape} ${describeInfo(info)}`
      })
    const rootOf = (path: string) => (isFile ? path.slice(0, path.lastIndexOf("/")) : path)
    if (!isScoped) {
      const made = isFile ? fs.makeTempFile(options) : fs.makeTempDirectory(options)
      return Effect.flatMap(made, (path) => Effect.tap(seen(path), fs.remove(rootOf(path), { recursive: true })))
    }
    const made = isFile ? fs.makeTempFileScoped(options) : fs.makeTempDirectoryScoped(options)
    const inside = Effect.scoped(
      Effect.flatMap(made, (path) => Effect.map(seen(path), (text) => ({ path: rootOf(path), text })))
    )
    return Effect.flatMap(inside, ({ path, text }) => Effect.map(fs.exists(path), (stays) => `${text} ${stays}`))
  }

  #sink(path: string, bytes: Uint8Array, flag: Flag): Effect.Effect<string, PlatformError> {
    const parts = [bytes.subarray(0, 100), bytes.subarray(100, 101), bytes.subarray(101)]
    return Effect.as(Stream.run(Stream.fromIterable(parts), this.fs.sink(path, { flag })), "done")
  }

  #stream(path: string, offset: number, size: number): Effect.Effect<string, PlatformError> {
    return Effect.map(
      Stream.runCollect(this.fs.stream(path, { offset, bytesToRead: size, chunkSize: 4096 })),
      (chunks) => summary(Buffer.concat(chunks))
    )
  }

  #openFile(slot: number, path: string, flag: Flag, noFollow: boolean): Effect.Effect<string, PlatformError> {
    const scope = Scope.makeUnsafe()
    return Effect.andThen(
      this.close(slot),
      Effect.map(Scope.provide(this.fs.open(path, { flag, noFollow }), scope), (file) => {
        this.#open[slot] = { file, scope }
        return "open"
      })
    )
  }

  #use(file: FileSystem.File, use: Use): Effect.Effect<string, PlatformError> {
    switch (use._tag) {
      case "seek":
        return Effect.map(file.seek(BigInt(use.offset), use.from), String)
      case "read": {
        const buffer = new Uint8Array(use.size)
        const position = use.position === undefined ? undefined : { position: BigInt(use.position) }
        return Effect.map(file.read(buffer, position), (count) => `${count} ${summary(buffer)}`)
      }
      case "readAlloc": {
        const position = use.position === undefined ? undefined : { position: BigInt(use.position) }
        return Effect.map(
          file.readAlloc(use.size, position),
          Option.match({ onNone: () => "end", onSome: (bytes) => summary(bytes) })
        )
      }
      case "write":
        return Effect.map(file.write(filled(use.size, use.fill)), String)
      case "writeAll":
        return Effect.as(file.writeAll(filled(use.size, use.fill)), "done")
      case "truncate":
        return Effect.as(file.truncate(use.size), "done")
      case "stat":
        return Effect.map(file.stat, describeInfo)
      case "sync":
        return Effect.as(file.sync, "done")
    }
  }

  close(slot: number): Effect.Effect<string | undefined> {
    const found = this.#open[slot]
    if (found === undefined) return Effect.succeed(undefined)
    this.#open[slot] = undefined
    return Effect.as(Scope.close(found.scope, Exit.void), "closed")
  }

  /** All that is under the root, as lines in the order of paths. */
  readonly tree: Effect.Effect<ReadonlyArray<string>, PlatformError> = Effect.suspend(() => this.#lines(this.root))

  #lines(path: string): Effect.Effect<ReadonlyArray<string>, PlatformError> {
    const { fs } = this
    return Effect.flatMap(fs.lstat(path), (info) => {
      const line = (content: string) => `${path.slice(this.root.length)} ${describeInfo(info)} ${content}`
      if (info.type === "File") return Effect.map(fs.readFile(path), (bytes) => [line(summary(bytes))])
      if (info.type === "SymbolicLink") {
        return Effect.map(fs.readLink(path), (target) => [line(this.#plain(target))])
      }
      return Effect.map(
        Effect.flatMap(fs.readDirectory(path), (names) =>
          Effect.forEach(names.sort(), (name) => this.#lines(`${path}/${name}`))
        ),
        (inside) => [line(""), ...inside.flat()]
      )
    })
  }
}
