/**
 * What every block device must do, as tests for any device.
 *
 *     import { describe, it } from "vitest"
 *     BlockDeviceSuite.suite("MyDevice", MyDevice.layer({ ... }), { describe, it })
 *
 * - It asks for a device of at least 1 MiB that may be written. Each test gets a new one, and nothing is expected of what it
 *   holds at first.
 * - It takes the functions of the test runner from its caller, and so needs none of its own: vitest, jest and `node:test` will do.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Batching from "../shell/Batching.ts"
import { BlockDevice, type Range } from "../shell/BlockDevice.ts"
import type { DeviceFailed } from "../shell/DeviceError.ts"
import { Random } from "./Random.ts"

/** What is needed of a test runner. */
export interface Runner {
  readonly describe: (name: string, define: () => void) => unknown
  readonly it: (name: string, test: () => Promise<void>) => unknown
}

type Device = BlockDevice["Service"]

/** Declares the tests for the device that `layer` makes. */
export const suite = <E>(name: string, layer: Layer.Layer<BlockDevice, E>, runner: Runner): void => {
  runner.describe(name, () => {
    for (const [title, test] of Object.entries(tests)) {
      runner.it(title, () =>
        Effect.runPromise(Effect.provide(Effect.flatMap(BlockDevice, test), Layer.fresh(layer), { local: true }))
      )
    }
  })
}

const check = (condition: boolean, what: string): Effect.Effect<void> =>
  condition ? Effect.void : Effect.die(new Error(`A block device must do otherwise: ${what}`))

/** Bytes that are the same for the same seed. */
const pattern = (byteCount: number, seed: number): Uint8Array => new Random(seed).bytes(byteCount)

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

const readBack = (device: Device, offset: number, byteCount: number): Effect.Effect<Uint8Array, DeviceFailed> => {
  const bytes = new Uint8Array(byteCount).fill(0xa5)
  return Effect.as(device.read([{ offset, bytes }]), bytes)
}

const checkBytes = Effect.fnUntraced(function* (device: Device, range: Range, what: string) {
  const found = yield* readBack(device, range.offset, range.bytes.length)
  yield* check(isEqual(found, range.bytes), `${what} (at byte ${range.offset})`)
})

const checkRefused = Effect.fnUntraced(function* <A>(call: Effect.Effect<A, DeviceFailed>, what: string) {
  const exit = yield* Effect.exit(Effect.flip(call))
  yield* check(Exit.isSuccess(exit) && exit.value._tag === "DeviceFailed", `${what} did not fail with DeviceFailed`)
  if (Exit.isSuccess(exit)) yield* check(exit.value.message.length > 0, `${what} failed without a message`)
})

