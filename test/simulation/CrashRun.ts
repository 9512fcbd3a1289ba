/**
 * A sequence of operations on a volume, run once by the shipped shell on a simulated disk; on the way every place where
 * power could be cut is kept.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { VolumeError } from "../../src/shell/VolumeError.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { FilesModel } from "../core/FilesModel.ts"
import { causeText } from "./CrashJudge.ts"
import * as CrashState from "./CrashState.ts"
import * as CrashSteps from "./CrashSteps.ts"
import { type Facts, OPTIONS, runFibers } from "./CrashVolume.ts"
import * as RootWatch from "./RootWatch.ts"

/** Steps of one caller, which commit as one; of several callers at once; the end of the session and a new one; a sync. */
export type Operation =
  | {
      readonly kind: "steps"
      readonly name: string
      readonly steps: ReadonlyArray<CrashSteps.Step>
      /** Whether the transaction fails after its last step. */
      readonly fails?: boolean
    }
  | { readonly kind: "together"; readonly name: string; readonly steps: ReadonlyArray<CrashSteps.Step> }
  | { readonly kind: "reopen"; readonly name: string }
  | { readonly kind: "sync"; readonly name: string }

/** What a volume may hold: as the text that is compared, and as the model to go on with. */
export interface State {
  readonly text: string
  readonly model: FilesModel["state"]
}

/** A disk and the states of which it holds one. */
export interface Disk {
  readonly disk: SimulatedDisk
  readonly states: ReadonlyArray<State>
}

/** A disk as it was when power could have been cut. */
export interface Cut extends Disk {
  /** What was running or had just returned, and the number of the write. */
  readonly label: string
}

export interface Run {
  readonly cuts: ReadonlyArray<Cut>
  readonly breaches: ReadonlyArray<string>
  /** What the operations came to. */
  readonly outcomes: ReadonlyArray<string>
  readonly end: Disk
}

export interface RunOptions {
  /** "interval": nothing is durable before a sync or a close. */
  readonly durability: "commit" | "interval"
  /** Whether the session ends by a close; else it is only dropped. */
  readonly closes: boolean
  /** The budget for what is not written early; a small one by default. */
  readonly dirtyBytes?: number
  /** What wraps the device: a broken one, for the tests of these tests. */
  readonly wrap?: ((device: BlockDevice["Service"]) => BlockDevice["Service"]) | undefined
}

const NAME_BYTES_MAX = 100
const GIVEN_UP = "given up"

/** The state of a volume that was just formatted. */
export const empty = (): State => stateOf(new FilesModel(NAME_BYTES_MAX).state)

export const run = (start: Disk, facts: Facts, operations: ReadonlyArray<Operation>, options: RunOptions): Run =>
  new Runner(start, facts, options).run(operations)

const stateOf = (model: FilesModel["state"]): State => ({ text: CrashState.ofModel(model), model })

interface Opened {
  readonly volume: Volume.Volume["Service"]
  readonly scope: Scope.Closeable
}

class Runner {
  readonly #disk: SimulatedDisk
  readonly #model = new FilesModel(NAME_BYTES_MAX)
  readonly #options: RunOptions
  readonly #cuts: Array<Cut> = []
  readonly #breaches: Array<string> = []
  readonly #outcomes: Array<string> = []
  /** The last state that was acknowledged as durable, and those that came after it. */
  #states: Array<State>
  /** What may be found now: one array for all cuts of a stretch. */
  #allowed: Array<State> = []
  #label = "open"
  #writes = 0

  constructor({ disk, states }: Disk, facts: Facts, options: RunOptions) {
    this.#disk = disk.fork()
    this.#states = [...states]
    this.#options = options
    RootWatch.watch(this.#disk, facts, (breach) => this.#breach(breach))
  }

  run(operations: ReadonlyArray<Operation>): Run {
    let opened = this.#open()
    for (const operation of operations) {
      if (opened === undefined) break
      if (operation.kind === "reopen") {
        this.#close(opened)
        opened = this.#open()
      } else if (operation.kind === "sync") this.#sync(opened)
      else if (operation.kind === "together") this.#together(opened, operation)
      else this.#steps(opened, operation)
    }
    if (opened !== undefined && this.#options.closes) this.#close(opened)
    this.#disk.onCall = undefined
    this.#disk.onWrite = undefined
    const end = { disk: this.#disk, states: this.#states }
    return { cuts: this.#cuts, breaches: this.#breaches, outcomes: this.#outcomes, end }
  }

  // ---- what may be found

  #breach(breach: string): void {
    this.#breaches.push(`${this.#label}: ${breach}`)
  }

  #cut(what: string): void {
    this.#cuts.push({ disk: this.#disk.fork(), label: `${this.#label}, ${what}`, states: this.#allowed })
  }

  /** From here on one of the states may be found. */
  #begin(label: string): void {
    this.#label = label
    this.#allowed = [...this.#states]
  }

  /** The newest state is durable now, and nothing else may be found from here on. */
  #acknowledged(): void {
    this.#states = this.#states.slice(-1)
    this.#allowed = [...this.#states]
    this.#cut("acknowledged")
  }

  /** The state of the model is what the volume shows now. */
  #happened(): void {
    const state = stateOf(this.#model.save())
    this.#allowed.push(state)
    this.#states.push(state)
  }

  // ---- opening and closing

