/**
 * From a path and a core function to an effect: what all operations on files are made of.
 *
 * - A path is taken apart once; a `FileError` of the core becomes a `VolumeError` that names the path.
 * - A call of the core is bounded: content goes through it in chunks of at most {@link CHUNK_BYTES}, and what may take many
 *   pieces is first tried in one. Only if that does not do, a transaction makes the pieces one.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as FileError from "../core/FileError.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as Orphans from "../core/Orphans.ts"
import type { Pages } from "../core/Pages.ts"
import * as Path from "../core/Path.ts"
import type { Tree } from "../core/Tree.ts"
import type { Begin } from "./Immediate.ts"
import type { Volume } from "./Volume.ts"
import * as VolumeError from "./VolumeError.ts"

export type Service = Volume["Service"]
/** How an operation on files fails; its `reason` says what happened. */
export type Failure = VolumeError.VolumeError
export type Operation<A> = Effect.Effect<A, Failure>

/** The most content that goes through one call of the core. */
export const CHUNK_BYTES = 1024 * 1024

/** Orphans are freed by so many steps at a time. */
const SWEEP_STEPS = 256

/** The value of a core function, or its failure as an error that names `path`. */
export const settle = <A>(path: string | undefined, result: FileError.FileResult<A>): Operation<A> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : Effect.fail(VolumeError.make(result.failure, path))

/** Takes a path apart for an operation. */
export const parsed = <A>(volume: Service, path: string, use: (parsed: Path.Path) => Operation<A>): Operation<A> =>
  Effect.suspend(() => {
    const result = Path.parse(volume.facts.layout, path)
    return Result.isSuccess(result) ? use(result.success) : settle(path, Result.fail(result.failure))
  })

/** Refuses offsets and sizes that are none before the core sees them. */
export const counted = <A>(
  volume: Service,
  path: string,
  counts: ReadonlyArray<number>,
  operation: Operation<A>
): Operation<A> => {
  const wrong = counts.find((count) => !Number.isSafeInteger(count) || count < 0)
  if (wrong === undefined) return operation
  const reason = `${path}: an offset or a size is a safe integer and not below zero, unlike ${wrong}`
  return Effect.suspend(() =>
    Effect.fail(VolumeError.make(new VolumeError.InvalidOptions({ device: volume.facts.device, reason }), path))
  )
}

/** Begins to run a reading function of the core; a failure names `path`. */
export const beginReading =
  <A>(volume: Service, path: string | undefined, f: (pages: Pages, names: Tree) => FileError.FileResult<A>): Begin<A> =>
  (fiber) =>
    Effect.flatMapEager(
      volume.immediate.read(fiber, (pages, { names }) => f(pages, names)),
      (result) => settle(path, result)
    )

/** The same with an editing function. */
export const beginEditing =
  <A>(
    volume: Service,
    path: string | undefined,
    f: (draft: RootsDraft, time: bigint) => FileError.FileResult<A>
  ): Begin<A> =>
  (fiber) => {
    const time = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
    return Effect.flatMapEager(
      volume.immediate.write(fiber, (draft) => f(draft, time)),
      (result) => settle(path, result)
    )
  }

/** Runs a reading function of the core; a failure names `path`. */
export const reading = <A>(
  volume: Service,
  path: string | undefined,
  f: (pages: Pages, names: Tree) => FileError.FileResult<A>
): Operation<A> => Effect.withFiber(beginReading(volume, path, f))

/** The same with the path taken apart. */
export const readingPath = <A>(
  volume: Service,
  path: string,
  f: (pages: Pages, names: Tree, parsed: Path.Path) => FileError.FileResult<A>
): Operation<A> => parsed(volume, path, (taken) => reading(volume, path, (pages, names) => f(pages, names, taken)))

/** Runs an editing function of the core; a failure names `path`. */
export const editing = <A>(
  volume: Service,
  path: string | undefined,
  f: (draft: RootsDraft, time: bigint) => FileError.FileResult<A>
): Operation<A> => Effect.withFiber(beginEditing(volume, path, f))

