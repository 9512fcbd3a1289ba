/**
 * The published figures: `results.json`, the plots, and the table of `README.md` between its markers, all in docs/performance and all
 * from one run. What stands around the table is left as it is.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Curve } from "../Growth.ts"
import * as Here from "../Here.ts"
import type { Machine } from "../Machine.ts"
import type { Result } from "../Rounds.ts"
import type { Scale } from "../Scale.ts"
import * as Plot from "./Plot.ts"
import * as Table from "./Table.ts"

export interface Publication {
  readonly scale: Scale
  readonly rounds: number
  readonly machine: Machine
  readonly notes: ReadonlyArray<{ readonly name: string; readonly notes: string }>
  readonly results: ReadonlyArray<Result>
  readonly curves: ReadonlyArray<Curve>
  readonly unable: ReadonlyArray<string>
}

const BEGIN = "<!-- figures: made by `npm run bench -- --publish` -->"
const END = "<!-- end of figures -->"
const OPENING = `# Performance\n\n${BEGIN}\n${END}\n`

const folder = join(Here.root, "docs/performance")

/** The text with other lines between its markers. */
const between = (text: string, lines: string): string => {
  const [first, last] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (first < 0 || last < first) throw new Error("docs/performance/README.md has no markers for the figures")
  return `${text.slice(0, first + BEGIN.length)}\n\n${lines}\n\n${text.slice(last)}`
}

const of = ({ curves, machine, notes, results, rounds, scale, unable }: Publication): string => {
  const { cores, cpu, fileSystem, memoryGiB, node, system } = machine
  const plots = [
    ...results.map(({ row }) => `![${row.title}](${row.id}.svg)`),
    ...curves.map(({ id, title }) => `![${title}](growth-${id}.svg)`)
  ]
  return [
    `Measured on ${cores} cores (${cpu}), ${memoryGiB} GiB of memory, ${system}, ${fileSystem}, Node ${node}: ` +
      `${rounds} rounds at ${scale.name} scale, medians.`,
    Table.of(results),
    notes.map(({ name, notes: text }) => `* **${name}**: ${text}.`).join("\n"),
    ...(unable.length === 0 ? [] : [unable.map((line) => `* ${line}`).join("\n")]),
    plots.join("\n")
  ].join("\n\n")
}

export const write = (publication: Publication): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "results.json"), `${JSON.stringify(publication, null, 2)}\n`)
  for (const result of publication.results) writeFileSync(join(folder, `${result.row.id}.svg`), Plot.bars(result))
  for (const curve of publication.curves) writeFileSync(join(folder, `growth-${curve.id}.svg`), Plot.lines(curve))
  const path = join(folder, "README.md")
  writeFileSync(path, between(existsSync(path) ? readFileSync(path, "utf8") : OPENING, of(publication)))
}
