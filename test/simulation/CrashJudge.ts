/**
 * Opens a crash image with the shipped shell and says what it holds.
 *
 * - Equal images are opened once: opening is a function of the bytes.
 * - A root's hash covers, through its pointers, every byte that it reaches. So a root that was walked, read and checked once
 *   needs on another image only the comparison of the sectors that it reaches, and most of these are the same objects.
 * - I3: what the opening has left on the disk, durable or not, must open as the same state again.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Check from "../../src/core/Check.ts"
import type { EncodedRoot } from "../../src/core/RootRecord.ts"
import type { Session } from "../../src/shell/Session.ts"
import * as Reading from "../../src/shell/Reading.ts"
import * as CrashImages from "../../src/testing/CrashImages.ts"
import type { Sector } from "../../src/testing/SectorArray.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import * as CrashState from "./CrashState.ts"
import { type Facts, open, runExit } from "./CrashVolume.ts"
import * as RootWalk from "./RootWalk.ts"
import * as RootWatch from "./RootWatch.ts"

/** What an image holds. */
export interface Verdict {
  /** The logical state that was opened; undefined if nothing could be opened. */
  readonly state: string | undefined
  /** Generations of roots that the opening passed over. */
  readonly rejected: ReadonlyArray<number>
  /** Broken invariants, whatever the state was to be. */
  readonly breaches: ReadonlyArray<string>
  /** Of the image; undefined if it is not only the disk that makes the difference. */
  readonly fingerprint: number | undefined
  /** Whether it has been counted as a crash image; an image that only an opening leaves behind is none. */
  isCounted: boolean
}

/** A root that was read as a whole and found right, and the sectors that it reaches. */
interface Known {
  readonly state: string
  readonly breaches: ReadonlyArray<string>
  readonly indexes: ReadonlyArray<number>
  readonly sectors: ReadonlyArray<Sector>
}

/** How often the disk may change by opening it again and again: an opening may commit an empty root. */
const DEPTH_MAX = 4

const keyOf = ({ hash }: EncodedRoot): string => String.fromCharCode(...hash)

export const causeText = (cause: Cause.Cause<unknown>): string => Cause.pretty(cause).split("\n", 3).join(" | ")

export class CrashJudge {
  readonly facts: Facts
  readonly #verdicts = new Map<number, Verdict>()
  readonly #known = new Map<string, Known>()
  #depth = 0
  /** Images that were opened: equal ones count once. */
  opened = 0
  rejectedRoots = 0

  constructor(facts: Facts) {
    this.facts = facts
  }

  /** What the disk holds after a power cut; the disk is used up. */
  judge(disk: SimulatedDisk): Verdict {
    const fingerprint = disk.fingerprint()
    let verdict = this.#verdicts.get(fingerprint)
    if (verdict === undefined) {
      verdict = this.#open(disk, fingerprint)
      this.#verdicts.set(fingerprint, verdict)
    }
    return verdict
  }

  /** The same for a disk of which not all is durable that reads see: the process has ended, but power is on. */
  judgeCache(disk: SimulatedDisk): Verdict {
    return this.#open(disk, undefined)
  }

  #open(disk: SimulatedDisk, fingerprint: number | undefined): Verdict {
    this.opened++
    const breaches: Array<string> = []
    RootWatch.watch(disk, this.facts, (breach) => breaches.push(`while opening: ${breach}`))
    const exit = runExit(open(SimulatedDevice.make(disk)))
    if (Exit.isFailure(exit)) {
      const breach = `cannot be opened: ${causeText(exit.cause)}`
      return { state: undefined, rejected: [], breaches: [breach], fingerprint, isCounted: false }
    }
    const session = exit.value
    const { root } = session.head
    const known = this.#read(disk, session, root)
    breaches.push(...known.breaches)
    const rejected = session.rejected.map(({ generation }) => generation)
    if (rejected.length > 0) this.rejectedRoots++
    if (session.nextGeneration <= Math.max(root.record.generation, ...rejected)) {
      breaches.push(`I6: generation ${session.nextGeneration} would be used again`)
    }
    this.#reopen(disk, known.state, fingerprint, breaches)
    return { state: known.state, rejected, breaches, fingerprint, isCounted: false }
  }

  /** The state of an accepted root. */
  #read(disk: SimulatedDisk, session: Session, root: EncodedRoot): Known {
    const key = keyOf(root)
    const known = this.#known.get(key)
    if (known !== undefined && known.indexes.every((index, i) => same(disk.sector(index), known.sectors[i])))
      return known
    const reached = RootWalk.reach(disk, this.facts, root)
    const breaches = [...reached.faults]
    if (reached.faults.length === 0) breaches.push(...RootWalk.partitionFaults(disk, this.facts, root, reached))
    breaches.push(...this.#check(disk, root))
    // Whole, it can be read from the disk at once; if not, the session has to notice.
    const exit =
      breaches.length === 0
        ? Exit.succeed(CrashState.ofVolume(RootWalk.pagesOf(disk, this.facts), root.record.roots))
        : runExit(Reading.read(session, CrashState.ofVolume))
    if (Exit.isFailure(exit)) breaches.push(`what was opened cannot be read: ${causeText(exit.cause)}`)
    const indexes: Array<number> = []
    const { sectorsPerPage } = this.facts
    for (let i = 0; i < reached.pages.length; i += 2) {
      const end = reached.pages[i + 1] * sectorsPerPage
      for (let index = reached.pages[i] * sectorsPerPage; index < end; index++) indexes.push(index)
    }
    const sectors = indexes.map((index) => disk.sector(index))
    const read: Known = { state: Exit.isSuccess(exit) ? exit.value : "unreadable", breaches, indexes, sectors }
    if (breaches.length === 0) this.#known.set(key, read)
    return read
  }

  /** The second opinion: the check of the core. */
  #check(disk: SimulatedDisk, { record }: EncodedRoot): ReadonlyArray<string> {
    const { binding, superblock } = this.facts
    const devicePageCount = disk.size / superblock.geometry.pageBytes
    const report = Check.run({ binding, slots: superblock.slots, record, devicePageCount, isDeep: true }, (pointer) =>
      RootWalk.pagesAt(disk, this.facts, pointer.address, pointer.pageCount)
    )
    const problems = report.problems.map((problem) => `check: ${JSON.stringify(problem)}`)
    return report.isComplete || problems.length > 0 ? problems : ["check: it is not complete"]
  }

  /** I3: cut again, with or without what the opening has not synced, and open again. */
  #reopen(disk: SimulatedDisk, state: string, fingerprint: number | undefined, breaches: Array<string>): void {
    disk.onCall = undefined
    disk.onWrite = undefined
    if (!disk.hasPending && disk.fingerprint() === fingerprint) return
    if (++this.#depth > DEPTH_MAX) breaches.push("each opening leaves another disk behind")
    else this.#reopenAll(disk, state, breaches)
    this.#depth--
  }

  #reopenAll(disk: SimulatedDisk, state: string, breaches: Array<string>): void {
    for (const { choice, disk: image } of CrashImages.enumerate(disk, {
      fullMax: 64,
      subsetsMax: 64,
      sampleCount: 16
    })) {
      const again = this.judge(image)
      if (again.state !== state) {
        const difference = CrashState.difference(again.state ?? "", state)
        breaches.push(`I3: opened, and after another cut (${choice}) another state:\n${difference}\n${again.breaches}`)
      }
    }
  }
}

const same = (a: Sector, b: Sector): boolean => a === b || a.equals(b)
