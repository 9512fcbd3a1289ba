import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "threads",
    // One worker a core: the default leaves a core idle, which on two cores is half the machine.
    maxWorkers: "100%",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "json"],
    // `.ci/run` takes its totals from here.
    outputFile: { json: "reports/vitest.json" }
  }
})
