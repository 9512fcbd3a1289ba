/**
 * One setting of the model and what must come of it.
 *
 * - "safe": every reachable state is seen, and nothing is wrong in any of them.
 * - "caught": breaking the rule is found; the violations named are all among what is found.
 * - "harmless": every reachable state is seen, and no user is harmed, because another rule covers this one. Breaches
 *   of stated rules that the model notes all the same are listed, exactly.
 */
import type { Breach, Violation } from "./Judge.ts"
import type { Overrides } from "./Settings.ts"

export type Expectation =
  | { readonly outcome: "safe" }
  | { readonly outcome: "caught"; readonly by: ReadonlyArray<Violation> }
  | { readonly outcome: "harmless"; readonly because: string; readonly breaches: ReadonlyArray<Breach> }

export interface Variant {
  readonly name: string
  readonly overrides: Overrides
  readonly expect: Expectation
  /** Larger bounds, on top of the overrides, for NOTAFS_DEPTH=1. */
  readonly deep?: Overrides
}

export const safe: Expectation = { outcome: "safe" }
export const caught = (...by: ReadonlyArray<Violation>): Expectation => ({ outcome: "caught", by })
export const harmless = (because: string, ...breaches: ReadonlyArray<Breach>): Expectation => ({
  outcome: "harmless",
  because,
  breaches
})
