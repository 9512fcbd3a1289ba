import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import { type Outcome, SimulatedDisk, type Trouble, troubleAt } from "../../src/testing/SimulatedDisk.ts"

const sectors = (...contents: Array<number>): Uint8Array => {
  const bytes = new Uint8Array(contents.length * SECTOR_BYTES)
  for (const [i, content] of contents.entries()) bytes.fill(content, i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES)
  return bytes
}

const write = (disk: SimulatedDisk, sector: number, ...contents: Array<number>) =>
  disk.write([{ offset: sector * SECTOR_BYTES, bytes: sectors(...contents) }])

const read = (disk: SimulatedDisk, sector: number): number => {
  const bytes = new Uint8Array(SECTOR_BYTES)
  const failure = disk.read([{ offset: sector * SECTOR_BYTES, bytes }])
  return failure === undefined ? bytes[0] : -1
}

const disk8 = (seed = 0): SimulatedDisk => new SimulatedDisk({ size: 8 * SECTOR_BYTES, seed })

/** The first byte of each of the first `count` sectors after a crash. */
const crashed = (disk: SimulatedDisk, outcome: Outcome, count = 3): Array<number> => {
  const after = disk.crash(() => outcome)
  return Array.from({ length: count }, (_, sector) => read(after, sector))
}

const withTrouble = (disk: SimulatedDisk, kind: "read" | "write" | "sync" | "any", at: number, trouble: Trouble) => {
  disk.onCall = troubleAt(kind, at, trouble)
  return disk
}

