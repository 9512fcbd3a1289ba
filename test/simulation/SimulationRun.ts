/**
 * The simulation by seed: machines are started one after another on one disk, do random things, and are stopped by a power
 * cut, by the end of their process, by a failing disk or by closing the volume.
 *
 * After each start the volume must hold a state that it had: everything that was acknowledged (where durability is by
 * interval: that was synced), nothing that has failed, and nothing half.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Inode from "../../src/core/Inode.ts"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { Random } from "../../src/testing/Random.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { type Outcome, type PendingSector, SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { FilesModel } from "../core/FilesModel.ts"
import { type Facts, factsOf } from "./CrashVolume.ts"
import * as Device from "./SimulationDevice.ts"
import { SimulationMachine } from "./SimulationMachine.ts"
import { MARK, markBytes, SimulationModel } from "./SimulationModel.ts"
import { type Events, SimulationScript } from "./SimulationScript.ts"
import { type Settings, settingsOf } from "./SimulationSettings.ts"
import { oneOf } from "./SimulationSteps.ts"
import { SimulationWatch } from "./SimulationWatch.ts"
import { readWhole } from "./SimulationJudge.ts"
import { check } from "./SimulationReader.ts"
import * as Worker from "./SimulationWorker.ts"
import { floorOf, type Histogram, tagOf, type World } from "./SimulationWorld.ts"

/** Of a seed, if nothing else is said. */
export const OPERATIONS = 300

export interface Options {
  readonly seed: number
  readonly operations: number
  /** Only these events happen. */
  readonly events?: Events | undefined
  /** Another order of the fibers, with the same events. */
  readonly salt?: number | undefined
  /** Whether the events are put into words. */
  readonly isTold?: boolean | undefined
  /** A test of the test: syncs answer before they have happened. */
  readonly syncsLate?: boolean | undefined
}

export interface Outcomes {
  readonly seed: number
  readonly operations: number
  readonly commits: number
  readonly crashes: number
  readonly reopens: number
  readonly histogram: Histogram
  readonly violations: ReadonlyArray<string>
  /** Of the last image, and of all that was counted. */
  readonly fingerprint: string
  /** What has happened, so that it can happen again. */
  readonly events: Events
  readonly told: string
}

/** Stops of a run on account of broken rules: more of them tell nothing. */
const VIOLATIONS_MAX = 5
/** After so many starts that came to nothing, one without faults. */
const FAILURES_MAX = 2
const LIFE_MAX = 150

class SimulationRun {
  readonly settings: Settings
  readonly #options: Options
  readonly #script: SimulationScript
  readonly #histogram: Histogram = {}
  readonly #violations: Array<string> = []
  #disk: SimulatedDisk
  #facts: Facts
  #model: SimulationModel
  #now: number | undefined
  #boot: Uint8Array
  #left: number
  #commits = 0
  #crashes = 0
  #reopens = 0
  /** Starts in a row that have not come to an open volume. */
  #failures = 0
  #mayFailToRead = false