const tests: Record<string, (device: Device) => Effect.Effect<void, DeviceFailed>> = {
  "says what it is": Effect.fnUntraced(function* (device) {
    const size = yield* device.size
    yield* check(device.identity.length > 0, "it has no identity")
    yield* check(device.sectorBytes >= 512 && Number.isInteger(Math.log2(device.sectorBytes)), "odd sectors")
    yield* check(size >= 1 << 20 && size % device.sectorBytes === 0, `its size is ${size}`)
    yield* check(!device.readOnly, "it is read-only")
  }),

  "reads back what it wrote": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const size = yield* device.size
    const ranges = [
      { offset: 0, bytes: pattern(sectorBytes, 1) },
      { offset: 3 * sectorBytes, bytes: pattern(2 * sectorBytes, 2) },
      { offset: size - sectorBytes, bytes: pattern(sectorBytes, 3) }
    ]
    yield* device.write(ranges)
    for (const range of ranges) yield* checkBytes(device, range, "other bytes before a sync")
    yield* device.sync
    for (const range of ranges) yield* checkBytes(device, range, "other bytes after a sync")
    const buffers = ranges.map(({ bytes, offset }) => ({ offset, bytes: new Uint8Array(bytes.length) })).toReversed()
    yield* device.read(buffers)
    yield* check(
      buffers.every((buffer, i) => isEqual(buffer.bytes, ranges[2 - i].bytes)),
      "other bytes when the ranges are read together and out of order"
    )
  }),

  "overwrites a part and leaves the rest": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const whole = pattern(8 * sectorBytes, 4)
    yield* device.write([{ offset: 8 * sectorBytes, bytes: whole }])
    const part = pattern(2 * sectorBytes, 5)
    yield* device.write([{ offset: 11 * sectorBytes, bytes: part }])
    whole.set(part, 3 * sectorBytes)
    yield* checkBytes(device, { offset: 8 * sectorBytes, bytes: whole }, "a partial write")
  }),

  "keeps no hold of the buffers that it was given": Effect.fnUntraced(function* (device) {
    const bytes = pattern(device.sectorBytes, 6)
    const kept = bytes.slice()
    yield* device.write([{ offset: 0, bytes }])
    bytes.fill(0)
    yield* checkBytes(device, { offset: 0, bytes: kept }, "a buffer changed after the write")
    const read = yield* readBack(device, 0, device.sectorBytes)
    yield* device.write([{ offset: 0, bytes }])
    yield* check(isEqual(read, kept), "a buffer that was read changed with a later write")
  }),

  "takes buffers that are views into larger ones": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const around = pattern(4 * sectorBytes, 7)
    yield* device.write([{ offset: 0, bytes: around.subarray(100, 100 + sectorBytes) }])
    const into = new Uint8Array(4 * sectorBytes)
    yield* device.read([{ offset: 0, bytes: into.subarray(33, 33 + sectorBytes) }])
    yield* check(isEqual(into.slice(33, 33 + sectorBytes), around.slice(100, 100 + sectorBytes)), "views")
    yield* check(into[32] === 0 && into[33 + sectorBytes] === 0, "it read beyond the view")
  }),

  "carries out thousands of ranges in one call": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const count = Math.min(3000, (yield* device.size) / sectorBytes)
    const all = pattern(count * sectorBytes, 8)
    const ranges = Array.from({ length: count }, (_, i) => ({
      offset: i * sectorBytes,
      bytes: all.slice(i * sectorBytes, (i + 1) * sectorBytes)
    }))
    yield* device.write(ranges)
    yield* checkBytes(device, { offset: 0, bytes: all }, "many ranges written")
    const buffers = ranges.map(({ offset }) => ({ offset, bytes: new Uint8Array(sectorBytes) }))
    yield* device.read(buffers)
    yield* check(
      buffers.every((buffer, i) => isEqual(buffer.bytes, ranges[i].bytes)),
      "many ranges read"
    )
  }),

  "carries out calls of nothing": Effect.fnUntraced(function* (device) {
    yield* device.read([])
    yield* device.write([])
    yield* device.write([{ offset: 0, bytes: new Uint8Array(0) }])
    yield* device.read([{ offset: yield* device.size, bytes: new Uint8Array(0) }])
    yield* device.discard([])
    yield* device.sync
  }),

  "refuses what is not aligned": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const sector = new Uint8Array(sectorBytes)
    yield* checkRefused(device.read([{ offset: 1, bytes: sector }]), "a read at byte 1")
    yield* checkRefused(device.write([{ offset: sectorBytes / 2, bytes: sector }]), "a write inside a sector")
    yield* checkRefused(device.read([{ offset: 0, bytes: new Uint8Array(100) }]), "a read of 100 bytes")
    yield* checkRefused(device.write([{ offset: 0, bytes: new Uint8Array(100) }]), "a write of 100 bytes")
    yield* checkRefused(device.read([{ offset: Number.NaN, bytes: sector }]), "a read at no place")
    yield* checkRefused(device.discard([{ offset: 0, byteCount: 1 }]), "a discard of a byte")
  }),

  "refuses what reaches beyond its ends, and does nothing then": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const size = yield* device.size
    const kept = { offset: 0, bytes: pattern(sectorBytes, 9) }
    yield* device.write([kept])
    const two = new Uint8Array(2 * sectorBytes)
    yield* checkRefused(device.read([{ offset: size, bytes: two }]), "a read beyond the end")
    yield* checkRefused(device.read([{ offset: size - sectorBytes, bytes: two }]), "a read across the end")
    yield* checkRefused(device.read([{ offset: -sectorBytes, bytes: two }]), "a read before the start")
    yield* checkRefused(
      device.write([
        { offset: 0, bytes: new Uint8Array(sectorBytes) },
        { offset: size - sectorBytes, bytes: two }
      ]),
      "a write across the end"
    )
    yield* checkRefused(device.discard([{ offset: size, byteCount: sectorBytes }]), "a discard beyond the end")
    yield* checkBytes(device, kept, "a refused write wrote all the same")
    yield* check((yield* device.size) === size, "a refused write changed the size")
  }),

  "discards what it is told to, and nothing else": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const sectors = [0, 1, 2].map((i) => ({ offset: i * sectorBytes, bytes: pattern(sectorBytes, 10 + i) }))
    yield* device.write(sectors)
    yield* device.discard([{ offset: sectorBytes, byteCount: sectorBytes }])
    yield* checkBytes(device, sectors[0], "a discard reached the sector before")
    yield* checkBytes(device, sectors[2], "a discard reached the sector behind")
    yield* device.write([sectors[1]])
    yield* checkBytes(device, sectors[1], "a sector cannot be written after a discard")
  }),

  "grows, or says that it cannot": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const size = yield* device.size
    yield* device.grow(size)
    yield* device.grow(sectorBytes)
    yield* check((yield* device.size) === size, "growing to less changed the size")
    const grown = yield* Effect.exit(device.grow(size + 4 * sectorBytes))
    if (Exit.isFailure(grown)) return yield* checkRefused(device.grow(size + 4 * sectorBytes), "a growth")
    yield* check((yield* device.size) >= size + 4 * sectorBytes, "it did not grow")
    yield* checkBytes(device, { offset: size, bytes: new Uint8Array(4 * sectorBytes) }, "what was added is not zero")
    const last = { offset: size + 3 * sectorBytes, bytes: pattern(sectorBytes, 13) }
    yield* device.write([last])
    yield* checkBytes(device, last, "what was added cannot be written")
  }),

  "carries out calls at the same time": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const count = Math.floor((1 << 20) / sectorBytes / 16)
    const ranges = Array.from({ length: 16 }, (_, i) => ({
      offset: i * count * sectorBytes,
      bytes: pattern(count * sectorBytes, 20 + i)
    }))
    yield* Effect.forEach(ranges, (range) => Effect.andThen(device.write([range]), device.sync), {
      concurrency: "unbounded",
      discard: true
    })
    yield* Effect.forEach(ranges, (range) => checkBytes(device, range, "writes at the same time"), {
      concurrency: "unbounded",
      discard: true
    })
  }),

  "has carried a call out or not begun it when an interruption returns": Effect.fnUntraced(function* (device) {
    const old = { offset: 0, bytes: pattern(1 << 18, 40) }
    yield* device.write([old])
    const written = pattern(1 << 18, 41)
    const buffer = written.slice()
    const fiber = yield* Effect.forkChild(device.write([{ offset: 0, bytes: buffer }]), { startImmediately: true })
    yield* Fiber.interrupt(fiber)
    buffer.fill(0)
    const found = yield* readBack(device, 0, 1 << 18)
    yield* check(isEqual(found, old.bytes) || isEqual(found, written), "the buffer was used after the interruption")
  }),

  "does as a plain array does, whatever the order of calls": Effect.fnUntraced(function* (device) {
    const { sectorBytes } = device
    const random = new Random(50)
    const sectorCount = 256
    const model = new Uint8Array(sectorCount * sectorBytes)
    yield* device.write([{ offset: 0, bytes: model.slice() }])
    const place = () => {
      const from = random.below(sectorCount)
      return { from, count: 1 + random.below(Math.min(40, sectorCount - from)) }
    }
    for (let round = 0; round < 150; round++) {
      const writes = Array.from({ length: 1 + random.below(4) }, () => {
        const { count, from } = place()
        return { address: from, bytes: random.bytes(count * sectorBytes) }
      }).filter((write, i, all) =>
        all.slice(0, i).every((other) => {
          const end = write.address + write.bytes.length / sectorBytes
          return other.address >= end || write.address >= other.address + other.bytes.length / sectorBytes
        })
      )
      for (const { address, bytes } of writes) model.set(bytes, address * sectorBytes)
      yield* Batching.write(device, writes, sectorBytes)
      if (random.below(5) === 0) yield* device.sync
      const requests = Array.from({ length: 1 + random.below(4) }, () => {
        const { count, from } = place()
        return { address: from, pageCount: count }
      })
      const found = yield* Batching.read(device, requests, sectorBytes)
      yield* check(
        requests.every(({ address, pageCount }, i) =>
          isEqual(found[i], model.subarray(address * sectorBytes, (address + pageCount) * sectorBytes))
        ),
        `round ${round} of a random sequence read other bytes`
      )
    }
  })
}
