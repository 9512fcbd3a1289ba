#!/usr/bin/env node
/**
 * The command-line tool.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Cli from "./Cli.ts"

// Whoever reads the output may stop early (`notafs ls image | head`): the rest of it goes nowhere.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
})

NodeRuntime.runMain(Effect.provide(Cli.run(process.argv.slice(2)), NodeServices.layer))
