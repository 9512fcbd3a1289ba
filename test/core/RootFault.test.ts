/** One case for each thing that can be wrong with a root whose checksum fits, and for each bound that is still right. */
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { NOTHING_PENDING } from "../../src/core/Roots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import * as Tree from "../../src/core/Tree.ts"
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

const link = new Uint8Array(layout.pointerBytes)
Pointer.writePlace(layout, link, 0, { address: 7, pageCount: 1, birth: 9 })
const empty = Tree.empty(layout)

const record: RootRecord.RootRecord = {
  generation: 9,
  base: 8,
  parent: new Uint8Array(32).fill(1),
  sessionId: new Uint8Array(16).fill(2),
  bootId: new Uint8Array(16).fill(3),
  slot: 0,
  barriers: 2,
  clean: false,
  map: { pageCount: 16, height: FreeMap.heightFor(layout, 16), link: empty.link, freed: [], used: [0, 6] },
  freeCount: 10,
  cursor: 0,
  time: BigInt(4),
  roots: {
    names: { level: 3, link },
    snapshots: empty,
    deadlists: empty,
    nextInode: 2,
    inodeCount: 1,
    pending: NOTHING_PENDING
  }
}

// The fields of the page, and its two sections: the names tree and the set of used pages.
const AT_NAMES = 192
const AT_USED = AT_NAMES + 4 + 1 + layout.pointerBytes
const SECTIONS_END = AT_USED + 4 + 2

const setSectionsEnd = (bytes: Uint8Array, end: number): void => Bytes.writeUint32(bytes, 184, end - AT_NAMES)

/** Puts a section behind the others. */
const addSection = (bytes: Uint8Array, tag: number, payloadBytes: number, at = SECTIONS_END): void => {
  Bytes.writeUint16(bytes, at, tag)
  Bytes.writeUint16(bytes, at + 2, payloadBytes)
  setSectionsEnd(bytes, at + 4 + payloadBytes)
}

/** What decoding says of a root that was changed and sealed again. */
const verdict = (change: (bytes: Uint8Array) => void, of = record): string => {
  const { bytes, page } = RootRecord.encode(binding, superblock.slots, of)
  change(bytes)
  bytes.fill(0, 0, 32)
  const birth = Bytes.readUint48(bytes, 56)
  const place = { address: page, birth, pageCount: 1, kind: RootRecord.KIND, level: 0 }
  Binding.digest(binding, place, bytes.subarray(32), bytes, 0)
  const decoded = RootRecord.decode(binding, superblock, of.slot, bytes)
  return "_tag" in decoded ? decoded.reason : "sound"
}

const unchanged = (): void => undefined

describe("a root record", () => {
  it("has its magic, and belongs to its volume", () => {
    assert.strictEqual(verdict(unchanged), "sound")
    assert.strictEqual(
      verdict((bytes) => bytes[32]++),
      "it holds no root"
    )
    assert.strictEqual(
      verdict((bytes) => bytes[40]++),
      "it belongs to another volume"
    )
  })

  it("has a fixed part that makes sense", () => {
    const wrong = "its fixed part makes no sense"
    const changes: ReadonlyArray<readonly [string, (bytes: Uint8Array) => void]> = [
      ["a base that is not before it", (bytes) => Bytes.writeUint48(bytes, 64, 9)],
      ["no barrier", (bytes) => (bytes[38] = 0)],
      ["three barriers", (bytes) => (bytes[38] = 3)],
      ["a flag that is neither", (bytes) => (bytes[39] = 2)],
      ["too few pages", (bytes) => Bytes.writeUint48(bytes, 136, 15)],
      ["more pages than the volume may have", (bytes) => Bytes.writeUint48(bytes, 136, 2 ** 24 + 1)],
      ["sections beyond its page", (bytes) => addSection(bytes, 1, 512 - SECTIONS_END - 4 + 1)]
    ]
    for (const [what, change] of changes) assert.strictEqual(verdict(change), wrong, what)
    const sound: ReadonlyArray<(bytes: Uint8Array) => void> = [
      (bytes) => (bytes[38] = 1),
      (bytes) => (bytes[39] = 1),
      (bytes) => Bytes.writeUint48(bytes, 136, 2 ** 24)
    ]
    for (const change of sound) assert.strictEqual(verdict(change), "sound")
  })

  it("passes over sections that it need not know, to the end of its page", () => {
    for (const tag of [1, 0x7fff]) {
      assert.strictEqual(
        verdict((bytes) => addSection(bytes, tag, 0)),
        "sound"
      )
      assert.strictEqual(
        verdict((bytes) => addSection(bytes, tag, 512 - SECTIONS_END - 4)),
        "sound"
      )
    }
  })

  it("asks for features that it does not know", () => {
    for (const feature of [0, 8, 0x7fff]) {
      assert.strictEqual(
        verdict((bytes) => addSection(bytes, 0x8000 + feature, 0)),
        `its newest root uses feature ${feature}`
      )
    }
  })

  it("has whole sections, each once", () => {
    assert.strictEqual(
      verdict((bytes) => setSectionsEnd(bytes, SECTIONS_END + 3)),
      "its sections are cut short"
    )
    const wrong = "its sections make no sense"
    assert.strictEqual(
      verdict((bytes) => setSectionsEnd(bytes, SECTIONS_END - 1)),
      wrong
    )
    assert.strictEqual(
      verdict((bytes) => {
        addSection(bytes, 1, 0)
        addSection(bytes, 1, 0, SECTIONS_END + 4)
      }),
      wrong
    )
  })

  it("has trees that make sense", () => {
    const wrong = "its trees make no sense"
    assert.strictEqual(
      verdict((bytes) => (bytes[AT_NAMES + 4] = 48)),
      "sound"
    )
    const changes: ReadonlyArray<readonly [string, (bytes: Uint8Array) => void]> = [
      ["too high", (bytes) => (bytes[AT_NAMES + 4] = 49)],
      ["with bytes behind its pointer", (bytes) => Bytes.writeUint16(bytes, AT_NAMES + 2, SECTIONS_END - AT_NAMES - 4)],
      ["a null pointer", (bytes) => bytes.fill(0, AT_NAMES + 5, AT_USED)],
      ["of two pages", (bytes) => (bytes[AT_NAMES + 5 + layout.addressBytes] = 2)]
    ]
    for (const [what, change] of changes) assert.strictEqual(verdict(change), wrong, what)
    const { height } = record.map
    assert.strictEqual(verdict(unchanged, { ...record, map: { ...record.map, link } }), "sound")
    assert.strictEqual(verdict(unchanged, { ...record, map: { ...record.map, link, height: height + 1 } }), wrong)
  })

  it("has a free map and counts that make sense", () => {
    const wrong = "its free map makes no sense"
    const mapped = (map: Partial<FreeMap.FreeMap>) => verdict(unchanged, { ...record, map: { ...record.map, ...map } })
    assert.strictEqual(mapped({ freed: [6, 16] }), "sound")
    assert.strictEqual(mapped({ freed: [5, 16] }), wrong)
    assert.strictEqual(mapped({ freed: [7, 17] }), wrong)
    assert.strictEqual(mapped({ used: [0, 17] }), wrong)
    const counts = "its counts of free pages make no sense"
    assert.strictEqual(verdict(unchanged, { ...record, freeCount: 16 }), "sound")
    assert.strictEqual(verdict(unchanged, { ...record, freeCount: 17 }), counts)
    assert.strictEqual(verdict(unchanged, { ...record, cursor: FreeMap.leafCount(layout, record.map) }), counts)
  })
})
