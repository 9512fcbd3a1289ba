/**
 * What differs between two states of the files: entries that were added, removed, renamed, and what changed in them.
 *
 * - Entries of tables are told as they are; those of a table that is gone are gone with it. The volume's own tables are not told.
 * - Inodes are compared by their number: a file that has another name in the second state was renamed, and one of the same name
 *   and another number was removed and added.
 * - A folder that was renamed is one change: what is in it moved along. A folder that was added or removed is told with all that
 *   is in it.
 * - The cost is in proportion to the change: `TreeDifference` passes over what both states share, and paths are found from below.
 * - A {@link State} is a value: a step that misses pages is run again from it.
 */
import { equal } from "./Bytes.ts"
import * as Folder from "./Folder.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import type { Pages } from "./Pages.ts"
import * as Parents from "./Parents.ts"
import * as Rope from "./Rope.ts"
import * as RopeDifference from "./RopeDifference.ts"
import * as Table from "./Table.ts"
import * as Tables from "./Tables.ts"
import type { Tree } from "./Tree.ts"
import * as TreeDifference from "./TreeDifference.ts"

/** Bytes of the second state, from `offset` on. */
export interface ByteRange {
  readonly offset: number
  readonly count: number
}

export type Change =
  | { readonly _tag: "Added"; readonly path: string; readonly type: Inode.Type }
  | { readonly _tag: "Removed"; readonly path: string; readonly type: Inode.Type }
  | { readonly _tag: "Renamed"; readonly path: string; readonly from: string; readonly type: Inode.Type }
  | {
      readonly _tag: "Changed"
      readonly path: string
      readonly type: Inode.Type
      /** Bytes that are others than before, up to the new size. */
      readonly ranges: ReadonlyArray<ByteRange>
      readonly sizeBefore: number
      readonly size: number
      /** Whether mode, owner, times or extended attributes are others; of a folder, times do not count. */
      readonly hasOtherAttributes: boolean
    }
  | { readonly _tag: "TableAdded" | "TableRemoved"; readonly table: string }
  /** An entry that was added, or has another value. */
  | { readonly _tag: "EntrySet"; readonly table: string; readonly key: Uint8Array; readonly isNew: boolean }
  | { readonly _tag: "EntryRemoved"; readonly table: string; readonly key: Uint8Array }

/** What the items of one number say together. */
interface Subject {
  readonly number: number
  readonly hasOtherAttributes: boolean
}

/** A folder that is there in one state only, of which the entries after a name are still to be told. */
interface Listing {
  readonly tag: "Added" | "Removed"
  readonly folder: number
  readonly path: string
  readonly after: Uint8Array | undefined
}

export interface State {
  readonly before: Tree
  readonly after: Tree
  readonly items: TreeDifference.State
  readonly subject: Subject | undefined
  readonly listings: ReadonlyArray<Listing>
}

/** Items that one step compares, and entries that it lists. */
const STEP_COUNT = 256

/** Before the first change. `since` is the generation of the state before. */
export const begin = (pages: Pages, before: Tree, after: Tree, since: number): State => ({
  before,
  after,
  items: TreeDifference.begin(pages.layout, before, after, since),
  subject: undefined,
  listings: []
})

export const isDone = ({ items, listings, subject }: State): boolean =>
  subject === undefined && listings.length === 0 && TreeDifference.isDone(items)

/** What a step comes to: the state after it, and what it has found. */
export interface Step {
  readonly state: State
  readonly changes: ReadonlyArray<Change>
}

export const step = (pages: Pages, state: State): Step => {
  const listing = state.listings.at(-1)
  if (listing !== undefined) return list(pages, { ...state, listings: state.listings.slice(0, -1) }, listing)
  const { changes: items, state: next } = TreeDifference.step(pages, state.items, STEP_COUNT)
  const found: Array<Change> = []
  const listings: Array<Listing> = []
  let { subject } = state
  const settle = (): void => {
    if (subject !== undefined) found.push(...tell(pages, state, subject, listings))
    subject = undefined
  }
  const tables = new TableNames(pages, state.after)
  for (const item of items) {
    const known = Inode.decodeKey(item.key)
    if (known._tag === "Table") found.push(...tellTable(known.name, item))
    if (known._tag === "TableEntry") found.push(...tellEntry(tables, known, item))
    // What entries say is said by the parent items of what they name.
    if (known._tag !== "Inode" && known._tag !== "Attribute" && known._tag !== "Parent") continue
    const { number } = known
    if (subject?.number !== number) settle()
    const isAttribute = known._tag === "Attribute"
    subject = { number, hasOtherAttributes: isAttribute || (subject?.hasOtherAttributes ?? false) }
  }
  if (TreeDifference.isDone(next)) settle()
  return { state: { ...state, items: next, subject, listings }, changes: found }
}

