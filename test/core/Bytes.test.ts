import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Bytes from "../../src/core/Bytes.ts"
import { parameters } from "./propertyRuns.ts"

const uint48 = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.maxSafeNat().map((n) => n % Bytes.UINT48_END),
  fc.constantFrom(128, 2 ** 16 - 1, 2 ** 16, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, Bytes.UINT48_END - 1)
)

/** Writes between guards, and sees that nothing else was written. */
const between = (count: number, write: (bytes: Uint8Array, at: number) => void): Uint8Array => {
  const bytes = new Uint8Array(count + 10).fill(0xa5)
  write(bytes, 5)
  assert.isTrue(bytes.subarray(0, 5).every((byte) => byte === 0xa5))
  assert.isTrue(bytes.subarray(5 + count).every((byte) => byte === 0xa5))
  return bytes
}

const little = (bytes: Uint8Array, count: number): bigint =>
  bytes.subarray(5, 5 + count).reduceRight((value, byte) => value * BigInt(256) + BigInt(byte), BigInt(0))

describe("Bytes", () => {
  it("reads milliseconds as large integers would tell them", () => {
    const million = BigInt(1_000_000)
    const most = BigInt("0x7fffffffffffffff")
    const near = fc
      .tuple(fc.bigInt({ min: -most / million, max: most / million }), fc.integer({ min: -2, max: 2 }))
      .map(([millis, off]) => millis * million + BigInt(off))
      .filter((nanos) => nanos >= -most && nanos <= most)
    const edges = fc.constantFrom(BigInt(0), BigInt(-1), most, -most, -most - BigInt(1), BigInt(2) ** BigInt(32))
    fc.assert(
      fc.property(fc.oneof(near, fc.bigInt({ min: -most, max: most }), edges), (nanos) => {
        const bytes = between(8, (to, at) => Bytes.writeUint64(to, at, nanos))
        assert.strictEqual(Bytes.readMillis(bytes, 5), Number(nanos / million))
      }),
      parameters(2000)
    )
  })

  it("reads integers as it wrote them, little-endian", () => {
    fc.assert(
      fc.property(uint48, (value) => {
        const widths: ReadonlyArray<
          readonly [number, (b: Uint8Array, at: number, v: number) => void, (b: Uint8Array, at: number) => number]
        > = [
          [2, Bytes.writeUint16, Bytes.readUint16],
          [4, Bytes.writeUint32, Bytes.readUint32],
          [6, Bytes.writeUint48, Bytes.readUint48],
          ...[1, 2, 3, 4, 5, 6].map(
            (width) =>
              [
                width,
                (b: Uint8Array, at: number, v: number) => Bytes.writeUint(b, at, width, v),
                (b: Uint8Array, at: number) => Bytes.readUint(b, at, width)
              ] as const
          )
        ]
        for (const [width, write, read] of widths) {
          const fitting = value % 256 ** width
          const bytes = between(width, (to, at) => write(to, at, fitting))
          assert.strictEqual(read(bytes, 5), fitting)
          assert.strictEqual(little(bytes, width), BigInt(fitting))
        }
      }),
      parameters(300)
    )
  })

  it("reads 64 bits as it wrote them, signed or not", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(BigInt(2) ** BigInt(63)), max: BigInt(2) ** BigInt(63) - BigInt(1) }), (value) => {
        const bytes = between(8, (to, at) => Bytes.writeUint64(to, at, value))
        assert.strictEqual(Bytes.readInt64(bytes, 5), value)
        assert.strictEqual(Bytes.readUint64(bytes, 5), BigInt.asUintN(64, value))
        assert.strictEqual(little(bytes, 8), BigInt.asUintN(64, value))
      }),
      parameters(300)
    )
  })

  it("writes integers of keys so that byte order is number order", () => {
    fc.assert(
      fc.property(uint48, uint48, (a, b) => {
        const [bytesA, bytesB] = [a, b].map((value) => between(6, (to, at) => Bytes.writeUint48Key(to, at, value)))
        assert.strictEqual(Bytes.readUint48Key(bytesA, 5), a)
        assert.strictEqual(Math.sign(Bytes.compare(bytesA, 5, 11, bytesB, 5, 11)), Math.sign(a - b))
      }),
      parameters(500)
    )
  })

  it("compares as strings of bytes are compared", () => {
    const short = fc.array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 6 }).map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(short, short, fc.nat({ max: 3 }), (a, b, offset) => {
        const shifted = new Uint8Array(offset + a.length + 2).fill(77)
        shifted.set(a, offset)
        const order = Bytes.compare(shifted, offset, offset + a.length, b, 0, b.length)
        assert.strictEqual(Math.sign(order), Math.sign(Buffer.compare(a, b)))
        const reverse = Bytes.compare(b, 0, b.length, shifted, offset, offset + a.length)
        assert.strictEqual(Math.sign(reverse), -Math.sign(order))
        assert.strictEqual(Bytes.equal(a, b), Buffer.compare(a, b) === 0)
      }),
      parameters(1000)
    )
  })

  it("copies short and long ranges, and nothing beside them", () => {
    const from = Uint8Array.from({ length: 200 }, (_, i) => i)
    for (const count of [0, 1, 63, 64, 65, 66, 200]) {
      for (const at of count === 200 ? [0] : [0, 1]) {
        const bytes = between(count, (to, toAt) => Bytes.copy(from, at, to, toAt, count))
        assert.deepStrictEqual(bytes.slice(5, 5 + count), from.slice(at, at + count))
      }
    }
  })

  it("sees whether a range is zero", () => {
    const bytes = Uint8Array.of(1, 0, 0, 0, 2)
    assert.isTrue(Bytes.isZero(bytes, 1, 4))
    assert.isTrue(Bytes.isZero(bytes, 0, 0))
    assert.isFalse(Bytes.isZero(bytes, 0, 4))
    assert.isFalse(Bytes.isZero(bytes, 1, 5))
  })

  it("writes varints of as many bytes as it says", () => {
    fc.assert(
      fc.property(uint48, (value) => {
        const count = Bytes.varintByteCount(value)
        const bytes = between(count, (to, at) => assert.strictEqual(Bytes.writeVarint(to, at, value), at + count))
        let decoded = 0
        for (let i = count - 1; i >= 0; i--) decoded = decoded * 128 + (bytes[5 + i] & 127)
        assert.strictEqual(decoded, value)
        assert.deepStrictEqual(
          [...bytes.subarray(5, 5 + count)].map((byte) => byte >= 128),
          Array.from({ length: count }, (_, i) => i < count - 1)
        )
      }),
      parameters(500)
    )
    assert.deepStrictEqual(
      [0, 127, 128, 2 ** 14 - 1, 2 ** 14, Bytes.UINT48_END - 1].map(Bytes.varintByteCount),
      [1, 1, 2, 2, 3, 7]
    )
  })
})
