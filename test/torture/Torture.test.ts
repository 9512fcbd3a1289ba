/**
 * The torture itself: which rounds there are, what is added up, and that a round that fails is seen.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import * as CrashStarts from "../simulation/CrashStarts.ts"
import { Figures } from "./Figures.ts"
import { FingerprintSet } from "./FingerprintSet.ts"
import * as Round from "./Round.ts"
import * as Scale from "./Scale.ts"
import * as Table from "./Table.ts"
import * as Torture from "./Torture.ts"

const main = fileURLToPath(new URL("./main.ts", import.meta.url))
const named = (...names: ReadonlyArray<string>) => Table.tests.filter(({ name }) => names.includes(name))

const first = (count: number, rounds: Iterable<Round.Round>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const round of rounds) {
    if (found.length === count) break
    found.push(`${Round.nameOf(round)}: ${Round.commandOf(round.job)}`)
  }
  return found
}

/** More rounds than the format has files. */
const many = (): ReadonlyArray<Round.Round> => {
  const rounds = Torture.roundsOf(Table.tests, 1)
  return Array.from({ length: 120 }, () => rounds.next().value as Round.Round)
}

describe("the rounds", () => {
  it("are the same for the same seed, and others for another", () => {
    const of = (seed: number) => first(60, Torture.roundsOf(Table.tests, seed))
    assert.deepStrictEqual(of(1), of(1))
    const [one, two] = [of(1), of(2)]
    assert.notDeepEqual(one, two)
    assert.strictEqual(new Set(one).size, 60)
  })

  it("take the tests in turn, and leave out those that are done", () => {
    const names = first(8, Torture.roundsOf(named("T7", "T4", "T11"), 1)).map((text) => text.split(":")[0])
    const expected = ["T4 round 0", "T7 round 0", "T11 round 0", "T4 round 1", "T11 round 1"]
    assert.deepStrictEqual(names.slice(0, 5), expected)
    const [format] = named("T11")
    assert.strictEqual([...Torture.roundsOf(named("T7", "T8", "T11"), 1)].length, 2 + (format.pieces ?? 0))
  })

  it("are runs of files that there are, and of all that read the format", () => {
    const root = path.resolve(import.meta.dirname, "../..")
    const files = new Set<string>()
    for (const { job } of many()) for (const file of job.files) files.add(file)
    for (const file of files) assert.isTrue(existsSync(path.join(root, file)), file)
    const formats = readdirSync(path.join(root, "test/format")).filter((name) => name.endsWith(".test.ts"))
    assert.sameMembers(
      [...files].filter((file) => file.startsWith("test/format/")),
      formats.map((name) => `test/format/${name}`)
    )
    assert.strictEqual(Table.STARTS, Object.keys(CrashStarts.all).length)
  })

  it("try other seeds than the tests, each only once", () => {
    const [simulation] = named("T4")
    const ranges = [0, 1, 2].map((round) => {
      const { NOTAFS_SEEDS } = simulation.job(round, 1).environment
      return Scale.parseSeeds(String(NOTAFS_SEEDS))
    })
    assert.isAbove(ranges[0].first, 2000)
    assert.strictEqual(ranges[1].first, ranges[0].first + ranges[0].count)
    assert.strictEqual(ranges[2].first, ranges[1].first + ranges[1].count)
  })
})

describe("seeds", () => {
  it("are told by their number, as a range or alone", () => {
    assert.deepStrictEqual(Scale.parseSeeds("2000"), { first: 0, count: 2000 })
    assert.deepStrictEqual(Scale.parseSeeds("20", 1), { first: 1, count: 20 })
    assert.deepStrictEqual(Scale.parseSeeds("400+200"), { first: 400, count: 200 })
    assert.deepStrictEqual(Scale.parseSeeds("=17", 1), { first: 17, count: 1 })
    for (const text of ["", "x", "1+", "-3", "1.5"]) assert.throws(() => Scale.parseSeeds(text))
  })
})

describe("figures", () => {
  it("add up over rounds, and count equal images once", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "notafs-torture-test-"))
    const [cuts] = named("T2")
    const figures = new Figures(cuts)
    const job: Table.Job = { files: [], environment: {} }
    const lines = [
      { test: "T2", images: 5, distinct: 4, violations: 0, outcomes: { done: 3 } },
      { test: "T2, format", images: { empty: 2, NotFormatted: 1 } }
    ]
    for (const [number, fingerprints] of [
      [1, 2, 2 ** 52 - 1],
      [2, 3]
    ].entries()) {
      const images = path.join(folder, String(number))
      writeFileSync(images, new Uint8Array(Float64Array.from(fingerprints).buffer))
      const round = { test: cuts, number, job }
      figures.add({ round, figures: lines, failures: [], passed: 2, seconds: 2, cpuSeconds: 1, images })
    }
    rmSync(folder, { recursive: true })
    const { cpuSeconds, distinct, images, rate, rounds, violations } = figures.toJSON()
    assert.deepStrictEqual([images, distinct, rounds, violations, cpuSeconds], [16, 4, 2, 0, 2])
    assert.deepStrictEqual(rate, { of: "images", perSecondOfRound: 4, perCpuSecond: 8 })
    assert.isFalse(figures.hasFailed)
  })

  it("tell fingerprints apart, many of them", () => {
    const set = new FingerprintSet(4)
    const values = Array.from({ length: 20_000 }, (_, i) => (i * 0x9e3779b97f4a) % 2 ** 52)
    for (const value of [...values, ...values]) set.add(value)
    assert.strictEqual(set.count, new Set(values).size)
  })
})

describe("a run", { timeout: 120_000 }, () => {
  it("prints a line of JSON for each test", () => {
    const args = [main, "--for", "1s", "--only", "T11"]
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" })
    assert.strictEqual(status, 0, stderr)
    const lines = stdout.trim().split("\n")
    assert.strictEqual(lines.length, 1)
    const { failures, test, tests } = JSON.parse(lines[0])
    assert.deepStrictEqual([test, failures], ["T11", 0])
    assert.isAbove(tests, 3)
    assert.match(stderr, /^T11 round 0: \d+ s, good/m)
  })

  it("says what is wrong with a round that fails", async () => {
    const [fuzz] = named("T6")
    const job: Table.Job = { ...fuzz.job(0, 1), environment: { NOTAFS_SEEDS: "none" } }
    const { failures, passed } = await Round.run({ test: fuzz, number: 0, job }, tmpdir())
    assert.strictEqual(passed, 0)
    assert.match(failures.join("\n"), /NOTAFS_SEEDS is none/)
    assert.strictEqual(Round.commandOf(job), "NOTAFS_SEEDS=none npx vitest run test/faults/Fuzz.test.ts -t 'typed'")
  })

  it("knows the names of its tests", () => {
    const { status, stderr } = spawnSync(process.execPath, [main, "--only", "T4,T99"], { encoding: "utf8" })
    assert.strictEqual(status, 1)
    assert.match(stderr, /there is no T99/)
  })
})
