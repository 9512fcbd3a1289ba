/**
 * What a rescue reads of a names tree and of contents: with pages that are damaged, missing or forged.
 */
import { assert, describe, it } from "vitest"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import type * as Pointer from "../../src/core/Pointer.ts"
import { Rescue } from "../../src/core/Rescue.ts"
import * as RescueContent from "../../src/core/RescueContent.ts"
import { noise, type Piece, utf8, Volume } from "./CheckVolume.ts"

/** Reads what is wanted until nothing is; answers how many pages were wanted at a time. */
const drive = (
  machine: Rescue | RescueContent.RescueContent,
  load: (pointer: Pointer.Pointer) => Uint8Array | undefined
): ReadonlyArray<number> => {
  const batches: Array<number> = []
  for (let wanted = machine.next(); wanted.length > 0; wanted = machine.next()) {
    batches.push(wanted.reduce((sum, { pageCount }) => sum + pageCount, 0))
    machine.take(wanted.map(load))
  }
  return batches
}

const from =
  (volume: Volume) =>
  ({ address, pageCount }: Pointer.Pointer): Uint8Array =>
    volume.pages(address, pageCount)

const rescued = (
  volume: Volume,
  load = from(volume) as (pointer: Pointer.Pointer) => Uint8Array | undefined
): Rescue => {
  const rescue = new Rescue(volume.binding, volume.record)
  drive(rescue, load)
  return rescue
}

const names = (rescue: Rescue, folder: number): ReadonlyArray<string> =>
  (rescue.entries.get(folder) ?? []).map(({ name }) => Buffer.from(name).toString())

const leaves = (volume: Volume): ReadonlyArray<number> =>
  volume
    .reached()
    .filter(({ pointer: { kind, level } }) => kind === Node.TREE && level === 0)
    .map(({ pointer }) => pointer.address)

describe("Rescue", () => {
  it("finds everything of a sound volume, in order", () => {
    const volume = new Volume({ pageCount: 2048 })
    const folder = volume.folder(1, "folder")
    const file = volume.file(folder, "file", [noise(1, 700)])
    for (let i = 10; i < 50; i++) volume.note(folder, `note ${i}`, "x".repeat(40))
    for (let i = 0; i < 20; i++) volume.set("table", `key ${i}`, noise(i, 60))
    volume.set("other", "key", utf8("value"))
    volume.put(Inode.orphanKey(99), new Uint8Array(0))
    const rescue = rescued(volume)
    assert.deepStrictEqual(rescue.lostPages, [])
    assert.strictEqual(rescue.rows.size, volume.record.roots.inodeCount)
    const { leaf, ...row } = rescue.rows.get(file)!
    assert.deepStrictEqual(row, { number: file, type: Inode.FILE, size: 700, links: 1 })
    assert.include(leaves(volume), leaf.address)
    assert.deepStrictEqual(names(rescue, 1), ["folder"])
    const notes = Array.from({ length: 40 }, (_, i) => `note ${i + 10}`)
    assert.deepStrictEqual(names(rescue, folder), ["file", ...notes])
    assert.deepStrictEqual(rescue.entries.get(1), [
      { name: utf8("folder"), isSound: true, number: folder, type: Inode.FOLDER }
    ])
    assert.deepStrictEqual([...rescue.orphans], [99])
    const tables = [...rescue.tables].map(([number, { count, name }]) => [Buffer.from(name).toString(), number, count])
    const [other, table] = tables.map(([, number]) => number as number)
    assert.deepStrictEqual(tables, [
      ["other", other, 1],
      ["table", table, 20]
    ])
    assert.strictEqual(rescue.tableEntries.get(other)?.count, 1)
    const entries = rescue.tableEntries.get(table)!
    assert.strictEqual(entries.count, 20)
    const on = entries.leaves.map(({ address }) => address)
    assert.isAbove(on.length, 1)
    assert.strictEqual(new Set(on).size, on.length)
    const keys = entries.leaves.flatMap((pointer) =>
      RescueContent.tableEntriesIn(volume.layout, from(volume)(pointer), table).map(({ content, key }) => {
        assert.strictEqual(content._tag, "Inline")
        return Buffer.from(key).toString()
      })
    )
    assert.sameMembers(
      keys,
      Array.from({ length: 20 }, (_, i) => `key ${i}`)
    )
  })

  it("names the pages that are lost, and keeps what others say", () => {
    const volume = new Volume({ pageCount: 2048 })
    for (let i = 10; i < 90; i++) volume.note(1, `note ${i}`, "x".repeat(40))
    const [first, second] = leaves(volume)
    const flipped = volume.pages(second, 1)
    flipped[200] ^= 1
    const rescue = rescued(volume, (pointer) => {
      if (pointer.address === first) return undefined
      return pointer.address === second ? flipped : from(volume)(pointer)
    })
    assert.deepStrictEqual(
      rescue.lostPages.map(({ address }) => address),
      [first, second]
    )
    const [missing, damaged] = rescue.lostPages.map(({ reason }) => reason)
    assert.strictEqual(missing, "it could not be read")
    assert.notStrictEqual(damaged, missing)
    assert.isAbove(rescue.rows.size, 40)
    assert.isBelow(rescue.rows.size, volume.record.roots.inodeCount)
  })

  it("says which items make no sense, and which names are no names", () => {
    const volume = new Volume()
    const note = volume.note(1, "note", "x")
    volume.entry(1, "a/b", { number: note, type: Inode.FILE })
    volume.put(Uint8Array.of(0, 0, 0, 0, 0, note, 9), new Uint8Array(0))
    const rescue = rescued(volume)
    assert.deepStrictEqual(rescue.lostPages, [
      { address: volume.find(Node.TREE, 0).pointer.address, reason: "a key of the names tree has the unknown tag 9" }
    ])
    assert.deepStrictEqual(
      rescue.entries.get(1)?.map(({ isSound }) => isSound),
      [false, true]
    )
  })

  it("reads a page once, whoever names it", () => {
    const volume = new Volume({ pageCount: 2048 })
    for (let i = 10; i < 60; i++) volume.note(1, `note ${i}`, "x".repeat(40))
    const branch = volume.find(Node.TREE, 1)
    const { layout } = volume
    // The pointer of one cell in another one as well.
    const pointers: Array<number> = []
    for (let at = 16; at < 512; at++) {
      if (leaves(volume).some((address) => isPointerTo(volume, branch.page, at, address))) pointers.push(at)
    }
    assert.isAbove(pointers.length, 2)
    const copied = branch.page.slice(pointers[0], pointers[0] + layout.pointerBytes)
    const count = volume.reached().filter(({ pointer: { kind } }) => kind === Node.TREE).length
    volume.damage(branch.pointer.address, (page) => page.set(copied, pointers[1]))
    const read: Array<number> = []
    rescued(volume, (pointer) => {
      read.push(pointer.address)
      return from(volume)(pointer)
    })
    assert.strictEqual(new Set(read).size, read.length)
    assert.strictEqual(read.length, count - 1)
  })
})

