/**
 * The states that the sequences of the crash tests begin with: disks without anything pending, and what they should hold.
 */
import * as Exit from "effect/Exit"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Opening from "../../src/shell/Opening.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { causeText } from "./CrashJudge.ts"
import * as CrashRun from "./CrashRun.ts"
import { LARGE_BYTES, SMALL_BYTES } from "./CrashSequences.ts"
import * as CrashSteps from "./CrashSteps.ts"
import { type Facts, factsOf, OPTIONS, runExit } from "./CrashVolume.ts"

export interface Start extends CrashRun.Disk {
  readonly name: string
  readonly facts: Facts
  /** Whether it takes long to open: its roots are full of deltas. */
  readonly isDear: boolean
}

interface Size {
  readonly pageBytes: number
  readonly pageCount: number
}

const small: Size = { pageBytes: 512, pageCount: 128 }

/** A new volume, its first session dropped without a close. */
const format = (name: string, { pageBytes, pageCount }: Size): Start => {
  const disk = new SimulatedDisk({ size: pageBytes * pageCount })
  const options = { ...OPTIONS, format: "always" as const, pageSize: pageBytes, sizeMax: pageBytes * pageCount }
  const exit = runExit(Opening.open(SimulatedDevice.make(disk), options))
  if (Exit.isFailure(exit)) throw new Error(causeText(exit.cause))
  return { name, disk, states: [CrashRun.empty()], facts: factsOf(disk), isDear: pageCount > 300 && pageCount < 1000 }
}

/** What comes of a start when these steps have been done, a few to a commit. */
const after = (
  start: Start,
  name: string,
  steps: ReadonlyArray<CrashSteps.Step>,
  closes: boolean,
  stepsPerCommit = 1
): Start => {
  const operations: Array<CrashRun.Operation> = []
  for (let i = 0; i < steps.length; i += stepsPerCommit) {
    operations.push({ kind: "steps", name: "prepare", steps: steps.slice(i, i + stepsPerCommit) })
  }
  const ran = CrashRun.run(start, start.facts, operations, { durability: "commit", closes, dirtyBytes: 1 << 20 })
  const failed = [...ran.breaches, ...ran.outcomes.filter((outcome) => outcome !== "done")]
  if (failed.length > 0) throw new Error(`${name}: ${failed.join("\n")}`)
  return { ...start, ...ran.end, name }
}

const fewFiles: ReadonlyArray<CrashSteps.Step> = [
  { do: "create", path: "/a", size: SMALL_BYTES },
  { do: "create", path: "/b", size: 1500 },
  { do: "mkdir", path: "/d" },
  { do: "create", path: "/d/g", size: 700 },
  { do: "link", path: "/b", to: "/h" },
  { do: "symlink", path: "/s", target: "/d" },
  { do: "attribute", path: "/d", name: "user.d", size: 30 }
]

export const fresh = (): Start => format("fresh", small)

export const files = (): Start => after(fresh(), "files", fewFiles, true)

/** The same without a close: before the newest root stands another state. */
export const unclean = (): Start => after(fresh(), "files", fewFiles, false)

/** Two snapshots, each of which sees what nothing else does, and a table in both. */
export const kept = (closes: boolean): Start =>
  after(
    files(),
    closes ? "snapshots" : "snapshots, without a close",
    [
      { do: "set", table: "t", path: "short", size: 40 },
      { do: "set", table: "t", path: "long", size: 1500 },
      { do: "snapshot", path: "one" },
      { do: "write", path: "/b", offset: 512, size: 600 },
      { do: "unlink", path: "/d/g" },
      { do: "set", table: "t", path: "long", size: 2000 },
      { do: "snapshot", path: "two" },
      { do: "append", path: "/b", size: 900 },
      { do: "create", path: "/new", size: 1200 }
    ],
    closes
  )

/** Pages of two sectors. */
export const wide = (): Start =>
  after(format("", { pageBytes: 1024, pageCount: 160 }), "pages of 1024 bytes", fewFiles, false)

