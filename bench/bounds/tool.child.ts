/** Runs the tool in this process, and prints its time and its peak memory: the arguments are those of the tool. */
import * as Here from "../Here.ts"
import * as Child from "./Child.ts"

const start = performance.now()
process.on("exit", () => Child.report(performance.now() - start))
await import(Here.script(import.meta.dirname, "../../src/cli/main"))
