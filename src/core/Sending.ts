/**
 * From a difference of two states to the records that make it elsewhere.
 *
 * - Items are told in the order of their keys. Of content that both states have only the bytes are told that differ.
 * - The volume's own tables are left out: what they hold is of this volume.
 * - The records are the same whenever they are asked for: a transfer that broke off goes on where it was.
 * - A {@link State} is a value: a step that misses pages is run again from it.
 */
import * as Content from "./Content.ts"
import * as Inode from "./Inode.ts"
import type { Pages } from "./Pages.ts"
import * as Rope from "./Rope.ts"
import * as RopeDifference from "./RopeDifference.ts"
import type { Snapshot } from "./Snapshots.ts"
import * as Table from "./Table.ts"
import * as Tables from "./Tables.ts"
import * as Transfer from "./Transfer.ts"
import { transferBounds } from "./TransferBounds.ts"
import * as Tree from "./Tree.ts"
import * as TreeDifference from "./TreeDifference.ts"

/** Content of which some ranges are still to be told. */
interface Rest {
  readonly content: Inode.Content
  readonly ranges: ReadonlyArray<RopeDifference.Range>
}

export interface State {
  readonly items: TreeDifference.State
  /** Items that are compared and not told yet. */
  readonly changes: ReadonlyArray<TreeDifference.Change>
  readonly rest: Rest | undefined
  /** Numbers of the volume's own tables. */
  readonly hidden: ReadonlySet<number>
  readonly recordCount: number
  readonly isDone: boolean
}

/** Items that are compared at a time. */
const COMPARED_MAX = 256

/** What a step comes to. */
export interface Step {
  readonly state: State
  readonly records: ReadonlyArray<Transfer.Record>
}

/** The header, and the state before the first item. From nothing if there is no base. */
export const begin = (
  pages: Pages,
  volumeId: Uint8Array,
  base: Snapshot | undefined,
  { id, inodeCount, name, names, nextInode, time }: Snapshot
): Step => {
  const before = base?.names ?? Tree.empty(pages.layout)
  const hidden = new Set([...hiddenOf(pages, before), ...hiddenOf(pages, names)])
  const items = TreeDifference.begin(pages.layout, before, names, base?.generation ?? 0)
  const from = base && { id: base.id, name: base.name }
  const header: Transfer.Header = { _tag: "Header", volumeId, id, name, time, nextInode, inodeCount, base: from }
  return {
    state: { items, changes: [], rest: undefined, hidden, recordCount: 1, isDone: false },
    records: [header]
  }
}

const hiddenOf = (pages: Pages, names: Tree.Tree): ReadonlyArray<number> =>
  Tables.list(pages, names, undefined, Number.POSITIVE_INFINITY)
    .filter(({ name }) => Table.isOwn(name))
    .map(({ number }) => number)

/** Records that a step has made so far. */
class Batch {
  readonly records: Array<Transfer.Record> = []
  byteCount = 0

  add(record: Transfer.Record): void {
    this.records.push(record)
    this.byteCount += Transfer.byteCount(record)
  }

  get isFull(): boolean {
    return this.byteCount >= transferBounds.stepBytes
  }
}

/** The next records. */
export const step = (pages: Pages, before: State): Step => {
  let state = before
  const batch = new Batch()
  while (!batch.isFull && !state.isDone) {
    if (state.rest !== undefined) state = { ...state, rest: tellRest(pages, state.rest, batch) }
    else if (state.changes.length > 0) {
      const [change, ...changes] = state.changes
      state = { ...state, changes, rest: tellChange(pages, state, change, batch) }
    } else if (TreeDifference.isDone(state.items)) {
      batch.add({ _tag: "End", recordCount: state.recordCount + batch.records.length })
      state = { ...state, isDone: true }
    } else {
      const { changes, state: items } = TreeDifference.step(pages, state.items, COMPARED_MAX)
      state = { ...state, items, changes }
      // What is compared is not compared again for the sake of content that is not loaded.
      break
    }
  }
  const { records } = batch
  return { state: { ...state, recordCount: state.recordCount + records.length }, records }
}

const tellChange = (
  pages: Pages,
  { hidden }: State,
  { after, before, key }: TreeDifference.Change,
  batch: Batch
): Rest | undefined => {
  const { layout } = pages
  const known = Inode.decodeKey(key)
  if (known._tag === "Table" && Table.isOwn(known.name)) return undefined
  if (known._tag === "TableEntry" && hidden.has(known.number)) return undefined
  if (after === undefined) {
    batch.add({ _tag: "Remove", key })
    return undefined
  }
  const content = contentOf(pages, known, after)
  if (content === undefined) {
    batch.add({ _tag: "Put", key, value: after })
    return undefined
  }
  const old = before && contentOf(pages, known, before)
  const isPatch = content._tag === "Rope" && old?._tag === "Rope"
  const head = known._tag === "Inode" ? after.slice(0, Inode.AT_CONTENT) : NOTHING
  const size = Content.sizeOf(content)
  batch.add({ _tag: "Content", key, head, size, isPatch })
  if (content._tag === "Inline") {
    if (size > 0) batch.add({ _tag: "Write", offset: 0, bytes: content.bytes })
    return undefined
  }
  const from = isPatch ? Rope.decode(layout, old.encoded, 0) : Rope.empty(layout)
  const ranges = RopeDifference.ranges(pages, from, Rope.decode(layout, content.encoded, 0))
  // What is new to a content is zero before anything is written there.
  return { content, ranges: ranges.filter(({ isHole, offset }) => !isHole || offset < from.size) }
}

const NOTHING = new Uint8Array(0)

/** The content of an item; none of what has none, and of a folder. */
const contentOf = ({ layout }: Pages, known: Inode.Key, value: Uint8Array): Inode.Content | undefined => {
  if (known._tag === "TableEntry") return Table.decodeEntry(layout, value, 0, value.length)
  if (known._tag !== "Inode") return undefined
  const inode = Inode.decode(layout, value, 0, value.length)
  return inode.type === Inode.FOLDER ? undefined : inode.content
}

const tellRest = (pages: Pages, { content, ranges }: Rest, batch: Batch): Rest | undefined => {
  if (ranges.length === 0) return undefined
  const [{ count, isHole, offset }, ...more] = ranges
  if (isHole) {
    batch.add({ _tag: "Hole", offset, count })
    return { content, ranges: more }
  }
  const bytes = new Uint8Array(Math.min(count, transferBounds.writeBytes))
  Content.readContent(pages, content, offset, bytes)
  batch.add({ _tag: "Write", offset, bytes })
  const left = { offset: offset + bytes.length, count: count - bytes.length, isHole: false }
  return { content, ranges: left.count > 0 ? [left, ...more] : more }
}
