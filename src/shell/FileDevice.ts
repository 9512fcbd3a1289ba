/**
 * A block device in a file or on a raw disk, through `node:fs`.
 *
 * - A file that is absent or empty is created with the size that is given, sparse and durably. A file that holds something is
 *   taken as it is, whatever size is given: what its size should be is the volume's business.
 * - Small calls are synchronous, since the way through Node's thread pool costs more than the call (131 against 244
 *   microseconds for writing and syncing 16 KiB). Two bounds keep the event loop going: the bytes of such a call, and the time
 *   that such calls took of late.
 * - A call through the thread pool cannot be interrupted, and the file is closed only when none is under way: the system never
 *   works on a buffer or a descriptor that has gone to somebody else.
 * - An opener that may write holds the lock of the file (see `FileLock`) as long as the scope is open.
 */
import * as fs from "node:fs"
import * as nodePath from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { type Run, runs } from "./Batching.ts"
import {
  BlockDevice,
  type Range,
  refusal,
  refuseGeometry,
  refuseRanges,
  refuseSpans,
  SECTOR_BYTES_MIN
} from "./BlockDevice.ts"
import * as Descriptor from "./Descriptor.ts"
import { DeviceFailed, fromSystem, type Locked, type Operation } from "./DeviceError.ts"
import * as FileLock from "./FileLock.ts"
import * as RawDisk from "./RawDisk.ts"
import { ZeroAhead } from "./ZeroAhead.ts"

export interface Options {
  readonly path: string
  /** The bytes of a file that is created; without it the file must be there. */
  readonly size?: number | undefined
  /** The unit of reading and writing: by default 512 for a file, and what a raw disk says of itself. */
  readonly sectorBytes?: number | undefined
  /** Neither writes, nor locks, nor creates. */
  readonly readOnly?: boolean | undefined
  /** Whether to keep other writers out; `true` by default. Two writers at a time destroy a volume. */
  readonly lock?: boolean | undefined
  /** Calls of at most so many bytes are synchronous: 65536 by default, 0 for none. */
  readonly synchronousBytesMax?: number | undefined
  /** How much of a sparse file is filled with zeros ahead of small writes: 262144 by default, 0 for nothing. */
  readonly zeroAheadBytes?: number | undefined
}

/** No call is synchronous while those before took longer than this on average. */
const stallMillisMax = 2

/** Opens the file; the end of the scope closes it. */
export const make: (options: Options) => Effect.Effect<BlockDevice["Service"], DeviceFailed | Locked, Scope.Scope> =
  Effect.fnUntraced(function* (options) {
    const { path } = options
    yield* attempt(path, "open", () => examine(options))
    if (options.readOnly !== true && options.lock !== false) yield* FileLock.acquire(path)
    const file = yield* Effect.acquireRelease(
      attempt(path, "open", () => open(options)),
      (opened) => opened.close
    )
    return file.device
  })

/** See {@link make}. */
export const layer = (options: Options): Layer.Layer<BlockDevice, DeviceFailed | Locked> =>
  Layer.effect(BlockDevice, make(options))

/** Runs a few quick system calls; `f` may throw `DeviceFailed` itself. */
const attempt = <A>(path: string, operation: Operation, f: () => A): Effect.Effect<A, DeviceFailed> =>
  Effect.try({
    try: f,
    catch: (error) => (error instanceof DeviceFailed ? error : fromSystem(path, operation, undefined, error))
  })

/** Whether there is something to open: "absent" and "empty" are for a file that is to be created. */
const examine = (options: Options): "absent" | "empty" | "file" | "disk" => {
  const { path, readOnly = false, size } = options
  const mayCreate = size !== undefined && !readOnly
  if (size !== undefined) {
    const fault = refuseGeometry(path, size, options.sectorBytes ?? SECTOR_BYTES_MIN)
    if (fault !== undefined) throw fault
  }
  const stat = fs.statSync(path, { throwIfNoEntry: !mayCreate })
  if (stat === undefined) return "absent"
  if (stat.isFile()) return stat.size === 0 && mayCreate ? "empty" : "file"
  // Raw disks are character devices on macOS.
  if (stat.isBlockDevice() || (stat.isCharacterDevice() && process.platform === "darwin")) return "disk"
  const reason = stat.isDirectory() ? "it is a folder" : "it is neither a file nor a disk"
  throw refusal(path, "open", undefined, "EINVAL", reason)
}

/** What a descriptor needs to be closed again, and the device on it. */
interface OpenFile {
  readonly device: BlockDevice["Service"]
  readonly close: Effect.Effect<void>
}

