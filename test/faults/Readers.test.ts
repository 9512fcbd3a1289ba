/**
 * A reader beside a writer that knows nothing of it: its root, `ViewExpired`, or `Corrupt` where that is the truth.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { noise } from "../cli/HostFolder.ts"

const PAGE_BYTES = 4096

const prepare = Effect.gen(function* () {
  const device = yield* MemoryDevice.make({ size: 1024 * 1024 })
  const opened = (options: Volume.Options & { readonly readOnly?: boolean } = {}) =>
    Effect.provideService(Volume.open(options), BlockDevice, device)
  const writer = yield* opened()
  const write = (round: number) =>
    writer.transaction(
      Effect.gen(function* () {
        for (let i = 0; i < 4; i++) yield* Files.writeFile(writer, `/file${i}`, noise(30_000, round * 4 + i + 1))
      })
    )
  yield* write(0)
  const reader = yield* opened({ readOnly: true, cacheBytes: 0 })
  const readBack = Effect.gen(function* () {
    const bytes = yield* Files.readFile(reader, "/file3")
    for (let round = 0; round < 100; round++) if (noise(30_000, round * 4 + 4).equals(bytes)) return round
    return assert.fail("wrong bytes")
  })
  return { device, reader, readBack, write }
})

const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.scoped(effect)

const reasonOf = <A, R>(effect: Effect.Effect<A, { readonly reason: { readonly _tag: string } }, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

describe("a reader beside a writer", () => {
  it.effect("sees its root as long as it lasts, then ViewExpired, and the newest one after a refresh", () =>
    scoped(
      Effect.gen(function* () {
        const { reader, readBack, write } = yield* prepare
        assert.isFalse(yield* reader.refresh)
        // The root before the newest is kept.
        yield* write(1)
        assert.strictEqual(yield* readBack, 0)
        for (let round = 2; round < 30; round++) yield* write(round)
        assert.strictEqual(yield* reasonOf(readBack), "ViewExpired")
        assert.strictEqual(yield* reasonOf(reader.check({ deep: true })), "ViewExpired")
        assert.strictEqual(yield* reasonOf(Stream.runDrain(reader.scrub())), "ViewExpired")
        assert.isTrue(yield* reader.refresh)
        assert.strictEqual(yield* readBack, 29)
        assert.deepStrictEqual((yield* reader.check({ deep: true })).problems, [])
      })
    )
  )

  it.effect("keeps the root of a view when it is refreshed beside it", () =>
    scoped(
      Effect.gen(function* () {
        const { reader, readBack, write } = yield* prepare
        yield* reader.view(
          Effect.gen(function* () {
            yield* write(1)
            assert.isTrue(yield* reader.refresh)
            assert.strictEqual(yield* readBack, 0)
            for (let round = 2; round < 30; round++) yield* write(round)
            yield* reader.refresh
            assert.strictEqual(yield* reasonOf(readBack), "ViewExpired")
          })
        )
        assert.strictEqual(yield* readBack, 29)
      })
    )
  )

  it.effect("calls rot by its name", () =>
    scoped(
      Effect.gen(function* () {
        const { device, readBack, write } = yield* prepare
        yield* write(1)
        // Of the root before the newest, which is kept: not the writer's work.
        const image = Buffer.from(yield* device.image)
        const page = Math.floor(image.indexOf(noise(30_000, 4).subarray(8192, 8208)) / PAGE_BYTES)
        yield* device.write([{ offset: page * PAGE_BYTES, bytes: new Uint8Array(PAGE_BYTES) }])
        assert.strictEqual(yield* reasonOf(readBack), "Corrupt")
      })
    )
  )

  it.effect("takes the newest whole root, whenever it opens during a commit", () =>
    scoped(
      Effect.gen(function* () {
        const { device, write } = yield* prepare
        // A commit by halves: every prefix of its sectors, in both orders, with the root in or not.
        const before = yield* device.image
        yield* write(1)
        const after = yield* device.image
        const changed: Array<number> = []
        for (let page = 0; page < before.length / PAGE_BYTES; page++) {
          const at = page * PAGE_BYTES
          if (Buffer.compare(before.subarray(at, at + PAGE_BYTES), after.subarray(at, at + PAGE_BYTES)) !== 0)
            changed.push(page)
        }
        let old = 0
        for (const order of [changed, changed.toReversed()]) {
          for (let count = 0; count <= order.length; count++) {
            const image = before.slice()
            for (const page of order.slice(0, count)) {
              image.set(after.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), page * PAGE_BYTES)
            }
            const half = yield* MemoryDevice.make({ image, readOnly: true })
            const bytes = yield* scoped(
              Effect.flatMap(Volume.open({ readOnly: true }), (volume) => Files.readFile(volume, "/file0")).pipe(
                Effect.provideService(BlockDevice, half)
              )
            )
            const isOld = noise(30_000, 1).equals(bytes)
            if (isOld) old++
            assert.isTrue(isOld || (count === order.length && noise(30_000, 5).equals(bytes)))
          }
        }
        assert.strictEqual(old, changed.length * 2)
      })
    )
  )
})
