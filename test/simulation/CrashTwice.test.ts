/**
 * T3: a second cut. At each cut of an operation the volume is opened again and goes on with another operation: after a power
 * cut, and where only the process has ended, so that the cache shows what is not durable. The second run, its recovery
 * included, is cut after each write like the first one. And a system may have forgotten what it had to write while the cache
 * goes on showing it: opening must make it durable.
 */
import { beforeAll, describe, it } from "vitest"
import * as CrashBounds from "./CrashBounds.ts"
import * as CrashSequences from "./CrashSequences.ts"
import { prepare } from "./CrashVolume.ts"

const { imagesPerCut, timeout } = CrashBounds

describe("a volume whose power is cut again while it is recovered, or soon after", () => {
  beforeAll(() => prepare())
  const tally = new CrashBounds.Tally("T3", "test/simulation/CrashTwice.test.ts")

  for (const [name, make] of CrashBounds.starts()) {
    it(`keeps what an opening has returned, from the start: ${name}`, { timeout }, () => {
      const start = make()
      const images = CrashBounds.imagesOf(start, 3)
      tally.explore(start, (explorer) => {
        for (const [index, operation] of CrashSequences.operations.entries()) {
          if (!CrashBounds.isCutTwice(start, index)) continue
          explorer.exploreTwice([operation], { durability: "commit", closes: true }, { images, imagesPerCut })
        }
      })
    })
  }
})
