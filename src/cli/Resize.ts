/**
 * `notafs resize`: gives a volume another size.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { Volume } from "../shell/Volume.ts"
import * as Image from "./Image.ts"
import * as Sizes from "./Sizes.ts"

export const command = Command.make(
  "resize",
  {
    image: Image.argument,
    size: Sizes.argument("size").pipe(Argument.withDescription("The size that the volume is to have, such as 1GiB"))
  },
  Effect.fnUntraced(
    function* ({ image, size }) {
      const volume = yield* Volume
      const before = yield* volume.statistics
      yield* volume.resize(size)
      const after = yield* volume.statistics
      const was = after.size === before.size ? "as before" : `${Sizes.show(before.size)} before`
      const left = after.size < before.size ? ". The file or disk is as long as it was: what is behind is not used" : ""
      yield* Console.log(
        `${image}: a volume of ${Sizes.show(after.size)}, ${was}; ${Sizes.show(after.free)} are free${left}`
      )
    },
    (effect, { image }) => Image.writing(image)(effect)
  )
).pipe(
  Command.withDescription("Give a volume more room, or less; a file grows with it"),
  Command.withExamples([{ command: "notafs resize disk.notafs 1GiB", description: "Up to what `notafs info` says" }])
)
