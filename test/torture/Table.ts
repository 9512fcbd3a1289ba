/**
 * The torture tests and their rounds.
 *
 * - A round is one run of vitest on files of a test, with figures of its own in the environment: ten seconds to a minute.
 * - The n-th round of a test depends on the seed of the whole and on n only.
 * - A test that ends has so many pieces; the others go on with other seeds as long as there is time.
 */
import { Random } from "../../src/testing/Random.ts"

export interface Job {
  readonly files: ReadonlyArray<string>
  /** Only the tests whose name has this in it. */
  readonly pattern?: string | undefined
  readonly environment: Readonly<Record<string, string | number>>
}

export interface Test {
  readonly name: string
  readonly what: string
  /** What is added up of the figures that its rounds print, the most important first. */
  readonly counts: ReadonlyArray<string>
  /** Histograms among its figures, which are added up too. */
  readonly histograms?: ReadonlyArray<string> | undefined
  /** Whether its rounds say which crash images they have tried, so that different ones can be counted. */
  readonly hasImages?: boolean | undefined
  /** How many rounds there are; without it there is no end. */
  readonly pieces?: number | undefined
  /** A round that takes longer has come to a standstill. */
  readonly minutesMax: number
  readonly job: (round: number, seed: number) => Job
}

/** Starting states of T2 and T3. */
export const STARTS = 9
const MODEL_PIECES = 24
const FLIP_PIECES = 40
const SEEDS_PER_ROUND = 300
const FUZZ_PER_ROUND = 6000
const REPLICAS_PER_ROUND = 16

const simulation = (name: string): string => `test/simulation/${name}.test.ts`
const faults = (name: string): string => `test/faults/${name}.test.ts`

/** One file with figures of its own. */
const job = (file: string, environment: Job["environment"], pattern?: string): Job => ({
  files: [file],
  environment,
  pattern
})

/** For a test that goes by seeds: where its rounds begin, far from the seeds of `npm test`. */
const firstSeed = (seed: number, test: number): number => 1_000_000 + Random.at(seed, test).below(2 ** 31)

/** For a test in which all is drawn by one seed. */
const seedOf = (seed: number, test: number, round: number): number => (firstSeed(seed, test) + round) >>> 0

const rangeOf = (seed: number, test: number, round: number, count: number): string =>
  `${firstSeed(seed, test) + round * count}+${count}`

/** What of T2 is done once: formatting, torn commits, and all single operations from each start. */
const cutOnce: ReadonlyArray<Job> = [
  job(simulation("CrashFormat"), {}),
  job(simulation("TornCommits"), {}),
  ...Array.from({ length: STARTS }, (_, i) =>
    job(simulation("Crash"), { NOTAFS_DEPTH: 1, NOTAFS_PIECE: `${i}/${STARTS}` })
  )
]

/** T11, file by file. */
const formats: ReadonlyArray<ReadonlyArray<string>> = [
  ["Reader", "Superblock", "Coverage", "SnapshotDamage", "TableDamage"],
  ["Golden"],
  ["RandomVolumes"],
  ["RandomSnapshots"],
  ["RandomTables"],
  ["ResizedVolumes"],
  ["Damage"]
]