  #device(): BlockDevice["Service"] {
    const simulated = SimulatedDevice.make(this.#disk, { yields: true })
    const device = this.#options.wrap?.(simulated) ?? simulated
    return {
      ...device,
      write: (ranges) =>
        Effect.tap(device.write(ranges), () => Effect.sync(() => this.#cut(`after write ${++this.#writes}`)))
    }
  }

  #open(): Opened | undefined {
    this.#begin("open")
    const { dirtyBytes = OPTIONS.dirtyBytes, durability } = this.#options
    const scope = Scope.makeUnsafe()
    const opening = Volume.open({ ...OPTIONS, durability, dirtyBytes })
    const exit = runFibers(
      opening.pipe(Effect.provideService(BlockDevice, this.#device()), Effect.provideService(Scope.Scope, scope))
    )
    if (Exit.isFailure(exit)) {
      this.#breach(`cannot be opened: ${causeText(exit.cause)}`)
      return undefined
    }
    const volume = exit.value
    const text = this.#read(volume)
    const found = this.#states.find((state) => state.text === text)
    if (found === undefined) {
      const differences = this.#states.map((state) => CrashState.difference(text, state.text))
      this.#breach(`opened what differs thus:\n${differences.join("\nor\n")}`)
      return undefined
    }
    this.#model.state = structuredClone(found.model)
    this.#states = [found]
    this.#acknowledged()
    return { volume, scope }
  }

  #close({ scope }: Opened): void {
    this.#begin("close")
    const exit = runFibers(Scope.close(scope, Exit.void))
    if (Exit.isFailure(exit)) this.#breach(`cannot be closed: ${causeText(exit.cause)}`)
    this.#acknowledged()
  }

  #sync({ volume }: Opened): void {
    this.#begin("sync")
    const exit = runFibers(volume.sync)
    if (Exit.isFailure(exit)) this.#breach(`cannot be synced: ${causeText(exit.cause)}`)
    this.#acknowledged()
  }

  // ---- operating

  /** One step is a transaction by itself; several are one transaction. */
  #steps({ volume }: Opened, { fails = false, name, steps }: Operation & { readonly kind: "steps" }): void {
    const before = this.#model.save()
    this.#begin(name)
    const all = Effect.forEach(steps, (step) => CrashSteps.onVolume(volume, step))
    const whole = fails ? Effect.andThen(all, Effect.fail(GIVEN_UP)) : all
    const exit = runFibers(steps.length === 1 ? all : volume.transaction(whole))
    const expected = steps.map((step) => CrashSteps.onModel(this.#model, step))
    if (Exit.isSuccess(exit)) {
      if (String(exit.value) !== String(expected)) this.#breach(`came to ${exit.value}, not to ${expected}`)
      this.#outcomes.push(...exit.value)
    } else {
      this.#outcomes.push(this.#outcomeOf(exit))
      this.#model.state = before
    }
    this.#happened()
    this.#compare(volume)
    if (this.#options.durability === "commit") this.#acknowledged()
  }

  /** Each caller has one step, in a place of the tree of its own. */
  #together({ volume }: Opened, { name, steps }: Operation & { readonly kind: "together" }): void {
    const before = this.#model.save()
    const done = new Set<number>()
    this.#begin(name)
    this.#allowed = this.#subsets(before, steps, done)
    const exits = runFibers(
      Effect.forEach(
        steps,
        (step, i) =>
          Effect.onExit(CrashSteps.onVolume(volume, step), (exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit) || this.#options.durability === "interval") return
              done.add(i)
              this.#allowed = this.#subsets(before, steps, done)
              this.#cut(`${i} acknowledged`)
            })
          ).pipe(Effect.exit),
        { concurrency: "unbounded" }
      )
    )
    if (Exit.isFailure(exits)) return this.#breach(`failed: ${causeText(exits.cause)}`)
    // By interval, what stood in the way of one of them was committed before it: that may be the newest until the next sync.
    if (this.#options.durability === "interval") this.#states.push(...this.#subsets(before, steps, done))
    this.#model.state = before
    for (const [i, exit] of exits.value.entries()) {
      this.#outcomes.push(this.#outcomeOf(exit))
      if (Exit.isSuccess(exit)) CrashSteps.onModel(this.#model, steps[i])
    }
    this.#happened()
    this.#compare(volume)
    if (this.#options.durability === "commit") this.#acknowledged()
  }

  /** The states in which some of the steps were done, but all of `done`; and those before, which are not durable yet. */
  #subsets(
    before: FilesModel["state"],
    steps: ReadonlyArray<CrashSteps.Step>,
    done: ReadonlySet<number>
  ): Array<State> {
    const states = done.size === 0 ? [...this.#states] : []
    for (let subset = 0; subset < 1 << steps.length; subset++) {
      if ([...done].some((i) => ((subset >> i) & 1) === 0)) continue
      this.#model.state = structuredClone(before)
      for (const [i, step] of steps.entries()) if (((subset >> i) & 1) === 1) CrashSteps.onModel(this.#model, step)
      states.push(stateOf(this.#model.state))
    }
    return states
  }

  /** In one word; a failure that nobody expects is a breach. */
  #outcomeOf(exit: Exit.Exit<unknown, unknown>): string {
    if (Exit.isSuccess(exit)) return String(exit.value)
    const reason = Cause.squash(exit.cause)
    if (reason === GIVEN_UP) return GIVEN_UP
    if (reason instanceof VolumeError && reason.reason._tag === "DiskFull") return "DiskFull"
    this.#breach(`failed: ${causeText(exit.cause)}`)
    return "failed"
  }

  #read(volume: Volume.Volume["Service"]): string {
    const exit = runFibers(volume.read(CrashState.ofVolume))
    if (Exit.isSuccess(exit)) return exit.value
    this.#breach(`cannot be read: ${causeText(exit.cause)}`)
    return "unreadable"
  }

  /** What the volume shows must be what the model says. */
  #compare(volume: Volume.Volume["Service"]): void {
    const text = this.#read(volume)
    const expected = CrashState.ofModel(this.#model.state)
    if (text !== expected) this.#breach(`shows what differs thus:\n${CrashState.difference(text, expected)}`)
  }
}
