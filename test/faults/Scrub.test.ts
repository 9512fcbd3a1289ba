/**
 * A scrub sees every damaged live page and no other, while the volume is in use, at the rate that was asked for.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { noise } from "../cli/HostFolder.ts"

const PAGE_BYTES = 4096

const prepare = Effect.fnUntraced(function* (size: number) {
  const device = yield* MemoryDevice.make({ size })
  const volume = yield* Effect.provideService(Volume.open(), BlockDevice, device)
  for (let i = 0; i < 40; i++) yield* Files.writeFile(volume, `/file${i}`, noise(i * 1000))
  return { device, volume }
})

const damage = (device: MemoryDevice.MemoryDevice, page: number) =>
  device.write([{ offset: page * PAGE_BYTES, bytes: new Uint8Array(PAGE_BYTES).fill(0x55) }])

const last = (volume: Volume.Volume["Service"]) =>
  Effect.map(Effect.map(Stream.runLast(volume.scrub()), Option.getOrThrow), (progress) => ({
    ...progress,
    report: Option.getOrThrow(progress.report)
  }))

const scoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.scoped(effect)

describe("a scrub", () => {
  it.effect("of a sound volume reads exactly what is in use, and finds nothing", () =>
    scoped(
      Effect.gen(function* () {
        const { volume } = yield* prepare(4 * 1024 * 1024)
        const { checkedBytes, problemCount, report, totalBytes } = yield* last(volume)
        assert.strictEqual(problemCount, 0)
        assert.strictEqual(checkedBytes, totalBytes)
        assert.strictEqual(totalBytes, (report.reachedPageCount + 3) * PAGE_BYTES)
        assert.strictEqual(report.fileCount, 40)
      })
    )
  )

  it.effect("finds every page that is damaged and in use, and names the file", () =>
    scoped(
      Effect.gen(function* () {
        const { device, volume } = yield* prepare(4 * 1024 * 1024)
        const before = yield* device.image
        const { report: sound } = yield* last(volume)
        let found = 0
        let named = 0
        for (let page = 0; page < before.length / PAGE_BYTES; page++) {
          yield* damage(device, page)
          const { problems } = yield* last(volume)
          yield* device.write([
            { offset: page * PAGE_BYTES, bytes: before.slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES) }
          ])
          if (problems.length > 0) found++
          if (problems.some(({ path }) => path?.startsWith("/file") === true)) named++
        }
        // Pages in runs are one problem each, but every page of them counts here.
        assert.strictEqual(found, sound.reachedPageCount + 3)
        assert.isAbove(named, 100)
      })
    )
  )

  it.effect("keeps to its rate, and to its root while others write", () =>
    scoped(
      Effect.gen(function* () {
        const { volume } = yield* prepare(64 * 1024 * 1024)
        const bytesPerSecond = 100_000
        let seen: Volume.ScrubProgress | undefined
        const fiber = yield* volume.scrub({ bytesPerSecond }).pipe(
          Stream.runForEach((progress) =>
            Effect.sync(() => {
              seen = progress
            })
          ),
          Effect.forkChild
        )
        for (let second = 1; second <= 4; second++) {
          yield* TestClock.adjust("1 second")
          // What the scrub still has to read is released here, and would be written again if it were not pinned.
          for (let i = 0; i < 40; i++) yield* Files.writeFile(volume, `/file${i}`, noise(i * 900 + second))
          const { checkedBytes = 0 } = seen ?? {}
          assert.isAtMost(checkedBytes, bytesPerSecond * second + 65536)
          assert.isAtLeast(checkedBytes, bytesPerSecond * second * 0.8)
        }
        assert.isTrue(Option.isNone(seen?.report ?? Option.none()))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.strictEqual(seen?.problemCount, 0)
        assert.isTrue(Option.isSome(seen?.report ?? Option.none()))
      })
    )
  )
})
