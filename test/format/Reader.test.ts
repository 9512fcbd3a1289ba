import { assert, describe, it } from "vitest"
import { digestOf } from "./Checksum.ts"
import { decodeExtents } from "./Extents.ts"
import { hex } from "./Scan.ts"
import { xxh64 } from "./Xxh64.ts"

describe("the examples of docs/FORMAT.md", () => {
  const volumeId = Uint8Array.from({ length: 16 }, (_, index) => index)
  const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 251)
  const place = { address: 8, birth: 1, pages: 1, kind: 1, level: 0 }

  it("the test value of XXH64", () => {
    assert.strictEqual(hex(digestOf(1, volumeId, place, bytes)), "cc989930c85c633e")
  })

  it("the test value of SHA-256-128", () => {
    assert.strictEqual(hex(digestOf(2, volumeId, place, bytes)), "8183a045deee073446eeec7bb4ea078a")
  })

  it("the extents 0-2 and 10-139", () => {
    assert.deepStrictEqual(decodeExtents(Uint8Array.of(0, 3, 7, 0x82, 1), 140), [
      { start: 0, count: 3 },
      { start: 10, count: 130 }
    ])
  })

  it("XXH64 of the public test values", () => {
    assert.strictEqual(xxh64(new Uint8Array(0), 0n), 0xef46db3751d8e999n)
    assert.strictEqual(xxh64(new TextEncoder().encode("abc"), 0n), 0x44bc2cf5ad770999n)
  })
})
