/**
 * `notafs watch`: tells what another process changes in a volume, as it commits it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Volume, type WatchEvent } from "../shell/Volume.ts"
import * as Changes from "./Changes.ts"
import * as Image from "./Image.ts"
import * as Output from "./Output.ts"
import * as Show from "./Show.ts"

const INTERVAL_MILLIS = 250

const line = (event: WatchEvent): string =>
  event._tag === "Committed"
    ? Changes.line(event.change)
    : `... changes were missed, since the writer was faster: going on from commit ${event.generation}`

const toJson = (event: WatchEvent) => {
  const { generation } = event
  return event._tag === "Committed"
    ? { generation, ...Changes.toJson(event.change) }
    : { generation, change: event._tag }
}

export const command = Command.make(
  "watch",
  {
    image: Image.argument,
    interval: Flag.Int("interval").pipe(
      Flag.withMetavar("<ms>"),
      Flag.filter(
        (millis) => millis > 0,
        () => "a number of milliseconds, 1 or more"
      ),
      Flag.withDefault(INTERVAL_MILLIS),
      Flag.withDescription(`How often it looks, in milliseconds (default ${INTERVAL_MILLIS})`)
    ),
    json: Show.jsonLinesFlag
  },
  Effect.fnUntraced(
    function* ({ interval, json }) {
      const volume = yield* Volume
      yield* Output.lines(
        Stream.map(volume.watch({ interval }), (event) => (json ? JSON.stringify(toJson(event)) : line(event)))
      )
    },
    // There is no other end to it.
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        process.exitCode = 0
      })
    ),
    (effect, { image }) => Image.reading(image)(effect)
  )
).pipe(
  Command.withDescription(
    "Print what another process changes, as it commits it, until it is interrupted; as snapshot diff does"
  ),
  Command.withExamples([{ command: "notafs watch disk.notafs", description: "Beside a writer" }])
)
