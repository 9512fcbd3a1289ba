/**
 * `notafs import`: takes a folder of the host into a volume, whole or not at all.
 */
import * as nodePath from "node:path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { Volume } from "../shell/Volume.ts"
import { WrongUsage } from "./Failure.ts"
import * as HostTree from "./HostTree.ts"
import * as Image from "./Image.ts"
import * as Importing from "./Importing.ts"
import * as Location from "./Location.ts"
import * as Progress from "./Progress.ts"

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
  Effect.fnUntraced(
    function* ({ directory, goal, image }) {
      const destination = Location.parse(goal)
      if (destination._tag === "Host") {
        return yield* new WrongUsage({
          reason: `${goal} is no place in the volume: those begin with @, as in @/${nodePath.basename(goal)}`
        })
      }
      const begin = performance.now()
      const volume = yield* Volume
      const tree = yield* HostTree.walk(directory, image, true)
      const progress = yield* Progress.make("importing", tree.byteCount)
      yield* volume.transaction(
        Effect.gen(function* () {
          const isFolder = tree.entries[0].type === "folder"
          const target = yield* Importing.goalAt(volume, destination.path, isFolder)
          yield* Importing.run(volume, tree, target, progress.passed)
          yield* progress.phase("committing")
        })
      )
      const fileCount = tree.entries.filter(({ type }) => type === "file").length
      yield* Console.log(`imported ${Progress.summary(fileCount, tree.byteCount, performance.now() - begin)}`)
    },
    Effect.scoped,
    (effect, { image }) => Image.writing(image)(effect)
  )
).pipe(
  Command.withDescription(
    "Take a folder of the host into the volume in one transaction, with modes, owners, times, symbolic and hard links"
  ),
  Command.withExamples([
    { command: "notafs import disk.notafs ./photos @/photos", description: "A folder becomes a new folder" },
    { command: "notafs import disk.notafs ./site", description: "A folder becomes the content of an empty volume" }
  ])
)
