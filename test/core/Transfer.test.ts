/**
 * Send streams as bytes: what is written is read again, and whatever is read is records or nothing.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Transfer from "../../src/core/Transfer.ts"
import { Random } from "../../src/testing/Random.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { checksum } from "./TestVolume.ts"
import * as TransferRecords from "./TransferRecords.ts"

/** A frame of any bytes. */
const frameOf = (body: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(Transfer.LENGTH_BYTES + body.length + Transfer.DIGEST_BYTES)
  frame.set(body, Transfer.LENGTH_BYTES)
  return frame
}

const bodyOf = (frame: Uint8Array): Uint8Array => frame.slice(Transfer.LENGTH_BYTES, -Transfer.DIGEST_BYTES)
const byteCountOf = (records: ReadonlyArray<Transfer.Record>): number =>
  records.reduce((sum, record) => sum + Transfer.byteCount(record), 0)

describe("a frame", () => {
  it("gives back the records that were written", () => {
    fc.assert(
      fc.property(fc.array(TransferRecords.any, { maxLength: 8 }), fc.uint8Array(), (records, before) => {
        const frame = Transfer.frame(checksum, before, records)
        assert.strictEqual(frame.length, Transfer.LENGTH_BYTES + byteCountOf(records) + Transfer.DIGEST_BYTES)
        assert.strictEqual(Transfer.frameBytes(frame), records.length === 0 ? undefined : frame.length)
        assert.isTrue(Transfer.follows(checksum, before, frame))
        assert.deepStrictEqual(Transfer.records(frame), records)
      }),
      parameters(2000)
    )
  })

  it("is records or nothing, whatever bytes it has, and its records are no more than these", () => {
    const seen = { records: 0, nothing: 0 }
    const someBytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // Those of records, of which some are others, or cut off.
      fc
        .tuple(fc.array(TransferRecords.any, { minLength: 1, maxLength: 4 }), fc.nat(), fc.boolean())
        .map(([records, seed, isCut]) => {
          const random = new Random(seed)
          const body = bodyOf(Transfer.frame(checksum, new Uint8Array(0), records))
          for (let i = random.below(3); i > 0; i--) body[random.below(Math.min(60, body.length))] = random.below(256)
          return isCut ? body.subarray(0, random.below(body.length)) : body
        })
    )
    fc.assert(
      fc.property(someBytes, (body) => {
        const records = Transfer.records(frameOf(body))
        seen[records === undefined ? "nothing" : "records"]++
        if (records !== undefined) assert.strictEqual(byteCountOf(records), body.length)
      }),
      parameters(5000)
    )
    assert.isAbove(Math.min(seen.records, seen.nothing), scaled(500))
  })

  it("has a length that is possible, or is none", () => {
    const head = (count: number): Uint8Array => new Uint8Array(Uint32Array.of(count).buffer)
    assert.isUndefined(Transfer.frameBytes(head(0)))
    assert.isUndefined(Transfer.frameBytes(head(Transfer.FRAME_BYTES_MAX + 1)))
    assert.isUndefined(Transfer.frameBytes(head(0xffffffff)))
    assert.strictEqual(Transfer.frameBytes(head(1)), 13)
  })
})
