/**
 * A folder of the host with all that is under it, as one walk found it: what `import` takes.
 *
 * - Entries stand in the order in which they are made: a folder before its entries, the entries of one folder together and in
 *   the byte order of their names.
 * - Symbolic links are never followed, but for the one that the user names.
 * - What a volume cannot hold is refused by name: sockets, pipes and devices; names that are not Unicode.
 */
import * as fs from "node:fs"
import * as nodePath from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type HostError, hostError, printable, Refused } from "./Failure.ts"

export type Type = "file" | "folder" | "link"

export interface Entry {
  /** The index of the folder that it is in; -1 for the first entry, which is what was asked for. */
  readonly parent: number
  readonly name: string
  readonly type: Type
  readonly stat: fs.BigIntStats
}

export interface HostTree {
  /** The path of the first entry. */
  readonly root: string
  readonly entries: ReadonlyArray<Entry>
  /** Of all files. */
  readonly byteCount: number
}

/** The path of an entry of the folder at `path`. */
export const childPath = (path: string, name: string): string => (path.endsWith("/") ? path + name : `${path}/${name}`)

/** The path of an entry on the host. */
export const pathOf = (tree: HostTree, index: number): string => {
  const names: Array<string> = []
  for (let at = index; tree.entries[at].parent >= 0; at = tree.entries[at].parent) names.push(tree.entries[at].name)
  return nodePath.join(tree.root, ...names.toReversed())
}

/** Runs a call of `node:fs`. */
export const attempt = <A>(path: string, doing: string, f: () => A): Effect.Effect<A, HostError> =>
  Effect.try({ try: f, catch: (cause) => hostError(path, doing, cause) })

const typeOf = (stat: fs.BigIntStats): Option.Option<Type> =>
  stat.isFile()
    ? Option.some("file")
    : stat.isDirectory()
      ? Option.some("folder")
      : stat.isSymbolicLink()
        ? Option.some("link")
        : Option.none()

const special = (stat: fs.BigIntStats): string => (stat.isSocket() ? "a socket" : stat.isFIFO() ? "a pipe" : "a device")

const refuse = (path: string, reason: string): Refused => new Refused({ reason: `${printable(path)} ${reason}` })

const lstat = (path: string): fs.BigIntStats => fs.lstatSync(path, { bigint: true })

/** The names in a folder, in byte order. Undecodable ones are found by what decoding puts in their place. */
const namesIn = (path: string): ReadonlyArray<string> => {
  const names = fs.readdirSync(path)
  if (names.some((name) => name.includes("\ufffd"))) {
    const decoder = new TextDecoder("utf-8", { fatal: true })
    for (const bytes of fs.readdirSync(path, { encoding: "buffer" })) {
      try {
        decoder.decode(bytes)
      } catch {
        const name = bytes.toString("latin1")
        throw refuse(path, `holds the name ${JSON.stringify(name)}, which is not Unicode (UTF-8). Rename or remove it.`)
      }
    }
  }
  return names.sort(compareBytes)
}

/** UTF-16 order is byte order but for surrogates. */
const compareBytes = (a: string, b: string): number =>
  // oxlint-disable-next-line no-control-regex
  /^[\u0000-\ud7ff]*$/.test(a + b) ? (a < b ? -1 : a > b ? 1 : 0) : Buffer.compare(Buffer.from(a), Buffer.from(b))

/**
 * Walks the tree at `root`; a symbolic link there is followed if `follow`. The file `image` must not be in it: it changes
 * while it takes in the others.
 */
export const walk = Effect.fnUntraced(function* (root: string, image: string, follow: boolean) {
  const imageStat = yield* attempt(image, "looking at", () => fs.statSync(image, { bigint: true }))
  const stat = yield* attempt(root, "looking at", () => (follow ? fs.statSync(root, { bigint: true }) : lstat(root)))
  const type = typeOf(stat)
  if (Option.isNone(type)) return yield* refuse(root, `is ${special(stat)}, which a volume cannot hold.`)
  const entries: Array<Entry> = [{ parent: -1, name: nodePath.basename(root), type: type.value, stat }]
  const folders = [{ index: 0, path: root }]
  let byteCount = 0
  const isImage = (found: fs.BigIntStats): boolean => found.dev === imageStat.dev && found.ino === imageStat.ino

  /** Takes in the entries of one folder. */
  const enter = (index: number, path: string): void => {
    const found: Array<{ readonly index: number; readonly path: string }> = []
    for (const name of namesIn(path)) {
      const entryPath = childPath(path, name)
      const entryStat = lstat(entryPath)
      const entryType = typeOf(entryStat)
      if (Option.isNone(entryType)) {
        throw refuse(
          entryPath,
          `is ${special(entryStat)}, which a volume cannot hold. Remove it, or import what is beside it.`
        )
      }
      if (isImage(entryStat)) throw refuse(entryPath, "is the image itself. Move it out of the folder.")
      if (entryType.value === "file") byteCount += Number(entryStat.size)
      if (entryType.value === "folder") found.push({ index: entries.length, path: entryPath })
      entries.push({ parent: index, name, type: entryType.value, stat: entryStat })
    }
    // The first of them is the next to be entered.
    for (const folder of found.toReversed()) folders.push(folder)
  }

  if (type.value === "file") {
    if (isImage(stat)) return yield* refuse(root, "is the image itself.")
    byteCount = Number(stat.size)
  }
  if (type.value === "folder") {
    for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
      const { index, path } = next
      yield* Effect.try({
        try: () => enter(index, path),
        catch: (cause) => (cause instanceof Refused ? cause : hostError(path, "reading", cause))
      })
    }
  }
  return { root, entries, byteCount } satisfies HostTree
})
