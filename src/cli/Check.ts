/**
 * `notafs check`: verifies a volume and lists what is wrong.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { Report } from "../core/Check.ts"
import { Volume } from "../shell/Volume.ts"
import { Refused } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Problems from "./Problems.ts"
import * as Show from "./Show.ts"

const lines = (report: Report, deep: boolean): ReadonlyArray<string> => {
  const { fileCount, folderCount, freePageCount, reachedPageCount, symbolicLinkCount, tableCount } = report
  const tables = tableCount === 0 ? "" : `, ${Show.count(tableCount, "table")}`
  return [
    ...Problems.lines(report),
    `${Show.count(folderCount, "folder")}, ${Show.count(fileCount, "file")}, ${Show.count(symbolicLinkCount, "link")}${tables}; ` +
      `${Show.count(reachedPageCount, "page")} in use, ${Show.count(freePageCount, "page")} free; ` +
      `${deep ? "all contents were read" : "contents were not read (use --deep)"}`,
    Problems.verdict(report)
  ]
}

export const command = Command.make(
  "check",
  {
    image: Image.argument,
    deep: Flag.Boolean("deep").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Read and verify the contents of files too")
    ),
    atLeast: Image.atLeastFlag,
    json: Show.jsonFlag
  },
  Effect.fnUntraced(
    function* ({ deep, image, json }) {
      const volume = yield* Volume
      const report = yield* volume.check({ deep })
      if (json) yield* Show.json({ deep, ...report })
      else yield* Console.log(lines(report, deep).join("\n"))
      if (report.problemCount === 0) return
      const what = Show.count(report.problemCount, "problem")
      return yield* new Refused({ reason: `${image} has ${what}. Copy off what can be read, and format anew.` })
    },
    (effect, { atLeast, image }) => Image.reading(image, atLeast)(effect)
  )
).pipe(
  Command.withDescription("Verify pointers, checksums, names, links and free space; changes nothing"),
  Command.withExamples([{ command: "notafs check disk.notafs --deep", description: "Verify everything" }])
)
