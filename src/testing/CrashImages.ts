/**
 * The disks that a power cut may leave behind, one after another.
 *
 * - A unit is what the choices are made for: by default a sector, or a larger aligned stretch such as a page. A unit is old, or
 *   as it was after any of the writes that touched it since the last sync, or torn, or garbage.
 * - Few units: every combination of all that. More: every combination of old and written, each also with one unit torn and with
 *   one unit garbage. Still more: the plausible ones (each prefix of the writes, each unit alone, each unit missing) and then
 *   combinations drawn by seed.
 * - A choice is a text, which {@link apply} turns into the same disk again.
 */
import { Random } from "./Random.ts"
import { SECTOR_BYTES } from "./SectorArray.ts"
import type { Outcome, PendingSector, SimulatedDisk } from "./SimulatedDisk.ts"

/** Which of the crash images are made. */
export interface Options {
  /** 512 by default; a multiple of it. */
  readonly unitBytes?: number | undefined
  /** Up to so many images, all combinations are tried: 4096 by default. */
  readonly fullMax?: number | undefined
  /** Up to so many images, all combinations of old and written are tried: 4096 by default. */
  readonly subsetsMax?: number | undefined
  /** Beyond that, how many are drawn by seed: 256 by default. */
  readonly sampleCount?: number | undefined
  readonly seed?: number | undefined
  /** Whether no power is cut, but the system has given up writing: reads go on showing what was written. */
  readonly forgets?: boolean | undefined
  /** Fingerprints of images that need not be tried; those that are tried are added. */
  readonly seen?: Set<number> | undefined
}

/** A disk as a crash may have left it. */
export interface CrashImage {
  readonly disk: SimulatedDisk
  /** What became of each unit; says to {@link apply} how to get here again. */
  readonly choice: string
}

/** How thoroughly {@link enumerate} will go about it. */
export type Thoroughness = "full" | "subsets" | "sampled"

interface Unit {
  readonly number: number
  /** The write calls that touched it, in order. */
  readonly writes: ReadonlyArray<number>
}

/** What becomes of a unit: 0 is old, k is as after the k-th write to it. */
const torn = -1
const garbage = -2

/** A crash image as numbers: one for each unit, and what varies the damage. */
interface Choice {
  readonly outcomes: ReadonlyArray<number>
  readonly salt: number
}

/** How thoroughly the disk as it is now would be gone about. */
export const thoroughness = (disk: SimulatedDisk, options: Options = {}): Thoroughness => {
  const units = unitsOf(disk.pending, options.unitBytes ?? SECTOR_BYTES)
  const product = (more: number): number => units.reduce((count, unit) => count * (unit.writes.length + more), 1)
  if (product(3) <= (options.fullMax ?? 4096)) return "full"
  return product(1) * 3 <= (options.subsetsMax ?? 4096) ? "subsets" : "sampled"
}

/** All crash images of the disk as it is now, or a selection of them; the first one is that nothing pending has survived. */
export function* enumerate(disk: SimulatedDisk, options: Options = {}): Generator<CrashImage> {
  const { forgets = false, seen, unitBytes = SECTOR_BYTES } = options
  const units = unitsOf(disk.pending, unitBytes)
  const choices = { full, subsets, sampled }[thoroughness(disk, options)]
  for (const choice of choices(units, options)) {
    const image = build(disk, units, unitBytes, choice, forgets)
    if (seen !== undefined) {
      const fingerprint = image.fingerprint()
      if (seen.has(fingerprint)) continue
      seen.add(fingerprint)
    }
    yield { disk: image, choice: format(units, choice) }
  }
}

/** The image that {@link enumerate} gave with this choice for the same disk and unit. */
export const apply = (disk: SimulatedDisk, choice: string, unitBytes: number = SECTOR_BYTES): SimulatedDisk => {
  const [salt, ...parts] = choice.split(" ")
  const chosen = new Map(parts.map((part) => part.split(":").map(Number) as [number, number]))
  const units = unitsOf(disk.pending, unitBytes)
  return build(disk, units, unitBytes, {
    outcomes: units.map((unit) => chosen.get(unit.number) ?? 0),
    salt: Number(salt)
  })
}

