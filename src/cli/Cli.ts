/**
 * The command line: all commands, and how a call of them is run.
 */
import * as fs from "node:fs"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Check from "./Check.ts"
import * as Content from "./Content.ts"
import * as Copy from "./Copy.ts"
import * as Edit from "./Edit.ts"
import * as Export from "./Export.ts"
import * as Failure from "./Failure.ts"
import * as Format from "./Format.ts"
import * as Import from "./Import.ts"
import * as Info from "./Info.ts"
import * as List from "./List.ts"
import * as Receive from "./Receive.ts"
import * as Rescue from "./Rescue.ts"
import * as Resize from "./Resize.ts"
import * as Scrub from "./Scrub.ts"
import * as Send from "./Send.ts"
import * as Snapshot from "./Snapshot.ts"
import * as Watch from "./Watch.ts"

const command = Command.make("notafs").pipe(
  Command.withDescription("A copy-on-write, transactional, checksummed file system in a file or on a raw disk"),
  Command.withSubcommands([
    Format.command,
    Info.command,
    List.ls,
    List.tree,
    List.stat,
    Content.cat,
    Content.write,
    Edit.touch,
    Edit.mkdir,
    Edit.mv,
    Edit.rm,
    Copy.command,
    Import.command,
    Export.command,
    Snapshot.command,
    Send.command,
    Receive.command,
    Watch.command,
    Resize.command,
    Check.command,
    Scrub.command,
    Rescue.command
  ])
)

/** A wrong call gets a line a mistake, and not the whole help. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const lines = event.errors.map(({ message }) => `notafs: ${Failure.printable(message)}`)
    return Console.error([...lines, `Try: ${event.commandPath.join(" ")} --help`].join("\n"))
  }
}

/** What the library has to report goes to standard error, a line each. */
const logger = Logger.make<unknown, string>(({ logLevel, message }) => {
  const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
  return `notafs: ${logLevel.toLowerCase()}: ${Failure.printable(text)}`
}).pipe(Logger.withConsoleError)

const version: string = JSON.parse(fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version

/** Runs one call of the command line. */
export const run = (args: ReadonlyArray<string>) =>
  Command.runWith(command, { version })(args).pipe(
    Failure.report,
    Effect.provide(Layer.mergeAll(CliOutput.layerPresenter(presenter), Logger.layer([logger])))
  )
