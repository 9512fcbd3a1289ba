import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Format from "../../src/core/Format.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Recovery from "../../src/core/Recovery.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { checksum } from "./TestVolume.ts"

const superblocks = fc
  .record({
    pageBytes: fc.constantFrom(512, 1024, 4096, 65_536),
    pageCount: fc.oneof(fc.integer({ min: 16, max: 300 }), fc.integer({ min: 16, max: 2 ** 32 })),
    factor: fc.constantFrom(1, 16, 1000),
    extensionBytes: fc.integer({ min: 0, max: 32 }),
    volumeId: fc.uint8Array({ minLength: 16, maxLength: 16 })
  })
  .map(({ factor, pageCount, pageBytes, extensionBytes, volumeId }): Superblock.Superblock => {
    const pageCountMax = Math.min(pageCount * factor, Bytes.UINT48_END - 1)
    const addressBytes = Layout.addressBytesFor(pageCountMax)
    return {
      geometry: { pageBytes, addressBytes, checksumBytes: 8, extensionBytes },
      volumeId,
      algorithm: checksum.algorithm,
      slots: RootSlots.make(pageCount),
      pageCount,
      pageCountMax
    }
  })

/** Makes the checksum fit whatever the bytes say, if they say something that can be read. */
const rechecksum = (bytes: Uint8Array): void => {
  const geometry = {
    pageBytes: Bytes.readUint32(bytes, 12),
    checksumBytes: bytes[33],
    addressBytes: bytes[34],
    extensionBytes: bytes[35]
  }
  const { addressBytes, checksumBytes, extensionBytes, pageBytes } = geometry
  if (!Layout.isPageBytes(pageBytes) || addressBytes < 1 || addressBytes > 6) return
  if (checksumBytes !== 8 || extensionBytes > 32) return
  const binding = Binding.make(Layout.make(geometry), checksum, bytes.slice(16, 32))
  const place = { address: 0, birth: 0, pageCount: 1, kind: Superblock.KIND, level: 0 }
  bytes.fill(0, 480)
  Binding.digest(binding, place, bytes.subarray(0, 480), bytes, 480)
}

