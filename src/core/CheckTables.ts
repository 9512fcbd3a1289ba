/**
 * Tables as a whole: what no single entry can tell.
 *
 * - A row for each table, made when an item first speaks of it; of its entries there is only their number.
 * - Items come in any order. {@link CheckTables.finish} compares what they said.
 * - Where a node of the names tree could not be read, only what no further item could put right is a problem, and entries
 *   whose tables are missing.
 */
import type * as CheckItem from "./CheckItem.ts"
import type * as CheckReport from "./CheckReport.ts"

/** What is known of a table. */
interface Row {
  /** Of the first item that registers it; none if only entries speak of it. */
  name: string | undefined
  /** The page of the item that spoke of it first. */
  readonly address: number
  count: number
  entries: number
}

export class CheckTables {
  readonly #problems: CheckReport.Problems
  readonly #rows = new Map<number, Row>()

  tableCount = 0

  constructor(problems: CheckReport.Problems) {
    this.#problems = problems
  }

  #row(number: number, address: number): Row {
    const known = this.#rows.get(number)
    if (known !== undefined) return known
    const row = { name: undefined, address, count: 0, entries: 0 }
    this.#rows.set(number, row)
    return row
  }

  // ---- what the items say

  /** Takes a table that was found on the page `address`. */
  add({ count, name, nameFault, number }: CheckItem.TableItem, address: number): void {
    this.tableCount++
    const text = decodeName(name)
    if (nameFault !== undefined) {
      this.#problems.add("Name", `the name of a table is damaged: ${nameFault}`, { address, inode: number })
    }
    const row = this.#row(number, address)
    if (row.name === undefined) {
      row.name = text
      row.count = count
    } else {
      const message = `the table ${JSON.stringify(text)} has the number of another one`
      this.#problems.add("TableNumber", message, { address, inode: number })
    }
  }

  /** Takes an entry, whatever its form. */
  addEntry(number: number, address: number): void {
    this.#row(number, address).entries++
  }

  // ---- what they say together

  /** The highest number that some item has. */
  get highest(): number {
    let highest = 0
    for (const number of this.#rows.keys()) highest = Math.max(highest, number)
    return highest
  }

  /** `isComplete`: every node of the names tree was read. */
  finish(isComplete: boolean, isInode: (number: number) => boolean): void {
    for (const [inode, { address, count, entries, name }] of this.#rows) {
      if (isInode(inode)) this.#problems.add("TableNumber", "a table has the number of an inode", { inode })
      if (name === undefined) {
        const message = isComplete
          ? "there are entries of a table that is not registered"
          : "the table of some entries cannot be read: it stands in a damaged node, or does not exist"
        this.#problems.add("MissingTable", message, { address, inode })
      } else if (entries > count || (isComplete && entries !== count)) {
        const message = `a table says that it has ${count} entries, and has ${entries}`
        this.#problems.add("TableCount", message, { inode })
      }
    }
  }

  /** The name of the table of a number. */
  nameOf(number: number): string | undefined {
    return this.#rows.get(number)?.name
  }
}

/** A name as text; bytes that are no UTF-8 become replacement characters. */
const decodeName = (name: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(name)
