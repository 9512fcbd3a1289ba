/** Work in a process of its own: its time and its peak memory are its own. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as Here from "../Here.ts"
import { peakMiB } from "../PeakMemory.ts"

const run = promisify(execFile)
const tool = Here.script(import.meta.dirname, "../../src/cli/main")

/** Runs the tool and answers milliseconds. */
export const notafs = async (...args: ReadonlyArray<string>): Promise<number> => {
  const start = performance.now()
  await run(process.execPath, [tool, ...args])
  return performance.now() - start
}

export interface Measured {
  readonly ms: number
  readonly peakMiB: number
}

/** Runs a script of this folder, which prints a {@link Measured} as its last line. */
export const script = async (name: string, ...args: ReadonlyArray<string>): Promise<Measured> => {
  const { stdout } = await run(process.execPath, [Here.script(import.meta.dirname, name), ...args])
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "")
}

/** Prints what {@link script} reads. */
export const report = (ms: number): void => {
  console.log(JSON.stringify({ ms, peakMiB: peakMiB() }))
}
