/**
 * T2 for snapshots and tables: taken, removed and gone back to, set and dropped, alone and two or three in a row, cut after every
 * write of the device.
 */
import { beforeAll, describe, it } from "vitest"
import { Random } from "../../src/testing/Random.ts"
import * as CrashBounds from "./CrashBounds.ts"
import * as CrashSequences from "./CrashSequences.ts"
import * as CrashStarts from "./CrashStarts.ts"
import { prepare } from "./CrashVolume.ts"

const { pairCount, seed, timeout, tripleCount } = CrashBounds

describe("a volume with snapshots whose power is cut", () => {
  beforeAll(() => prepare())
  const tally = new CrashBounds.Tally("T2, snapshots", "test/simulation/CrashSnapshots.test.ts")

  for (const closes of [true, false]) {
    it(
      `holds the state before each operation or after it${closes ? "" : ", after a session that was not closed"}`,
      {
        timeout
      },
      () => {
        const start = CrashStarts.kept(closes)
        const random = Random.at(seed, closes ? 1 : 2)
        const pick = () => CrashSequences.keeping[random.below(CrashSequences.keeping.length)]
        tally.explore(start, (explorer) => {
          for (const operation of CrashSequences.keeping) {
            explorer.explore([operation], { durability: "commit", closes: true }, CrashBounds.imagesOf(start, 1))
          }
          for (let left = pairCount + tripleCount; left > 0; left--) {
            const sequence = [pick(), pick(), ...(left <= tripleCount ? [pick()] : [])]
            const options = { durability: "commit", closes: random.chance(0.5) } as const
            explorer.explore(sequence, options, CrashBounds.imagesOf(start, sequence.length))
          }
        })
      }
    )
  }

  it("holds it after a second cut, too", { timeout }, () => {
    const start = CrashStarts.kept(true)
    tally.explore(start, (explorer) => {
      for (const operation of CrashSequences.keeping.filter((_, i) => CrashBounds.isCutTwice(start, i))) {
        const options = { durability: "commit", closes: false } as const
        explorer.exploreTwice([operation], options, { images: CrashBounds.imagesOf(start, 2), imagesPerCut: 1 })
      }
    })
  })
})
