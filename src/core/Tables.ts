/**
 * What is done with tables: named, ordered maps from bytes to bytes.
 *
 * - A table is in the registry as long as it is there, empty or not; setting an entry of one that is not there makes it.
 * - The registry counts the entries: whoever adds or removes one changes the count in the same attempt.
 * - A value up to `Table.isInline` stands in its entry; a longer one is a rope, and the rope of a value that is set anew or
 *   removed is given up.
 * - An operation takes time in proportion to the bytes it is given. What could touch any number of pages does a bounded
 *   piece, says whether that was all, and is called again; a transaction makes the pieces one.
 * - Setting an entry seals its attempt, so it is the last operation in it.
 */
import * as BTree from "./BTree.ts"
import * as Bytes from "./Bytes.ts"
import * as Content from "./Content.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import { invariant } from "./Invariant.ts"
import { type Layout, PAGE_BYTES_MAX } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage, demand, type Pages } from "./Pages.ts"
import type * as Pointer from "./Pointer.ts"
import * as Rope from "./Rope.ts"
import * as Table from "./Table.ts"
import * as Spot from "./Spot.ts"
import type { Tree } from "./Tree.ts"

type RootsDraft = Inodes.RootsDraft

const NOTHING = new Uint8Array(0)

// ---- the registry

/** A table and its name. */
export interface Named extends Table.Table {
  readonly name: Uint8Array
}

/** What a tree says of a name. A tree is a value: as long as it is the same, that is. */
interface Known {
  readonly names: Tree
  readonly name: Uint8Array
  readonly table: Table.Table
  /** Where its item stands, for the draft whose tree it is. */
  readonly spot: Spot.Spot | undefined
}

/** What was found or made last, by the end of the name: most operations ask for a table that the one before has asked for. */
const known = Array.from<Known | undefined>({ length: 16 })

const slotOf = (name: Uint8Array): number => (name.length + name[name.length - 1]) % known.length

const knownOf = (names: Tree, name: Uint8Array): Known | undefined => {
  const last = known[slotOf(name)]
  return last !== undefined && last.names === names && Bytes.equal(last.name, name) ? last : undefined
}

/** The table of a name, if it is there. */
export const find = (pages: Pages, names: Tree, name: Uint8Array): Table.Table | undefined => {
  const last = knownOf(names, name)
  if (last !== undefined) return last.table
  const table = decode(BTree.find(pages, names, Table.tableKey(name)))
  if (table !== undefined) known[slotOf(name)] = { names, name, table, spot: undefined }
  return table
}

const decode = (found: BTree.Item | undefined): Table.Table | undefined =>
  found && Table.decode(found.node, found.keyEnd, found.valueEnd)

/** The table of a name, and where its item stands, to which the way is loaded. */
interface Place {
  readonly table: Table.Table | undefined
  readonly spot: Spot.Spot
}

/** A tree with a leaf of a draft is that draft's alone: so a spot in one that is known is the spot of this draft. */
const placeOf = (draft: RootsDraft, name: Uint8Array): Place => {
  const { names } = draft.roots
  const last = knownOf(names, name)
  if (last?.spot !== undefined && Spot.isOwnedStill(draft, last.spot)) return { table: last.table, spot: last.spot }
  const spot = Spot.find(draft, names, Table.tableKey(name))
  return { table: decode(Spot.item(spot)), spot }
}

/** Up to `countMax` tables after the name `after` (from the first one if `undefined`), in the byte order of names. */
export const list = (
  pages: Pages,
  names: Tree,
  after: Uint8Array | undefined,
  countMax: number
): ReadonlyArray<Named> => {
  invariant(countMax > 0, "tables are listed by at least one at a time")
  const prefix = Table.tableKey(NOTHING)
  const from = after === undefined ? prefix : Table.tableKey(after)
  const found: Array<Named> = []
  BTree.ascend(pages, names, from, (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    if (after !== undefined && item.keyEnd - item.keyAt === from.length && BTree.hasPrefix(item, from)) return true
    const name = item.node.slice(item.keyAt + prefix.length, item.keyEnd)
    found.push({ name, ...Table.decode(item.node, item.keyEnd, item.valueEnd) })
    return found.length < countMax
  })
  return found
}

