import { assert, describe, it } from "vitest"
import { BufferPool } from "../../src/shell/BufferPool.ts"

describe("BufferPool", () => {
  it("gives again what it was given, by its size", () => {
    const pool = new BufferPool(512, 16, 64 * 512)
    for (const pages of [1, 5, 16]) {
      const buffer = pool.take(pages * 512)
      assert.strictEqual(buffer.length, pages * 512)
      pool.give(buffer)
      assert.notStrictEqual(pool.take(1024), buffer)
      assert.strictEqual(pool.take(pages * 512), buffer)
      assert.notStrictEqual(pool.take(pages * 512), buffer)
    }
  })

  it("keeps so many bytes of pages and of the longest runs, and an eighth of that of each length between", () => {
    const pool = new BufferPool(512, 16, 64 * 512)
    for (const [pages, kept] of [
      [1, 64],
      [2, 4],
      [15, 1],
      [16, 4]
    ]) {
      const given = new Set<Uint8Array>(Array.from({ length: 100 }, () => new Uint8Array(pages * 512)))
      for (const buffer of given) pool.give(buffer)
      const again = Array.from({ length: 100 }, () => pool.take(pages * 512)).filter((buffer) => given.has(buffer))
      assert.strictEqual(again.length, kept, `${pages} pages`)
    }
  })

  it("gives what is retired when it is told that nobody refers to it", () => {
    const pool = new BufferPool(512, 16, 64 * 512)
    const buffer = new Uint8Array(16 * 512)
    pool.retire(buffer)
    assert.notStrictEqual(pool.take(16 * 512), buffer)
    pool.giveRetired()
    assert.strictEqual(pool.take(16 * 512), buffer)
    pool.giveRetired()
    assert.notStrictEqual(pool.take(16 * 512), buffer)
  })

  it("leaves no node in what it is given", () => {
    const pool = new BufferPool(512, 16, 64 * 512)
    const buffer = new Uint8Array(512).fill(1)
    pool.give(buffer)
    assert.deepStrictEqual(
      [...buffer.subarray(0, 16)],
      Array.from({ length: 16 }, () => 0xff)
    )
  })

  it("keeps no part of a larger buffer, and none of another size", () => {
    const pool = new BufferPool(512, 4, 64 * 512)
    const part = new Uint8Array(1024).subarray(0, 512)
    const long = new Uint8Array(5 * 512)
    pool.give(part)
    pool.give(long)
    assert.notStrictEqual(pool.take(512), part)
    assert.notStrictEqual(pool.take(5 * 512), long)
  })
})