// ---- one inode

/** An entry with its path, and whether its folder lives in the other state as well. */
interface Named extends Parents.Parent {
  readonly path: string
  readonly isFolderShared: boolean
}

const namesOf = (pages: Pages, names: Tree, other: Tree, number: number): ReadonlyArray<Named> =>
  Parents.of(pages, names, number).flatMap(({ folder, name }) => {
    const path = Parents.folderPath(pages, names, folder)
    if (path === undefined) return []
    const isFolderShared = Parents.folderPath(pages, other, folder) !== undefined
    return [{ folder, name, path: Parents.join(path, name), isFolderShared }]
  })

const isSameEntry = (a: Parents.Parent, b: Parents.Parent): boolean => a.folder === b.folder && equal(a.name, b.name)

const tell = (
  pages: Pages,
  { after, before }: State,
  { hasOtherAttributes, number }: Subject,
  listings: Array<Listing>
): ReadonlyArray<Change> => {
  const [old, now] = [Inodes.get(pages, before, number), Inodes.get(pages, after, number)]
  if (number === Inode.ROOT) {
    return old === undefined || now === undefined ? [] : changed(pages, "/", old, now, hasOtherAttributes)
  }
  const oldNames = old === undefined ? [] : namesOf(pages, before, after, number)
  const newNames = now === undefined ? [] : namesOf(pages, after, before, number)
  const gone = oldNames.filter((one) => !newNames.some((other) => isSameEntry(one, other)))
  const come = newNames.filter((one) => !oldNames.some((other) => isSameEntry(one, other)))
  if (old === undefined || now === undefined || oldNames.length === 0 || newNames.length === 0) {
    const [tag, names, inode] =
      newNames.length === 0 ? (["Removed", gone, old] as const) : (["Added", come, now] as const)
    // What is in a folder that is added or removed itself is told with it.
    return names.flatMap(({ isFolderShared, path }): ReadonlyArray<Change> => {
      if (inode === undefined || !isFolderShared) return []
      if (inode.type === Inode.FOLDER) listings.push({ tag, folder: number, path, after: undefined })
      return [{ _tag: tag, path, type: inode.type }]
    })
  }
  const found: Array<Change> = []
  const { type } = now
  come.forEach(({ path }, i) =>
    found.push(i < gone.length ? { _tag: "Renamed", path, from: gone[i].path, type } : { _tag: "Added", path, type })
  )
  gone.slice(come.length).forEach(({ path }) => found.push({ _tag: "Removed", path, type }))
  found.push(...changed(pages, newNames[0].path, old, now, hasOtherAttributes))
  return found
}

const changed = (
  pages: Pages,
  path: string,
  old: Inode.Inode,
  now: Inode.Inode,
  areAttributesChanged: boolean
): ReadonlyArray<Change> => {
  const isFolder = now.type === Inode.FOLDER
  const hasOtherAttributes =
    areAttributesChanged ||
    old.mode !== now.mode ||
    old.uid !== now.uid ||
    old.gid !== now.gid ||
    (!isFolder &&
      (old.modifyTime !== now.modifyTime || old.accessTime !== now.accessTime || old.birthTime !== now.birthTime))
  const ranges = isFolder ? [] : rangesOf(pages, old.content, now.content)
  if (!hasOtherAttributes && ranges.length === 0 && (isFolder || old.size === now.size)) return []
  const [sizeBefore, size] = isFolder ? [0, 0] : [old.size, now.size]
  return [{ _tag: "Changed", path, type: now.type, ranges, sizeBefore, size, hasOtherAttributes }]
}

