/**
 * A block device in a file or on a raw disk, through `node:fs`.
 *
 * - A file that is absent or empty is created with the size that is given, sparse and durably. A file that holds something is
 *   taken as it is, whatever size is given: what its size should be is the volume's business.
 * - Small calls are synchronous, since the way through Node's thread pool costs more than the call (about 120 against 200
 *   microseconds for writing and syncing 16 KiB). A batch of many small pieces is many such calls, with a turn for others
 *   between them. Two bounds keep the event loop going: the bytes of such a call, and the time that such calls took of late.
 * - A call through the thread pool cannot be interrupted, and the file is closed only when none is under way: the system never
 *   works on a buffer or a descriptor that has gone to somebody else.
 * - An opener that may write holds the lock of the file (see `FileLock`) as long as the scope is open.
 */
import * as fs from "node:fs"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { type Run, runs, type Slice, slices } from "./Batching.ts"
import { BlockDevice, type Range, refusal, refuseRanges, refuseSpans } from "./BlockDevice.ts"
import * as Configuration from "./Configuration.ts"
import * as Descriptor from "./Descriptor.ts"
import { DeviceFailed, fromSystem, type Locked, type Operation } from "./DeviceError.ts"
import * as FileLock from "./FileLock.ts"
import * as ImageFile from "./ImageFile.ts"
import * as PromptCall from "./PromptCall.ts"
import { ZeroAhead } from "./ZeroAhead.ts"

/** The file or raw disk, and how it is used. Sizes are in bytes. */
export interface Options extends ImageFile.Options {
  /** Whether to keep other writers out; `true` by default. Two writers at a time destroy a volume. */
  readonly lock?: boolean | undefined
  /** Calls of at most so many bytes are synchronous: 262144 by default, 0 for none. Twice as many where that is all there is to sync. */
  readonly synchronousBytesMax?: number | undefined
  /** How much of a sparse file is filled with zeros ahead of small writes: 1048576 by default, 0 for nothing. */
  readonly zeroAheadBytes?: number | undefined
}

/** How many times as long a write may be, and be synchronous, that is all there is to sync: who has made it waits for nothing else. */
const loneWriteFactor = 2

/** No call is synchronous while those before took longer than this on average. */
const stallMillisMax = 2

/** Opens the file; the end of the scope closes it. */
export const make: (options: Options) => Effect.Effect<BlockDevice["Service"], DeviceFailed | Locked, Scope.Scope> =
  Effect.fnUntraced(function* (options) {
    const { path } = options
    yield* attempt(path, "open", () => ImageFile.examine(options))
    const scope = yield* Scope.fork(yield* Effect.scope)
    const file = Effect.acquireRelease(
      attempt(path, "open", () => serve(options, ImageFile.open(options))),
      (opened) => opened.close
    )
    const locked = options.readOnly === true || options.lock === false ? Effect.void : FileLock.acquire(path)
    // Where opening fails, the lock is given back at once and not when the caller's scope ends.
    const opened = yield* Effect.andThen(locked, file).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    return opened.device
  })

/** See {@link make}. */
export const layer = (options: Options): Layer.Layer<BlockDevice, DeviceFailed | Locked> =>
  Layer.effect(BlockDevice, make(options))

/** The options as configuration, by their names: `path: "data.notafs"`, `size: "1 GiB"`. */
export const config: Config.Config<Options> = Config.map(
  Config.all({
    path: Config.String("path"),
    others: Configuration.options({
      size: Configuration.bytes("size"),
      sectorBytes: Configuration.bytes("sectorBytes"),
      readOnly: Config.Boolean("readOnly"),
      lock: Config.Boolean("lock"),
      synchronousBytesMax: Configuration.bytes("synchronousBytesMax"),
      zeroAheadBytes: Configuration.bytes("zeroAheadBytes")
    })
  }),
  ({ others, path }) => ({ ...others, path })
)

/** {@link layer} by configuration: by {@link config}, or by one of the caller's. */
export const layerConfig = (
  options: Config.Config<Options> = config
): Layer.Layer<BlockDevice, DeviceFailed | Locked | Config.ConfigError> => Layer.unwrap(Effect.map(options, layer))

/** Runs a few quick system calls; `f` may throw `DeviceFailed` itself. */
const attempt = <A>(path: string, operation: Operation, f: () => A): Effect.Effect<A, DeviceFailed> =>
  Effect.try({
    try: f,
    catch: (error) => (error instanceof DeviceFailed ? error : fromSystem(path, operation, undefined, error))
  })

/** What a descriptor needs to be closed again, and the device on it. */
interface OpenFile {
  readonly device: BlockDevice["Service"]
  readonly close: Effect.Effect<void>
}

