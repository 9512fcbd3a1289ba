/**
 * The entries of a rope branch: a span of bytes and a pointer each, of one fixed width, in the order of the content.
 *
 * - Entries look the same inside a page and outside it ({@link Entries}), so they are moved with plain copies.
 * - A branch other than the root has at least {@link fillMin} entries. Only the last branch of each level may have
 *   fewer, down to one: that is what a sequential append leaves behind, in exchange for full branches before it.
 * - The spans of a branch add up to the span that its parent gives it. `Node.fault` cannot see that, so it is checked
 *   here, on the way down.
 */
import { copy, readUint48, writeUint48 } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import { invariant } from "./Invariant.ts"
import { type Layout, NODE_HEADER_BYTES, ROPE_SPAN_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"

/** Entries outside a page. Whoever makes them owns them: pointers in them may be given to `Draft.edit`. */
export interface Entries {
  readonly bytes: Uint8Array
  count: number
}

/** Where the pointer of the first of {@link Entries} stands. */
export const FIRST_POINTER = ROPE_SPAN_BYTES

/** The fewest entries of a branch in the middle of its level: low enough that a split and a merge do not take turns. */
export const fillMin = (layout: Layout): number => Math.max(2, Math.floor(layout.ropeFanout / 3))

export const makeEntries = (layout: Layout, countMax: number): Entries => ({
  bytes: new Uint8Array(countMax * layout.ropeEntryBytes),
  count: 0
})

/** Appends an entry with this span and answers where its pointer, null until it is written, belongs in `bytes`. */
export const push = (layout: Layout, entries: Entries, span: number): number => {
  const at = entries.count * layout.ropeEntryBytes
  invariant(span > 0 && at < entries.bytes.length, "a rope entry spans something and has its place")
  entries.count++
  writeUint48(entries.bytes, at, span)
  return at + ROPE_SPAN_BYTES
}

/** Appends the entries `[start, end)` of a branch. */
export const pushFrom = (layout: Layout, entries: Entries, node: Uint8Array, start: number, end: number): void => {
  const { ropeEntryBytes } = layout
  const at = entries.count * ropeEntryBytes
  copy(node, entryAt(layout, start), entries.bytes, at, (end - start) * ropeEntryBytes)
  entries.count += end - start
}

/** Appends entries to entries. */
export const pushAll = (layout: Layout, entries: Entries, more: Entries): void => {
  const { ropeEntryBytes } = layout
  copy(more.bytes, 0, entries.bytes, entries.count * ropeEntryBytes, more.count * ropeEntryBytes)
  entries.count += more.count
}

/** The bytes that all entries span together. */
export const spanOf = (layout: Layout, entries: Entries): number => sum(layout, entries.bytes, 0, entries.count)

const sum = ({ ropeEntryBytes }: Layout, bytes: Uint8Array, at: number, count: number): number => {
  let total = 0
  const end = at + count * ropeEntryBytes
  for (let entry = at; entry < end; entry += ropeEntryBytes) total += readUint48(bytes, entry)
  return total
}

/** Where the entries of a branch begin, one every `ropeEntryBytes`: its span, and its pointer behind that. */
export const ENTRIES_AT = NODE_HEADER_BYTES

/** Where they end. */
export const entriesEnd = ({ ropeEntryBytes }: Layout, node: Uint8Array): number =>
  ENTRIES_AT + Node.count(node) * ropeEntryBytes

const entryAt = (layout: Layout, index: number): number => ENTRIES_AT + index * layout.ropeEntryBytes

export const span = (layout: Layout, node: Uint8Array, index: number): number =>
  readUint48(node, entryAt(layout, index))

/** Where the pointer of an entry stands in its branch. */
export const pointerAt = (layout: Layout, index: number): number => entryAt(layout, index) + ROPE_SPAN_BYTES

/**
 * How many entries of the branch lie before `offset` bytes of it, which is where an entry begins or the branch ends.
 */
export const indexOf = (layout: Layout, node: Uint8Array, offset: number): number => {
  const { ropeEntryBytes } = layout
  const end = entriesEnd(layout, node)
  let at = ENTRIES_AT
  let start = 0
  for (; start < offset && at < end; at += ropeEntryBytes) start += readUint48(node, at)
  invariant(start === offset, "a rope is spliced between entries")
  return (at - ENTRIES_AT) / ropeEntryBytes
}

/** Throws {@link CorruptPage} unless the spans of the branch add up to what its parent says. */
export const check = (layout: Layout, node: Uint8Array, spanOfNode: number): void => {
  if (sum(layout, node, NODE_HEADER_BYTES, Node.count(node)) !== spanOfNode) throw disagreement()
}

export const disagreement = (): CorruptPage =>
  new CorruptPage(undefined, "the spans of a rope branch do not add up to the span that its parent gives it")

/** What a null pointer above the data stands for: a branch with one hole. It belongs to no draft. */
export const hole = (layout: Layout, level: number, spanOfNode: number): Uint8Array => {
  const node = new Uint8Array(layout.pageBytes)
  Node.clear(node, Node.ROPE, level)
  Node.setCount(node, 1)
  writeUint48(node, NODE_HEADER_BYTES, spanOfNode)
  return node
}

/** Replaces the entries `[start, end)` of a branch that the caller owns and that has room. */
export const splice = (layout: Layout, node: Uint8Array, start: number, end: number, entries: Entries): void => {
  const { ropeEntryBytes, ropeFanout } = layout
  const count = Node.count(node)
  const countAfter = count - (end - start) + entries.count
  invariant(countAfter > 0 && countAfter <= ropeFanout, "a rope branch has an entry and room for all")
  const at = entryAt(layout, start)
  if (countAfter !== count) {
    node.copyWithin(at + entries.count * ropeEntryBytes, entryAt(layout, end), entryAt(layout, count))
    if (countAfter < count) node.fill(0, entryAt(layout, countAfter), entryAt(layout, count))
    Node.setCount(node, countAfter)
  }
  copy(entries.bytes, 0, node, at, entries.count * ropeEntryBytes)
}

/**
 * Makes branches of this level out of any number of entries and answers the entries that name them. They are filled
 * alike, or, if `full`, each but the last one to the brim.
 */
export const spread = (draft: Draft<unknown>, level: number, entries: Entries, full: boolean): Entries => {
  const { layout } = draft
  const { ropeEntryBytes, ropeFanout } = layout
  const nodeCount = Math.ceil(entries.count / ropeFanout)
  const nodes = makeEntries(layout, nodeCount)
  let done = 0
  for (let i = 0; i < nodeCount; i++) {
    const rest = entries.count - done
    const count = full ? Math.min(rest, ropeFanout) : Math.ceil(rest / (nodeCount - i))
    const at = done * ropeEntryBytes
    const pointer = push(layout, nodes, sum(layout, entries.bytes, at, count))
    const node = draft.create(nodes.bytes, pointer, Node.ROPE, level)
    copy(entries.bytes, at, node, NODE_HEADER_BYTES, count * ropeEntryBytes)
    Node.setCount(node, count)
    done += count
  }
  return nodes
}

/** A pointer of its own, taken out of entries or of a branch. */
export const takePointer = (layout: Layout, bytes: Uint8Array, at: number): Uint8Array => {
  const link = Pointer.makeNull(layout)
  copy(bytes, at, link, 0, link.length)
  return link
}
