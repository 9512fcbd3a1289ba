import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import xxhash from "xxhash-wasm"
import * as Binding from "../../src/core/Binding.ts"
import * as Checksum from "../../src/core/Checksum.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import { parameters } from "./propertyRuns.ts"

const { h64Raw } = await xxhash()
const sha256 = Checksum.sha256((parts) => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
})
const checksums = [Checksum.xxh64(h64Raw), sha256]

const bindingOf = (checksum: Checksum.Checksum, volumeId: Uint8Array): Binding.Binding =>
  Binding.make(
    Layout.make({ pageBytes: 512, addressBytes: 4, checksumBytes: checksum.byteCount, extensionBytes: 3 }),
    checksum,
    volumeId
  )

describe("Checksum", () => {
  it("is the first eight bytes of XXH64 seeded by the context's, little-endian", () => {
    const context = new Uint8Array(32).fill(1)
    const bytes = new Uint8Array(100).fill(2)
    const out = new Uint8Array(12)
    checksums[0].write(context, bytes, out, 2)
    const expected = h64Raw(bytes, h64Raw(context, BigInt(0)))
    assert.deepStrictEqual(Buffer.from(out).readBigUInt64LE(2), expected)
    assert.deepStrictEqual([out[0], out[1], out[10], out[11]], [0, 0, 0, 0])
    assert.strictEqual(checksums[0].byteCount, 8)
  })

  it("is the first sixteen bytes of SHA-256 over context and bytes", () => {
    const out = new Uint8Array(20)
    sha256.write(Uint8Array.of(1, 2), Uint8Array.of(3), out, 1)
    const expected = createHash("sha256")
      .update(Uint8Array.of(1, 2, 3))
      .digest()
    assert.deepStrictEqual(Buffer.from(out.subarray(1, 17)), expected.subarray(0, 16))
    assert.deepStrictEqual([out[0], out[17]], [0, 0])
    assert.notStrictEqual(checksums[0].algorithm, sha256.algorithm)
  })
})

describe("Binding", () => {
  for (const checksum of checksums) {
    it(`binds bytes to volume, place, time, length, kind and level: ${checksum.name}`, () => {
      const volumeId = new Uint8Array(16).map((_, i) => i)
      const binding = bindingOf(checksum, volumeId)
      const place = fc.record({
        address: fc.nat({ max: 2 ** 32 - 1 }),
        pageCount: fc.integer({ min: 1, max: 255 }),
        birth: fc.maxSafeNat().map((n) => 1 + (n % (2 ** 48 - 1))),
        kind: fc.nat({ max: 255 }),
        level: fc.nat({ max: 255 })
      })
      fc.assert(
        fc.property(
          place,
          fc.uint8Array({ minLength: 512, maxLength: 512 }),
          fc.nat({ max: 4095 }),
          (where, bytes, bit) => {
            const out = new Uint8Array(binding.layout.pointerBytes + 9).fill(0xee)
            Binding.writePointer(binding, where, bytes, out, 4)
            assert.isTrue([...out.subarray(0, 4), ...out.subarray(-5)].every((byte) => byte === 0xee))
            const pointer = Pointer.read(binding.layout, out, 4, where.kind, where.level)
            assert.deepInclude({ ...pointer }, where)
            assert.isTrue(Binding.verifies(binding, pointer, bytes))
            const others: ReadonlyArray<Partial<Pointer.Pointer>> = [
              { address: where.address ^ 1 },
              { pageCount: where.pageCount ^ 1 },
              { birth: where.birth + 1 },
              { birth: where.birth + 2 ** 32 },
              { kind: where.kind ^ 1 },
              { level: where.level ^ 1 }
            ]
            for (const other of others) assert.isFalse(Binding.verifies(binding, { ...pointer, ...other }, bytes))
            const flipped = bytes.slice()
            flipped[bit >> 3] ^= 1 << (bit & 7)
            assert.isFalse(Binding.verifies(binding, pointer, flipped))
            assert.strictEqual(Binding.fault(binding, pointer, flipped), "the bytes do not match their checksum")
            const stranger = bindingOf(
              checksum,
              volumeId.map((byte, i) => (i === 15 ? byte ^ 1 : byte))
            )
            assert.isFalse(Binding.verifies(stranger, pointer, bytes))
            assert.isTrue(Binding.verifies(bindingOf(checksum, volumeId), pointer, bytes))
          }
        ),
        parameters(60)
      )
    })
  }

  it("finds the fault of bytes that verify", () => {
    const binding = bindingOf(checksums[0], new Uint8Array(16))
    const bytes = new Uint8Array(512)
    const out = new Uint8Array(binding.layout.pointerBytes)
    const place = { address: 9, pageCount: 1, birth: 2, kind: Node.TREE, level: 0 }
    Binding.writePointer(binding, place, bytes, out, 0)
    assert.isString(Binding.fault(binding, Pointer.read(binding.layout, out, 0, Node.TREE, 0), bytes))
    Node.clear(bytes, Node.TREE, 0)
    Binding.writePointer(binding, place, bytes, out, 0)
    assert.isUndefined(Binding.fault(binding, Pointer.read(binding.layout, out, 0, Node.TREE, 0), bytes))
  })
})
