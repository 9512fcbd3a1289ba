/**
 * The moments at which an import is killed: calls of the device as a run without a kill has made them, by what they are in the
 * commit, and not by time. Every phase comes at least once; then a seed draws more of them, at other calls.
 */
import { assert } from "vitest"
import type { Random } from "../../src/testing/Random.ts"
import { type Call, type Section, SMALL_COUNT, type When } from "./killImport.ts"

/**
 * What the state of the import is after a kill: what a process has written is not lost with it, synced or not. Of a root the
 * first half may be all that says anything.
 */
type Expected = "absent" | "complete" | "either"

export interface Kill {
  readonly phase: string
  readonly section: Section
  readonly call: number
  readonly when: When
  readonly expected: Expected
}

/** Where the calls of a commit are in the import. */
interface Commit {
  /** Early writes up to here, then the last pages, their sync, the root and its sync. */
  readonly pages: number
  readonly barrier: number
  readonly root: number
}

const commitOf = (calls: ReadonlyArray<Call>): Commit => {
  const inImport = calls.filter(({ section }) => section === "import")
  const root = inImport.findLastIndex(({ operation }) => operation === "root")
  const [pages, barrier] = [root - 2, root - 1]
  assert.deepStrictEqual(
    inImport.slice(pages).map(({ operation }) => operation),
    ["pages", "sync", "root", "sync"]
  )
  assert.isAbove(pages, 8, "the import writes early")
  return { pages, barrier, root }
}

const kill = (phase: string, section: Section, call: number, when: When, expected: Expected): Kill => ({
  phase,
  section,
  call,
  when,
  expected
})

/** The end of a commit that has come through but for its last sync: an opening after it has to recover. */
export const unsynced = (calls: ReadonlyArray<Call>): Kill =>
  kill("after the root, before its sync", "import", commitOf(calls).root, "after", "complete")

/** Every phase, the longer ones at several calls. A small commit is a write, of its pages and the root, and a sync. */
const every = ({ barrier, pages, root }: Commit): ReadonlyArray<Kill> => [
  kill("in an earlier, small commit", "small", 0, "half", "absent"),
  kill("in an earlier, small commit", "small", 2 * (SMALL_COUNT - 1), "half", "absent"),
  kill("before the first page", "import", 0, "before", "absent"),
  kill("in an early write", "import", 0, "half", "absent"),
  kill("in an early write", "import", Math.floor(pages / 2), "half", "absent"),
  kill("between early writes", "import", 0, "after", "absent"),
  kill("between early writes", "import", Math.floor(pages / 3), "after", "absent"),
  kill("between early writes", "import", pages - 1, "after", "absent"),
  kill("in the last pages", "import", pages, "half", "absent"),
  kill("between pages and their sync", "import", barrier, "before", "absent"),
  kill("between the sync and the root", "import", barrier, "after", "absent"),
  kill("in the root", "import", root, "half", "either"),
  kill("after the root, before its sync", "import", root, "after", "complete"),
  kill("in recovery, before it writes", "open", 0, "before", "absent"),
  kill("in recovery, while it writes", "open", 0, "half", "absent"),
  kill("in recovery, before its sync", "open", 0, "after", "absent"),
  kill("in recovery, after its sync", "open", 1, "after", "absent"),
  kill("after the root's sync", "import", root + 1, "after", "complete"),
  kill("in closing", "close", 0, "half", "complete"),
  kill("in closing", "close", 1, "before", "complete")
]

/** The same phase at another call, where it has several. */
const elsewhere = (one: Kill, { pages }: Commit, random: Random): Kill => {
  if (one.phase === "in an early write" || one.phase === "between early writes") {
    return { ...one, call: random.below(pages) }
  }
  if (one.section === "small") return { ...one, call: 2 * random.below(SMALL_COUNT) }
  return one
}

/** So many moments, in an order that is drawn. */
export const moments = (calls: ReadonlyArray<Call>, count: number, random: Random): ReadonlyArray<Kill> => {
  const commit = commitOf(calls)
  const all = every(commit)
  const kills = all.slice(0, count)
  while (kills.length < count) kills.push(elsewhere(all[random.below(all.length)], commit, random))
  for (let i = kills.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[kills[i], kills[j]] = [kills[j], kills[i]]
  }
  return kills
}
