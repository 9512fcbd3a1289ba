/**
 * `notafs import`: takes a folder of the host into a volume, whole or not at all.
 */
import * as nodePath from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { Volume } from "../shell/Volume.ts"
import { printable, Refused, WrongUsage } from "./Failure.ts"
import * as HostSource from "./HostSource.ts"
import * as Image from "./Image.ts"
import * as Importing from "./Importing.ts"
import * as Location from "./Location.ts"
import * as Progress from "./Progress.ts"
import * as Source from "./Source.ts"

/** Takes the folder `directory` of the host in as the folder `goal` of the volume, in one transaction. */
export const run = Effect.fnUntraced(function* (image: string, directory: string, goal: string) {
  const begin = performance.now()
  const volume = yield* Volume
  const source = yield* HostSource.make(directory, image, true)
  const { type } = source.entries[0]
  if (type !== "Folder") {
    return yield* new Refused({ reason: `${printable(directory)} is not a folder. Use: notafs cp IMAGE PATH @PATH` })
  }
  const progress = yield* Progress.make("importing", source.byteCount)
  yield* volume.transaction(
    Effect.gen(function* () {
      const target = yield* Importing.goalAt(volume, goal, type)
      yield* Importing.run(volume, source, target, progress.passed)
      yield* progress.phase("committing")
    })
  )
  return Progress.summary(Source.countOf(source, "File"), source.byteCount, performance.now() - begin)
}, Effect.scoped)

export const command = Command.make(
  "import",
  {
    image: Image.argument,
    directory: Argument.Path("dir").pipe(Argument.withDescription("The folder of the host")),
    goal: Argument.String("@dest").pipe(
      Argument.withDefault("@/"),
      Argument.withDescription("The folder of the volume: a new one, or an empty one (default: the root)")
    )
  },
  Effect.fnUntraced(function* ({ directory, goal, image }) {
    const destination = Location.parse(goal)
    if (destination._tag === "Host") {
      const advice = `those begin with @, as in @/${nodePath.basename(goal)}`
      return yield* new WrongUsage({ reason: `${goal} is no place in the volume: ${advice}` })
    }
    const summary = yield* Image.writing(image)(run(image, directory, destination.path))
    yield* Console.log(`imported ${summary}`)
  })
).pipe(
  Command.withDescription(
    "Take a folder of the host into the volume in one transaction, with modes, owners, times, symbolic and hard links"
  ),
  Command.withExamples([
    { command: "notafs import disk.notafs ./photos @/photos", description: "A folder becomes a new folder" },
    { command: "notafs import disk.notafs ./site", description: "A folder becomes the content of an empty volume" }
  ])
)
