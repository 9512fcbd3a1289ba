/**
 * What callers of `node:fs` hand over, in the forms of this library; what Node refuses is refused with its codes.
 */
import { constants } from "node:fs"
import { fileURLToPath } from "node:url"
import * as util from "node:util"
import type { Way } from "../shell/OpenFile.ts"
import * as SystemError from "./SystemError.ts"

export type PathArgument = string | Uint8Array | URL
export type TimeArgument = string | number | Date

const described = (value: unknown): string => {
  if (value === null || value === undefined) return `Received ${String(value)}`
  if (typeof value === "function") return `Received function ${value.name}`
  if (typeof value === "object") return `Received an instance of ${value.constructor?.name ?? "Object"}`
  const text = typeof value === "string" && value.length > 28 ? `${value.slice(0, 25)}...` : value
  return `Received type ${typeof value} (${util.inspect(text)})`
}

const coded = <E extends Error>(error: E, code: string): E => {
  Object.defineProperty(error, "name", { value: error.name, configurable: true, writable: true })
  return Object.assign(error, { code })
}

export const wrongType = (name: string, expected: string, value: unknown): TypeError =>
  coded(new TypeError(`The "${name}" argument must be ${expected}. ${described(value)}`), "ERR_INVALID_ARG_TYPE")

export const wrongValue = (name: string, reason: string, value: unknown): TypeError =>
  coded(new TypeError(`The argument '${name}' ${reason}. Received ${util.inspect(value)}`), "ERR_INVALID_ARG_VALUE")

