/**
 * One side of a pair: a simulated disk and the volume on it, in a machine that may die at any write or sync of the device.
 *
 * - A machine that has died does nothing any more: what runs on it hangs, and is dropped.
 * - It comes back after a power cut, which leaves any part of what was not synced, or after the end of the process alone, which
 *   leaves all of it in the cache of the system.
 * - What was acknowledged is there when it comes back.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import { Identity } from "../../src/shell/Identity.ts"
import * as Volume from "../../src/shell/Volume.ts"
import type { Random } from "../../src/testing/Random.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { type Outcome, type PendingSector, SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { causeText } from "./CrashJudge.ts"
import { runFibers, TIME } from "./CrashVolume.ts"

type Service = Volume.Volume["Service"]

export interface Settings {
  readonly name: string
  readonly size: number
  readonly options: Volume.Options
}

/** What became of what ran: it has ended, or its machine has died. */
export type Ending<A, E> = { readonly _tag: "Ended"; readonly exit: Exit.Exit<A, E> } | { readonly _tag: "Dead" }

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

export class ReplicaMachine {
  readonly #settings: Settings
  readonly #random: Random
  readonly counts = { cuts: 0, ends: 0 }
  #disk: SimulatedDisk
  #volume: Service | undefined
  #scope = Scope.makeUnsafe()
  /** Writes and syncs until it dies. */
  #fuse: number | undefined
  #life = { isDead: false }
  #now = TIME
  /** Ids of the snapshots that have to be there. */
  #kept = new Set<string>()

  constructor(settings: Settings, random: Random) {
    this.#settings = settings
    this.#random = random
    this.#disk = new SimulatedDisk({ size: settings.size, seed: random.uint32() })
    // Formatting is not cut short: a disk that is half formatted is no volume.
    this.#open()
  }

  /** The volume, opened if it is not, as often as it takes. */
  get volume(): Service {
    while (this.#volume === undefined) this.#open()
    return this.#volume
  }

  /** It will die in one of the next so many writes and syncs. */
  arm(countMax: number): void {
    this.#fuse = this.#random.below(countMax)
  }

  disarm(): void {
    this.#fuse = undefined
  }

  /** Runs what uses the volume. A machine that dies meanwhile is back when it is used again. */
  run<A, E>(use: (volume: Service) => Effect.Effect<A, E>): Ending<A, E> {
    const { volume } = this
    const ending = this.#run(use(volume))
    if (ending._tag === "Dead") this.#die()
    return ending
  }

  /** Runs what nothing disturbs. */
  get<A, E>(use: (volume: Service) => Effect.Effect<A, E>): A {
    this.disarm()
    const ending = this.run(use)
    assert(ending._tag === "Ended")
    if (Exit.isSuccess(ending.exit)) return ending.exit.value
    throw new Error(`${this.#settings.name}: ${causeText(ending.exit.cause)}`)
  }

  /** From now on it has to have these snapshots after whatever happens. */
  acknowledge(ids: Iterable<Uint8Array>): void {
    for (const id of ids) this.#kept.add(hex(id))
  }

  /** A snapshot that is being removed may be there or not. */
  release(id: Uint8Array): void {
    this.#kept.delete(hex(id))
  }

  /** Ends the session in order. */
  close(): void {
    if (this.#volume === undefined) return
    const ending = this.#run(Scope.close(this.#scope, Exit.void))
    this.#volume = undefined
    if (ending._tag === "Dead") this.#die()
  }

  #open(): void {
    this.#scope = Scope.makeUnsafe()
    const ending = this.#run(
      Volume.open(this.#settings.options).pipe(
        Effect.provideService(BlockDevice, this.#device()),
        Effect.provideService(Scope.Scope, this.#scope)
      )
    )
    if (ending._tag === "Dead") return this.#die()
    if (Exit.isFailure(ending.exit)) {
      throw new Error(`${this.#settings.name} cannot be opened: ${causeText(ending.exit.cause)}`)
    }
    this.#volume = ending.exit.value
    const listed = this.#run(this.#volume.snapshots.list)
    if (listed._tag === "Dead") return this.#die()
    assert(Exit.isSuccess(listed.exit))
    const there = new Set(listed.exit.value.map(({ id }) => hex(id)))
    for (const id of this.#kept) assert.isTrue(there.has(id), `I2: ${this.#settings.name} has lost a snapshot`)
  }

  /** The volume is lost, and the disk what the end of the machine leaves of it. */
  #die(): void {
    const random = this.#random
    this.#volume = undefined
    this.#fuse = undefined
    this.#life = { isDead: false }
    if (random.chance(0.4)) {
      this.counts.ends++
      this.#disk = this.#disk.fork()
      return
    }
    this.counts.cuts++
    const survival = random.below(101) / 100
    const damage = random.chance(0.3) ? 0.2 : 0
    const choose = ({ versions }: PendingSector): Outcome => {
      if (random.chance(damage)) return random.chance(0.5) ? "torn" : "garbage"
      return random.chance(survival) ? 1 + random.below(versions.length) : 0
    }
    this.#disk = this.#disk.crash(choose, random.uint32())
  }

  #run<A, E>(effect: Effect.Effect<A, E>): Ending<A, E> {
    const life = this.#life
    const exit = runFibers(
      effect.pipe(
        Effect.provideService(Identity, { next: () => this.#random.bytes(16), boot: new Uint8Array(16) }),
        Effect.provideService(Clock.Clock, this.#clock())
      )
    )
    return life.isDead ? { _tag: "Dead" } : { _tag: "Ended", exit }
  }

  #clock(): Clock.Clock {
    const now = () => (this.#now += BigInt(1000))
    const millis = () => Number(now() / BigInt(1_000_000))
    return {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: now,
      currentTimeNanos: Effect.sync(now),
      monotonicTimeNanosUnsafe: now,
      monotonicTimeNanos: Effect.sync(now),
      sleep: () => Effect.never
    }
  }

  /** A device that belongs to this life of the machine. */
  #device(): BlockDevice["Service"] {
    const life = this.#life
    const random = this.#random
    const real = SimulatedDevice.make(this.#disk, { yields: true })
    const call = <A, E>(whole: Effect.Effect<A, E>, part: Effect.Effect<unknown, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        if (life.isDead) return Effect.never
        if (this.#fuse === undefined || this.#fuse-- > 0) return whole
        life.isDead = true
        return Effect.andThen(random.chance(0.5) ? whole : part, Effect.never)
      })
    return {
      ...real,
      read: (ranges) => Effect.suspend(() => (life.isDead ? Effect.never : real.read(ranges))),
      write: (ranges) => call(real.write(ranges), real.write(ranges.slice(0, random.below(ranges.length + 1)))),
      sync: call(real.sync, Effect.void)
    }
  }
}
