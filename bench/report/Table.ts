/** The table of the contest, as Markdown: a line a row, a column a contestant, and what ours had to reach. */
import { NAMES } from "../contest/Contestant.ts"
import type { Figure, Result } from "../Rounds.ts"
import type { Row } from "../rows/Row.ts"

const shown = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(2)))

/** Whether a figure is as good as it had to be. */
const isMet = ({ isMore = false }: Row, value: number, goal: number): boolean =>
  isMore ? value >= goal : value <= goal

const verdict = (row: Row, figure: Figure | undefined, goal: number): string =>
  `${shown(goal)}: ${figure === undefined ? "not measured" : isMet(row, figure.value, goal) ? "met" : "not met"}`

const unitOf = ({ base, unit }: Row): string => (unit === "ratio" ? `x ${base}` : unit)

export const of = (results: ReadonlyArray<Result>): string => {
  const columns = NAMES.filter((name) => results.some(({ figures }) => figures.some((f) => f.contestant === name)))
  const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`
  const rows = results.map(({ figures, row }) => {
    const find = (name: string) => figures.find(({ contestant }) => contestant === name)
    const ours = find("ours")
    const cells = columns.map((name) => {
      const figure = find(name)
      return figure === undefined ? "-" : shown(figure.value)
    })
    return line([row.title, unitOf(row), ...cells, verdict(row, ours, row.reach), verdict(row, ours, row.aim)])
  })
  const head = ["work", "unit", ...columns, "ours: reach", "ours: aim"]
  return [line(head), line(head.map(() => "---")), ...rows].join("\n")
}
