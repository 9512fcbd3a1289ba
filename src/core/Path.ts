/**
 * A path, taken apart into names.
 *
 * - A name is 1 to 255 bytes of UTF-8 without `/` and NUL, and neither `.` nor `..`. No other name comes into a folder.
 * - All paths begin at the root: a leading slash only tells in a symbolic link, whose target is otherwise relative.
 * - Empty components mean nothing. A trailing slash, `.` or `..` means that the path has to lead to a folder.
 */
import * as Result from "effect/Result"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Inode from "./Inode.ts"
import type { Layout } from "./Layout.ts"

/** The longest path, and the longest target of a symbolic link. */
export const PATH_BYTES_MAX = 4096

/** The components `.` and `..`, known by identity. */
export const HERE: Uint8Array = new Uint8Array([0x2e])
export const UP: Uint8Array = new Uint8Array([0x2e, 0x2e])

export interface Path {
  readonly isAbsolute: boolean
  /** Names, {@link HERE} and {@link UP}. */
  readonly components: ReadonlyArray<Uint8Array>
  /** Whether a slash stands at the end. */
  readonly needsFolder: boolean
}

const SLASH = 0x2f
const DOT = 0x2e

const encoder = new TextEncoder()

/** The bytes of a short text of ASCII characters: by hand that takes a fraction of the time. */
const encodeAscii = (text: string): Uint8Array | undefined => {
  if (text.length > 128) return undefined
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) return undefined
    bytes[i] = code
  }
  return bytes
}

/** The UTF-8 bytes of a text, unless it has a lone surrogate. */
const encode = (text: string): FileResult<Uint8Array> => {
  const ascii = encodeAscii(text)
  if (ascii !== undefined) return Result.succeed(ascii)
  return text.isWellFormed()
    ? Result.succeed(encoder.encode(text))
    : FileError.invalidName(text, "is not well-formed Unicode")
}

/** Takes a path apart. The empty path names nothing, as POSIX has it. */
export const parse = (layout: Layout, text: string): FileResult<Path> => {
  const bytes = encode(text)
  if (Result.isFailure(bytes)) return Result.fail(bytes.failure)
  if (bytes.success.includes(0)) return FileError.invalidName(text, "contains a NUL character")
  return fromBytes(layout, bytes.success)
}

/** Takes a path apart that is bytes already: the target of a symbolic link. */
export const fromBytes = (layout: Layout, bytes: Uint8Array): FileResult<Path> => {
  if (bytes.length === 0) return FileError.notFound(bytes)
  if (bytes.length > PATH_BYTES_MAX) return FileError.pathTooLong(bytes.length, PATH_BYTES_MAX)
  const nameBytesMax = Inode.nameBytesMax(layout)
  const components: Array<Uint8Array> = []
  for (let start = 0; start < bytes.length; start++) {
    let end = start
    while (end < bytes.length && bytes[end] !== SLASH) end++
    const length = end - start
    if (length > nameBytesMax) return FileError.nameTooLong(length, nameBytesMax)
    if (length === 1 && bytes[start] === DOT) components.push(HERE)
    else if (length === 2 && bytes[start] === DOT && bytes[start + 1] === DOT) components.push(UP)
    else if (length > 0) components.push(bytes.slice(start, end))
    start = end
  }
  return Result.succeed({
    isAbsolute: bytes[0] === SLASH,
    components,
    needsFolder: bytes[bytes.length - 1] === SLASH
  })
}

/** The name that a text ends in, from `start` on, if it is one of ASCII characters that stands for itself. */
export const plainName = (layout: Layout, text: string, start: number): Uint8Array | undefined => {
  const length = text.length - start
  if (length < 1 || length > Inode.nameBytesMax(layout)) return undefined
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(start + i)
    if (code >= 0x80 || code === 0 || code === SLASH) return undefined
    bytes[i] = code
  }
  const isDots = bytes[0] === DOT && (length === 1 || (length === 2 && bytes[1] === DOT))
  return isDots ? undefined : bytes
}

/** The last component of a path, for an error to name; no bytes if it has none. */
export const lastName = (layout: Layout, text: string): Uint8Array => {
  const parsed = parse(layout, text)
  return (Result.isSuccess(parsed) ? parsed.success.components.at(-1) : undefined) ?? FileError.NO_NAME
}

/** One name: of an entry that is given without a path. */
export const name = (layout: Layout, text: string): FileResult<Uint8Array> => {
  if (text === "" || text === "." || text === "..") return FileError.invalidName(text, "is no name of an entry")
  if (text.includes("/")) return FileError.invalidName(text, "contains a slash")
  return attributeName(layout, text)
}

/** The name of an extended attribute: it may have slashes. */
export const attributeName = (layout: Layout, text: string): FileResult<Uint8Array> => {
  if (text === "") return FileError.invalidName(text, "is empty")
  if (text.includes("\0")) return FileError.invalidName(text, "contains a NUL character")
  const bytes = encode(text)
  if (Result.isFailure(bytes)) return bytes
  const nameBytesMax = Inode.nameBytesMax(layout)
  return bytes.success.length > nameBytesMax ? FileError.nameTooLong(bytes.success.length, nameBytesMax) : bytes
}

/** The target of a symbolic link as it is stored: anything but nothing and NUL. */
export const linkTarget = (text: string): FileResult<Uint8Array> => {
  if (text === "") return FileError.notFound(FileError.NO_NAME)
  if (text.includes("\0")) return FileError.invalidName(text, "contains a NUL character")
  const bytes = encode(text)
  if (Result.isFailure(bytes)) return bytes
  return bytes.success.length > PATH_BYTES_MAX ? FileError.pathTooLong(bytes.success.length, PATH_BYTES_MAX) : bytes
}
