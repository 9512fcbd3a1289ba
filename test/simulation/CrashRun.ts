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
import * as CrashState from "./CrashState.ts"
import * as CrashSteps from "./CrashSteps.ts"
import { type Facts, OPTIONS, runExit, runFibers } from "./CrashVolume.ts"
import { causeText } from "./CrashJudge.ts"
import * as RootWatch from "./RootWatch.ts"

/** An operation: steps that commit as one, or the end of the session and a new one, or a sync. */
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

/** A disk as it was when power could have been cut, and the states that may be found then. */
export interface Cut {
  readonly disk: SimulatedDisk
  /** "open", or the operation that was running or had just returned, and the number of the write. */
  readonly label: string
  readonly allowed: Array<string>
}

export interface Run {
  readonly cuts: ReadonlyArray<Cut>
  readonly breaches: ReadonlyArray<string>
  /** What the operations came to. */
  readonly outcomes: ReadonlyArray<string>
  /** The disk after the close. */
  readonly disk: SimulatedDisk
  readonly model: FilesModel["state"]
}

export interface RunOptions {
  /** "interval": nothing is durable before a sync or a close. */
  readonly durability: "commit" | "interval"
  /** What wraps the device: a broken one, for the tests of these tests. */
  readonly wrap?: ((device: BlockDevice["Service"]) => BlockDevice["Service"]) | undefined
  /** Whether the session ends by a close; else it is only dropped. */
  readonly closes: boolean
  /** The budget for what is not written early; a small one by default. */
  readonly dirtyBytes?: number
}

const NAME_BYTES_MAX = 100
const GIVEN_UP = "given up"

export const run = (
  start: SimulatedDisk,
  model: FilesModel["state"],
  facts: Facts,
  operations: ReadonlyArray<Operation>,
  options: RunOptions
): Run => new Runner(start, model, facts, options).run(operations)

class Runner {
  readonly #disk: SimulatedDisk
  readonly #model = new FilesModel(NAME_BYTES_MAX)
  readonly #options: RunOptions
  readonly #cuts: Array<Cut> = []
  readonly #breaches: Array<string> = []
  readonly #outcomes: Array<string> = []
  /** The last state that was acknowledged as durable, and those that came after it. */
  #states: Array<string>
  /** What may be found now: one array for all cuts of a stretch. */
  #allowed: Array<string>
  #label = "open"
  #writes = 0

  constructor(start: SimulatedDisk, model: FilesModel["state"], facts: Facts, options: RunOptions) {
    this.#disk = start.fork()
    this.#model.state = structuredClone(model)
    this.#states = [this.#stateOfModel()]
    this.#allowed = [...this.#states]
    this.#options = options
    RootWatch.watch(this.#disk, facts, (breach) => this.#breach(breach))
  }

  run(operations: ReadonlyArray<Operation>): Run {
    let volume = this.#open()
    for (const operation of operations) {
      if (volume === undefined) break
      if (operation.kind === "reopen") {
        this.#close(volume)
        volume = this.#open()
      } else if (operation.kind === "sync") this.#sync(volume)
      else if (operation.kind === "together") this.#together(volume, operation.steps, operation.name)
      else this.#steps(volume, operation)
    }
    if (volume !== undefined && this.#options.closes) this.#close(volume)
    const { state } = this.#model
    return {
      cuts: this.#cuts,
      breaches: this.#breaches,
      outcomes: this.#outcomes,
      disk: this.#disk,
      model: state
    }
  }

  #stateOfModel(): string {
    return CrashState.ofModel(this.#model.state.root)
  }

  #breach(breach: string): void {
    this.#breaches.push(`${this.#label}: ${breach}`)
  }

  #cut(what: string): void {
    this.#cuts.push({ disk: this.#disk.fork(), label: `${this.#label}, ${what}`, allowed: this.#allowed })
  }

