/**
 * effect's `FileSystem` in plain maps: what an operation costs where nothing is kept, verified or undone.
 *
 * - A folder is a map from names to nodes, a file an array of bytes. Paths are taken apart and walked folder by folder, symbolic
 *   links followed; what is missing or of another kind fails with the tag that Node's file system gives.
 * - Bytes are copied in and out, so that callers may change theirs. Times come from the `Clock`.
 * - An operation is one effect, and `exists` is asked of the maps instead of being made of a failure. What no row measures dies.
 */
import { Clock, Effect, FileSystem, Option, PlatformError, Scope, Stream } from "effect"
import * as ByteSize from "effect/ByteSize"

interface Attributes {
  readonly number: number
  mode: number
  links: number
  accessTime: number
  modifyTime: number
  readonly birthTime: number
}

interface FileNode extends Attributes {
  readonly type: "File"
  /** As long as the file, or longer: what comes after its end is spare. */
  bytes: Uint8Array
  size: number
}

interface FolderNode extends Attributes {
  readonly type: "Directory"
  readonly entries: Map<string, Node>
}

interface LinkNode extends Attributes {
  readonly type: "SymbolicLink"
  readonly target: string
}

type Node = FileNode | FolderNode | LinkNode

/** A tag, where there is a failure. */
type Tag = PlatformError.SystemErrorTag

/** Where a name stands or could stand; no name stands for the root. */
interface Place {
  readonly folder: FolderNode
  readonly name: string
  readonly node: Node | undefined
}

const SYMBOLIC_LINKS_MAX = 40
const TYPE_BITS = { File: 0o100000, Directory: 0o040000, SymbolicLink: 0o120000 } as const

const systemError = (method: string, path: string, tag: Tag): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: tag, module: "FileSystem", method, pathOrDescriptor: path })

const isPlace = (found: Place | Tag): found is Place => typeof found !== "string"

const isFolder = (node: Node | undefined): node is FolderNode => node?.type === "Directory"

const infoOf = (node: Node): FileSystem.File.Info => ({
  type: node.type,
  mtime: Option.some(new Date(node.modifyTime)),
  atime: Option.some(new Date(node.accessTime)),
  birthtime: Option.some(new Date(node.birthTime)),
  dev: BigInt(1),
  rdev: Option.some(BigInt(0)),
  ino: Option.some(BigInt(node.number)),
  mode: TYPE_BITS[node.type] | node.mode,
  nlink: Option.some(BigInt(node.links)),
  uid: Option.some(0),
  gid: Option.some(0),
  size: ByteSize.bytes(BigInt(node.type === "File" ? node.size : node.type === "Directory" ? node.entries.size : 0)),
  blksize: Option.some(ByteSize.bytes(BigInt(4096))),
  blocks: Option.none()
})

const unmeasured = (): Effect.Effect<never> => Effect.die(new Error("no row measures this"))

