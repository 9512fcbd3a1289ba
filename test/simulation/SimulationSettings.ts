/**
 * The volume and the disk that a seed of the simulation stands for: sizes, memory, how durable, how faulty.
 */
import type { Random } from "../../src/testing/Random.ts"
import { oneOf, type Taste } from "./SimulationSteps.ts"

export interface Settings {
  readonly pageBytes: number
  readonly pageCount: number
  readonly durability: "commit" | "interval"
  readonly cacheBytes: number
  readonly dirtyBytes: number
  readonly fibers: number
  /** Of a device call going wrong. */
  readonly probability: number
  readonly taste: Taste
}

export const settingsOf = (random: Random): Settings => {
  const pageBytes = oneOf(random, [512, 512, 512, 4096])
  const pageCount = pageBytes === 512 ? 64 + random.below(oneOf(random, [64, 400])) : 48 + random.below(100)
  return {
    pageBytes,
    pageCount,
    durability: oneOf(random, ["commit", "commit", "interval"]),
    cacheBytes: oneOf(random, [0, pageBytes, 4 * pageBytes, 16 * pageBytes, 1 << 20]),
    dirtyBytes: oneOf(random, [pageBytes, 6 * pageBytes, 20 * pageBytes, 1 << 20]),
    fibers: 2 + random.below(5),
    probability: oneOf(random, [0, 0.001, 0.003, 0.01, 0.03, 0.1]),
    taste: {
      pageBytes,
      pagesMax: oneOf(random, [6, 20, pageCount]),
      filesMax: oneOf(random, [10, 20, 40]),
      trees: random.chance(0.4),
      keptMax: oneOf(random, [1, 2, 3, 5])
    }
  }
}
