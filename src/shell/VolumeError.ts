/**
 * How a volume fails: one error with a tagged reason.
 *
 * - What a caller can expect of files and keys (`NotFound`, `AlreadyExists`, ...) is a `FileError` of the core.
 * - What the device or the image does is one of the classes below.
 * - Our own bug is neither: it is a defect.
 */
import * as Data from "effect/Data"
import * as FileError from "../core/FileError.ts"
import type { DeviceFailed, Locked } from "./DeviceError.ts"
import * as Receipt from "./Receipt.ts"

/** The device holds no volume. */
export class NotFormatted extends Data.TaggedError("NotFormatted")<{
  readonly device: string
  /** Whether it holds anything else. */
  readonly blank: boolean
}> {
  override get message(): string {
    return this.blank
      ? `${this.device} is blank. Format it first.`
      : `${this.device} holds no volume, but something else. Formatting it would destroy that; force it if you mean to.`
  }
}

/** The volume was made by a newer program, or asks for something this one does not have. */
export class UnsupportedFormat extends Data.TaggedError("UnsupportedFormat")<{
  readonly device: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.device} cannot be opened by this version of notafs: ${this.reason}. Use a newer one.`
  }
}

/** A page size was asked for that the volume does not have. */
export class WrongPageSize extends Data.TaggedError("WrongPageSize")<{
  readonly device: string
  readonly expected: number
  readonly actual: number
}> {
  override get message(): string {
    return `${this.device} has pages of ${this.actual} bytes, not ${this.expected}. Leave the page size out, or format anew.`
  }
}

/** What was asked for makes no volume. */
export class InvalidOptions extends Data.TaggedError("InvalidOptions")<{
  readonly device: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.device} cannot be used like this: ${this.reason}.`
  }
}

/** The volume cannot have this size; it keeps the one that it has. */
export class ImpossibleSize extends Data.TaggedError("ImpossibleSize")<{
  readonly device: string
  /** What was asked for. */
  readonly sizeBytes: number
  /** The least that it can have now; if too much was asked for, the least that any volume can have. */
  readonly sizeMin: number
  /** The most that it can ever have. */
  readonly sizeMax: number
}> {
  override get message(): string {
    return this.sizeBytes > this.sizeMax
      ? `${this.device} cannot have ${this.sizeBytes} bytes: at most ${this.sizeMax}, as was said when it was formatted. Format a larger one.`
      : `${this.device} cannot have ${this.sizeBytes} bytes now, but ${this.sizeMin} or more: pages behind that are in use, or kept for deletions. Delete files and snapshots and end views, or ask for more.`
  }
}

/** Bytes that are not what was written there. */
export class Corrupt extends Data.TaggedError("Corrupt")<{
  readonly device: string
  /** The page, where it is known. */
  readonly address: number | undefined
  readonly path?: string | undefined
  readonly reason: string
}> {
  override get message(): string {
    const where = this.address === undefined ? "" : ` at page ${this.address}`
    const path = this.path === undefined ? "" : ` (${this.path})`
    return `${this.device} is damaged${where}${path}: ${this.reason}. Run a check to see what is affected.`
  }
}

/** No room for what was written; nothing of it was kept. */
export class DiskFull extends Data.TaggedError("DiskFull")<{
  readonly device: string
  /** Bytes that were missing, roughly. */
  readonly missingBytes: number
}> {
  override get message(): string {
    return `${this.device} is full: ${this.missingBytes} bytes more were needed. Nothing of it was kept; delete something.`
  }
}

/** Another session has written to the volume since this one opened it, past the lock. Nothing was written after that was seen. */
export class Fenced extends Data.TaggedError("Fenced")<{
  readonly device: string
  /** Of the root that the other session wrote; none if it has formatted the device anew. */
  readonly generation: number | undefined
}> {
  override get message(): string {
    const what = this.generation === undefined ? "formatted it anew" : `wrote root ${this.generation}`
    return `${this.device} has another writer, which ${what}. Nothing more is written here: close the volume, see that nobody else uses it, and open it again.`
  }
}