/** All runs of a call, as one slice. */
const sliceOf = (found: ReadonlyArray<Run>): Slice => ({
  runs: found,
  byteCount: found.reduce((sum, run) => sum + run.byteCount, 0)
})

const serve = (options: Options, image: ImageFile.ImageFile): OpenFile => {
  const { lock = true, readOnly = false, synchronousBytesMax = 262144, zeroAheadBytes = 1048576 } = options
  const { disk, fd, identity, sectorBytes } = image
  const self = { identity, sectorBytes, readOnly }
  // Without the lock somebody else may write where zeros are about to go.
  const mayFill = image.sparse && lock && !readOnly && zeroAheadBytes > 0
  const zeroAhead = mayFill ? new ZeroAhead(fd, zeroAheadBytes, image.byteCount, image.isNew) : undefined
  let bytesNow = image.byteCount
  let unsyncedBytes = 0
  let millis = 0
  let closed = false
  let callsUnderWay = 0
  let writesUnderWay = 0
  let whenIdle: (() => void) | undefined

  const refuseClosed = (operation: Operation): DeviceFailed | undefined =>
    closed ? refusal(identity, operation, undefined, "EBADF", "it has been closed") : undefined

  /** A reader asks anew, since somebody else may have let the file grow; what was known stands if there is no answer. */
  const size = (): number => {
    if (readOnly && !disk) {
      const found = Result.try(() => fs.fstatSync(fd).size)
      bytesNow = Result.getOrElse(found, () => bytesNow)
    }
    return bytesNow - (bytesNow % sectorBytes)
  }

  const loneBytesMax = loneWriteFactor * synchronousBytesMax

  /** Whether a call over so many bytes is carried out here and now. */
  const isSynchronous = (count: number, bytesMax: number): boolean =>
    count <= bytesMax && synchronousBytesMax > 0 && millis <= stallMillisMax

  /** Takes down what a call cost that is, or could have been, synchronous. */
  const took = (start: number, count: number): void => {
    if (count <= loneBytesMax) millis += (performance.now() - start - millis) / 4
  }

  /** Runs `f` here and now. */
  const timed = <A>(count: number, f: () => A): A => {
    const start = performance.now()
    const result = f()
    took(start, count)
    return result
  }

  /** Runs `begin` through the thread pool; it calls its argument once. */
  const waitFor = (
    operation: Operation,
    count: number,
    begin: (finish: (failure: DeviceFailed | undefined) => void) => void
  ): Effect.Effect<void, DeviceFailed> =>
    Effect.uninterruptible(
      Effect.callback<void, DeviceFailed>((resume) => {
        const refused = refuseClosed(operation)
        if (refused !== undefined) return resume(Effect.fail(refused))
        const start = performance.now()
        callsUnderWay++
        begin((failure) => {
          took(start, count)
          resume(failure === undefined ? Effect.void : Effect.fail(failure))
          if (--callsUnderWay === 0) whenIdle?.()
        })
      })
    )

  const failed = (operation: Operation, error: Error | null): DeviceFailed | undefined =>
    error === null ? undefined : fromSystem(identity, operation, undefined, error)

  const stopped = (direction: Descriptor.Direction, { error, offset }: Descriptor.Stop): DeviceFailed => {
    if (error !== undefined) return fromSystem(identity, direction, offset, error)
    const reason = direction === "read" ? "it has become shorter and ends there" : "it takes no more bytes"
    return refusal(identity, direction, offset, "EINVAL", reason)
  }

  const performNow = (direction: Descriptor.Direction, slice: Slice): Exit.Exit<void, DeviceFailed> => {
    const stop = timed(slice.byteCount, () => Descriptor.transferSync(fd, direction, slice.runs))
    return stop === undefined ? Exit.void : Exit.fail(stopped(direction, stop))
  }

  const perform = (
    direction: Descriptor.Direction,
    slice: Slice,
    bytesMax = synchronousBytesMax
  ): Effect.Effect<void, DeviceFailed> =>
    Effect.suspend(() => {
      if (isSynchronous(slice.byteCount, bytesMax) && !closed) return performNow(direction, slice)
      return waitFor(direction, slice.byteCount, (finish) => {
        const writes = direction === "write" ? 1 : 0
        writesUnderWay += writes
        Descriptor.transfer(fd, direction, slice.runs, (stop) => {
          writesUnderWay -= writes
          finish(stop === undefined ? undefined : stopped(direction, stop))
        })
      })
    })

  const performAll = Effect.fnUntraced(function* (direction: Descriptor.Direction, all: ReadonlyArray<Slice>) {
    for (let i = 0; i < all.length; i++) {
      if (i > 0) yield* Effect.yieldNow
      yield* perform(direction, all[i])
    }
  }, Effect.uninterruptible)

  /** How long a call may be that is synchronous as a whole. */
  const bytesMaxOf = (direction: Descriptor.Direction, byteCount: number): number =>
    direction === "write" && unsyncedBytes === 0 && byteCount <= loneBytesMax ? loneBytesMax : synchronousBytesMax

  /** Takes down what is about to be written, in one call of the device or in several. */
  const note = ({ byteCount, runs: found }: Slice, isOneCall: boolean): void => {
    unsyncedBytes += byteCount
    // A longer one fills most of a stretch by itself.
    if (isOneCall && isSynchronous(byteCount, synchronousBytesMax) && writesUnderWay === 0) {
      unsyncedBytes += zeroAhead?.prepare(found, bytesNow) ?? 0
    }
    zeroAhead?.written(found)
  }

  const prompt = (direction: Descriptor.Direction): PromptCall.Transfer => ({
    accepts: (byteCount) => !closed && isSynchronous(byteCount, bytesMaxOf(direction, byteCount)),
    carryOut: (ranges) => {
      const refused = refuseRanges(self, direction, ranges, size())
      if (refused !== undefined) return Exit.fail(refused)
      const whole = sliceOf(runs(ranges))
      if (direction === "write") note(whole, true)
      return performNow(direction, whole)
    }
  })

  const inSlices = (direction: Descriptor.Direction, ranges: ReadonlyArray<Range>): Effect.Effect<void, DeviceFailed> =>
    Effect.suspend(() => {
      const refused = refuseClosed(direction) ?? refuseRanges(self, direction, ranges, size())
      if (refused !== undefined) return Effect.fail(refused)
      const whole = sliceOf(runs(ranges))
      const bytesMax = bytesMaxOf(direction, whole.byteCount)
      const all = slices(whole.runs, bytesMax)
      if (direction === "write") note(whole, all.length === 1)
      return all.length === 1 ? perform(direction, all[0], bytesMax) : performAll(direction, all)
    })

  const transfer = (direction: Descriptor.Direction) =>
    PromptCall.make((ranges) => inSlices(direction, ranges), prompt(direction))

  const promptSync: PromptCall.Sync = {
    accepts: (byteCount) => !closed && isSynchronous(unsyncedBytes + byteCount, loneBytesMax),
    carryOut: () => {
      const count = unsyncedBytes
      unsyncedBytes = 0
      const synced = Result.try(() => timed(count, () => fs.fdatasyncSync(fd)))
      return Result.isSuccess(synced) ? Exit.void : Exit.fail(fromSystem(identity, "sync", undefined, synced.failure))
    }
  }

  const sync = PromptCall.make(
    Effect.suspend(() => {
      const refused = refuseClosed("sync")
      if (refused !== undefined) return Effect.fail(refused)
      if (promptSync.accepts(0)) return promptSync.carryOut()
      const count = unsyncedBytes
      unsyncedBytes = 0
      return waitFor("sync", count, (finish) => fs.fdatasync(fd, (error) => finish(failed("sync", error))))
    }),
    promptSync
  )

  const grow = (sizeBytes: number): Effect.Effect<void, DeviceFailed> =>
    Effect.suspend(() => {
      const span = { offset: 0, byteCount: sizeBytes }
      const refused = refuseClosed("grow") ?? refuseSpans(self, "grow", [span], Number.MAX_SAFE_INTEGER)
      if (refused !== undefined) return Effect.fail(refused)
      if (sizeBytes <= bytesNow) return Effect.void
      if (disk) return Effect.fail(refusal(identity, "grow", undefined, "ENOTSUP", `it keeps its ${bytesNow} bytes`))
      return attempt(identity, "grow", () => {
        // Here and now, so that no other growth comes between: a later one to less would cut this one off.
        fs.ftruncateSync(fd, sizeBytes)
        bytesNow = sizeBytes
      }).pipe(
        Effect.andThen(waitFor("grow", Infinity, (finish) => fs.fsync(fd, (error) => finish(failed("grow", error)))))
      )
    })

  const close = Effect.callback<void>((resume) => {
    closed = true
    whenIdle = () => {
      // What was synced is safe, and nothing else was promised: an error here tells nobody anything.
      fs.close(fd, () => resume(Effect.void))
    }
    if (callsUnderWay === 0) whenIdle()
  })

  return {
    close,
    device: {
      ...self,
      size: Effect.suspend(() => {
        const refused = refuseClosed("size")
        return refused === undefined ? Effect.succeed(size()) : Effect.fail(refused)
      }),
      read: transfer("read"),
      write: transfer("write"),
      sync,
      // Node cannot punch holes.
      discard: (spans) =>
        Effect.suspend(() => {
          const refused = refuseClosed("discard") ?? refuseSpans(self, "discard", spans, size())
          return refused === undefined ? Effect.void : Effect.fail(refused)
        }),
      grow
    }
  }
}
