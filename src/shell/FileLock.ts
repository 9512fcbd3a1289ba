/**
 * Keeps other writers away from a file: `<path>.lock` beside it, which holds a claim.
 *
 * - A lock file appears whole, and only one can appear. It is a symbolic link that leads nowhere, with the claim as its target:
 *   a file system makes name and target in one step, and has both or neither after a power cut. Where there are no symbolic
 *   links it is a file, which is written and synced under another name and then linked.
 * - A claim is stale if its process is certain to be gone: the machine has started anew since, or no process of that number
 *   and start time runs. Process numbers mean nothing in another container or on another machine, so claims from there are
 *   never judged: they hold until somebody removes the file.
 * - Only one process at a time may break a stale claim: the one that holds the lock on breaking exactly that claim, a lock
 *   file like any other. It looks again, renames the lock file away, and looks at what it renamed before it is gone.
 * - A lock file is removed only by the holder of the claim in it, or by breaking it.
 */
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as nodePath from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type DeviceFailed, fromSystem, type Holder, Locked } from "./DeviceError.ts"

/** What a lock file says: who holds it, and how to tell whether that process still runs. */
export interface Claim extends Holder {
  /** Differs for each time that a lock is taken. */
  readonly nonce: string
  /** Differs for each start of the machine; empty where the system does not tell. */
  readonly boot: string
  /** The machine's own id; empty where it has none. */
  readonly machine: string
  /** Within it, process numbers are what they seem; empty where there is only one. */
  readonly processSpace: string
  /** When the process began, in the system's own count; empty where it does not tell. */
  readonly processStart: string
}

/** Takes the lock of the file at `path`, which need not exist; the end of the scope gives it back. */
export const acquire = (path: string): Effect.Effect<void, DeviceFailed | Locked, Scope.Scope> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.asVoid(Effect.acquireRelease(hold(path, now), giveBack)))

/** The lock file of the file at `path`, the same for every name of it. */
export const lockPath = (path: string): string => {
  const real = fs.existsSync(path)
    ? fs.realpathSync.native(path)
    : nodePath.join(fs.realpathSync.native(nodePath.dirname(path)), nodePath.basename(path))
  return `${real}.lock`
}

/** A new claim of this process. */
export const claim = (since: number): Claim => {
  own ??= {
    boot: readText("/proc/sys/kernel/random/boot_id") ?? "",
    machine: readText("/etc/machine-id") ?? "",
    processSpace: readProcessSpace() ?? "",
    processStart: readProcess(process.pid)?.start ?? ""
  }
  return { processId: process.pid, host: os.hostname(), since, nonce: makeNonce(), ...own }
}

/** What stays as it is while this process runs. */
let own: Pick<Claim, "boot" | "machine" | "processSpace" | "processStart"> | undefined

const makeNonce = (): string => crypto.randomUUID().replaceAll("-", "").slice(0, 16)

interface Lock {
  readonly path: string
  readonly nonce: string
}

const hold = (path: string, now: number): Effect.Effect<Lock, DeviceFailed | Locked> =>
  Effect.suspend((): Effect.Effect<Lock, DeviceFailed | Locked> => {
    try {
      const lock = lockPath(path)
      const mine = claim(now)
      const locked = take(lock, mine)
      return locked === undefined ? Effect.succeed({ path: lock, nonce: mine.nonce }) : Effect.fail(locked)
    } catch (error) {
      return Effect.fail(fromSystem(path, "lock", undefined, error))
    }
  })

const giveBack = (lock: Lock): Effect.Effect<void> =>
  Effect.sync(() => {
    // Where this fails, the claim is stale as soon as this process has ended.
    unless(["*"], () => release(lock))
  })

/** Tries to put `mine` at `path`, breaking what is stale there. */
const take = (path: string, mine: Claim): Locked | undefined => {
  for (let round = 0; round < 8; round++) {
    if (put(path, mine)) return undefined
    const found = readClaim(path)
    if (found === "absent") continue
    // A network file system may say that the link exists because it has just made it.
    if (isClaim(found, mine.nonce)) return undefined
    if (found === "unreadable") return new Locked({ path, holder: undefined, reason: advice.unreadable })
    const verdict = judge(found, mine)
    if (verdict !== "stale") return new Locked({ path, holder: found, reason: advice[verdict] })
    const locked = breakClaim(path, found, mine)
    if (locked !== undefined) return locked
  }
  return new Locked({ path, holder: undefined, reason: advice.contended })
}

/** Moves a stale claim out of the way, unless another process is about to. */
const breakClaim = (path: string, stale: Claim, mine: Claim): Locked | undefined => {
  const right = { path: `${path}.${stale.nonce}.break`, nonce: makeNonce() }
  const locked = take(right.path, { ...mine, nonce: right.nonce })
  if (locked !== undefined) return locked
  try {
    if (!isClaim(readClaim(path), stale.nonce)) return undefined
    const aside = `${path}.${right.nonce}.stale`
    fs.renameSync(path, aside)
    // Somebody who removed the lock file by hand just now may have let another one in: it is put back.
    const moved = readClaim(aside)
    if (!isClaim(moved, stale.nonce)) putBack(aside, moved, path)
    remove(aside)
    return undefined
  } finally {
    release(right)
  }
}

