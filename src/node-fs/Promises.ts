/**
 * An object of the shape of `node:fs/promises` on a volume, for libraries that take an `fs`.
 *
 * - Each call is atomic and, where the volume's durability is `"commit"`, durable when its promise is fulfilled.
 * - It answers, and fails, as Node does; what differs stands in `docs/decisions/0017-where-node-fs-differs.md`.
 * - Relative paths begin at the root.
 */
import * as nodeFs from "node:fs"
import * as nodePath from "node:path"
import * as Effect from "effect/Effect"
import type { Operation } from "../shell/FileOperation.ts"
import * as FileCopy from "../shell/FileCopy.ts"
import * as Files from "../shell/Files.ts"
import * as Arguments from "./Arguments.ts"
import type { Caller } from "./Caller.ts"
import { Dir } from "./Dir.ts"
import { Handle } from "./Handle.ts"
import * as Trees from "./Trees.ts"
import * as Watching from "./Watching.ts"
import * as Stats from "./Stats.ts"
import * as Streams from "./Streams.ts"
import * as SystemError from "./SystemError.ts"
import * as Temporary from "./Temporary.ts"

type PathArgument = Arguments.PathArgument
type Mode = number | string

interface ReadFileOptions {
  readonly encoding?: BufferEncoding | null | undefined
  readonly flag?: string | number | undefined
  readonly signal?: AbortSignal | undefined
}

interface WriteFileOptions extends ReadFileOptions {
  readonly mode?: Mode | undefined
  readonly flush?: boolean | undefined
}

interface ReadFolderOptions {
  readonly encoding?: BufferEncoding | "buffer" | null | undefined
  readonly withFileTypes?: boolean | undefined
  readonly recursive?: boolean | undefined
}

interface MakeFolderOptions {
  readonly recursive?: boolean | undefined
  readonly mode?: Mode | undefined
}

/** Of the calls that Node takes a file to be opened by. */
const isFolderError = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EISDIR"

/** The functions of `node:fs/promises`, with its streams and constants. */
export type Promises = ReturnType<typeof make>

