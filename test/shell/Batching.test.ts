import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Batching from "../../src/shell/Batching.ts"
import type { BlockDevice, Range } from "../../src/shell/BlockDevice.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"

const pageBytes = 512

/** Takes down the calls that reach a device. */
const recording = (device: BlockDevice["Service"]) => {
  const calls: Array<ReadonlyArray<Range>> = []
  const recorded: BlockDevice["Service"] = {
    ...device,
    read: (ranges) => Effect.suspend(() => (calls.push(ranges), device.read(ranges))),
    write: (ranges) => Effect.suspend(() => (calls.push(ranges), device.write(ranges)))
  }
  return { calls, device: recorded }
}

/** Disjoint places in any order: some side by side, some apart. */
const places = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 2 }), count: fc.integer({ min: 1, max: 5 }), rank: fc.nat() }), {
    maxLength: 30
  })
  .map((steps) => {
    let address = 0
    return steps
      .map(({ count, gap, rank }) => {
        const place = { address: address + gap, pageCount: count, rank }
        address += gap + count
        return place
      })
      .sort((a, b) => a.rank - b.rank)
  })

describe("Batching", () => {
  it.effect("reads neighbours side by side, and answers in the order of the requests", () =>
    Effect.gen(function* () {
      const image = new Uint8Array(16 * pageBytes)
      for (let i = 0; i < 16; i++) image.fill(i, i * pageBytes, (i + 1) * pageBytes)
      const { calls, device } = recording(yield* MemoryDevice.make({ image }))
      const requests = [7, 3, 5, 4].map((address) => ({ address, pageCount: address === 7 ? 2 : 1 }))
      const found = yield* Batching.read(device, requests, pageBytes)
      assert.deepStrictEqual(
        found.map((bytes) => [bytes[0], bytes[bytes.length - 1], bytes.length / pageBytes]),
        [
          [7, 8, 2],
          [3, 3, 1],
          [5, 5, 1],
          [4, 4, 1]
        ]
      )
      assert.strictEqual(calls.length, 1)
      assert.deepStrictEqual(
        Batching.runs(calls[0]).map(({ byteCount, offset }) => [offset / pageBytes, byteCount / pageBytes]),
        [
          [3, 3],
          [7, 2]
        ]
      )
    })
  )

  it.effect("gives each page memory of its own", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 64 * pageBytes })
      const requests = Array.from({ length: 64 }, (_, address) => ({ address, pageCount: 1 }))
      const found = yield* Batching.read(device, requests, pageBytes)
      for (const bytes of found) assert.strictEqual(bytes.buffer.byteLength, pageBytes)
    })
  )

  it.effect("refuses writes that overlap as our own bug", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 64 * pageBytes })
      const two = new Uint8Array(2 * pageBytes)
      const exit = yield* Effect.exit(
        Batching.write(
          device,
          [
            { address: 4, bytes: two },
            { address: 3, bytes: two }
          ],
          pageBytes
        )
      )
      assert.include(String(exit), "overlap")
    })
  )

  it("joins what lies side by side on the device and in memory", () => {
    const staging = new Uint8Array(8 * pageBytes)
    const ranges = Array.from({ length: 8 }, (_, i) => ({
      offset: i * pageBytes,
      bytes: staging.subarray(i * pageBytes, (i + 1) * pageBytes)
    }))
    const [run, ...others] = Batching.runs(ranges)
    assert.strictEqual(others.length, 0)
    assert.strictEqual(run.buffers.length, 1)
    assert.strictEqual(run.byteCount, staging.length)
    // In memory only, or on the device only, is not enough.
    const swapped = [ranges[1], ranges[0]]
    assert.strictEqual(Batching.runs(swapped).length, 2)
    const moved = ranges.map(({ bytes, offset }) => ({ offset: offset * 2, bytes }))
    assert.strictEqual(Batching.runs(moved).length, 8)
  })

  it("cuts runs at the limit of buffers, and drops empty ranges", () => {
    const range = (page: number, pages = 1) => ({ offset: page * pageBytes, bytes: new Uint8Array(pages * pageBytes) })
    const found = Batching.runs([range(0, 0), range(0), range(1), range(2, 0), range(2), range(3, 0)], 2)
    assert.deepStrictEqual(
      found.map((run) => [run.offset / pageBytes, run.buffers.length]),
      [
        [0, 2],
        [2, 1]
      ]
    )
    assert.deepStrictEqual(Batching.runs([range(5, 0)]), [])
    assert.deepStrictEqual(Batching.runs([]), [])
  })

  it("runs carry the same bytes to the same places, in as few runs as there are gaps", () => {
    fc.assert(
      fc.property(places, fc.integer({ min: 1, max: 4 }), (found, buffersMax) => {
        const sorted = found.toSorted((a, b) => a.address - b.address)
        const ranges = sorted.map(({ address, pageCount }) => ({
          offset: address * pageBytes,
          bytes: new Uint8Array(pageCount * pageBytes).fill(address)
        }))
        const at = new Map<number, number>()
        for (const run of Batching.runs(ranges, buffersMax)) {
          assert.isAtMost(run.buffers.length, buffersMax)
          let offset = run.offset
          for (const bytes of run.buffers) {
            for (let i = 0; i < bytes.length; i += pageBytes) at.set(offset + i, bytes[i])
            offset += bytes.length
          }
          assert.strictEqual(offset - run.offset, run.byteCount)
        }
        const expected = new Map(
          ranges.flatMap(({ bytes, offset }) =>
            Array.from({ length: bytes.length / pageBytes }, (_, i) => [offset + i * pageBytes, bytes[0]] as const)
          )
        )
        assert.deepStrictEqual(at, expected)
        const gaps = sorted.filter(
          ({ address }, i) => i === 0 || sorted[i - 1].address + sorted[i - 1].pageCount !== address
        )
        assert.strictEqual(Batching.runs(ranges).length, gaps.length)
      })
    )
  })

  it("cuts a batch into slices of small runs, and of large ones", () => {
    const cut = (bytesMax: number, ...pages: Array<number>) =>
      Batching.slices(
        pages.map((byteCount, i) => ({ offset: i * 100, byteCount, buffers: [new Uint8Array(byteCount)] })),
        bytesMax
      ).map((slice) => [slice.byteCount, ...slice.runs.map((run) => run.byteCount)])
    assert.deepStrictEqual(cut(10), [])
    assert.deepStrictEqual(cut(10, 4, 6), [[10, 4, 6]])
    assert.deepStrictEqual(cut(10, 4, 7, 3, 1), [
      [4, 4],
      [10, 7, 3],
      [1, 1]
    ])
    assert.deepStrictEqual(cut(10, 4, 20, 11, 3), [
      [4, 4],
      [31, 20, 11],
      [3, 3]
    ])
    assert.deepStrictEqual(cut(0, 1, 2), [[3, 1, 2]])
    assert.deepStrictEqual(cut(Infinity, 1, 2), [[3, 1, 2]])
  })

  it.effect("reads what it wrote, in any order", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(places, (found) =>
          Effect.gen(function* () {
            const device = yield* MemoryDevice.make({ size: 256 * pageBytes })
            const writes = found.map(({ address, pageCount, rank }) => ({
              address,
              bytes: new Uint8Array(pageCount * pageBytes).fill(rank)
            }))
            yield* Batching.write(device, writes, pageBytes)
            const read = yield* Batching.read(device, found, pageBytes)
            assert.deepStrictEqual(
              read,
              writes.map((write) => write.bytes)
            )
          }).pipe(Effect.runPromise)
        ),
        { numRuns: 50 }
      )
    )
  )
})