  constructor(options: Options) {
    this.#options = options
    this.#script = new SimulationScript(options.seed, options.events, options.isTold)
    this.settings = settingsOf(Random.at(options.seed, 1))
    this.#left = options.operations
    this.#boot = this.#script.random("boot").bytes(16)
    const { pageBytes, pageCount } = this.settings
    this.#disk = new SimulatedDisk({ size: pageBytes * pageCount, seed: options.seed })
    this.#format()
    this.#facts = factsOf(this.#disk)
    const first = new FilesModel(Inode.nameBytesMax(this.#facts.binding.layout))
    this.#model = new SimulationModel(first, (breach) => this.#breach(breach))
  }

  run(): Outcomes {
    for (let number = 0; this.#violations.length === 0; number++) {
      if (!this.#script.goesOn("", number, this.#left > 0)) break
      if (this.#script.happens(String(number))) this.#life(String(number), false)
    }
    if (this.#violations.length === 0) this.#life("last", true)
    const { operations, seed } = this.#options
    return {
      seed,
      operations: operations - this.#left,
      commits: this.#commits,
      crashes: this.#crashes,
      reopens: this.#reopens,
      histogram: this.#histogram,
      violations: this.#violations,
      fingerprint: `${this.#disk.fingerprint()} ${JSON.stringify(this.#histogram)}`,
      events: this.#script.noted,
      told: this.#script.told
    }
  }

  #breach(text: string): void {
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(text)
  }

  #count(name: string): void {
    this.#histogram[name] = (this.#histogram[name] ?? 0) + 1
  }

  #volumeOptions(format: "always" | "never"): Volume.Options {
    const { cacheBytes, dirtyBytes, durability, pageBytes } = this.settings
    return { format, pageSize: pageBytes, cacheBytes, dirtyBytes, durability }
  }

  #machine(event: string): SimulationMachine {
    return new SimulationMachine(this.#script.random(`${event} ${this.#options.salt ?? 0}`), this.#now)
  }

  #format(): void {
    const machine = this.#machine("format")
    const program = Effect.gen({ self: this }, function* () {
      const volume = yield* Volume.open(this.#volumeOptions("always"))
      yield* Files.setAttribute(volume, "/", MARK, markBytes(0))
    })
    const ending = machine.run(
      Effect.scoped(Effect.provideService(program, BlockDevice, SimulatedDevice.make(this.#disk))),
      this.#boot
    )
    if (ending._tag !== "Done" || Exit.isFailure(ending.exit))
      throw new Error(`cannot format: ${JSON.stringify(ending)}`)
  }

  // ---- one machine

  /** One machine from its start to its end; the last one has no faults and looks at everything. */
  #life(event: string, isLast: boolean): void {
    const random = this.#script.random(event)
    const isSafe = isLast || this.#failures >= FAILURES_MAX
    if (isSafe) this.#disk.unreadable.clear()
    this.#mayFailToRead = this.#disk.unreadable.size > 0
    const machine = this.#machine(event)
    const watch = new SimulationWatch(this.#disk, this.#facts, isLast ? 1 : 4, (breach) => this.#breach(breach))
    let isOpen = false
    let stop: "cut" | "kill" | undefined
    let hasFailed = false
    const device = Device.make({
      machine,
      script: this.#script,
      event,
      disk: this.#disk,
      syncsLate: this.#options.syncsLate,
      probability: () => (isLast || (isSafe && !isOpen) ? 0 : this.settings.probability),
      onFault: (fault) => {
        this.#count(`fault ${fault}`)
        if (fault === "cut" || fault === "kill") stop = fault
        if (fault === "writeFailure" || fault === "syncFailure" || fault === "ghost") {
          hasFailed = true
          if (world !== undefined) world.health.isPoisoned = true
        }
        if (fault === "badSector" || fault === "readFailure") this.#mayFailToRead = true
      }
    })
    let world: World | undefined
    const program = Effect.gen({ self: this }, function* () {
      const scope = yield* Effect.scope
      const opened = yield* Effect.exit(Scope.provide(Volume.open(this.#volumeOptions("never")), scope))
      this.#reopens++
      const service = Exit.isSuccess(opened) ? opened.value : undefined
      const made = this.#world(event, machine, watch, service, isLast)
      if (Exit.isFailure(opened)) return this.#refused(made, opened, isSafe)
      world = made
      const found = yield* readWhole(made, "after opening", () => this.#model.floor)
      if (found === undefined) return
      // What an opening has shown is not taken back.
      this.#model.floor = found
      this.#model.told = found
      isOpen = true
      this.#failures = 0
      yield* check(made, true)
      yield* Effect.forEach(Array.from({ length: this.settings.fibers }), (_, fiber) => Worker.work(made, fiber), {
        concurrency: "unbounded",
        discard: true
      })
      // A commit by interval may fail until all is read.
      if (!made.health.isPoisoned) yield* readWhole(made, "at the end", () => floorOf(made))
      if (isLast) {
        yield* check(made, true)
        if (random.chance(0.5)) yield* Worker.removeAll(made)
        return
      }
      const end = this.#script.random(`${event}.end`)
      stop = this.#script.outcome(`${event}.end`, () =>
        end.chance(0.3) ? (end.chance(0.5) ? "kill" : "cut") : undefined
      )
      if (stop !== undefined) {
        machine.stop()
        yield* Effect.yieldNow
      }
    })
    const ending = machine.run(Effect.scoped(Effect.provideService(program, BlockDevice, device)), this.#boot)
    this.#now = machine.now + random.below(5000)
    this.#commits += watch.commits
    if (!isOpen) this.#failures++
    if (ending._tag === "Stuck") return this.#breach(`deadlock: ${ending.reason}`)
    if (ending._tag === "Done") {
      if (Exit.isFailure(ending.exit)) {
        this.#breach(`a machine has failed: ${String(ending.exit.cause)}`)
        return
      }
      // It was closed: everything is durable, unless the disk has failed.
      if (isOpen && world !== undefined && !world.health.isPoisoned && !hasFailed && !this.#mayFailToRead) {
        this.#model.floor = this.#model.told
      }
    }
    if (!isLast) this.#between(event, stop)
  }

  #world(
    event: string,
    machine: SimulationMachine,
    watch: SimulationWatch,
    volume: Volume.Volume["Service"] | undefined,
    isLast: boolean
  ): World {
    const random = this.#script.random(`${event}.`)
    let left = isLast ? 0 : Math.min(this.#left, 1 + random.below(LIFE_MAX))
    return {
      script: this.#script,
      event,
      random,
      machine,
      // Where there is none, nothing is done but reporting why.
      volume: volume as Volume.Volume["Service"],
      watch,
      model: this.#model,
      taste: this.settings.taste,
      isInterval: this.settings.durability === "interval",
      done: new Set(),
      health: { isPoisoned: false },
      spend: () => {
        left--
        this.#left--
      },
      isSpent: () => left <= 0,
      mayFailToRead: () => this.#mayFailToRead,
      count: (name) => this.#count(name),
      breach: (text) => this.#breach(text)
    }
  }

  /** The volume could not be opened: that is right only if the disk did not let it. */
  #refused(world: World, opened: Exit.Failure<unknown, unknown>, isSafe: boolean): void {
    const tag = tagOf(world, "opening", opened.cause)
    this.#count(`opening ${tag}`)
    if (isSafe) this.#breach(`I1: the volume cannot be opened: ${String(opened.cause)}`)
  }

  // ---- between two machines

  /** What becomes of the disk: nothing, or what a power cut makes of it. */
  #between(event: string, stop: "cut" | "kill" | undefined): void {
    const random = this.#script.random(`${event}/`)
    if (random.chance(0.2)) this.#disk.evict()
    if (stop === "cut" || (stop === undefined && random.chance(0.3))) {
      this.#crashes++
      this.#boot = random.chance(0.2) ? new Uint8Array(16) : random.bytes(16)
      this.#disk = this.#disk.crash(this.#fate(random), random.uint32())
    }
  }

  #fate(random: Random): (sector: PendingSector) => Outcome {
    const survival = oneOf(random, [0, 0.1, 0.5, 0.9, 1])
    const damage = oneOf(random, [0, 0, 0.05, 0.3])
    return ({ versions }) => {
      if (random.chance(damage)) return random.chance(0.5) ? "torn" : "garbage"
      return random.chance(survival) ? 1 + random.below(versions.length) : 0
    }
  }
}

export const simulate = (options: Options): Outcomes => new SimulationRun(options).run()