/** A file system with nothing in it. */
export const make = (): FileSystem.FileSystem => {
  let nextNumber = 1
  const attributes = (mode: number, time: number): Attributes => ({
    number: nextNumber++,
    mode,
    links: 1,
    accessTime: time,
    modifyTime: time,
    birthTime: time
  })
  const root: FolderNode = { type: "Directory", entries: new Map(), ...attributes(0o755, 0) }

  /** Walks a path; a symbolic link at its end is followed if `follow`. */
  const walk = (path: string, follow: boolean): Place | Tag => {
    if (path === "") return "NotFound"
    if (path.includes("\0")) return "InvalidData"
    const trail = [root]
    const rest = path.split("/").toReversed()
    const needsFolder = rest[0] === ""
    let links = 0
    while (rest.length > 0) {
      const name = rest.pop()!
      if (name === "" || name === ".") continue
      if (name === "..") {
        if (trail.length > 1) trail.pop()
        continue
      }
      const folder = trail[trail.length - 1]
      const node = folder.entries.get(name)
      const isLast = rest.length === 0 || (rest.length === 1 && rest[0] === "")
      if (node?.type === "SymbolicLink" && (!isLast || follow || needsFolder)) {
        if (++links > SYMBOLIC_LINKS_MAX) return "BadResource"
        if (node.target.startsWith("/")) trail.length = 1
        rest.push(...node.target.split("/").toReversed())
        continue
      }
      if (isLast) return needsFolder && node !== undefined && !isFolder(node) ? "BadResource" : { folder, name, node }
      if (node === undefined) return "NotFound"
      if (!isFolder(node)) return "BadResource"
      trail.push(node)
    }
    const folder = trail[trail.length - 1]
    return { folder, name: "", node: folder }
  }

  const nodeAt = (path: string, follow: boolean): Node | Tag => {
    const place = walk(path, follow)
    return isPlace(place) ? (place.node ?? "NotFound") : place
  }

  const fileAt = (path: string): FileNode | Tag => {
    const node = nodeAt(path, true)
    return typeof node === "string" ? node : node.type === "File" ? node : "BadResource"
  }

  /** An operation: what it answers, or the tag that it fails with. */
  const operation = <A>(
    method: string,
    path: string,
    f: () => A | Failed
  ): Effect.Effect<A, PlatformError.PlatformError> =>
    Effect.suspend(() => {
      const value = f()
      return value instanceof Failed ? Effect.fail(systemError(method, path, value.tag)) : Effect.succeed(value)
    })

  /** The same with the time. */
  const change = <A>(
    method: string,
    path: string,
    f: (time: number) => A | Failed
  ): Effect.Effect<A, PlatformError.PlatformError> =>
    Effect.withFiber((fiber) => {
      const value = f(fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())
      return value instanceof Failed ? Effect.fail(systemError(method, path, value.tag)) : Effect.succeed(value)
    })

  const put = ({ folder, name }: Place, node: Node, time: number): void => {
    folder.entries.set(name, node)
    folder.modifyTime = time
  }

  const drop = ({ folder, name }: Place, time: number): void => {
    folder.entries.delete(name)
    folder.modifyTime = time
  }

  const resize = (file: FileNode, size: number, time: number): void => {
    if (size > file.bytes.length) {
      const grown = new Uint8Array(Math.max(size, 2 * file.size))
      grown.set(file.bytes.subarray(0, file.size))
      file.bytes = grown
    } else if (size > file.size) file.bytes.fill(0, file.size, size)
    file.size = size
    file.modifyTime = time
  }

  /** Finds or makes the file that a flag opens. */
  const opened = (path: string, flag: string, mode: number, time: number): FileNode | Failed => {
    const place = walk(path, !flag.includes("x"))
    if (!isPlace(place)) return new Failed(place)
    const { node } = place
    if (node === undefined) {
      if (flag.startsWith("r")) return new Failed("NotFound")
      if (path.endsWith("/")) return new Failed("BadResource")
      const made: FileNode = { type: "File", bytes: NOTHING, size: 0, ...attributes(mode, time) }
      put(place, made, time)
      return made
    }
    if (flag.includes("x")) return new Failed("AlreadyExists")
    if (node.type !== "File") return new Failed("BadResource")
    if (flag.startsWith("w")) resize(node, 0, time)
    return node
  }

  const handle = (path: string, file: FileNode, flag: string): FileSystem.File => {
    let cursor = 0
    const isAppending = flag.startsWith("a")
    const read = (target: Uint8Array, position: bigint | undefined): number => {
      const from = position === undefined ? cursor : Number(position)
      const count = Math.max(0, Math.min(target.length, file.size - from))
      target.set(file.bytes.subarray(from, from + count))
      if (position === undefined) cursor += count
      return count
    }
    const write = (bytes: Uint8Array, time: number): number => {
      const from = isAppending ? file.size : cursor
      resize(file, Math.max(file.size, from + bytes.length), time)
      file.bytes.set(bytes, from)
      if (!isAppending) cursor += bytes.length
      return bytes.length
    }
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      stat: operation("stat", path, () => infoOf(file)),
      sync: Effect.void,
      seek: (offset, from) =>
        Effect.sync(() => {
          cursor = Number(offset) + (from === "start" ? 0 : cursor)
          return BigInt(cursor)
        }),
      read: (buffer, options) => operation("read", path, () => read(buffer, options?.position)),
      readAlloc: (size, options) =>
        operation("readAlloc", path, () => {
          const buffer = new Uint8Array(size)
          const count = read(buffer, options?.position)
          return count === 0 ? Option.none() : Option.some(count === size ? buffer : buffer.slice(0, count))
        }),
      truncate: (length = 0) => change("truncate", path, (time) => resize(file, length, time)),
      write: (buffer) => change("write", path, (time) => write(buffer, time)),
      writeAll: (buffer) => Effect.asVoid(change("writeAll", path, (time) => write(buffer, time)))
    }
  }

  const writeBytes = (path: string, data: Uint8Array, flag: string, mode: number, time: number): void | Failed => {
    const file = opened(path, flag, mode, time)
    if (file instanceof Failed) return file
    const from = flag.startsWith("a") ? file.size : 0
    if (from === 0 && file.bytes.length < data.length) {
      file.bytes = data.slice()
      file.size = data.length
      file.modifyTime = time
      return
    }
    resize(file, Math.max(file.size, from + data.length), time)
    file.bytes.set(data, from)
  }

  const base = FileSystem.make({
    access: (path) =>
      operation("access", path, () => {
        const node = nodeAt(path, true)
        return typeof node === "string" ? new Failed(node) : undefined
      }),
    chmod: unmeasured,
    chown: unmeasured,
    copy: unmeasured,
    copyFile: (from, to) =>
      change("copyFile", from, (time) => {
        const source = fileAt(from)
        if (typeof source === "string") return new Failed(source)
        return writeBytes(to, source.bytes.subarray(0, source.size), "w", source.mode, time)
      }),
    link: unmeasured,
    lstat: (path) =>
      operation("lstat", path, () => {
        const node = nodeAt(path, false)
        return typeof node === "string" ? new Failed(node) : infoOf(node)
      }),
    makeDirectory: (path, options) =>
      change("makeDirectory", path, (time): void | Failed => {
        if (options?.recursive === true) {
          const upTo = path.split("/")
          for (let depth = 1; depth < upTo.length; depth++) {
            const place = walk(upTo.slice(0, depth).join("/") || "/", true)
            if (!isPlace(place)) return new Failed(place)
            if (place.node === undefined) put(place, folderNode(attributes(0o755, time)), time)
          }
        }
        const place = walk(path, false)
        if (!isPlace(place)) return new Failed(place)
        if (place.node !== undefined) {
          return options?.recursive === true && isFolder(place.node) ? undefined : new Failed("AlreadyExists")
        }
        put(place, folderNode(attributes(options?.mode ?? 0o755, time)), time)
      }),
    makeTempDirectory: unmeasured,
    makeTempDirectoryScoped: unmeasured,
    makeTempFile: unmeasured,
    makeTempFileScoped: unmeasured,
    open: (path, options) =>
      Effect.flatMap(Effect.scope, (scope) => {
        const flag = options?.flag ?? "r"
        const made = change("open", path, (time) => {
          const file = opened(path, flag, options?.mode ?? 0o644, time)
          return file instanceof Failed ? file : handle(path, file, flag)
        })
        // Nothing is to be closed, but a layer that holds files open would have to.
        return Effect.tap(made, () => Scope.addFinalizer(scope, Effect.void))
      }),
    readDirectory: (path) =>
      operation("readDirectory", path, () => {
        const node = nodeAt(path, true)
        if (typeof node === "string") return new Failed(node)
        return isFolder(node) ? [...node.entries.keys()] : new Failed("BadResource")
      }),
    readDirectoryEntries: unmeasured,
    readFile: (path) =>
      operation("readFile", path, () => {
        const file = fileAt(path)
        return typeof file === "string" ? new Failed(file) : file.bytes.slice(0, file.size)
      }),
    readLink: unmeasured,
    realPath: unmeasured,
    remove: (path, options) =>
      change("remove", path, (time): void | Failed => {
        const place = walk(path, false)
        if (!isPlace(place)) return options?.force === true && place === "NotFound" ? undefined : new Failed(place)
        if (place.node === undefined) return options?.force === true ? undefined : new Failed("NotFound")
        if (place.name === "") return new Failed("Busy")
        if (isFolder(place.node) && options?.recursive !== true) return new Failed("Unknown")
        drop(place, time)
      }),
    rename: (from, to) =>
      change("rename", from, (time): void | Failed => {
        const source = walk(from, false)
        if (!isPlace(source)) return new Failed(source)
        const goal = walk(to, false)
        if (!isPlace(goal)) return new Failed(goal)
        if (source.node === undefined) return new Failed("NotFound")
        if (source.name === "" || goal.name === "") return new Failed("Busy")
        if (source.node === goal.node) return
        if (goal.node !== undefined) {
          if (isFolder(source.node) !== isFolder(goal.node)) return new Failed("BadResource")
          if (isFolder(goal.node) && goal.node.entries.size > 0) return new Failed("Unknown")
        }
        if (isFolder(source.node) && isInside(source.node, goal.folder)) return new Failed("Unknown")
        drop(source, time)
        put(goal, source.node, time)
      }),
    stat: (path) =>
      operation("stat", path, () => {
        const node = nodeAt(path, true)
        return typeof node === "string" ? new Failed(node) : infoOf(node)
      }),
    symlink: (target, path) =>
      change("symlink", path, (time): void | Failed => {
        const place = walk(path, false)
        if (!isPlace(place)) return new Failed(place)
        if (place.node !== undefined) return new Failed("AlreadyExists")
        put(place, { type: "SymbolicLink", target, ...attributes(0o777, time) }, time)
      }),
    truncate: (path, length = 0) =>
      change("truncate", path, (time) => {
        const file = fileAt(path)
        return typeof file === "string" ? new Failed(file) : resize(file, Number(length), time)
      }),
    utimes: unmeasured,
    watch: () => Stream.die(new Error("no row measures this")),
    writeFile: (path, data, options) =>
      change("writeFile", path, (time) => writeBytes(path, data, options?.flag ?? "w", options?.mode ?? 0o644, time))
  })
  return {
    ...base,
    exists: (path) =>
      operation("exists", path, () => {
        const node = nodeAt(path, true)
        return typeof node !== "string" ? true : node === "NotFound" ? false : new Failed(node)
      })
  }
}

/** What an operation fails with. */
class Failed {
  readonly tag: Tag
  constructor(tag: Tag) {
    this.tag = tag
  }
}

const NOTHING = new Uint8Array(0)

const folderNode = (attributes: Attributes): FolderNode => ({ type: "Directory", entries: new Map(), ...attributes })

const isInside = (above: FolderNode, folder: FolderNode): boolean => {
  if (above === folder) return true
  for (const node of above.entries.values()) if (isFolder(node) && isInside(node, folder)) return true
  return false
}
