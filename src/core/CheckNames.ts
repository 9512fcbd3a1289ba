/**
 * Files and folders as a whole: what no single item can tell. Tables are told of in `CheckTables`.
 *
 * - Every inode is a row of plain arrays, made when an item first speaks of it; the first name that each one has is kept in
 *   one long array of bytes, since paths are asked for only at the end. That is 100 to 150 bytes an inode.
 * - Items come in any order. {@link CheckNames.finish} compares what they said.
 * - Where a node of the names tree could not be read, only what no further item could put right is a problem, and names
 *   whose inodes are missing.
 */
import * as CheckItem from "./CheckItem.ts"
import type * as CheckReport from "./CheckReport.ts"
import { CheckTables } from "./CheckTables.ts"

/** What is known of an inode. */
const SEEN = 1
const BROKEN = 2
const ORPHAN = 4

const ROOT = 1
const NOBODY = -1

/** No path is looked for longer than this: a cycle would have no end. */
const PATH_STEPS_MAX = 1024

/** An array that grows. */
const grown = <A extends Float64Array | Uint32Array | Uint8Array>(array: A, make: (length: number) => A): A => {
  const longer = make(array.length * 2)
  longer.set(array)
  return longer
}

export class CheckNames {
  readonly tables: CheckTables
  readonly #problems: CheckReport.Problems
  readonly #rows = new Map<number, number>()
  #numbers = new Float64Array(64)
  #flags = new Uint8Array(64)
  #types = new Uint8Array(64)
  /** The types that entries say it has, a bit each. */
  #claimedTypes = new Uint8Array(64)
  #links = new Uint32Array(64)
  #entries = new Uint32Array(64)
  #sizes = new Float64Array(64)
  #children = new Float64Array(64)
  /** The row of the folder of its first entry, and where the name of that entry stands. */
  #parents = new Float64Array(64)
  #nameAt = new Float64Array(64)
  #nameBytes = new Uint8Array(64)
  /** Entries less parent items, and the exclusive or of the digests of both: zero where they are the same. */
  #unpaired = new Float64Array(64)
  #pairs = new Uint32Array(64)
  #text = new Uint8Array(1024)
  #textBytes = 0

  fileCount = 0
  folderCount = 0
  symbolicLinkCount = 0
  orphanCount = 0

  constructor(problems: CheckReport.Problems) {
    this.#problems = problems
    this.tables = new CheckTables(problems)
    this.#row(ROOT)
  }

  #row(number: number): number {
    const known = this.#rows.get(number)
    if (known !== undefined) return known
    const row = this.#rows.size
    if (row === this.#numbers.length) this.#grow()
    this.#rows.set(number, row)
    this.#numbers[row] = number
    this.#parents[row] = NOBODY
    return row
  }

