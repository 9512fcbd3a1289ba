/**
 * `notafs cp`: copies between the host and a volume, in either direction, and inside a volume.
 */
import * as fs from "node:fs"
import * as nodePath from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Files from "../shell/Files.ts"
import { Volume } from "../shell/Volume.ts"
import * as Edit from "./Edit.ts"
import * as Exporting from "./Exporting.ts"
import { hostError, printable, Refused, WrongUsage } from "./Failure.ts"
import * as HostSource from "./HostSource.ts"
import * as Image from "./Image.ts"
import * as Importing from "./Importing.ts"
import * as Location from "./Location.ts"
import * as Progress from "./Progress.ts"
import type * as Source from "./Source.ts"
import * as VolumeSource from "./VolumeSource.ts"

type Service = Volume["Service"]

const paths = Argument.String("source... goal").pipe(
  Argument.atLeast(1),
  Argument.withDescription("Paths; @ marks those in the volume. Into the last one, if it is a folder")
)

/** Without `-r` a folder is refused. */
const expectRecursive = (source: Source.Source<unknown>, recursive: boolean): Effect.Effect<void, Refused> =>
  recursive || source.entries[0].type !== "Folder"
    ? Effect.void
    : new Refused({
        reason: `${printable(source.root)} is a folder. Nothing was copied; to copy it with all that is in it, use -r.`
      })

/** Copies a source into the volume, over a file that is in the way. */
const into = Effect.fnUntraced(function* <E>(volume: Service, source: Source.Source<E>, path: string) {
  const { type } = source.entries[0]
  if (type !== "Folder" && (yield* Files.exists(volume, path))) {
    // What a symbolic link leads to is replaced, and not the link.
    const goal = yield* Files.realPath(volume, path)
    if ((yield* Files.stat(volume, goal)).type === "File") yield* Files.unlink(volume, goal)
  }
  const goal = yield* Importing.goalAt(volume, path, type)
  const progress = yield* Progress.make("copying", source.byteCount)
  yield* Importing.run(volume, source, goal, progress.passed)
})

const inward = Effect.fnUntraced(function* (
  image: string,
  from: ReadonlyArray<Location.Location>,
  to: string,
  recursive: boolean
) {
  const volume = yield* Volume
  const copy = Effect.fnUntraced(function* ({ _tag, path }: Location.Location) {
    const name = _tag === "Host" ? nodePath.basename(path) : Edit.nameOf(path)
    const goal = yield* Edit.goalFor(volume, name, to)
    if (_tag === "Host") {
      const source = yield* HostSource.make(path, image, !recursive)
      yield* expectRecursive(source, recursive)
      yield* into(volume, source, goal)
    } else {
      const source = yield* VolumeSource.make(volume, path, !recursive)
      yield* expectRecursive(source, recursive)
      yield* refuseItself(volume, path, source, goal)
      yield* into(volume, source, goal)
    }
  }, Effect.scoped)
  const copies = Effect.gen(function* () {
    if (from.length > 1) yield* Edit.expectFolder(volume, to)
    yield* Effect.forEach(from, copy, { discard: true })
  })
  yield* volume.transaction(copies)
})

