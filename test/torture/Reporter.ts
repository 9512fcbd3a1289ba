/**
 * Tells the torture how a run of vitest has ended. It prints nothing, so that standard output has nothing but the figures.
 */
import { readFileSync } from "node:fs"
import type { Reporter as VitestReporter, SerializedError, TestModule } from "vitest/node"

/** How a run has ended. */
export interface Ending {
  readonly passed: number
  /** The tests that have failed, with the reasons. */
  readonly failures: ReadonlyArray<string>
  /** Of all threads and of all processes that were started. */
  readonly cpuSeconds: number
}

/** Processor time of the processes that have ended, which Node does not tell; 0 where the system does not either. */
const childrenCpuSeconds = (): number => {
  try {
    const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ")
    return (Number(fields[13]) + Number(fields[14])) / 100
  } catch {
    return 0
  }
}

const textOf = (name: string, errors: ReadonlyArray<{ readonly message: string }>): string =>
  [name, ...errors.map(({ message }) => message)].join("\n")

export default class Reporter implements VitestReporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const failures = unhandled.map((error) => textOf("outside of any test", [error]))
    let passed = 0
    for (const module of modules) {
      if (module.errors().length > 0) failures.push(textOf(module.moduleId, module.errors()))
      for (const test of module.children.allTests()) {
        const { errors, state } = test.result()
        if (state === "passed") passed++
        if (state === "failed") failures.push(textOf(test.fullName, errors ?? []))
      }
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) failures.push(textOf(suite.fullName, suite.errors()))
      }
    }
    const { system, user } = process.cpuUsage()
    const ending: Ending = { passed, failures, cpuSeconds: (system + user) / 1e6 + childrenCpuSeconds() }
    process.send?.(ending)
  }
}
