/**
 * Finds a short list of events by which a seed of the simulation still breaks the same rule.
 *
 * A violation is the same if its text is, but for numbers and paths. What is left out has made calls of the device, and taken
 * its turns: so where nothing more can be left out, each list is also tried with its faults at earlier calls, and with its
 * fibers in other orders.
 */
import * as Shrink from "../torture/Shrink.ts"
import { type Options, type Outcomes, simulate } from "./SimulationRun.ts"
import type { Events } from "./SimulationScript.ts"

/** A run that breaks a rule, told by all that it needs to do so again. */
export interface Case {
  readonly seed: number
  readonly operations: number
  readonly salt: number
  readonly events: Events
}

export interface Report {
  readonly found: Case
  readonly violations: ReadonlyArray<string>
  /** How many events there were, and how many are left of them. */
  readonly eventsBefore: number
  /** Runs of the simulation. */
  readonly attempts: number
  readonly isDone: boolean
  /** The events in words, one a line. */
  readonly told: string
}

/** How many orders of the fibers are tried with each list, from one pass over it to the next. */
const ORDERS = [1, 4, 16, 64]
/** By how many calls a fault is moved. */
const MOVES = [1, 2, 3, 4, 6, 8]

export const shrink = (options: Options, millis: number): Report | undefined => {
  const until = performance.now() + millis
  const first = simulate(options)
  const kind = kindOf(first)
  if (kind === undefined) return undefined
  let salt = options.salt ?? 0
  let shrunk: Shrink.Shrunk<string> = { list: first.events, isDone: false }
  let attempts = 0
  for (const orders of ORDERS) {
    const attempt = (events: Events): Events | undefined => {
      for (const [candidate, order] of variants(events, salt, orders)) {
        if (performance.now() >= until) return undefined
        attempts++
        const outcomes = simulate({ ...options, events: candidate, salt: order })
        if (kindOf(outcomes) !== kind) continue
        salt = order
        return outcomes.events
      }
      return undefined
    }
    shrunk = Shrink.shrink(shrunk.list, { attempt, until })
  }
  const { seed, operations } = options
  const events = shrunk.list
  const { told, violations } = simulate({ ...options, events, salt, isTold: true })
  const eventsBefore = first.events.length
  return { found: { seed, operations, salt, events }, violations, eventsBefore, attempts, isDone: shrunk.isDone, told }
}

/** What a run breaks, without what differs from run to run. */
export const kindOf = ({ violations: [first] }: Outcomes): string | undefined =>
  first
    ?.split("\n", 1)[0]
    .replace(/\/\S*/g, "path")
    .replace(/\d+(-\d+)*/g, "number")

/** A list in the order that has done so far, then with its faults moved, then in other orders. */
function* variants(events: Events, salt: number, orders: number): Generator<readonly [Events, number]> {
  yield [events, salt]
  if (orders === 1) return
  for (const candidate of moved(events)) yield [candidate, salt]
  for (let order = 0; order < orders; order++) if (order !== salt) yield [events, order]
}

/** Each fault a few calls earlier. */
function* moved(events: Events): Generator<Events> {
  for (const [index, event] of events.entries()) {
    const found = /^(.*@[a-z]+)(\d+)(=.*)$/.exec(event)
    if (found === null) continue
    const [, call, number, fault] = found
    for (const by of MOVES) if (Number(number) >= by) yield events.with(index, `${call}${Number(number) - by}${fault}`)
  }
}
