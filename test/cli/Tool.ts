/**
 * The command-line tool under test: in this process with a console of its own, or as the user starts it.
 */
import * as childProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as TestConsole from "effect/testing/TestConsole"
import * as Cli from "../../src/cli/Cli.ts"

export interface Outcome {
  readonly status: number
  /** The lines of standard output, and what else was written there. */
  readonly out: string
  readonly bytes: Uint8Array
  readonly err: string
}

/** Runs one call of the tool in this process. */
export const run = (args: ReadonlyArray<string>, input: Uint8Array | string = ""): Effect.Effect<Outcome> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    const stdio = Stdio.layerTest({
      stdin: Stream.make(Buffer.from(input)),
      stdout: () => Sink.forEach((chunk) => Effect.sync(() => chunks.push(Buffer.from(chunk))))
    })
    return Effect.gen(function* () {
      const status = yield* Cli.run(args).pipe(
        Effect.as(0),
        Effect.catchTag("Exit", (exit) => Effect.succeed(exit.status))
      )
      const out = (yield* TestConsole.logLines).join("\n")
      const err = (yield* TestConsole.errorLines).join("\n")
      return { status, out, err, bytes: Buffer.concat(chunks) }
    }).pipe(Effect.provide(Layer.merge(Layer.merge(NodeServices.layer, stdio), TestConsole.layer)))
  })

export const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** Starts the tool as a process of its own. */
export const start = (
  args: ReadonlyArray<string>,
  options: childProcess.SpawnOptions = {}
): childProcess.ChildProcess =>
  childProcess.spawn(process.execPath, [main, ...args], { stdio: ["pipe", "pipe", "pipe"], ...options })

/** Waits for the end of a process that {@link start} gave, and for all that it says. */
export const ending = (
  child: childProcess.ChildProcess
): Promise<Omit<Outcome, "bytes"> & { signal: string | null }> => {
  let out = ""
  let err = ""
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve) =>
    child.once("close", (status, signal) =>
      resolve({ status: status ?? -1, signal, out: out.trimEnd(), err: err.trimEnd() })
    )
  )
}
