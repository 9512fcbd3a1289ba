/**
 * One round: a run of vitest in a process of its own, and what it has found.
 */
import { spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Ending } from "./Reporter.ts"
import type { Job, Test } from "./Table.ts"

export interface Round {
  readonly test: Test
  readonly number: number
  readonly job: Job
}

export interface Result {
  readonly round: Round
  /** The JSON lines that the harness has printed. */
  readonly figures: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly failures: ReadonlyArray<string>
  readonly passed: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** The file with the fingerprints of its crash images. */
  readonly images: string | undefined
}

export const nameOf = ({ number, test }: Round): string => `${test.name} round ${number}`

/** What a user types to run the same by itself. */
export const commandOf = ({ environment, files, pattern }: Job): string =>
  [
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    "npx vitest run",
    ...files,
    ...(pattern === undefined ? [] : [`-t '${pattern}'`])
  ].join(" ")

const root = fileURLToPath(new URL("../..", import.meta.url))
const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
const reporter = path.join(import.meta.dirname, "Reporter.ts")

const running = new Set<number>()

/** Ends all rounds that are running, with all that they have started. */
export const stopAll = (): void => {
  for (const pid of running) stop(pid)
}

const stop = (pid: number): void => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // It has just ended by itself.
  }
}

/** Runs a round; `folder` is for what it leaves behind. It always succeeds: what goes wrong is a failure of the round. */
export const run = (round: Round, folder: string): Promise<Result> => {
  const { job, number, test } = round
  const place = path.join(folder, `${test.name}-${number}`)
  const [images, trace] = [`${place}.images`, `${place}.trace`]
  const args = ["run", ...job.files, "--reporter", reporter, "--disable-console-intercept", "--maxWorkers=1"]
  if (job.pattern !== undefined) args.push("-t", job.pattern)
  const began = performance.now()
  // A group of its own, so that it can be stopped with the processes that it has started.
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: {
      ...process.env,
      ...Object.fromEntries(Object.entries(job.environment).map(([name, value]) => [name, String(value)])),
      NOTAFS_TRACE: trace,
      ...(test.hasImages === true ? { NOTAFS_IMAGES: images } : {})
    }
  })
  const { pid } = child
  if (pid !== undefined) running.add(pid)
  let [out, err] = ["", ""]
  let ending: Ending | undefined
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    if (pid !== undefined) stop(pid)
  }, test.minutesMax * 60_000)
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()))
  child.on("message", (message) => (ending = message as Ending))
  return new Promise((resolve) => {
    child.once("error", (error) => (err += String(error)))
    child.once("close", (status, signal) => {
      clearTimeout(limit)
      if (pid !== undefined) running.delete(pid)
      const failures = [...(ending?.failures ?? [])]
      if (isLate) {
        const last = existsSync(trace) ? readFileSync(trace, "utf8") : ""
        failures.push(`it did not end within ${test.minutesMax} minutes\n${last}`)
      } else if (ending === undefined) {
        failures.push(`it ended with ${signal ?? `status ${status}`}:\n${out.slice(-2000)}\n${err.slice(-2000)}`)
      } else if (ending.passed === 0 && failures.length === 0) failures.push("no test was run")
      rmSync(trace, { force: true })
      resolve({
        round,
        figures: out.split("\n").flatMap(figuresIn),
        failures,
        passed: ending?.passed ?? 0,
        seconds: (performance.now() - began) / 1000,
        cpuSeconds: ending?.cpuSeconds ?? 0,
        images: existsSync(images) ? images : undefined
      })
    })
  })
}

const figuresIn = (line: string): ReadonlyArray<Record<string, unknown>> => {
  if (!line.startsWith('{"test":')) return []
  try {
    return [JSON.parse(line) as Record<string, unknown>]
  } catch {
    return []
  }
}