/** The volume does not have the commit that it was opened with the receipt of. Nothing was written. */
export class RolledBack extends Data.TaggedError("RolledBack")<{
  readonly device: string
  /**
   * `NoVolume`: the device is blank. `OtherVolume`: it holds another one. `Older`: its newest root is from before the commit.
   * `OtherRoot`: it has another root of that generation: an older copy was written further. `Abandoned`: the commit was undone, by
   * going back to a snapshot.
   */
  readonly why: "NoVolume" | "OtherVolume" | "Older" | "OtherRoot" | "Abandoned"
  readonly expected: Receipt.Receipt
  /** Of the newest root; none where there is no volume. */
  readonly found: Receipt.Receipt | undefined
}> {
  override get message(): string {
    const found = this.found === undefined ? "no volume" : Receipt.encode(this.found)
    const [what, advice] = {
      NoVolume: ["is blank", "See that it is the right device"],
      OtherVolume: ["holds another volume", "See that it is the right device"],
      Older: ["is an older copy of its volume", "Find the newest copy"],
      OtherRoot: ["is an older copy of its volume that was written further", "Find the copy that has the commit"],
      Abandoned: [
        "was set back to a snapshot from before the commit",
        "If that was meant, use the receipt of a later commit"
      ]
    }[this.why]
    return `${this.device} ${what}: it was to have the commit ${Receipt.encode(this.expected)}, and its newest is ${found}. ${advice}, or open it without the receipt.`
  }
}

/**
 * A reader's root is not kept any more: a writer in another process has written pages of it again, or the view was older than
 * `viewAgeMax` allows.
 */
export class ViewExpired extends Data.TaggedError("ViewExpired")<{
  readonly device: string
  /** Of the root that was read. */
  readonly generation: number
  /** Of the newest root now. */
  readonly newest: number
  /** The age, in milliseconds, that the view was past; none if it is a writer's doing. */
  readonly ageMaxMillis?: number | undefined
}> {
  override get message(): string {
    if (this.ageMaxMillis !== undefined) {
      return `${this.device} does not keep root ${this.generation} for this view any more: it is older than ${this.ageMaxMillis} ms, which viewAgeMax allows, and the newest root is ${this.newest}. Begin a new view, or open the snapshot again, and read in shorter ones.`
    }
    return `${this.device} has a writer, which is at root ${this.newest} and has written over pages of root ${this.generation}, which was being read. Refresh the volume, or open it again, and read again.`
  }
}

/** A write or sync failed before: what the device holds is not known, so nothing more is written. */
export class Poisoned extends Data.TaggedError("Poisoned")<{
  readonly device: string
  readonly cause: Reason
}> {
  override get message(): string {
    return `${this.device} takes no more writes, since one failed before: ${describe(this.cause)} Close the volume and open it again.`
  }
}

/** The volume was opened for reading, or a view was written to. */
export class ReadOnly extends Data.TaggedError("ReadOnly")<{
  readonly device: string
}> {
  override get message(): string {
    return `${this.device} is open for reading only.`
  }
}

/** The volume or the transaction that an operation belongs to has ended. */
export class Closed extends Data.TaggedError("Closed")<{
  readonly what: string
}> {
  override get message(): string {
    return `The ${this.what} of this operation has ended.`
  }
}

/** A file was opened for the other thing only. */
export class NotOpenFor extends Data.TaggedError("NotOpenFor")<{
  readonly what: "reading" | "writing"
}> {
  override get message(): string {
    return `The file was not opened for ${this.what}.`
  }
}

/** A copy that makes no sense; nothing of it was made. */
export class CopyRefused extends Data.TaggedError("CopyRefused")<{
  readonly from: string
  readonly to: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.from} is not copied to ${this.to}: ${this.reason}.`
  }
}

/** There is no snapshot of this name. */
export class SnapshotNotFound extends Data.TaggedError("SnapshotNotFound")<{
  readonly device: string
  readonly name: string
}> {
  override get message(): string {
    return `${this.device} has no snapshot ${JSON.stringify(this.name)}.`
  }
}

/** The name is taken, or the transaction takes a snapshot already. */
export class SnapshotExists extends Data.TaggedError("SnapshotExists")<{
  readonly device: string
  readonly name: string
  /** Whether it is the transaction's own: it takes one, of what it commits. */
  readonly isPending: boolean
}> {
  override get message(): string {
    return this.isPending
      ? `The transaction takes the snapshot ${JSON.stringify(this.name)} of what it commits, and can take no other. Take that in one of its own.`
      : `${this.device} has a snapshot ${JSON.stringify(this.name)} already. Remove it first, or use another name.`
  }
}

/** A rollback would remove snapshots; nothing was done. */
export class NewerSnapshots extends Data.TaggedError("NewerSnapshots")<{
  readonly device: string
  readonly name: string
  /** Oldest first. */
  readonly newer: ReadonlyArray<string>
}> {
  override get message(): string {
    const names = this.newer.slice(0, 5).map((name) => JSON.stringify(name))
    const more = this.newer.length > names.length ? ` and ${this.newer.length - names.length} more` : ""
    return `${this.device} has snapshots newer than ${JSON.stringify(this.name)}: ${names.join(", ")}${more}. Going back removes them: ask for it with discardNewer.`
  }
}

/** The key of a table's entry is longer than a page allows. */
export class KeyTooLong extends Data.TaggedError("KeyTooLong")<{
  readonly table: string
  readonly byteCount: number
  readonly byteCountMax: number
}> {
  override get message(): string {
    return `The table ${JSON.stringify(this.table)} takes keys of up to ${this.byteCountMax} bytes, not of ${this.byteCount}.`
  }
}

/** The value of a table's entry is longer than what one array holds. */
export class ValueTooLarge extends Data.TaggedError("ValueTooLarge")<{
  readonly table: string
  readonly byteCount: number
  readonly byteCountMax: number
}> {
  override get message(): string {
    return `The table ${JSON.stringify(this.table)} takes and gives values of up to ${this.byteCountMax} bytes, not of ${this.byteCount}.`
  }
}

/** What was to be stored in a table, or stands in it, is not what its types say. */
export class TypeMismatch extends Data.TaggedError("TypeMismatch")<{
  readonly table: string
  readonly what: "key" | "value"
  /** The bytes of the key in hexadecimal; none where the key itself was refused. */
  readonly key: string | undefined
  /** Whether it stands in the table; else it was to be stored or looked for. */
  readonly isStored: boolean
  readonly reason: string
}> {
  override get message(): string {
    const { isStored, key, reason, table, what } = this
    const place = key === undefined ? "" : ` ${isStored ? "under" : "for"} the key 0x${key}`
    const found = what === "key" && key !== undefined ? `the key 0x${key}` : `a ${what}${place}`
    return `The table ${JSON.stringify(table)} ${isStored ? "holds" : "was given"} ${found} that is not of its type: ${reason}.`
  }
}

/** What was received is no send stream, or not all of one, or was altered on its way. Nothing of it was kept that can be seen. */
export class BadStream extends Data.TaggedError("BadStream")<{
  readonly device: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.device} received no sound stream: ${this.reason}. Nothing was changed; send it again.`
  }
}

