/**
 * The free map against what the root reaches: pages that nobody owns, that are free and owned, and counts.
 */
import { assert, describe, it } from "vitest"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Node from "../../src/core/Node.ts"
import { noise, Volume, type VolumeOptions } from "./CheckVolume.ts"

const found = (volume: Volume): ReadonlyArray<readonly [string, number | undefined]> =>
  volume.check().problems.map(({ address, code }) => [code, address])

/** A volume of which the free map has bitmaps. */
const folded = (options: VolumeOptions = {}): Volume => {
  const volume = new Volume({ pageCount: 600, ...options })
  const folder = volume.folder(1, "folder")
  for (let i = 0; i < 9; i++) volume.file(folder, `file ${i}`, [noise(i, 512 + i)])
  volume.foldMap([])
  return volume
}

const bitmap = (volume: Volume) => volume.find(Node.MAP, 0).pointer.address

/** Flips the bit of a page in the first bitmap. */
const flip = (volume: Volume, page: number): void =>
  volume.damage(bitmap(volume), (bytes) => (bytes[16 + (page >> 3)] ^= 1 << (page & 7)))

const anyRun = (volume: Volume): number => volume.find(Node.DATA, 0).pointer.address

/** A page that is free, and whose bit says so. */
const freePage = (volume: Volume): number => {
  const used = new Set(
    volume.reached().flatMap(({ pointer: { address, pageCount } }) => [address, address + pageCount - 1])
  )
  const { freed, map } = { ...volume.record, freed: volume.record.map.freed }
  for (let page = 300; ; page++) {
    const isIn = (set: ReadonlyArray<number>) =>
      set.some((start, i) => i % 2 === 0 && start <= page && page < set[i + 1])
    if (!used.has(page) && !isIn(freed) && !isIn(map.used)) return page
  }
}

