/**
 * T2 for the size of a volume: grown and shrunk, alone and between other operations, cut after every write of the device. What is
 * found has either size, and all that was acknowledged.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { assert, beforeAll, describe, it } from "vitest"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Opening from "../../src/shell/Opening.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as CrashImages from "../../src/testing/CrashImages.ts"
import { Random } from "../../src/testing/Random.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { FilesModel } from "../core/FilesModel.ts"
import * as CrashBounds from "./CrashBounds.ts"
import { causeText, CrashJudge } from "./CrashJudge.ts"
import * as CrashState from "./CrashState.ts"
import * as CrashSteps from "./CrashSteps.ts"
import { type Facts, factsOf, open, OPTIONS, prepare, runExit, runFibers } from "./CrashVolume.ts"
import * as RootWatch from "./RootWatch.ts"

const PAGE_BYTES = 512
/** With one bitmap, with a branch above and a second bitmap, and with two branches above one another. */
const SIZES = { small: 128, smaller: 112, middle: 4100, large: 96_000 } as const
const PAGES_MAX = 100_000
const NAME_BYTES_MAX = 100

type Operation = CrashSteps.Step | { readonly do: "resize"; readonly pages: number | "least" }

interface Cut {
  readonly disk: SimulatedDisk
  readonly label: string
  readonly allowed: ReadonlyArray<string>
}

const stateOf = (model: FilesModel, pages: number): string => `${pages} pages\n${CrashState.ofModel(model.state)}`

/** A volume and all that was ever done to it. */
class Runner {
  readonly cuts: Array<Cut> = []
  readonly breaches: Array<string> = []
  readonly disk: SimulatedDisk
  readonly #model = new FilesModel(NAME_BYTES_MAX)
  readonly #scope = Scope.makeUnsafe()
  readonly #volume: Volume.Volume["Service"]
  #pages: number = SIZES.small
  #allowed: ReadonlyArray<string>
  #label = "open"
  #isCut = false

