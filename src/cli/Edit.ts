/**
 * `notafs touch`, `mkdir`, `mv` and `rm`: changes of names. Each call is one transaction, however many paths it is given.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Files from "../shell/Files.ts"
import { Volume } from "../shell/Volume.ts"
import type { VolumeError } from "../shell/VolumeError.ts"
import { Refused, WrongUsage } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Location from "./Location.ts"
import * as Source from "./Source.ts"

type Service = Volume["Service"]

const paths = Argument.String("path").pipe(
  Argument.map(Location.parseInside),
  Argument.atLeast(1),
  Argument.withDescription("Paths in the volume")
)

/** Runs `f` on each of the paths in one transaction. */
const onEach = <E>(given: ReadonlyArray<string>, f: (volume: Service, path: string) => Effect.Effect<void, E>) =>
  Effect.flatMap(Volume, (volume) =>
    volume.transaction(Effect.forEach(given, (path) => f(volume, path), { discard: true }))
  )

export const touch = Command.make("touch", { image: Image.argument, paths }, ({ image, paths: given }) =>
  Image.writing(image)(
    onEach(given, (volume, path) =>
      Effect.gen(function* () {
        if (!(yield* Files.exists(volume, path))) {
          return yield* Files.writeFile(volume, path, new Uint8Array(0), { flag: "a" })
        }
        const now = yield* Clock.currentTimeNanos
        yield* Files.changeAttributes(volume, path, { accessTime: now, modifyTime: now })
      })
    )
  )
).pipe(Command.withDescription("Make empty files, or set the times of those that are there to now"))

export const mkdir = Command.make(
  "mkdir",
  {
    image: Image.argument,
    paths,
    parents: Flag.Boolean("parents").pipe(
      Flag.withAlias("p"),
      Flag.withDefault(false),
      Flag.withDescription("Make the folders above too, and take a folder that is there for done")
    )
  },
  ({ image, parents, paths: given }) =>
    Image.writing(image)(onEach(given, (volume, path) => Files.makeFolder(volume, path, { recursive: parents })))
).pipe(Command.withDescription("Make folders"))

export const rm = Command.make(
  "rm",
  {
    image: Image.argument,
    paths,
    recursive: Flag.Boolean("recursive").pipe(
      Flag.withAlias("r"),
      Flag.withDefault(false),
      Flag.withDescription("Remove folders with all that is in them")
    )
  },
  ({ image, paths: given, recursive }) =>
    Image.writing(image)(
      onEach(given, (volume, path): Effect.Effect<void, VolumeError | Refused> =>
        recursive
          ? Files.removeTree(volume, path)
          : Effect.catchIf(
              Files.unlink(volume, path),
              ({ reason }) => reason._tag === "IsAFolder",
              () =>
                new Refused({
                  reason: `${path} is a folder. Nothing was removed; to remove it with all that is in it, use -r.`
                })
            )
      )
    )
).pipe(Command.withDescription("Remove files and links, and folders with -r"))

/** The last name of a path. */
export const nameOf = (path: string): string => path.split("/").findLast((name) => name !== "") ?? ""

/** Where a source goes: into the goal if that is a folder, and else to the goal itself. */
export const goalFor = (volume: Service, name: string, goal: string): Effect.Effect<string, VolumeError> =>
  Effect.gen(function* () {
    if (!(yield* Files.exists(volume, goal))) return goal
    return (yield* Files.stat(volume, goal)).type === "Folder" && name !== "" ? Source.childPath(goal, name) : goal
  })

/** Fails unless `goal` is a folder where several things go. */
export const expectFolder = Effect.fnUntraced(function* (volume: Service, goal: string) {
  const isFolder = (yield* Files.exists(volume, goal)) && (yield* Files.stat(volume, goal)).type === "Folder"
  if (!isFolder) return yield* new Refused({ reason: `@${goal} is not a folder, which several things could go into.` })
  return undefined
})

export const mv = Command.make(
  "mv",
  {
    image: Image.argument,
    paths: Argument.String("source... goal").pipe(
      Argument.map(Location.parseInside),
      Argument.atLeast(1),
      Argument.withDescription("Paths in the volume; into the last one, if it is a folder")
    )
  },
  Effect.fnUntraced(
    function* ({ paths: given }) {
      const goal = given.at(-1)
      if (goal === undefined || given.length < 2) {
        return yield* new WrongUsage({ reason: "mv takes at least two paths: what to move, and where to" })
      }
      const volume = yield* Volume
      yield* volume.transaction(
        Effect.gen(function* () {
          if (given.length > 2) yield* expectFolder(volume, goal)
          for (const from of given.slice(0, -1)) {
            yield* Files.rename(volume, from, yield* goalFor(volume, nameOf(from), goal))
          }
        })
      )
    },
    (effect, { image }) => Image.writing(image)(effect)
  )
).pipe(
  Command.withDescription(
    "Rename or move files and folders; a file, or an empty folder, that is in the way is replaced"
  ),
  Command.withExamples([{ command: "notafs mv disk.notafs /a /b /folder", description: "Two files into a folder" }])
)
