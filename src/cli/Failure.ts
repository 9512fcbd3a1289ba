/**
 * How a command fails: one line on standard error, and an exit status.
 *
 * - Status 1: what was asked for was not done. The line says what, where and what to do.
 * - Status 2: the command was called wrongly.
 * - Status 3: a writer in another process has written over what was being read; it may be run again.
 * - A defect is our bug: it gets a line too, and its stack only where `NOTAFS_DEBUG` is set.
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as CliError from "effect/cli/CliError"
import { VolumeError } from "../shell/VolumeError.ts"

/** A command will not or cannot do what it was asked for. */
export class Refused extends Data.TaggedError("Refused")<{
  /** A whole sentence or two. */
  readonly reason: string
}> {
  override get message(): string {
    return this.reason
  }
}

/** The command was called wrongly in a way that only it can tell. */
export class WrongUsage extends Data.TaggedError("WrongUsage")<{
  readonly reason: string
}> {
  override get message(): string {
    return this.reason
  }
}

/** A call of the host's file system that failed: the path as the user knows it, and the system's words. */
export class HostError extends Data.TaggedError("HostError")<{
  readonly path: string
  /** As in "reading". */
  readonly doing: string
  readonly code: string | undefined
  readonly reason: string
  readonly cause: unknown
}> {
  override get message(): string {
    const code = this.code === undefined ? "" : ` (${this.code})`
    return `${printable(this.path)}: ${this.doing} it failed: ${this.reason}${code}.`
  }
}

export const hostError = (path: string, doing: string, cause: unknown): HostError => {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined
  const text = cause instanceof Error ? cause.message : String(cause)
  // Node says "ENOENT: no such file or directory, open '/path'": the code, the call and the path are said already.
  const reason = code === undefined ? text : text.replace(`${code}: `, "").replace(/, \w+( '[^]*)?$/, "")
  return new HostError({ path, doing, code, reason, cause })
}

/** The text with its control characters escaped: a name can neither move the cursor nor break a line. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0)
    return code === 0x0a ? "\\n" : code === 0x09 ? "\\t" : `\\x${code.toString(16).padStart(2, "0")}`
  })

/** Ends the process with a status; what there is to say is said. */
export class Exit extends Data.TaggedError("Exit")<{ readonly status: number }> {
  override readonly [Runtime.errorExitCode] = this.status
  override readonly [Runtime.errorReported] = false
}

/** What the library says, where that advises what only its callers can do, in words of the tool. */
const wordsOf = (error: VolumeError): string => {
  const { message, reason } = error
  switch (reason._tag) {
    case "NewerSnapshots":
      return message.replace("ask for it with discardNewer", "ask for it with --discard-newer")
    case "Diverged":
      return message.replace("Receive it with force:", "Receive it with --force:")
    case "ViewExpired":
      return message.replace(/Refresh the volume, .*$/, "Run it again.")
    default:
      return message
  }
}

/** What a command came to, as a line for the user and an exit status. */
const verdict = (error: unknown): { readonly line: string | undefined; readonly status: number } => {
  if (CliError.isCliError(error)) {
    // Everything else that the parser finds has been presented by now.
    if (error._tag === "ShowHelp") return { line: undefined, status: 2 }
    return { line: error.message, status: 2 }
  }
  if (error instanceof WrongUsage) return { line: error.message, status: 2 }
  if (error instanceof VolumeError) {
    return { line: wordsOf(error), status: error.reason._tag === "ViewExpired" ? 3 : 1 }
  }
  if (error instanceof Error) return { line: error.message, status: 1 }
  return { line: String(error), status: 1 }
}

/** Says what went wrong in one line, and fails with the exit status. */
export const report = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Exit, R> =>
  Effect.catchCause(effect, (cause): Effect.Effect<A, Exit> => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const failed = cause.reasons.find(Cause.isFailReason)
    if (failed === undefined) return Effect.andThen(reportDefect(cause), Effect.fail(new Exit({ status: 1 })))
    const { line, status } = verdict(failed.error)
    const said = line === undefined ? Effect.void : Console.error(`notafs: ${oneLine(line)}`)
    return Effect.andThen(said, Effect.fail(new Exit({ status })))
  })

const reportDefect = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const defect = Cause.squash(cause)
  const what = defect instanceof Error ? defect.message : String(defect)
  if (process.env["NOTAFS_DEBUG"] !== undefined) return Console.error(Cause.pretty(cause))
  const advice = "This is a bug of notafs: please report it with what NOTAFS_DEBUG=1 prints."
  return Console.error(`notafs: ${oneLine(what)}. ${advice}`)
}

const oneLine = (text: string): string => printable(text.replace(/\s*\n\s*/g, " "))
