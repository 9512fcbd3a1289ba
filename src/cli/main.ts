#!/usr/bin/env node
/**
 * The command-line tool.
 *
 * What Node compiles is kept for the next start, which takes half the time then: so nothing is loaded before that is said.
 */
import * as nodeModule from "node:module"

nodeModule.enableCompileCache?.()

// Whoever reads the output may stop early (`notafs ls image | head`): the rest of it goes nowhere.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
})

const { runMain } = await import("@effect/platform-node/NodeRuntime")
const NodeServices = await import("@effect/platform-node/NodeServices")
const Effect = await import("effect/Effect")
const { defaultTeardown } = await import("effect/Runtime")
const Cli = await import("./Cli.ts")

runMain(Effect.provide(Cli.run(process.argv.slice(2)), NodeServices.layer), {
  // Whoever is interrupted has not done what it was to do, unless it says that this is how it ends.
  teardown: (exit, onExit) =>
    defaultTeardown(exit, (status) => onExit(status === 130 ? Number(process.exitCode ?? status) : status))
})
