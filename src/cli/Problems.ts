/**
 * How the problems that a check or a scrub has found look.
 */
import type { Problem, Report } from "../core/Check.ts"
import { printable } from "./Failure.ts"
import * as Show from "./Show.ts"

const where = ({ address, inode, path, table }: Problem): string => {
  const places = [
    path === undefined ? undefined : printable(path),
    table === undefined ? undefined : `table ${printable(table)}`,
    inode === undefined || path !== undefined ? undefined : `inode ${inode}`,
    address === undefined ? undefined : `page ${address}`
  ].filter((place) => place !== undefined)
  return places.length === 0 ? "" : ` (${places.join(", ")})`
}

/** A line each. */
export const lines = ({ isComplete, problemCount, problems }: Report): ReadonlyArray<string> => {
  const unlisted = problemCount - problems.length
  return [
    ...problems.map((problem) => `${problem.code}: ${problem.message}${where(problem)}`),
    ...(unlisted > 0 ? [`... and ${Show.count(unlisted, "more problem")}`] : []),
    ...(isComplete ? [] : ["Some of the volume could not be read: what hangs under it is not known."])
  ]
}

/** The last line. */
export const verdict = ({ problemCount }: Report): string =>
  problemCount === 0 ? "No problems." : `${Show.count(problemCount, "problem")}.`
