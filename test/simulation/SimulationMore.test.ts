/** T4: the second half of the seeds, unless NOTAFS_SEEDS says which ones are tried. */
import { describe } from "vitest"
import * as Scale from "../torture/Scale.ts"
import * as SimulationSeeds from "./SimulationSeeds.ts"

describe.skipIf(Scale.seeds() !== undefined)("beyond the first seeds", () => {
  SimulationSeeds.declare({ first: 1000, count: 1000 })
})
