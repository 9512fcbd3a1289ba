/**
 * T2 for streams that are received: all of a volume, what differs, with parts that are kept on the volume meanwhile, over what
 * has to go first, broken off and sent again; cut after every write of the device. What is found is the old content, or the new
 * one with its snapshot; parts are never seen.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { assert, beforeAll, describe, it, vi } from "vitest"
import type * as Transaction from "../../src/shell/Transaction.ts"
import * as CrashImages from "../../src/testing/CrashImages.ts"
import { Random } from "../../src/testing/Random.ts"
import { depth } from "../torture/Scale.ts"
import * as CrashBounds from "./CrashBounds.ts"
import { CrashJudge } from "./CrashJudge.ts"
import * as CrashReceiveRun from "./CrashReceiveRun.ts"
import * as CrashReceiveScenes from "./CrashReceiveScenes.ts"
import * as CrashState from "./CrashState.ts"
import { prepare } from "./CrashVolume.ts"

const bounds = vi.hoisted(() => ({ stepBytes: 1, writeBytes: 1, memoryBytes: 1, keptBytesMin: 1 }))
vi.mock("../../src/core/TransferBounds.ts", () => ({ transferBounds: bounds }))

/** Whether what belongs together is committed one by one. */
const broken = vi.hoisted(() => ({ commitsApart: false }))
vi.mock("../../src/shell/Transaction.ts", async (original) => {
  const actual = await original<typeof Transaction>()
  const transaction: typeof actual.transaction = (session, effect) =>
    broken.commitsApart
      ? Effect.map(effect, (value) => ({ value, head: Option.none() }))
      : actual.transaction(session, effect)
  return { ...actual, transaction }
})

const IN_MEMORY = { stepBytes: 1 << 18, writeBytes: 1 << 17, memoryBytes: 1 << 23, keptBytesMin: 1 << 18 }
/** A few frames, of which all but the last are on the volume before any of them is applied. */
const KEPT = { stepBytes: 700, writeBytes: 600, memoryBytes: 1200, keptBytesMin: 1 }

const { seed, timeout } = CrashBounds
const FIRST = { fullMax: 256, subsetsMax: 768 * 4 ** depth, sampleCount: 32 * 4 ** depth }
const SECOND = { fullMax: 16, subsetsMax: 48, sampleCount: 4 }
/** Of the cuts, those from which on it is tried again. */
const RESUMED = Math.min(1, 0.15 * 2 ** depth)

type Chunks = ReadonlyArray<Uint8Array>

/** A scene, and how the stream comes. */
interface Case {
  readonly scene: () => CrashReceiveScenes.Scene
  readonly isKept?: boolean
  /** What arrives, one attempt after another; all of it by default. */
  readonly attempts?: (chunks: Chunks) => ReadonlyArray<Chunks>
}

const inTwo = (chunks: Chunks): ReadonlyArray<Chunks> => [chunks.slice(0, Math.ceil(chunks.length * 0.7)), chunks]

const cases: Readonly<Record<string, Case>> = {
  "all of it, by an empty volume": { scene: CrashReceiveScenes.full },
  "all of it, by an empty volume, kept first": { scene: CrashReceiveScenes.full, isKept: true },
  "what differs": { scene: CrashReceiveScenes.incremental },
  "what differs, kept first": { scene: CrashReceiveScenes.incremental, isKept: true },
  "what differs, broken off and sent again": { scene: CrashReceiveScenes.incremental, isKept: true, attempts: inTwo },
  "what differs, over what came after": { scene: CrashReceiveScenes.forced },
  "what differs, over what came after, kept first": { scene: CrashReceiveScenes.forced, isKept: true },
  "all of it, over all of another": { scene: CrashReceiveScenes.forcedFull },
  "all of it, over all of another, kept first": { scene: CrashReceiveScenes.forcedFull, isKept: true },
  "what differs, where the commit folds the free map": { scene: CrashReceiveScenes.folding }
}

