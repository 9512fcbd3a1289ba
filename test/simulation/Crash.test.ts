/** T2, length 1: every operation on every path, cut after every write of the device, from every starting state. */
import { beforeAll, describe, it } from "vitest"
import * as CrashBounds from "./CrashBounds.ts"
import * as CrashSequences from "./CrashSequences.ts"
import { prepare } from "./CrashVolume.ts"

const { timeout } = CrashBounds

describe("a volume whose power is cut during one operation", () => {
  beforeAll(() => prepare())
  const tally = new CrashBounds.Tally("T2, length 1", "test/simulation/Crash.test.ts")

  for (const [name, make] of CrashBounds.starts()) {
    it(`holds the state before it or after it, from the start: ${name}`, { timeout }, () => {
      const start = make()
      const images = CrashBounds.imagesOf(start, 1)
      tally.explore(start, (explorer) => {
        for (const operation of CrashSequences.operations) {
          explorer.explore([operation], { durability: "commit", closes: true }, images)
        }
      })
    })
  }
})