  constructor(blank: SimulatedDisk) {
    this.disk = blank
    this.#allowed = [stateOf(this.#model, this.#pages)]
    const simulated = SimulatedDevice.make(this.disk, { yields: true })
    const device: BlockDevice["Service"] = {
      ...simulated,
      write: (ranges) => Effect.tap(simulated.write(ranges), () => Effect.sync(() => this.#cut("after a write"))),
      grow: (sizeBytes) => Effect.tap(simulated.grow(sizeBytes), () => Effect.sync(() => this.#cut("after growing")))
    }
    this.#volume = this.#get(
      Volume.open(OPTIONS).pipe(
        Effect.provideService(BlockDevice, device),
        Effect.provideService(Scope.Scope, this.#scope)
      )
    )
  }

  /** From here on every place is kept where power could be cut. */
  watch(facts: Facts): void {
    this.#isCut = true
    RootWatch.watch(this.disk, facts, (breach) => this.breaches.push(`${this.#label}: ${breach}`))
  }

  do(operation: Operation): void {
    const before = stateOf(this.#model, this.#pages)
    this.#label = operation.do === "resize" ? `resize ${operation.pages}` : CrashSteps.format(operation)
    const pages = operation.do === "resize" ? this.#pagesOf(operation.pages) : this.#pages
    if (operation.do !== "resize") CrashSteps.onModel(this.#model, operation)
    const after = stateOf(this.#model, pages)
    this.#allowed = [before, after]
    this.#get<unknown, unknown>(
      operation.do === "resize" ? this.#volume.resize(pages * PAGE_BYTES) : CrashSteps.onVolume(this.#volume, operation)
    )
    this.#pages = pages
    this.#acknowledged(after)
  }

  /** The least number of pages is what a volume says that is asked for less. */
  #pagesOf(pages: number | "least"): number {
    if (pages !== "least") return pages
    this.#allowed = [stateOf(this.#model, this.#pages)]
    const reason = this.#get(Effect.map(Effect.flip(this.#volume.resize(16 * PAGE_BYTES)), (error) => error.reason))
    assert.strictEqual(reason._tag, "ImpossibleSize")
    return reason._tag === "ImpossibleSize" ? reason.sizeMin / PAGE_BYTES : this.#pages
  }

  close(): void {
    this.#label = "close"
    this.#get(Scope.close(this.#scope, Exit.void))
    this.#acknowledged(stateOf(this.#model, this.#pages))
    this.disk.onCall = undefined
    this.disk.onWrite = undefined
  }

  #acknowledged(state: string): void {
    this.#allowed = [state]
    this.#cut("acknowledged")
  }

  #cut(what: string): void {
    if (!this.#isCut) return
    this.cuts.push({ disk: this.disk.fork(), label: `${this.#label}, ${what}`, allowed: this.#allowed })
  }

  #get<A, E>(effect: Effect.Effect<A, E>): A {
    const exit = runFibers(effect)
    if (Exit.isSuccess(exit)) return exit.value
    throw new Error(`${this.#label}: ${causeText(exit.cause)}`)
  }
}

/** Many files with holes between them: the map's deltas no longer fit into a root. */
const scattered: ReadonlyArray<Operation> = [
  ...Array.from({ length: 20 }, (_, i): Operation => ({ do: "create", path: `/${i}`, size: 900 })),
  ...Array.from({ length: 10 }, (_, i): Operation => ({ do: "unlink", path: `/${2 * i}` }))
]

const resize = (name: keyof typeof SIZES): Operation => ({ do: "resize", pages: SIZES[name] })
const least: Operation = { do: "resize", pages: "least" }
const write: Operation = { do: "create", path: "/new", size: 3000 }
const remove: Operation = { do: "unlink", path: "/new" }
const overwrite: Operation = { do: "write", path: "/a", offset: 100, size: 1200 }

/** What is done before anything is cut, and what is cut. */
const runs: Readonly<
  Record<string, { readonly before: ReadonlyArray<Operation>; readonly cut: ReadonlyArray<Operation> }>
> = {
  "a volume whose map has no nodes yet": {
    before: [{ do: "create", path: "/a", size: 2000 }],
    cut: [resize("middle"), write, resize("large"), overwrite, least, remove]
  },
  "a volume that becomes smaller and larger": {
    before: [{ do: "create", path: "/a", size: 2000 }],
    cut: [resize("smaller"), write, remove, resize("small"), overwrite, resize("smaller")]
  },
  "a volume whose map is as high as it gets, and then a leaf": {
    before: [{ do: "create", path: "/a", size: 2000 }, resize("smaller"), resize("middle"), write, resize("large")],
    cut: [remove, resize("middle"), write, resize("large"), remove, least, resize("middle"), write]
  },
  "a volume with many holes": {
    before: [{ do: "create", path: "/a", size: 2000 }, { do: "resize", pages: 300 }, ...scattered],
    cut: [write, resize("middle"), overwrite, least, { do: "resize", pages: 300 }, remove]
  },
  "a volume with a snapshot": {
    before: [
      { do: "create", path: "/a", size: 2000 },
      { do: "snapshot", path: "kept" },
      { do: "unlink", path: "/a" }
    ],
    cut: [resize("middle"), write, least, { do: "back", path: "kept" }, { do: "drop", path: "kept" }]
  }
}

const pagesOf = (disk: SimulatedDisk): number | undefined => {
  const exit = runExit(open(SimulatedDevice.make(disk)))
  return Exit.isSuccess(exit) ? exit.value.head.root.record.map.pageCount : undefined
}

describe("a volume that is given other sizes, and whose power is cut", () => {
  beforeAll(() => prepare())

  for (const [i, [name, { before, cut }]] of Object.entries(runs).entries()) {
    it(`has either size and all that it held: ${name}`, { timeout: CrashBounds.timeout }, () => {
      const disk = new SimulatedDisk({ size: SIZES.small * PAGE_BYTES, growable: true })
      const format = { ...OPTIONS, format: "always" as const, pageSize: PAGE_BYTES, sizeMax: PAGES_MAX * PAGE_BYTES }
      assert.isTrue(Exit.isSuccess(runExit(Opening.open(SimulatedDevice.make(disk), format))))
      const facts = factsOf(disk)
      const judge = new CrashJudge(facts)
      const runner = new Runner(disk)
      for (const operation of before) runner.do(operation)
      runner.watch(facts)
      for (const operation of cut) runner.do(operation)
      runner.close()
      assert.deepStrictEqual(runner.breaches, [])
      const random = Random.at(CrashBounds.seed, i)
      const seen = new Map<string, number>()
      let images = 0
      for (const { allowed, disk: at, label } of runner.cuts) {
        const options = { fullMax: 1024, subsetsMax: 1024, sampleCount: 128, seed: random.uint32() }
        for (const { choice, disk: image } of CrashImages.enumerate(at, options)) {
          images++
          const pages = pagesOf(image.fork())
          const { breaches, state } = judge.judge(image)
          assert.deepStrictEqual(breaches, [], `${label} [${choice}]`)
          const found = `${pages} pages\n${state}`
          assert.include(allowed, found, `${label} [${choice}]`)
          if (allowed.length === 2 && allowed[0] !== allowed[1]) {
            const which = `${label.split(" ")[0]}: ${found === allowed[0] ? "before" : "after"}`
            seen.set(which, (seen.get(which) ?? 0) + 1)
          }
        }
      }
      // Both outcomes are met, or the cuts are in the wrong places.
      assert.isAbove(seen.get("resize: before") ?? 0, 5)
      assert.isAbove(seen.get("resize: after") ?? 0, 5)
      assert.isAbove(images, 300)
      console.log(JSON.stringify({ test: "T2, sizes", name, cuts: runner.cuts.length, images }))
    })
  }
})
