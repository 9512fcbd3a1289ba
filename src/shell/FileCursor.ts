/**
 * effect's `File`: an open file with a cursor of its own.
 *
 * - A handle for appending writes at the end and leaves the cursor where it is.
 * - A read or write at the cursor begins where the cursor is when it begins; what is given a position leaves the cursor.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type * as BTree from "../core/BTree.ts"
import * as Content from "../core/Content.ts"
import * as Inode from "../core/Inode.ts"
import type { Layout } from "../core/Layout.ts"
import type { Operation, Service } from "./FileOperation.ts"
import type { Stat, Type } from "./FileStat.ts"
import * as FileStat from "./FileStat.ts"
import type { OpenFile } from "./OpenFile.ts"
import * as PlatformFailure from "./PlatformFailure.ts"

// ---- what is known of a file

const TYPES: Readonly<Record<Type, { readonly type: FileSystem.File.Type; readonly bits: number }>> = {
  File: { type: "File", bits: 0o100000 },
  Folder: { type: "Directory", bits: 0o040000 },
  SymbolicLink: { type: "SymbolicLink", bits: 0o120000 }
}

export const typeOf = (type: Type): FileSystem.File.Type => TYPES[type].type

const NANOS_PER_MILLI = BigInt(1_000_000)

const ZERO = BigInt(0)
const NO_DEVICE = Option.some(ZERO)

const millisOf = (nanos: bigint): number => Number(nanos / NANOS_PER_MILLI)

/** A number that tells volumes apart, from the volume's id. */
const deviceOf = (volume: Service): bigint =>
  BigInt(volume.facts.volumeId.subarray(0, 4).reduce((number, byte) => number * 256 + byte, 0))

type Info = FileSystem.File.Info

/** How what is known of a file of a volume is told: by what the operations say, or by the item of its inode. */
export interface Infos {
  readonly ofStat: (stat: Stat) => Info
  readonly ofItem: (layout: Layout, number: number, item: BTree.Item) => Info
}

export const infosOf = (volume: Service): Infos => {
  const dev = deviceOf(volume)
  const blksize = Option.some(ByteSize.bytes(BigInt(volume.facts.layout.pageBytes)))
  const make = (number: number, known: Type, looks: Omit<Inode.Looks, "type">): Info => {
    const { bits, type } = TYPES[known]
    return {
      type,
      mtime: Option.some(new Date(looks.modifyMillis)),
      atime: Option.some(new Date(looks.accessMillis)),
      birthtime: Option.some(new Date(looks.birthMillis)),
      dev,
      rdev: NO_DEVICE,
      ino: Option.some(BigInt(number)),
      mode: bits | looks.mode,
      nlink: Option.some(BigInt(looks.links)),
      uid: Option.some(looks.uid),
      gid: Option.some(looks.gid),
      size: ByteSize.bytes(BigInt(looks.size)),
      blksize,
      blocks: Option.none()
    }
  }
  return {
    ofStat: (stat) =>
      make(stat.number, stat.type, {
        ...stat,
        accessMillis: millisOf(stat.accessTime),
        modifyMillis: millisOf(stat.modifyTime),
        birthMillis: millisOf(stat.birthTime)
      }),
    ofItem: (layout, number, { keyEnd, node, valueEnd }) => {
      const looks = Inode.look(layout, node, keyEnd, valueEnd)
      return make(number, FileStat.typeOf(looks.type), looks)
    }
  }
}

// ---- the handle

const FILE_BYTES_MAX = BigInt(Content.FILE_BYTES_MAX)

type Outcome<A> = Effect.Effect<A, PlatformError>

export const make = (
  volume: Service,
  infos: Infos,
  path: string,
  handle: OpenFile,
  isAppending: boolean
): FileSystem.File => {
  let cursor = ZERO
  const tried = <A>(method: string, operation: Operation<A>): Outcome<A> =>
    Effect.mapError(operation, PlatformFailure.make(method, path))

  const moveTo = (position: bigint): void => {
    cursor = position
  }

  /** Reads at a position, or at the cursor, which moves on. */
  const readInto = (
    fiber: Fiber.Fiber<unknown, unknown>,
    method: string,
    target: Uint8Array,
    position: bigint | undefined
  ): Outcome<number> => {
    if (position !== undefined && position < ZERO) {
      return Effect.fail(PlatformFailure.badArgument(method, "Cannot read before the start of the file"))
    }
    const from = position ?? cursor
    // After the end of the largest file there is nothing.
    const offset = from > FILE_BYTES_MAX ? FILE_BYTES_MAX : from
    const begun = target.length === 0 ? Effect.succeed(0) : handle.beginRead(Number(offset), target)(fiber)
    const read = Effect.mapErrorEager(begun, PlatformFailure.make(method, path))
    if (position !== undefined) return read
    return Effect.mapEager(read, (count) => {
      moveTo(from + BigInt(count))
      return count
    })
  }

  /** Writes at the cursor, which moves on, or at the end. Answers what it is given. */
  const writeAll = <A>(
    fiber: Fiber.Fiber<unknown, unknown>,
    method: string,
    bytes: Uint8Array,
    answer: A
  ): Outcome<A> => {
    const from = cursor
    if (!isAppending && from > BigInt(Number.MAX_SAFE_INTEGER)) {
      return Effect.fail(PlatformFailure.badArgument(method, `the position ${from} is too large`))
    }
    const begun = handle.beginWrite(isAppending ? undefined : Number(from), bytes)(fiber)
    return Effect.mapEager(Effect.mapErrorEager(begun, PlatformFailure.make(method, path)), () => {
      if (!isAppending) moveTo(from + BigInt(bytes.length))
      return answer
    })
  }

  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: tried("stat", Effect.map(handle.stat, infos.ofStat)),
    sync: tried("sync", volume.sync),
    seek: (offset, from) =>
      Effect.suspend(() => {
        const position = from === "start" ? offset : cursor + offset
        if (position < ZERO) {
          return Effect.fail(PlatformFailure.badArgument("seek", "Cannot seek before the start of the file"))
        }
        moveTo(position)
        return Effect.succeed(position)
      }),
    read: (buffer, options) => Effect.withFiber((fiber) => readInto(fiber, "read", buffer, options?.position)),
    readAlloc: (size, options) =>
      Effect.withFiber((fiber) => {
        if (!Number.isInteger(size) || size < 0) {
          return Effect.fail(PlatformFailure.badArgument("readAlloc", "size must be a non-negative integer"))
        }
        const buffer = new Uint8Array(size)
        return Effect.map(readInto(fiber, "readAlloc", buffer, options?.position), (count) =>
          count === 0 ? Option.none() : Option.some(count === size ? buffer : buffer.slice(0, count))
        )
      }),
    truncate: (length = 0) =>
      Effect.suspend(() => {
        if (!Number.isInteger(length)) {
          return Effect.fail(PlatformFailure.badArgument("truncate", "length must be an integer"))
        }
        const size = Math.max(0, length)
        return Effect.map(tried("truncate", handle.truncate(size)), () => {
          if (!isAppending && cursor > BigInt(size)) moveTo(BigInt(size))
        })
      }),
    write: (buffer) => Effect.withFiber((fiber) => writeAll(fiber, "write", buffer, buffer.length)),
    writeAll: (buffer) =>
      Effect.withFiber((fiber) =>
        buffer.length === 0 ? Effect.void : writeAll<void>(fiber, "writeAll", buffer, undefined)
      )
  }
}
