/**
 * A workload on a volume that is too small for it, and what must hold whenever the volume is full.
 *
 * - What failed with `DiskFull` has left no trace: the files are those before it, and the check finds nothing.
 * - The figures of the volume are exactly those of a walk.
 * - On the full volume deletions work, and once all is deleted all is free again.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import type { Options } from "../../src/shell/Volume.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { difference, type Histogram, type Service, type Violations, withVolume } from "./FaultVolume.ts"
import { failureOf } from "./FlipSubject.ts"
import { append, type Model, readModel, remove, rename, type Step, together, write } from "./Script.ts"

export interface Small {
  readonly name: string
  readonly pageCount: number
  readonly options: Options & { readonly pageSize: number }
  /** Steps that are begun at the same time. */
  readonly rounds: ReadonlyArray<ReadonlyArray<Step>>
  /** Whether the volume only seems to be full, once, even to a deletion. */
  readonly isPretended?: boolean
}

/** Steps of every kind, each larger than the one before. */
export const mixed = (pageBytes: number): ReadonlyArray<ReadonlyArray<Step>> => {
  const bytes = (pages: number): number => Math.round(pages * pageBytes)
  const rounds: Array<ReadonlyArray<Step>> = []
  for (let number = 0; number < 8; number += 1) {
    rounds.push(
      [write(`/one ${number}`, bytes(0.1 + number * 0.7), 3 + number)],
      [write("/again", bytes(1 + number), 5 + number)],
      [append(`/one ${number}`, bytes(1.5), 7)],
      [
        write(`/left ${number}`, bytes(0.3), 11),
        write(`/middle ${number}`, bytes(1.2 + number), 13),
        write(`/right ${number}`, bytes(2), 17)
      ],
      [
        together(
          write(`/together ${number}`, bytes(2), 19),
          remove("/again"),
          write("/again", bytes(3), 23),
          write(`/together too ${number}`, bytes(2 + number), 29)
        )
      ],
      [rename(`/middle ${number}`, "/renamed")],
      [remove(number % 2 === 0 ? `/left ${number}` : `/right ${number}`)]
    )
  }
  return rounds
}

/** Single pages that come and go, so that the free map is in pieces and has to be folded. */
export const pieces = (count: number): ReadonlyArray<ReadonlyArray<Step>> => [
  ...Array.from({ length: count }, (_, number) => [write(`/${number}`, 400, number)]),
  ...Array.from({ length: count / 2 }, (_, number) => [remove(`/${number * 2}`)]),
  ...Array.from({ length: count }, (_, number) => [write(`/more ${number}`, 400, number)])
]

export interface Found {
  readonly violations: Violations
  readonly outcomes: Histogram
}

/** The figures of the volume against a walk; answers the report's counts. */
const checkFigures = Effect.fnUntraced(function* (volume: Service, where: string, { violations }: Found) {
  const { allocatable, free, pageBytes, reserved, size } = yield* volume.statistics
  const { freePageCount, isComplete, problemCount, problems, reachedPageCount } = yield* volume.check({ deep: true })
  const slots = 2 * (1 + volume.facts.rootSlots / 2)
  const pageCount = size / pageBytes
  if (problemCount > 0 || !isComplete) violations.add(`${where}: ${problems[0]?.code}: ${problems[0]?.message}`)
  if (freePageCount * pageBytes !== free) violations.add(`${where}: ${free} bytes free, but ${freePageCount} pages`)
  if (reachedPageCount + freePageCount + slots !== pageCount) violations.add(`${where}: the pages do not add up`)
  const reserve = reserveOf(pageBytes, volume.facts.layout.pointerBytes, pageCount) * pageBytes
  if (reserved !== Math.min(free, reserve)) violations.add(`${where}: reserved is ${reserved}`)
  if (allocatable > free || allocatable < 0) violations.add(`${where}: allocatable is ${allocatable} of ${free}`)
  return { reachedPageCount }
})

/** As the documents say, and not as the code does: some pages for deletions, and those of a whole free map. */
const reserveOf = (pageBytes: number, pointerBytes: number, pageCount: number): number => {
  let pages = Math.min(256, Math.max(16, Math.floor(pageCount / 64)))
  let nodes = pageCount
  let children = 8 * (pageBytes - 16)
  do {
    nodes = Math.ceil(nodes / children)
    pages += nodes
    children = Math.floor((pageBytes - 16) / pointerBytes)
  } while (nodes > 1)
  return pages
}

const compare = Effect.fnUntraced(function* (volume: Service, model: Model, where: string, { violations }: Found) {
  const wrong = difference(yield* readModel(volume), model)
  if (wrong !== undefined) violations.add(`${where}: ${wrong}`)
})

