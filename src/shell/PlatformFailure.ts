/**
 * From a `VolumeError` to effect's `PlatformError`, with the tags that Node's file system gives; the cause is ours.
 */
import * as PlatformError from "effect/PlatformError"
import type * as VolumeError from "./VolumeError.ts"

const MODULE = "FileSystem"

const tagOf = (reason: VolumeError.Reason): PlatformError.SystemErrorTag => {
  switch (reason._tag) {
    case "NotFound":
      return "NotFound"
    case "AlreadyExists":
      return "AlreadyExists"
    case "NotAFolder":
    case "IsAFolder":
    case "NotAFile":
    case "TooManySymbolicLinks":
      return "BadResource"
    case "NotAnEntry":
    case "Locked":
      return "Busy"
    case "Corrupt":
      return "InvalidData"
    // ENOTEMPTY, EINVAL, EBADF, ENAMETOOLONG, EFBIG, EMLINK, ENODATA, ENOSPC, EROFS, EIO: Node gives none of them a tag.
    default:
      return "Unknown"
  }
}

export const badArgument = (method: string, description: string, cause?: unknown): PlatformError.PlatformError =>
  PlatformError.badArgument({ module: MODULE, method, description, cause })

/** The failure of a method; `tags` are its exceptions from the rule. */
export const make =
  (method: string, path: string, tags?: Partial<Record<VolumeError.Reason["_tag"], PlatformError.SystemErrorTag>>) =>
  (error: VolumeError.VolumeError): PlatformError.PlatformError => {
    const { message, reason } = error
    if (reason._tag === "InvalidName") return badArgument(method, message, error)
    return PlatformError.systemError({
      _tag: tags?.[reason._tag] ?? tagOf(reason),
      module: MODULE,
      method,
      description: message,
      pathOrDescriptor: path,
      cause: error
    })
  }
