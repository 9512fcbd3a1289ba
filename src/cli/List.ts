/**
 * `notafs ls`, `notafs tree` and `notafs stat`: what is in a volume.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Files from "../shell/Files.ts"
import * as Folders from "../shell/Folders.ts"
import { Volume } from "../shell/Volume.ts"
import { printable } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Location from "./Location.ts"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"
import * as Source from "./Source.ts"

type Service = Volume["Service"]

/** `[PATH]`, the root if it is left out. */
const pathOrRoot = Argument.String("path").pipe(
  Argument.withDefault("/"),
  Argument.map(Location.parseInside),
  Argument.withDescription("A path in the volume (default: the root)")
)

interface Listed extends Files.Stat {
  readonly name: string
  /** Of a symbolic link. */
  readonly target: string | undefined
}

const look = Effect.fnUntraced(function* (volume: Service, name: string, path: string) {
  const stat = yield* Files.lstat(volume, path)
  const target = stat.type === "SymbolicLink" ? yield* Files.readLink(volume, path) : undefined
  return { ...stat, name, target } satisfies Listed
})

/** Whether a path is that of a folder, or, if `follow`, of a link to one. */
const leadsToFolder = Effect.fnUntraced(function* (volume: Service, path: string, follow: boolean) {
  const { type } = yield* Files.lstat(volume, path)
  if (type !== "SymbolicLink" || !follow || !(yield* Files.exists(volume, path))) return type === "Folder"
  return (yield* Files.stat(volume, path)).type === "Folder"
})

const toJson = ({ accessTime, birthTime, changeTime, mode, modifyTime, target, ...rest }: Listed) => ({
  ...rest,
  mode: Show.octal(mode),
  ...(target === undefined ? {} : { target }),
  modifyTime: Show.isoTime(modifyTime),
  accessTime: Show.isoTime(accessTime),
  changeTime: Show.isoTime(changeTime),
  birthTime: Show.isoTime(birthTime)
})

const withTarget = (name: string, target: string | undefined): string =>
  target === undefined ? printable(name) : `${printable(name)} -> ${printable(target)}`

const longLines = (found: ReadonlyArray<Listed>): ReadonlyArray<string> =>
  Show.columns(
    found.map(({ gid, links, mode, modifyTime, name, size, target, type, uid }) => [
      Show.mode(type, mode),
      links,
      uid,
      gid,
      size,
      Show.localTime(modifyTime),
      withTarget(name, target)
    ])
  )

export const ls = Command.make(
  "ls",
  {
    image: Image.argumentAt,
    snapshot: Image.snapshotFlag,
    path: pathOrRoot,
    long: Flag.Boolean("long").pipe(
      Flag.withAlias("l"),
      Flag.withDefault(false),
      Flag.withDescription("Show modes, links, owners, sizes and times")
    ),
    json: Show.jsonFlag
  },
  Effect.fnUntraced(
    function* ({ json, long, path }) {
      const volume = yield* Volume
      yield* volume.view(
        Effect.gen(function* () {
          const isFolder = yield* leadsToFolder(volume, path, !long)
          if (isFolder && !long && !json) {
            const entries = yield* Files.readFolder(volume, path)
            const lines = entries.map(({ name, type }) => printable(name) + (type === "Folder" ? "/" : ""))
            return yield* lines.length === 0 ? Effect.void : Console.log(lines.join("\n"))
          }
          const found = isFolder
            ? yield* Effect.forEach(yield* Files.readFolder(volume, path), ({ name }) =>
                look(volume, name, Source.childPath(path, name))
              )
            : [yield* look(volume, path, path)]
          if (json) return yield* Show.json(found.map(toJson))
          const lines = long ? longLines(found) : found.map(({ name }) => printable(name))
          yield* lines.length === 0 ? Effect.void : Console.log(lines.join("\n"))
        })
      )
    },
    (effect, { image, snapshot }) => Image.readingAt(image, snapshot)(effect)
  )
).pipe(Command.withDescription("List a folder of the volume"))

// ---- tree