const putBack = (aside: string, found: ReturnType<typeof readClaim>, path: string): void => {
  if (typeof found === "object") put(path, found)
  else unless(["EEXIST", "ENOENT", ...withoutLinks], () => fs.linkSync(aside, path))
}

/** Makes a lock file with this claim, and says whether that succeeded: it does not where there is one. */
const put = (path: string, mine: Claim): boolean => {
  // To look first takes a tenth of the time of an error.
  if (isThere(path)) return false
  const made = unless(["EEXIST", ...withoutLinks], () => {
    fs.symlinkSync(JSON.stringify(mine), path)
    return true
  })
  return made ?? (isThere(path) ? false : putFile(path, mine))
}

/** The same where there are no symbolic links. */
const putFile = (path: string, mine: Claim): boolean => {
  const draft = `${path}.${mine.nonce}`
  const fd = fs.openSync(draft, "wx")
  try {
    try {
      fs.writeFileSync(fd, `${JSON.stringify(mine)}\n`)
      // After a power cut a lock file is whole or not there: an empty one could never be judged.
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    const linked = unless(["EEXIST", ...withoutLinks], () => {
      fs.linkSync(draft, path)
      return true
    })
    if (linked !== undefined) return linked
    if (isThere(path)) return false
    return (
      unless(["EEXIST"], () => {
        fs.copyFileSync(draft, path, fs.constants.COPYFILE_EXCL)
        return true
      }) ?? false
    )
  } finally {
    remove(draft)
  }
}

/** What file systems without links, symbolic or hard, answer; and Windows, to who may not make them. */
const withoutLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL", "ENAMETOOLONG"]

const isThere = (path: string): boolean => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined

const remove = (path: string): void => unless(["ENOENT"], () => fs.unlinkSync(path))

const release = (lock: Lock): void => {
  if (isClaim(readClaim(lock.path), lock.nonce)) remove(lock.path)
}

/** Whether the process that made `found` still runs: "unknown" if that cannot be seen from here. */
const judge = (found: Claim, mine: Claim): "own" | "running" | "unknown" | "stale" => {
  if (found.host !== mine.host || found.machine !== mine.machine) return "unknown"
  if (found.boot !== mine.boot) return found.boot === "" || mine.boot === "" ? "unknown" : "stale"
  if (found.processSpace !== mine.processSpace) return "unknown"
  const sameStart = found.processStart === mine.processStart
  if (found.processId === mine.processId) return sameStart ? "own" : "stale"
  if (!isProcess(found.processId)) return "stale"
  const running = readProcess(found.processId)
  // The system may hide the processes of others; that it answers to its number is all there is to see then.
  if (running === undefined || found.processStart === "") return "running"
  return running.start === found.processStart && !running.ended ? "running" : "stale"
}

const advice = {
  own: "this process has it open already; close that one first",
  running: "that process is running; wait for its end, or open read-only",
  unknown:
    "whether that process still runs cannot be seen from this machine or container; once it is certain that nobody " +
    "uses it, remove the lock file",
  unreadable: "the lock file makes no sense; once it is certain that nobody uses it, remove the lock file",
  contended: "others take and leave it all the time; try again"
}

const isProcess = (processId: number): boolean => {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    return codeOf(error) !== "ESRCH"
  }
}

/** What Linux tells of a process. */
const readProcess = (processId: number): { readonly start: string; readonly ended: boolean } | undefined => {
  const text = readText(`/proc/${processId}/stat`)
  if (text === undefined) return undefined
  // The second field is the name in parentheses, which may hold anything: the third is what follows the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return fields.length > 19 ? { start: fields[19], ended: "ZXx".includes(fields[0]) } : undefined
}

const readProcessSpace = (): string | undefined => unless(["*"], () => fs.readlinkSync("/proc/self/ns/pid"))

const readText = (path: string): string | undefined => unless(["*"], () => fs.readFileSync(path, "utf8").trim())

const readClaim = (path: string): Claim | "absent" | "unreadable" => {
  const target = unless(["ENOENT", "EINVAL", "UNKNOWN"], () => fs.readlinkSync(path))
  const text = target ?? unless(["ENOENT"], () => fs.readFileSync(path, "utf8"))
  if (text === undefined) return "absent"
  const value: unknown = unless(["*"], () => JSON.parse(text))
  return isWellFormed(value) ? value : "unreadable"
}

const isWellFormed = (value: unknown): value is Claim => {
  if (typeof value !== "object" || value === null) return false
  const found = value as Record<keyof Claim, unknown>
  const texts = [found.host, found.boot, found.machine, found.processSpace, found.processStart]
  return (
    texts.every((text) => typeof text === "string") &&
    typeof found.nonce === "string" &&
    // It becomes part of a file's name.
    /^[0-9a-f]{16}$/.test(found.nonce) &&
    Number.isInteger(found.processId) &&
    (found.processId as number) > 0 &&
    Number.isFinite(found.since) &&
    Math.abs(found.since as number) <= 8.64e15
  )
}

const isClaim = (found: ReturnType<typeof readClaim>, nonce: string): boolean =>
  typeof found === "object" && found.nonce === nonce

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined)

/** What `f` returns; nothing if it throws one of these codes, "*" being all of them. */
const unless = <A>(codes: ReadonlyArray<string>, f: () => A): A | undefined => {
  try {
    return f()
  } catch (error) {
    if (codes.includes("*") || codes.includes(String(codeOf(error)))) return undefined
    throw error
  }
}
