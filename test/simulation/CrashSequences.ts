/**
 * The sequences that the crash tests run: every operation on every path, and samples of two and three of them.
 *
 * In most starting states `/a` is a small file, `/b` a large one, `/d` a folder, and `/d/c` is not there.
 */
import type { Operation } from "./CrashRun.ts"
import * as CrashSteps from "./CrashSteps.ts"
import type { Random } from "../../src/testing/Random.ts"

const paths = ["/a", "/b", "/d", "/d/c"]

/** Inline content, and content of several pages. */
export const SMALL_BYTES = 40
export const LARGE_BYTES = 3000

export const one = (step: CrashSteps.Step): Operation => ({
  kind: "steps",
  name: CrashSteps.format(step),
  steps: [step]
})

const singles: ReadonlyArray<CrashSteps.Step> = paths.flatMap((path): ReadonlyArray<CrashSteps.Step> => [
  { do: "create", path, size: SMALL_BYTES },
  { do: "create", path, size: LARGE_BYTES },
  { do: "write", path, offset: 0, size: 1500 },
  { do: "append", path, size: 300 },
  { do: "truncate", path, size: 0 },
  { do: "truncate", path, size: 700 },
  { do: "write", path, offset: 600, size: 200 },
  { do: "write", path, offset: 4000, size: 50 },
  { do: "punch", path, offset: 512, size: 700 },
  { do: "mkdir", path },
  { do: "symlink", path, target: "/b" },
  { do: "unlink", path },
  { do: "rmdir", path },
  { do: "mode", path, mode: 0o600 },
  { do: "attribute", path, name: "user.x", size: 60 },
  ...paths
    .filter((to) => to !== path)
    .flatMap((to): ReadonlyArray<CrashSteps.Step> => [
      { do: "rename", path, to },
      { do: "link", path, to }
    ])
])

/** What the lost commit of some starting states did, and nearly the same. */
export const retries: ReadonlyArray<Operation> = [
  one({ do: "create", path: "/lost", size: LARGE_BYTES }),
  one({ do: "create", path: "/lost", size: LARGE_BYTES - 10 })
]

export const transactionOfSeveral: Operation = {
  kind: "steps",
  name: "transaction",
  steps: [
    { do: "create", path: "/d/c", size: 200 },
    { do: "mkdir", path: "/d" },
    { do: "append", path: "/b", size: 700 },
    { do: "rename", path: "/a", to: "/d/a" },
    { do: "mode", path: "/d", mode: 0o700 }
  ]
}

/** More than the dirty budget several times over; some of what is written early dies in the same transaction. */
const earlySteps: ReadonlyArray<CrashSteps.Step> = [
  { do: "create", path: "/e", size: 2600 },
  { do: "append", path: "/b", size: 2600 },
  { do: "unlink", path: "/a" },
  { do: "create", path: "/a", size: 2600 },
  { do: "truncate", path: "/e", size: 600 },
  { do: "unlink", path: "/e" },
  { do: "create", path: "/f", size: 2600 },
  { do: "attribute", path: "/f", name: "user.x", size: 60 }
]

export const early: Operation = { kind: "steps", name: "early", steps: earlySteps }

/** The same, but at its end it fails: all that was written early is given up. */
export const earlyFailing: Operation = { kind: "steps", name: "early and failing", steps: earlySteps, fails: true }

/** Three callers at once: the first commit is on its way while the other two join the next group. */
export const together: Operation = {
  kind: "together",
  name: "together",
  steps: [
    { do: "create", path: "/x", size: SMALL_BYTES },
    { do: "create", path: "/y", size: 900 },
    { do: "mkdir", path: "/z" }
  ]
}

export const reopen: Operation = { kind: "reopen", name: "reopen" }
export const sync: Operation = { kind: "sync", name: "sync" }

/** What is done with tables: those of the states with snapshots, and new ones. */
const tables: ReadonlyArray<Operation> = [
  one({ do: "set", table: "t", path: "short", size: SMALL_BYTES }),
  one({ do: "set", table: "t", path: "long", size: SMALL_BYTES }),
  one({ do: "set", table: "t", path: "long", size: 4000 }),
  one({ do: "set", table: "new", path: "long", size: LARGE_BYTES }),
  one({ do: "unset", table: "t", path: "short" }),
  one({ do: "unset", table: "t", path: "long" }),
  one({ do: "clear", table: "t" }),
  one({ do: "drop table", table: "t" }),
  {
    kind: "steps",
    name: "tables and files",
    steps: [
      { do: "set", table: "t", path: "short", size: 700 },
      { do: "append", path: "/b", size: 700 },
      { do: "set", table: "new", path: "key", size: 20 },
      { do: "unlink", path: "/a" },
      { do: "drop table", table: "t" },
      { do: "set", table: "t", path: "again", size: LARGE_BYTES }
    ]
  }
]

/** What is done with snapshots and tables, and to what they keep. */
export const keeping: ReadonlyArray<Operation> = [
  one({ do: "snapshot", path: "three" }),
  one({ do: "snapshot", path: "one" }),
  one({ do: "drop", path: "one" }),
  one({ do: "drop", path: "two" }),
  one({ do: "back", path: "one" }),
  one({ do: "back", path: "two" }),
  one({ do: "back", path: "none" }),
  one({ do: "unlink", path: "/b" }),
  one({ do: "write", path: "/b", offset: 600, size: 200 }),
  one({ do: "create", path: "/t", size: LARGE_BYTES }),
  {
    kind: "steps",
    name: "change and keep",
    steps: [
      { do: "append", path: "/b", size: 700 },
      { do: "unlink", path: "/a" },
      { do: "snapshot", path: "three" }
    ]
  },
  {
    kind: "steps",
    name: "go back, change and drop",
    steps: [
      { do: "unlink", path: "/h" },
      { do: "back", path: "one" },
      { do: "unlink", path: "/a" },
      { do: "drop", path: "one" }
    ]
  },
  {
    kind: "steps",
    name: "go back and fail",
    steps: [
      { do: "back", path: "one" },
      { do: "unlink", path: "/b" }
    ],
    fails: true
  },
  ...tables,
  early
]

/** All operations. */
export const operations: ReadonlyArray<Operation> = [
  ...singles.map(one),
  ...retries,
  transactionOfSeveral,
  early,
  earlyFailing,
  together,
  reopen
]

/** What the second run of two goes on with. */
export const next: ReadonlyArray<Operation> = [
  ...retries,
  one({ do: "create", path: "/d/c", size: LARGE_BYTES }),
  one({ do: "create", path: "/t", size: SMALL_BYTES }),
  one({ do: "append", path: "/b", size: 300 }),
  one({ do: "unlink", path: "/b" }),
  one({ do: "truncate", path: "/b", size: 0 }),
  early
]

/** `count` sequences of `length` operations, with a sync anywhere if `syncs`. */
export const sample = (
  random: Random,
  length: number,
  count: number,
  syncs: boolean
): Array<ReadonlyArray<Operation>> =>
  Array.from({ length: count }, () =>
    Array.from({ length }, () => operations[random.below(operations.length)]).flatMap((operation) =>
      syncs && random.chance(0.3) ? [operation, sync] : [operation]
    )
  )

export const nameOf = (sequence: ReadonlyArray<Operation>): string => sequence.map(({ name }) => name).join("; ")
