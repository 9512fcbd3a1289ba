/**
 * `notafs scrub`: reads and verifies everything that is live, at a bounded rate.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Volume } from "../shell/Volume.ts"
import { Refused } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Problems from "./Problems.ts"
import * as Progress from "./Progress.ts"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"

export const command = Command.make(
  "scrub",
  {
    image: Image.argument,
    rate: Sizes.flag("rate").pipe(Flag.optional, Flag.withDescription("Read at most so much a second, as in 50MiB")),
    json: Show.jsonFlag
  },
  Effect.fnUntraced(
    function* ({ image, json, rate }) {
      const begin = performance.now()
      const volume = yield* Volume
      const last = yield* Effect.scoped(
        Effect.gen(function* () {
          let bar: Progress.Progress | undefined
          let done = 0
          const scrubbed = Stream.tap(
            volume.scrub({ bytesPerSecond: Option.getOrUndefined(rate) }),
            Effect.fnUntraced(function* ({ checkedBytes, totalBytes }) {
              bar ??= yield* Progress.make("scrubbing", totalBytes)
              yield* bar.passed(checkedBytes - done)
              done = checkedBytes
            })
          )
          return yield* Stream.runLast(scrubbed)
        })
      )
      const report = Option.flatMap(last, (progress) => progress.report)
      if (Option.isNone(last) || Option.isNone(report)) return
      const { checkedBytes, totalBytes } = last.value
      const { problemCount } = report.value
      const seconds = (performance.now() - begin) / 1000
      if (json) yield* Show.json({ checkedBytes, totalBytes, seconds, ...report.value })
      else {
        const read = `${Sizes.show(checkedBytes)} read in ${seconds.toFixed(1)} s`
        yield* Console.log([...Problems.lines(report.value), read, Problems.verdict(report.value)].join("\n"))
      }
      if (problemCount === 0) return
      const what = Show.count(problemCount, "problem")
      return yield* new Refused({
        reason: `${image} has ${what}. Take out what is whole with: notafs rescue IMAGE OUTDIR`
      })
    },
    (effect, { image }) => Image.reading(image)(effect)
  )
).pipe(
  Command.withDescription("Read and verify everything that is in use, both superblocks included; changes nothing"),
  Command.withExamples([{ command: "notafs scrub disk.notafs --rate 50MiB", description: "Gently, beside other work" }])
)
