/**
 * The test of the crash tests: each rule of the protocol broken on its own, and the enumeration must see it. Where another
 * rule covers a broken one it must see nothing, and the table says why.
 *
 * Nothing in `src` knows of this: modules are replaced by broken ones, which are sound until a rule is switched off.
 */
import * as Effect from "effect/Effect"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import type * as Allocator from "../../src/core/Allocator.ts"
import type * as Checksum from "../../src/core/Checksum.ts"
import type * as Commit from "../../src/core/Commit.ts"
import type { Draft } from "../../src/core/Draft.ts"
import type * as Recovery from "../../src/core/Recovery.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import type * as RootSlots from "../../src/core/RootSlots.ts"
import type * as GroupCommit from "../../src/shell/GroupCommit.ts"
import type * as Writing from "../../src/shell/Writing.ts"
import { CrashExplorer } from "./CrashExplorer.ts"
import type * as CrashRun from "./CrashRun.ts"
import * as CrashSequences from "./CrashSequences.ts"
import * as CrashStarts from "./CrashStarts.ts"
import { prepare } from "./CrashVolume.ts"

type Rule =
  | "what a commit frees is held until the next one is durable"
  | "a transaction does not take the pages that it frees"
  | "what a draft that was given up has written early is held"
  | "an early write has a sync behind it"
  | "a root goes into the slot after the newest one"
  | "the base is the root that is durable when the commit is planned"
  | "pages that were written early are synced before the root"
  | "a commit is acknowledged after its sync"
  | "a root is verified before it is taken"
  | "recovery falls back to the base and no further"
  | "generations go on above rejected ones"
  | "an empty root takes the slot of a torn commit"
  | "a session commits an empty root before its first pages"
  | "opening writes again and syncs"
  | "opening writes again, and does not only sync"
  | "a checksum is bound to volume, place and time"

const broken = vi.hoisted(() => ({ rules: [] as ReadonlyArray<string> }))
const is = (rule: Rule): boolean => broken.rules.includes(rule)

vi.mock("../../src/core/Allocator.ts", async (original) => {
  const real = await original<typeof Allocator>()
  const release: typeof real.release = (allocator, dead, generation) => {
    const released = real.release(allocator, dead, generation)
    return is("a transaction does not take the pages that it frees") ? { ...released, held: allocator.held } : released
  }
  const forget: typeof real.forget = (allocator, oldestRoot) =>
    is("what a commit frees is held until the next one is durable")
      ? { ...allocator, held: [] }
      : real.forget(allocator, oldestRoot)
  return { ...real, release, forget }
})

vi.mock("../../src/core/RootSlots.ts", async (original) => {
  const real = await original<typeof RootSlots>()
  const next: typeof real.next = (slots, slot) =>
    is("a root goes into the slot after the newest one") ? slot : real.next(slots, slot)
  return { ...real, next }
})

vi.mock("../../src/core/Checksum.ts", async (original) => {
  const real = await original<typeof Checksum>()
  const nothing = new Uint8Array(32)
  const xxh64: typeof real.xxh64 = (hash) => {
    const checksum = real.xxh64(hash)
    const write: typeof checksum.write = (context, bytes, out, at) =>
      checksum.write(is("a checksum is bound to volume, place and time") ? nothing : context, bytes, out, at)
    return { ...checksum, write }
  }
  return { ...real, xxh64 }
})

/** The generation that was durable when a draft began. */
const begun = new WeakMap<Draft<never>, number>()

vi.mock("../../src/core/Commit.ts", async (original) => {
  const real = await original<typeof Commit>()
  const plan: typeof real.plan = (draft, head, allocator, circumstances, hasEarlyWrites) => {
    const planned = real.plan(draft, head, allocator, circumstances, hasEarlyWrites)
    if (planned._tag !== "Plan") return planned
    const { record } = planned.root
    if (is("the base is the root that is durable when the commit is planned")) {
      const base = begun.get(draft as unknown as Draft<never>) ?? record.base
      const root = RootRecord.encode(draft.binding, circumstances.slots, { ...record, base })
      return { ...planned, root, next: { ...planned.next, root } }
    }
    if (is("pages that were written early are synced before the root") && hasEarlyWrites) {
      // The root says two barriers, but the shell puts none between.
      return { ...planned, root: { ...planned.root, record: { ...record, barriers: 1 as const } } }
    }
    return planned
  }
  return { ...real, plan }
})

