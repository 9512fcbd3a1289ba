/** The tests that mutants are run against (see docs/mutants.md): those of the core, the quick ones first. */
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** The files whose tests take long, which are asked only about what the others let live. */
const SLOW = [
  "Deadlists",
  "CheckNode",
  "Allocator",
  "Settle",
  "FreeMap",
  "CheckItem",
  "LongRuns",
  "Recovery",
  "Orphans",
  "Rope",
  "Commit",
  "BTree",
  "Files",
  "Check",
  "RopeShape"
]

const rank = ({ moduleId }: TestSpecification): number =>
  SLOW.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))

class QuickFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ["test/core/*.test.ts", "test/shell/{Difference,Transfer}.test.ts", "test/faults/Rescue.test.ts"],
    // A new worker for every file would cost more than its tests.
    isolate: false,
    testTimeout: 60_000,
    env: { NOTAFS_RUNS: "0.1" },
    sequence: { sequencer: QuickFirst }
  }
})
