/**
 * Tries the crash images of runs, and counts.
 */
import * as CrashImages from "../../src/testing/CrashImages.ts"
import { Random } from "../../src/testing/Random.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { CrashJudge, type Verdict } from "./CrashJudge.ts"
import * as CrashRun from "./CrashRun.ts"
import * as CrashSequences from "./CrashSequences.ts"
import type { Start } from "./CrashStarts.ts"
import * as CrashState from "./CrashState.ts"
import * as Scale from "../torture/Scale.ts"

export interface Violation {
  /** The start and the sequence, as NOTAFS_ONLY wants them: `"files", "create /a 40"`. */
  readonly sequence: string
  /** What leads there from the start. */
  readonly replay: string
  readonly reason: string
}

export interface Figures {
  sequences: number
  cuts: number
  images: number
  /** Different ones. */
  distinct: number
  recoveries: number
  rejectedRoots: number
  violations: number
}

/** How thoroughly a second cut is tried. */
export interface TwiceOptions {
  /** Crash images of a cut that are gone on with, and images of a forgetful system that are opened. */
  readonly imagesPerCut: number
  readonly images: CrashImages.Options
}

export class CrashExplorer {
  readonly start: Start
  readonly violations: Array<Violation> = []
  readonly outcomes: Record<string, number> = {}
  /** Of the different images. */
  readonly fingerprints: Array<number> = []
  readonly #judge: CrashJudge
  readonly #seed: number
  #random: Random
  #sequence = ""
  #sequences = 0
  #cuts = 0
  #images = 0
  #distinct = 0

  constructor(start: Start, seed = 0) {
    this.start = start
    this.#judge = new CrashJudge(start.facts)
    this.#seed = seed
    this.#random = new Random(seed)
  }

  get figures(): Figures {
    return {
      sequences: this.#sequences,
      cuts: this.#cuts,
      images: this.#images,
      distinct: this.#distinct,
      recoveries: this.#judge.opened,
      rejectedRoots: this.#judge.rejectedRoots,
      violations: this.violations.length
    }
  }

  /** Runs a sequence and tries the images of each of its cuts. */
  explore(
    sequence: ReadonlyArray<CrashRun.Operation>,
    options: CrashRun.RunOptions,
    images: CrashImages.Options
  ): void {
    if (this.#isLeftOut(sequence)) return
    const { cuts } = this.#run(this.start, sequence, options, "")
    for (const cut of cuts) this.#enumerate(cut, images, cut.label)
  }

  /**
   * Runs a sequence, and at each of its cuts a second one: on the disk as it is (only the process has ended), and on some
   * crash images. The second run opens the volume and goes on with one operation; the images of its cuts are tried.
   */
  exploreTwice(
    sequence: ReadonlyArray<CrashRun.Operation>,
    options: CrashRun.RunOptions,
    { images, imagesPerCut }: TwiceOptions
  ): void {
    if (this.#isLeftOut(sequence)) return
    const { cuts } = this.#run(this.start, sequence, options, "")
    for (const { disk, label, states } of cuts) {
      if (!disk.hasPending) continue
      this.#goOn({ disk, states }, `${label}, process ended`, images)
      for (const { choice, disk: image } of this.#some(disk, imagesPerCut, false)) {
        this.#goOn({ disk: image, states }, `${label}, [${choice}]`, images)
      }
      for (const { choice, disk: image } of this.#some(disk, imagesPerCut, true)) {
        this.#images++
        this.#distinct++
        this.#judged(this.#judge.judgeCache(image), states, `${label}, forgotten [${choice}]`)
      }
    }
  }

  /** Runs a sequence; what it does wrong by itself is a violation. */
  #run(
    start: CrashRun.Disk,
    sequence: ReadonlyArray<CrashRun.Operation>,
    options: CrashRun.RunOptions,
    replay: string
  ): CrashRun.Run {
    this.#sequences++
    const run = CrashRun.run(start, this.start.facts, sequence, options)
    for (const outcome of run.outcomes) this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
    for (const reason of run.breaches) this.violations.push({ sequence: this.#sequence, replay, reason })
    this.#cuts += run.cuts.length
    return run
  }

  /** Notes which sequence is explored. What is drawn for it does not depend on those before it. */
  #isLeftOut(sequence: ReadonlyArray<CrashRun.Operation>): boolean {
    this.#sequence = `"${this.start.name}", "${CrashSequences.nameOf(sequence)}"`
    this.#random = Random.at(this.#seed, placeOf(this.#sequence))
    return Scale.only !== undefined && Scale.only !== this.#sequence
  }

  /** The second run. */
  #goOn(start: CrashRun.Disk, replay: string, images: CrashImages.Options): void {
    const next = CrashSequences.next[this.#random.below(CrashSequences.next.length)]
    const { cuts } = this.#run(start, [next], { durability: "commit", closes: false }, replay)
    for (const cut of cuts) this.#enumerate(cut, images, `${replay}, then ${cut.label}`)
  }

  #some(disk: SimulatedDisk, count: number, forgets: boolean): ReadonlyArray<CrashImages.CrashImage> {
    const all = [...CrashImages.enumerate(disk, { fullMax: 256, subsetsMax: 256, sampleCount: 64, forgets })]
    return Array.from({ length: Math.min(count, all.length) }, () => all[this.#random.below(all.length)])
  }

  #enumerate({ disk, states }: CrashRun.Disk, images: CrashImages.Options, replay: string): void {
    for (const { choice, disk: image } of CrashImages.enumerate(disk, images)) {
      this.#images++
      const verdict = this.#judge.judge(image)
      if (!verdict.isCounted) {
        this.#distinct++
        if (verdict.fingerprint !== undefined) this.fingerprints.push(verdict.fingerprint)
      }
      verdict.isCounted = true
      this.#judged(verdict, states, `${replay}, [${choice}]`)
    }
  }

  #judged(verdict: Verdict, states: ReadonlyArray<CrashRun.State>, replay: string): void {
    const reason = faultOf(verdict, states)
    if (reason !== undefined) this.violations.push({ sequence: this.#sequence, replay, reason })
  }
}

const faultOf = ({ breaches, state }: Verdict, states: ReadonlyArray<CrashRun.State>): string | undefined => {
  if (breaches.length > 0) return breaches.join("\n")
  if (state !== undefined && states.some(({ text }) => text === state)) return undefined
  if (state === undefined) return "nothing could be opened"
  const differences = states.map(({ text }) => CrashState.difference(state, text))
  return `opened what differs thus from what may be:\n${differences.join("\nor\n")}`
}

/** A number for a text, to draw by. */
const placeOf = (text: string): number => {
  let place = 0
  for (let i = 0; i < text.length; i++) place = (Math.imul(place, 31) + text.charCodeAt(i)) | 0
  return place
}
