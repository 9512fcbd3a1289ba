/**
 * The free map against what the root reaches: pages that nobody owns, that are free and owned, and counts.
 */
import { assert, describe, it } from "vitest"
import { Problems } from "../../src/core/CheckReport.ts"
import { CheckSpace, type Claims } from "../../src/core/CheckSpace.ts"
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

describe("CheckSpace by itself", () => {
  const { layout } = new Volume()
  const leafPages = layout.mapLeafPages

  /** What is said: codes and addresses. */
  const make = (claims: Partial<Claims> = {}) => {
    const problems = new Problems()
    const record = { pageCount: 3 * leafPages, freeCount: 0, cursor: 0, freed: [], used: [], ...claims }
    const space = new CheckSpace(layout, problems, record, [0, 2, 64, 66], record.pageCount)
    const listed = () =>
      problems.list({ pathOf: () => undefined, pathOfEntry: () => undefined, tableOf: () => undefined })
    return {
      space,
      said: () => listed().map(({ address, code }) => [code, address]),
      messages: () => listed().map(({ message }) => message)
    }
  }

  it("takes pages up to the volume's last, and names the first that has an owner", () => {
    const { said, space } = make()
    const last = 3 * leafPages - 1
    assert.isTrue(space.claim({ address: last, pageCount: 1 }, 7))
    assert.isFalse(space.claim({ address: last, pageCount: 2 }, 7))
    assert.isTrue(space.claim({ address: 10, pageCount: 1 }, 7))
    assert.isTrue(space.claim({ address: 12, pageCount: 2 }, 7))
    assert.isFalse(space.claim({ address: 8, pageCount: 8 }, 7))
    assert.isFalse(space.claim({ address: 65, pageCount: 3 }, 7))
    assert.isTrue(space.claim({ address: 66, pageCount: 1 }, 7))
    assert.deepStrictEqual(said(), [
      ["OutsideVolume", last],
      ["Shared", 10],
      ["Reserved", 65]
    ])
    assert.strictEqual(space.claimedCount, 10)
  })

  it("knows the pages of deadlists that a snapshot sees, each once and by its birth", () => {
    const { said, space } = make()
    // Not in the order of their addresses.
    for (const [address, pageCount, birth] of [
      [300, 2, 5],
      [leafPages + 9, 1, 6],
      [100, 3, 4],
      [200, 1, 9]
    ]) {
      assert.isTrue(space.die({ address, pageCount, birth }))
    }
    assert.strictEqual(space.deadCount, 7)
    assert.isTrue(space.seesDead({ address: 100, pageCount: 3, birth: 4 }))
    assert.isFalse(space.seesDead({ address: 100, pageCount: 3, birth: 4 }))
    assert.isTrue(space.seesDead({ address: 300, pageCount: 1, birth: 5 }))
    assert.isTrue(space.seesDead({ address: 300, pageCount: 2, birth: 5 }))
    assert.isTrue(space.seesDead({ address: leafPages + 9, pageCount: 1, birth: 6 }))
    assert.deepStrictEqual(said(), [])
    assert.isTrue(space.seesDead({ address: 200, pageCount: 1, birth: 4 }))
    assert.deepStrictEqual(said(), [["Deadlist", 200]])
    space.finishDead()
    assert.lengthOf(said(), 1)
  })

  it("takes no page of a deadlist that somebody has", () => {
    const { said, space } = make()
    space.claim({ address: 100, pageCount: 1 }, undefined)
    assert.isFalse(space.die({ address: 99, pageCount: 2, birth: 1 }))
    assert.strictEqual(space.deadCount, 0)
    assert.deepStrictEqual(said(), [["Shared", 100]])
  })

  it("names each page that a snapshot sees and nobody keeps, and none twice", () => {
    const { said, space } = make()
    space.claim({ address: 11, pageCount: 1 }, undefined)
    assert.isFalse(space.seesDead({ address: 11, pageCount: 1, birth: 1 }))
    assert.isTrue(space.seesDead({ address: 10, pageCount: 3, birth: 1 }))
    assert.isFalse(space.seesDead({ address: 10, pageCount: 3, birth: 1 }))
    assert.deepStrictEqual(said(), [
      ["SnapshotLost", 10],
      ["SnapshotLost", 12]
    ])
  })

  it("follows no snapshot out of the volume, nor to reserved pages", () => {
    const { said, space } = make()
    const last = 3 * leafPages - 1
    assert.isFalse(space.seesDead({ address: last, pageCount: 2, birth: 1 }))
    assert.isFalse(space.seesDead({ address: 63, pageCount: 2, birth: 1 }))
    assert.isFalse(space.seesDead({ address: 1, pageCount: 1, birth: 1 }))
    assert.deepStrictEqual(said(), [
      ["OutsideVolume", last],
      ["OutsideVolume", 63],
      ["OutsideVolume", 1]
    ])
    assert.isTrue(space.die({ address: last, pageCount: 1, birth: 1 }))
    assert.isTrue(space.seesDead({ address: last, pageCount: 1, birth: 1 }))
    assert.lengthOf(said(), 3)
  })

  it("counts the pages of deadlists that no snapshot sees, by the bitmaps they are in", () => {
    const { messages, said, space } = make()
    space.die({ address: 2 * leafPages + 17, pageCount: 3, birth: 1 })
    space.die({ address: 30, pageCount: 12, birth: 1 })
    space.die({ address: leafPages + 1, pageCount: 1, birth: 1 })
    space.seesDead({ address: leafPages + 1, pageCount: 1, birth: 1 })
    space.finishDead()
    // To the byte.
    assert.deepStrictEqual(said(), [
      ["Deadlist", 24],
      ["Deadlist", 2 * leafPages + 16]
    ])
    assert.deepStrictEqual(
      messages().map((message) => message.split(" ")[0]),
      ["12", "3"]
    )
  })

  /** A bitmap with these pages in use. */
  const bitmap = (...inUse: ReadonlyArray<number>): Uint8Array => {
    const page = new Uint8Array(layout.pageBytes)
    for (const bit of inUse) page[16 + (bit >> 3)] |= 1 << (bit & 7)
    return page
  }
  const reserved = [0, 1, 64, 65]

  it("compares bitmap by bitmap, with what the root changes in each", () => {
    const { said, space } = make({
      freeCount: 3 * leafPages - 8,
      freed: [70, 72, leafPages - 1, leafPages + 1],
      used: [80, 82, 2 * leafPages - 1, 2 * leafPages + 1]
    })
    space.claim({ address: 80, pageCount: 2 }, undefined)
    space.claim({ address: 2 * leafPages - 1, pageCount: 2 }, undefined)
    space.bitmap(bitmap(...reserved, 70, 71, leafPages - 1))
    space.bitmap(bitmap(0))
    space.bitmap(bitmap())
    // There are no more.
    space.bitmap(bitmap(5))
    space.finish()
    assert.deepStrictEqual(said(), [])
    assert.strictEqual(space.freeCount, 3 * leafPages - 8)
  })

  it("says once for a bitmap, and of its first page, that the root repeats what it knows", () => {
    const { said, space } = make({
      freeCount: 3 * leafPages - 4,
      freed: [70, 72, 90, 91, leafPages + 3, leafPages + 4]
    })
    space.bitmap(bitmap(...reserved, 70))
    space.finish()
    assert.deepStrictEqual(said(), [
      ["MapDelta", 71],
      ["MapDelta", leafPages + 3]
    ])
  })

  it("joins neighbours of one fault, and no others", () => {
    const { messages, said, space } = make({ freeCount: 3 * leafPages - 10 })
    space.claim({ address: 102, pageCount: 2 }, undefined)
    // 100 and 101 leak, 102 and 103 are free, 104 leaks, then the last page of one bitmap and the first of the next.
    space.bitmap(bitmap(...reserved, 100, 101, 104, leafPages - 1))
    space.bitmap(bitmap(0, 2))
    space.finish()
    assert.deepStrictEqual(said(), [
      ["Leak", 100],
      ["FreeInUse", 102],
      ["Leak", 104],
      ["Leak", leafPages - 1],
      ["Leak", leafPages + 2]
    ])
    assert.deepStrictEqual(
      messages().map((message) => message.split(" by")[0]),
      ["2 pages in use", "2 pages free", "1 page in use", "2 pages in use", "1 page in use"]
    )
  })

  it("calls nothing a leak where that is not known, and what is free and owned all the same", () => {
    const { said, space } = make({ freeCount: 3 * leafPages - 5 })
    space.mayLeak = false
    space.claim({ address: 102, pageCount: 1 }, undefined)
    space.bitmap(bitmap(...reserved, 100))
    space.finish()
    assert.deepStrictEqual(said(), [["FreeInUse", 102]])
  })

  it("passes over bitmaps that could not be read, and ends a run of pages before them", () => {
    const { said, space } = make({ freeCount: 99 })
    space.bitmap(bitmap(...reserved, leafPages - 1))
    space.unknown(1, 2)
    space.bitmap(bitmap(0))
    space.finish()
    assert.deepStrictEqual(said(), [
      ["Leak", leafPages - 1],
      ["Leak", 2 * leafPages]
    ])
  })

  it("names the first bits beyond the end, and does not count them", () => {
    for (const [past, inUse, first] of [
      [11, [11, 16, 40], 11],
      [16, [16, 100], 16],
      [1, [11, 16], 8]
    ] as const) {
      const pageCount = leafPages + past
      const { said, space } = make({ pageCount, freeCount: pageCount - 4 })
      space.bitmap(bitmap(...reserved))
      space.bitmap(bitmap(...inUse))
      space.finish()
      assert.deepStrictEqual(said(), [["MapBeyondEnd", leafPages + first]])
    }
  })
})
