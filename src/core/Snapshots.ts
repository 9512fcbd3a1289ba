/**
 * The snapshots of a volume: states that were committed and stay whole.
 *
 * - A snapshot names the root of its generation s: it sees the pages of user trees with birth <= s that had not died by s. Its
 *   item holds that root's tree of names, which is known when the commit is planned; so a transaction only notes that it wants one
 *   (`Roots.pending`), and the plan puts it into the tree (`insert`) and fills it in (`complete`).
 * - The items belong to the bookkeeping: no snapshot sees the snapshot tree.
 * - Keys, by a tag of one byte: 0, generation (6, big-endian): the snapshot. 1, name: its generation (6). 2, generation (6,
 *   big-endian) of a rollback: the generation that it went back to (6).
 * - The value of a snapshot: version (1), names tree (level 1, pointer), id (16), time (8), next inode
 *   (6), inodes (6), name.
 */
import * as BTree from "./BTree.ts"
import * as Bytes from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import type { PendingSnapshot, Roots } from "./Roots.ts"
import type { Tree } from "./Tree.ts"

export const ID_BYTES = 16
const VERSION = 1
const TAG_SNAPSHOT = 0
const TAG_NAME = 1
const TAG_ROLLBACK = 2
const GENERATION_KEY_BYTES = 7
const NAME_BYTES_MAX = 255

export interface Snapshot {
  readonly generation: number
  readonly name: Uint8Array
  readonly id: Uint8Array
  /** When it was asked for, in nanoseconds since 1970. */
  readonly time: bigint
  readonly names: Tree
  readonly nextInode: number
  readonly inodeCount: number
}

// ---- keys

const generationKey = (tag: number, generation: number): Uint8Array => {
  const bytes = new Uint8Array(GENERATION_KEY_BYTES)
  bytes[0] = tag
  Bytes.writeUint48Key(bytes, 1, generation)
  return bytes
}

export const key = (generation: number): Uint8Array => generationKey(TAG_SNAPSHOT, generation)

const nameKey = (name: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + name.length)
  bytes[0] = TAG_NAME
  bytes.set(name, 1)
  return bytes
}

const generationValue = (generation: number): Uint8Array => {
  const bytes = new Uint8Array(6)
  Bytes.writeUint48(bytes, 0, generation)
  return bytes
}

/** Whether a name is that of one of the volume's own snapshots, which its users do not see. */
export const isOwn = (name: Uint8Array): boolean => name[0] === 0

/** The longest name that a snapshot can have, in bytes. */
export const nameBytesMax = (layout: Layout): number => Math.min(NAME_BYTES_MAX, layout.keyBytesMax - 1)

// ---- the item

/** Where the parts of a value stand. */
const places = ({ pointerBytes }: Layout) => {
  const names = 1
  const id = names + 1 + pointerBytes
  const time = id + ID_BYTES
  const nextInode = time + 8
  const inodeCount = nextInode + 6
  return { names, id, time, nextInode, inodeCount, name: inodeCount + 6 }
}

const corrupt = (reason: string): CorruptPage => new CorruptPage(undefined, reason)

const readTree = (layout: Layout, bytes: Uint8Array, at: number, generation: number): Tree => {
  const level = bytes[at]
  const link = bytes.slice(at + 1, at + 1 + layout.pointerBytes)
  const isNull = Pointer.isNull(layout, link, 0)
  if (level > Node.LEVEL_MAX || (isNull && level > 0)) throw corrupt("a snapshot's tree makes no sense")
  if (!isNull && Pointer.fault(layout, link, 0, generation, 1) !== undefined) {
    throw corrupt("a snapshot's pointer makes no sense")
  }
  return { level, link }
}

const decode = (layout: Layout, item: BTree.Item): Snapshot => {
  BTree.expectKeyBytes(item, GENERATION_KEY_BYTES)
  const generation = Bytes.readUint48Key(item.node, item.keyAt + 1)
  const bytes = item.node.slice(item.keyEnd, item.valueEnd)
  const at = places(layout)
  if (bytes.length <= at.name || bytes.length > at.name + nameBytesMax(layout)) {
    throw corrupt("the item of a snapshot has the wrong length")
  }
  if (bytes[0] !== VERSION) throw corrupt(`a snapshot has the unknown version ${bytes[0]}`)
  return {
    generation,
    names: readTree(layout, bytes, at.names, generation),
    id: bytes.slice(at.id, at.time),
    time: Bytes.readInt64(bytes, at.time),
    nextInode: Bytes.readUint48(bytes, at.nextInode),
    inodeCount: Bytes.readUint48(bytes, at.inodeCount),
    name: bytes.slice(at.name)
  }
}

// ---- reading

/** The newest snapshot at or below a generation (of all, if none is given), or 0 where there is none. */
export const newest = (pages: Pages, snapshots: Tree, atMost = Bytes.UINT48_END - 1): number => {
  let found = 0
  BTree.descend(pages, snapshots, key(atMost), (item) => {
    if (item.node[item.keyAt] !== TAG_SNAPSHOT) return false
    BTree.expectKeyBytes(item, GENERATION_KEY_BYTES)
    found = Bytes.readUint48Key(item.node, item.keyAt + 1)
    return false
  })
  return found
}

