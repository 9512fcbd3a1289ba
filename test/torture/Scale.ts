/**
 * How much a harness tries: what `npm test` tries, unless the environment says otherwise. test/torture/main.ts lists the names.
 *
 * Every harness asks here, so that a round of the torture is the same code as the test, with other figures.
 */
import { writeFileSync } from "node:fs"

/** Seeds one after another. */
export interface Seeds {
  readonly first: number
  readonly count: number
}

const get = (name: string): string | undefined => process.env[`NOTAFS_${name}`]

const numberOf = (name: string, text: string): number => {
  const number = Number(text)
  if (text === "" || !Number.isSafeInteger(number) || number < 0) throw new Error(`NOTAFS_${name} is ${text}`)
  return number
}

/** A whole number, or `usual`. */
export const number = (name: string, usual: number): number => {
  const text = get(name)
  return text === undefined ? usual : numberOf(name, text)
}

/** `2000` are the first so many seeds, `=17` is one, `400+200` are 200 of them. */
export const parseSeeds = (text: string, first = 0): Seeds => {
  const of = (part: string) => numberOf("SEEDS", part)
  if (text.startsWith("=")) return { first: of(text.slice(1)), count: 1 }
  const plus = text.indexOf("+")
  if (plus < 0) return { first, count: of(text) }
  return { first: of(text.slice(0, plus)), count: of(text.slice(plus + 1)) }
}

/** The seeds that are asked for; nothing if none are. */
export const seeds = (first = 0): Seeds | undefined => {
  const text = get("SEEDS")
  return text === undefined ? undefined : parseSeeds(text, first)
}

/** For what is drawn by one seed for the whole file. */
export const seed = (usual: number): number => number("SEED", usual)

const DEPTH_FULL = 4

/** 0 is what `npm test` does, 4 ("full") everything that there is, for hours. */
export const depth: number = get("DEPTH") === "full" ? DEPTH_FULL : Math.min(DEPTH_FULL, number("DEPTH", 0))

/** The depth as the environment has it, to be said in a command. */
export const depthText: string = depth === 0 ? "" : `NOTAFS_DEPTH=${depth} `

/** What to do of all that is tried, in `2/8`: the third of eight pieces. */
const [pieceIndex, pieceCount] = (get("PIECE") ?? "0/1").split("/").map((part) => numberOf("PIECE", part))

/** Whether the index-th thing to try is in this piece. */
export const isInPiece = (index: number): boolean => index % pieceCount === pieceIndex

/** The one case that is tried, by its name. */
export const only: string | undefined = get("ONLY")

/** Parts of a case that are left out. */
export const without: ReadonlySet<number> = new Set(
  (get("WITHOUT") ?? "").split(",").flatMap((text) => (text === "" ? [] : [numberOf("WITHOUT", text)]))
)

/** Where to add the fingerprints of all different crash images, so that they can be counted over many rounds. */
export const imagesFile: string | undefined = get("IMAGES")

const traceFile = get("TRACE")

/** Says which case is tried, so that one that does not end can be found. */
export const trace = (replay: string): void => {
  if (traceFile !== undefined) writeFileSync(traceFile, replay)
}
