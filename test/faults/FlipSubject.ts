/**
 * The image that T5 damages, and what may come of it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { pattern, Scribe } from "../format/Scribe.ts"
import { ArrayDisk } from "./ArrayDisk.ts"
import { difference, readTree, runFixed, type Service, show, type Tree, withVolume } from "./FaultVolume.ts"

export const PAGE_BYTES = 512

/** An image and the states that a reader of it may show. */
export interface Subject {
  readonly image: Uint8Array
  readonly isClean: boolean
  readonly generation: number
  readonly newest: Tree
  /** The state of the root before the newest. */
  readonly previous: Tree
}

const fill = Effect.fnUntraced(function* (volume: Service) {
  const scribe = new Scribe(volume)
  yield* scribe.folder("/folder")
  yield* scribe.folder("/folder/inner")
  yield* scribe.file("/empty", new Uint8Array(0))
  yield* scribe.file("/inline", pattern(60, 3))
  yield* scribe.file("/folder/run", pattern(5 * PAGE_BYTES + 77, 5))
  yield* scribe.file("/rope", pattern(6 * PAGE_BYTES, 7))
  for (const page of [1, 3, 5, 9, 12]) yield* scribe.write("/rope", page * PAGE_BYTES + 100, pattern(300, 11 + page))
  yield* scribe.punch("/rope", 4 * PAGE_BYTES, 2 * PAGE_BYTES)
  yield* scribe.symbolicLink("/link", "folder/run")
  yield* scribe.link("/inline", "/folder/inner/again")
  yield* scribe.attribute("/inline", "user.colour", pattern(40, 13))
  for (let number = 0; number < 12; number += 1) {
    yield* scribe.file(`/folder/inner/note ${number}`, pattern(30 + number * 25, 17))
  }
  yield* scribe.remove("/folder/inner/note 3", false)
})

/** A volume of 64 KiB, closed in good order or cut off after its last commit. */
export const makeSubject = (isClean: boolean): Promise<Subject> =>
  runFixed(
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 64 * 1024 })
      const cut = yield* withVolume(device, { pageSize: PAGE_BYTES }, (volume) =>
        Effect.gen(function* () {
          yield* fill(volume)
          const previous = yield* readTree(volume)
          const scribe = new Scribe(volume)
          yield* volume.transaction(
            Effect.andThen(
              scribe.write("/rope", 700, pattern(900, 19)),
              scribe.file("/folder/last", pattern(PAGE_BYTES, 23))
            )
          )
          const newest = yield* readTree(volume)
          const { generation } = yield* volume.statistics
          return { image: yield* device.image, isClean, generation, newest, previous }
        })
      )
      if (!isClean) return cut
      return { ...cut, image: yield* device.image, previous: cut.newest, generation: cut.generation + 1 }
    })
  )

/** What became of a damaged image: something allowed, or a sentence that says which promise was broken. */
export type Verdict =
  | "harmless"
  | "detected"
  | "refused"
  | "fallback, reported"
  | "fallback, silent"
  | "older, reported"
  | "older, silent"
  | { readonly wrong: string }

const CALLS_MAX = 4000

/** The expected failure of an exit, or why it is none. */
export const failureOf = <A>(exit: Exit.Exit<A, VolumeError>): VolumeError | string => {
  if (Exit.isSuccess(exit)) return "success"
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error ?? `defect: ${String(Cause.squash(exit.cause))} ${(Cause.squash(exit.cause) as Error).stack ?? ""}`
}

/** Reads each path by itself: right, or `Corrupt`. */
const readPaths = Effect.fnUntraced(function* (volume: Service, expected: Tree) {
  for (const [path, shown] of expected) {
    const exit = yield* Effect.exit(show(volume, path))
    if (Exit.isSuccess(exit)) {
      if (exit.value !== shown) return { wrong: `${path} reads ${exit.value.slice(0, 80)}` }
      continue
    }
    const failure = failureOf(exit)
    if (typeof failure === "string") return { wrong: `${path}: ${failure}` }
    if (failure.reason._tag !== "Corrupt") return { wrong: `${path}: ${failure.reason._tag}` }
  }
  return "detected" as const
})

/** Opens a damaged image for reading and judges all that it shows. */
export const judge = (disk: ArrayDisk, { generation, isClean, newest, previous }: Subject): Effect.Effect<Verdict> => {
  disk.reset()
  disk.callsMax = CALLS_MAX
  const used = withVolume(disk.device, { readOnly: true, format: "never" }, (volume) =>
    Effect.gen(function* (): Effect.fn.Return<Verdict, VolumeError> {
      const { generation: opened } = yield* volume.statistics
      const isNewest = opened === generation
      if (opened < generation - 1) return volume.facts.rejectedRoots.length > 0 ? "older, reported" : "older, silent"
      const expected = isNewest ? newest : previous
      const read = yield* Effect.exit(readTree(volume))
      if (Exit.isSuccess(read)) {
        const wrong = difference(read.value, expected)
        if (wrong !== undefined) return { wrong }
        if (isNewest || isClean) return "harmless"
        return volume.facts.rejectedRoots.length > 0 ? "fallback, reported" : "fallback, silent"
      }
      const failure = failureOf(read)
      if (typeof failure === "string") return { wrong: failure }
      if (failure.reason._tag !== "Corrupt") return { wrong: `reading: ${failure.reason._tag}` }
      return yield* readPaths(volume, expected)
    })
  )
  return Effect.map(Effect.exit(used), (exit): Verdict => {
    if (disk.outside > 0) return { wrong: "a read reached out of the device" }
    if (Exit.isSuccess(exit)) return exit.value
    const failure = failureOf(exit)
    if (typeof failure === "string") return { wrong: failure }
    const { _tag } = failure.reason
    return _tag === "Corrupt" || _tag === "UnsupportedFormat" ? "refused" : { wrong: `opening: ${_tag}` }
  })
}

/** The sectors that opening and reading an undamaged image read: damage elsewhere cannot matter to them. */
export const sectorsRead = async (subject: Subject): Promise<ReadonlySet<number>> => {
  const disk = new ArrayDisk(subject.image.slice())
  const verdict = await runFixed(judge(disk, subject))
  if (verdict !== "harmless") throw new Error(`the undamaged image: ${JSON.stringify(verdict)}`)
  return new Set(Array.from(disk.visits.keys()).filter((sector) => disk.visits[sector] > 0))
}
