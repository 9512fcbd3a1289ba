/**
 * What a single node says, and where it leads: one step of a `CheckWalk`.
 *
 * - A node comes here after its checksum and its own structure were found right (`Node.fault`).
 * - What must hold between a node and the nodes above it is checked here: bounds of keys, sums of spans.
 */
import { compare, isZero, readUint16, readUint48 } from "./Bytes.ts"
import * as CheckItem from "./CheckItem.ts"
import type { CheckNames } from "./CheckNames.ts"
import type { Problems } from "./CheckReport.ts"
import type { CheckSnapshots } from "./CheckSnapshots.ts"
import type { CheckSpace } from "./CheckSpace.ts"
import { type Layout, NODE_HEADER_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import type * as Pointer from "./Pointer.ts"

/** What the way to a page says of it. */
export interface Hints {
  /** The tree that a tree node is part of. */
  readonly tree: "names" | "snapshots" | "deadlists"
  /** Whether it is looked at for a snapshot: what hangs under it is verified, and not counted. */
  readonly isOfSnapshot: boolean
  /** The inode whose content it is, or the table that the content is a value of. */
  readonly inode: number | undefined
  /** Bounds of the keys of a tree node: not below `low`, below `high`. */
  readonly low: Uint8Array | undefined
  readonly high: Uint8Array | undefined
  /** Bytes of content under a rope branch or in a data run. */
  readonly span: number
  /** Of a node of the free map among those of its level. */
  readonly index: number
}

/** A page still to be read. */
export interface Step extends Hints {
  readonly pointer: Pointer.Pointer
}

export const NO_HINTS: Hints = {
  tree: "names",
  isOfSnapshot: false,
  inode: undefined,
  low: undefined,
  high: undefined,
  span: 0,
  index: 0
}

/** What holds a pointer. A root record has no address among the pages. */
export interface Holder {
  readonly address: number | undefined
  readonly birth: number
}

/** Where a node reports to and leads on. */
export interface Way {
  readonly layout: Layout
  readonly problems: Problems
  readonly names: CheckNames
  readonly snapshots: CheckSnapshots
  readonly space: CheckSpace
  /** Checks the pointer at `bytes[at]`, claims its pages, and follows it unless it is null. */
  readonly follow: (holder: Holder, bytes: Uint8Array, at: number, kind: number, level: number, hints: Hints) => void
  /** Something makes no sense that pages may hang under. */
  readonly lose: () => void
}

/** Where the cell of a slot of a tree node begins. */
const cellAt = (node: Uint8Array, slot: number): number => readUint16(node, NODE_HEADER_BYTES + slot * 2)

export const visit = (way: Way, step: Step, node: Uint8Array): void => {
  const { kind, level } = step.pointer
  if (kind === Node.TREE && level > 0) treeBranch(way, step, node)
  else if (kind === Node.TREE) treeLeaf(way, step, node)
  else if (kind === Node.ROPE) ropeBranch(way, step, node)
  else mapBranch(way, step, node)
}

// ---- trees

const treeBranch = (way: Way, { high, isOfSnapshot, low, pointer, tree }: Step, node: Uint8Array): void => {
  const count = Node.count(node)
  let from = low
  for (let slot = 0; slot < count; slot++) {
    let to = high
    if (slot + 1 < count) {
      const next = cellAt(node, slot + 1)
      const keyAt = next + 2 + way.layout.pointerBytes
      to = node.slice(keyAt, keyAt + readUint16(node, next))
      bounds(way, pointer.address, to, 0, to.length, low, high)
    }
    const hints = { ...NO_HINTS, tree, isOfSnapshot, low: from, high: to }
    way.follow(pointer, node, cellAt(node, slot) + 2, Node.TREE, pointer.level - 1, hints)
    from = to
  }
}

const treeLeaf = (way: Way, step: Step, node: Uint8Array): void => {
  const { high, low, pointer } = step
  const { problems } = way
  const { address } = pointer
  const count = Node.count(node)
  if (count === 0) problems.add("EmptyNode", "a leaf of a tree is empty", { address })
  for (let slot = 0; slot < count; slot++) {
    const cell = cellAt(node, slot)
    const keyAt = cell + 4
    const keyEnd = keyAt + readUint16(node, cell)
    if (slot === 0 || slot === count - 1) bounds(way, address, node, keyAt, keyEnd, low, high)
    if (keyAt === keyEnd) problems.add("KeyOrder", "a key is empty", { address })
    leafItem(way, step, node, keyAt, keyEnd, keyEnd + readUint16(node, cell + 2))
  }
}

const leafItem = (
  way: Way,
  { isOfSnapshot, pointer, tree }: Step,
  node: Uint8Array,
  keyAt: number,
  keyEnd: number,
  end: number
): void => {
  const { address } = pointer
  if (tree === "names") {
    const item = CheckItem.read(way.layout, node, keyAt, keyEnd, end)
    if (!isOfSnapshot) way.names.add(item, address)
    if (item._tag === "Inode" || item._tag === "TableEntry") {
      if (item.ropeAt >= 0) rope(way, pointer, node, item, isOfSnapshot)
    } else if (item._tag === "Bad" && item.of !== undefined) way.lose()
  } else if (tree === "snapshots") {
    if (!way.snapshots.item(node, keyAt, keyEnd, end, address)) way.lose()
  } else if (tree === "deadlists") {
    if (!way.snapshots.entry(way.space, node, keyAt, keyEnd, end, address)) way.lose()
  }
}

const bounds = (
  way: Way,
  address: number,
  bytes: Uint8Array,
  keyAt: number,
  keyEnd: number,
  low: Uint8Array | undefined,
  high: Uint8Array | undefined
): void => {
  if (
    (low !== undefined && compare(bytes, keyAt, keyEnd, low, 0, low.length) < 0) ||
    (high !== undefined && compare(bytes, keyAt, keyEnd, high, 0, high.length) >= 0)
  ) {
    way.problems.add("KeyOrder", "a key stands outside the bounds that the nodes above set", { address })
  }
}

// ---- ropes

const rope = (
  way: Way,
  holder: Pointer.Pointer,
  node: Uint8Array,
  item: CheckItem.InodeItem | CheckItem.TableEntryItem,
  isOfSnapshot: boolean
): void => {
  const { number: inode, ropeAt, ropeLevel, size } = item
  const { address } = holder
  const pages = node[ropeAt + way.layout.addressBytes]
  if (pages === 0 && ropeLevel > 0) {
    way.problems.add("RopeSpan", "a rope has a height and no branch", { address, inode })
  } else if (pages > 0 && size === 0) {
    way.problems.add("RopeSpan", "an empty rope has pages", { address, inode })
  }
  ropeChild(way, holder, node, ropeAt, ropeLevel, { ...NO_HINTS, isOfSnapshot, inode, span: size })
}

const ropeChild = (
  way: Way,
  holder: Pointer.Pointer,
  bytes: Uint8Array,
  at: number,
  level: number,
  hints: Hints
): void => {
  const { inode, span } = hints
  const pages = bytes[at + way.layout.addressBytes]
  if (level === 0 && pages > 0 && span > 0 && pages !== Math.ceil(span / way.layout.pageBytes)) {
    const { address } = holder
    way.problems.add("RopeSpan", "a data run does not have the pages that its span needs", { address, inode })
  }
  way.follow(holder, bytes, at, level === 0 ? Node.DATA : Node.ROPE, level, hints)
}

const ropeBranch = (way: Way, { inode, isOfSnapshot, pointer, span }: Step, node: Uint8Array): void => {
  const count = Node.count(node)
  let total = 0
  for (let entry = 0; entry < count; entry++) {
    const at = NODE_HEADER_BYTES + entry * way.layout.ropeEntryBytes
    const bytes = readUint48(node, at)
    total += bytes
    ropeChild(way, pointer, node, at + 6, pointer.level - 1, { ...NO_HINTS, isOfSnapshot, inode, span: bytes })
  }
  if (total !== span) {
    const { address } = pointer
    way.problems.add("RopeSpan", `a rope branch spans ${total} bytes where ${span} belong`, { address, inode })
  }
}

/** A data run, of which the content must fill its pages up to zeros. */
export const data = (way: Way, { inode, pointer: { address }, span }: Step, bytes: Uint8Array): void => {
  if (span < bytes.length && !isZero(bytes, span, bytes.length)) {
    way.problems.add("DataTail", "the bytes behind the content of a data run are not zero", { address, inode })
  }
}

// ---- the free map

const mapBranch = (way: Way, { index, pointer }: Step, node: Uint8Array): void => {
  const { mapFanout, pointerBytes } = way.layout
  for (let child = 0; child < mapFanout; child++) {
    const at = NODE_HEADER_BYTES + child * pointerBytes
    way.follow(pointer, node, at, Node.MAP, pointer.level - 1, { ...NO_HINTS, index: index * mapFanout + child })
  }
}
