/**
 * `notafs export`: writes a folder of a volume onto the host.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as nodePath from "node:path"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Volume } from "../shell/Volume.ts"
import * as Exporting from "./Exporting.ts"
import { printable, Refused, WrongUsage } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Location from "./Location.ts"
import * as Progress from "./Progress.ts"
import * as Source from "./Source.ts"
import * as VolumeSource from "./VolumeSource.ts"

/** `[@SRC] DIR`. */
const places = (given: ReadonlyArray<string>): { readonly from: string; readonly to: string } | undefined => {
  const locations = given.map(Location.parse)
  const to = locations.at(-1)
  const from = locations.length === 2 ? locations[0] : Location.parse("@/")
  return from._tag === "Inside" && to?._tag === "Host" ? { from: from.path, to: to.path } : undefined
}

export const command = Command.make(
  "export",
  {
    image: Image.argumentAt,
    snapshot: Image.snapshotFlag,
    places: Argument.String("[@src] dir").pipe(
      Argument.between(1, 2),
      Argument.withDescription("The folder of the volume (default: the root), and the folder of the host")
    ),
    force: Flag.Boolean("force").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Write into a folder that is not empty, replacing the files that are in the way")
    )
  },
  Effect.fnUntraced(
    function* ({ force, places: given }) {
      const found = places(given)
      if (found === undefined) {
        return yield* new WrongUsage({
          reason: "export takes a place in the volume, which begins with @, and a folder of the host, which does not"
        })
      }
      const { from, to } = found
      const begin = performance.now()
      const volume = yield* Volume
      yield* volume.view(
        Effect.gen(function* () {
          const source = yield* VolumeSource.make(volume, from, true)
          if (source.entries[0].type !== "Folder") {
            return yield* new Refused({
              reason: `@${printable(from)} is not a folder. Use: notafs cp IMAGE @${printable(from)} PATH`
            })
          }
          const state = yield* Exporting.goalAt(to)
          if (state === "filled" && !force) {
            return yield* new Refused({
              reason: `${printable(to)} is not empty. Nothing was written; name a new folder, or use --force to write into it.`
            })
          }
          const progress = yield* Progress.make("exporting", source.byteCount)
          const existing = state === "filled" ? "replace" : "refuse"
          yield* Exporting.run(source, to, { existing, isMade: state !== "absent" }, progress.passed).pipe(
            Effect.onError(() => (state === "filled" ? Effect.void : Exporting.undo(to, state)))
          )
          const fileCount = Source.countOf(source, "File")
          const summary = Progress.summary(fileCount, source.byteCount, performance.now() - begin)
          yield* Console.log(`exported ${summary} to ${nodePath.relative(".", to) || "."}`)
        }).pipe(Effect.scoped)
      )
    },
    (effect, { image, snapshot }) => Image.readingAt(image, snapshot)(effect)
  )
).pipe(
  Command.withDescription(
    "Write a folder of the volume onto the host, with modes, owners, times and links; tables are not taken along"
  ),
  Command.withExamples([
    { command: "notafs export disk.notafs ./out", description: "Everything" },
    { command: "notafs export disk.notafs @/photos ./photos", description: "One folder" },
    { command: "notafs export disk.notafs@monday ./out", description: "As a snapshot has it" }
  ])
)