export const tests: ReadonlyArray<Test> = [
  {
    name: "T1",
    what: "the model of the commit protocol, deeper",
    counts: ["states", "variants", "brokenRulesCaught", "harmless"],
    pieces: MODEL_PIECES,
    minutesMax: 60,
    job: (round) =>
      job("test/model/ProtocolModel.test.ts", { NOTAFS_DEPTH: 1, NOTAFS_PIECE: `${round}/${MODEL_PIECES}` })
  },
  {
    name: "T2",
    what: "crash images of one, two and three operations",
    counts: ["images", "distinct", "recoveries", "sequences", "cuts", "rejectedRoots"],
    hasImages: true,
    minutesMax: 20,
    // Two rounds of sequences, some of them with snapshots, tables and streams, after each of the single operations, as long as there are any.
    job: (round, seed) => {
      if (round % 3 === 0 && round / 3 < cutOnce.length) return cutOnce[round / 3]
      if (round % 6 === 5) {
        const file = simulation(round % 12 === 5 ? "CrashSnapshots" : "CrashReceive")
        return job(file, { NOTAFS_DEPTH: 1, NOTAFS_SEED: seedOf(seed, 2, round) })
      }
      const place = `${round % STARTS}/${STARTS}`
      return job(simulation("CrashPairs"), {
        NOTAFS_DEPTH: 1,
        NOTAFS_PIECE: place,
        NOTAFS_SEED: seedOf(seed, 2, round)
      })
    }
  },
  {
    name: "T3",
    what: "a second cut",
    counts: ["images", "distinct", "recoveries", "sequences", "cuts", "rejectedRoots"],
    hasImages: true,
    minutesMax: 20,
    job: (round, seed) =>
      job(simulation("CrashTwice"), {
        NOTAFS_DEPTH: 1,
        NOTAFS_PIECE: `${round % STARTS}/${STARTS}`,
        NOTAFS_SEED: seedOf(seed, 3, round)
      })
  },
  {
    name: "T4",
    what: "the simulation by seed",
    counts: ["seeds", "operations", "commits", "crashes", "reopens", "interrupts", "diskFull"],
    minutesMax: 10,
    job: (round, seed) => job(simulation("Simulation"), { NOTAFS_SEEDS: rangeOf(seed, 4, round, SEEDS_PER_ROUND) })
  },
  {
    name: "T5",
    what: "every bit flipped, every byte and sector zeroed, pages swapped",
    counts: ["images", "unread", "detected", "harmless", "pages"],
    pieces: FLIP_PIECES + 1,
    minutesMax: 20,
    job: (round) =>
      round === FLIP_PIECES
        ? job(faults("ZeroedPages"), { NOTAFS_DEPTH: 1 })
        : job(faults("Flips"), { NOTAFS_DEPTH: 1, NOTAFS_PIECE: `${round}/${FLIP_PIECES}` }, "damaged")
  },
  {
    name: "T6",
    what: "hostile images",
    counts: ["images", "opened", "not opened", "Corrupt"],
    minutesMax: 10,
    job: (round, seed) => job(faults("Fuzz"), { NOTAFS_SEEDS: rangeOf(seed, 6, round, FUZZ_PER_ROUND) }, "typed")
  },
  {
    name: "T7",
    what: "a full disk at every allocation",
    counts: ["volumes", "allocations", "rounds"],
    pieces: 1,
    minutesMax: 20,
    job: () => job(faults("DiskFull"), {}, "full volume")
  },
  {
    name: "T8",
    what: "a failure of every device call",
    counts: ["runs", "calls"],
    pieces: 1,
    minutesMax: 20,
    job: () => job(faults("Errors"), {}, "call that fails")
  },
  {
    name: "T9",
    what: "kills of a real process",
    counts: ["kills"],
    histograms: ["phases", "states"],
    minutesMax: 10,
    job: (round, seed) => job("test/cli/kill.test.ts", { NOTAFS_KILLS: 50, NOTAFS_SEED: seedOf(seed, 9, round) })
  },
  {
    name: "T10",
    what: "a writer, readers, and writers that come too late, as real processes",
    counts: ["views", "expired", "refreshed", "checks", "checksExpired"],
    minutesMax: 5,
    job: () => job(faults("TwoProcesses"), { NOTAFS_SECONDS: 30 })
  },
  {
    name: "T11",
    what: "golden images, and the independent reader",
    counts: ["tests"],
    pieces: formats.length,
    minutesMax: 10,
    job: (round) => ({ files: formats[round].map((name) => `test/format/${name}.test.ts`), environment: {} })
  },
  {
    name: "T13",
    what: "a replica that is kept through ends of either side",
    counts: ["rounds", "seeds", "transfers", "deaths"],
    histograms: ["events", "processes"],
    minutesMax: 10,
    // Real processes come second, and then in every fourth round.
    job: (round, seed) =>
      round % 4 === 1
        ? job(faults("ReplicaProcesses"), { NOTAFS_ROUNDS: 20, NOTAFS_SEED: seedOf(seed, 13, round) })
        : job(simulation("Replica"), { NOTAFS_SEEDS: rangeOf(seed, 13, round, REPLICAS_PER_ROUND) })
  },
  {
    name: "T14",
    what: "a million commits of one session, which leave nothing behind",
    counts: ["commits"],
    pieces: 1,
    minutesMax: 20,
    job: (round, seed) => job(faults("Soak"), { NOTAFS_COMMITS: 1_000_000, NOTAFS_SEED: seedOf(seed, 14, round) })
  }
]