const open = (options: Options): OpenFile => {
  const { path, readOnly = false, size = 0 } = options
  const found = examine(options)
  const { constants } = fs
  const flags = readOnly ? constants.O_RDONLY : constants.O_RDWR
  const fd = fs.openSync(path, found === "absent" ? flags | constants.O_CREAT | constants.O_EXCL : flags)
  try {
    if (found === "absent" || found === "empty") {
      fs.ftruncateSync(fd, size)
      fs.fsyncSync(fd)
    }
    if (found === "absent") syncFolder(nodePath.dirname(path))
    const stat = fs.fstatSync(fd)
    const disk = found === "disk"
    const sectorBytes = options.sectorBytes ?? (disk ? RawDisk.sectorBytes(stat.rdev) : SECTOR_BYTES_MIN)
    const bytes = disk ? RawDisk.sizeBytes(fd, stat.rdev) : stat.size
    const fault = refuseGeometry(path, bytes - (bytes % sectorBytes), sectorBytes)
    if (fault !== undefined) throw fault
    // Where the file has all its blocks already there is nothing to fill.
    const sparse = !disk && !readOnly && options.lock !== false && stat.blocks * 512 < stat.size
    return serve(options, fd, bytes, sectorBytes, disk, sparse)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** Makes a new name in a folder durable. Windows cannot, and need not. */
const syncFolder = (folder: string): void => {
  if (process.platform === "win32") return
  const fd = fs.openSync(folder, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

const serve = (
  options: Options,
  fd: number,
  bytesAtOpen: number,
  sectorBytes: number,
  disk: boolean,
  sparse: boolean
): OpenFile => {
  const { path, readOnly = false, synchronousBytesMax = 65536, zeroAheadBytes = 262144 } = options
  const identity = fs.realpathSync(path)
  const self = { identity, sectorBytes, readOnly }
  const zeroAhead = sparse && zeroAheadBytes > 0 ? new ZeroAhead(fd, zeroAheadBytes, bytesAtOpen) : undefined
  let bytesNow = bytesAtOpen
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
    if (readOnly && !disk)
      bytesNow = Result.getOrElse(
        Result.try(() => fs.fstatSync(fd).size),
        () => bytesNow
      )
    return bytesNow - (bytesNow % sectorBytes)
  }

  /** Runs `f` here and now, and takes down how long that took. */
  const timed = <A>(f: () => A): A => {
    const start = performance.now()
    const result = f()
    millis += (performance.now() - start - millis) / 4
    return result
  }

  /** Runs `start` through the thread pool; it calls its argument once. */
  const waitFor = (
    start: (finish: (failure: DeviceFailed | undefined) => void) => void
  ): Effect.Effect<void, DeviceFailed> =>
    Effect.uninterruptible(
      Effect.callback<void, DeviceFailed>((resume) => {
        const begin = performance.now()
        callsUnderWay++
        start((failure) => {
          millis += (performance.now() - begin - millis) / 4
          resume(failure === undefined ? Effect.void : Effect.fail(failure))
          if (--callsUnderWay === 0) whenIdle?.()
        })
      })
    )

  const stopped = (direction: Descriptor.Direction, stop: Descriptor.Stop | undefined): DeviceFailed | undefined => {
    if (stop === undefined) return undefined
    if (stop.error !== undefined) return fromSystem(identity, direction, stop.offset, stop.error)
    const reason = direction === "read" ? "it has become shorter and ends there" : "it takes no more bytes"
    return refusal(identity, direction, stop.offset, "EINVAL", reason)
  }

  const transfer = (direction: Descriptor.Direction, ranges: ReadonlyArray<Range>): Effect.Effect<void, DeviceFailed> =>
    Effect.suspend(() => {
      const refused = refuseClosed(direction) ?? refuseRanges(self, direction, ranges, size())
      if (refused !== undefined) return Effect.fail(refused)
      const found = runs(ranges)
      const bytes = byteCount(found)
      const synchronous = bytes <= synchronousBytesMax && millis <= stallMillisMax
      if (direction === "write") {
        if (synchronous && writesUnderWay === 0) unsyncedBytes += zeroAhead?.prepare(found, bytesNow) ?? 0
        unsyncedBytes += bytes
      }
      if (synchronous) {
        const failure = stopped(
          direction,
          timed(() => Descriptor.transferSync(fd, direction, found))
        )
        return failure === undefined ? Effect.void : Effect.fail(failure)
      }
      return waitFor((finish) => {
        const writes = direction === "write" ? 1 : 0
        writesUnderWay += writes
        Descriptor.transfer(fd, direction, found, (stop) => {
          writesUnderWay -= writes
          finish(stopped(direction, stop))
        })
      })
    })

  const sync = Effect.suspend(() => {
    const refused = refuseClosed("sync")
    if (refused !== undefined) return Effect.fail(refused)
    const bytes = unsyncedBytes
    unsyncedBytes = 0
    if (bytes <= synchronousBytesMax && synchronousBytesMax > 0 && millis <= stallMillisMax) {
      return attempt(identity, "sync", () => timed(() => fs.fdatasyncSync(fd)))
    }
    return waitFor((finish) =>
      fs.fdatasync(fd, (error) => finish(error === null ? undefined : fromSystem(identity, "sync", undefined, error)))
    )
  })

  const grow = (sizeBytes: number): Effect.Effect<void, DeviceFailed> =>
    Effect.suspend(() => {
      const span = { offset: 0, byteCount: sizeBytes }
      const refused = refuseClosed("grow") ?? refuseSpans(self, "grow", [span], Number.MAX_SAFE_INTEGER)
      if (refused !== undefined) return Effect.fail(refused)
      if (sizeBytes <= bytesNow) return Effect.void
      if (disk)
        return Effect.fail(refusal(identity, "grow", undefined, "ENOTSUP", `a disk keeps its ${bytesNow} bytes`))
      return attempt(identity, "grow", () => {
        // Here and now, so that no other growth comes between: a later one to less would cut this one off.
        fs.ftruncateSync(fd, sizeBytes)
        bytesNow = sizeBytes
      }).pipe(
        Effect.andThen(
          waitFor((finish) =>
            fs.fsync(fd, (error) => finish(error === null ? undefined : fromSystem(identity, "grow", undefined, error)))
          )
        )
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
      read: (ranges) => transfer("read", ranges),
      write: (ranges) => transfer("write", ranges),
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

const byteCount = (found: ReadonlyArray<Run>): number => {
  let count = 0
  for (const run of found) count += run.byteCount
  return count
}
