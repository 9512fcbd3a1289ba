import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import { parameters } from "./propertyRuns.ts"

const layouts = fc
  .record({
    addressBytes: fc.integer({ min: 1, max: 6 }),
    checksumBytes: fc.constantFrom(8, 16, 32),
    extensionBytes: fc.constantFrom(0, 5, 32)
  })
  .map((rest) => Layout.make({ pageBytes: 4096, ...rest }))

const AT = 7

describe("Pointer", () => {
  it("reads what it wrote, with a zero extension, and touches nothing else", () => {
    fc.assert(
      fc.property(
        layouts,
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: 255 }),
        fc.maxSafeNat(),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (layout, anyAddress, pageCount, anyBirth, digest) => {
          const pointer: Pointer.Pointer = {
            address: anyAddress % 256 ** layout.addressBytes,
            pageCount,
            birth: anyBirth % 2 ** 48,
            checksum: digest.slice(0, layout.checksumBytes),
            kind: Node.ROPE,
            level: 3
          }
          const bytes = new Uint8Array(layout.pointerBytes + 20).fill(0xcc)
          Pointer.write(layout, bytes, AT, pointer)
          assert.deepStrictEqual(Pointer.read(layout, bytes, AT, Node.ROPE, 3), pointer)
          assert.isTrue(Pointer.same(Pointer.read(layout, bytes, AT, Node.ROPE, 3), pointer))
          assert.strictEqual(Pointer.address(layout, bytes, AT), pointer.address)
          assert.strictEqual(Pointer.pageCount(layout, bytes, AT), pageCount)
          assert.strictEqual(Pointer.birth(layout, bytes, AT), pointer.birth)
          assert.isFalse(Pointer.isMemory(layout, bytes, AT))
          assert.isFalse(Pointer.isNull(layout, bytes, AT))
          const end = AT + layout.pointerBytes
          assert.isTrue(bytes.subarray(end - layout.extensionBytes, end).every((byte) => byte === 0))
          assert.isTrue([...bytes.subarray(0, AT), ...bytes.subarray(end)].every((byte) => byte === 0xcc))
          for (const other of [{ address: pointer.address + 1 }, { pageCount: 0 }, { birth: 2 ** 48 }]) {
            assert.isFalse(Pointer.same(pointer, { ...pointer, ...other }))
          }
          Pointer.writeNull(layout, bytes, AT)
          assert.isTrue(Pointer.isNull(layout, bytes, AT))
          assert.deepStrictEqual(bytes.slice(AT, end), Pointer.makeNull(layout))
        }
      ),
      parameters(200)
    )
  })

  it("holds the number of a node in memory", () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 1 }), fc.integer({ min: 1, max: 255 }), (layout, id, pages) => {
        const bytes = new Uint8Array(layout.pointerBytes).fill(0xff)
        Pointer.writeMemory(layout, bytes, 0, id, pages)
        assert.isTrue(Pointer.isMemory(layout, bytes, 0))
        assert.isFalse(Pointer.isNull(layout, bytes, 0))
        assert.strictEqual(Pointer.memoryId(layout, bytes, 0), id)
        assert.strictEqual(Pointer.pageCount(layout, bytes, 0), pages)
        assert.isString(Pointer.fault(layout, bytes, 0, 2 ** 48, 255), "a page on disk holds no such pointer")
      }),
      parameters(50)
    )
  })

  it("finds the fault of what a page may not hold", () => {
    const layout = Layout.make({ pageBytes: 512, addressBytes: 2, checksumBytes: 8, extensionBytes: 0 })
    const fault = (place: { pageCount: number; birth: number }, flags: number, parent: number, most: number) => {
      const bytes = new Uint8Array(layout.pointerBytes)
      Pointer.writePlace(layout, bytes, 0, { address: 3, ...place })
      bytes[layout.addressBytes + Layout.POINTER_FLAGS] = flags
      return Pointer.fault(layout, bytes, 0, parent, most)
    }
    assert.isUndefined(fault({ pageCount: 1, birth: 5 }, 0, 5, 1))
    assert.isUndefined(fault({ pageCount: 3, birth: 1 }, 0, 5, 3))
    assert.isUndefined(fault({ pageCount: 0, birth: 0 }, 0, 5, 1), "null")
    assert.isString(fault({ pageCount: 1, birth: 6 }, 0, 5, 1), "younger than its parent")
    assert.isString(fault({ pageCount: 1, birth: 0 }, 0, 5, 1), "never born")
    assert.isString(fault({ pageCount: 2, birth: 5 }, 0, 5, 1), "too long")
    for (const flags of [1, 2, 128]) assert.isString(fault({ pageCount: 1, birth: 5 }, flags, 5, 1), "unknown flags")
  })
})
