/**
 * What can still be told from a damaged names tree: a walk that passes over whatever does not verify.
 *
 * A machine with an explicit frontier, like `Recovery` and `Check`: it asks for pages and takes them. It never throws
 * whatever the bytes are, ends, and asks for each page at most once.
 *
 * - It keeps where an inode stands and not its content: about 200 bytes an inode. `RescueContent` reads the rest.
 * - Items are read by `CheckItem`, which admits nothing that makes no sense.
 * - Of a table it keeps the pages that its entries stand on.
 */
import * as Binding from "./Binding.ts"
import * as CheckItem from "./CheckItem.ts"
import * as Links from "./Links.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import type * as RootRecord from "./RootRecord.ts"
import * as TreeNode from "./TreeNode.ts"

/** Pages asked for at a time. */
const BATCH_PAGES = 256

/** An inode that verifies. */
export interface Row {
  readonly number: number
  readonly type: number
  readonly size: number
  readonly links: number
  /** The page that its item stands on. */
  readonly leaf: Pointer.Pointer
}

/** A table that verifies, as the registry has it. */
export interface TableRow {
  readonly name: Uint8Array
  readonly count: number
}

export interface Entry {
  readonly name: Uint8Array
  /** Whether the name is one that a path can hold. */
  readonly isSound: boolean
  readonly number: number
  readonly type: number
}

/** A page that is lost, and why. */
export interface LostPage {
  readonly address: number
  readonly reason: string
}

/** What is wrong with bytes that were read for a pointer. */
export const fault = (
  binding: Binding.Binding,
  pointer: Pointer.Pointer,
  bytes: Uint8Array | undefined
): string | undefined => (bytes === undefined ? "it could not be read" : Binding.fault(binding, pointer, bytes))

export class Rescue {
  readonly rows = new Map<number, Row>()
  /** Of a folder, by its number. */
  readonly entries = new Map<number, Array<Entry>>()
  readonly orphans = new Set<number>()
  /** What the registry says of tables, by number. */
  readonly tables = new Map<number, TableRow>()
  /** How many entries of a table verify, by its number, and the pages that they stand on, in order. */
  readonly tableEntries = new Map<number, { count: number; readonly leaves: Array<Pointer.Pointer> }>()
  readonly lostPages: Array<LostPage> = []
  readonly #binding: Binding.Binding
  readonly #frontier: Array<Pointer.Pointer> = []
  /** What the present batch leads to, in order. */
  readonly #found: Array<Pointer.Pointer> = []
  readonly #seen = new Set<number>()
  #batch: ReadonlyArray<Pointer.Pointer> = []

  constructor(binding: Binding.Binding, record: RootRecord.RootRecord) {
    this.#binding = binding
    const { level, link } = record.roots.names
    if (!Pointer.isNull(binding.layout, link, 0))
      this.#frontier.push(Pointer.read(binding.layout, link, 0, Node.TREE, level))
  }

  /** The pages wanted next; none when all is done. */
  next(): ReadonlyArray<Pointer.Pointer> {
    this.#batch = this.#frontier.splice(-BATCH_PAGES).toReversed()
    return this.#batch
  }

  /** Takes the pages that were wanted; `undefined` for one that could not be read. */
  take(pages: ReadonlyArray<Uint8Array | undefined>): void {
    const { layout } = this.#binding
    for (const [i, pointer] of this.#batch.entries()) {
      const bytes = pages[i]
      const reason = fault(this.#binding, pointer, bytes)
      if (bytes === undefined || reason !== undefined) {
        this.lostPages.push({ address: pointer.address, reason: reason ?? "" })
      } else if (pointer.level === 0) this.#leaf(pointer, bytes)
      else {
        Links.forEach(layout, bytes, Node.TREE, pointer.level, false, (node, at, _, level) =>
          this.#follow(node, at, level)
        )
      }
    }
    // The first that was found is taken next.
    while (this.#found.length > 0) this.#frontier.push(...this.#found.splice(-BATCH_PAGES).toReversed())
  }

  #follow(bytes: Uint8Array, at: number, level: number): void {
    const pointer = Pointer.read(this.#binding.layout, bytes, at, Node.TREE, level)
    // No writer names a page twice; a hostile image would have it read without end.
    if (this.#seen.has(pointer.address)) return
    this.#seen.add(pointer.address)
    this.#found.push(pointer)
  }

  #leaf(leaf: Pointer.Pointer, node: Uint8Array): void {
    const count = Node.count(node)
    for (let slot = 0; slot < count; slot++) {
      const cell = TreeNode.cellAt(node, slot)
      const keyAt = TreeNode.leafKeyAt(cell)
      const keyEnd = keyAt + TreeNode.keyBytes(node, cell)
      const item = CheckItem.read(this.#binding.layout, node, keyAt, keyEnd, keyEnd + TreeNode.valueBytes(node, cell))
      if (item._tag === "Inode") {
        const { links, number, size, type } = item
        this.rows.set(number, { number, type, size, links, leaf })
      } else if (item._tag === "Entry") this.#entry(item)
      else if (item._tag === "Orphan") this.orphans.add(item.number)
      else if (item._tag === "Table") this.tables.set(item.number, { name: item.name, count: item.count })
      else if (item._tag === "TableEntry") this.#tableEntry(item.number, leaf)
      else if (item._tag === "Bad") this.lostPages.push({ address: leaf.address, reason: item.reason })
    }
  }

  #tableEntry(number: number, leaf: Pointer.Pointer): void {
    const known = this.tableEntries.get(number)
    if (known === undefined) {
      this.tableEntries.set(number, { count: 1, leaves: [leaf] })
      return
    }
    known.count++
    if (known.leaves[known.leaves.length - 1] !== leaf) known.leaves.push(leaf)
  }

  #entry({ folder, name, nameFault, number, type }: CheckItem.Item & { readonly _tag: "Entry" }): void {
    const entry = { name, isSound: nameFault === undefined, number, type }
    const entries = this.entries.get(folder)
    if (entries === undefined) this.entries.set(folder, [entry])
    else entries.push(entry)
  }
}
