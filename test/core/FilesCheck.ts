/**
 * What must hold in the names tree of any volume at any time: the rules that no single operation states.
 */
import * as BTree from "../../src/core/BTree.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Table from "../../src/core/Table.ts"
import { assert } from "vitest"
import type { TestVolume } from "./TestVolume.ts"

export const check = (volume: TestVolume): void => {
  const { layout } = volume
  const { inodeCount, names, nextInode } = volume.draft.roots
  const inodes = new Map<number, Inode.Inode>()
  const entries = new Map<number, Array<Inode.Entry>>()
  const orphans = new Set<number>()
  const attributed = new Set<number>()
  const [above, below] = [new Set<string>(), new Set<string>()]
  const tables = new Map<number, number>()
  const tableEntries = new Map<number, number>()
  volume.read((pages) => {
    inodes.clear()
    entries.clear()
    above.clear()
    below.clear()
    tables.clear()
    tableEntries.clear()
    BTree.ascend(pages, names, undefined, (item) => {
      const key = Inode.decodeKey(BTree.key(item))
      if (key._tag === "Inode") inodes.set(key.number, Inode.decode(layout, item.node, item.keyEnd, item.valueEnd))
      else if (key._tag === "Entry") {
        const list = entries.get(key.parent) ?? []
        const entry = Inode.decodeEntry(item.node, item.keyEnd, item.valueEnd)
        list.push(entry)
        entries.set(key.parent, list)
        above.add(`${entry.number} ${key.parent} ${key.name.join()}`)
      } else if (key._tag === "Parent") {
        below.add(`${key.number} ${key.folder} ${key.name.join()}`)
      } else if (key._tag === "Orphan") orphans.add(key.number)
      else if (key._tag === "Attribute") attributed.add(key.number)
      else if (key._tag === "Table") {
        const table = Table.decode(item.node, item.keyEnd, item.valueEnd)
        assert.isFalse(tables.has(table.number), "a table has a number of its own")
        tables.set(table.number, table.count)
      } else {
        Table.decodeEntry(layout, item.node, item.keyEnd, item.valueEnd)
        tableEntries.set(key.number, (tableEntries.get(key.number) ?? 0) + 1)
      }
      return true
    })
  })
  assert.deepStrictEqual(below, above, "an entry stands under its folder and under what it names")
  assert.strictEqual(inodes.size, inodeCount, "the roots count the inodes")
  const links = new Map<number, number>([[Inode.ROOT, 1]])
  for (const [parent, list] of entries) {
    assert.strictEqual(inodes.get(parent)?.type, Inode.FOLDER, "entries belong to a folder")
    for (const { number, type } of list) {
      assert.strictEqual(inodes.get(number)?.type, type, "an entry knows the type of its inode")
      links.set(number, (links.get(number) ?? 0) + 1)
    }
  }
  for (const [number, inode] of inodes) {
    assert.isBelow(number, nextInode, "no number is given twice")
    assert.strictEqual(inode.links, links.get(number) ?? 0, `inode ${number} counts its entries`)
    assert.strictEqual(orphans.has(number), inode.links === 0, "an inode without links is an orphan, and no other")
    if (inode.type !== Inode.FOLDER) continue
    assert.isAtMost(inode.links, 1, "a folder has one entry")
    assert.strictEqual(inode.size, entries.get(number)?.length ?? 0, `folder ${number} counts its entries`)
  }
  for (const number of orphans) assert.isTrue(inodes.has(number), "an orphan has an inode")
  for (const number of attributed) assert.isTrue(inodes.has(number), "an attribute has an inode")
  for (const [number, count] of tables) {
    assert.isBelow(number, nextInode, "no number is given twice")
    assert.isFalse(inodes.has(number), "a table is no inode")
    assert.strictEqual(tableEntries.get(number) ?? 0, count, `table ${number} counts its entries`)
  }
  for (const number of tableEntries.keys()) assert.isTrue(tables.has(number), "an entry has a table")
  const reached = new Set<number>()
  const walk = (number: number): void => {
    reached.add(number)
    for (const entry of entries.get(number) ?? []) if (!reached.has(entry.number)) walk(entry.number)
  }
  walk(Inode.ROOT)
  orphans.forEach(walk)
  assert.strictEqual(reached.size, inodes.size, "every inode is reached from the root or from an orphan")
}