const putTable = (draft: RootsDraft, name: Uint8Array, table: Table.Table): void => {
  if (table.count < 0) throw new CorruptPage(undefined, "a table has more entries than it counts")
  Inodes.putItem(draft, Table.tableKey(name), Table.encode(table))
}

/** Makes the table of a name, unless it is there. */
export const create = (draft: RootsDraft, name: Uint8Array): void => {
  invariant(name.length > 0 && name.length <= Inode.nameBytesMax(draft.layout), "the name of a table was checked")
  if (find(draft, draft.roots.names, name) === undefined) add(draft, name, 0)
}

const add = (draft: RootsDraft, name: Uint8Array, count: number): void => {
  const number = Inodes.nextNumber(draft)
  draft.roots = { ...draft.roots, nextInode: number + 1 }
  putTable(draft, name, { number, count })
}

// ---- reading

const contentAt = (pages: Pages, names: Tree, number: number, key: Uint8Array): Inode.Content | undefined => {
  const found = BTree.find(pages, names, Table.entryProbe(number, key))
  return found === undefined ? undefined : Table.decodeEntry(pages.layout, found.node, found.keyEnd, found.valueEnd)
}

/** The value of a key, as it is stored. `Content.readContent` reads it. */
export const get = (pages: Pages, names: Tree, name: Uint8Array, key: Uint8Array): Inode.Content | undefined => {
  const table = find(pages, names, name)
  return table === undefined ? undefined : contentAt(pages, names, table.number, key)
}

/** Which entries of a table are wanted, and in which order. */
export interface Range {
  /** No key is below it. */
  readonly from: Uint8Array | undefined
  /** Every key is below it. */
  readonly to: Uint8Array | undefined
  /** From the last entry to the first. */
  readonly isReverse: boolean
}

/**
 * An entry. Its value is there if it was wanted and is not too long. What stood on one page is part of one copy of that page: who
 * keeps a small part of it for long should copy it.
 */
export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** How much one call of {@link scan} answers. */
export interface Limits {
  readonly countMax: number
  /** It ends with the entry that reaches as many bytes. A value that is longer alone is left out: it is read by itself. */
  readonly byteCountMax: number
  readonly hasValues: boolean
}

export interface Batch {
  readonly entries: ReadonlyArray<Entry>
  /** Whether there are no more entries in the range. */
  readonly isLast: boolean
}

const ALL: Range = { from: undefined, to: undefined, isReverse: false }
const END: Batch = { entries: [], isLast: true }

/** The first entries of a range. */
export const scan = (pages: Pages, names: Tree, name: Uint8Array, range: Range, limits: Limits): Batch => {
  invariant(limits.countMax > 0, "a table is read by at least one entry at a time")
  const table = find(pages, names, name)
  if (table === undefined) return END
  const missing: Array<Pointer.Pointer> = []
  const entries: Array<Entry> = []
  let byteCount = 0
  let isLast = true
  let page: Uint8Array | undefined
  let copy = NOTHING.buffer
  walk(pages, names, table.number, range, (item) => {
    const { keyEnd, node } = item
    const keyAt = item.keyAt + Inode.PREFIX_BYTES
    byteCount += keyEnd - keyAt
    if (!limits.hasValues) entries.push({ key: node.slice(keyAt, keyEnd), value: undefined })
    else {
      if (node !== page) {
        page = node
        copy = node.slice().buffer
      }
      const size = sizeOf(pages, item)
      byteCount += size
      const key = new Uint8Array(copy, keyAt, keyEnd - keyAt)
      entries.push({ key, value: size > limits.byteCountMax ? undefined : valueOf(pages, item, copy, missing) })
    }
    isLast = entries.length < limits.countMax && byteCount < limits.byteCountMax
    return isLast
  })
  demand(missing)
  return { entries, isLast }
}

const contentOf = (pages: Pages, { keyEnd, node, valueEnd }: BTree.Item): Inode.Content =>
  Table.decodeEntry(pages.layout, node, keyEnd, valueEnd)

