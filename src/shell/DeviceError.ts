/**
 * How a block device fails. Both errors say what happened, where, and what to do.
 *
 * - {@link DeviceFailed}: the device refused a call or could not perform it. Nothing is known about what a failed write or
 *   sync left behind.
 * - {@link Locked}: somebody else holds the device.
 */
import * as Data from "effect/Data"

/** The calls of a device, and what opening one consists of. */
export type Operation = "open" | "lock" | "size" | "read" | "write" | "sync" | "discard" | "grow"

/** The device did not do what it was asked for. */
export class DeviceFailed extends Data.TaggedError("DeviceFailed")<{
  /** The device's `identity`: a path, or "memory". */
  readonly device: string
  readonly operation: Operation
  /** Where on the device, in bytes, if that is known. */
  readonly offset: number | undefined
  /** The system's name of the error ("EIO", "ENOSPC"); notafs's own refusals borrow "EINVAL", "EROFS", "EBADF", "ENOTSUP". */
  readonly code: string | undefined
  /** What happened, in words. */
  readonly reason: string
  readonly cause: unknown
}> {
  override get message(): string {
    const place = this.offset === undefined ? "" : ` at byte ${this.offset}`
    const code = this.code === undefined ? "" : ` (${this.code})`
    const advice = adviceFor(this.operation, this.code)
    return `${verbs[this.operation]} ${this.device} failed${place}: ${this.reason}${code}.${advice}`
  }
}

/** Who holds a lock. */
export interface Holder {
  readonly processId: number
  readonly host: string
  /** Milliseconds since 1970. */
  readonly since: number
}

/** The device is in use by another opener. */
export class Locked extends Data.TaggedError("Locked")<{
  /** The lock file. */
  readonly path: string
  /** Unknown if the lock file cannot be read. */
  readonly holder: Holder | undefined
  /** Why the lock counts as held, and what to do. */
  readonly reason: string
}> {
  override get message(): string {
    const { holder } = this
    const who =
      holder === undefined
        ? "somebody unknown"
        : `process ${holder.processId} on ${holder.host} since ${new Date(holder.since).toISOString()}`
    return `${this.path} is held by ${who}: ${this.reason}.`
  }
}

const verbs: Record<Operation, string> = {
  open: "Opening",
  lock: "Locking",
  size: "Measuring",
  read: "Reading",
  write: "Writing to",
  sync: "Syncing",
  discard: "Discarding on",
  grow: "Growing"
}

/** What to do about it: a sentence after a space, or nothing. */
const adviceFor = (operation: Operation, code: string | undefined): string => {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return " Free space on the file system that holds it, then open the volume again."
    case "EIO":
      return operation === "read"
        ? " The medium may be failing: copy what can be read."
        : " The medium may be failing: open the volume again to see what it holds."
    case "ENOENT":
      return " Check the path: a file is created only if its size is given, and in a folder that exists."
    case "EACCES":
    case "EPERM":
      return operation === "lock"
        ? " Give this user write access to its folder, or open it read-only."
        : " Give this user access to it."
    case "EROFS":
      return operation === "lock" || operation === "open"
        ? " Open it read-only, or mount its file system for writing."
        : " Open it for writing."
    case "EMFILE":
    case "ENFILE":
      return " Close files, or raise the limit of open files."
    default:
      return ""
  }
}

/** The error of a system call that threw. */
export const fromSystem = (
  device: string,
  operation: Operation,
  offset: number | undefined,
  cause: unknown
): DeviceFailed => {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined
  const text = cause instanceof Error ? cause.message : String(cause)
  // Node says "ENOSPC: no space left on device, write '/path'": the code, the call and the path are said already.
  const reason = code === undefined ? text : text.replace(`${code}: `, "").replace(/, \w+( '[^]*)?$/, "")
  return new DeviceFailed({ device, operation, offset, code, reason, cause })
}
