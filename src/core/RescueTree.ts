/**
 * Where everything that a rescue found belongs: a tree of names, each item after its folder.
 *
 * - What has lost its name stands in a folder of its own, `lost+found`, by its number.
 * - A folder whose inode is lost keeps its place, since its entries say where they are.
 * - Orphans, and what is in them, had no name before: they are left out.
 * - Every number has its place once, but for the several names of a file. So it ends whatever the entries say.
 */
import * as CheckItem from "./CheckItem.ts"
import type { Entry, Rescue, Row } from "./Rescue.ts"

export interface Item {
  /** The index of its folder; -1 for the root. */
  readonly parent: number
  readonly name: string
  readonly number: number
  readonly type: number
  /** None if the inode is lost. */
  readonly row: Row | undefined
}

/** What is lost, other than content. */
export interface Lost {
  /** The index of what it is about, if that is known. */
  readonly item: number | undefined
  readonly reason: string
}

export interface RescueTree {
  readonly items: ReadonlyArray<Item>
  readonly lost: ReadonlyArray<Lost>
}

const ROOT = 1
const LOST_AND_FOUND = "lost+found"

const decoder = new TextDecoder()

/** `inodeCount`: what the root says. */
export const make = (rescue: Rescue, inodeCount: number): RescueTree => {
  const { entries, lostPages, orphans, rows } = rescue
  const items: Array<Item> = []
  const lost: Array<Lost> = []
  const placed = new Set<number>()
  const nameless: Array<number> = []

  const typeOf = (number: number, claimed: number): number =>
    rows.get(number)?.type ?? (entries.has(number) ? CheckItem.FOLDER : claimed)

  /** Takes in an item; its entries are still to be taken in if that is so. */
  const add = (parent: number, name: string, number: number, claimed: number): boolean => {
    const row = rows.get(number)
    const type = typeOf(number, claimed)
    const index = items.push({ parent, name, number, type, row }) - 1
    placed.add(number)
    if (row === undefined) {
      const what = type === CheckItem.FOLDER ? "its modes, times and size are lost" : "its inode is lost"
      lost.push({ item: index, reason: what })
    }
    const found = entries.get(number)?.length ?? 0
    if (type !== CheckItem.FOLDER) return false
    if (row !== undefined && row.size > found) {
      lost.push({ item: index, reason: `${row.size - found} of its ${row.size} entries are lost` })
    }
    return found > 0
  }

  /** Takes in all under the folder at `index`. */
  const fill = (index: number): void => {
    const open = [index]
    for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
      for (const { isSound, name, number, type } of entries.get(items[folder].number) ?? []) {
        const isFolder = typeOf(number, type) === CheckItem.FOLDER
        if (number === ROOT || (isFolder && placed.has(number))) continue
        if (!isSound) nameless.push(number)
        else if (add(folder, decoder.decode(name), number, type)) open.push(items.length - 1)
      }
    }
  }

  add(-1, "", ROOT, CheckItem.FOLDER)
  fill(0)
  // What the root folder leads to has a name, whatever calls it an orphan.
  for (const number of orphans) hide(entries, number, placed)

  const named = new Set<number>()
  for (const list of entries.values()) for (const { number } of list) named.add(number)
  const numbers = new Set(rows.keys())
  for (const number of entries.keys()) numbers.add(number)
  const isHidden = (number: number) => rows.get(number)?.links === 0
  for (const number of numbers) if (!named.has(number)) nameless.push(number)
  // Then what only folders name that are named by themselves.
  for (const number of numbers) nameless.push(number)
  let found: number | undefined
  for (const number of nameless) {
    if (placed.has(number) || isHidden(number) || !numbers.has(number)) continue
    if (found === undefined) {
      found = items.length
      items.push({ parent: 0, name: freeName(entries.get(ROOT)), number: 0, type: CheckItem.FOLDER, row: undefined })
    }
    const index = items.length
    const hasEntries = add(found, `#${number}`, number, CheckItem.FILE)
    lost.push({ item: index, reason: "its name is lost" })
    if (hasEntries) fill(index)
  }
  const withoutRow = new Set<number>()
  for (const { number, row } of items) if (number > 0 && row === undefined) withoutRow.add(number)
  const missing = inodeCount - rows.size - withoutRow.size
  if (missing > 0)
    lost.push({ item: undefined, reason: `${missing} files, folders or links are lost with their names` })
  for (const { address, reason } of lostPages) {
    lost.push({ item: undefined, reason: `page ${address} of the names is lost: ${reason}` })
  }
  for (const reason of lostOfTables(rescue)) lost.push({ item: undefined, reason })
  return { items, lost }
}

/** What is lost of tables, a sentence each without its full stop. */
const lostOfTables = ({ tableEntries, tables }: Rescue): ReadonlyArray<string> => {
  const lost: Array<string> = []
  for (const [number, { count, name }] of tables) {
    const found = tableEntries.get(number)?.count ?? 0
    const table = `the table ${JSON.stringify(decoder.decode(name))}`
    if (found < count) lost.push(`${count - found} of the ${count} entries of ${table} are lost`)
  }
  for (const number of tableEntries.keys()) if (!tables.has(number)) lost.push(`the name of table ${number} is lost`)
  return lost
}

/** An orphan and all in it count as placed. */
const hide = (entries: ReadonlyMap<number, ReadonlyArray<Entry>>, orphan: number, placed: Set<number>): void => {
  const open = [orphan]
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    if (placed.has(number)) continue
    placed.add(number)
    for (const entry of entries.get(number) ?? []) open.push(entry.number)
  }
}

const freeName = (entries: ReadonlyArray<Entry> = []): string => {
  const taken = new Set(entries.map(({ name }) => decoder.decode(name)))
  let name = LOST_AND_FOUND
  for (let i = 2; taken.has(name); i++) name = `${LOST_AND_FOUND}.${i}`
  return name
}

/** The path of an item. */
export const pathOf = (items: ReadonlyArray<Item>, index: number): string => {
  const names: Array<string> = []
  for (let at = index; at > 0; at = items[at].parent) names.push(items[at].name)
  return `/${names.toReversed().join("/")}`
}
