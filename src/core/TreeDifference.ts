/**
 * What differs between two B+trees of one volume, item by item, in the order of keys.
 *
 * - A page that both trees reach is passed over with all under it: the cost is in proportion to the change, and to the depth.
 * - Two cursors go through the trees side by side. Each stands before a subtree, or at an item, and knows its lower bound: the
 *   one with the lower bound moves; of two alike the higher one is entered, and two of one height together.
 * - A {@link State} is a value: a step that misses pages is run again from it.
 */
import * as BTree from "./BTree.ts"
import { compare } from "./Bytes.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import { demand, type Pages } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import * as Tree from "./Tree.ts"
import * as TreeNode from "./TreeNode.ts"

/** An item that is in one of the trees only, or has another value in each. */
export interface Change {
  readonly key: Uint8Array
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
}

/** A slot of a node: a subtree of `level`, or an item of a leaf, which has level -1. The root is the only slot of nothing. */
interface Cursor {
  readonly node: Uint8Array
  readonly slot: number
  readonly count: number
  readonly level: number
  readonly up: Cursor | undefined
}

export interface State {
  readonly before: Cursor | undefined
  readonly after: Cursor | undefined
  /** The newest generation that the tree before can hold pages of. */
  readonly since: number
}

const ITEM = -1
const NO_BOUND = new Uint8Array(0)

/** Nodes that one step enters. */
const ENTERED_MAX = 64
/** Neighbours of a page that are loaded with it, where they are younger than the tree before. */
const NEIGHBOURS_MAX = 32

const rootOf = (layout: Layout, { level, link }: Tree.Tree): Cursor | undefined =>
  Tree.isEmpty(layout, { level, link }) ? undefined : { node: link, slot: 0, count: 1, level, up: undefined }

/** Before the first item. `since` is the generation of the tree before: what was born later is not in it. */
export const begin = (layout: Layout, before: Tree.Tree, after: Tree.Tree, since: number): State => ({
  before: rootOf(layout, before),
  after: rootOf(layout, after),
  since
})

export const isDone = ({ after, before }: State): boolean => before === undefined && after === undefined

/** Goes on until `countMax` changes are found, or for a while. */
export const step = (
  pages: Pages,
  state: State,
  countMax: number
): { readonly state: State; readonly changes: ReadonlyArray<Change> } => {
  const { layout } = pages
  const changes: Array<Change> = []
  let { after, before } = state
  const enterBefore = (): void => {
    if (before !== undefined) before = enter(pages, before, Number.POSITIVE_INFINITY)
  }
  const enterAfter = (): void => {
    if (after !== undefined) after = enter(pages, after, state.since)
  }
  let entered = 0
  while (changes.length < countMax && entered < ENTERED_MAX && (before !== undefined || after !== undefined)) {
    const order = orderOf(layout, before, after)
    if (order === 0 && before !== undefined && after !== undefined) {
      if (before.level !== after.level) {
        entered++
        if (before.level > after.level) enterBefore()
        else enterAfter()
      } else if (before.level === ITEM) {
        const change = changeOf(before, after)
        if (change !== undefined) changes.push(change)
        before = next(before)
        after = next(after)
      } else if (isSame(layout, before, after)) {
        before = next(before)
        after = next(after)
      } else {
        entered += 2
        enterBefore()
        enterAfter()
      }
    } else if (order < 0 && before !== undefined) {
      if (before.level === ITEM) {
        changes.push({ key: keyOf(before), before: valueOf(before), after: undefined })
        before = next(before)
      } else {
        entered++
        enterBefore()
      }
    } else if (after !== undefined) {
      if (after.level === ITEM) {
        changes.push({ key: keyOf(after), before: undefined, after: valueOf(after) })
        after = next(after)
      } else {
        entered++
        enterAfter()
      }
    }
  }
  return { state: { ...state, before, after }, changes }
}

// ---- cursors

const isRoot = ({ up }: Cursor): boolean => up === undefined

const pointerAt = (cursor: Cursor): number =>
  isRoot(cursor) ? 0 : TreeNode.pointerAt(TreeNode.cellAt(cursor.node, cursor.slot))

const next = (cursor: Cursor): Cursor | undefined => {
  let from: Cursor | undefined = cursor
  while (from !== undefined && from.slot + 1 === from.count) from = from.up
  return from === undefined ? undefined : { ...from, slot: from.slot + 1 }
}

/** The first slot of the subtree that the cursor stands before. */
const enter = (pages: Pages, cursor: Cursor, since: number): Cursor | undefined => {
  const { layout } = pages
  const { level } = cursor
  const missing: Array<Pointer.Pointer> = []
  const node = pages.peek(cursor.node, pointerAt(cursor), Node.TREE, level, missing)
  if (node === undefined) {
    const end = Math.min(cursor.count, cursor.slot + NEIGHBOURS_MAX)
    for (let slot = cursor.slot + 1; slot < end; slot++) {
      const at = pointerAt({ ...cursor, slot })
      if (Pointer.birth(layout, cursor.node, at) > since) pages.peek(cursor.node, at, Node.TREE, level, missing)
    }
    demand(missing)
    return undefined
  }
  const count = Node.count(node)
  return count === 0 ? next(cursor) : { node, slot: 0, count, level: level - 1, up: cursor }
}

const isSame = (layout: Layout, a: Cursor, b: Cursor): boolean =>
  Pointer.same(
    Pointer.read(layout, a.node, pointerAt(a), Node.TREE, a.level),
    Pointer.read(layout, b.node, pointerAt(b), Node.TREE, b.level)
  )

const itemOf = ({ node, slot }: Cursor): BTree.Item => BTree.itemAt(node, slot)
const keyOf = (cursor: Cursor): Uint8Array => BTree.key(itemOf(cursor))
const valueOf = (cursor: Cursor): Uint8Array => BTree.value(itemOf(cursor))

/** A key that no item at or after the cursor is below. */
const boundOf = (layout: Layout, cursor: Cursor): Uint8Array => {
  let from: Cursor | undefined = cursor
  // The first child of a branch has the bound of the branch.
  while (from !== undefined && from.level !== ITEM && from.slot === 0) from = from.up
  return from === undefined || isRoot(from) ? NO_BOUND : TreeNode.keyOf(layout, from.node, from.slot)
}

/** Below 0 if the cursor before comes first, above 0 if the other one does. */
const orderOf = (layout: Layout, before: Cursor | undefined, after: Cursor | undefined): number => {
  if (before === undefined) return 1
  if (after === undefined) return -1
  const [a, b] = [boundOf(layout, before), boundOf(layout, after)]
  return compare(a, 0, a.length, b, 0, b.length)
}

const changeOf = (before: Cursor, after: Cursor): Change | undefined => {
  const [a, b] = [itemOf(before), itemOf(after)]
  if (compare(a.node, a.keyEnd, a.valueEnd, b.node, b.keyEnd, b.valueEnd) === 0) return undefined
  return { key: BTree.key(b), before: BTree.value(a), after: BTree.value(b) }
}