export const outOfRange = (name: string, range: string, value: unknown): RangeError =>
  coded(
    new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${String(value)}`),
    "ERR_OUT_OF_RANGE"
  )

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Names that are not UTF-8 are refused and never mangled. */
const decoded = (bytes: Uint8Array, syscall: string): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw SystemError.make("EILSEQ", { syscall, path: Buffer.from(bytes).toString("latin1") })
  }
}

/** A path as a string. */
export const path = (value: unknown, syscall: string, name = "path"): string => {
  const text =
    typeof value === "string"
      ? value
      : value instanceof Uint8Array
        ? decoded(value, syscall)
        : value instanceof URL
          ? fileURLToPath(value)
          : undefined
  if (text === undefined) throw wrongType(name, "of type string or an instance of Buffer or URL", value)
  if (text.includes("\0")) {
    throw wrongValue(name, "must be a string, Uint8Array, or URL without null bytes", value)
  }
  return text
}

const UINT32_MAX = 2 ** 32 - 1

/** Permission bits: a number, or octal digits. */
export const mode = (value: unknown, name = "mode"): number | undefined => {
  if (value === undefined || value === null) return undefined
  if (typeof value === "string") {
    if (!/^[0-7]+$/.test(value)) {
      throw wrongValue(name, "must be a 32-bit unsigned integer or an octal string", value)
    }
    return Number.parseInt(value, 8)
  }
  return integer(value, name, 0, UINT32_MAX)
}

/** A whole number from `min` to `max`. */
export const integer = (value: unknown, name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number => {
  if (typeof value !== "number") throw wrongType(name, "of type number", value)
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
  return value
}

/** Owner and group; -1 leaves one as it is. */
export const owner = (uid: unknown, gid: unknown): { readonly uid?: number; readonly gid?: number } => {
  const [user, group] = [integer(uid, "uid", -1, UINT32_MAX), integer(gid, "gid", -1, UINT32_MAX)]
  return { ...(user < 0 ? {} : { uid: user }), ...(group < 0 ? {} : { gid: group }) }
}

const NANOS_PER_SECOND = 1_000_000_000

/** Nanoseconds since 1970 of a date, of seconds, or of a string of seconds: rounded as the system rounds them. */
export const time = (value: unknown, name: string): bigint => {
  const text = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  const seconds = value instanceof Date ? value.getTime() / 1000 : text
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) {
    throw wrongType(name, "an instance of Date or of type number or string", value)
  }
  const whole = Math.trunc(seconds)
  return BigInt(whole) * BigInt(NANOS_PER_SECOND) + BigInt(Math.trunc((seconds - whole) * NANOS_PER_SECOND))
}

const FLAGS: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  "r+": constants.O_RDWR,
  w: constants.O_TRUNC | constants.O_CREAT | constants.O_WRONLY,
  wx: constants.O_TRUNC | constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL,
  "w+": constants.O_TRUNC | constants.O_CREAT | constants.O_RDWR,
  "wx+": constants.O_TRUNC | constants.O_CREAT | constants.O_RDWR | constants.O_EXCL,
  a: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY,
  ax: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL,
  "a+": constants.O_APPEND | constants.O_CREAT | constants.O_RDWR,
  "ax+": constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_EXCL
}

/** Node's other spellings; synchronous ones too, since every operation here is as durable as the volume. */
const ALIASES: Readonly<Record<string, string>> = {
  rs: "r",
  sr: "r",
  "rs+": "r+",
  "sr+": "r+",
  xw: "wx",
  "xw+": "wx+",
  xa: "ax",
  as: "a",
  sa: "a",
  "xa+": "ax+",
  "as+": "a+",
  "sa+": "a+"
}

/** What a file is opened for. */
export interface Flags {
  readonly way: Way
  readonly isAppending: boolean
  readonly noFollow: boolean
  readonly needsFolder: boolean
}

const ACCESS_MODE = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR

export const flags = (value: unknown): Flags => {
  const bits =
    value === undefined || value === null
      ? constants.O_RDONLY
      : typeof value === "string"
        ? FLAGS[ALIASES[value] ?? value]
        : integer(value, "flags", -(2 ** 31), 2 ** 31 - 1)
  if (bits === undefined) throw wrongValue("flags", "is invalid", value)
  const access = bits & ACCESS_MODE
  const has = (flag: number): boolean => (bits & flag) !== 0
  return {
    way: {
      isReading: access !== constants.O_WRONLY,
      isWriting: access !== constants.O_RDONLY,
      isCreating: has(constants.O_CREAT),
      isExclusive: has(constants.O_CREAT) && has(constants.O_EXCL),
      isEmptying: has(constants.O_TRUNC)
    },
    isAppending: has(constants.O_APPEND),
    noFollow: has(constants.O_NOFOLLOW),
    needsFolder: has(constants.O_DIRECTORY)
  }
}

/** The encoding of options that may be given by their encoding alone. */
export const encoding = (options: unknown): BufferEncoding | "buffer" | undefined => {
  const name: unknown =
    typeof options === "string"
      ? options
      : ((options as { readonly encoding?: unknown } | undefined)?.encoding ?? undefined)
  if (name === undefined || name === null || name === "buffer") return name === null ? undefined : name
  if (typeof name !== "string" || !Buffer.isEncoding(name)) throw wrongValue("encoding", "is invalid encoding", name)
  return name
}

/** A name or a path as the caller wants it. */
export const encoded = (text: string, wanted: BufferEncoding | "buffer" | undefined): string | Buffer => {
  if (wanted === undefined || wanted === "utf8" || wanted === "utf-8") return text
  return wanted === "buffer" ? Buffer.from(text) : Buffer.from(text).toString(wanted)
}

/** The bytes of a string, of a buffer or of a view of one, without a copy. */
export const bytes = (data: unknown, name: string, encodingOfText: BufferEncoding = "utf8"): Uint8Array => {
  if (typeof data === "string") return Buffer.from(data, encodingOfText)
  if (data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  throw wrongType(name, "of type string or an instance of Buffer, TypedArray, or DataView", data)
}

/** All that is to be written, whatever it comes in. */
export const content = async (
  data: unknown,
  encodingOfText: BufferEncoding,
  signal: AbortSignal | undefined
): Promise<Uint8Array> => {
  const isMany = typeof data === "object" && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data)
  if (!isMany || ArrayBuffer.isView(data)) return bytes(data, "data", encodingOfText)
  const parts: Array<Uint8Array> = []
  for await (const part of data as AsyncIterable<unknown>) {
    checkSignal(signal)
    parts.push(Uint8Array.from(bytes(part, "data", encodingOfText)))
  }
  return Buffer.concat(parts)
}

/** Node's error once a signal has come. */
export const aborted = (signal: AbortSignal | undefined): Error => {
  const error = new Error("The operation was aborted", { cause: signal?.reason })
  error.name = "AbortError"
  return Object.assign(error, { code: "ABORT_ERR" })
}

/** Fails with that if it has. */
export const checkSignal = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted === true) throw aborted(signal)
}
