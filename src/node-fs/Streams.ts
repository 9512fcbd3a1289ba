/**
 * Node's own streams of files over our handles: they take what they call from an object that is handed to them.
 */
import * as fs from "node:fs"
import type { Handle } from "./Handle.ts"

export type ReadOptions = Parameters<typeof fs.createReadStream>[1]
export type WriteOptions = Parameters<typeof fs.createWriteStream>[1]

type Opening = (path: string, flags: unknown, mode: unknown) => Promise<Handle>
type Done = (error: unknown, ...values: ReadonlyArray<unknown>) => void

/** Hands what a promise comes to over to a callback. */
const settle = <A>(promise: Promise<A>, done: Done, values: (value: A) => ReadonlyArray<unknown>): void => {
  promise.then(
    (value) => done(null, ...values(value)),
    (error: unknown) => done(error)
  )
}

/** The functions with callbacks that a stream calls. */
const functions = (open: Opening, opened?: Handle) => {
  let handle = opened
  const opening = async (path: string, flags: unknown, mode: unknown): Promise<number> => {
    handle = await open(path, flags, mode)
    return handle.fd
  }
  const current = async (): Promise<Handle> => {
    if (handle === undefined) throw new Error("a stream has opened its file before it uses it")
    return handle
  }
  return {
    open: (path: string, flags: unknown, mode: unknown, done: Done) =>
      settle(opening(path, flags, mode), done, (fd) => [fd]),
    read: (_fd: number, buffer: Uint8Array, offset: number, length: number, position: number | undefined, done: Done) =>
      settle(
        current().then(async (file) => file.read(buffer, offset, length, position)),
        done,
        ({ bytesRead }) => [bytesRead, buffer]
      ),
    write: (
      _fd: number,
      buffer: Uint8Array,
      offset: number,
      length: number,
      position: number | undefined,
      done: Done
    ) =>
      settle(
        current().then(async (file) => file.write(buffer, offset, length, position)),
        done,
        ({ bytesWritten }) => [bytesWritten, buffer]
      ),
    fsync: (_fd: number, done: Done) =>
      settle(
        current().then(async (file) => file.sync()),
        done,
        () => []
      ),
    close: (_fd: number, done: Done) =>
      settle(
        current().then(async (file) => file.close()),
        done,
        () => []
      )
  }
}

const together = (options: object | string | undefined, more: object): object => ({
  ...(typeof options === "string" ? { encoding: options } : options),
  ...more
})

/** A stream that opens the file at `path`. */
export const reading = (open: Opening, path: string, options: ReadOptions): fs.ReadStream =>
  fs.createReadStream(path, together(options, { fs: functions(open) }))

export const writing = (open: Opening, path: string, options: WriteOptions): fs.WriteStream =>
  fs.createWriteStream(path, together(options, { fs: functions(open) }))

const noOpening: Opening = () => Promise.reject(new Error("the file is open already"))

/** A stream over a file that is open. */
export const readingFrom = (handle: Handle, options: ReadOptions): fs.ReadStream =>
  fs.createReadStream("", together(options, { fd: handle.fd, fs: functions(noOpening, handle) }))

export const writingTo = (handle: Handle, options: WriteOptions): fs.WriteStream =>
  fs.createWriteStream("", together(options, { fd: handle.fd, fs: functions(noOpening, handle) }))
