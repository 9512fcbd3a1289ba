/**
 * `notafs snapshot`: takes, lists, compares and removes snapshots, and goes back to one.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Volume } from "../shell/Volume.ts"
import * as Changes from "./Changes.ts"
import { printable } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Output from "./Output.ts"
import * as Show from "./Show.ts"

const name = Argument.String("name").pipe(Argument.withDescription("The name of the snapshot"))

const create = Command.make("create", { image: Image.argument, name }, ({ image, name: given }) =>
  Image.writing(image)(Effect.flatMap(Volume, ({ snapshots }) => snapshots.create(given)))
).pipe(Command.withDescription("Take a snapshot of the volume as it stands"))

const list = Command.make("list", { image: Image.argument, json: Show.jsonFlag }, ({ image, json }) =>
  Image.reading(image)(
    Effect.gen(function* () {
      const { snapshots } = yield* Volume
      const found = yield* snapshots.list
      if (json) {
        const shown = found.map(({ generation, id, inodeCount, name: named, time }) => ({
          name: named,
          id: Show.hex(id),
          generation,
          time: Show.isoTime(time),
          inodeCount
        }))
        return yield* Show.json(shown)
      }
      const rows = found.map((one) => [Show.localTime(one.time), one.generation, printable(one.name)])
      yield* Effect.forEach(Show.columns(rows), (line) => Console.log(line), { discard: true })
    })
  )
).pipe(Command.withDescription("List the snapshots, oldest first: when, which commit, name"))

const diff = Command.make(
  "diff",
  {
    image: Image.argument,
    from: Argument.String("from").pipe(Argument.withDescription("The name of a snapshot")),
    to: Argument.String("to").pipe(
      Argument.optional,
      Argument.withDescription("The name of another snapshot, earlier or later (default: the newest state)")
    ),
    json: Show.jsonLinesFlag
  },
  ({ from, image, json, to }) =>
    Image.reading(image)(
      Effect.flatMap(Volume, (volume) =>
        Output.lines(
          Stream.map(volume.diff(from, Option.getOrUndefined(to)), (change) =>
            json ? JSON.stringify(Changes.toJson(change)) : Changes.line(change)
          )
        )
      )
    )
).pipe(
  Command.withDescription(
    "Show what differs: A added, D removed, R renamed, M changed; files, folders, links and tables"
  )
)

const rm = Command.make("rm", { image: Image.argument, name }, ({ image, name: given }) =>
  Image.writing(image)(Effect.flatMap(Volume, ({ snapshots }) => snapshots.remove(given)))
).pipe(Command.withDescription("Remove a snapshot, and free what only it held"))

const rollback = Command.make(
  "rollback",
  {
    image: Image.argument,
    name,
    discardNewer: Flag.Boolean("discard-newer").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Remove the snapshots that are newer; without it they are in the way")
    )
  },
  ({ discardNewer, image, name: given }) =>
    Image.writing(image)(Effect.flatMap(Volume, ({ snapshots }) => snapshots.rollback(given, { discardNewer })))
).pipe(Command.withDescription("Make the state of a snapshot that of the volume; what came after it is given up"))

export const command = Command.make("snapshot").pipe(
  Command.withDescription("Take, list, compare and remove snapshots, and go back to one; image@snapshot reads one"),
  Command.withSubcommands([create, list, diff, rm, rollback]),
  Command.withExamples([
    { command: "notafs snapshot create disk.notafs before", description: "Keep the state as it is" },
    { command: "notafs snapshot diff disk.notafs before", description: "What has changed since" },
    { command: "notafs export disk.notafs@before ./out", description: "Take it out" },
    { command: "notafs snapshot rollback disk.notafs before", description: "Go back to it" }
  ])
)