const format = (units: ReadonlyArray<Unit>, choice: Choice): string =>
  [
    choice.salt,
    ...choice.outcomes.flatMap((outcome, i) => (outcome === 0 ? [] : [`${units[i].number}:${outcome}`]))
  ].join(" ")

const unitsOf = (pending: ReadonlyArray<PendingSector>, unitBytes: number): ReadonlyArray<Unit> => {
  const writes = new Map<number, Set<number>>()
  for (const { index, versions } of pending) {
    const number = Math.floor((index * SECTOR_BYTES) / unitBytes)
    const found = writes.get(number) ?? new Set()
    for (const version of versions) found.add(version.write)
    writes.set(number, found)
  }
  return Array.from(writes, ([number, found]) => ({ number, writes: [...found].sort((a, b) => a - b) }))
}

const build = (
  disk: SimulatedDisk,
  units: ReadonlyArray<Unit>,
  unitBytes: number,
  { outcomes, salt }: Choice,
  forgets = false
): SimulatedDisk => {
  const positions = new Map(units.map((unit, i) => [unit.number, i]))
  const choose = ({ index, versions }: PendingSector): Outcome => {
    const number = Math.floor((index * SECTOR_BYTES) / unitBytes)
    const position = positions.get(number) as number
    const outcome = outcomes[position]
    if (outcome === garbage) return "garbage"
    if (outcome === torn) {
      if (unitBytes === SECTOR_BYTES) return "torn"
      // Of two neighbours one survives and one does not; which one differs from unit to unit.
      const phase = Random.at(disk.seed ^ salt, number).below(2)
      return (index + phase) % 2 === 0 ? versions.length : 0
    }
    if (outcome === 0) return 0
    const write = units[position].writes[outcome - 1]
    return versions.filter((version) => version.write <= write).length
  }
  return forgets ? disk.forget(choose, salt) : disk.crash(choose, salt)
}

/** Every combination of every outcome. */
function* full(units: ReadonlyArray<Unit>): Generator<Choice> {
  yield* combinations(units.map((unit) => [0, ...unit.writes.map((_, i) => i + 1), torn, garbage]))
}

/** Every combination of the versions, each also with one damaged unit. */
function* subsets(units: ReadonlyArray<Unit>, options: Options): Generator<Choice> {
  const random = new Random(options.seed ?? 0)
  for (const choice of combinations(units.map((unit) => [0, ...unit.writes.map((_, i) => i + 1)]))) {
    yield choice
    for (const damage of [torn, garbage]) {
      yield { outcomes: choice.outcomes.with(random.below(units.length), damage), salt: random.uint32() }
    }
  }
}

/** Those that real systems are most likely to leave, and then random ones. */
function* sampled(units: ReadonlyArray<Unit>, options: Options): Generator<Choice> {
  const random = new Random(options.seed ?? 0)
  const writes = [...new Set(units.flatMap((unit) => unit.writes))].sort((a, b) => a - b)
  // In order of writing, cut after each write.
  for (const last of [0, ...writes]) {
    yield { outcomes: units.map((unit) => unit.writes.filter((write) => write <= last).length), salt: 0 }
  }
  for (let i = 0; i < units.length; i++) {
    yield { outcomes: units.map((unit, j) => (i === j ? unit.writes.length : 0)), salt: 0 }
    yield { outcomes: units.map((unit, j) => (i === j ? 0 : unit.writes.length)), salt: 0 }
  }
  for (let n = options.sampleCount ?? 256; n > 0; n--) {
    const survival = random.below(101) / 100
    const damage = random.below(3) === 0 ? 0.2 : 0
    const outcomes = units.map((unit) => {
      if (random.chance(damage)) return random.chance(0.5) ? torn : garbage
      return random.chance(survival) ? 1 + random.below(unit.writes.length) : 0
    })
    yield { outcomes, salt: random.uint32() }
  }
}

function* combinations(alternatives: ReadonlyArray<ReadonlyArray<number>>): Generator<Choice> {
  const at = alternatives.map(() => 0)
  for (;;) {
    yield { outcomes: at.map((index, i) => alternatives[i][index]), salt: 0 }
    let i = 0
    while (i < at.length && ++at[i] === alternatives[i].length) at[i++] = 0
    if (i === at.length) return
  }
}
