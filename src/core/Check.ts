/**
 * The check of a whole volume: the second opinion on everything that a root reaches.
 *
 * A machine with an explicit frontier, like `Recovery`: it asks for pages, `loaded` takes them, and at the end there is a
 * report. It does no I/O, never throws whatever the bytes are, ends, and asks for each page at most once.
 *
 * - Independent on purpose: it walks by itself (`CheckWalk`), reads items by itself (`CheckItem`) and counts pages by itself
 *   (`CheckSpace`). Of the core it takes the checksum and the structure of a single node (`Binding`, `Node.fault`), since
 *   a node is admitted by these.
 * - `isDeep` reads the content of files too; else only the place of content is checked.
 * - Memory: one bit for each page in use, the frontier, 100 to 150 bytes an inode (`CheckNames`), and as much for an entry of a deadlist.
 * - What snapshots see and the root does not is verified as well. A run of content of which the root still has a part is read
 *   for the snapshot once more.
 */
import type { Binding } from "./Binding.ts"
import { CheckNames } from "./CheckNames.ts"
import * as CheckReport from "./CheckReport.ts"
import { CheckSpace } from "./CheckSpace.ts"
import { CheckWalk } from "./CheckWalk.ts"
import type { Pointer } from "./Pointer.ts"
import type { RootRecord } from "./RootRecord.ts"
import * as RootSlots from "./RootSlots.ts"

export type { Problem, Report } from "./CheckReport.ts"

/** What is checked. */
export interface Subject {
  readonly binding: Binding
  readonly slots: RootSlots.RootSlots
  /** The root, as recovery gave it. */
  readonly record: RootRecord
  readonly devicePageCount: number
  readonly isDeep: boolean
}

/** On the way. A state is used once: `loaded` takes it over. */
export interface Checking {
  readonly _tag: "Checking"
  /** Pages to be read; the data of files is asked for in runs. */
  readonly wanted: ReadonlyArray<Pointer>
  readonly machine: Machine
}

export interface Checked {
  readonly _tag: "Checked"
  readonly report: CheckReport.Report
}

export type State = Checking | Checked

interface Machine {
  readonly problems: CheckReport.Problems
  readonly space: CheckSpace
  readonly names: CheckNames
  readonly walk: CheckWalk
}

export const begin = ({ binding, devicePageCount, isDeep, record, slots }: Subject): State => {
  const problems = new CheckReport.Problems()
  const { map } = record
  const claims = { ...map, freeCount: record.freeCount, cursor: record.cursor }
  const space = new CheckSpace(binding.layout, problems, claims, RootSlots.reserved(slots), devicePageCount)
  const names = new CheckNames(problems)
  const walk = new CheckWalk(binding, problems, space, names, record, isDeep)
  return state({ problems, space, names, walk })
}

/** Goes on with the pages that were wanted, in their order; `undefined` for one that could not be read. */
export const loaded = ({ machine }: Checking, pages: ReadonlyArray<Uint8Array | undefined>): State => {
  machine.walk.take(pages)
  return state(machine)
}

/** How many problems are found so far. */
export const problemCount = ({ machine }: Checking): number => machine.problems.count

/** What is found so far: paths are known at the end only. */
export const problemsSoFar = ({
  machine: { problems }
}: Checking): Pick<CheckReport.Report, "problems" | "problemCount"> => ({
  problems: problems.list({ pathOf: () => undefined, pathOfEntry: () => undefined, tableOf: () => undefined }),
  problemCount: problems.count
})

/** The whole check at once, where pages can be had at once. */
export const run = (subject: Subject, load: (pointer: Pointer) => Uint8Array | undefined): CheckReport.Report => {
  let now = begin(subject)
  while (now._tag === "Checking") now = loaded(now, now.wanted.map(load))
  return now.report
}

const state = (machine: Machine): State => {
  const { names, problems, space, walk } = machine
  const { wanted } = walk
  if (wanted.length > 0) return { _tag: "Checking", wanted, machine }
  return {
    _tag: "Checked",
    report: {
      problems: problems.list({
        pathOf: (inode) => names.pathOf(inode),
        pathOfEntry: (folder, name) => names.pathOfEntry(folder, name),
        tableOf: (number) => names.tables.nameOf(number)
      }),
      problemCount: problems.count,
      isComplete: walk.isComplete && walk.areNamesComplete,
      reachedPageCount: space.claimedCount - space.deadCount,
      deadPageCount: space.deadCount,
      dataPageCount: walk.dataPageCount,
      freePageCount: space.freeCount,
      fileCount: names.fileCount,
      folderCount: names.folderCount,
      symbolicLinkCount: names.symbolicLinkCount,
      orphanCount: names.orphanCount,
      tableCount: names.tables.tableCount,
      snapshotCount: walk.snapshots.found.length
    }
  }
}