/** Runs the rounds, and answers the model of what has succeeded. */
const runRounds = Effect.fnUntraced(function* (
  volume: Service,
  rounds: Small["rounds"],
  name: string,
  phase: () => string,
  found: Found,
  isPretended = false
) {
  let model: Model = new Map()
  for (const round of rounds) {
    const results = yield* Effect.forEach(
      round,
      (step) => Effect.map(Effect.exit(step.run(volume)), (exit) => ({ exit, step })),
      { concurrency: "unbounded" }
    )
    let isFull = false
    for (const { exit, step } of results) {
      const where = `${name}: ${step.name}`
      if (Exit.isSuccess(exit)) {
        model = step.apply(model)
        found.outcomes.add("success")
        continue
      }
      const failure = failureOf(exit)
      const tag = typeof failure === "string" ? failure : failure.reason._tag
      const place = tag === "DiskFull" ? phase() : ""
      found.outcomes.add(tag === "DiskFull" ? `full at ${place}${round.length > 1 ? ", in a group" : ""}` : tag)
      if (tag === "DiskFull") isFull = true
      // A step fails for want of what an earlier one would have made.
      else if (tag !== "NotFound") found.violations.add(`${where}: ${tag}`)
      if (tag === "DiskFull" && step.isRemoval && !isPretended)
        found.violations.add(`${where}: cannot be removed or renamed`)
    }
    if (!isFull) continue
    const where = `${name}: after ${round.map((step) => step.name).join(", ")}`
    yield* compare(volume, model, where, found)
    yield* checkFigures(volume, where, found)
  }
  return model
})

/** Removes everything, each file by itself; what only seemed full is tried again. */
const removeAll = Effect.fnUntraced(function* (
  volume: Service,
  model: Model,
  { name }: Small,
  retry: boolean,
  found: Found
) {
  let left = model
  for (const path of model.keys()) {
    const step = remove(path)
    const exit = yield* Effect.exit(step.run(volume))
    if (Exit.isFailure(exit)) {
      const failure = failureOf(exit)
      found.outcomes.add("deletion fails")
      if (!retry) found.violations.add(`${name}: ${step.name} on a full volume: ${String(failure)}`)
      return left
    }
    left = step.apply(left)
  }
  return left
})

/** Fills up what is left with ever smaller files. */
const fillUp = Effect.fnUntraced(function* (volume: Service, model: Model, pageBytes: number, found: Found) {
  let full = model
  for (const pages of [8, 4, 2, 1, 0.1]) {
    for (let number = 0; ; number += 1) {
      const step = write(`/fill ${pages} ${number}`, Math.round(pages * pageBytes), number)
      const exit = yield* Effect.exit(step.run(volume))
      if (Exit.isSuccess(exit)) full = step.apply(full)
      else {
        const failure = failureOf(exit)
        if (typeof failure === "string" || failure.reason._tag !== "DiskFull") {
          found.violations.add(`filling: ${String(failure)}`)
        }
        break
      }
    }
  }
  return full
})

/** Formats a volume, works on it until it is full, fills it up, and deletes everything. */
export const runFull = (small: Small, phase: () => string, found: Found): Effect.Effect<void, VolumeError> => {
  const { isPretended, name, options, pageCount, rounds } = small
  const disk = new SimulatedDisk({ size: pageCount * options.pageSize, seed: pageCount })
  return withVolume(SimulatedDevice.make(disk, { yields: true }), options, (volume) =>
    Effect.gen(function* () {
      const { reachedPageCount: blank } = yield* checkFigures(volume, name, found)
      const done = yield* runRounds(volume, rounds, name, phase, found, isPretended)
      const full = isPretended === true ? done : yield* fillUp(volume, done, options.pageSize, found)
      yield* compare(volume, full, `${name}: when full`, found)
      yield* checkFigures(volume, `${name}: when full`, found)
      let left = yield* removeAll(volume, full, small, isPretended === true, found)
      if (left.size > 0 && isPretended === true) {
        found.outcomes.add(`full at ${phase()}, in a deletion`)
        yield* compare(volume, left, `${name}: after a deletion`, found)
        yield* checkFigures(volume, `${name}: after a deletion`, found)
        left = yield* removeAll(volume, left, small, false, found)
      }
      yield* compare(volume, left, `${name}: emptied`, found)
      const { reachedPageCount } = yield* checkFigures(volume, `${name}: emptied`, found)
      // The bitmaps of the free map stay once they were written: on so small a volume one page.
      if (left.size === 0 && reachedPageCount > blank + 1) {
        found.violations.add(`${name}: ${reachedPageCount} pages are in use when all is deleted, and ${blank} before`)
      }
      if (left.size === 0) found.outcomes.add("emptied")
    })
  )
}

/** Fills and empties one volume again and again: the free pages must always be the same. */
export const runRefills = (rounds: number, found: Found): Effect.Effect<void, VolumeError> => {
  const pageSize = 512
  const disk = new SimulatedDisk({ size: 48 * pageSize, seed: 1 })
  return withVolume(SimulatedDevice.make(disk), { pageSize }, (volume) =>
    Effect.gen(function* () {
      const { free: before } = yield* volume.statistics
      for (let round = 0; round < rounds; round += 1) {
        let count = 0
        for (; ; count += 1) {
          const bytes = pageSize * (1 + ((round + count) % 5))
          const exit = yield* Effect.exit(write(`/${count}`, bytes, 1).run(volume))
          if (Exit.isFailure(exit)) break
        }
        if (count < 2) found.violations.add(`round ${round}: only ${count} files`)
        for (let number = 0; number < count; number += 1) yield* remove(`/${number}`).run(volume)
        const { free } = yield* volume.statistics
        if (before - free > pageSize) found.violations.add(`round ${round}: ${before - free} bytes have leaked`)
        if (round % 50 === 0) yield* checkFigures(volume, `round ${round}`, found)
        found.outcomes.add("round")
      }
    })
  )
}