describe("Superblock", () => {
  it("decodes what it encoded, where it stands and nowhere else", () => {
    fc.assert(
      fc.property(superblocks, fc.nat({ max: 8 * 512 - 1 }), (superblock, bit) => {
        const { pageBytes } = superblock.geometry
        for (const page of [0, superblock.slots.secondCopy]) {
          const bytes = Superblock.encode(superblock, checksum, page)
          assert.strictEqual(bytes.length, pageBytes)
          const head = bytes.slice(0, Superblock.SUPERBLOCK_BYTES)
          assert.isTrue(Bytes.isZero(bytes, Superblock.SUPERBLOCK_BYTES, pageBytes))
          assert.deepStrictEqual(Superblock.decode(head, page * pageBytes, [checksum]), superblock)
          assert.propertyVal(Superblock.decode(head, (page + 1) * pageBytes, [checksum]), "_tag", "Corrupt")
          assert.propertyVal(Superblock.decode(head, page * pageBytes + 512, [checksum]), "_tag", "Corrupt")
          assert.propertyVal(Superblock.decode(head, page * pageBytes, []), "_tag", "UnsupportedFormat")
          head[bit >> 3] ^= 1 << (bit & 7)
          // The bytes behind the digest are no part of it.
          if (bit >> 3 < 488) assert.property(Superblock.decode(head, page * pageBytes, [checksum]), "_tag")
        }
      }),
      parameters(150)
    )
  })

  it("tells a blank device, another format and a damaged one apart", () => {
    const [superblock] = fc.sample(superblocks, { numRuns: 1, seed: 4 })
    const bytes = Superblock.encode(superblock, checksum, 0).slice(0, 512)
    const tag = (change: (copy: Uint8Array) => void): unknown => {
      const copy = bytes.slice()
      change(copy)
      return Superblock.decode(copy, 0, [checksum])
    }
    assert.propertyVal(Superblock.decode(new Uint8Array(512), 0, [checksum]), "_tag", "NotFormatted")
    assert.propertyVal(
      tag((copy) => (copy[3] ^= 1)),
      "_tag",
      "NotFormatted"
    )
    assert.deepInclude(
      tag((copy) => (copy[8] = 2)),
      { _tag: "UnsupportedFormat", version: 2 }
    )
    assert.deepInclude(
      tag((copy) => (copy[32] = 99)),
      { _tag: "UnsupportedFormat", version: 1 }
    )
    assert.propertyVal(
      tag((copy) => (copy[40] ^= 1)),
      "_tag",
      "Corrupt"
    )
  })

  it("is corrupt where one field contradicts the others, even where the checksum fits", () => {
    const [some] = fc.sample(superblocks, { numRuns: 1, seed: 4 })
    const superblock = {
      ...some,
      geometry: { ...some.geometry, addressBytes: 2 },
      slots: RootSlots.make(1000),
      pageCount: 1000,
      pageCountMax: 2000
    }
    const sealed = (change: (copy: Uint8Array) => void): unknown => {
      const copy = Superblock.encode(superblock, checksum, 0).slice(0, 512)
      change(copy)
      rechecksum(copy)
      return Superblock.decode(copy, 0, [checksum])
    }
    assert.deepStrictEqual(
      sealed(() => undefined),
      superblock
    )
    const contradicts = "its geometry contradicts itself"
    const changes: ReadonlyArray<readonly [string, (copy: Uint8Array) => void]> = [
      ["its page size is impossible", (copy) => Bytes.writeUint32(copy, 12, 1000)],
      ["its checksum width does not fit its algorithm", (copy) => (copy[33] = 9)],
      ["its address width is impossible", (copy) => (copy[34] = 0)],
      ["its address width is impossible", (copy) => (copy[34] = 7)],
      ["its pointer extension is impossible", (copy) => (copy[35] = 33)],
      [contradicts, (copy) => Bytes.writeUint16(copy, 36, 2)],
      [contradicts, (copy) => Bytes.writeUint48(copy, 48, 2001)],
      [contradicts, (copy) => Bytes.writeUint48(copy, 56, 2 ** 16 + 1)],
      [contradicts, (copy) => (copy[64] = 1)],
      [contradicts, (copy) => (copy[479] = 1)]
    ]
    for (const [reason, change] of changes) assert.deepStrictEqual(sealed(change), { _tag: "Corrupt", reason })
  })

  it("gives a sound superblock or a fault for any bytes, even where the checksum fits", () => {
    let decodedCount = 0
    const mutation = fc.tuple(
      fc.oneof(fc.nat({ max: 511 }), fc.integer({ min: 8, max: 64 })),
      fc.oneof(fc.constantFrom(0, 1, 2, 128, 255), fc.nat({ max: 255 }))
    )
    fc.assert(
      fc.property(superblocks, fc.array(mutation, { minLength: 1, maxLength: 4 }), (superblock, mutations) => {
        const bytes = Superblock.encode(superblock, checksum, 0).slice(0, 512)
        for (const [at, value] of mutations) bytes[at] = value
        rechecksum(bytes)
        const decoded = Superblock.decode(bytes, 0, [checksum])
        if ("_tag" in decoded) return
        decodedCount++
        const { layout } = Superblock.binding(decoded, checksum)
        assert.isAbove(layout.keyBytesMax, 0)
        assert.isTrue(RootSlots.isSane(decoded.slots, decoded.pageCount))
        assert.isAtMost(decoded.pageCount, decoded.pageCountMax)
        assert.isAtMost(decoded.pageCountMax, 256 ** decoded.geometry.addressBytes)
      }),
      parameters(2000)
    )
    assert.isAbove(decodedCount, scaled(250))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), (bytes) => {
        assert.property(Superblock.decode(bytes, 0, [checksum]), "_tag")
      }),
      parameters(300)
    )
  })
})