/** The snapshot of a generation. */
export const at = (pages: Pages, snapshots: Tree, generation: number): Snapshot | undefined => {
  const item = BTree.find(pages, snapshots, key(generation))
  return item === undefined ? undefined : decode(pages.layout, item)
}

/** The snapshot of a name. */
export const named = (pages: Pages, snapshots: Tree, name: Uint8Array): Snapshot | undefined => {
  const item = BTree.find(pages, snapshots, nameKey(name))
  if (item === undefined) return undefined
  const bytes = BTree.value(item)
  if (bytes.length !== 6) throw corrupt("the name of a snapshot makes no sense")
  const found = at(pages, snapshots, Bytes.readUint48(bytes, 0))
  if (found === undefined) throw corrupt("a name stands for a snapshot that is not there")
  return found
}

/** The snapshot of an id, by a walk over all. */
export const withId = (pages: Pages, snapshots: Tree, id: Uint8Array): Snapshot | undefined =>
  list(pages, snapshots, 0, Number.POSITIVE_INFINITY).find((one) => Bytes.equal(one.id, id))

/** Up to `countMax` snapshots, oldest first, of a generation above `after`. */
export const list = (pages: Pages, snapshots: Tree, after: number, countMax: number): ReadonlyArray<Snapshot> => {
  const found: Array<Snapshot> = []
  BTree.ascend(pages, snapshots, key(after + 1), (item) => {
    if (item.node[item.keyAt] !== TAG_SNAPSHOT) return false
    found.push(decode(pages.layout, item))
    return found.length < countMax
  })
  return found
}

/**
 * Whether a rollback has abandoned what was committed as `generation`: one later than it went back to a generation below it.
 */
export const isAbandoned = (pages: Pages, snapshots: Tree, generation: number): boolean => {
  let abandoned = false
  BTree.ascend(pages, snapshots, generationKey(TAG_ROLLBACK, generation + 1), (item) => {
    if (item.node[item.keyAt] !== TAG_ROLLBACK) return false
    abandoned = Bytes.readUint48(item.node, item.keyEnd) < generation
    return !abandoned
  })
  return abandoned
}

// ---- changing

const put = (draft: Draft<Roots>, at: Uint8Array, value: Uint8Array): void => {
  draft.roots = { ...draft.roots, snapshots: BTree.put(draft, draft.roots.snapshots, at, value) }
}

const drop = (draft: Draft<Roots>, at: Uint8Array): void => {
  draft.roots = { ...draft.roots, snapshots: BTree.remove(draft, draft.roots.snapshots, at) }
}

/** Runs an edit of the snapshot tree, whose pages no snapshot sees. */
const keepingBooks = (draft: Draft<Roots>, edit: () => void): void => {
  const before = draft.bookkeeping
  draft.bookkeeping = true
  edit()
  draft.bookkeeping = before
}

/** Why a snapshot is not taken: its name is, or the transaction takes one already, which has this name. */
export interface Taken {
  readonly name: Uint8Array
  readonly isPending: boolean
}

/** Has the draft take a snapshot of what it commits; answers why not, if so. */
export const request = (draft: Draft<Roots>, wanted: PendingSnapshot): Taken | undefined => {
  const { pending, snapshots } = draft.roots
  if (pending.snapshot !== undefined) return { name: pending.snapshot.name, isPending: true }
  if (named(draft, snapshots, wanted.name) !== undefined) return { name: wanted.name, isPending: false }
  draft.roots = { ...draft.roots, pending: { ...pending, snapshot: wanted } }
  draft.changeCount++
  return undefined
}

/** Puts the snapshot that the draft wants into the tree; its trees are not known yet. */
export const insert = (draft: Draft<Roots>, { id, name, time }: PendingSnapshot): void => {
  const { generation, layout, roots } = draft
  const at = places(layout)
  const value = new Uint8Array(at.name + name.length)
  value[0] = VERSION
  value.set(id, at.id)
  Bytes.writeUint64(value, at.time, time)
  Bytes.writeUint48(value, at.nextInode, roots.nextInode)
  Bytes.writeUint48(value, at.inodeCount, roots.inodeCount)
  value.set(name, at.name)
  keepingBooks(draft, () => {
    put(draft, key(generation), value)
    put(draft, nameKey(name), generationValue(generation))
  })
}

/** Fills in the tree of the snapshot that {@link insert} has put there, in place: it has an address now. */
export const complete = (draft: Draft<Roots>, { level, link }: Tree): void => {
  const item = BTree.find(draft, draft.roots.snapshots, key(draft.generation))
  invariant(item !== undefined, "a snapshot was inserted before it is completed")
  const at = item.keyEnd + places(draft.layout).names
  item.node[at] = level
  item.node.set(link, at + 1)
}

/** Takes a snapshot out of the tree; its deadlist is still to be dissolved. */
export const remove = (draft: Draft<Roots>, { generation, name }: Snapshot): void =>
  keepingBooks(draft, () => {
    drop(draft, key(generation))
    drop(draft, nameKey(name))
  })

/** Notes that the volume went back to `generation`: what was committed after it is abandoned. */
export const noteRollback = (draft: Draft<Roots>, generation: number): void =>
  keepingBooks(draft, () => put(draft, generationKey(TAG_ROLLBACK, draft.generation), generationValue(generation)))
