/**
 * A commit that did not come through must stay so: what an opening returned is never taken back (I3).
 *
 * Found by the crash enumeration: the rejected root stayed in its slot, and became whole when the next session wrote the
 * bytes that it lacked (docs/decisions/0011-an-empty-root-over-a-torn-commit.md).
 */
import { assert, beforeAll, describe, it } from "vitest"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { CrashExplorer } from "./CrashExplorer.ts"
import * as CrashSequences from "./CrashSequences.ts"
import * as CrashStarts from "./CrashStarts.ts"
import { open, prepare, run } from "./CrashVolume.ts"
import * as RootWalk from "./RootWalk.ts"

beforeAll(() => prepare())

const starts: Readonly<Record<string, () => CrashStarts.Start>> = {
  "a page of content": () => CrashStarts.losing("data", CrashStarts.files()),
  "a page of its tree": () => CrashStarts.losing("tree", CrashStarts.files()),
  "a sector of its root": () => CrashStarts.losing("root", CrashStarts.longRoot())
}

describe("a commit that was torn by a power cut", () => {
  for (const [missing, make] of Object.entries(starts)) {
    it(`has its slot taken by an empty root before an open returns, if it lacks ${missing}`, () => {
      const { disk, facts } = make()
      const image = disk.fork()
      const session = run(open(SimulatedDevice.make(image)))
      const { base, roots, slot } = session.head.root.record
      const [newest, before] = RootWalk.rootsOf(image, facts)
      assert.isFalse(image.hasPending)
      assert.deepStrictEqual(newest.hash, session.head.root.hash)
      assert.deepStrictEqual(newest.record.roots, before.record.roots)
      assert.deepStrictEqual([before.record.generation, newest.record.slot], [base, slot])
      assert.deepStrictEqual(roots, before.record.roots)
    })

    it(`does not come back when a later one writes what it lacks: ${missing}`, () => {
      const explorer = new CrashExplorer(make())
      for (const operation of CrashSequences.retries) {
        explorer.explore([operation], { durability: "commit", closes: true }, { fullMax: 256, subsetsMax: 1000 })
      }
      assert.deepStrictEqual(explorer.violations, [])
      assert.isAbove(explorer.figures.images, 0)
    })
  }
})
