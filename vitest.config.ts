import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "threads",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "json"],
    // `.ci/run` takes its totals from here.
    outputFile: { json: "reports/vitest.json" }
  }
})
