import { afterAll, assert, describe, it } from "vitest"
import { compare } from "./NodeFsDifference.ts"

/** Of all seeds together: 20,000, or what `NOTAFS_NODE_FS_CALLS` says. */
const CALLS = Number(process.env["NOTAFS_NODE_FS_CALLS"] ?? 20_000)
const PER_SEED = 2000

const histogram = new Map<string, number>()

describe("notafs/node-fs and node:fs/promises", () => {
  for (let seed = 1; seed <= Math.ceil(CALLS / PER_SEED); seed++) {
    it(`are the same over random calls (seed ${seed})`, async () => {
      const { differences, outcomes } = await compare(seed, PER_SEED)
      assert.deepStrictEqual(differences, [])
      for (const [outcome, count] of outcomes) histogram.set(outcome, (histogram.get(outcome) ?? 0) + count)
    }, 120_000)
  }

  it("have seen calls that succeed and calls that fail", () => {
    const seen = [...histogram.keys()]
    for (const outcome of [
      "writeFile answered",
      "open ENOENT",
      "rename ENOTEMPTY",
      "rm ERR_FS_EISDIR",
      "readlink EINVAL"
    ]) {
      assert.include(seen, outcome)
    }
    assert.isAbove(seen.length, 120)
  })

  afterAll(() => {
    const lines = [...histogram].sort(([a], [b]) => (a < b ? -1 : 1)).map(([outcome, count]) => `${outcome} ${count}`)
    console.log(lines.join(", "))
  })
})