const sizeOf = (pages: Pages, item: BTree.Item): number =>
  Table.isInlineEntry(item.node, item.keyEnd, item.valueEnd)
    ? item.valueEnd - item.keyEnd - Table.AT_CONTENT
    : Content.sizeOf(contentOf(pages, item))

/** The value of an entry: out of a copy of its page, if it stands there. */
const valueOf = (pages: Pages, item: BTree.Item, copy: ArrayBuffer, missing: Array<Pointer.Pointer>): Uint8Array => {
  const { keyEnd, node, valueEnd } = item
  const at = keyEnd + Table.AT_CONTENT
  if (Table.isInlineEntry(node, keyEnd, valueEnd)) return new Uint8Array(copy, at, valueEnd - at)
  const content = contentOf(pages, item)
  const value = new Uint8Array(Content.sizeOf(content))
  if (content._tag === "Rope") {
    Rope.gather(pages, Rope.decode(pages.layout, content.encoded, 0), 0, value, missing)
  }
  return value
}

/** Visits the entries of a range in its order; `false` ends it. */
const walk = (pages: Pages, names: Tree, number: number, { from, isReverse, to }: Range, visit: BTree.Visit): void => {
  const prefix = Table.entryKey(number, NOTHING)
  const first = from === undefined ? prefix : Table.entryKey(number, from)
  const end = to === undefined ? Table.endKey(number) : Table.entryKey(number, to)
  const onItem = (item: BTree.Item): boolean => {
    const { keyAt, keyEnd, node } = item
    // A walk begins in the range; downwards with the end itself, if an item has this key, which is not in it.
    const isBelow = isReverse && Bytes.compare(node, keyAt, keyEnd, first, 0, first.length) < 0
    const isAbove = Bytes.compare(node, keyAt, keyEnd, end, 0, end.length) >= 0
    return isBelow || isAbove ? isReverse && !isBelow : visit(item)
  }
  if (isReverse) BTree.descend(pages, names, end, onItem)
  else BTree.ascend(pages, names, first, onItem)
}

// ---- changing

/** An item on its way into its page. */
const scratch = new Uint8Array(PAGE_BYTES_MAX)

const putEntry = (draft: RootsDraft, number: number, key: Uint8Array, content: Inode.Content): void =>
  Inodes.putBeside(draft, Table.entryProbe(number, key), scratch, Table.writeEntry(content, scratch))

const make = (draft: RootsDraft, key: Uint8Array, value: Uint8Array): Inode.Content =>
  Table.isInline(draft.layout, key.length, value.length)
    ? { _tag: "Inline", bytes: value }
    : Content.makeRope(draft, value)

const checkKey = (layout: Layout, key: Uint8Array): void =>
  invariant(key.length <= Table.keyBytesMax(layout), "the length of a table's key was checked")

/**
 * Sets the value of a key. Answers whether that is done: a long value that was there is given up in pieces first, and it goes on
 * when called again.
 */
export const put = (draft: RootsDraft, name: Uint8Array, key: Uint8Array, value: Uint8Array): boolean => {
  checkKey(draft.layout, key)
  invariant(name.length > 0 && name.length <= Inode.nameBytesMax(draft.layout), "the name of a table was checked")
  const { spot: place, table } = placeOf(draft, name)
  const number = table?.number ?? Inodes.nextNumber(draft)
  const spot = Spot.find(draft, draft.roots.names, Table.entryProbe(number, key))
  const before = Spot.item(spot)
  if (before !== undefined && !Table.isInlineEntry(before.node, before.keyEnd, before.valueEnd)) {
    const content = Table.decodeEntry(draft.layout, before.node, before.keyEnd, before.valueEnd)
    if (!giveUp(draft, number, key, content)) return false
  }
  // The ways to both items are loaded now, and the value is a rope of pages in memory.
  draft.seal()
  const count = (table?.count ?? 0) + (before === undefined ? 1 : 0)
  const entryBytes = Table.writeEntry(make(draft, key, value), scratch)
  Inodes.changeBeside(draft, Spot.put(draft, draft.roots.names, spot, scratch, entryBytes))
  if (table === undefined) add(draft, name, count)
  else if (count > table.count) {
    Inodes.changeBeside(draft, Spot.put(draft, draft.roots.names, place, Table.encode({ number, count })))
  }
  known[slotOf(name)] = { names: draft.roots.names, name, table: { number, count }, spot: place }
  return true
}

