import { assert, describe, it } from "vitest"
import * as CrashImages from "../../src/testing/CrashImages.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"

/** A disk with these sectors pending: each write is of one sector, and of its number. */
const diskWith = (...writes: ReadonlyArray<number>): SimulatedDisk => {
  const disk = new SimulatedDisk({ size: 4096 * SECTOR_BYTES, seed: 3 })
  for (const [i, sector] of writes.entries()) {
    disk.write([{ offset: sector * SECTOR_BYTES, bytes: new Uint8Array(SECTOR_BYTES).fill(i + 1) }])
  }
  return disk
}

const firstBytes = (disk: SimulatedDisk, count: number): Array<number> => {
  const bytes = new Uint8Array(count * SECTOR_BYTES)
  disk.read([{ offset: 0, bytes }])
  return Array.from({ length: count }, (_, i) => bytes[i * SECTOR_BYTES])
}

const range = (count: number): Array<number> => Array.from({ length: count }, (_, i) => i)

describe("CrashImages", () => {
  it("tries everything where little is pending", () => {
    const disk = diskWith(0, 1, 1)
    assert.strictEqual(CrashImages.thoroughness(disk), "full")
    const images = [...CrashImages.enumerate(disk)]
    // Old, new, torn or garbage; and with a second version.
    assert.strictEqual(images.length, 4 * 5)
    assert.strictEqual(new Set(images.map((image) => image.disk.fingerprint())).size, 20)
    assert.deepStrictEqual(firstBytes(images[0].disk, 2), [0, 0])
    const found = new Set(images.map((image) => firstBytes(image.disk, 2).join(" ")))
    for (const content of ["0 0", "1 0", "0 2", "1 2", "0 3", "1 3"]) assert.isTrue(found.has(content), content)
  })

  it("gives one image where nothing is pending", () => {
    const images = [...CrashImages.enumerate(diskWith())]
    assert.strictEqual(images.length, 1)
    assert.strictEqual(images[0].disk.fingerprint(), diskWith().fingerprint())
  })

  it("tries all subsets where more is pending, each also with damage", () => {
    const disk = diskWith(...range(8))
    const options = { fullMax: 100 }
    assert.strictEqual(CrashImages.thoroughness(disk, options), "subsets")
    const images = [...CrashImages.enumerate(disk, options)]
    assert.strictEqual(images.length, 3 * 256)
    const clean = images.filter((_, i) => i % 3 === 0).map((image) => firstBytes(image.disk, 8))
    assert.strictEqual(new Set(clean.map(String)).size, 256)
    for (const contents of clean) for (const [i, byte] of contents.entries()) assert.include([0, i + 1], byte)
    assert.isAbove(new Set(images.map((image) => image.disk.fingerprint())).size, 500)
  })

  it("draws samples where much is pending, the likely ones first", () => {
    const disk = diskWith(...range(40))
    const options = { sampleCount: 100, seed: 9 }
    assert.strictEqual(CrashImages.thoroughness(disk, options), "sampled")
    const images = [...CrashImages.enumerate(disk, options)]
    assert.strictEqual(images.length, 41 + 80 + 100)
    for (let cut = 0; cut <= 40; cut++) {
      const contents = range(40).map((i) => (i < cut ? i + 1 : 0))
      assert.deepStrictEqual(firstBytes(images[cut].disk, 40), contents)
    }
    const again = [...CrashImages.enumerate(disk, options)].map((image) => image.choice)
    assert.deepStrictEqual(
      images.map((image) => image.choice),
      again
    )
    const other = [...CrashImages.enumerate(disk, { ...options, seed: 10 })].map((image) => image.choice)
    assert.notDeepEqual(other, again)
  })

  for (const [name, options] of Object.entries({
    full: {},
    subsets: { fullMax: 10 },
    sampled: { fullMax: 10, subsetsMax: 10 },
    "sampled by pages": { fullMax: 10, subsetsMax: 10, unitBytes: 2048 }
  })) {
    it(`comes back to an image by its choice: ${name}`, () => {
      const disk = diskWith(0, 1, 2, 3, 1, 9, 3)
      const images = [...CrashImages.enumerate(disk, options)]
      assert.isAbove(images.length, 10)
      for (const image of images) {
        const again = CrashImages.apply(disk, image.choice, options.unitBytes)
        assert.strictEqual(again.fingerprint(), image.disk.fingerprint(), image.choice)
      }
    })
  }

  it("chooses for whole pages if it is told to, and tears them between sectors", () => {
    const disk = new SimulatedDisk({ size: 64 * SECTOR_BYTES })
    for (const page of [0, 1]) disk.write([{ offset: page * 2048, bytes: new Uint8Array(2048).fill(page + 1) }])
    disk.write([{ offset: 512, bytes: new Uint8Array(512).fill(5) }])
    const images = [...CrashImages.enumerate(disk, { unitBytes: 2048 })]
    assert.strictEqual(images.length, 5 * 4)
    const found = new Set(images.map((image) => firstBytes(image.disk, 8).join("")))
    for (const whole of ["00000000", "11110000", "15110000", "11112222", "15112222"]) assert.isTrue(found.has(whole))
    assert.isTrue(found.has("05010000") || found.has("10100000"))
  })

  it("leaves out what was seen before", () => {
    const seen = new Set<number>()
    const disk = diskWith(0, 1, 2)
    const first = [...CrashImages.enumerate(disk, { seen })].length
    assert.strictEqual(first, 64)
    assert.strictEqual(seen.size, 64)
    assert.strictEqual([...CrashImages.enumerate(disk, { seen })].length, 0)
    disk.write([{ offset: 3 * SECTOR_BYTES, bytes: new Uint8Array(SECTOR_BYTES).fill(9) }])
    assert.strictEqual([...CrashImages.enumerate(disk, { seen })].length, 3 * 64)
  })

  it("leaves the disk as it was", () => {
    const disk = diskWith(0, 1, 2)
    const before = disk.fingerprint()
    for (const image of CrashImages.enumerate(disk)) {
      image.disk.write([{ offset: 0, bytes: new Uint8Array(2048).fill(77) }])
      image.disk.sync()
    }
    assert.strictEqual(disk.fingerprint(), before)
    assert.strictEqual(disk.pending.length, 3)
  })
})
