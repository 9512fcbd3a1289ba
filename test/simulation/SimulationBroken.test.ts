/**
 * The test of the test: each broken rule is caught by the simulation, by its name.
 *
 * A rule is broken by putting another function in its place, while a switch is on.
 */
import * as Effect from "effect/Effect"
import { afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import type * as Allocator from "../../src/core/Allocator.ts"
import type * as Deadlists from "../../src/core/Deadlists.ts"
import { Draft } from "../../src/core/Draft.ts"
import type * as Rollback from "../../src/core/Rollback.ts"
import type * as Snapshots from "../../src/core/Snapshots.ts"
import * as Tree from "../../src/core/Tree.ts"
import type * as GroupCommit from "../../src/shell/GroupCommit.ts"
import type * as Recovery from "../../src/core/Recovery.ts"
import type * as Fencing from "../../src/shell/Fencing.ts"
import type * as Interpreter from "../../src/shell/Interpreter.ts"
import type * as Session from "../../src/shell/Session.ts"
import { prepare } from "./CrashVolume.ts"
import { simulate } from "./SimulationRun.ts"

const broken = vi.hoisted((): { rule: string } => ({ rule: "" }))

vi.mock("../../src/core/Allocator.ts", async (original) => {
  const real = await original<typeof Allocator>()
  return {
    ...real,
    forget: (allocator: Allocator.Allocator, oldestRoot: number) =>
      broken.rule === "no hold of freed pages" ? { ...allocator, held: [] } : real.forget(allocator, oldestRoot),
    release: (...[allocator, dead, generation]: Parameters<typeof real.release>) => {
      const released = real.release(allocator, dead, generation)
      return broken.rule === "no hold of freed pages" ? { ...released, held: [] } : released
    }
  } satisfies typeof Allocator
})

vi.mock("../../src/core/Deadlists.ts", async (original) => {
  const real = await original<typeof Deadlists>()
  return {
    ...real,
    record: (...[draft, dead]: Parameters<typeof real.record>) =>
      broken.rule === "what a snapshot sees is free when it dies" ? dead : real.record(draft, dead),
    dissolve: (...[draft, snapshot, entriesMax]: Parameters<typeof real.dissolve>) => {
      if (broken.rule !== "the list of a removed snapshot joins no other") {
        return real.dissolve(draft, snapshot, entriesMax)
      }
      // Where there is no older snapshot, all of the list is free.
      const { snapshots } = draft.roots
      draft.roots = { ...draft.roots, snapshots: Tree.empty(draft.layout) }
      const isEmpty = real.dissolve(draft, snapshot, entriesMax)
      draft.roots = { ...draft.roots, snapshots }
      return isEmpty
    },
    revive: (...[draft, snapshot, entriesMax]: Parameters<typeof real.revive>) =>
      real.revive(draft, broken.rule === "a rollback frees what older snapshots see" ? 0 : snapshot, entriesMax)
  } satisfies typeof Deadlists
})

/** Whether a rollback is about to remove what is newer. */
let isGoingBack = false

vi.mock("../../src/core/Rollback.ts", async (original) => {
  const real = await original<typeof Rollback>()
  return {
    ...real,
    step: (draft: Parameters<typeof real.step>[0], state: Rollback.State) => {
      isGoingBack = true
      const next = real.step(draft, state)
      isGoingBack = false
      return next
    },
    stillDead: (...[dead, rollbacks]: Parameters<typeof real.stillDead>) =>
      broken.rule === "what a rollback brings back stays dead" ? dead : real.stillDead(dead, rollbacks)
  } satisfies typeof Rollback
})

vi.mock("../../src/core/Snapshots.ts", async (original) => {
  const real = await original<typeof Snapshots>()
  return {
    ...real,
    remove: (...[draft, snapshot]: Parameters<typeof real.remove>) => {
      if (broken.rule !== "a rollback keeps newer snapshots" || !isGoingBack) real.remove(draft, snapshot)
    }
  } satisfies typeof Snapshots
})

vi.mock("../../src/shell/GroupCommit.ts", async (original) => {
  const real = await original<typeof GroupCommit>()
  return {
    ...real,
    commitClosed: (...[session, group, undo]: Parameters<typeof real.commitClosed>) =>
      broken.rule === "others join the commit of a snapshot"
        ? real.commit(session, group)
        : real.commitClosed(session, group, undo)
  } satisfies typeof GroupCommit
})

vi.mock("../../src/shell/Session.ts", async (original) => {
  const real = await original<typeof Session>()
  return {
    ...real,
    oldestRoot: (session: Session.Session) =>
      broken.rule === "pins ignored" ? session.head.root.record.base : real.oldestRoot(session),
    poison: (...[session, error]: Parameters<typeof real.poison>) => {
      if (broken.rule !== "no poison") real.poison(session, error)
    }
  } satisfies typeof Session
})

vi.mock("../../src/core/Recovery.ts", async (original) => {
  const real = await original<typeof Recovery>()
  const mend = (state: Recovery.State): Recovery.State => {
    if (state._tag !== "Opened") return state
    if (broken.rule === "nothing is written again at opening") return { ...state, rewrite: [] }
    if (broken.rule.startsWith("generations used twice")) {
      return { ...state, nextGeneration: state.root.record.generation + 1, isSettled: true }
    }
    return state
  }
  return {
    ...real,
    begin: (...args: Parameters<typeof real.begin>) => mend(real.begin(...args)),
    loaded: (...args: Parameters<typeof real.loaded>) => mend(real.loaded(...args))
  } satisfies typeof Recovery
})

vi.mock("../../src/shell/Fencing.ts", async (original) => {
  const real = await original<typeof Fencing>()
  const check: typeof real.check = (session) =>
    broken.rule === "generations used twice, and no fencing" ? Effect.succeed(undefined) : real.check(session)
  return { ...real, check }
})

vi.mock("../../src/shell/Interpreter.ts", async (original) => {
  const real = await original<typeof Interpreter>()
  return {
    ...real,
    readRoot: (...[session, head, f]: Parameters<typeof real.readRoot>) =>
      real.readRoot(session, broken.rule === "views follow the newest root" ? session.head : head, f)
  } as typeof Interpreter
})

const rollback = Draft.prototype.rollback

afterEach(() => {
  broken.rule = ""
  Draft.prototype.rollback = rollback
})

beforeAll(() => prepare())

const SEEDS = 400

/** The first violation that the simulation finds. */
const firstOf = (syncsLate = false): string | undefined => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { violations } = simulate({ seed, operations: 300, syncsLate })
    if (violations.length > 0) return `${violations.join("\n")}\nseed ${seed}`
  }
  return undefined
}

