/** T2, length 2 and 3: samples of sequences, durable with each transaction, or with a sync anywhere. */
import { beforeAll, describe, it } from "vitest"
import { Random } from "../../src/testing/Random.ts"
import * as Scale from "../torture/Scale.ts"
import * as CrashBounds from "./CrashBounds.ts"
import * as CrashSequences from "./CrashSequences.ts"
import * as CrashStarts from "./CrashStarts.ts"
import { prepare } from "./CrashVolume.ts"

const { pairCount, seed, timeout, tripleCount } = CrashBounds

describe("a volume whose power is cut during a sequence of operations", () => {
  beforeAll(() => prepare())
  const tally = new CrashBounds.Tally("T2, length 2 and 3", "test/simulation/CrashPairs.test.ts")

  for (const durability of ["commit", "interval"] as const) {
    for (const [name, make, index] of CrashBounds.starts()) {
      it(`holds what was acknowledged, durable by ${durability}, from the start: ${name}`, { timeout }, () => {
        const start = make()
        const random = Random.at(seed, index)
        const syncs = durability === "interval"
        const share = start.isDear ? 0.4 : 1
        const sequences = [
          ...CrashSequences.sample(random, 2, pairCount * share, syncs),
          ...CrashSequences.sample(random, 3, tripleCount * share, syncs)
        ]
        tally.explore(start, (explorer) => {
          for (const sequence of sequences) {
            const images = CrashBounds.imagesOf(start, sequence.length)
            explorer.explore(sequence, { durability, closes: random.chance(0.5) }, images)
          }
        })
      })
    }
  }

  it.runIf(Scale.isInPiece(0))(
    "holds the state before or after a commit of more than a mebibyte, which has two barriers",
    { timeout },
    () => {
      const start = CrashStarts.tall()
      const huge = CrashSequences.one({ do: "create", path: "/huge", size: 1_100_000 })
      tally.explore(start, (explorer) => {
        const options = { durability: "commit", closes: true, dirtyBytes: 4 << 20 } as const
        // Thousands of sectors are pending: what becomes of them is decided for many at a time.
        explorer.explore([huge], options, { unitBytes: 32_768, fullMax: 0, subsetsMax: 0, sampleCount: 100, seed })
      })
    }
  )
})
