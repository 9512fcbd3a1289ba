/**
 * `notafs send`: a snapshot as a stream on standard output, for `notafs receive` of another volume.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Volume } from "../shell/Volume.ts"
import { WrongUsage } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Output from "./Output.ts"
import * as Progress from "./Progress.ts"

const expectPipe = Effect.gen(function* () {
  const { stdoutIsTerminal } = yield* Stdio.Stdio
  if (!(yield* stdoutIsTerminal)) return undefined
  const reason = "send writes bytes, which are not for a terminal: lead them into a file, or into notafs receive IMAGE"
  return yield* new WrongUsage({ reason })
})

export const command = Command.make(
  "send",
  {
    image: Image.argument,
    name: Argument.String("snapshot").pipe(Argument.withDescription("The snapshot that is sent")),
    from: Flag.String("from").pipe(
      Flag.withMetavar("<snapshot>"),
      Flag.optional,
      Flag.withDescription("A snapshot that the receiver has already: only what differs from it is sent")
    ),
    after: Flag.Int("after").pipe(
      Flag.withMetavar("<frames>"),
      Flag.filter(
        (frames) => frames >= 0,
        () => "a number of frames, as `notafs receive` tells it"
      ),
      Flag.withDefault(0),
      Flag.withDescription("Leave out so many frames, which the receiver has kept of a stream that broke off")
    )
  },
  Effect.fnUntraced(
    function* ({ after, from, name }) {
      const volume = yield* Volume
      const { passed } = yield* Progress.make("sending", undefined)
      const sent = volume.send(name, { from: Option.getOrUndefined(from), after })
      yield* Output.write(Stream.tap(sent, ({ length }) => passed(length)))
    },
    Effect.scoped,
    (effect, { image }) => Effect.andThen(expectPipe, Image.reading(image)(effect))
  )
).pipe(
  Command.withDescription(
    "Write a snapshot to standard output, for notafs receive: all of it, or what came after another"
  ),
  Command.withExamples([
    { command: "notafs send disk.notafs monday | notafs receive copy.notafs", description: "All of it" },
    {
      command: "notafs send disk.notafs tuesday --from monday | ssh there notafs receive copy.notafs",
      description: "What came after, to another machine"
    }
  ])
)