describe("SimulatedDisk", () => {
  it("shows what was written, and keeps only what was synced", () => {
    const disk = disk8()
    write(disk, 0, 1, 2)
    assert.isUndefined(disk.sync())
    write(disk, 1, 3, 4)
    assert.deepStrictEqual(
      [0, 1, 2].map((sector) => read(disk, sector)),
      [1, 3, 4]
    )
    assert.deepStrictEqual(crashed(disk, 0), [1, 2, 0])
    assert.deepStrictEqual(crashed(disk, 1), [1, 3, 4])
    assert.deepStrictEqual(disk.unsynced, [{ write: 2, spans: [{ offset: 512, byteCount: 1024 }] }])
    disk.sync()
    assert.deepStrictEqual(crashed(disk, 0), [1, 3, 4])
    assert.deepStrictEqual([disk.unsynced, disk.pending], [[], []])
  })

  it("decides about each sector of a write by itself, and about each version", () => {
    const disk = disk8()
    write(disk, 0, 1, 1, 1)
    disk.sync()
    write(disk, 0, 2, 2, 2)
    write(disk, 1, 3, 3)
    const after = disk.crash(({ index }) => index)
    assert.deepStrictEqual(
      [0, 1, 2].map((sector) => read(after, sector)),
      [1, 2, 3]
    )
    assert.deepStrictEqual(
      disk.pending.map(({ index, versions }) => [index, versions.map((version) => version.write)]),
      [
        [0, [2]],
        [1, [2, 3]],
        [2, [2, 3]]
      ]
    )
  })

  it("tears a sector into its new beginning and its old end, and makes garbage that the seed fixes", () => {
    const disk = disk8(5)
    write(disk, 0, 1)
    disk.sync()
    write(disk, 0, 2)
    const torn = disk
      .crash(() => "torn")
      .image()
      .slice(0, SECTOR_BYTES)
    const cut = torn.indexOf(1)
    assert.isTrue(cut > 0 && torn.subarray(0, cut).every((byte) => byte === 2))
    assert.isTrue(torn.subarray(cut).every((byte) => byte === 1))
    const garbage = (salt: number) =>
      disk
        .crash(() => "garbage", salt)
        .image()
        .slice(0, SECTOR_BYTES)
    assert.deepStrictEqual(garbage(0), garbage(0))
    assert.notDeepEqual(garbage(0), garbage(1))
    assert.isAbove(new Set(garbage(0)).size, 100)
  })

  it("never changes a sector that is rewritten with the bytes it holds durably", () => {
    const disk = disk8()
    write(disk, 0, 1, 1)
    disk.sync()
    write(disk, 0, 1, 2)
    assert.deepStrictEqual(
      disk.pending.map(({ index }) => index),
      [1]
    )
    assert.strictEqual(
      read(
        disk.crash(() => "garbage"),
        0
      ),
      1
    )
    // But once something else is pending, going back to the old bytes is a version like any other.
    write(disk, 1, 1)
    assert.deepStrictEqual(
      disk.pending.map(({ versions }) => versions.length),
      [2]
    )
  })

  it("fails a call and may have done a part of it", () => {
    const seen = new Set<number>()
    for (let seed = 0; seed < 30; seed++) {
      const disk = withTrouble(disk8(seed), "write", 2, { kind: "fail" })
      write(disk, 0, 1, 1, 1)
      assert.strictEqual(write(disk, 0, 2, 2, 2)?.code, "EIO")
      seen.add(disk.pending.filter(({ versions }) => versions.length === 2).length)
      assert.isUndefined(write(disk, 0, 3))
    }
    assert.deepStrictEqual([...seen].sort(), [0, 1, 2, 3])
  })

  it("fails a sync and keeps everything pending", () => {
    const disk = withTrouble(disk8(), "sync", 1, { kind: "fail" })
    write(disk, 0, 1)
    assert.strictEqual(disk.sync()?.code, "EIO")
    assert.deepStrictEqual(crashed(disk, 0, 1), [0])
    assert.isUndefined(disk.sync())
    assert.deepStrictEqual(crashed(disk, 0, 1), [1])
  })

  it("shows a ghost after a failed sync: the cache has what the disk has lost", () => {
    let lost = 0
    for (let seed = 0; seed < 30; seed++) {
      const disk = withTrouble(disk8(seed), "sync", 1, { kind: "ghost" })
      write(disk, 0, 1)
      assert.isDefined(disk.sync())
      assert.strictEqual(read(disk, 0), 1)
      // A later sync returns and heals nothing.
      assert.isUndefined(disk.sync())
      assert.strictEqual(read(disk, 0), 1)
      const durable = read(
        disk.crash(() => 1),
        0
      )
      if (durable === 0) lost++
      disk.evict()
      assert.strictEqual(read(disk, 0), durable)
    }
    assert.isTrue(lost > 3 && lost < 27)
  })

  it("evicts what is clean, and nothing else", () => {
    const disk = disk8()
    write(disk, 0, 1)
    disk.evict()
    assert.strictEqual(read(disk, 0), 1)
    disk.sync()
    assert.deepStrictEqual(crashed(disk, 0, 1), [1])
  })

  it("lies about a sync", () => {
    const disk = withTrouble(disk8(), "sync", 1, { kind: "lie" })
    write(disk, 0, 1)
    assert.isUndefined(disk.sync())
    assert.deepStrictEqual(crashed(disk, 0, 1), [0])
  })

  it("loses a write, and lets one go elsewhere", () => {
    const lost = withTrouble(disk8(), "write", 1, { kind: "lose" })
    assert.isUndefined(write(lost, 0, 1))
    lost.sync()
    assert.strictEqual(read(lost, 0), 0)
    const misled = withTrouble(disk8(), "write", 1, { kind: "misdirect", by: 2 * SECTOR_BYTES })
    assert.isUndefined(write(misled, 0, 1))
    misled.sync()
    assert.deepStrictEqual([read(misled, 0), read(misled, 2)], [0, 1])
    const beyond = withTrouble(disk8(), "write", 1, { kind: "misdirect", by: -2 * SECTOR_BYTES })
    assert.isUndefined(write(beyond, 1, 1, 2))
    assert.deepStrictEqual(
      beyond.pending.map(({ index }) => index),
      [0]
    )
  })

  it("makes garbage of what is discarded", () => {
    const disk = disk8()
    write(disk, 0, 1, 1)
    disk.sync()
    disk.discard([{ offset: 0, byteCount: SECTOR_BYTES }])
    const bytes = disk.image()
    assert.isAbove(new Set(bytes.subarray(0, SECTOR_BYTES)).size, 100)
    assert.deepStrictEqual(crashed(disk, 0, 2), [1, 1])
  })

  it("asks its hooks before each call and each write", () => {
    const disk = disk8()
    const calls: Array<string> = []
    const writes: Array<unknown> = []
    disk.onCall = ({ kind, number, total }) => void calls.push(`${kind} ${number} ${total}`)
    disk.onWrite = (offset, byteCount, bytes) => void writes.push([offset, byteCount, bytes?.[0], disk.peek(0, 512)[0]])
    write(disk, 0, 1, 2)
    disk.sync()
    disk.discard([{ offset: 1024, byteCount: 512 }])
    assert.deepStrictEqual(writes, [
      [0, 1024, 1, 0],
      [1024, 512, undefined, 1]
    ])
    assert.deepStrictEqual(calls, ["write 1 1", "sync 1 2"])
    assert.deepStrictEqual(disk.counts, { read: 0, write: 1, sync: 1 })
  })

  it("cannot read what is unreadable until it is written again", () => {
    const disk = disk8()
    disk.unreadable.add(1)
    assert.deepStrictEqual(
      [0, 1, 2].map((sector) => read(disk, sector)),
      [0, -1, 0]
    )
    const bytes = new Uint8Array(2048)
    assert.strictEqual(disk.read([{ offset: 0, bytes }])?.offset, 512)
    assert.strictEqual(
      read(
        disk.crash(() => 0),
        1
      ),
      -1
    )
    write(disk, 1, 4)
    assert.strictEqual(read(disk, 1), 4)
  })

  it("rots at any byte, on the disk and in what is read", () => {
    const disk = disk8()
    write(disk, 0, 1, 1)
    disk.sync()
    disk.damage(510, Uint8Array.of(7, 7, 7, 7))
    assert.deepStrictEqual(disk.image().slice(508, 516), Uint8Array.of(1, 1, 7, 7, 7, 7, 1, 1))
    assert.deepStrictEqual(disk.crash(() => 0).image(), disk.image())
  })

  it("forks go their own ways and start alike", () => {
    const operation = fc.record({
      fork: fc.nat(5),
      kind: fc.constantFrom("write", "write", "write", "sync", "fork", "crash", "ghost"),
      sector: fc.nat(15),
      content: fc.nat(4)
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        // A model that copies everything: the content that is durable, and the content that is read.
        interface Model {
          durable: Array<number>
          cache: Array<number>
        }
        const disks = [new SimulatedDisk({ size: 16 * SECTOR_BYTES })]
        const models: Array<Model> = [{ durable: Array<number>(16).fill(0), cache: Array<number>(16).fill(0) }]
        for (const { content, fork, kind, sector } of operations) {
          const at = fork % disks.length
          const disk = disks[at]
          const model = models[at]
          if (kind === "write") {
            write(disk, sector, content)
            model.cache[sector] = content
          } else if (kind === "sync") {
            disk.sync()
            model.durable = [...model.cache]
          } else if (kind === "fork") {
            disks.push(disk.fork())
            models.push({ durable: [...model.durable], cache: [...model.cache] })
          } else {
            disks.push(disk.crash(() => 0))
            models.push({ durable: [...model.durable], cache: [...model.durable] })
          }
        }
        for (const [i, disk] of disks.entries()) {
          const { cache, durable } = models[i]
          assert.deepStrictEqual(disk.image(), sectors(...cache))
          assert.deepStrictEqual(disk.crash(() => 0).image(), sectors(...durable))
          assert.deepStrictEqual(disk.crash(({ versions }) => versions.length).image(), sectors(...cache))
          assert.strictEqual(disk.crash(({ versions }) => versions.length).fingerprint(), disk.fingerprint())
        }
      })
    )
  })

  it("does the same again for the same seed", () => {
    const run = (seed: number): number => {
      const disk = disk8(seed)
      let calls = 0
      disk.onCall = () => (++calls % 3 === 0 ? { kind: calls % 2 === 0 ? "fail" : "ghost" } : undefined)
      for (let i = 0; i < 50; i++) {
        write(disk, i % 5, i, i + 1, i + 2)
        if (i % 4 === 0) disk.sync()
        if (i % 7 === 0) disk.discard([{ offset: 0, byteCount: 512 }])
      }
      return disk.crash(() => "garbage", 3).fingerprint()
    }
    assert.strictEqual(run(1), run(1))
    assert.notStrictEqual(run(1), run(2))
  })
})