/** The same with the path taken apart. */
export const editingPath = <A>(
  volume: Service,
  path: string,
  f: (draft: RootsDraft, parsed: Path.Path, time: bigint) => FileError.FileResult<A>
): Operation<A> => parsed(volume, path, (taken) => editing(volume, path, (draft, time) => f(draft, taken, time)))

/** What a call fails with that would take too long: nothing of it is done. */
class TooLong {
  readonly _tag = "TooLong"
}
export const TOO_LONG = new TooLong()

export type Piece<A> = Result.Result<A, FileError.FileError | TooLong>

/** Runs an editing function of the core that may find itself too long; then there is nothing to answer. */
export const attempting = <A>(
  volume: Service,
  path: string | undefined,
  f: (draft: RootsDraft, time: bigint) => Piece<A>
): Operation<A | undefined> => Effect.withFiber(beginAttempting(volume, path, f))

/** The same, begun here and now. */
export const beginAttempting =
  <A>(
    volume: Service,
    path: string | undefined,
    f: (draft: RootsDraft, time: bigint) => Piece<A>
  ): Begin<A | undefined> =>
  (fiber) => {
    const time = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
    return Effect.flatMapEager(
      volume.immediate.write(fiber, (draft) => f(draft, time)),
      (result): Operation<A | undefined> => {
        if (Result.isSuccess(result)) return Effect.succeed(result.success)
        return result.failure instanceof TooLong
          ? Effect.succeed(undefined)
          : Effect.fail(VolumeError.make(result.failure, path))
      }
    )
  }

/**
 * Work that may take many calls, each answering whether it is done: in one call if that does, else in one transaction.
 */
export const pieces = (
  volume: Service,
  path: string | undefined,
  piece: (draft: RootsDraft, time: bigint) => FileError.FileResult<boolean>
): Operation<void> => Effect.withFiber(beginPieces(volume, path, piece))

/** The same, begun here and now. */
export const beginPieces = (
  volume: Service,
  path: string | undefined,
  piece: (draft: RootsDraft, time: bigint) => FileError.FileResult<boolean>
): Begin<void> => {
  const once = beginAttempting(volume, path, (draft, time): Piece<true> => {
    const done = piece(draft, time)
    if (Result.isFailure(done)) return Result.fail(done.failure)
    return done.success ? Result.succeed(true) : Result.fail(TOO_LONG)
  })
  const again = (): Operation<void> => {
    const rest: Operation<void> = Effect.flatMap(editing(volume, path, piece), (done) => (done ? Effect.void : rest))
    return volume.transaction(rest)
  }
  return (fiber) => Effect.flatMapEager(once(fiber), (done) => (done === undefined ? again() : Effect.void))
}

// ---- orphans

/** Frees what has no name any more and is not open, in bounded steps. */
export const sweep = (volume: Service): Operation<void> => {
  const step: Operation<void> = Effect.flatMap(
    Effect.flatMap(Clock.currentTimeNanos, (time) =>
      volume.write((draft) => Orphans.sweep(draft, SWEEP_STEPS, time, volume.openFiles))
    ),
    (none) => (none ? Effect.void : step)
  )
  return step
}

/**
 * Sweeps for those who are done whether it succeeds or not: what is left is swept by the next removal or opening. So where
 * nothing can be written any more, nothing is to be said.
 */
export const sweepAfterwards = (volume: Service): Effect.Effect<void> =>
  Effect.catch(sweep(volume), ({ message, reason }) =>
    reason._tag === "ReadOnly" || reason._tag === "Closed"
      ? Effect.void
      : Effect.logWarning(`${volume.facts.device}: what was removed could not be freed yet: ${message}`)
  )

/** Frees what an earlier session left without a name; reads one page if it left nothing. */
export const sweepLeftovers = (volume: Service): Effect.Effect<void> =>
  Effect.flatMap(Effect.exit(volume.read((pages, { names }) => Orphans.next(pages, names, 0))), (first) =>
    Exit.isSuccess(first) && first.value === undefined ? Effect.void : sweepAfterwards(volume)
  )

/** Frees what a removal has left, unless it is open. */
export const afterRemoval = (volume: Service, removal: Orphans.Removal): Effect.Effect<void> =>
  removal._tag === "Orphaned" && !volume.openFiles.isOpen(removal.number) ? sweepAfterwards(volume) : Effect.void
