/**
 * Two writers over one device, past the lock, interleaved at every point: the second one to write gets `Fenced`, what the
 * first one has acknowledged is whole, and nothing of the second one is on the device.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { noise } from "../cli/HostFolder.ts"

type Device = BlockDevice["Service"]
type Service = Volume.Volume["Service"]

const SIZE = 4 * 1024 * 1024

/** A volume with some files that both writers change. */
const prepare = Effect.gen(function* () {
  const device = yield* MemoryDevice.make({ size: SIZE })
  yield* Effect.scoped(
    Effect.gen(function* () {
      const volume = yield* Effect.provideService(Volume.open(), BlockDevice, device)
      for (let i = 0; i < 5; i++) yield* Files.writeFile(volume, `/file${i}`, noise(20_000, i + 1))
    })
  )
  return device
})

const opened = (device: Device, options: Volume.Options = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const volume = yield* Volume.open(options).pipe(
      Effect.provideService(BlockDevice, device),
      Effect.provideService(Scope.Scope, scope)
    )
    return { volume, close: Scope.close(scope, Exit.void) }
  })

/** One commit: everything is written anew, so that pages are released and taken. */
const commit = (volume: Service, writer: string, round: number, byteCount = 20_000) =>
  volume.transaction(
    Effect.gen(function* () {
      for (let i = 0; i < 5; i++) yield* Files.writeFile(volume, `/file${i}`, noise(byteCount, round * 10 + i + 1))
      yield* Files.writeFile(volume, `/${writer}`, Buffer.from(`${writer} ${round}`))
    })
  )

/** What is on the device is exactly what the first writer has acknowledged last. */
const isFirsts = Effect.fnUntraced(function* (device: Device, rounds: number) {
  const { close, volume } = yield* opened(device)
  const { problems } = yield* volume.check({ deep: true })
  assert.deepStrictEqual(problems, [])
  assert.strictEqual(Buffer.from(yield* Files.readFile(volume, "/first")).toString(), `first ${rounds}`)
  for (let i = 0; i < 5; i++) {
    assert.isTrue(noise(20_000, rounds * 10 + i + 1).equals(yield* Files.readFile(volume, `/file${i}`)))
  }
  assert.isFalse(yield* Files.exists(volume, "/second"))
  yield* close
})

const reasonOf = (exit: Exit.Exit<unknown, VolumeError>) => Option.getOrUndefined(Exit.findErrorOption(exit))?.reason

describe("a second writer past the lock", () => {
  for (const before of [0, 1, 3, 40]) {
    for (const kind of ["small", "large", "early"] as const) {
      it.effect(`is fenced at its first write of a ${kind} commit, ${before} commits after the first one's claim`, () =>
        Effect.gen(function* () {
          const device = yield* prepare
          const second = yield* opened(device, { dirtyBytes: kind === "early" ? 8192 : undefined })
          const first = yield* opened(device)
          for (let round = 0; round <= before; round++) yield* commit(first.volume, "first", round)
          const image = yield* device.image
          const byteCount = kind === "large" ? 300_000 : 20_000
          const fenced = yield* Effect.exit(commit(second.volume, "second", 1, byteCount))
          assert.strictEqual(reasonOf(fenced)?._tag, "Fenced")
          // Nothing is written any more, not even by the close.
          const again = yield* Effect.exit(commit(second.volume, "second", 2))
          assert.strictEqual(reasonOf(again)?._tag, "Poisoned")
          yield* second.close
          assert.deepStrictEqual(Buffer.from(yield* device.image).equals(Buffer.from(image)), true)
          yield* commit(first.volume, "first", before + 1)
          yield* first.close
          yield* isFirsts(device, before + 1)
        })
      )
    }
  }

  it.effect("is fenced by a claim alone, in either order of opening", () =>
    Effect.gen(function* () {
      for (const isFirstOpenedFirst of [true, false]) {
        const device = yield* prepare
        const one = yield* opened(device)
        const two = yield* opened(device)
        const [first, second] = isFirstOpenedFirst ? [one, two] : [two, one]
        yield* commit(first.volume, "first", 1)
        assert.strictEqual(reasonOf(yield* Effect.exit(commit(second.volume, "second", 1)))?._tag, "Fenced")
        yield* second.close
        yield* first.close
        yield* isFirsts(device, 1)
      }
    })
  )

  it.effect("is fenced when it comes between any two calls of the first one's commit", () =>
    Effect.gen(function* () {
      const winners: Array<string> = []
      for (let at = 0; ; at++) {
        const device = yield* prepare
        const second = yield* opened(device)
        // The second one writes as a whole before the call `at` of the first one.
        let calls = -Infinity
        let intrusion: Exit.Exit<unknown, VolumeError> | undefined
        const intrude = Effect.suspend(() => {
          if (calls++ !== at) return Effect.void
          return Effect.map(Effect.exit(commit(second.volume, "second", 1)), (exit) => {
            intrusion = exit
          })
        })
        const watched: Device = {
          ...device,
          read: (ranges) => Effect.andThen(intrude, device.read(ranges)),
          write: (ranges) => Effect.andThen(intrude, device.write(ranges)),
          sync: Effect.andThen(intrude, device.sync)
        }
        const first = yield* opened(watched)
        calls = 0
        const exit = yield* Effect.exit(commit(first.volume, "first", 1))
        calls = Infinity
        yield* first.close
        yield* second.close
        if (intrusion === undefined) break
        const tags = [reasonOf(exit)?._tag, reasonOf(intrusion)?._tag]
        winners.push(tags[0] === undefined ? "first" : "second")
        const { close, volume } = yield* opened(device)
        const { problems } = yield* volume.check({ deep: true })
        assert.deepStrictEqual(problems, [], `${at}: ${tags.join(", ")}`)
        assert.include(tags, "Fenced", `${at}`)
        assert.isTrue(yield* Files.exists(volume, `/${winners[at]}`), `${at}`)
        yield* close
      }
      console.log(JSON.stringify({ test: "fencing", interleavings: winners.length }))
      // Up to the first one's claim the second one wins, also between its look at the slots and its write.
      const claimed = winners.indexOf("first")
      assert.isAtLeast(claimed, 2)
      assert.isFalse(winners.includes("second", claimed))
      assert.isAtLeast(winners.length, claimed + 3)
    })
  )

  it.effect("that formats the device anew fences the first one", () =>
    Effect.gen(function* () {
      const device = yield* prepare
      const first = yield* opened(device)
      yield* commit(first.volume, "first", 1)
      const second = yield* opened(device, { format: "always" })
      yield* Files.writeFile(second.volume, "/new", Buffer.from("new"))
      assert.strictEqual(reasonOf(yield* Effect.exit(commit(first.volume, "first", 2)))?._tag, "Fenced")
      yield* first.close
      const { problems } = yield* second.volume.check({ deep: true })
      assert.deepStrictEqual(problems, [])
      yield* second.close
    })
  )
})
