import { assert, describe, it } from "vitest"
import { type KnownNames, Problems, type Where } from "../../src/core/CheckReport.ts"
import { utf8 } from "./CheckVolume.ts"

/** Inodes from 10 on have paths, and tables have numbers from 20 on; entries are called after both. */
const known: KnownNames = {
  pathOf: (inode) => {
    assert.isNumber(inode)
    return inode >= 10 && inode < 20 ? `/inode ${inode}` : undefined
  },
  pathOfEntry: (folder, name) => {
    assert.isNumber(folder)
    return `/${folder}/${Buffer.from(name).toString()}`
  },
  tableOf: (number) => {
    assert.isNumber(number)
    return number >= 20 ? `table ${number}` : undefined
  }
}

/** What a problem at this place is said to be about. */
const about = (where?: Where) => {
  const problems = new Problems()
  problems.add("Item", "what is wrong", where)
  const [{ address, code, inode, message, path, table }, ...more] = problems.list(known)
  assert.deepStrictEqual([code, message, more, problems.count], ["Item", "what is wrong", [], 1])
  return { address, inode, path, table }
}

const nothing = { address: undefined, inode: undefined, path: undefined, table: undefined }

describe("CheckReport", () => {
  it("calls inodes by their paths, tables by their names, and entries by their folder's", () => {
    assert.deepStrictEqual(about(), nothing)
    assert.deepStrictEqual(about({ address: 7 }), { ...nothing, address: 7 })
    assert.deepStrictEqual(about({ inode: 10 }), { ...nothing, inode: 10, path: "/inode 10" })
    assert.deepStrictEqual(about({ inode: 9 }), { ...nothing, inode: 9 })
    assert.deepStrictEqual(about({ address: 7, inode: 20 }), { ...nothing, address: 7, table: "table 20" })
    assert.deepStrictEqual(about({ inode: 10, folder: 11, name: utf8("x") }), { ...nothing, inode: 10, path: "/11/x" })
  })

  it("calls no entry by half of what names it", () => {
    assert.deepStrictEqual(about({ folder: 11 }), nothing)
    assert.deepStrictEqual(about({ name: utf8("x") }), nothing)
  })
})