  /** From here on these states may be found. */
  #begin(label: string, states: ReadonlyArray<string>): void {
    this.#label = label
    this.#allowed = [...states]
  }

  /** All that has happened is durable now, and nothing else may be found from here on. */
  #acknowledged(state: string): void {
    this.#states = [state]
    this.#allowed = [state]
    this.#cut("acknowledged")
  }

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
    this.#begin("open", this.#states)
    const scope = Scope.makeUnsafe()
    const { dirtyBytes = OPTIONS.dirtyBytes, durability } = this.#options
    const opening = Volume.open({ ...OPTIONS, durability, dirtyBytes })
    const exit = runExit(
      opening.pipe(Effect.provideService(BlockDevice, this.#device()), Effect.provideService(Scope.Scope, scope))
    )
    if (Exit.isFailure(exit)) {
      this.#breach(`cannot be opened: ${causeText(exit.cause)}`)
      return undefined
    }
    this.#cut("done")
    const volume = exit.value
    this.#compare(volume)
    return { volume, scope }
  }

  #close({ scope }: Opened): void {
    this.#begin("close", this.#states)
    const exit = runExit(Scope.close(scope, Exit.void))
    if (Exit.isFailure(exit)) this.#breach(`cannot be closed: ${causeText(exit.cause)}`)
    this.#acknowledged(this.#stateOfModel())
  }

  #sync({ volume }: Opened): void {
    this.#begin("sync", this.#states)
    const exit = runExit(volume.sync)
    if (Exit.isFailure(exit)) this.#breach(`cannot be synced: ${causeText(exit.cause)}`)
    this.#acknowledged(this.#stateOfModel())
  }

  /** One operation of a caller: alone a transaction by itself, several in one. */
  #steps({ volume }: Opened, { fails = false, name, steps }: Operation & { readonly kind: "steps" }): void {
    const before = this.#model.save()
    this.#begin(name, this.#states)
    const allowed = this.#allowed
    const all = Effect.forEach(steps, (step) => CrashSteps.onVolume(volume, step))
    const whole = fails ? Effect.andThen(all, Effect.fail(GIVEN_UP)) : all
    const exit = runExit(steps.length === 1 ? all : volume.transaction(whole))
    const expected = steps.map((step) => CrashSteps.onModel(this.#model, step))
    if (Exit.isSuccess(exit)) {
      if (String(exit.value) !== String(expected)) this.#breach(`came to ${exit.value}, not to ${expected}`)
      this.#outcomes.push(...exit.value)
    } else {
      this.#outcomes.push(this.#outcomeOf(exit))
      this.#model.state = before
    }
    const after = this.#stateOfModel()
    allowed.push(after)
    this.#states.push(after)
    this.#compare(volume)
    if (this.#options.durability === "commit") this.#acknowledged(after)
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

  /** Several callers at the same time, each with one step, in different places of the tree. */
  #together({ volume }: Opened, steps: ReadonlyArray<CrashSteps.Step>, name: string): void {
    const before = this.#model.save()
    const done = new Set<number>()
    const possible = (): ReadonlyArray<string> => this.#subsets(before, steps, done)
    this.#begin(name, possible())
    const exits = runFibers(
      Effect.forEach(
        steps,
        (step, i) =>
          Effect.onExit(CrashSteps.onVolume(volume, step), (exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit)) return
              done.add(i)
              this.#allowed = [...possible()]
              this.#cut(`${i} acknowledged`)
            })
          ).pipe(Effect.exit),
        { concurrency: "unbounded" }
      )
    )
    if (exits === undefined || Exit.isFailure(exits)) return this.#breach("its fibers did not end")
    this.#model.state = before
    for (const [i, exit] of exits.value.entries()) {
      this.#outcomes.push(this.#outcomeOf(exit))
      if (Exit.isSuccess(exit)) CrashSteps.onModel(this.#model, steps[i])
    }
    this.#compare(volume)
    this.#acknowledged(this.#stateOfModel())
  }

  /** The states in which some of the steps were done, but all of `done`. */
  #subsets(
    before: FilesModel["state"],
    steps: ReadonlyArray<CrashSteps.Step>,
    done: ReadonlySet<number>
  ): ReadonlyArray<string> {
    const states: Array<string> = []
    for (let subset = 0; subset < 1 << steps.length; subset++) {
      if ([...done].some((i) => ((subset >> i) & 1) === 0)) continue
      this.#model.state = structuredClone(before)
      for (const [i, step] of steps.entries()) if (((subset >> i) & 1) === 1) CrashSteps.onModel(this.#model, step)
      states.push(this.#stateOfModel())
    }
    return states
  }

  /** What the volume shows must be what the model says. */
  #compare(volume: Volume.Volume["Service"]): void {
    const exit = runExit(volume.read(CrashState.ofVolume))
    if (Exit.isFailure(exit)) this.#breach(`cannot be read: ${causeText(exit.cause)}`)
    else if (exit.value !== this.#stateOfModel()) {
      this.#breach(`shows what differs thus:\n${CrashState.difference(exit.value, this.#stateOfModel())}`)
    }
  }
}

interface Opened {
  readonly volume: Volume.Volume["Service"]
  readonly scope: Scope.Closeable
}
