/**
 * What is done with a single case that has failed: it is shrunk, and what is left of it is run again.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { FuzzRun } from "../faults/FuzzRun.ts"
import * as FuzzShrink from "../faults/FuzzShrink.ts"
import { prepare } from "../simulation/CrashVolume.ts"
import { simulate } from "../simulation/SimulationRun.ts"
import * as SimulationShrink from "../simulation/SimulationShrink.ts"

export interface Options {
  readonly test: string
  readonly seed: number
  readonly operations: number
  readonly millis: number
}

/** Where what is left of a case is kept, under the folder of the project. */
const FOLDER = "reports/torture"

/** Shrinks a case and says what is left; answers whether there was anything to shrink. */
export const shrink = async ({ millis, operations, seed, test }: Options): Promise<boolean> => {
  if (test === "T4") return shrinkSimulation(seed, operations, millis)
  if (test === "T6") return shrinkFuzz(seed)
  if (test === "T2" || test === "T3") {
    console.log(
      `${test} has one to three operations to a case: the replay that a failure prints is as short as it gets.`
    )
  } else console.log(`${test} has nothing to shrink: a failure prints the command that replays it.`)
  return false
}

const shrinkSimulation = async (seed: number, operations: number, millis: number): Promise<boolean> => {
  await prepare()
  const report = SimulationShrink.shrink({ seed, operations }, millis)
  if (report === undefined) {
    console.log(`seed ${seed} breaks no rule`)
    return false
  }
  const { attempts, eventsBefore, found, isDone, told, violations } = report
  mkdirSync(FOLDER, { recursive: true })
  const file = path.posix.join(FOLDER, `T4-${seed}.json`)
  writeFileSync(file, `${JSON.stringify(found)}\n`)
  console.log(told)
  console.log(violations.join("\n"))
  const end = isDone ? "none of them can be left out" : "the time was over"
  console.log(`${eventsBefore} events, ${found.events.length} are left: ${end} (${attempts} runs)`)
  console.log(`replay: npm run torture -- --replay ${file}`)
  return true
}

const shrinkFuzz = async (seed: number): Promise<boolean> => {
  const report = await FuzzShrink.shrink(await FuzzRun.make(), seed)
  if (report === undefined) {
    console.log(`seed ${seed} breaks no promise`)
    return false
  }
  console.log(report.what)
  console.log(report.violations.join("\n"))
  console.log(`${report.before.length} changes, ${report.left.length} are left`)
  console.log(report.replay)
  return true
}

/** Runs what is left of a case of T4 and says what it does; answers whether it breaks a rule. */
export const replay = async (file: string): Promise<boolean> => {
  await prepare()
  const found = JSON.parse(readFileSync(file, "utf8")) as SimulationShrink.Case
  const { told, violations } = simulate({ ...found, isTold: true })
  console.log(told)
  console.log(violations.length > 0 ? violations.join("\n") : "no rule is broken")
  return violations.length > 0
}
