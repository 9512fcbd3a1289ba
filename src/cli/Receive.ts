/**
 * `notafs receive`: makes the state of a volume that of a snapshot that `notafs send` sends.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { type Received, Volume } from "../shell/Volume.ts"
import { VolumeError } from "../shell/VolumeError.ts"
import { printable, Refused, WrongUsage } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Progress from "./Progress.ts"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"

const expectPipe = Effect.gen(function* () {
  const { stdinIsTerminal } = yield* Stdio.Stdio
  if (!(yield* stdinIsTerminal)) return undefined
  return yield* new WrongUsage({
    reason: "receive reads what `notafs send` writes from standard input, and not from a terminal"
  })
})

/** What a stream that broke off has left, and how it goes on; nothing if it has left nothing. */
const kept = Effect.gen(function* () {
  const begun = yield* (yield* Volume).receiving
  if (begun === undefined) return undefined
  const { frames, snapshot } = begun
  const what = `${Show.count(frames, "frame")} of ${JSON.stringify(snapshot)}`
  return `Kept are ${what}: sent again, it goes on after them, and send --after ${frames} leaves them out.`
})

/** Whether a stream broke off or does not fit together, so that what is kept of one matters. */
const isBroken = (error: Error): boolean =>
  error instanceof Refused || (error instanceof VolumeError && error.reason._tag === "BadStream")

/** Says what is kept of a stream that broke off, after why it did. */
const tellKept = <A, E extends Error, R>(receiving: Effect.Effect<A, E, R>) =>
  receiving.pipe(
    Effect.catch((error) =>
      Effect.flatMap(isBroken(error) ? kept : Effect.succeed(undefined), (told): Effect.Effect<never, E | Refused> =>
        told === undefined
          ? Effect.fail(error)
          : new Refused({ reason: `${error.message.replace("; send it again.", ".")} ${told}` })
      )
    ),
    Effect.onInterrupt(() =>
      Effect.flatMap(
        Effect.orElseSucceed(kept, () => undefined),
        (told) => (told === undefined ? Effect.void : Console.error(`notafs: interrupted. ${printable(told)}`))
      )
    )
  )

const line = ({ bytes, frames, snapshot, wasThere }: Received, millis: number): string => {
  const name = printable(JSON.stringify(snapshot))
  const read = `${Show.count(frames, "frame")}, ${Sizes.show(bytes)} in ${(millis / 1000).toFixed(1)} s`
  return wasThere ? `${name} is there already: nothing was changed` : `received ${name}: ${read}`
}

export const command = Command.make(
  "receive",
  {
    image: Image.argument,
    force: Flag.Boolean("force").pipe(
      Flag.withDefault(false),
      Flag.withDescription(
        "Give up what the volume has besides: what came after the snapshot that the stream leads from"
      )
    ),
    json: Show.jsonFlag
  },
  Effect.fnUntraced(
    function* ({ force, json }) {
      const begin = performance.now()
      const volume = yield* Volume
      const { stdin } = yield* Stdio.Stdio
      const received = yield* Effect.scoped(
        Effect.gen(function* () {
          const progress = yield* Progress.make("receiving", undefined)
          const arriving = stdin.pipe(
            Stream.mapError((error) => new Refused({ reason: `Reading standard input failed: ${error.message}.` })),
            Stream.tap(({ length }) => progress.passed(length)),
            Stream.onEnd(progress.phase("committing"))
          )
          return yield* tellKept(volume.receive(arriving, { force }))
        })
      )
      const millis = performance.now() - begin
      if (json) yield* Show.json({ ...received, seconds: millis / 1000 })
      else yield* Console.log(line(received, millis))
    },
    (effect, { image }) => Effect.andThen(expectPipe, Image.writing(image)(effect))
  )
).pipe(
  Command.withDescription(
    "Take in a snapshot that notafs send writes, in one transaction: into an empty volume, or after the snapshot that it leads from"
  ),
  Command.withExamples([
    { command: "notafs send disk.notafs monday | notafs receive copy.notafs", description: "From another volume" },
    { command: "notafs receive copy.notafs < monday.stream", description: "From a file" }
  ])
)
