/** The tree of files that a root holds, in a form that can be compared and written as JSON. */
import { corrupt, must } from "./Fault.ts"
import type { FileType, InodeItem, NamedItem } from "./Names.ts"
import type { Piece } from "./Walk.ts"

export interface Inode extends Omit<InodeItem, "content"> {
  readonly pieces: ReadonlyArray<Piece>
  readonly attributes: ReadonlyMap<string, Uint8Array>
}

export interface Entry {
  readonly number: number
  readonly type: FileType
}

export interface Table {
  readonly number: number
  readonly count: number
}

export interface TableEntry {
  readonly key: Uint8Array
  readonly size: number
  readonly pieces: ReadonlyArray<Piece>
}

export interface Listing {
  readonly inodes: ReadonlyMap<number, Inode>
  /** The entries of every folder that has some. */
  readonly entries: ReadonlyMap<number, ReadonlyMap<string, Entry>>
  /** Numbers of inodes, by the absolute path of each entry that the root folder reaches, the root folder included. */
  readonly paths: ReadonlyMap<string, number>
  readonly orphans: ReadonlyArray<number>
  /** What the parent items say: number, folder and name of an entry, as {@link pairOf} writes them. */
  readonly parents: ReadonlySet<string>
  /** Numbers of all that the root folder and the orphans reach. */
  readonly reached: ReadonlySet<number>
  /** By name. */
  readonly tables: ReadonlyMap<string, Table>
  /** The entries of every table that has some, by its number, in the order of their keys. */
  readonly tableEntries: ReadonlyMap<number, ReadonlyArray<TableEntry>>
}

const pairOf = (number: number, folder: number, name: string): string => `${number} ${folder} ${name}`

const rootFolder = 1
const linkBytesMax = 4096

const emplace = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const present = map.get(key)
  if (present !== undefined) return present
  const made = make()
  map.set(key, made)
  return made
}

/** Walks a folder and what is under it. No folder is met twice: folders are trees. */
const walkFolder = (
  entries: ReadonlyMap<number, ReadonlyMap<string, Entry>>,
  folder: number,
  prefix: string,
  met: Set<number>,
  found: (path: string, number: number) => void
): void => {
  must(!met.has(folder), `folder ${folder} is met twice`)
  met.add(folder)
  for (const [name, { number, type }] of entries.get(folder) ?? []) {
    found(`${prefix}/${name}`, number)
    if (type === "folder") walkFolder(entries, number, `${prefix}/${name}`, met, found)
  }
}

/** Collects the items of a names tree, in their order. */
export class ListingBuilder {
  readonly #inodes = new Map<number, Inode & { readonly attributes: Map<string, Uint8Array> }>()
  readonly #entries = new Map<number, Map<string, Entry>>()
  readonly #orphans: Array<number> = []
  readonly #parents = new Set<string>()
  readonly #tables = new Map<string, Table>()
  readonly #tableEntries = new Map<number, Array<TableEntry>>()

