/**
 * `notafs cat` and `notafs write`: content of files to standard output and from standard input.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Files from "../shell/Files.ts"
import { Volume } from "../shell/Volume.ts"
import { Refused } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Location from "./Location.ts"
import * as Output from "./Output.ts"
import * as Sizes from "./Sizes.ts"

const path = Argument.String("path").pipe(
  Argument.map(Location.parseInside),
  Argument.withDescription("A file of the volume")
)

export const cat = Command.make(
  "cat",
  {
    image: Image.argumentAt,
    snapshot: Image.snapshotFlag,
    path,
    offset: Sizes.flag("offset").pipe(Flag.withDefault(0), Flag.withDescription("Where to begin, in bytes")),
    length: Sizes.flag("length").pipe(Flag.optional, Flag.withDescription("How many bytes; all by default"))
  },
  Effect.fnUntraced(
    function* ({ length, offset, path: file }) {
      const volume = yield* Volume
      const end = offset + Option.getOrElse(length, () => Number.MAX_SAFE_INTEGER - offset)
      yield* volume.view(
        Effect.gen(function* () {
          const handle = yield* Files.open(volume, file)
          const content = Stream.unfold(offset, (at) =>
            Effect.suspend(() => {
              const buffer = new Uint8Array(Math.min(Files.CHUNK_BYTES, end - at))
              if (buffer.length === 0) return Effect.succeed(undefined)
              return Effect.map(handle.read(at, buffer), (count) =>
                count === 0 ? undefined : ([buffer.subarray(0, count), at + count] as const)
              )
            })
          )
          yield* Output.write(content)
        }).pipe(Effect.scoped)
      )
    },
    (effect, { image, snapshot }) => Image.readingAt(image, snapshot)(effect)
  )
).pipe(Command.withDescription("Write the content of a file to standard output"))

/** Gathers small chunks, so that each goes through the volume once. */
const gathered = <E>(stream: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  stream.pipe(
    Stream.mapAccum(
      (): { readonly parts: ReadonlyArray<Uint8Array>; readonly size: number } => ({ parts: [], size: 0 }),
      ({ parts, size }, chunk) => {
        const all = [...parts, chunk]
        const sum = size + chunk.length
        return sum < Files.CHUNK_BYTES
          ? [{ parts: all, size: sum }, []]
          : [{ parts: [], size: 0 }, [Buffer.concat(all)]]
      },
      { onHalt: ({ parts }) => (parts.length === 0 ? [] : [Buffer.concat(parts)]) }
    )
  )

export const write = Command.make(
  "write",
  {
    image: Image.argument,
    path,
    append: Flag.Boolean("append").pipe(
      Flag.withAlias("a"),
      Flag.withDefault(false),
      Flag.withDescription("Add to what the file holds, instead of replacing it")
    )
  },
  Effect.fnUntraced(
    function* ({ append, path: file }) {
      const volume = yield* Volume
      const stdio = yield* Stdio.Stdio
      yield* volume.transaction(
        Effect.gen(function* () {
          const handle = yield* Files.open(volume, file, { flag: append ? "a" : "w" })
          yield* Stream.runForEach(gathered(stdio.stdin), handle.append)
        }).pipe(Effect.scoped)
      )
    },
    Effect.catchTag(
      "PlatformError",
      (error) => new Refused({ reason: `Reading standard input failed: ${error.message}. Nothing was written.` })
    ),
    (effect, { image }) => Image.writing(image)(effect)
  )
).pipe(
  Command.withDescription("Write a file from standard input, in one transaction"),
  Command.withExamples([{ command: "echo hello | notafs write disk.notafs /greeting", description: "A new file" }])
)