interface Branch {
  readonly name: string
  readonly type: Files.Type
  readonly size: number
  readonly target?: string
  readonly children?: ReadonlyArray<Branch>
}

/**
 * All that is under a folder; `print` hears of each entry in turn, if anything is to be printed on the way. `entered` are the
 * folders that were listed already.
 */
const branches = (
  volume: Service,
  path: string,
  indent: string,
  entered: Set<number>,
  print: ((line: string) => Effect.Effect<void>) | undefined
): Effect.Effect<ReadonlyArray<Branch>, Files.Failure> =>
  Effect.gen(function* () {
    const entries = yield* Files.readFolder(volume, path)
    const found: Array<Branch> = []
    for (const [i, { name, number, type }] of entries.entries()) {
      const isLast = i === entries.length - 1
      const entryPath = Source.childPath(path, name)
      const { size, target } = yield* look(volume, name, entryPath)
      if (print !== undefined) {
        const facts = type === "File" ? ` (${Sizes.show(size)})` : type === "Folder" ? "/" : ""
        yield* print(`${indent}${isLast ? "└── " : "├── "}${withTarget(name, target)}${facts}`)
      }
      if (type === "Folder") yield* Folders.enter(volume, entered, number, entryPath)
      const children =
        type === "Folder"
          ? yield* branches(volume, entryPath, indent + (isLast ? "    " : "│   "), entered, print)
          : undefined
      if (print !== undefined) continue
      found.push({
        name,
        type,
        size,
        ...(target === undefined ? {} : { target }),
        ...(children === undefined ? {} : { children })
      })
    }
    return found
  })

export const tree = Command.make(
  "tree",
  { image: Image.argumentAt, snapshot: Image.snapshotFlag, path: pathOrRoot, json: Show.jsonFlag },
  Effect.fnUntraced(
    function* ({ json, path }) {
      const volume = yield* Volume
      yield* volume.view(
        Effect.gen(function* () {
          if (json) {
            const { number, size, type } = yield* Files.stat(volume, path)
            const children = yield* branches(volume, path, "", new Set([number]), undefined)
            return yield* Show.json({ name: path, type, size, children } satisfies Branch)
          }
          yield* Files.readFolder(volume, path)
          const { number } = yield* Files.stat(volume, path)
          yield* Console.log(printable(path))
          yield* branches(volume, path, "", new Set([number]), Console.log)
        })
      )
    },
    (effect, { image, snapshot }) => Image.readingAt(image, snapshot)(effect)
  )
).pipe(Command.withDescription("Show a folder of the volume and all that is under it"))

// ---- stat

export const stat = Command.make(
  "stat",
  {
    image: Image.argumentAt,
    snapshot: Image.snapshotFlag,
    path: Argument.String("path").pipe(
      Argument.map(Location.parseInside),
      Argument.withDescription("A path in the volume; a symbolic link is not followed")
    ),
    json: Show.jsonFlag
  },
  Effect.fnUntraced(
    function* ({ json, path }) {
      const volume = yield* Volume
      const found = yield* volume.view(look(volume, path, path))
      if (json) return yield* Show.json(toJson(found))
      const { accessTime, birthTime, changeTime, gid, links, mode, modifyTime, number, size, target, type, uid } = found
      yield* Console.log(
        Show.columns([
          ["path", withTarget(path, target)],
          ["type", { File: "file", Folder: "folder", SymbolicLink: "symbolic link" }[type]],
          ["size", type === "Folder" ? Show.count(size, "entry", "entries") : Show.count(size, "byte")],
          ["mode", `${Show.octal(mode)} ${Show.mode(type, mode)}`],
          ["owner", `${uid}:${gid}`],
          ["inode", String(number)],
          ["links", String(links)],
          ["modified", Show.isoTime(modifyTime)],
          ["accessed", Show.isoTime(accessTime)],
          ["changed", Show.isoTime(changeTime)],
          ["born", Show.isoTime(birthTime)]
        ]).join("\n")
      )
    },
    (effect, { image, snapshot }) => Image.readingAt(image, snapshot)(effect)
  )
).pipe(Command.withDescription("Show what is known of a file, folder or symbolic link"))
