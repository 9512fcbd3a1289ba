/**
 * What a run of the simulation consists of, as a list of events. A seed draws them and they are noted; or a list says which
 * of them happen, and all others do not.
 *
 * - `3` is the third start of the machine and `3.1.4` the fifth action of its fiber 1; `3.1.4.0` is the first operation of that
 *   action if it is a transaction, `3.1.4!` its interruption and `3.1.4~` its end by a failure of its own. At `3@write7=cut`
 *   the eighth write of that machine goes wrong, and `3.end=kill` is how it was stopped.
 * - What is drawn for an event depends on the seed and its name only: what else happens makes no difference.
 * - The list that a run has noted gives the same run again.
 */
import { Random } from "../../src/testing/Random.ts"

/** The events of a run in the order in which they happened. */
export type Events = ReadonlyArray<string>

export class SimulationScript {
  readonly #seed: number
  readonly #only: ReadonlySet<string> | undefined
  /** By a name: the highest number right below it. */
  readonly #ends = new Map<string, number>()
  /** By a name: what is said after its `=`. */
  readonly #outcomes = new Map<string, string>()
  readonly #noted: Array<string> = []
  readonly #texts: Map<string, string> | undefined

  constructor(seed: number, only?: Events, isTold = false) {
    this.#seed = seed
    this.#only = only === undefined ? undefined : new Set(only)
    this.#texts = isTold ? new Map() : undefined
    for (const event of only ?? []) {
      const [name, outcome] = event.split("=")
      if (outcome !== undefined) this.#outcomes.set(name, outcome)
      const at = name.lastIndexOf(".")
      const number = Number(name.slice(at + 1))
      const above = name.slice(0, Math.max(0, at))
      if (Number.isInteger(number)) this.#ends.set(above, Math.max(number, this.#ends.get(above) ?? -1))
    }
  }

  /** What has happened so far. */
  get noted(): Events {
    return this.#noted
  }

  /** Numbers for an event. */
  random(name: string): Random {
    return Random.at(this.#seed, placeOf(name))
  }

  /** Whether an event happens: `drawn` says so, or the list does. */
  happens(name: string, drawn = true): boolean {
    const does = this.#only === undefined ? drawn : this.#only.has(name)
    if (does) this.#noted.push(name)
    return does
  }

  /** How an event comes out, if it happens at all: as it was drawn, or as the list says. */
  outcome<A extends string>(name: string, drawn: () => A | undefined): A | undefined {
    const outcome = this.#only === undefined ? drawn() : (this.#outcomes.get(name) as A | undefined)
    if (outcome !== undefined) this.#noted.push(`${name}=${outcome}`)
    return outcome
  }

  /** Whether there may be an event with this number below a name, or a higher one. */
  goesOn(above: string, number: number, drawn: boolean): boolean {
    return this.#only === undefined ? drawn : number <= (this.#ends.get(above) ?? -1)
  }

  /** Adds to what is known of an event. */
  tell(name: string, text: string): void {
    const before = this.#texts?.get(name)
    this.#texts?.set(name, before === undefined ? text : `${before}: ${text}`)
  }

  /** The events in words, one a line. */
  get told(): string {
    const texts = this.#texts
    if (texts === undefined) return ""
    return this.#noted
      .map((event) => `${"  ".repeat(event.split(".").length - 1)}${event}  ${texts.get(event) ?? ""}`.trimEnd())
      .join("\n")
  }
}

/** A number for a text (FNV-1a), to draw by. */
const placeOf = (text: string): number => {
  let place = 0x811c9dc5
  for (let i = 0; i < text.length; i++) place = Math.imul(place ^ text.charCodeAt(i), 0x01000193)
  return place >>> 0
}