vi.mock("../../src/core/Recovery.ts", async (original) => {
  const real = await original<typeof Recovery>()
  const taking = (state: Recovery.State & { _tag: "Verifying" }, root: RootRecord.EncodedRoot): Recovery.Opened => ({
    _tag: "Opened",
    root,
    isSettled: true,
    nextGeneration: state.opening.highest + 1,
    verified: [],
    rewrite: [{ address: root.page, bytes: root.bytes }],
    rejected: state.rejected
  })
  const wrong = (
    state: Recovery.State,
    before: (Recovery.State & { _tag: "Verifying" }) | undefined
  ): Recovery.State => {
    if (state._tag === "Refused") return state
    if (
      is("recovery falls back to the base and no further") &&
      before &&
      state.rejected.length > before.rejected.length
    ) {
      const [rejected] = state.rejected
      return taking({ ...before, rejected: [rejected] }, [...before.opening.found.all()].at(-1)!)
    }
    if (state._tag === "Verifying") {
      return is("a root is verified before it is taken") ? taking(state, state.candidate) : state
    }
    if (is("generations go on above rejected ones")) {
      return { ...state, nextGeneration: state.root.record.generation + 1 }
    }
    return is("an empty root takes the slot of a torn commit") ? { ...state, isSettled: true } : state
  }
  const begin: typeof real.begin = (...args) => wrong(real.begin(...args), undefined)
  const loaded: typeof real.loaded = (state, pages) => wrong(real.loaded(state, pages), state)
  return { ...real, begin, loaded }
})

vi.mock("../../src/shell/GroupCommit.ts", async (original) => {
  const real = await original<typeof GroupCommit>()
  const join: typeof real.join = (session) => {
    if (is("what a draft that was given up has written early is held")) session.abandoned = []
    if (is("a session commits an empty root before its first pages")) session.hasWritten = true
    const group = real.join(session)
    const draft = group.draft as unknown as Draft<never>
    if (!begun.has(draft)) begun.set(draft, session.head.root.record.generation)
    return group
  }
  return { ...real, join }
})

vi.mock("../../src/shell/Writing.ts", async (original) => {
  const real = await original<typeof Writing>()
  const stabilize: typeof real.stabilize = (session) => {
    if (is("opening writes again and syncs")) return Effect.void
    return is("opening writes again, and does not only sync")
      ? Effect.orDie(session.device.sync)
      : real.stabilize(session)
  }
  const sync: typeof real.sync = (session) =>
    is("an early write has a sync behind it") ? Effect.void : real.sync(session)
  return { ...real, stabilize, sync }
})

// ---- the table

interface Broken {
  /** Broken together. */
  readonly rules: ReadonlyArray<Rule>
  readonly start: () => CrashStarts.Start
  readonly sequences: ReadonlyArray<ReadonlyArray<CrashRun.Operation>>
  /** What is tried with the sequences: the images of its cuts, or a second run at each. */
  readonly twice?: boolean
  readonly wrap?: CrashRun.RunOptions["wrap"]
  /** Whether the starting state is made with the broken rule as well. */
  readonly fromTheStart?: boolean
  /** What the violations must say; or why there are none. */
  readonly caught: ReadonlyArray<RegExp> | string
}

/** Every third operation, each by itself. */
const several = CrashSequences.operations.filter((_, i) => i % 3 === 0).map((operation) => [operation])
/** On a volume that is nearly full: what one operation frees the same one or the next one needs. */
const pressing = [
  [
    CrashSequences.one({ do: "unlink", path: "/full16384-0" }),
    CrashSequences.one({ do: "create", path: "/t", size: 10_000 })
  ],
  [CrashSequences.one({ do: "write", path: "/full16384-0", offset: 0, size: 5_000 })],
  CrashSequences.next
]

const [retry, otherRetry] = CrashSequences.retries

