/**
 * Plots as SVG, on logarithmic axes. There is no background: the colours are of a middle lightness, and can be read on a light page
 * and on a dark one.
 */
import type { Curve } from "../Growth.ts"
import type { Result } from "../Rounds.ts"

const WIDTH = 720
const LEFT = 90
const RIGHT = 90
const TOP = 40
const BAR_HEIGHT = 26
const LINES_HEIGHT = 260
const GREY = "#808080"
const OURS = "#d9730d"
const OTHER = "#5b8db8"
const SERIES = [
  ["commit", OURS],
  ["open", OTHER],
  ["get", "#4c9f70"]
] as const

const text = (x: number, y: number, content: string, anchor = "start"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`

const rule = (x1: number, y1: number, x2: number, y2: number): string =>
  `<path d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}" stroke="${GREY}" stroke-opacity="0.4"/>`

const picture = (height: number, title: string, parts: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="${GREY}">\n` +
  `${[text(LEFT, 22, title), ...parts].join("\n")}\n</svg>\n`

interface Axis {
  readonly at: (value: number) => number
  /** The powers of ten that it goes over. */
  readonly ticks: ReadonlyArray<number>
}

/** From the power of ten below all values to the one above, over the pixels from `from` to `to`. */
const axisOf = (values: ReadonlyArray<number>, from: number, to: number): Axis => {
  const positive = values.filter((value) => value > 0)
  const first = Math.floor(Math.log10(Math.min(1, ...positive)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(1, ...positive))))
  return {
    at: (value) => from + ((Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)) * (to - from),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
  }
}

const shown = (value: number): string => String(Number(value.toPrecision(3)))

/** A bar for each contestant. */
export const bars = ({ figures, row }: Result): string => {
  const height = TOP + figures.length * BAR_HEIGHT + 30
  const axis = axisOf(
    figures.map(({ value }) => value),
    LEFT,
    WIDTH - RIGHT
  )
  const ticks = axis.ticks.flatMap((tick) => [
    rule(axis.at(tick), TOP, axis.at(tick), height - 25),
    text(axis.at(tick), height - 8, shown(tick), "middle")
  ])
  const all = figures.flatMap(({ contestant, value }, i) => {
    const y = TOP + i * BAR_HEIGHT
    const end = axis.at(value)
    const fill = contestant === "ours" ? OURS : OTHER
    return [
      `<rect x="${LEFT}" y="${y + 4}" width="${Math.max(1, end - LEFT).toFixed(1)}" height="${BAR_HEIGHT - 8}" fill="${fill}"/>`,
      text(LEFT - 8, y + 18, contestant, "end"),
      text(end + 6, y + 18, shown(value))
    ]
  })
  const unit = row.unit === "ratio" ? `time, as a ratio to ${row.base}` : row.unit
  return picture(height, `${row.title}: ${unit}`, [...ticks, ...all])
}

/** What a commit, an opening and a get take, against the size. */
export const lines = ({ points, sizeUnit, title }: Curve): string => {
  const height = TOP + LINES_HEIGHT + 40
  const bottom = TOP + LINES_HEIGHT
  const across = axisOf(
    points.map(({ size }) => size),
    LEFT,
    WIDTH - RIGHT
  )
  const up = axisOf(
    points.flatMap(({ commit, get, open }) => [commit, get, open]),
    bottom,
    TOP
  )
  const grid = [
    ...across.ticks.flatMap((tick) => [
      rule(across.at(tick), TOP, across.at(tick), bottom),
      text(across.at(tick), bottom + 18, tick.toLocaleString("en-US"), "middle")
    ]),
    ...up.ticks.flatMap((tick) => [
      rule(LEFT, up.at(tick), WIDTH - RIGHT, up.at(tick)),
      text(LEFT - 8, up.at(tick) + 4, `${shown(tick)} ms`, "end")
    ])
  ]
  const curves = SERIES.flatMap(([name, colour]) => {
    const path = points.map((point) => `${across.at(point.size).toFixed(1)} ${up.at(point[name]).toFixed(1)}`).join("L")
    const last = points.at(-1)
    return [
      `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      last === undefined ? "" : text(across.at(last.size) + 8, up.at(last[name]) + 4, name)
    ]
  })
  return picture(height, `${title} (${sizeUnit})`, [...grid, ...curves])
}