/** A stream leads from a snapshot that the volume does not have. */
export class BaseMissing extends Data.TaggedError("BaseMissing")<{
  readonly device: string
  /** What the snapshot was called where it was sent. */
  readonly base: string
}> {
  override get message(): string {
    return `${this.device} does not have the snapshot that the stream leads from, which was called ${JSON.stringify(this.base)} where it was sent. Send from one that both have, or everything.`
  }
}

/** The volume has changed since the snapshot that a stream leads from, or is not empty where a stream leads from nothing. */
export class Diverged extends Data.TaggedError("Diverged")<{
  readonly device: string
  readonly base: string | undefined
}> {
  override get message(): string {
    return this.base === undefined
      ? `${this.device} is not empty, and the stream leads from nothing. Receive it with force: what is there is removed; snapshots stay.`
      : `${this.device} has changed since its snapshot ${JSON.stringify(this.base)}, from which the stream leads. Receive it with force: it goes back to that first, which gives up what came after.`
  }
}

/** The state that a feed of changes had come to is not kept any more: it was given up, or a rollback went back before it. */
export class HistoryGone extends Data.TaggedError("HistoryGone")<{
  readonly device: string
  readonly cursor: string
}> {
  override get message(): string {
    return `${this.device} does not have the state of the cursor ${this.cursor} any more: it was given up, or the volume went back before it. Read everything anew, and follow the changes from there.`
  }
}

/** Something that a volume does not do. */
export class Unsupported extends Data.TaggedError("Unsupported")<{
  readonly what: string
}> {
  override get message(): string {
    return `${this.what} is not supported.`
  }
}

export type Reason =
  | NotFormatted
  | UnsupportedFormat
  | WrongPageSize
  | InvalidOptions
  | ImpossibleSize
  | Corrupt
  | DiskFull
  | Fenced
  | RolledBack
  | ViewExpired
  | Poisoned
  | ReadOnly
  | Closed
  | NotOpenFor
  | CopyRefused
  | SnapshotNotFound
  | SnapshotExists
  | NewerSnapshots
  | BadStream
  | HistoryGone
  | BaseMissing
  | Diverged
  | KeyTooLong
  | ValueTooLarge
  | TypeMismatch
  | Unsupported
  | DeviceFailed
  | Locked
  | FileError.FileError

/** A volume did not do what it was asked for; `reason` says why, and `path` what it was about, where that is a path. */
export class VolumeError extends Data.TaggedError("VolumeError")<{
  readonly reason: Reason
  readonly path?: string | undefined
}> {
  override get message(): string {
    return describe(this.reason, this.path)
  }
}

export const make = (reason: Reason, path?: string): VolumeError =>
  new VolumeError(path === undefined ? { reason } : { reason, path })

const describe = (reason: Reason, path?: string): string => {
  if (reason instanceof Error) return reason.message
  const what = FileError.describe(reason)
  return path === undefined ? `${what}.` : `${path}: ${what}.`
}
