/**
 * T6: hostile images; see `FuzzRun`. NOTAFS_SEEDS says which images, NOTAFS_WITHOUT which changes of an image are left out.
 */
import { afterAll, assert, describe, it, vi } from "vitest"
import type * as Xxhash from "xxhash-wasm"
import type * as Node from "../../src/core/Node.ts"
import * as Scale from "../torture/Scale.ts"
import { report } from "./FaultVolume.ts"
import { FuzzRun, replay } from "./FuzzRun.ts"
import * as FuzzShrink from "./FuzzShrink.ts"

const broken = vi.hoisted(() => ({ admitsAll: false }))

vi.mock("../../src/core/Node.ts", async (original) => {
  const actual = await original<typeof Node>()
  const fault: typeof actual.fault = (...args) => (broken.admitsAll ? undefined : actual.fault(...args))
  return { ...actual, fault }
})

vi.mock("xxhash-wasm", async (original) => {
  const { default: load } = await original<typeof Xxhash>()
  const loaded = load()
  return { default: () => loaded }
})

const { count, first } = Scale.seeds(1) ?? { first: 1, count: 20_000 }

const figures: Record<string, unknown> = { test: "T6" }

describe("a hostile image", () => {
  it("gives a result or a typed error", { timeout: 36_000_000 }, async () => {
    const begun = performance.now()
    const memoryBefore = process.memoryUsage().rss
    const run = await FuzzRun.make()
    await run.run({ count, first }, Scale.without)
    const { callsMax, failed, millisMax, openingBytesMax, outcomes, violations } = run.tried
    const seconds = Math.round(performance.now() - begun) / 1000
    const grownMiB = Math.round((process.memoryUsage().rss - memoryBefore) / 1024 / 1024)
    const bounds = { callsMax, openingBytesMax, millisMax, grownMiB }
    Object.assign(figures, {
      images: count,
      first,
      ...outcomes.toJSON(),
      ...bounds,
      violations: violations.count,
      seconds
    })
    if (violations.count > 0) {
      assert.fail([...violations.list, replay(failed[0]), FuzzShrink.command(failed[0])].join("\n"))
    }
    assert.isBelow(grownMiB, 1024)
    if (count >= 1000) {
      assert.isAbove(outcomes.get("Corrupt"), count / 2)
      assert.isAbove(outcomes.get("opened"), count / 2)
    }
  })
})

describe("the harness", () => {
  it("catches: nodes are admitted whatever their structure", { timeout: 300_000 }, async () => {
    broken.admitsAll = true
    const run = await FuzzRun.make()
    await run.run({ first: 1, count: 400 })
    broken.admitsAll = false
    const { violations } = run.tried
    figures["broken rule: no structural check"] = `${violations.count} violations in 400 images`
    assert.isAbove(violations.count, 3)
  })

  it("finds which changes of an image do it", async () => {
    broken.admitsAll = true
    const run = await FuzzRun.make()
    await run.run({ first: 1, count: 200 })
    const sizes: Array<string> = []
    for (const seed of run.tried.failed) {
      const report = await FuzzShrink.shrink(run, seed)
      assert.isNotEmpty(report?.violations)
      sizes.push(`${report?.before.length} to ${report?.left.length}`)
    }
    broken.admitsAll = false
    figures["shrunk"] = sizes.join(", ")
    assert.isTrue(sizes.some((size) => ["3 to 1", "4 to 1", "4 to 2"].includes(size)))
  })
})

afterAll(() => report(figures))
