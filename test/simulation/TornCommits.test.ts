/**
 * A commit that did not come through must stay so: what an opening returned is never taken back (I3).
 *
 * Found by the crash enumeration: the rejected root stayed in its slot, and became whole when the next session wrote the
 * bytes that it lacked. Content of files is stored without a header, so the same content on the same page is the same bytes
 * whatever the generation; and the tail of a root record is the same where two commits change the same pages.
 */
import { assert, beforeAll, describe, it } from "vitest"
import { CrashExplorer } from "./CrashExplorer.ts"
import * as CrashSequences from "./CrashSequences.ts"
import * as CrashStarts from "./CrashStarts.ts"
import { prepare } from "./CrashVolume.ts"

beforeAll(() => prepare())

const exploreRetries = (start: CrashStarts.Start): CrashExplorer => {
  const explorer = new CrashExplorer(start)
  for (const operation of CrashSequences.retries) {
    explorer.explore([operation], { durability: "commit", closes: true }, { fullMax: 256, subsetsMax: 1000 })
  }
  return explorer
}

describe("a commit that was torn by a power cut", () => {
  it("does not come back when a later one writes the page of content that it lacks", () => {
    const { figures, violations } = exploreRetries(CrashStarts.losing("data", CrashStarts.files()))
    assert.deepStrictEqual(violations, [])
    assert.isAbove(figures.rejectedRoots, 0)
  })

  it("does not come back when a later root completes its root", () => {
    const { figures, violations } = exploreRetries(CrashStarts.losing("root", CrashStarts.longRoot()))
    assert.deepStrictEqual(violations, [])
    assert.isAbove(figures.images, 0)
  })
})
