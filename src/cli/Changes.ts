/**
 * How the differences of two states look: a line each, and as JSON.
 *
 * - A letter says what became of it, as `git diff --name-status` has it: A added, D removed, R renamed, M changed.
 * - A key of a table is shown as text where it is such, else in hexadecimal; as JSON it is base64.
 */
import type { Change } from "../shell/Volume.ts"
import { printable } from "./Failure.ts"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"

type Changed = Extract<Change, { readonly _tag: "Changed" }>

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const shownKey = (key: Uint8Array): string => {
  try {
    return printable(JSON.stringify(decoder.decode(key)))
  } catch {
    return `0x${Show.hex(key)}`
  }
}

const shownTable = (table: string): string => `table ${printable(JSON.stringify(table))}`

const shownPath = (path: string, type: string): string =>
  printable(path) + (type === "Folder" && path !== "/" ? "/" : "")

const byteCount = ({ ranges }: Changed): number => ranges.reduce((sum, { count }) => sum + count, 0)

/** Two sizes, to the byte where they would look the same. */
const shownSizes = (before: number, after: number): string => {
  const [from, to] = [Sizes.show(before), Sizes.show(after)]
  return from === to ? `${before.toLocaleString("en-US")} -> ${Show.count(after, "byte")}` : `${from} -> ${to}`
}

/** What became of the content; if nothing, only attributes are others. */
const facts = (change: Changed): string => {
  const { size, sizeBefore } = change
  const count = byteCount(change)
  if (count === 0 && size === sizeBefore) return "attributes"
  const sizes = size === sizeBefore ? Sizes.show(size) : shownSizes(sizeBefore, size)
  return count === 0 ? sizes : `${sizes}, ${Sizes.show(count)} changed`
}

/** As in "M /a (3.0 MiB, 64.0 KiB changed)". */
export const line = (change: Change): string => {
  switch (change._tag) {
    case "Added":
      return `A ${shownPath(change.path, change.type)}`
    case "Removed":
      return `D ${shownPath(change.path, change.type)}`
    case "Renamed":
      return `R ${shownPath(change.from, change.type)} -> ${shownPath(change.path, change.type)}`
    case "Changed":
      return `M ${shownPath(change.path, change.type)} (${facts(change)})`
    case "TableAdded":
      return `A ${shownTable(change.table)}`
    case "TableRemoved":
      return `D ${shownTable(change.table)}`
    case "EntrySet":
      return `${change.isNew ? "A" : "M"} ${shownTable(change.table)} ${shownKey(change.key)}`
    case "EntryRemoved":
      return `D ${shownTable(change.table)} ${shownKey(change.key)}`
  }
}

/** As a value for JSON. */
export const toJson = (change: Change) => {
  const { _tag, ...rest } = change
  return "key" in rest
    ? { change: _tag, ...rest, key: Buffer.from(rest.key).toString("base64") }
    : { change: _tag, ...rest }
}