export const make = (caller: Caller) => {
  const { umask, volume } = caller

  const call = async <A>(syscall: string, path: string, operation: Operation<A>, dest?: string): Promise<A> =>
    caller.call(dest === undefined ? { syscall, path } : { syscall, path, dest }, operation)

  /** A call on one path. */
  const onPath =
    <Rest extends ReadonlyArray<unknown>, A>(syscall: string, f: (path: string, ...rest: Rest) => Operation<A>) =>
    async (path: PathArgument, ...rest: Rest): Promise<A> => {
      const text = Arguments.path(path, syscall)
      return call(syscall, text, f(text, ...rest))
    }

  /** A call from one path to another. */
  const onPaths =
    <A>(syscall: string, names: readonly [string, string], f: (from: string, to: string) => Operation<A>) =>
    async (from: PathArgument, to: PathArgument): Promise<A> => {
      const [path, dest] = [Arguments.path(from, syscall, names[0]), Arguments.path(to, syscall, names[1])]
      return call(syscall, path, f(path, dest), dest)
    }

  const open = async (path: PathArgument, flags?: unknown, mode?: unknown): Promise<Handle> =>
    Handle.open(caller, Arguments.path(path, "open"), flags, mode)

  // ---- looking

  const statAs = (syscall: string, look: typeof Files.stat) => {
    async function answer(path: PathArgument, options: { readonly bigint: true }): Promise<nodeFs.BigIntStats>
    async function answer(path: PathArgument, options?: { readonly bigint?: false | undefined }): Promise<nodeFs.Stats>
    async function answer(path: PathArgument, options?: { readonly bigint?: boolean | undefined }) {
      const text = Arguments.path(path, syscall)
      const stat = await call(syscall, text, look(volume, text))
      return options?.bigint === true ? Stats.makeBigint(volume, stat) : Stats.make(volume, stat)
    }
    return answer
  }

  const access = async (path: PathArgument, mode = nodeFs.constants.F_OK): Promise<void> => {
    const text = Arguments.path(path, "access")
    const wanted = Arguments.integer(mode, "mode", 0, 7)
    const { mode: bits, type } = await call("access", text, Files.stat(volume, text))
    const failed = (code: string) => SystemError.make(code, { syscall: "access", path: text })
    if ((wanted & nodeFs.constants.W_OK) !== 0 && volume.facts.readOnly) throw failed("EROFS")
    const isExecuted = (wanted & nodeFs.constants.X_OK) !== 0
    if (isExecuted && type === "File" && (bits & 0o111) === 0) throw failed("EACCES")
  }

  const statfs = async (path: PathArgument, options?: { readonly bigint?: boolean }) => {
    const text = Arguments.path(path, "statfs")
    await call("statfs", text, Files.stat(volume, text))
    const { allocatable, free, inodeCount, pageBytes, size } = await caller.run(volume.statistics)
    const found = {
      type: 0,
      bsize: pageBytes,
      blocks: size / pageBytes,
      bfree: free / pageBytes,
      bavail: Math.max(0, allocatable) / pageBytes,
      files: inodeCount,
      ffree: 0
    }
    return options?.bigint === true
      ? Object.fromEntries(Object.entries(found).map(([name, count]) => [name, BigInt(Math.floor(count))]))
      : found
  }

  // ---- content

  async function readFile(
    path: PathArgument | Handle,
    options: (ReadFileOptions & { readonly encoding: BufferEncoding }) | BufferEncoding
  ): Promise<string>
  async function readFile(
    path: PathArgument | Handle,
    options?: (ReadFileOptions & { readonly encoding?: null | undefined }) | null
  ): Promise<Buffer>
  async function readFile(
    path: PathArgument | Handle,
    options?: ReadFileOptions | BufferEncoding | null
  ): Promise<string | Buffer>
  async function readFile(path: PathArgument | Handle, options?: ReadFileOptions | BufferEncoding | null) {
    if (path instanceof Handle) return path.readFile(options)
    const wanted = Arguments.encoding(options)
    const { flag, signal } = typeof options === "object" && options !== null ? options : {}
    Arguments.checkSignal(signal)
    const text = Arguments.path(path, "open")
    const way = Arguments.flags(flag).way
    let content: Uint8Array
    if (way.isCreating || way.isEmptying || way.isWriting) {
      const handle = await open(text, flag)
      content = (await handle.readFile({ signal }).finally(async () => handle.close())) as Buffer
    } else {
      content = await call("open", text, Files.readFile(volume, text)).catch((error: unknown) => {
        throw isFolderError(error) ? SystemError.make("EISDIR", { syscall: "read" }, (error as Error).cause) : error
      })
    }
    Arguments.checkSignal(signal)
    const buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    return wanted === undefined || wanted === "buffer" ? buffer : buffer.toString(wanted)
  }

  const writeWith =
    (flagByDefault: string) =>
    async (path: PathArgument | Handle, data: unknown, options?: WriteFileOptions | BufferEncoding | null) => {
      if (path instanceof Handle) return path.writeFile(data, options)
      const { flag: flagGiven, mode, signal } = typeof options === "object" && options !== null ? options : {}
      // To Node, 0 is no flag.
      const flag = flagGiven || flagByDefault
      Arguments.checkSignal(signal)
      const text = Arguments.path(path, "open")
      const encoding = Arguments.encoding(options) ?? "utf8"
      const bytes = await Arguments.content(data, encoding === "buffer" ? "utf8" : encoding, signal)
      Arguments.checkSignal(signal)
      const bits = (Arguments.mode(mode) ?? 0o666) & ~umask
      const { isAppending, noFollow, way } = Arguments.flags(flag)
      if (flag === "w" || (flag === "a" && bytes.length > 0)) {
        return call("open", text, Files.writeFile(volume, text, bytes, { flag, mode: bits }))
      }
      const written = Effect.scoped(
        Effect.flatMap(Files.open(volume, text, { flag: way, mode: bits, noFollow }), (file) =>
          Effect.asVoid(bytes.length === 0 ? Effect.void : isAppending ? file.append(bytes) : file.write(0, bytes))
        )
      )
      return call("open", text, volume.transaction(written))
    }

  const truncate = async (path: PathArgument, length = 0): Promise<void> => {
    const handle = await open(path, "r+")
    await handle.truncate(length).finally(async () => handle.close())
  }

  const copyFile = async (from: PathArgument, to: PathArgument, mode = 0): Promise<void> => {
    const path = Arguments.path(from, "copyfile", "src")
    const dest = Arguments.path(to, "copyfile", "dest")
    const isExclusive = (Arguments.integer(mode, "mode", 0, 7) & nodeFs.constants.COPYFILE_EXCL) !== 0
    const exclusively = Effect.gen(function* () {
      yield* Files.stat(volume, path)
      yield* Files.open(volume, dest, { flag: "wx" })
      yield* FileCopy.copyFile(volume, path, dest)
    })
    const copied = isExclusive ? volume.transaction(Effect.scoped(exclusively)) : FileCopy.copyFile(volume, path, dest)
    await call("copyfile", path, copied, dest)
  }

  // ---- folders

  const mkdir = async (path: PathArgument, options?: MakeFolderOptions | Mode | null): Promise<string | undefined> => {
    const text = Arguments.path(path, "mkdir")
    const given = typeof options === "object" && options !== null ? options : { mode: options ?? undefined }
    const mode = (Arguments.mode(given.mode) ?? 0o777) & ~umask
    if (given.recursive !== true) {
      await call("mkdir", text, Files.makeFolder(volume, text, { mode }))
      return undefined
    }
    return Trees.makeFolders(caller, text, mode)
  }

  const entriesOf = async (text: string, isRecursive: boolean) =>
    isRecursive
      ? (await call("scandir", text, Files.walk(volume, text))).map(({ path, type }) => ({ path, type }))
      : (await call("scandir", text, Files.readFolder(volume, text))).map(({ name, type }) => ({ path: name, type }))

  async function readdir(
    path: PathArgument,
    options: ReadFolderOptions & { readonly withFileTypes: true }
  ): Promise<Array<nodeFs.Dirent>>
  async function readdir(
    path: PathArgument,
    options?: (ReadFolderOptions & { readonly withFileTypes?: false | undefined }) | BufferEncoding | "buffer" | null
  ): Promise<Array<string>>
  async function readdir(path: PathArgument, options?: ReadFolderOptions | BufferEncoding | "buffer" | null) {
    const text = Arguments.path(path, "scandir")
    const wanted = Arguments.encoding(options)
    const { recursive = false, withFileTypes = false } = typeof options === "object" && options !== null ? options : {}
    const entries = await entriesOf(text, recursive)
    if (!withFileTypes) return entries.map((entry) => Arguments.encoded(entry.path, wanted))
    return entries.map((entry) => {
      const cut = entry.path.lastIndexOf("/")
      const parent = cut < 0 ? text : nodePath.posix.join(text, entry.path.slice(0, cut))
      return Stats.dirent(Arguments.encoded(entry.path.slice(cut + 1), wanted), entry.type, parent)
    })
  }

  const opendir = async (path: PathArgument, options?: { readonly recursive?: boolean }): Promise<Dir> => {
    const text = Arguments.path(path, "opendir")
    const recursive = options?.recursive ?? false
    const entries = await readdir(text, { withFileTypes: true, recursive }).catch((error: unknown) => {
      const { code, cause } = error as NodeJS.ErrnoException
      throw code === undefined ? error : SystemError.make(code, { syscall: "opendir", path: text }, cause)
    })
    return new Dir(text, entries)
  }

  /** All paths below `cwd` that match. */
  async function* glob(
    pattern: string | ReadonlyArray<string>,
    options: { readonly cwd?: string | undefined; readonly exclude?: ((path: string) => boolean) | undefined } = {}
  ): AsyncGenerator<string> {
    const patterns = typeof pattern === "string" ? [pattern] : pattern
    for (const { path } of await entriesOf(options.cwd ?? "/", true)) {
      const isWanted = patterns.some((one) => nodePath.posix.matchesGlob(path, one))
      if (isWanted && options.exclude?.(path) !== true) yield path
    }
  }

  // ---- links

  const symlink = async (target: PathArgument, path: PathArgument, _type?: string | null): Promise<void> => {
    const [from, to] = [Arguments.path(target, "symlink", "target"), Arguments.path(path, "symlink")]
    await call("symlink", from, Files.symlink(volume, from, to), to)
  }

  const textAs =
    (syscall: string, look: typeof Files.readLink) =>
    async (path: PathArgument, options?: BufferEncoding | "buffer" | { readonly encoding?: string | null } | null) => {
      const text = Arguments.path(path, syscall)
      return Arguments.encoded(await call(syscall, text, look(volume, text)), Arguments.encoding(options)) as string
    }

  const link = async (from: PathArgument, to: PathArgument): Promise<void> => {
    const [path, dest] = [Arguments.path(from, "link", "existingPath"), Arguments.path(to, "link", "newPath")]
    await call("link", path, Files.link(volume, path, dest), dest).catch((error: unknown) => {
      // What has no second name is refused by the system as a matter of rights.
      throw isFolderError(error)
        ? SystemError.make("EPERM", { syscall: "link", path, dest }, (error as Error).cause)
        : error
    })
  }

  // ---- attributes

  const times = (accessed: Arguments.TimeArgument, modified: Arguments.TimeArgument) => ({
    accessTime: Arguments.time(accessed, "atime"),
    modifyTime: Arguments.time(modified, "mtime")
  })

  const promises = {
    constants: nodeFs.constants,
    access,
    appendFile: writeWith("a"),
    chmod: onPath("chmod", (path, mode: Mode) => Files.changeAttributes(volume, path, { mode: Arguments.mode(mode) })),
    chown: onPath("chown", (path, uid: number, gid: number) =>
      Files.changeAttributes(volume, path, Arguments.owner(uid, gid))
    ),
    copyFile,
    cp: async (from: PathArgument, to: PathArgument, options?: Trees.CopyOptions) =>
      Trees.copyTree(caller, Arguments.path(from, "cp", "src"), Arguments.path(to, "cp", "dest"), options),
    glob,
    lchown: onPath("lchown", (path, uid: number, gid: number) =>
      Files.changeLinkAttributes(volume, path, Arguments.owner(uid, gid))
    ),
    link,
    lstat: statAs("lstat", Files.lstat),
    lutimes: onPath("lutime", (path, accessed: Arguments.TimeArgument, modified: Arguments.TimeArgument) =>
      Files.changeLinkAttributes(volume, path, times(accessed, modified))
    ),
    mkdir,
    mkdtemp: async (prefix: PathArgument) => Temporary.makeFolder(caller, Arguments.path(prefix, "mkdtemp", "prefix")),
    open,
    opendir,
    readFile,
    readdir,
    readlink: textAs("readlink", Files.readLink),
    realpath: textAs("realpath", Files.realPath),
    rename: onPaths("rename", ["oldPath", "newPath"], (from, to) => Files.rename(volume, from, to)),
    rm: async (path: PathArgument, options?: Trees.Options) =>
      Trees.remove(caller, Arguments.path(path, "rm"), options),
    rmdir: onPath("rmdir", (path) => Files.removeFolder(volume, path)),
    stat: statAs("stat", Files.stat),
    statfs,
    symlink,
    truncate,
    unlink: onPath("unlink", (path) => Files.unlink(volume, path)),
    utimes: onPath("utime", (path, accessed: Arguments.TimeArgument, modified: Arguments.TimeArgument) =>
      Files.changeAttributes(volume, path, times(accessed, modified))
    ),
    watch: (path: PathArgument, options?: Watching.Options) =>
      Watching.watch(caller, Arguments.path(path, "watch", "filename"), options),
    writeFile: writeWith("w")
  }

  return {
    ...promises,
    /** Where libraries look that take the whole of `fs`. */
    promises,
    createReadStream: (path: PathArgument, options?: Streams.ReadOptions) =>
      Streams.reading(open, Arguments.path(path, "open"), options),
    createWriteStream: (path: PathArgument, options?: Streams.WriteOptions) =>
      Streams.writing(open, Arguments.path(path, "open"), options)
  }
}
