/**
 * A machine that runs fibers in an order that a seed draws, in a time of its own, until it is done or its power is cut.
 *
 * - Of all fibers that could go on, a random one does, and it is stopped after a random number of steps: every interleaving
 *   that the runtime allows can happen, and the same seed gives the same one.
 * - Time stands still while anything can be done; then it jumps to the next sleeper. If there is none, the fibers wait for
 *   each other for ever.
 * - What is stopped is never resumed: no finalizer runs, as after a power cut or `kill -9`.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import type * as Scheduler from "effect/Scheduler"
import * as ClockService from "effect/Clock"
import { Identity } from "../../src/shell/Identity.ts"
import type { Random } from "../../src/testing/Random.ts"

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** How a run ended. `Stuck`: nobody can go on, or it takes for ever. */
export type Ending<A, E> =
  | { readonly _tag: "Done"; readonly exit: Exit.Exit<A, E> }
  | { readonly _tag: "Stopped" }
  | { readonly _tag: "Stuck"; readonly reason: string }

const STEPS_MAX = 2_000_000
const START = 1_700_000_000_000

/** Bounds how many operations a fiber does at a stretch: 2048 is the runtime's own number. */
const STRETCHES = [2048, 2048, 2048, 200, 20]

export class SimulationMachine implements Scheduler.Scheduler {
  readonly executionMode = "sync"
  readonly random: Random
  /** Milliseconds since 1970. */
  now: number
  #tasks: Array<() => void> = []
  #sleepers: Array<Sleeper> = []
  #stopped = false
  #stretch: number
  readonly #stretchMax: number

  constructor(random: Random, now = START) {
    this.random = random
    this.now = now
    this.#stretchMax = STRETCHES[random.below(STRETCHES.length)]
    this.#stretch = this.#stretchMax
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (fiber.currentOpCount < this.#stretch) return false
    this.#stretch = 1 + this.random.below(this.#stretchMax)
    return true
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return { scheduleTask: (task) => void this.#tasks.push(task), flush: () => undefined }
  }

  /** Ends the run: nothing that was going on goes on. */
  stop(): void {
    this.#stopped = true
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  /** Lets others run first, a random number of times. */
  turns(countMax: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      let turns: Effect.Effect<void> = Effect.void
      for (let count = this.random.below(countMax + 1); count > 0; count--) {
        turns = Effect.andThen(turns, Effect.yieldNow)
      }
      return turns
    })
  }

  run<A, E>(effect: Effect.Effect<A, E>, boot: Uint8Array): Ending<A, E> {
    const services = Context.make(ClockService.Clock, this.#clock()).pipe(
      Context.add(Identity, { next: () => this.random.bytes(16), boot }),
      Context.add(References.MinimumLogLevel, "None")
    )
    const fiber = Effect.runForkWith(services)(effect, { scheduler: this })
    for (let steps = 0; ; steps++) {
      if (this.#stopped) return { _tag: "Stopped" }
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return { _tag: "Done", exit }
      if (steps === STEPS_MAX) return { _tag: "Stuck", reason: `it goes on for ${steps} steps` }
      const task = this.#next()
      if (task === undefined) return { _tag: "Stuck", reason: "all fibers wait for each other" }
      task()
    }
  }

  /** A random fiber that can go on, or the one that sleeps shortest. */
  #next(): (() => void) | undefined {
    const tasks = this.#tasks
    if (tasks.length > 0) {
      const index = tasks.length === 1 ? 0 : this.random.below(tasks.length)
      const task = tasks[index]
      const last = tasks.pop() as () => void
      if (index < tasks.length) tasks[index] = last
      return task
    }
    let first: Sleeper | undefined
    for (const sleeper of this.#sleepers) if (first === undefined || sleeper.until < first.until) first = sleeper
    if (first === undefined) return undefined
    this.#sleepers.splice(this.#sleepers.indexOf(first), 1)
    this.now = Math.max(this.now, first.until)
    return first.wake
  }

  #clock(): Clock.Clock {
    const millis = () => this.now
    const nanos = () => BigInt(this.now) * BigInt(1_000_000)
    return {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.callback((resume) => {
          const sleeper = { until: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
          this.#sleepers.push(sleeper)
          return Effect.sync(() => {
            const index = this.#sleepers.indexOf(sleeper)
            if (index >= 0) this.#sleepers.splice(index, 1)
          })
        })
    }
  }
}
