/**
 * What the fibers of a simulated machine share, and what they count.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import type { Pages } from "../../src/core/Pages.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import type { Tree } from "../../src/core/Tree.ts"
import type { Volume } from "../../src/shell/Volume.ts"
import { VolumeError } from "../../src/shell/VolumeError.ts"
import type { Random } from "../../src/testing/Random.ts"
import type { SimulationMachine } from "./SimulationMachine.ts"
import { MARK, markOf, type Seen, type SimulationModel, type State } from "./SimulationModel.ts"
import type { SimulationScript } from "./SimulationScript.ts"
import type { Taste } from "./SimulationSteps.ts"
import type { SimulationWatch } from "./SimulationWatch.ts"

/** What a run has seen, by name. */
export type Histogram = Record<string, number>

export interface World {
  readonly script: SimulationScript
  /** The event that goes on in it, and what is drawn for that. */
  readonly event: string
  readonly random: Random
  readonly machine: SimulationMachine
  readonly volume: Volume["Service"]
  readonly watch: SimulationWatch
  readonly model: SimulationModel
  readonly taste: Taste
  readonly isInterval: boolean
  /** What the innermost transaction around it has done with snapshots. */
  readonly done: Set<string>
  /** Counts an operation; answers whether there is another one to be done on this machine. */
  readonly spend: () => void
  readonly isSpent: () => boolean
  /** Whether a write or sync has failed: what was told and is not durable may be gone. */
  readonly health: { isPoisoned: boolean }
  /** Whether a read may have failed or a sector be unreadable. */
  readonly mayFailToRead: () => boolean
  readonly count: (name: string) => void
  readonly breach: (text: string) => void
}

/** What a transaction of ours fails with when it changes its mind. */
export class Abort {
  readonly _tag = "Abort"
}
export const ABORT = new Abort()

const markName = new TextEncoder().encode(MARK)
const ROOT = 1

/** The mark of what is read. */
export const markIn = (pages: Pages, names: Tree): number => {
  const found = Attributes.get(pages, names, ROOT, markName)
  if (Result.isFailure(found)) throw new Error("I1: a state without a mark was found")
  return markOf(found.success)
}

const decoder = new TextDecoder()

/** What tells the state that is read. */
export const seenIn = (pages: Pages, { names, snapshots }: Roots): Seen => ({
  mark: markIn(pages, names),
  kept: Snapshots.list(pages, snapshots, 0, Number.POSITIVE_INFINITY).map(({ id, name }) => ({
    name: decoder.decode(name),
    id: Buffer.from(id).toString("hex")
  }))
})

/** The state that is read, which must hold everything up to `floor`. */
export const stateIn = (world: World, seen: Seen, floor: State): State => {
  const state = world.model.at(seen)
  const fault = world.model.fault(state, floor)
  if (fault !== undefined) world.breach(fault)
  return state
}

/** What a reader outside of everything must see. */
export const floorOf = ({ health, model }: World): State => (health.isPoisoned ? model.floor : model.told)

/** The tag of what an effect failed with; breaks of the rules are reported. */
export const tagOf = (world: World, what: string, cause: Cause.Cause<unknown>): string => {
  const defect = Cause.findDefect(cause)
  if (Result.isSuccess(defect) && defect.success !== ABORT) {
    const { success } = defect
    const text = success instanceof Error ? `${success.message}\n${success.stack ?? ""}` : String(success)
    world.breach(text.startsWith("I") ? `${what}: ${text}` : `a defect in ${what}: ${text}`)
    return "Defect"
  }
  if (Result.isSuccess(defect)) return "Died"
  const error = Cause.findErrorOption(cause)
  if (error._tag === "None") return "Interrupted"
  const { value } = error
  if (value instanceof Abort) return "Abort"
  if (!(value instanceof VolumeError)) {
    world.breach(`${what} fails with what is no error of a volume: ${String(value)}`)
    return "Unknown"
  }
  const tag = value.reason._tag
  world.count(`error ${tag}`)
  if (tag === "Corrupt") world.breach(`${what}: ${value.message}`)
  if (tag === "Poisoned" || (tag === "DeviceFailed" && value.reason.operation !== "read"))
    world.health.isPoisoned = true
  return tag
}

/** The world as an event in it has it, with draws of its own; nothing if the event does not happen. */
export const eventIn = (world: World, name: string): World | undefined =>
  world.script.happens(name) ? { ...world, event: name, random: world.script.random(name) } : undefined

/** Says what an event does, or came to. */
export const tell = (world: World, text: string): void => world.script.tell(world.event, text)

/** Runs an effect to its end, or interrupts it somewhere. */
export const perhapsInterrupted = <A, E>(
  world: World,
  effect: Effect.Effect<A, E>,
  chance: number
): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.suspend(() => {
    const name = `${world.event}!`
    if (!world.script.happens(name, world.random.chance(chance))) return Effect.exit(effect)
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect)
      yield* world.machine.turns(world.script.random(name).chance(0.5) ? 12 : 60)
      world.count("interrupt")
      yield* Fiber.interrupt(fiber)
      return yield* Fiber.await(fiber)
    })
  })