  #grow(): void {
    const floats = (length: number) => new Float64Array(length)
    const words = (length: number) => new Uint32Array(length)
    const bytes = (length: number) => new Uint8Array(length)
    this.#numbers = grown(this.#numbers, floats)
    this.#flags = grown(this.#flags, bytes)
    this.#types = grown(this.#types, bytes)
    this.#claimedTypes = grown(this.#claimedTypes, bytes)
    this.#links = grown(this.#links, words)
    this.#entries = grown(this.#entries, words)
    this.#sizes = grown(this.#sizes, floats)
    this.#children = grown(this.#children, floats)
    this.#parents = grown(this.#parents, floats)
    this.#nameAt = grown(this.#nameAt, floats)
    this.#nameBytes = grown(this.#nameBytes, bytes)
    this.#unpaired = grown(this.#unpaired, floats)
    this.#pairs = grown(this.#pairs, words)
  }

  // ---- what the items say

  /** Takes an item that was found on the page `address`. */
  add(item: CheckItem.Item, address: number): void {
    switch (item._tag) {
      case "Inode":
        return this.#addInode(item)
      case "Entry":
        return this.#addEntry(item, address)
      case "Attribute":
        this.#row(item.number)
        if (item.nameFault !== undefined) {
          const message = `the name of an attribute is damaged: ${item.nameFault}`
          this.#problems.add("Name", message, { address, inode: item.number })
        }
        return
      case "Orphan":
        this.#flag(item.number, ORPHAN)
        this.orphanCount++
        return
      case "Parent":
        this.#pair(this.#row(item.number), item.folder, item.name, -1)
        return
      case "Table":
        return this.tables.add(item, address)
      case "TableEntry":
        return this.tables.addEntry(item.number, address)
      case "Bad":
        if (item.of === "Inode" && item.number !== undefined) this.#flag(item.number, SEEN | BROKEN)
        if (item.of === "TableEntry" && item.number !== undefined) this.tables.addEntry(item.number, address)
        this.#problems.add("Item", item.reason, { address, inode: item.number })
    }
  }

  #flag(number: number, flags: number): void {
    // The row comes first: it may make the arrays longer, and then they are others.
    const row = this.#row(number)
    this.#flags[row] |= flags
  }

  #pair(row: number, folder: number, name: CheckItem.Name, count: number): void {
    this.#unpaired[row] += count
    this.#pairs[row] ^= digest(folder, name)
  }

  #addInode(item: CheckItem.InodeItem): void {
    const row = this.#row(item.number)
    this.#flags[row] |= SEEN
    this.#types[row] = item.type
    this.#links[row] = item.links
    this.#sizes[row] = item.size
    if (item.type === CheckItem.FILE) this.fileCount++
    else if (item.type === CheckItem.FOLDER) this.folderCount++
    else this.symbolicLinkCount++
  }

  #addEntry(item: CheckItem.Item & { readonly _tag: "Entry" }, address: number): void {
    const { folder, name, nameFault, number, type } = item
    if (nameFault !== undefined) {
      this.#problems.add("Name", `the name of an entry is damaged: ${nameFault}`, {
        address,
        inode: number,
        folder,
        name
      })
    }
    const parent = this.#row(folder)
    const row = this.#row(number)
    this.#children[parent]++
    this.#entries[row]++
    this.#claimedTypes[row] |= 1 << type
    this.#pair(row, folder, name, 1)
    if (number === ROOT) {
      this.#problems.add("RootFolder", "an entry names the root folder", { address, inode: number, folder, name })
      return
    }
    if (this.#parents[row] !== NOBODY) return
    // A name that is too long is a problem already: its length has one byte here.
    const text = name.subarray(0, 255)
    this.#parents[row] = parent
    this.#nameAt[row] = this.#textBytes
    this.#nameBytes[row] = text.length
    if (this.#textBytes + text.length > this.#text.length) {
      this.#text = grown(this.#text, (length) => new Uint8Array(length))
    }
    this.#text.set(text, this.#textBytes)
    this.#textBytes += text.length
  }

  // ---- what they say together

  /** `isComplete`: every node of the names tree was read. */
  finish(isComplete: boolean, nextInode: number, inodeCount: number): void {
    let seen = 0
    let highest = this.tables.highest
    for (let row = 0; row < this.#rows.size; row++) {
      highest = Math.max(highest, this.#numbers[row])
      if ((this.#flags[row] & SEEN) === 0) this.#missing(row, isComplete)
      else {
        seen++
        if ((this.#flags[row] & BROKEN) === 0) this.#inode(row, isComplete)
      }
    }
    if (nextInode <= highest) {
      this.#problems.add("NextInode", `the next inode is ${nextInode}, and number ${highest} is given already`)
    }
    if (seen > inodeCount || (isComplete && seen !== inodeCount)) {
      this.#problems.add("InodeCount", `the root counts ${inodeCount} inodes, the names tree has ${seen}`)
    }
    this.tables.finish(isComplete, (number) => {
      const row = this.#rows.get(number)
      return row !== undefined && (this.#flags[row] & SEEN) !== 0
    })
    this.#reach(isComplete)
  }

  /** An inode that something speaks of, and that is not there. */
  #missing(row: number, isComplete: boolean): void {
    const inode = this.#numbers[row]
    if (inode === ROOT) {
      this.#problems.add("RootFolder", "there is no root folder", { inode })
      return
    }
    const message = isComplete
      ? "items speak of an inode that does not exist"
      : "its inode cannot be read: it stands in a damaged node, or does not exist"
    this.#problems.add("MissingInode", message, { inode })
  }

  #inode(row: number, isComplete: boolean): void {
    const inode = this.#numbers[row]
    const entries = this.#entries[row]
    const links = this.#links[row]
    const type = this.#types[row]
    const isOrphan = (this.#flags[row] & ORPHAN) !== 0
    if (inode === ROOT && type !== CheckItem.FOLDER)
      this.#problems.add("RootFolder", "the root is no folder", { inode })
    if ((this.#claimedTypes[row] & ~(1 << type)) !== 0) {
      this.#problems.add("EntryType", "an entry says another type than its inode", { inode })
    }
    if (isOrphan && (links !== 0 || entries !== 0)) {
      this.#problems.add("Orphan", `an orphan has ${links} links and ${entries} entries`, { inode })
    } else if (!isOrphan && type === CheckItem.FOLDER) {
      if (links !== 1) this.#problems.add("LinkCount", `a folder says that it has ${links} links, not 1`, { inode })
      if (entries > 1) this.#problems.add("FolderParents", `a folder has ${entries} entries that name it`, { inode })
    } else if (!isOrphan && (entries > links || (isComplete && entries !== links))) {
      this.#problems.add("LinkCount", `it says that it has ${links} links, and has ${entries} entries`, { inode })
    }
    if (isComplete && (this.#unpaired[row] !== 0 || this.#pairs[row] !== 0)) {
      this.#problems.add("Parents", "its parent items are not the entries that name it", { inode })
    }
    if (type === CheckItem.FOLDER) {
      const size = this.#sizes[row]
      const children = this.#children[row]
      if (children > size || (isComplete && children !== size)) {
        this.#problems.add("FolderSize", `a folder says that it has ${size} entries, and has ${children}`, { inode })
      }
    } else if (this.#children[row] > 0) {
      this.#problems.add("EntryType", "it has entries and is no folder", { inode })
    }
  }

  /** Everything with an inode is reached from the root folder, or from an orphan: that may be a folder with entries. */
  #reach(isComplete: boolean): void {
    const count = this.#rows.size
    // The walk that met a row first, from 1: what another walk has met is settled. The root is from the start.
    const metBy = new Float64Array(count)
    metBy[0] = -1
    for (let start = 0; start < count; start++) {
      if ((this.#flags[start] & SEEN) === 0) continue
      let row = start
      while (metBy[row] === 0) {
        metBy[row] = start + 1
        const parent = this.#parents[row]
        if (parent === NOBODY) {
          this.#unreached(row, isComplete)
          break
        }
        row = parent
      }
      if (metBy[row] === start + 1 && this.#parents[row] !== NOBODY) {
        this.#problems.add("Cycle", "a folder is inside itself", { inode: this.#numbers[row] })
      }
    }
  }

  /** A row without an entry; the root is none of them. */
  #unreached(row: number, isComplete: boolean): void {
    const flags = this.#flags[row]
    if (!isComplete || (flags & ORPHAN) !== 0 || (flags & SEEN) === 0) return
    this.#problems.add("Unreachable", "an inode has no name and is no orphan", { inode: this.#numbers[row] })
  }

  // ---- paths

  /** The path of an inode by its first name; `undefined` if no names lead from the root folder to it. */
  pathOf(number: number): string | undefined {
    let row = this.#rows.get(number)
    if (row === 0) return "/"
    let path = ""
    for (let step = 0; row !== undefined && row !== NOBODY && step < PATH_STEPS_MAX; step++) {
      if (row === 0) return path
      if (this.#parents[row] === NOBODY) return undefined
      const at = this.#nameAt[row]
      path = `/${decodeName(this.#text.subarray(at, at + this.#nameBytes[row]))}${path}`
      row = this.#parents[row]
    }
    return undefined
  }

  pathOfEntry(folder: number, name: CheckItem.Name): string | undefined {
    const path = this.pathOf(folder)
    return path === undefined ? undefined : `${path === "/" ? "" : path}/${decodeName(name)}`
  }
}

/** FNV-1a of a folder's number and a name: accidents do not make two the same. */
const digest = (folder: number, name: CheckItem.Name): number => {
  let hash = 0x811c9dc5
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  for (let rest = folder; rest > 0; rest = Math.floor(rest / 256)) mix(rest % 256)
  for (const byte of name) mix(byte)
  return hash
}

/** A name as text; bytes that are no UTF-8 become replacement characters. */
const decodeName = (name: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(name)
