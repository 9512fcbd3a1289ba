/**
 * Pages that the newest root no longer reaches and some snapshot still does: one list a snapshot.
 *
 * - Key: snapshot's generation (6, big-endian) | address (6, big-endian). Value: birth (6) | pages (6).
 * - A page of birth b that dies goes on the list of the newest snapshot, if that one has generation >= b; else nobody sees it
 *   and it is free. So the list of s holds what s sees and no newer snapshot does, nor the current root.
 * - Deleting s touches its list only: each entry moves to the newest snapshot before s, if that one sees it, or becomes free.
 * - One snapshot a page: no reference counts.
 */
import * as BTree from "./BTree.ts"
import { readUint48, readUint48Key, writeUint48, writeUint48Key } from "./Bytes.ts"
import type { DeadExtent, Draft } from "./Draft.ts"
import * as Extent from "./Extent.ts"
import { LEAF_CELL_HEADER_BYTES, NODE_HEADER_BYTES, SLOT_BYTES } from "./Layout.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import type { Roots } from "./Roots.ts"
import * as Snapshots from "./Snapshots.ts"
import type { Tree } from "./Tree.ts"

const KEY_BYTES = 12
const VALUE_BYTES = 12

interface Entry {
  readonly snapshot: number
  readonly address: number
  readonly birth: number
  readonly pageCount: number
}

const keyOf = (snapshot: number, address: number): Uint8Array => {
  const key = new Uint8Array(KEY_BYTES)
  writeUint48Key(key, 0, snapshot)
  writeUint48Key(key, 6, address)
  return key
}

const put = (draft: Draft<Roots>, { address, birth, pageCount, snapshot }: Entry): void => {
  const value = new Uint8Array(VALUE_BYTES)
  writeUint48(value, 0, birth)
  writeUint48(value, 6, pageCount)
  const deadlists = BTree.put(draft, draft.roots.deadlists, keyOf(snapshot, address), value)
  draft.roots = { ...draft.roots, deadlists }
}

/** Visits entries in key order from `from` on; `false` ends it. */
const ascend = (pages: Pages, deadlists: Tree, from: Uint8Array | undefined, visit: (entry: Entry) => boolean): void =>
  BTree.ascend(pages, deadlists, from, (item) => {
    BTree.expectKeyBytes(item, KEY_BYTES)
    if (item.valueEnd - item.keyEnd !== VALUE_BYTES)
      throw new CorruptPage(undefined, "a deadlist's entry makes no sense")
    return visit({
      snapshot: readUint48Key(item.node, item.keyAt),
      address: readUint48Key(item.node, item.keyAt + 6),
      birth: readUint48(item.node, item.keyEnd),
      pageCount: readUint48(item.node, item.keyEnd + 6)
    })
  })

/** Puts on a list what a snapshot still sees of `dead`, and answers the rest: pages that are free. */
export const record = (draft: Draft<Roots>, dead: ReadonlyArray<DeadExtent>): ReadonlyArray<DeadExtent> => {
  const snapshot = Snapshots.newest(draft, draft.roots.snapshots)
  if (snapshot === 0) return dead
  const isSeen = ({ birth, bookkeeping }: DeadExtent): boolean => !bookkeeping && birth <= snapshot
  draft.bookkeeping = true
  for (const { address, birth, pageCount } of dead.filter(isSeen)) put(draft, { snapshot, address, birth, pageCount })
  draft.bookkeeping = false
  return dead.filter((extent) => !isSeen(extent))
}

/** Bytes of an entry in its leaf. */
const ITEM_BYTES = KEY_BYTES + VALUE_BYTES + LEAF_CELL_HEADER_BYTES + SLOT_BYTES
/** Pages on the way to an entry, which its leaf is not counted with. */
const PATH_PAGES = 4

/** What the commit of a draft releases for all, and the pages that the lists of the rest take at most; see {@link record}. */
export const outlook = (draft: Draft<Roots>): { readonly releasedPages: number; readonly listPages: number } => {
  const { dead, layout, roots } = draft
  const snapshot = Snapshots.newest(draft, roots.snapshots)
  let releasedPages = 0
  let entries = 0
  for (const { birth, bookkeeping, pageCount } of dead) {
    if (bookkeeping || birth > snapshot) releasedPages += pageCount
    else entries++
  }
  const pages = Math.ceil((2 * entries * ITEM_BYTES) / (layout.pageBytes - NODE_HEADER_BYTES))
  return { releasedPages, listPages: entries === 0 ? 0 : pages + PATH_PAGES }
}

/**
 * Takes up to `entriesMax` entries off the list of a snapshot that is being deleted and is not in the snapshot tree any more.
 * What no older snapshot sees is declared dead, outside of every list. Answers whether the list is empty.
 */
export const dissolve = (draft: Draft<Roots>, snapshot: number, entriesMax: number): boolean => {
  const entries = some(draft, snapshot, snapshot, entriesMax)
  const older = Snapshots.newest(draft, draft.roots.snapshots, snapshot)
  draft.bookkeeping = true
  for (const entry of entries) {
    drop(draft, entry)
    if (older > 0 && entry.birth <= older) put(draft, { ...entry, snapshot: older })
    else draft.release(entry.address, entry.pageCount, entry.birth)
  }
  draft.bookkeeping = false
  return entries.length < entriesMax
}

/** The first entries, up to `countMax`, on the lists of snapshots in [from, to]. */
const some = (draft: Draft<Roots>, from: number, to: number, countMax: number): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  ascend(draft, draft.roots.deadlists, keyOf(from, 0), (entry) => {
    if (entry.snapshot <= to) entries.push(entry)
    return entry.snapshot <= to && entries.length < countMax
  })
  return entries
}

const drop = (draft: Draft<Roots>, { address, snapshot }: Entry): void => {
  const deadlists = BTree.remove(draft, draft.roots.deadlists, keyOf(snapshot, address))
  draft.roots = { ...draft.roots, deadlists }
}

/**
 * Takes up to `entriesMax` entries off the lists of a snapshot and of all after it, which go with a rollback to it: what it
 * sees itself lives again, the rest is dead outside of every list. Answers whether the lists are empty.
 */
export const revive = (draft: Draft<Roots>, snapshot: number, entriesMax: number): boolean => {
  const entries = some(draft, snapshot, Number.POSITIVE_INFINITY, entriesMax)
  draft.bookkeeping = true
  for (const entry of entries) {
    drop(draft, entry)
    if (entry.birth > snapshot) draft.release(entry.address, entry.pageCount, entry.birth)
  }
  draft.bookkeeping = false
  return entries.length < entriesMax
}

/** All pages on lists: for a check. */
export const all = (pages: Pages, deadlists: Tree): Extent.ExtentSet => {
  const extents: Array<readonly [number, number]> = []
  ascend(pages, deadlists, undefined, ({ address, pageCount }) => {
    extents.push([address, pageCount])
    return true
  })
  return Extent.fromUnsorted(extents)
}
