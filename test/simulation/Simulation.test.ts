/** T4: the first half of the seeds, or those that NOTAFS_SEEDS says. SimulationMore.test.ts has the rest, for another core. */
import * as Scale from "../torture/Scale.ts"
import * as SimulationSeeds from "./SimulationSeeds.ts"

SimulationSeeds.declare(Scale.seeds() ?? { first: 0, count: 1000 })
