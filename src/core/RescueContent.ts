/**
 * The content of one file, or the value of one entry of a table, as far as it verifies.
 *
 * A machine with an explicit frontier: it asks for pages and takes them, in the order of the content; what it takes gives
 * pieces of content, and ranges that are lost. It never throws whatever the bytes are, and ends.
 */
import type { Binding } from "./Binding.ts"
import { readUint48 } from "./Bytes.ts"
import * as BTree from "./BTree.ts"
import * as CheckItem from "./CheckItem.ts"
import * as Inode from "./Inode.ts"
import { type Layout, NODE_HEADER_BYTES, ROPE_SPAN_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as Rescue from "./Rescue.ts"
import * as Table from "./Table.ts"

/** Pages asked for at a time. */
const BATCH_PAGES = 256

/** Bytes of a file, and where they belong. */
export interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Bytes of a file that are lost, and why. */
export interface LostRange {
  readonly offset: number
  readonly byteCount: number
  /** The first page that did not verify, where it is known. */
  readonly address: number | undefined
  readonly reason: string
}

interface Step {
  readonly pointer: Pointer.Pointer
  readonly offset: number
  readonly span: number
}

/** The items of a leaf that verified, and what they say. */
const itemsIn = (layout: Layout, leaf: Uint8Array) =>
  Array.from({ length: Node.count(leaf) }, (_, slot) => {
    const at = BTree.itemAt(leaf, slot)
    return { ...at, item: CheckItem.read(layout, leaf, at.keyAt, at.keyEnd, at.valueEnd) }
  })

/** The inode item of a number in a leaf that verified, if it is there. */
export const inodeIn = (layout: Layout, leaf: Uint8Array, number: number): Inode.Inode | undefined => {
  const found = itemsIn(layout, leaf).find(({ item }) => item._tag === "Inode" && item.number === number)
  return found && Inode.decode(layout, leaf, found.keyEnd, found.valueEnd)
}

/** An entry of a table, as it is stored. */
export interface TableEntry {
  readonly key: Uint8Array
  readonly content: Inode.Content
}

/** The entries of a table in a leaf that verified, in order. */
export const tableEntriesIn = (layout: Layout, leaf: Uint8Array, number: number): ReadonlyArray<TableEntry> =>
  itemsIn(layout, leaf)
    .filter(({ item }) => item._tag === "TableEntry" && item.number === number)
    .map(({ keyAt, keyEnd, valueEnd }) => ({
      key: leaf.slice(keyAt + Inode.PREFIX_BYTES, keyEnd),
      content: Table.decodeEntry(layout, leaf, keyEnd, valueEnd)
    }))

export class RescueContent {
  readonly lost: Array<LostRange> = []
  readonly #binding: Binding
  readonly #endPage: number
  readonly #isTaken: (address: number) => boolean
  readonly #frontier: Array<Step> = []
  /** What the present batch leads to, in order. */
  readonly #steps: Array<Step> = []
  #found: Array<Piece> = []
  #batch: ReadonlyArray<Step> = []

  /**
   * `isTaken` is asked once for each branch, whether it was met before, in this file or in another one. `endPage` is the
   * volume's page count.
   */
  constructor(
    binding: Binding,
    { content, size }: Pick<Inode.Inode, "content" | "size">,
    endPage: number,
    isTaken: (address: number) => boolean
  ) {
    this.#binding = binding
    this.#endPage = endPage
    this.#isTaken = isTaken
    if (content._tag === "Inline") this.#found = [{ offset: 0, bytes: content.bytes }]
    else {
      // Size (6), level (1), pointer.
      this.#follow(content.encoded, ROPE_SPAN_BYTES + 1, content.encoded[ROPE_SPAN_BYTES], 0, size)
      this.#advance()
    }
  }

  /** The pages wanted next; none when all is done. */
  next(): ReadonlyArray<Pointer.Pointer> {
    let from = this.#frontier.length
    for (let pages = 0; from > 0 && pages < BATCH_PAGES;) pages += this.#frontier[--from].pointer.pageCount
    this.#batch = this.#frontier.splice(from).toReversed()
    return this.#batch.map(({ pointer }) => pointer)
  }

  /** Takes the pages that were wanted; `undefined` for one that could not be read. */
  take(pages: ReadonlyArray<Uint8Array | undefined>): void {
    for (const [i, step] of this.#batch.entries()) {
      const bytes = pages[i]
      const reason = Rescue.fault(this.#binding, step.pointer, bytes)
      if (bytes === undefined || reason !== undefined) this.#lose(step, reason ?? "")
      else if (step.pointer.kind === Node.DATA) {
        this.#found.push({ offset: step.offset, bytes: bytes.subarray(0, step.span) })
      } else this.#branch(step, bytes)
    }
    this.#advance()
  }

  /** The first that was found is taken next. */
  #advance(): void {
    while (this.#steps.length > 0) this.#frontier.push(...this.#steps.splice(-BATCH_PAGES).toReversed())
  }

  /** What was found since it was last asked for. */
  pieces(): ReadonlyArray<Piece> {
    const found = this.#found
    this.#found = []
    return found
  }

  #branch(step: Step, node: Uint8Array): void {
    const { layout } = this.#binding
    const count = Node.count(node)
    const spanAt = (entry: number) => NODE_HEADER_BYTES + entry * layout.ropeEntryBytes
    let total = 0
    for (let entry = 0; entry < count; entry++) total += readUint48(node, spanAt(entry))
    if (total !== step.span) return this.#lose(step, "a rope branch has another length than it should")
    let { offset } = step
    for (let entry = 0; entry < count; entry++) {
      const span = readUint48(node, spanAt(entry))
      this.#follow(node, spanAt(entry) + ROPE_SPAN_BYTES, step.pointer.level - 1, offset, span)
      offset += span
    }
  }

  #follow(bytes: Uint8Array, at: number, level: number, offset: number, span: number): void {
    const { layout } = this.#binding
    if (Pointer.isNull(layout, bytes, at)) return
    const pointer = Pointer.read(layout, bytes, at, level === 0 ? Node.DATA : Node.ROPE, level)
    const { address, pageCount } = pointer
    const step = { pointer, offset, span }
    const expected = level === 0 ? Math.ceil(span / layout.pageBytes) : 1
    if (pageCount !== expected) this.#lose(step, "a pointer names more or fewer pages than it should")
    else if (address + pageCount > this.#endPage) this.#lose(step, "a pointer leads out of the volume")
    else if (level > 0 && this.#isTaken(address)) this.#lose(step, "a page is named twice")
    else this.#steps.push(step)
  }

  #lose({ offset, pointer, span }: Step, reason: string): void {
    this.lost.push({ offset, byteCount: span, address: pointer.address, reason })
  }

  /** The ranges that are lost, in order; neighbours that are lost for the same reason are one. */
  lostRanges(): ReadonlyArray<LostRange> {
    const ranges: Array<LostRange> = []
    for (const range of this.lost.toSorted((a, b) => a.offset - b.offset)) {
      const last = ranges.at(-1)
      if (last !== undefined && last.reason === range.reason && last.offset + last.byteCount === range.offset) {
        ranges[ranges.length - 1] = { ...last, byteCount: last.byteCount + range.byteCount }
      } else ranges.push(range)
    }
    return ranges
  }
}