/** Writes at the end of a value that is there: what is too long for one call is set in chunks. */
export const append = (draft: RootsDraft, name: Uint8Array, key: Uint8Array, bytes: Uint8Array): void => {
  const { names } = draft.roots
  const table = find(draft, names, name)
  const before = table && contentAt(draft, names, table.number, key)
  invariant(table !== undefined && before !== undefined, "a value was set before more of it is")
  const plan = Content.planWrite(draft, before, Content.sizeOf(before), bytes.length)
  draft.seal()
  putEntry(draft, table.number, key, Content.appended(draft, before, bytes, plan))
}

/** Gives up the rope of a value, or a bounded piece of it: then what is left is put back. Answers whether that was all. */
const giveUp = (draft: RootsDraft, number: number, key: Uint8Array, content: Inode.Content): boolean => {
  if (content._tag === "Inline") return true
  const rest = Content.cutOff(draft, content, 0)
  if (rest._tag === "Inline") return true
  putEntry(draft, number, key, rest)
  return false
}

/** What {@link remove} has come to: `More` if it is to be called again. */
export type Removal = "Missing" | "Removed" | "More"

/** Removes an entry. */
export const remove = (draft: RootsDraft, name: Uint8Array, key: Uint8Array): Removal => {
  const table = find(draft, draft.roots.names, name)
  const content = table && contentAt(draft, draft.roots.names, table.number, key)
  if (table === undefined || content === undefined) return "Missing"
  if (!giveUp(draft, table.number, key, content)) return "More"
  Inodes.removeItem(draft, Table.entryKey(table.number, key))
  putTable(draft, name, { ...table, count: table.count - 1 })
  return "Removed"
}

/**
 * Removes up to `countMax` entries, from the first on, and of long values about a piece; less than all if that does. Answers
 * whether none is left; it goes on when called again.
 */
export const clear = (draft: RootsDraft, name: Uint8Array, countMax: number): boolean => {
  invariant(countMax > 0, "a table is cleared by at least one entry at a time")
  const table = find(draft, draft.roots.names, name)
  if (table === undefined) return true
  const { count, number } = table
  const some: Array<readonly [Uint8Array, Inode.Content]> = []
  const byteCountMax = Content.pieceBytes(draft.layout)
  let byteCount = 0
  let isLast = true
  walk(draft, draft.roots.names, number, ALL, (item) => {
    const content = contentOf(draft, item)
    some.push([item.node.slice(item.keyAt + Inode.PREFIX_BYTES, item.keyEnd), content])
    byteCount += Content.sizeOf(content)
    isLast = some.length < countMax && byteCount < byteCountMax
    return isLast
  })
  loadRopes(
    draft,
    some.map(([, content]) => content)
  )
  let removed = 0
  for (const [key, content] of some) {
    if (!giveUp(draft, number, key, content)) break
    Inodes.removeItem(draft, Table.entryKey(number, key))
    removed++
  }
  if (removed > 0) putTable(draft, name, { number, count: count - removed })
  return isLast && removed === some.length
}

/** Loads the branches that ropes begin with in one batch: a miss for each of them would begin the attempt anew each time. */
const loadRopes = (draft: RootsDraft, contents: ReadonlyArray<Inode.Content>): void => {
  const missing: Array<Pointer.Pointer> = []
  for (const content of contents) {
    if (content._tag === "Inline") continue
    const { level, link } = Rope.decode(draft.layout, content.encoded, 0)
    if (level > 0) draft.peek(link, 0, Node.ROPE, level, missing)
  }
  demand(missing)
}

/** Removes a table with its entries, as many of them in one call as {@link clear} does. Answers whether it is gone. */
export const drop = (draft: RootsDraft, name: Uint8Array, countMax: number): boolean => {
  if (!clear(draft, name, countMax)) return false
  Inodes.removeItem(draft, Table.tableKey(name))
  return true
}
