/**
 * An open file of the shape of Node's `FileHandle`.
 *
 * - Calls without a position begin where the one before has ended, in the order in which they were called.
 * - A handle for appending writes at the end, whatever position is given; it is at the end then, if none was.
 */
import { EventEmitter } from "node:events"
import type { BigIntStats, ReadStream, Stats as NodeStats, WriteStream } from "node:fs"
import * as readline from "node:readline"
import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Operation } from "../shell/FileOperation.ts"
import * as Files from "../shell/Files.ts"
import * as Arguments from "./Arguments.ts"
import type { Caller } from "./Caller.ts"
import * as Stats from "./Stats.ts"
import * as Streams from "./Streams.ts"
import * as SystemError from "./SystemError.ts"

const READ_BYTES = 16 * 1024
const CHUNK_BYTES = 1024 * 1024

/** Above all numbers that the system gives, so that none of ours is taken for one of those. */
let nextDescriptor = 2 ** 30

export interface ReadOptions {
  readonly buffer?: NodeJS.ArrayBufferView | undefined
  readonly offset?: number | null | undefined
  readonly length?: number | null | undefined
  readonly position?: number | bigint | null | undefined
}

type Position = number | bigint | null | undefined

const positionOf = (position: Position): number | undefined => {
  if (position === null || position === undefined || Number(position) < 0) return undefined
  return Arguments.integer(Number(position), "position")
}

const viewOf = (buffer: unknown): Uint8Array => {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  throw Arguments.wrongType("buffer", "an instance of Buffer, TypedArray, or DataView", buffer)
}