  add(item: NamedItem, pieces: ReadonlyArray<Piece>): void {
    switch (item.is) {
      case "inode": {
        const { content: _, ...inode } = item.inode
        this.#inodes.set(item.number, { ...inode, pieces, attributes: new Map() })
        return
      }
      case "entry": {
        const folder = emplace(this.#entries, item.folder, () => new Map<string, Entry>())
        folder.set(item.name, { number: item.number, type: item.type })
        return
      }
      case "attribute": {
        const inode = this.#inodes.get(item.number)
        if (inode === undefined) throw corrupt(`an attribute of inode ${item.number}, which is missing`)
        inode.attributes.set(item.name, item.value)
        return
      }
      case "parent":
        this.#parents.add(pairOf(item.number, item.folder, item.name))
        return
      case "orphan":
        this.#orphans.push(item.number)
        return
      case "table":
        this.#tables.set(item.name, { number: item.number, count: item.count })
        return
      case "table entry": {
        const { key, number, value } = item
        const size = value instanceof Uint8Array ? value.length : value.span
        emplace(this.#tableEntries, number, (): Array<TableEntry> => []).push({ key, size, pieces })
      }
    }
  }

  build(): Listing {
    const paths = new Map([["/", rootFolder]])
    const reached = new Set([rootFolder, ...this.#orphans])
    const met = new Set<number>()
    walkFolder(this.#entries, rootFolder, "", met, (path, number) => {
      paths.set(path, number)
      reached.add(number)
    })
    for (const orphan of this.#orphans) {
      walkFolder(this.#entries, orphan, "", met, (_, number) => reached.add(number))
    }
    return {
      inodes: this.#inodes,
      entries: this.#entries,
      paths,
      orphans: this.#orphans,
      parents: this.#parents,
      reached,
      tables: this.#tables,
      tableEntries: this.#tableEntries
    }
  }
}

/** What is wrong in a listing by section 9 of the document: types, links, counts, what nothing names. */
export const complaintsOf = (listing: Listing): ReadonlyArray<string> => {
  const { inodes, entries, orphans, parents, reached } = listing
  const complaints: Array<string> = []
  const expect = (holds: boolean, complaint: string): void => {
    if (!holds) complaints.push(complaint)
  }
  const links = new Map<number, number>()
  const pairs = new Set<string>()
  for (const [folder, named] of entries) {
    const inode = inodes.get(folder)
    expect(inode?.type === "folder", `entries of inode ${folder}, which is no folder`)
    expect(inode?.size === named.size, `folder ${folder} of size ${inode?.size} has ${named.size} entries`)
    for (const [name, { number, type }] of named) {
      expect(inodes.get(number)?.type === type, `entry ${name} of folder ${folder}: the type of inode ${number}`)
      links.set(number, (links.get(number) ?? 0) + 1)
      pairs.add(pairOf(number, folder, name))
    }
  }
  for (const pair of pairs) expect(parents.has(pair), `the entry ${pair} has no parent item`)
  for (const pair of parents) expect(pairs.has(pair), `the parent item ${pair} has no entry`)
  expect(inodes.get(rootFolder)?.type === "folder", "inode 1 is not a folder")
  expect(!links.has(rootFolder), "an entry names the root folder")
  for (const [number, inode] of inodes) {
    const isOrphan = orphans.includes(number)
    const expected = number === rootFolder ? 1 : (links.get(number) ?? 0)
    expect(inode.links === expected, `inode ${number} has ${inode.links} links and ${expected} entries`)
    expect(inode.links > 0 || isOrphan, `inode ${number} has no links and is no orphan`)
    expect(reached.has(number), `nothing leads to inode ${number}`)
    const isLink = inode.type === "symlink" && inode.links > 0
    expect(!isLink || (inode.size >= 1 && inode.size <= linkBytesMax), `the target of ${number}`)
    expect(inode.type !== "folder" || inode.size === (entries.get(number)?.size ?? 0), `the size of folder ${number}`)
    const total = inode.pieces.reduce((sum, piece) => sum + piece.length, 0)
    expect(total === (inode.type === "folder" ? 0 : inode.size), `inode ${number} has ${total} bytes of ${inode.size}`)
  }
  for (const number of orphans) expect(inodes.has(number), `orphan ${number} has no inode`)
  return [...complaints, ...tableComplaintsOf(listing)]
}

/** The same of tables: counts, numbers, entries of no table. */
const tableComplaintsOf = ({ inodes, tableEntries, tables }: Listing): ReadonlyArray<string> => {
  const complaints: Array<string> = []
  const expect = (holds: boolean, complaint: string): void => {
    if (!holds) complaints.push(complaint)
  }
  const numbers = new Set<number>()
  for (const [name, { count, number }] of tables) {
    const found = tableEntries.get(number)?.length ?? 0
    expect(count === found, `table ${name} counts ${count} entries and has ${found}`)
    expect(!numbers.has(number), `two tables have the number ${number}`)
    expect(!inodes.has(number), `table ${name} has the number of inode ${number}`)
    numbers.add(number)
  }
  for (const [number, entries] of tableEntries) {
    expect(numbers.has(number), `entries of table ${number}, which is missing`)
    for (const { pieces, size } of entries) {
      const total = pieces.reduce((sum, piece) => sum + piece.length, 0)
      expect(total === size, `an entry of table ${number} has ${total} bytes of ${size}`)
    }
  }
  return complaints
}
