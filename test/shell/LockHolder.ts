/**
 * A process of its own that takes and gives back the lock of a file as it is told. It reads "take <path>" and "give" and
 * answers each with one line: "taken", "given", or the tag of an error and its message.
 */
import * as readline from "node:readline"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as FileLock from "../../src/shell/FileLock.ts"

const take = (path: string, scope: Scope.Scope) =>
  FileLock.acquire(path).pipe(
    Scope.provide(scope),
    Effect.as("taken"),
    Effect.catch((error) => Effect.succeed(`${error._tag} ${error.message}`))
  )

let scope = Scope.makeUnsafe()
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [command, path] = line.split(" ")
  if (command === "take") {
    console.log(await Effect.runPromise(take(path, scope)))
  } else {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    scope = Scope.makeUnsafe()
    console.log("given")
  }
}