/** A free map of two levels. */
export const tall = (): Start =>
  after(format("", { pageBytes: 512, pageCount: 4400 }), "free map of two levels", fewFiles, false)

/** Nearly full: only the reserve and a few pages are left. */
export const full = (): Start => {
  let start = after(fresh(), "", fewFiles, false)
  for (let size = 16_384; size >= 256; size /= 2) {
    for (let i = 0; ; i++) {
      const step: CrashSteps.Step = { do: "create", path: `/full${size}-${i}`, size }
      const operation: CrashRun.Operation = { kind: "steps", name: "fill", steps: [step] }
      const ran = CrashRun.run(start, start.facts, [operation], { durability: "commit", closes: false })
      if (ran.outcomes[0] !== "done") break
      start = { ...start, ...ran.end }
    }
  }
  return { ...start, name: "nearly full" }
}

/** `count` files of a page each, every other one gone again: so many extents are the free map's deltas. */
const scattered = ({ pageBytes, pageCount }: Size, name: string, count: number): Start => {
  const paths = Array.from({ length: count }, (_, i) => `/n${i}`)
  const steps = [
    paths.map((path): CrashSteps.Step => ({ do: "create", path, size: 450 })),
    paths.filter((_, i) => i % 2 === 0).map((path): CrashSteps.Step => ({ do: "unlink", path }))
  ]
  return after(after(format("", { pageBytes, pageCount }), "", fewFiles, false), name, steps.flat(), true, count)
}

/** The deltas of the free map fill the root record: a commit that takes or releases a little more folds them. */
export const folding = (): Start => scattered({ pageBytes: 512, pageCount: 400 }, "next commit folds", 186)

/** What the last commit, which did not come through, was about. */
const lost: CrashRun.Operation = {
  kind: "steps",
  name: "lose",
  steps: [{ do: "create", path: "/lost", size: LARGE_BYTES }]
}

/**
 * The newest root is not whole: a data page of it is missing, or the last page of its tree, or a sector of the root itself.
 * What the lost commit wrote is what a sequence writes next, but for the name.
 */
export const losing = (missing: "data" | "tree" | "root", start: Start): Start => {
  const { facts } = start
  const ran = CrashRun.run(start, facts, [lost], { durability: "commit", closes: false })
  const cut = ran.cuts.findLast((candidate) => candidate.disk.hasPending)
  if (cut === undefined) throw new Error("nothing was pending")
  const { slots } = facts.superblock
  const slotPages = Array.from({ length: slots.count }, (_, slot) => RootSlots.pageOf(slots, slot))
  const data = CrashSteps.content(LARGE_BYTES)
  const partOf = (index: number): typeof missing => {
    if (slotPages.includes(Math.floor(index / facts.sectorsPerPage))) return "root"
    const { bytes } = cut.disk.sector(index)
    return bytes.every((byte, i) => byte === data[i]) ? "data" : "tree"
  }
  const sector = cut.disk.pending.findLast(({ index }) => partOf(index) === missing)
  if (sector === undefined) throw new Error(`no sector of its ${missing} was pending`)
  const torn = cut.disk.crash(({ index, versions }) => (index === sector.index ? 0 : versions.length))
  return { ...start, name: `last commit without a sector of its ${missing}`, disk: torn, states: cut.states }
}

/** The deltas of the free map reach into the second sector of the root record. */
export const longRoot = (): Start => scattered({ pageBytes: 1024, pageCount: 640 }, "long root", 360)

export const all: Readonly<Record<string, () => Start>> = {
  "fresh volume": fresh,
  "some files": files,
  "nearly full": full,
  "next commit folds the free map": folding,
  "newest root rejected, for content": () => losing("data", files()),
  "newest root rejected, for a tree page": () => losing("tree", files()),
  "newest root torn": () => losing("root", longRoot()),
  "pages of two sectors": wide,
  "free map of two levels": tall
}
