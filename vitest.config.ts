import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** The files that take longest, the longest first: what is long and begins late leaves cores without work at the end. */
const LONG = [
  "Fuzz",
  "SimulationMore",
  "Simulation",
  "Crash",
  "Flips",
  "CrashPairs",
  "ProtocolModel",
  "CrashTwice",
  "kill",
  "DiskFull",
  "BrokenRules",
  "TwoProcesses",
  "Errors",
  "Replica",
  "CrashSnapshots",
  "Processes"
]

const rank = ({ moduleId }: TestSpecification): number => {
  const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
  return at < 0 ? LONG.length : at
}

class LongFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "threads",
    // Node runs the sources as they stand, as it does for users; through Vite's getters of imports all takes half as long again.
    experimental: { viteModuleRunner: false },
    // One worker a core: the default leaves a core idle, which on two cores is half the machine.
    maxWorkers: "100%",
    sequence: { sequencer: LongFirst },
    // Processes that tests start need not compile again what another one has, which is most of the time of a short one.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "reports/compiled") },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "json"],
    // `.ci/run` takes its totals from here.
    outputFile: { json: "reports/vitest.json" }
  }
})
