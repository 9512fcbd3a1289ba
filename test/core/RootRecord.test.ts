import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { NOTHING_PENDING } from "../../src/core/Roots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import type * as Tree from "../../src/core/Tree.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { checksum } from "./TestVolume.ts"

const superblock: Superblock.Superblock = {
  geometry: { pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 },
  volumeId: new Uint8Array(16).fill(6),
  algorithm: checksum.algorithm,
  slots: RootSlots.make(6000),
  pageCount: 6000,
  pageCountMax: 2 ** 24
}
const binding = Superblock.binding(superblock, checksum)
const { layout } = binding

/** A sound record whose every part is random. */
const recordOf = (seed: number): RootRecord.RootRecord => {
  const random = new Random(seed)
  const generation = 2 + random.below(2 ** 32)
  const link = (): Uint8Array => {
    const bytes = new Uint8Array(layout.pointerBytes)
    if (random.chance(0.3)) return bytes
    const place = { address: random.below(2 ** 24), pageCount: 1, birth: 1 + random.below(generation) }
    Pointer.write(layout, bytes, 0, { ...place, checksum: random.bytes(8), kind: 0, level: 0 })
    return bytes
  }
  const tree = (): Tree.Tree => {
    const bytes = link()
    return { level: Pointer.isNull(layout, bytes, 0) ? 0 : random.below(40), link: bytes }
  }
  const pageCount = 6000 + random.below(100_000)
  const extents = Array.from({ length: random.below(24) }, () => [random.below(6000), 1 + random.below(9)] as const)
  const freed = Extent.fromUnsorted(extents.filter((_, i) => i % 2 === 0))
  const used = Extent.subtract(Extent.fromUnsorted(extents.filter((_, i) => i % 2 === 1)), freed)
  return {
    generation,
    base: random.below(generation),
    parent: random.bytes(32),
    sessionId: random.bytes(16),
    bootId: random.bytes(16),
    slot: random.below(superblock.slots.count),
    barriers: random.chance(0.5) ? 1 : 2,
    clean: random.chance(0.5),
    map: { pageCount, height: FreeMap.heightFor(layout, pageCount), link: link(), freed, used },
    freeCount: random.below(6000),
    cursor: random.below(Math.ceil(pageCount / layout.mapLeafPages)),
    time: BigInt(random.uint32()) * BigInt(random.below(2 ** 31)) - BigInt(2) ** BigInt(62),
    roots: {
      names: tree(),
      snapshots: tree(),
      deadlists: tree(),
      nextInode: random.uint32() * 65_536,
      inodeCount: random.uint32(),
      pending: NOTHING_PENDING
    }
  }
}

/** Makes the checksum fit whatever the bytes say. */
const rechecksum = (bytes: Uint8Array, slot: number): void => {
  const page = RootSlots.pageOf(superblock.slots, slot)
  const birth = Bytes.readUint48(bytes, 56)
  bytes.fill(0, 0, 32)
  const place = { address: page, birth, pageCount: 1, kind: RootRecord.KIND, level: 0 }
  Binding.digest(binding, place, bytes.subarray(32), bytes, 0)
}

/** What the rest of the core relies on. */
const assertSound = ({ record }: RootRecord.EncodedRoot): void => {
  const { map, roots } = record
  assert.isBelow(record.base, record.generation)
  assert.isAtMost(map.pageCount, superblock.pageCountMax)
  assert.strictEqual(map.height, FreeMap.heightFor(layout, map.pageCount))
  assert.deepStrictEqual(Extent.intersect(map.freed, map.used), [])
  assert.isBelow(record.cursor, FreeMap.leafCount(layout, map))
  assert.isAtMost(record.freeCount, map.pageCount)
  for (const set of [map.freed, map.used]) assert.isAtMost(set.at(-1) ?? 0, map.pageCount)
  for (const tree of [roots.names, roots.snapshots, roots.deadlists]) {
    assert.isUndefined(Pointer.fault(layout, tree.link, 0, record.generation, 1))
    assert.isAtMost(tree.level, 48)
  }
  assert.isUndefined(Pointer.fault(layout, map.link, 0, record.generation, 1))
}