const rangesOf = (pages: Pages, old: Inode.Content, now: Inode.Content): ReadonlyArray<ByteRange> => {
  if (now._tag === "Inline")
    return old._tag === "Inline" ? inlineRange(old.bytes, now.bytes) : wholeOf(now.bytes.length)
  if (old._tag === "Inline") return wholeOf(now.size)
  const { layout } = pages
  const before = Rope.decode(layout, old.encoded, 0)
  const joined: Array<ByteRange> = []
  for (const { count, offset } of RopeDifference.ranges(pages, before, Rope.decode(layout, now.encoded, 0))) {
    const last = joined.at(-1)
    if (last === undefined || last.offset + last.count < offset) joined.push({ offset, count })
    else joined[joined.length - 1] = { offset: last.offset, count: offset + count - last.offset }
  }
  return joined
}

const wholeOf = (count: number): ReadonlyArray<ByteRange> => (count === 0 ? [] : [{ offset: 0, count }])

/** From the first byte that differs to the last one, from where the new content has more than the old. */
const inlineRange = (old: Uint8Array, now: Uint8Array): ReadonlyArray<ByteRange> => {
  let start = 0
  while (start < now.length && start < old.length && old[start] === now[start]) start++
  let end = now.length
  if (old.length === now.length) while (end > start && old[end - 1] === now[end - 1]) end--
  return start === end ? [] : [{ offset: start, count: end - start }]
}

// ---- tables

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The names of the tables of the second state by their numbers, listed once one is asked for. */
class TableNames {
  readonly #pages: Pages
  readonly #names: Tree
  #byNumber: ReadonlyMap<number, Uint8Array> | undefined

  constructor(pages: Pages, names: Tree) {
    this.#pages = pages
    this.#names = names
  }

  of(number: number): Uint8Array | undefined {
    this.#byNumber ??= new Map(
      Tables.list(this.#pages, this.#names, undefined, Number.POSITIVE_INFINITY).map((one) => [one.number, one.name])
    )
    return this.#byNumber.get(number)
  }
}

const tellTable = (name: Uint8Array, { after, before }: TreeDifference.Change): ReadonlyArray<Change> => {
  const numberOf = (value: Uint8Array | undefined) => value && Table.decode(value, 0, value.length).number
  const table = decoder.decode(name)
  const [old, now] = [numberOf(before), numberOf(after)]
  if (Table.isOwn(name) || old === now) return []
  const changes: Array<Change> = []
  if (old !== undefined) changes.push({ _tag: "TableRemoved", table })
  if (now !== undefined) changes.push({ _tag: "TableAdded", table })
  return changes
}

const tellEntry = (
  tables: TableNames,
  { key, number }: Inode.Key & { readonly _tag: "TableEntry" },
  { after, before }: TreeDifference.Change
): ReadonlyArray<Change> => {
  const name = tables.of(number)
  if (name === undefined || Table.isOwn(name)) return []
  const table = decoder.decode(name)
  if (after === undefined) return [{ _tag: "EntryRemoved", table, key }]
  return [{ _tag: "EntrySet", table, key, isNew: before === undefined }]
}

// ---- what is in a folder

/** Tells some entries of a folder that is in one state only. What lives in the other one has been renamed, and is told there. */
const list = (pages: Pages, state: State, { after, folder, path, tag }: Listing): Step => {
  const [names, other] = tag === "Added" ? [state.after, state.before] : [state.before, state.after]
  const entries = Folder.entries(pages, names, folder, after, STEP_COUNT)
  const listings = [...state.listings]
  if (entries.length === STEP_COUNT) listings.push({ tag, folder, path, after: entries[STEP_COUNT - 1].name })
  const changes: Array<Change> = []
  for (const { name, number, type } of entries) {
    if (Inodes.get(pages, other, number) !== undefined && namesOf(pages, other, names, number).length > 0) continue
    const entryPath = Parents.join(path, name)
    changes.push({ _tag: tag, path: entryPath, type })
    if (type === Inode.FOLDER) listings.push({ tag, folder: number, path: entryPath, after: undefined })
  }
  return { state: { ...state, listings }, changes }
}