const table: ReadonlyArray<Broken> = [
  {
    rules: ["what a commit frees is held until the next one is durable"],
    start: CrashStarts.full,
    sequences: pressing,
    caught: [/I4: page \d+ is retained/]
  },
  {
    rules: ["a transaction does not take the pages that it frees"],
    start: CrashStarts.full,
    sequences: pressing,
    caught: [/I4: page \d+ is retained/, /after write \d+, \[/]
  },
  {
    rules: ["what a draft that was given up has written early is held", "an early write has a sync behind it"],
    start: CrashStarts.files,
    sequences: [[CrashSequences.earlyFailing, CrashSequences.early]],
    caught: [/I9: page \d+ is written again before a sync/]
  },
  {
    rules: ["what a draft that was given up has written early is held"],
    start: CrashStarts.files,
    sequences: [[CrashSequences.earlyFailing, CrashSequences.early]],
    caught: "the simulated device is done with the sync behind an early write before the next one begins"
  },
  {
    rules: ["a root goes into the slot after the newest one"],
    start: CrashStarts.files,
    sequences: several,
    caught: [/I4: page \d+ is retained/, /opened what differs|cannot be opened/]
  },
  {
    rules: ["the base is the root that is durable when the commit is planned"],
    start: CrashStarts.files,
    sequences: [[CrashSequences.together]],
    caught: [/no root of the volume verifies/]
  },
  {
    rules: ["pages that were written early are synced before the root"],
    start: CrashStarts.files,
    sequences: [[CrashSequences.early]],
    caught: [/does not match|what was opened cannot be read/]
  },
  {
    rules: ["a commit is acknowledged after its sync"],
    start: CrashStarts.files,
    sequences: several,
    wrap: (device) => ({ ...device, sync: Effect.void }),
    caught: [/opened what differs/, /acknowledged/]
  },
  {
    rules: ["a root is verified before it is taken"],
    start: CrashStarts.files,
    sequences: several,
    caught: [/what was opened cannot be read/, /do not match their checksum/]
  },
  {
    rules: ["recovery falls back to the base and no further"],
    start: CrashStarts.unclean,
    sequences: several,
    caught: [/opened what differs/]
  },
  {
    rules: ["generations go on above rejected ones"],
    start: CrashStarts.files,
    sequences: several,
    caught: [/I6: generation \d+ would be used again|I6: root \d+ is written where root \d+ was seen/]
  },
  {
    rules: ["an empty root takes the slot of a torn commit", "a session commits an empty root before its first pages"],
    start: () => CrashStarts.losing("data", CrashStarts.files()),
    sequences: [[otherRetry]],
    caught: [/opened what differs/]
  },
  {
    rules: ["an empty root takes the slot of a torn commit"],
    start: () => CrashStarts.losing("data", CrashStarts.files()),
    sequences: [[otherRetry]],
    caught: "the root by which a session claims the volume takes the slot as well, before any page is written"
  },
  {
    rules: ["opening writes again and syncs"],
    start: CrashStarts.files,
    sequences: [[retry]],
    twice: true,
    caught: [/process ended.*open, acknowledged.*opened what differs/s]
  },
  {
    rules: ["opening writes again, and does not only sync"],
    start: CrashStarts.files,
    sequences: [[retry]],
    twice: true,
    caught: [/forgotten.*I3: opened, and after another cut/s]
  },
  {
    rules: ["a checksum is bound to volume, place and time"],
    start: CrashStarts.files,
    sequences: several.slice(0, 8),
    twice: true,
    fromTheStart: true,
    caught: "a crash leaves no bytes in a place where others were meant; misdirected writes and hostile images do"
  }
]

const bounds = { fullMax: 64, subsetsMax: 800 }

const explore = ({ fromTheStart, rules, sequences, start, twice, wrap }: Broken): CrashExplorer => {
  if (fromTheStart === true) broken.rules = rules
  const explorer = new CrashExplorer(start())
  broken.rules = rules
  const options: CrashRun.RunOptions = { durability: "commit", closes: false, wrap }
  for (const sequence of sequences) {
    if (twice === true) explorer.exploreTwice(sequence, options, { images: bounds, imagesPerCut: 20 })
    else explorer.explore(sequence, options, bounds)
  }
  return explorer
}

const figures: Array<object> = []

describe("the crash enumeration", () => {
  beforeAll(() => prepare())
  afterEach(() => {
    broken.rules = []
  })
  afterAll(() => {
    console.log(JSON.stringify({ test: "T2, broken rules", rules: figures }))
  })

  for (const entry of table) {
    it(`${typeof entry.caught === "string" ? "sees nothing" : "sees it"} when broken: ${entry.rules.join(", and ")}`, () => {
      const { figures: counts, violations } = explore(entry)
      figures.push({ rules: entry.rules, images: counts.images, violations: counts.violations })
      if (typeof entry.caught === "string") assert.deepStrictEqual(violations, [], entry.caught)
      else {
        const text = violations.map(({ reason, replay }) => `${replay} ${reason}`)
        for (const pattern of entry.caught) {
          const first = text.slice(0, 3).join("\n")
          assert.isTrue(
            text.some((line) => pattern.test(line)),
            `${pattern} is not in ${text.length}:\n${first}`
          )
        }
      }
    })

    it(`sees nothing when kept: ${entry.rules.join(", and ")}`, () => {
      const { violations } = explore({ ...entry, rules: [], wrap: undefined })
      assert.deepStrictEqual(violations, [])
    })
  }
})