describe("RootRecord", () => {
  it("decodes what it encoded, and only in its slot, on its volume, unchanged", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, bit) => {
        const record = recordOf(seed)
        const root = RootRecord.encode(binding, superblock.slots, record)
        assert.strictEqual(root.bytes.length, 512)
        const decoded = RootRecord.decode(binding, superblock, record.slot, root.bytes)
        if ("_tag" in decoded) return assert.fail(decoded.reason)
        assert.deepStrictEqual(decoded, root)
        assertSound(decoded)
        const elsewhere = (record.slot + 1) % superblock.slots.count
        assert.propertyVal(RootRecord.decode(binding, superblock, elsewhere, root.bytes), "_tag", "NoRoot")
        const stranger = Superblock.binding({ ...superblock, volumeId: new Uint8Array(16) }, checksum)
        assert.propertyVal(RootRecord.decode(stranger, superblock, record.slot, root.bytes), "_tag", "NoRoot")
        const flipped = root.bytes.slice()
        flipped[(bit >> 3) % 512] ^= 1 << (bit & 7)
        assert.propertyVal(RootRecord.decode(binding, superblock, record.slot, flipped), "_tag", "NoRoot")
      }),
      parameters(300)
    )
  })

  it("gives a sound record or a fault for mutated bytes whose checksum fits", () => {
    const histogram: Record<string, number> = { root: 0 }
    const mutation = fc.tuple(
      fc.oneof(fc.nat({ max: 511 }), fc.integer({ min: 36, max: 230 })),
      fc.oneof(fc.constantFrom(0, 1, 2, 127, 128, 255), fc.nat({ max: 255 }))
    )
    fc.assert(
      fc.property(fc.nat({ max: 500 }), fc.array(mutation, { minLength: 1, maxLength: 4 }), (seed, mutations) => {
        const record = recordOf(seed)
        const { bytes } = RootRecord.encode(binding, superblock.slots, record)
        for (const [at, value] of mutations) bytes[at] = value
        rechecksum(bytes, record.slot)
        const decoded = RootRecord.decode(binding, superblock, record.slot, bytes)
        const isRoot = !("_tag" in decoded)
        const name = isRoot ? "root" : decoded._tag === "NoRoot" ? decoded.reason : decoded._tag
        histogram[name] = (histogram[name] ?? 0) + 1
        if (isRoot) assertSound(decoded)
      }),
      parameters(6000)
    )
    assert.isAbove(histogram["root"], scaled(500))
    assert.isAbove(Object.keys(histogram).length, scaled(6))
    console.log(JSON.stringify({ name: "RootRecord", ...histogram }))
  })

  it("takes no root that says it belongs to another slot, even where its checksum fits", () => {
    const record = recordOf(3)
    const { bytes } = RootRecord.encode(binding, superblock.slots, record)
    Bytes.writeUint16(bytes, 36, (record.slot + 1) % superblock.slots.count)
    rechecksum(bytes, record.slot)
    assert.propertyVal(RootRecord.decode(binding, superblock, record.slot, bytes), "_tag", "NoRoot")
  })

  it("takes no random bytes for a root", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), (bytes) => {
        assert.propertyVal(RootRecord.decode(binding, superblock, 0, bytes), "_tag", "NoRoot")
        Bytes.writeUint32(bytes, 32, 0x524e4131)
        rechecksum(bytes, 0)
        assert.property(RootRecord.decode(binding, superblock, 0, bytes), "_tag")
      }),
      parameters(500)
    )
  })

  it("leaves room for the largest deltas beside all trees", () => {
    const most = RootRecord.deltaBytesMax(layout)
    const link = new Uint8Array(layout.pointerBytes)
    Pointer.writePlace(layout, link, 0, { address: 5, pageCount: 1, birth: 1 })
    const tree = { level: 3, link }
    const base = recordOf(1)
    const roots = { ...base.roots, names: tree, snapshots: tree, deadlists: tree }
    const filled = (bytes: number) => {
      // Two bytes an extent, in both sets.
      const set = (count: number, from: number) =>
        Extent.fromUnsorted(Array.from({ length: count }, (_, i) => [from + 2 * i, 1] as const))
      const map = { ...base.map, link, freed: set(Math.floor(bytes / 4), 0), used: set(Math.ceil(bytes / 4), 1) }
      return { ...base, roots, map: { ...map, used: Extent.subtract(map.used, map.freed) } }
    }
    const full = filled(most)
    assert.isAbove(FreeMap.deltaBytes(full.map), most - 4)
    assert.isAtMost(FreeMap.deltaBytes(full.map), most)
    RootRecord.encode(binding, superblock.slots, full)
    assert.throws(() => RootRecord.encode(binding, superblock.slots, filled(most + 8)), InvariantViolation)
  })

  it("refuses to name a node in memory", () => {
    const record = recordOf(2)
    const link = new Uint8Array(layout.pointerBytes)
    Pointer.writeMemory(layout, link, 0, 4, 1)
    const roots = { ...record.roots, names: { level: 0, link } }
    assert.throws(() => RootRecord.encode(binding, superblock.slots, { ...record, roots }), InvariantViolation)
  })
})
