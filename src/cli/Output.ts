/**
 * Standard output as a stream: as it comes, and no further than its reader wants it.
 */
import * as Effect from "effect/Effect"
import type * as PlatformError from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { Refused } from "./Failure.ts"

const codeOf = ({ reason }: PlatformError.PlatformError): unknown =>
  typeof reason.cause === "object" && reason.cause !== null && "code" in reason.cause ? reason.cause.code : undefined

/** A reader that has had enough is no failure: there is nobody left to tell. */
const untilClosed = (error: PlatformError.PlatformError): Effect.Effect<void, Refused> =>
  codeOf(error) === "EPIPE"
    ? Effect.void
    : new Refused({ reason: `Writing to standard output failed: ${error.message}.` })

/** Writes all that comes. */
export const write = Effect.fnUntraced(function* <E, R>(content: Stream.Stream<Uint8Array | string, E, R>) {
  const stdio = yield* Stdio.Stdio
  // What the content fails with is its own, whatever it is.
  const told = Stream.mapError(content, (error) => ({ _tag: "Content" as const, error }))
  yield* Stream.run(told, stdio.stdout({ endOnDone: false })).pipe(
    Effect.catchTag("PlatformError", untilClosed),
    Effect.catchTag("Content", ({ error }) => Effect.fail(error))
  )
})

/** Writes lines, as many at once as come together. */
export const lines = <E, R>(content: Stream.Stream<string, E, R>) =>
  write(Stream.mapArray(content, (some) => [`${some.join("\n")}\n`]))