/** Tries a case, and counts. */
class Trial {
  readonly counts = { cuts: 0, images: 0, before: 0, after: 0, resumed: 0, violations: 0 }
  readonly violations: Array<string> = []
  readonly first: CrashReceiveRun.Run
  readonly #scene: CrashReceiveScenes.Scene
  readonly #judge: CrashJudge
  readonly #random: Random

  constructor(scene: CrashReceiveScenes.Scene, attempts: ReadonlyArray<Chunks>, place: number, images = FIRST) {
    this.#scene = scene
    this.#judge = new CrashJudge(scene.facts)
    this.#random = Random.at(seed, place)
    this.first = CrashReceiveRun.run(scene.disk, scene.facts, attempts, scene.force)
    this.#explore(this.first, images, "")
  }

  /** From some images of some cuts on, the stream is sent again. */
  resume(): void {
    const { after, chunks, facts, force } = this.#scene
    for (const { disk: at, label } of this.first.cuts) {
      if (!at.hasPending || !this.#random.chance(RESUMED)) continue
      const images = [...CrashImages.enumerate(at, SECOND)]
      const { choice, disk } = images[this.#random.below(images.length)]
      const held = this.#judge.judge(disk.fork()).state
      const again = CrashReceiveRun.run(disk, facts, [chunks], force)
      this.counts.resumed++
      if (again.text !== after) this.#fail(`${label} [${choice}], again: ${CrashState.difference(again.text, after)}`)
      // What is there already is not received again.
      if (held !== after) this.#explore(again, SECOND, `${label} [${choice}], again, `)
    }
  }

  #explore({ breaches, cuts }: CrashReceiveRun.Run, images: CrashImages.Options, above: string): void {
    const { after, before } = this.#scene
    for (const breach of breaches) this.#fail(`${above}${breach}`)
    for (const { disk, isBegun, isDone, label } of cuts) {
      this.counts.cuts++
      const states = isDone ? [after] : isBegun ? [before, after] : [before]
      for (const image of CrashImages.enumerate(disk, { ...images, seed: this.#random.uint32() })) {
        this.#judged(image, states, `${above}${label} [${image.choice}]`)
      }
    }
  }

  #judged({ disk }: CrashImages.CrashImage, states: ReadonlyArray<string>, label: string): void {
    this.counts.images++
    const { breaches, state = "" } = this.#judge.judge(disk)
    for (const breach of breaches) this.#fail(`${label}: ${breach}`)
    if (!states.includes(state)) {
      this.#fail(`${label}: ${states.map((one) => CrashState.difference(state, one)).join("\nor\n")}`)
    }
    this.counts[state === this.#scene.before ? "before" : "after"]++
  }

  #fail(violation: string): void {
    this.counts.violations++
    this.violations.push(violation)
  }
}

describe("a volume that receives, and whose power is cut", () => {
  beforeAll(() => prepare())

  for (const [place, [name, one]] of Object.entries(cases).entries()) {
    it(`holds the old content or the new one: ${name}`, { timeout }, () => {
      Object.assign(bounds, one.isKept ? KEPT : IN_MEMORY)
      const scene = one.scene()
      const trial = new Trial(scene, one.attempts?.(scene.chunks) ?? [scene.chunks], place)
      trial.resume()
      const { counts, first, violations } = trial
      assert.deepStrictEqual(violations.slice(0, 1), [])
      assert.isAbove(Math.min(counts.before, counts.after), 5, "both are met")
      if (one.isKept) assert.isAbove(first.commits, 3, "parts were kept")
      if (scene.folds) assert.isTrue(first.hasFolded, "the free map was folded")
      console.log(JSON.stringify({ test: "T2, receiving", name, ...counts }))
    })
  }

  it("sees it when broken: what arrives is revealed as one", () => {
    Object.assign(bounds, IN_MEMORY)
    const scene = CrashReceiveScenes.incremental()
    broken.commitsApart = true
    const { violations } = new Trial(scene, [scene.chunks], 0, SECOND)
    broken.commitsApart = false
    assert.isAbove(violations.length, 10)
  })
})