const isPointerTo = (volume: Volume, page: Uint8Array, at: number, address: number): boolean => {
  const { addressBytes } = volume.layout
  let named = 0
  for (let byte = addressBytes - 1; byte >= 0; byte--) named = named * 256 + page[at + byte]
  return named === address && page[at + addressBytes] === 1 && page[at + addressBytes + 1] === 0
}

describe("RescueContent", () => {
  /** The content of a file, what is lost of it, and how much was read at a time. */
  const content = (
    volume: Volume,
    number: number,
    load: (pointer: Pointer.Pointer) => Uint8Array | undefined = from(volume),
    endPage = volume.pageCount,
    taken = new Set<number>()
  ) => {
    const inode = volume.inode(number)
    const machine = new RescueContent.RescueContent(volume.binding, inode, endPage, (address) => {
      const isTaken = taken.has(address)
      taken.add(address)
      return isTaken
    })
    const bytes = new Uint8Array(inode.size)
    const order: Array<number> = []
    const collect = () => {
      for (const piece of machine.pieces()) {
        bytes.set(piece.bytes, piece.offset)
        order.push(piece.offset)
      }
    }
    collect()
    const batches: Array<number> = []
    for (let wanted = machine.next(); wanted.length > 0; wanted = machine.next()) {
      batches.push(wanted.reduce((sum, { pageCount }) => sum + pageCount, 0))
      machine.take(wanted.map(load))
      collect()
    }
    return { bytes, order, batches, lost: machine.lostRanges() }
  }

  const flat = (pieces: ReadonlyArray<Piece>): ReadonlyArray<number> =>
    pieces.flatMap((piece) =>
      typeof piece === "number"
        ? Array.from(new Uint8Array(piece))
        : Array.isArray(piece)
          ? flat(piece)
          : [...(piece as Uint8Array)]
    )

  const pieces: ReadonlyArray<Piece> = [[noise(1, 512), 1000, noise(2, 30)], [noise(3, 1100)], 700, [noise(4, 9)]]

  const make = () => {
    const volume = new Volume()
    return { volume, number: volume.file(1, "file", pieces) }
  }
  const dataAt = (volume: Volume) =>
    volume
      .reached()
      .filter(({ pointer: { kind } }) => kind === Node.DATA)
      .map(({ pointer }) => pointer.address)

  it("is all of a sound file, in order", () => {
    const { number, volume } = make()
    const { bytes, lost, order } = content(volume, number)
    assert.deepStrictEqual(Array.from(bytes), Array.from(flat(pieces)))
    assert.deepStrictEqual(lost, [])
    assert.deepStrictEqual(order, [0, 1512, 1542, 3342])
    const note = volume.note(1, "note", "hello")
    assert.deepStrictEqual(Buffer.from(content(volume, note).bytes).toString(), "hello")
    const run = volume.file(1, "run", [noise(9, 5)])
    assert.deepStrictEqual(content(volume, run).bytes, noise(9, 5))
    const hole = volume.file(1, "hole", [70])
    assert.deepStrictEqual(content(volume, hole).bytes, new Uint8Array(70))
  })

  it("names the ranges that are lost, neighbours of one reason as one", () => {
    const { number, volume } = make()
    const [first, second, third] = dataAt(volume)
    const loadBut =
      (...gone: ReadonlyArray<number>) =>
      (pointer: Pointer.Pointer) =>
        gone.includes(pointer.address) ? undefined : from(volume)(pointer)
    const reason = "it could not be read"
    assert.deepStrictEqual(content(volume, number, loadBut(second, third)).lost, [
      { offset: 1512, byteCount: 30 + 1100, address: second, reason }
    ])
    assert.deepStrictEqual(content(volume, number, loadBut(first, second)).lost, [
      { offset: 0, byteCount: 512, address: first, reason },
      { offset: 1512, byteCount: 30, address: second, reason }
    ])
    const mixed = content(volume, number, (pointer) => {
      if (pointer.address === second) return undefined
      const bytes = from(volume)(pointer)
      if (pointer.address === third) bytes[3] ^= 1
      return bytes
    })
    assert.deepStrictEqual(
      mixed.lost.map(({ byteCount, offset }) => [offset, byteCount]),
      [
        [1512, 30],
        [1542, 1100]
      ]
    )
    assert.deepStrictEqual(Array.from(mixed.bytes.subarray(0, 1512)), Array.from(flat(pieces)).slice(0, 1512))
  })

  it("loses a branch whose spans are not its length", () => {
    const { number, volume } = make()
    const branch = volume.find(Node.ROPE, 1)
    // Of the hole.
    volume.damage(branch.pointer.address, (page) => page[16 + volume.layout.ropeEntryBytes]++)
    assert.deepStrictEqual(content(volume, number).lost, [
      {
        offset: 0,
        byteCount: 1542,
        address: branch.pointer.address,
        reason: "a rope branch has another length than it should"
      }
    ])
  })

  it("follows no pointer that names too many pages or leads out of the volume", () => {
    const volume = new Volume()
    const number = volume.file(1, "run", [noise(1, 1100)])
    const [address] = dataAt(volume)
    const lost = (endPage: number, size = 1100) => {
      const machine = new RescueContent.RescueContent(
        volume.binding,
        { ...volume.inode(number), size },
        endPage,
        () => true
      )
      drive(machine, from(volume))
      return machine.lostRanges()
    }
    assert.deepStrictEqual(lost(address + 3), [])
    assert.deepStrictEqual(lost(address + 2), [
      { offset: 0, byteCount: 1100, address, reason: "a pointer leads out of the volume" }
    ])
    assert.deepStrictEqual(lost(address + 3, 1025), [])
    for (const size of [1024, 1537]) {
      assert.deepStrictEqual(lost(volume.pageCount, size), [
        { offset: 0, byteCount: size, address, reason: "a pointer names more or fewer pages than it should" }
      ])
    }
  })

  it("follows a branch once, in all files", () => {
    const { number, volume } = make()
    const taken = new Set<number>()
    content(volume, number, from(volume), volume.pageCount, taken)
    const branches = volume.reached().filter(({ pointer: { kind } }) => kind === Node.ROPE)
    assert.strictEqual(taken.size, branches.length)
    const { lost } = content(volume, number, from(volume), volume.pageCount, taken)
    assert.deepStrictEqual(
      lost.map(({ byteCount, offset, reason }) => [offset, byteCount, reason]),
      [[0, volume.inode(number).size, "a page is named twice"]]
    )
  })

  it("asks for some pages at a time", () => {
    const volume = new Volume({ pageCount: 8000 })
    const run = volume.layout.runPagesMax * 512
    const number = volume.file(
      1,
      "file",
      Array.from({ length: 12 }, (_, i) => noise(i, run))
    )
    const { batches, lost, order } = content(volume, number)
    assert.deepStrictEqual(lost, [])
    assert.deepStrictEqual(
      order,
      order.toSorted((a, b) => a - b)
    )
    assert.isBelow(Math.max(...batches), 256 + volume.layout.runPagesMax)
    assert.isAbove(Math.max(...batches), 255)
  })

  it("finds an inode in its leaf", () => {
    const volume = new Volume()
    const note = volume.note(1, "note", "x")
    const { page } = volume.find(Node.TREE, 0)
    assert.deepStrictEqual(RescueContent.inodeIn(volume.layout, page, note), volume.inode(note))
    assert.isUndefined(RescueContent.inodeIn(volume.layout, page, 77))
  })
})
