/**
 * How values look on standard output: modes, times, sizes, JSON.
 */
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"
import * as Flag from "effect/cli/Flag"
import type { Type } from "../shell/Files.ts"

const NANOS = BigInt(1_000_000)
const SECOND = BigInt(1_000_000_000)

/** `--json`. */
export const jsonFlag: Flag.Flag<boolean> = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON"),
  Flag.withDefault(false)
)

/** `--json`, of commands that say one thing after the other. */
export const jsonLinesFlag: Flag.Flag<boolean> = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON, a line each"),
  Flag.withDefault(false)
)

/** Prints a value as JSON. */
export const json = (value: unknown): Effect.Effect<void> => Console.log(JSON.stringify(value, undefined, 2))

const typeLetters: Record<Type, string> = { File: "-", Folder: "d", SymbolicLink: "l" }

/** As `ls -l` has it: "drwxr-xr-x". */
export const mode = (type: Type, bits: number): string => {
  const triple = (shift: number, special: number, letter: string): string => {
    const execute = (bits >> shift) & 1
    const last = (bits & special) === 0 ? "-x"[execute] : execute === 1 ? letter : letter.toUpperCase()
    return `${"-r"[(bits >> (shift + 2)) & 1]}${"-w"[(bits >> (shift + 1)) & 1]}${last}`
  }
  return typeLetters[type] + triple(6, 0o4000, "s") + triple(3, 0o2000, "s") + triple(0, 0o1000, "t")
}

/** Four octal digits: "0755". */
export const octal = (bits: number): string => bits.toString(8).padStart(4, "0")

/** A time in nanoseconds since 1970 as ISO 8601, none of them lost. */
export const isoTime = (time: bigint): string => {
  const fraction = ((time % SECOND) + SECOND) % SECOND
  const date = new Date(Number((time - fraction) / NANOS))
  return date.toISOString().replace(/\.\d+Z$/, `.${String(fraction).padStart(9, "0")}Z`)
}

/** A time to the minute, where the user is. */
export const localTime = (time: bigint): string => {
  const date = new Date(Math.floor(Number(time / NANOS)))
  const two = (value: number) => String(value).padStart(2, "0")
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** "1 file", "2 files", "1,234 files". */
export const count = (value: number, noun: string, plural = `${noun}s`): string =>
  `${value.toLocaleString("en-US")} ${value === 1 ? noun : plural}`

/** Lines of cells under each other; numbers, which are given as such, to the right. */
export const columns = (rows: ReadonlyArray<ReadonlyArray<string | number>>): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, String(cell).length)
  return rows.map((row) =>
    row
      .map((cell, i) => (typeof cell === "number" ? String(cell).padStart(widths[i]) : cell.padEnd(widths[i])))
      .join(" ")
      .trimEnd()
  )
}
