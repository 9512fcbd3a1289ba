/**
 * What a format writes, page by page: nothing that an older volume left there may be taken for this one.
 */
import { assert, describe, it } from "vitest"
import * as Format from "../../src/core/Format.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import { checksum, TestVolume } from "./TestVolume.ts"

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)

const planOf = (pageBytes: number, pageCount: number, devicePageCount: number): Format.Plan =>
  Format.plan(
    {
      pageBytes,
      pageCount,
      devicePageCount,
      pageCountMax: pageCount * 16,
      extensionBytes: 0,
      volumeId: id(1),
      sessionId: id(2),
      bootId: id(3),
      time: BigInt(77)
    },
    checksum
  )

const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

describe("a format", () => {
  for (const [pageBytes, pageCount, devicePageCount] of [
    [512, 300, 300],
    [4096, 2048, 5000],
    [65536, 64, 64]
  ] as const) {
    it(`writes each slot and each place of an older superblock once, in pages of ${pageBytes} bytes`, () => {
      const { first, last, superblock } = planOf(pageBytes, pageCount, devicePageCount)
      const { slots } = superblock
      const addresses = first.map(({ address }) => address)
      assert.strictEqual(new Set(addresses).size, addresses.length, "no page is written twice")
      assert.isTrue(first.every(({ bytes }) => bytes.length % pageBytes === 0))
      const bytesOf = new Map(first.map(({ address, bytes }) => [address, bytes]))
      const roots = Array.from({ length: slots.count }, (_, slot) => RootSlots.pageOf(slots, slot))
      assert.deepStrictEqual(
        roots.map((page) => isBlank(bytesOf.get(page) ?? assert.fail(`slot page ${page} is not written`))),
        roots.map((_, slot) => slot !== 0),
        "the first root is in the first slot, and nothing in the others"
      )
      const powers = Array.from({ length: 13 }, (_, i) => 2 ** i).filter(
        (page) => page < devicePageCount && page !== slots.secondCopy
      )
      for (const page of powers) assert.isTrue(bytesOf.has(page), `page ${page} is written`)
      const written = new Set([...roots, ...powers])
      const nodes = first.filter(({ address }) => !written.has(address))
      assert.isTrue(
        nodes.every(({ bytes }) => !isBlank(bytes)),
        "no page is blanked for nothing"
      )
      assert.deepStrictEqual(
        last.map(({ address }) => address),
        [0, slots.secondCopy]
      )
      assert.isFalse(bytesOf.has(0) || bytesOf.has(slots.secondCopy))
      for (const { address, bytes } of last) {
        assert.deepStrictEqual(Superblock.decode(bytes, address * pageBytes, [checksum]), superblock)
      }
      assert.deepStrictEqual(
        [superblock.pageCount, superblock.pageCountMax, superblock.geometry.extensionBytes],
        [pageCount, pageCount * 16, 0]
      )
    })
  }

  it("has a root folder, and nothing else", () => {
    const volume = new TestVolume({ pageBytes: 512, pageCount: 300 })
    const { record } = volume.head.root
    const { inodeCount, names, nextInode } = record.roots
    assert.deepStrictEqual([inodeCount, nextInode, names.level], [1, 2, 0])
    assert.deepStrictEqual([record.generation, record.base, record.slot, record.clean], [1, 0, 0, false])
    const zero = BigInt(0)
    assert.deepStrictEqual(
      volume.read((pages) => Inodes.get(pages, names, Inode.ROOT)),
      {
        type: Inode.FOLDER,
        mode: 0o755,
        links: 1,
        uid: 0,
        gid: 0,
        accessTime: zero,
        modifyTime: zero,
        changeTime: zero,
        birthTime: zero,
        size: 0,
        content: { _tag: "Inline", bytes: new Uint8Array(0) }
      }
    )
  })

  it("fits where a root record has room for what changes in the free map", () => {
    const seen = new Set<boolean>()
    for (const pageCountMax of [300, 2 ** 20, 2 ** 47]) {
      for (let byteCount = 8; byteCount <= 32; byteCount++) {
        const addressBytes = Layout.addressBytesFor(pageCountMax)
        const layout = Layout.make({ pageBytes: 512, addressBytes, checksumBytes: byteCount, extensionBytes: 0 })
        const fits = Format.fits(512, pageCountMax, { ...checksum, byteCount })
        assert.strictEqual(fits, RootRecord.deltaBytesMax(layout) >= 64)
        seen.add(fits)
      }
    }
    assert.strictEqual(seen.size, 2)
  })
})
