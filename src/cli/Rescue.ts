/**
 * `notafs rescue`: takes out of a damaged volume all that verifies.
 */
import * as fs from "node:fs"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { BlockDevice } from "../shell/BlockDevice.ts"
import * as FileDevice from "../shell/FileDevice.ts"
import * as Rescue from "../shell/Rescue.ts"
import * as Exporting from "./Exporting.ts"
import { hostError, printable, Refused, WrongUsage } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Progress from "./Progress.ts"
import * as Rescuing from "./Rescuing.ts"
import * as Show from "./Show.ts"

const LINES_MAX = 1000

const lines = (rescue: Rescue.Rescue, report: Rescuing.Report, seconds: number): ReadonlyArray<string> => {
  const { fault, root } = rescue
  const counts = [
    Show.count(report.folderCount, "folder"),
    Show.count(report.fileCount, "file"),
    Show.count(report.symbolicLinkCount, "link"),
    ...(report.tableCount === 0 ? [] : [Show.count(report.tableCount, "table")])
  ].join(", ")
  return [
    ...(fault === undefined ? [] : [`The newest root does not open: ${fault}`]),
    ...report.lost.slice(0, LINES_MAX).map(({ isPartial, path, reason }) => {
      const what = path === undefined ? "lost" : `${isPartial ? "damaged" : "lost"}: ${printable(path)}`
      return `${what}: ${printable(reason)}`
    }),
    ...(report.lost.length > LINES_MAX ? [`... and ${report.lost.length - LINES_MAX} more (--json has all)`] : []),
    `root ${root.generation} of ${Show.localTime(root.time)}: ${counts} taken out in ${seconds.toFixed(1)} s`
  ]
}

export const command = Command.make(
  "rescue",
  {
    image: Image.argument,
    goal: Argument.Path("outdir").pipe(Argument.withDescription("A folder of the host that is new or empty")),
    root: Flag.Int("root").pipe(
      Flag.withMetavar("<generation>"),
      Flag.optional,
      Flag.withDescription("The root to take out, by the number of its commit (default: the newest that opens)")
    ),
    older: Flag.Boolean("older").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Take the root before the newest that opens")
    ),
    partial: Flag.Boolean("partial").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Keep damaged files, with zeros in the place of what is lost")
    ),
    json: Show.jsonFlag
  },
  Effect.fnUntraced(
    function* ({ goal, image, json, older, partial, root }) {
      if (older && Option.isSome(root)) {
        return yield* new WrongUsage({ reason: "rescue takes --root or --older, and not both" })
      }
      const begin = performance.now()
      if ((yield* Exporting.goalAt(goal)) === "filled") {
        const reason = `${printable(goal)} is not empty. Nothing was written; name a new folder.`
        return yield* new Refused({ reason })
      }
      const device = yield* BlockDevice
      const rescue = yield* Rescue.open(device, { generation: Option.getOrUndefined(root), older })
      yield* Effect.try({
        try: () => fs.mkdirSync(goal, { recursive: true, mode: 0o700 }),
        catch: (cause) => hostError(goal, "making", cause)
      })
      const total = new Map(rescue.items.map(({ number, size }) => [number, size]))
      const report = yield* Effect.scoped(
        Effect.gen(function* () {
          const bytes = [...total.values()].reduce((sum, size) => sum + size, 0)
          const progress = yield* Progress.make("rescuing", bytes)
          return yield* Rescuing.run(rescue, goal, partial, progress.passed)
        })
      )
      if (json) {
        const time = (some: Rescue.Root) => ({ generation: some.generation, time: Show.isoTime(some.time) })
        const { fault, roots } = rescue
        yield* Show.json({ root: time(rescue.root), roots: roots.map(time), fault, ...report })
      } else yield* Console.log(lines(rescue, report, (performance.now() - begin) / 1000).join("\n"))
      if (report.lost.length === 0) return
      const what = Show.count(report.lost.length, "thing")
      const advice =
        partial || report.lost.every(({ ranges }) => ranges.length === 0) ? "" : " --partial keeps damaged files;"
      return yield* new Refused({
        reason: `${what} of ${printable(image)} could not be taken out.${advice} --older tries the root before.`
      })
    },
    (effect, { image }) => Effect.provide(effect, FileDevice.layer({ path: image, readOnly: true }))
  )
).pipe(
  Command.withDescription("Take out of a damaged volume all that verifies; exit status 1 if anything was lost"),
  Command.withExamples([
    { command: "notafs rescue disk.notafs ./out", description: "All that is whole" },
    { command: "notafs rescue disk.notafs ./out --partial", description: "And what is left of damaged files" }
  ])
)
