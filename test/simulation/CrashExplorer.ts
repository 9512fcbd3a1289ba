/**
 * Tries the crash images of a run, and counts.
 */
import * as CrashImages from "../../src/testing/CrashImages.ts"
import { CrashJudge, type Verdict } from "./CrashJudge.ts"
import * as CrashRun from "./CrashRun.ts"
import * as CrashState from "./CrashState.ts"
import * as CrashSequences from "./CrashSequences.ts"
import type { Start } from "./CrashStarts.ts"

export interface Violation {
  /** What to give to `CRASH_REPLAY`. */
  readonly replay: string
  readonly reason: string
}

export class CrashExplorer {
  readonly start: Start
  readonly judge: CrashJudge
  readonly violations: Array<Violation> = []
  readonly outcomes: Record<string, number> = {}
  sequences = 0
  cuts = 0
  images = 0

  constructor(start: Start) {
    this.start = start
    this.judge = new CrashJudge(start.facts)
  }

  /** Runs a sequence and tries the images of each of its cuts. */
  explore(
    sequence: ReadonlyArray<CrashRun.Operation>,
    options: CrashRun.RunOptions,
    images: CrashImages.Options
  ): CrashRun.Run {
    this.sequences++
    const run = CrashRun.run(this.start, this.start.facts, sequence, options)
    for (const outcome of run.outcomes) this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
    for (const breach of run.breaches) this.#violation(sequence, -1, "", breach)
    for (const [number, cut] of run.cuts.entries()) this.#cut(sequence, number, cut, images)
    return run
  }

  #cut(
    sequence: ReadonlyArray<CrashRun.Operation>,
    number: number,
    cut: CrashRun.Cut,
    images: CrashImages.Options
  ): void {
    this.cuts++
    for (const { choice, disk } of CrashImages.enumerate(cut.disk, images)) {
      this.images++
      const fault = faultOf(this.judge.judge(disk), cut.states)
      if (fault !== undefined) this.#violation(sequence, number, choice, `${cut.label}: ${fault}`)
    }
  }

  #violation(sequence: ReadonlyArray<CrashRun.Operation>, cut: number, choice: string, reason: string): void {
    const replay = JSON.stringify([this.start.name, CrashSequences.nameOf(sequence), cut, choice])
    this.violations.push({ replay, reason })
  }
}

const faultOf = ({ breaches, state }: Verdict, states: ReadonlyArray<CrashRun.State>): string | undefined => {
  if (breaches.length > 0) return breaches.join("\n")
  if (state !== undefined && states.some(({ text }) => text === state)) return undefined
  if (state === undefined) return "nothing could be opened"
  const differences = states.map(({ text }) => CrashState.difference(state, text))
  return `opened what differs thus from what may be:\n${differences.join("\nor\n")}`
}