/** A folder is not copied into itself, nor a file over itself. */
const refuseItself = Effect.fnUntraced(function* (
  volume: Service,
  path: string,
  source: Source.Source<unknown>,
  goal: string
) {
  const reason = `${printable(path)} would be copied ${source.entries[0].type === "Folder" ? "into" : "over"} itself.`
  const from = yield* Files.realPath(volume, path).pipe(Effect.orElseSucceed(() => path))
  const parent = goal.replace(/\/*[^/]*\/*$/, "") || "/"
  const isSame = (yield* Files.exists(volume, goal)) && (yield* Files.realPath(volume, goal)) === from
  const above = (yield* Files.exists(volume, parent)) ? yield* Files.realPath(volume, parent) : parent
  const isInside = source.entries[0].type === "Folder" && `${above}/`.startsWith(from === "/" ? "/" : `${from}/`)
  if (isSame || isInside) return yield* new Refused({ reason })
  return undefined
})

const outward = Effect.fnUntraced(function* (from: ReadonlyArray<string>, to: string, recursive: boolean) {
  const volume = yield* Volume
  const isFolder = fs.statSync(to, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (from.length > 1 && !isFolder) {
    return yield* new Refused({ reason: `${printable(to)} is not a folder, which several things could go into.` })
  }
  yield* volume.view(
    Effect.forEach(
      from,
      (path) =>
        Effect.gen(function* () {
          const source = yield* VolumeSource.make(volume, path, !recursive)
          yield* expectRecursive(source, recursive)
          const goal = isFolder ? nodePath.join(to, Edit.nameOf(path)) : to
          yield* isFolder && Edit.nameOf(path) === "" ? fillFolder(source, goal) : toHost(source, goal)
        }).pipe(Effect.scoped),
      { discard: true }
    )
  )
  return undefined
})

/** The root has no name: what is in it goes into the folder. */
const fillFolder = <E>(source: Source.Source<E>, goal: string) =>
  Effect.flatMap(Progress.make("copying", source.byteCount), ({ passed }) =>
    Exporting.run(source, goal, { existing: "refuse", isMade: true }, passed)
  )

const toHost = Effect.fnUntraced(function* <E>(source: Source.Source<E>, goal: string) {
  const { type } = source.entries[0]
  const found = yield* Effect.try({
    try: () => fs.lstatSync(goal, { throwIfNoEntry: false }),
    catch: (cause) => hostError(goal, "looking at", cause)
  })
  if (found !== undefined && (type === "Folder" || found.isDirectory())) {
    return yield* new Refused({
      reason: `${printable(goal)} exists already. Nothing was copied; name a new place, or remove it.`
    })
  }
  const progress = yield* Progress.make("copying", source.byteCount)
  const copying = Exporting.run(source, goal, { existing: "replace", isMade: false }, progress.passed)
  yield* found === undefined ? Effect.onError(copying, () => Exporting.undo(goal, "absent")) : copying
  return undefined
}) satisfies (...args: never) => Effect.Effect<undefined, unknown, Scope.Scope>

export const command = Command.make(
  "cp",
  {
    image: Image.argumentAt,
    paths,
    recursive: Flag.Boolean("recursive").pipe(
      Flag.withAlias("r"),
      Flag.withDefault(false),
      Flag.withDescription("Copy folders with all that is in them; symbolic links are copied as links")
    )
  },
  Effect.fnUntraced(function* ({ image, paths: given, recursive }) {
    const locations = given.map(Location.parse)
    const to = locations.at(-1)
    const from = locations.slice(0, -1)
    if (to === undefined || from.length === 0) {
      return yield* new WrongUsage({ reason: "cp takes at least two paths: what to copy, and where to" })
    }
    if (to._tag === "Inside") return yield* Image.writing(image)(inward(image, from, to.path, recursive))
    if (from.some(({ _tag }) => _tag === "Host")) {
      const reason = "cp copies into a volume or out of it: mark the paths inside with @, as in @/a/b"
      return yield* new WrongUsage({ reason })
    }
    const inside = from.map(({ path }) => path)
    return yield* Image.readingAt(image)(outward(inside, to.path, recursive))
  })
).pipe(
  Command.withDescription("Copy between the host and the volume, or inside the volume, with modes, times and links"),
  Command.withExamples([
    { command: "notafs cp -r disk.notafs ./folder @/folder", description: "Into the volume" },
    { command: "notafs cp disk.notafs @/a.txt ./b.txt", description: "Out of it" },
    { command: "notafs cp disk.notafs@monday @/a.txt ./b.txt", description: "Out of a snapshot" },
    { command: "notafs cp disk.notafs @/a.txt @/b.txt", description: "Inside of it" }
  ])
)
