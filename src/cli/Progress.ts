/**
 * A progress bar on standard error, where that is a terminal; elsewhere nothing.
 *
 * - It is one line that is drawn over and over, at most ten times a second, and gone at the end.
 * - Our own, since no library in good care fits (looked at in November 2026): cli-progress had its last commit in March 2023,
 *   progress and gauge are given up, ora turns a wheel but draws no bar, and the bar of @clack/prompts takes the keyboard.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"

export interface Progress {
  /** So many more bytes are done. */
  readonly passed: (byteCount: number) => Effect.Effect<void>
  /** Shows a text instead of the bar. */
  readonly phase: (text: string) => Effect.Effect<void>
}

const REDRAW_MILLIS = 100
const CLEAR_LINE = "\r\u001b[K"
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

const nothing: Progress = { passed: () => Effect.void, phase: () => Effect.void }

/** The bar itself, `width` columns wide. */
const bar = (share: number, width: number): string => {
  const eighths = Math.floor(share * width * 8)
  return ("█".repeat(eighths >> 3) + EIGHTHS[eighths & 7]).padEnd(width, "░")
}

const line = (what: string, done: number, total: number | undefined, millis: number, columns: number): string => {
  const rate = millis < 1 ? 0 : (done / millis) * 1000
  if (total === undefined) return `${what} ${Sizes.show(done)}, ${Sizes.show(Math.round(rate))}/s`
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const left = rate === 0 || millis < 500 ? "" : ` ${seconds((total - done) / rate)} left`
  const facts = ` ${String(Math.floor(share * 100)).padStart(3)} % of ${Sizes.show(total)}, ${Sizes.show(Math.round(rate))}/s${left}`
  const width = Math.min(40, columns - what.length - facts.length - 2)
  return width < 4 ? `${what}${facts}`.slice(0, columns - 1) : `${what} ${bar(share, width)}${facts}`
}

const seconds = (value: number): string => {
  const whole = Math.max(0, Math.ceil(value))
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Whether a bar would be seen. */
const isShown = (): boolean => process.stderr.isTTY === true && process.env["TERM"] !== "dumb"

/** A bar that stands as long as the scope is open; where nobody knows the total, only how far it has come. */
export const make = (what: string, total: number | undefined): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.suspend(() => {
    if (!isShown()) return Effect.succeed(nothing)
    const begin = performance.now()
    let done = 0
    let drawn = 0
    let text: string | undefined
    const draw = (): void => {
      drawn = performance.now()
      const columns = process.stderr.columns || 80
      process.stderr.write(CLEAR_LINE + (text ?? line(what, done, total, drawn - begin, columns)).slice(0, columns - 1))
    }
    const progress: Progress = {
      passed: (byteCount) =>
        Effect.sync(() => {
          done += byteCount
          if (performance.now() - drawn >= REDRAW_MILLIS) draw()
        }),
      phase: (phase) =>
        Effect.sync(() => {
          text = phase
          draw()
        })
    }
    return Effect.acquireRelease(
      Effect.sync(() => {
        draw()
        return progress
      }),
      () => Effect.sync(() => process.stderr.write(CLEAR_LINE))
    )
  })

/** What was done in how long: "8,000 files, 130 MiB in 1.2 s". */
export const summary = (fileCount: number, byteCount: number, millis: number): string =>
  `${Show.count(fileCount, "file")}, ${Sizes.show(byteCount)} in ${(millis / 1000).toFixed(1)} s`