describe("CheckSpace", () => {
  it("has nothing to say of a folded map", () => {
    const volume = folded()
    assert.isAbove(volume.reached().filter(({ pointer }) => pointer.kind === Node.MAP).length, 0)
    assert.deepStrictEqual(found(volume), [])
    assert.strictEqual(volume.check().freePageCount, volume.record.freeCount)
  })

  it("finds a leaked page, and leaked pages as one", () => {
    const volume = new Volume()
    volume.mark([200, 201], true)
    assert.deepStrictEqual(found(volume), [["Leak", 200]])
    volume.mark([203, 240], true)
    volume.mark([250, 256], true)
    const { problems } = volume.check()
    assert.deepStrictEqual(
      problems.map(({ message }) => message.split(" ").slice(0, 2).join(" ")),
      ["1 page", "37 pages", "6 pages"]
    )
  })

  it("finds a page that is free and in use", () => {
    const volume = new Volume()
    volume.file(1, "file", [noise(1, 1500)])
    const address = anyRun(volume)
    volume.mark([address + 1, address + 2], false)
    assert.deepStrictEqual(found(volume), [["FreeInUse", address + 1]])
  })

  it("finds reserved pages that are free", () => {
    const volume = new Volume()
    volume.mark([0, 1], false)
    assert.deepStrictEqual(found(volume), [["FreeInUse", 0]])
    const { secondCopy } = volume.slots
    volume.mark([0, 1], true)
    volume.mark([secondCopy + 1, secondCopy + 3], false)
    assert.deepStrictEqual(found(volume), [["FreeInUse", secondCopy + 1]])
  })

  it("finds leaks and owned free pages in the bitmaps", () => {
    const volume = folded()
    const page = freePage(volume)
    const { freeCount } = volume.record
    flip(volume, page)
    volume.root({ freeCount: freeCount - 1 })
    assert.deepStrictEqual(found(volume), [["Leak", page]])
    flip(volume, page)
    const address = anyRun(volume)
    flip(volume, address)
    volume.root({ freeCount: freeCount + 1 })
    assert.deepStrictEqual(found(volume), [["FreeInUse", address]])
  })

  it("finds a wrong count of free pages", () => {
    const volume = new Volume()
    volume.root({ freeCount: volume.record.freeCount + 1 })
    assert.deepStrictEqual(found(volume), [["FreeCount", undefined]])
    volume.root({ freeCount: volume.record.freeCount - 2 })
    assert.deepStrictEqual(found(volume), [["FreeCount", undefined]])
  })

  it("finds changes that the bitmaps know already", () => {
    const volume = folded()
    const { map } = volume.record
    const address = anyRun(volume)
    volume.root({ map: { ...map, used: [...map.used, address, address + 1].sort((a, b) => a - b) } })
    assert.deepStrictEqual(found(volume), [["MapDelta", address]])
    const page = freePage(volume)
    volume.root({ map: { ...map, freed: [...map.freed, page, page + 1].sort((a, b) => a - b) } })
    assert.deepStrictEqual(found(volume), [["MapDelta", page]])
  })

  it("finds bits of pages that the volume does not have", () => {
    for (const pageCount of [600, 601, 607]) {
      const volume = folded({ pageCount })
      flip(volume, pageCount)
      assert.deepStrictEqual(found(volume), [["MapBeyondEnd", pageCount]])
      flip(volume, pageCount)
      flip(volume, 3967)
      assert.deepStrictEqual(found(volume), [["MapBeyondEnd", 3960]])
    }
  })

  it("finds a cursor that stands nowhere", () => {
    const volume = new Volume()
    volume.root({ cursor: 1 })
    assert.deepStrictEqual(found(volume), [["Cursor", undefined]])
  })

  it("finds a device that is smaller than its volume", () => {
    const volume = folded()
    const { binding, record, slots } = volume
    const address = Math.max(...volume.reached().map(({ pointer }) => pointer.address))
    const codes = (devicePageCount: number) =>
      volume.check(true, { binding, devicePageCount, isDeep: true, record, slots }).problems.map(({ code }) => code)
    assert.deepStrictEqual(codes(599), ["VolumeSize"])
    assert.include(codes(address), "OutsideVolume")
    assert.notInclude(codes(address), "FreeCount")
  })

  describe("with a map of two levels", () => {
    const leafPages = 3968
    const pageCount = 6 * leafPages + 5
    const high = (): Volume => {
      const volume = new Volume({ pageCount })
      volume.file(1, "file", [noise(1, 1500)])
      volume.foldMap([])
      return volume
    }

    /** Which bitmaps are null. */
    const nulls = (volume: Volume): ReadonlyArray<number> => {
      const { page } = volume.find(Node.MAP, 1)
      const { addressBytes, pointerBytes } = volume.layout
      return [0, 1, 2, 3, 4, 5, 6].filter((i) => page[16 + i * pointerBytes + addressBytes] === 0)
    }

    it("reads null bitmaps as zero", () => {
      const volume = high()
      assert.strictEqual(FreeMap.heightFor(volume.layout, pageCount), 1)
      assert.deepStrictEqual(found(volume), [])
      const [first, second] = nulls(volume)
      assert.strictEqual(second, first + 1)
      // Across the border of two null bitmaps.
      const address = second * leafPages - 3
      volume.mark([address, address + 5], true)
      const { problems } = volume.check()
      assert.deepStrictEqual(
        problems.map(({ address: at, code, message }) => [code, at, message.slice(0, 7)]),
        [["Leak", address, "5 pages"]]
      )
    })

    it("says nothing of the pages of a bitmap that is damaged", () => {
      const volume = high()
      const maps = volume.reached().filter(({ pointer: { kind, level } }) => kind === Node.MAP && level === 0)
      const [first] = nulls(volume)
      for (const { pointer } of maps) volume.disk[pointer.address * 512 + 100] ^= 1
      volume.mark([first * leafPages, first * leafPages + 2], true)
      const checksums = maps.map(({ pointer }) => ["Checksum", pointer.address] as const)
      assert.sameDeepMembers([...found(volume)], [...checksums, ["Leak", first * leafPages]])
      assert.isTrue(volume.check().isComplete)
    })

    it("says nothing of the pages under a branch that is damaged", () => {
      const volume = high()
      const root = volume.find(Node.MAP, 1).pointer.address
      volume.disk[root * 512 + 100] ^= 1
      assert.deepStrictEqual(found(volume), [["Checksum", root]])
      assert.isFalse(volume.check().isComplete)
    })

    it("finds a bitmap that stands for nothing, and one that is named twice", () => {
      const volume = high()
      const root = volume.find(Node.MAP, 1)
      const pointerBytes = volume.layout.pointerBytes
      const first = root.page.slice(16, 16 + pointerBytes)
      volume.damage(root.pointer.address, (page) => page.set(first, 16 + 7 * pointerBytes))
      assert.deepStrictEqual(found(volume).slice(0, 2), [
        ["MapBeyondEnd", root.pointer.address],
        ["Shared", volume.find(Node.MAP, 0).pointer.address]
      ])
    })

    it("finds a null pointer that is not null", () => {
      const volume = high()
      const root = volume.find(Node.MAP, 1).pointer.address
      volume.damage(root, (page) => (page[16 + nulls(volume)[0] * volume.layout.pointerBytes] = 7))
      assert.deepStrictEqual(found(volume), [["Pointer", root]])
    })
  })
})