describe("the simulation catches", { timeout: 300_000 }, () => {
  const cases: ReadonlyArray<readonly [rule: string, by: RegExp]> = [
    ["no hold of freed pages", /^I4: page \d+ is retained/m],
    ["pins ignored", /^(I4: page \d+ is read by a view and written over|a view: .* is damaged)/m],
    ["no poison", /^I(2|4|9|12): /m],
    [
      "nothing is written again at opening",
      /^(I(1: page \d+ of a durable root is wrong|2: |4: |9: )|after opening: .* is damaged)/m
    ],
    // A rejected root of the same generation looks like that of another session.
    ["generations used twice", /^I1: the volume cannot be opened: .* has another writer, which wrote root \d+/m],
    ["generations used twice, and no fencing", /^I6: root \d+ is written where root \d+ was seen/m],
    ["views follow the newest root", /a view|in a view|the snapshot .* is not state \d+/],
    [
      "what a snapshot sees is free when it dies",
      /^I8: pages [\d-]+ are (reachable and free|seen by a snapshot and on no)|^I8: the check finds (FreeInUse|SnapshotLost)/m
    ],
    [
      "the list of a removed snapshot joins no other",
      /^I8: (pages [\d-]+ are seen by a snapshot and on no deadlist|the check finds SnapshotLost)/m
    ],
    [
      "a rollback frees what older snapshots see",
      /^I8: pages [\d-]+ are (reachable and free|seen by a snapshot and on no)|^I8: the check finds (FreeInUse|SnapshotLost)|^I4: page \d+ is retained and written over/m
    ],
    [
      "what a rollback brings back stays dead",
      /^I8: (pages [\d-]+ are (reachable and free|on a deadlist for nothing)|the check finds Shared)/m
    ],
    [
      "a rollback keeps newer snapshots",
      /^(in a transaction: list snapshots came to|I1: state \d+ has the snapshots)/m
    ],
    [
      "others join the commit of a snapshot",
      /^(in a transaction: take .* pending, but|I1: state \d+ has the snapshots)/m
    ]
  ]
  for (const [rule, by] of cases) {
    it(rule, () => {
      broken.rule = rule
      assert.match(firstOf() ?? "nothing", by)
    })
  }

  it("acknowledging before the sync", () => {
    assert.match(firstOf(true) ?? "nothing", /^I(2|12): .* (was acknowledged by|counts as durable)/m)
  })

  it("a rollback that keeps what was changed", () => {
    Draft.prototype.rollback = function (savepoint) {
      this.merge(savepoint)
    }
    assert.match(
      firstOf() ?? "nothing",
      /^I1: transaction \d+ (has failed|is not at its end)|model says|is not what it was|reads wrongly/m
    )
  })
})