/** What `open` answers: the `FileHandle` of `node:fs/promises`. */
export class Handle extends EventEmitter {
  readonly fd = nextDescriptor++
  readonly #caller: Caller
  readonly #file: Files.OpenFile
  readonly #scope: Scope.Closeable
  readonly #flags: Arguments.Flags
  #cursor = 0
  #turn: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(caller: Caller, file: Files.OpenFile, scope: Scope.Closeable, flags: Arguments.Flags) {
    super()
    this.#caller = caller
    this.#file = file
    this.#scope = scope
    this.#flags = flags
  }

  static async open(caller: Caller, path: string, flagsGiven: unknown, mode: unknown, syscall = "open") {
    const flags = Arguments.flags(flagsGiven)
    const { needsFolder, noFollow, way } = flags
    const bits = (Arguments.mode(mode) ?? 0o666) & ~caller.umask
    const scope = Scope.makeUnsafe()
    const opened = Files.open(caller.volume, path, { flag: way, mode: bits, noFollow }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    const handle = new Handle(caller, await caller.call({ syscall, path }, opened), scope, flags)
    if (needsFolder && !(await handle.stat()).isDirectory()) {
      await handle.close()
      throw SystemError.make("ENOTDIR", { syscall, path })
    }
    return handle
  }

  /** An operation of this handle, which Node names by its call alone. */
  async #call<A>(syscall: string, operation: Operation<A>): Promise<A> {
    if (this.#closing !== undefined) {
      throw Object.assign(new Error("file closed"), { code: "EBADF", syscall })
    }
    return this.#caller.call({ syscall }, operation)
  }

  /** Runs `use` after all that was called before it: it moves the cursor. */
  async #inTurn<A>(use: () => Promise<A>): Promise<A> {
    const result = this.#turn.then(use)
    this.#turn = result.catch(() => undefined)
    return result
  }

  // ---- reading

  async read<B extends NodeJS.ArrayBufferView = Buffer>(
    bufferOrOptions?: B | ReadOptions | null,
    offsetOrOptions?: number | ReadOptions | null,
    lengthGiven?: number | null,
    positionGiven?: Position
  ): Promise<{ bytesRead: number; buffer: B }> {
    const isBuffer = ArrayBuffer.isView(bufferOrOptions)
    const first: ReadOptions = isBuffer ? { buffer: bufferOrOptions } : (bufferOrOptions ?? {})
    const options: ReadOptions =
      typeof offsetOrOptions === "object" && offsetOrOptions !== null
        ? { ...offsetOrOptions, ...first }
        : { position: positionGiven, length: lengthGiven, offset: offsetOrOptions, ...first }
    const buffer = (options.buffer ?? Buffer.alloc(READ_BYTES)) as B
    const bytes = viewOf(buffer)
    const offset = Arguments.integer(options.offset ?? 0, "offset", 0, bytes.length)
    const room = bytes.length - offset
    const length = Arguments.integer(options.length ?? room, "length", 0, room)
    const target = bytes.subarray(offset, offset + length)
    const bytesRead = await this.#readInto(target, positionOf(options.position))
    return { bytesRead, buffer }
  }

  async #readInto(target: Uint8Array, position: number | undefined): Promise<number> {
    const readAt = async (from: number): Promise<number> =>
      this.#call("read", target.length === 0 ? Effect.succeed(0) : this.#file.read(from, target))
    if (position !== undefined) return readAt(position)
    return this.#inTurn(async () => {
      const count = await readAt(this.#cursor)
      this.#cursor += count
      return count
    })
  }

  async readv<B extends ReadonlyArray<NodeJS.ArrayBufferView>>(
    buffers: B,
    position?: number | null
  ): Promise<{ bytesRead: number; buffers: B }> {
    if (buffers.length === 0) throw SystemError.make("EINVAL", { syscall: "read" })
    let at = positionOf(position)
    let bytesRead = 0
    for (const buffer of buffers) {
      const target = viewOf(buffer)
      const count = await this.#readInto(target, at)
      bytesRead += count
      if (at !== undefined) at += count
      if (count < target.length) break
    }
    return { bytesRead, buffers }
  }

  /** From where the handle stands to the end. */
  async readFile(options?: unknown): Promise<string | Buffer> {
    const wanted = Arguments.encoding(options)
    const signal = (options as { readonly signal?: AbortSignal } | undefined)?.signal
    const parts: Array<Uint8Array> = []
    for (let count = CHUNK_BYTES; count === CHUNK_BYTES;) {
      Arguments.checkSignal(signal)
      const part = new Uint8Array(CHUNK_BYTES)
      count = await this.#readInto(part, undefined)
      parts.push(part.subarray(0, count))
    }
    const content = Buffer.concat(parts)
    return wanted === undefined || wanted === "buffer" ? content : content.toString(wanted)
  }

  // ---- writing

  async write<B extends NodeJS.ArrayBufferView | string>(
    data: B,
    offsetOrPosition?:
      | number
      | null
      | { readonly offset?: number; readonly length?: number; readonly position?: Position },
    lengthOrEncoding?: number | string | null,
    positionGiven?: Position
  ): Promise<{ bytesWritten: number; buffer: B }> {
    if (typeof data === "string") {
      const encoding = typeof lengthOrEncoding === "string" ? (lengthOrEncoding as BufferEncoding) : "utf8"
      const position = positionOf(offsetOrPosition as Position)
      return { bytesWritten: await this.#writeAll(Buffer.from(data, encoding), position), buffer: data }
    }
    const options =
      typeof offsetOrPosition === "object" && offsetOrPosition !== null
        ? offsetOrPosition
        : { offset: offsetOrPosition, length: lengthOrEncoding as number | null | undefined, position: positionGiven }
    const bytes = viewOf(data)
    const offset = Arguments.integer(options.offset ?? 0, "offset", 0, bytes.length)
    const room = bytes.length - offset
    const length = Arguments.integer(options.length ?? room, "length", 0, room)
    const part = bytes.subarray(offset, offset + length)
    // The system is not asked to write nothing.
    const bytesWritten = part.length === 0 ? 0 : await this.#writeAll(part, positionOf(options.position))
    return { bytesWritten, buffer: data }
  }

  async #writeAll(bytes: Uint8Array, position: number | undefined): Promise<number> {
    // To write nothing changes nothing, not even times.
    if (bytes.length === 0 && this.#flags.way.isWriting) return 0
    if (this.#flags.isAppending) {
      return this.#inTurn(async () => {
        const end = await this.#call("write", this.#file.append(bytes))
        if (position === undefined) this.#cursor = end
        return bytes.length
      })
    }
    const writeAt = async (from: number): Promise<unknown> => this.#call("write", this.#file.write(from, bytes))
    if (position !== undefined) {
      await writeAt(position)
      return bytes.length
    }
    return this.#inTurn(async () => {
      await writeAt(this.#cursor)
      this.#cursor += bytes.length
      return bytes.length
    })
  }

  async writev<B extends ReadonlyArray<NodeJS.ArrayBufferView>>(
    buffers: B,
    position?: number | null
  ): Promise<{ bytesWritten: number; buffers: B }> {
    if (buffers.length === 0) return { bytesWritten: 0, buffers }
    const bytesWritten = await this.#writeAll(Buffer.concat(buffers.map(viewOf)), positionOf(position))
    return { bytesWritten, buffers }
  }

  /** At where the handle stands. */
  async writeFile(data: unknown, options?: unknown): Promise<void> {
    const signal = (options as { readonly signal?: AbortSignal } | undefined)?.signal
    Arguments.checkSignal(signal)
    const encoding = Arguments.encoding(options) ?? "utf8"
    const bytes = await Arguments.content(data, encoding === "buffer" ? "utf8" : encoding, signal)
    if (bytes.length > 0) await this.#writeAll(bytes, undefined)
  }

  async appendFile(data: unknown, options?: unknown): Promise<void> {
    return this.writeFile(data, options)
  }

  // ---- the rest

  async stat(options: { readonly bigint: true }): Promise<BigIntStats>
  async stat(options?: { readonly bigint?: false | undefined }): Promise<NodeStats>
  async stat(options?: { readonly bigint?: boolean | undefined }): Promise<NodeStats | BigIntStats> {
    const { volume } = this.#caller
    const found = await this.#call("fstat", this.#file.stat)
    return options?.bigint === true ? Stats.makeBigint(volume, found) : Stats.make(volume, found)
  }

  async truncate(length = 0): Promise<void> {
    await this.#call("ftruncate", this.#file.truncate(Math.max(0, Arguments.integer(length, "len", -Infinity))))
  }

  async sync(): Promise<void> {
    await this.#call("fsync", this.#caller.volume.sync)
  }

  async datasync(): Promise<void> {
    await this.#call("fdatasync", this.#caller.volume.sync)
  }

  async chmod(mode: number | string): Promise<void> {
    await this.#call("fchmod", this.#file.changeAttributes({ mode: Arguments.mode(mode) }))
  }

  async chown(uid: number, gid: number): Promise<void> {
    await this.#call("fchown", this.#file.changeAttributes(Arguments.owner(uid, gid)))
  }

  async utimes(accessed: Arguments.TimeArgument, modified: Arguments.TimeArgument): Promise<void> {
    const times = { accessTime: Arguments.time(accessed, "atime"), modifyTime: Arguments.time(modified, "mtime") }
    await this.#call("futime", this.#file.changeAttributes(times))
  }

  createReadStream(options?: Streams.ReadOptions): ReadStream {
    return Streams.readingFrom(this, options)
  }

  createWriteStream(options?: Streams.WriteOptions): WriteStream {
    return Streams.writingTo(this, options)
  }

  readLines(options?: Streams.ReadOptions): readline.Interface {
    return readline.createInterface({ input: this.createReadStream(options), crlfDelay: Infinity })
  }

  readableWebStream(): ReadableStream {
    return Readable.toWeb(this.createReadStream({ autoClose: false })) as ReadableStream
  }

  async close(): Promise<void> {
    this.#closing ??= this.#turn.then(async () => {
      await this.#caller.call({ syscall: "close" }, Scope.close(this.#scope, Exit.void))
      this.emit("close")
    })
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