describe("RootSlots", () => {
  it("lays out disjoint slots beside both copies, at any size", () => {
    assert.deepStrictEqual(RootSlots.make(16), { count: 4, secondCopy: 8 })
    const pageCounts = [...Array.from({ length: 1200 }, (_, i) => 16 + i), 4096, 65_537, 2 ** 32, Bytes.UINT48_END]
    const faults: Array<string> = []
    for (const pageCount of pageCounts) {
      const slots = RootSlots.make(pageCount)
      const pages = [0, slots.secondCopy, ...Array.from({ length: slots.count }, (_, i) => RootSlots.pageOf(slots, i))]
      if (new Set(pages).size !== pages.length) faults.push(`${pageCount}: slots overlap`)
      if (Math.max(...pages) >= pageCount) faults.push(`${pageCount}: a slot is beyond the end`)
      if (!RootSlots.isSane(slots, pageCount)) faults.push(`${pageCount}: not sane`)
      if (2 * slots.secondCopy + 1 + slots.count / 2 <= pageCount)
        faults.push(`${pageCount}: copy two could be further`)
      if (!Number.isInteger(Math.log2(slots.secondCopy))) faults.push(`${pageCount}: copy two is not found by probing`)
      const reserved = RootSlots.reserved(slots)
      const sorted = pages.sort((a, b) => a - b)
      const listed = reserved.flatMap((start, i) =>
        i % 2 === 0 ? Array.from({ length: reserved[i + 1] - start }, (_, j) => start + j) : []
      )
      if (listed.join() !== sorted.join()) faults.push(`${pageCount}: reserved pages are the copies and the slots`)
      if (slots.count < 4 || slots.count > 32 || slots.count % 2 === 1)
        faults.push(`${pageCount}: ${slots.count} slots`)
    }
    assert.deepStrictEqual(faults, [])
  })

  it("are for a volume of at least 16 pages", () => {
    assert.throws(() => RootSlots.make(15), InvariantViolation)
  })

  it("are sane only in the bounds that the format names", () => {
    const slots = { count: 8, secondCopy: 64 }
    assert.isTrue(RootSlots.isSane(slots, 69))
    assert.isFalse(RootSlots.isSane(slots, 68), "the last slot is beyond the end")
    for (const count of [4, 32]) assert.isTrue(RootSlots.isSane({ ...slots, count }, 1000))
    for (const count of [0, 2, 7, 33, 34]) assert.isFalse(RootSlots.isSane({ ...slots, count }, 1000), `${count} slots`)
    assert.isTrue(RootSlots.isSane({ count: 8, secondCopy: 8 }, 1000))
    for (const secondCopy of [0, 1, 4, 24, 65]) {
      assert.isFalse(RootSlots.isSane({ ...slots, secondCopy }, 1000), `copy two at ${secondCopy}`)
    }
  })

  it("uses the two groups in turn and comes round", () => {
    const slots = RootSlots.make(1000)
    const seen = new Set<number>()
    let slot = 0
    for (let i = 0; i < slots.count; i++) {
      const isFirst = RootSlots.pageOf(slots, slot) < slots.secondCopy
      assert.strictEqual(isFirst, i % 2 === 0)
      seen.add(slot)
      slot = RootSlots.next(slots, slot)
    }
    assert.strictEqual(slot, 0)
    assert.strictEqual(seen.size, slots.count)
  })
})

describe("Format", () => {
  const options = (pageBytes: number, pageCount: number): Format.Options => ({
    pageBytes,
    pageCount,
    pageCountMax: pageCount * 4,
    devicePageCount: pageCount + 10,
    extensionBytes: 0,
    volumeId: new Uint8Array(16).fill(1),
    sessionId: new Uint8Array(16).fill(2),
    bootId: new Uint8Array(16).fill(3),
    time: BigInt(77)
  })

  it("makes a volume that opens, from the smallest on, and wipes every slot", () => {
    for (const pageBytes of [512, 4096]) {
      for (const pageCount of [16, 17, 31, 64, 100, 4000, 2 ** 32]) {
        const { first, last, superblock } = Format.plan(options(pageBytes, pageCount), checksum)
        const disk = new Map<number, Uint8Array>()
        for (const { address, bytes } of [...first, ...last]) {
          assert.isFalse(disk.has(address), "no page is written twice")
          assert.isBelow(address, pageCount + 10)
          disk.set(address, bytes)
        }
        assert.deepStrictEqual(
          last.map(({ address }) => address),
          [0, superblock.slots.secondCopy]
        )
        const binding = Superblock.binding(superblock, checksum)
        const slots = Array.from({ length: superblock.slots.count }, (_, slot) =>
          disk.get(RootSlots.pageOf(superblock.slots, slot))
        )
        assert.isTrue(slots.every((page) => page !== undefined))
        assert.strictEqual(slots.filter((page) => !Bytes.isZero(page!, 0, pageBytes)).length, 1)
        let state = Recovery.begin(binding, superblock, slots, false)
        while (state._tag === "Verifying") {
          state = Recovery.loaded(
            state,
            Recovery.wanted(state).map(({ address }) => disk.get(address))
          )
        }
        if (state._tag !== "Opened") assert.fail(state.reason)
        const { record } = state.root
        assert.deepInclude({ ...record }, { generation: 1, base: 0, slot: 0, clean: false, barriers: 1 })
        assert.deepStrictEqual(record.parent, new Uint8Array(RootRecord.HASH_BYTES))
        assert.strictEqual(record.freeCount, pageCount - superblock.slots.count - 2 - 1)
        assert.strictEqual(record.roots.inodeCount, 1)
      }
    }
  })

  it("gives the same image for the same input (I15)", () => {
    const [a, b] = [0, 1].map(() => Format.plan(options(4096, 1000), checksum))
    assert.deepStrictEqual(a, b)
  })
})
