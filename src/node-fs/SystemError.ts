/**
 * From a `VolumeError` to the errors of `node:fs`: code, number, call, paths and message are Node's; the cause is ours.
 */
import * as util from "node:util"
import { VolumeError, type Reason } from "../shell/VolumeError.ts"

/** What was called, and on what. */
export interface Call {
  readonly syscall: string
  readonly path?: string | undefined
  readonly dest?: string | undefined
}

/** Node's name of what went wrong; nothing where the system knows no such failure. */
const codeOf = (reason: Reason): string | undefined => {
  switch (reason._tag) {
    case "NotFound":
      return "ENOENT"
    case "AlreadyExists":
      return "EEXIST"
    case "NotAFolder":
      return "ENOTDIR"
    case "IsAFolder":
      return "EISDIR"
    case "NotEmpty":
      return "ENOTEMPTY"
    case "NotAnEntry":
    case "Locked":
      return "EBUSY"
    case "NotAFile":
    case "TooManySymbolicLinks":
      return "ELOOP"
    case "TooManyLinks":
      return "EMLINK"
    case "NotASymbolicLink":
    case "IntoItself":
    case "InvalidOptions":
    case "CopyRefused":
      return "EINVAL"
    case "InvalidName":
      return "EILSEQ"
    case "NameTooLong":
    case "PathTooLong":
      return "ENAMETOOLONG"
    case "FileTooLarge":
      return "EFBIG"
    case "NoAttribute":
      return "ENODATA"
    case "AttributeTooLarge":
      return "E2BIG"
    case "DiskFull":
      return "ENOSPC"
    case "ReadOnly":
      return "EROFS"
    case "Closed":
    case "NotOpenFor":
      return "EBADF"
    case "Unsupported":
      return "ENOTSUP"
    case "DeviceFailed":
      return reason.code ?? "EIO"
    case "Corrupt":
    case "Poisoned":
    case "Fenced":
    case "ViewExpired":
      return "EIO"
    default:
      return undefined
  }
}

const numbers: ReadonlyMap<string, { readonly errno: number; readonly text: string }> = new Map(
  [...util.getSystemErrorMap()].map(([errno, [code, text]]) => [code, { errno, text }])
)

const described = (code: string, syscall: string): { errno?: number; code: string; syscall: string; text: string } => {
  const known = numbers.get(code)
  return known === undefined ? { code, syscall, text: "unknown error" } : { ...known, code, syscall }
}

/** An error of the system, as Node words it. */
export const make = (code: string, call: Call, cause?: unknown): NodeJS.ErrnoException => {
  const { path, dest, syscall } = call
  const { errno, text } = described(code, syscall)
  const from = path === undefined ? "" : ` '${path}'`
  const to = dest === undefined ? "" : ` -> '${dest}'`
  const error = new Error(`${code}: ${text}, ${syscall}${from}${to}`, cause === undefined ? {} : { cause })
  return Object.assign(error, {
    ...(errno === undefined ? {} : { errno }),
    code,
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest })
  })
}

/** The failure of a call on files. What is not a `VolumeError` stays what it is: our own bug. */
export const ofCall = (error: unknown, call: Call): unknown => {
  if (!(error instanceof VolumeError)) return error
  const { reason } = error
  if (reason._tag === "NotOpenFor") {
    // The file was found and opened: what failed is the call on it.
    return call.syscall === "ftruncate"
      ? make("EINVAL", call, error)
      : make("EBADF", { syscall: reason.what === "writing" ? "write" : "read" }, error)
  }
  const code = codeOf(reason)
  return code === undefined ? ofVolume(error) : make(code, call, error)
}

/** The failure of what Node has no call for (opening a volume, committing): our own message, with a code. */
export const ofVolume = (error: unknown): unknown => {
  if (!(error instanceof Error) || !("_tag" in error)) return error
  const reason = (error instanceof VolumeError ? error.reason : error) as Reason
  const words = reason._tag.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
  const code = codeOf(reason) ?? `ERR_${words}`
  return Object.assign(new Error(error.message, { cause: error }), { code })
}
