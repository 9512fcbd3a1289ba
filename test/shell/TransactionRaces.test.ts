/**
 * What the simulation has found between fibers, each as small as it gets.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as References from "effect/References"
import { MaxOpsBeforeYield } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { assert, it } from "vitest"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"

type Device = BlockDevice["Service"]

const PAGE_BYTES = 512

interface Setting {
  readonly pageCount?: number
  readonly options?: Volume.Options
  /** Puts something around the device. */
  readonly around?: (device: Device) => Device
  readonly disk?: SimulatedDisk
}

const newDisk = (pageCount = 512): SimulatedDisk => new SimulatedDisk({ size: pageCount * PAGE_BYTES })

/** Runs `use` on a fresh volume; what takes longer than a moment waits for ever. */
const run = <A, E>(
  { around = (device) => device, disk = newDisk(), options = {} }: Setting,
  use: (volume: Volume.Volume["Service"]) => Effect.Effect<A, E, Scope.Scope>
): Promise<A> =>
  Effect.gen(function* () {
    const volume = yield* Volume.open({ pageSize: PAGE_BYTES, format: "always", ...options })
    return yield* use(volume)
  }).pipe(
    Effect.scoped,
    Effect.provideService(BlockDevice, around(SimulatedDevice.make(disk, { yields: true }))),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.timeout("10 seconds"),
    Effect.runPromise
  )

const bytes = (count: number, first = 1): Uint8Array => new Uint8Array(count).map((_, i) => first + i)

it("reads by interval while another writer replaces what is visible", async () => {
  const gate = Latch.makeUnsafe(true)
  const around = (device: Device): Device => ({
    ...device,
    read: (ranges) => Effect.andThen(gate.await, device.read(ranges))
  })
  const content = bytes(20 * PAGE_BYTES)
  const read = await run({ around, options: { durability: "interval", cacheBytes: 0 } }, (volume) =>
    Effect.gen(function* () {
      yield* Files.writeFile(volume, "/large", content)
      yield* Files.create(volume, "/small")
      yield* volume.sync
      yield* Files.writeFile(volume, "/small", bytes(10))
      gate.closeUnsafe()
      const reader = yield* Effect.forkChild(Files.readFile(volume, "/large"), { startImmediately: true })
      yield* Files.writeFile(volume, "/small", bytes(20))
      yield* Files.writeFile(volume, "/small", bytes(30))
      yield* gate.open
      return yield* Fiber.join(reader)
    })
  )
  assert.deepStrictEqual(read, content)
})

it("ends a transaction whose savepoint is held open by a fiber that has outlived it", async () => {
  const names = await run({}, (volume) =>
    Effect.gen(function* () {
      const held = Latch.makeUnsafe(false)
      const stray = Effect.gen(function* () {
        yield* Files.create(volume, "/stray")
        yield* held.open
        return yield* Effect.never
      })
      const outer = (fails: boolean) =>
        Effect.gen(function* () {
          held.closeUnsafe()
          yield* Files.create(volume, fails ? "/failed" : "/kept")
          yield* Effect.forkDetach(volume.transaction(stray))
          yield* held.await
          if (fails) return yield* Effect.fail("no")
          return undefined
        })
      yield* Effect.exit(volume.transaction(outer(true)))
      yield* volume.transaction(outer(false))
      yield* Files.create(volume, "/after")
      return yield* Files.readFolder(volume, "/")
    })
  )
  assert.deepStrictEqual(
    names.map(({ name }) => name),
    ["after", "kept"]
  )
})

it("refuses what a stray fiber still does to the savepoint of a transaction that has ended", async () => {
  const exit = await run({}, (volume) =>
    Effect.gen(function* () {
      const begun = Latch.makeUnsafe(false)
      const over = Latch.makeUnsafe(false)
      const stray = Effect.gen(function* () {
        yield* begun.open
        yield* over.await
        yield* Files.create(volume, "/stray")
      })
      const fiber = yield* volume.transaction(
        Effect.tap(Effect.forkDetach(volume.transaction(stray)), () => begun.await)
      )
      yield* over.open
      return yield* Fiber.await(fiber)
    })
  )
  assert.match(String(exit), /Closed|has ended/)
})

it("refuses what a stray fiber still reads in a transaction that has ended, and does not show it what was before", async () => {
  const gate = Latch.makeUnsafe(true)
  const asked = Latch.makeUnsafe(false)
  const around = (device: Device): Device => ({
    ...device,
    read: (ranges) => asked.open.pipe(Effect.andThen(gate.await), Effect.andThen(device.read(ranges)))
  })
  const exit = await run({ around, options: { cacheBytes: 0 } }, (volume) =>
    Effect.gen(function* () {
      yield* Files.writeFile(volume, "/old", bytes(20 * PAGE_BYTES))
      let stray: Fiber.Fiber<unknown, unknown> | undefined
      const failing = Effect.gen(function* () {
        yield* Files.rename(volume, "/old", "/new")
        gate.closeUnsafe()
        asked.closeUnsafe()
        stray = yield* Effect.forkDetach(Files.readFile(volume, "/new"))
        yield* asked.await
        return yield* Effect.fail("no")
      })
      yield* Effect.exit(volume.transaction(failing))
      yield* gate.open
      return yield* Fiber.await(stray ?? (yield* Effect.die("no fiber")))
    })
  )
  assert.match(String(exit), /has ended/)
})

it("keeps nothing of an operation in a transaction that was told that the volume is full", async () => {
  const pageCount = 96
  for (let pages = 40; pages < pageCount; pages++) {
    await run({ disk: newDisk(pageCount), options: { dirtyBytes: PAGE_BYTES } }, (volume) =>
      Effect.exit(
        volume.transaction(
          Effect.gen(function* () {
            for (const path of ["/a", "/b", "/c"]) {
              const written = yield* Effect.exit(Files.writeFile(volume, path, bytes((pages * PAGE_BYTES) / 2)))
              assert.strictEqual(yield* Files.exists(volume, path), Exit.isSuccess(written), `${path} with ${pages}`)
            }
          })
        )
      ).pipe(
        Effect.flatMap((exit) =>
          Exit.isFailure(exit) && exit.cause.reasons.some(({ _tag }) => _tag === "Die") ? exit : Effect.void
        )
      )
    )
  }
})

it("finds what is settled while other fibers run at every step", async () => {
  const { length } = await run(
    { options: { durability: "interval", cacheBytes: 0, dirtyBytes: PAGE_BYTES } },
    (volume) => {
      const write = Effect.forEach(Array.from({ length: 30 }), (_, i) =>
        Files.writeFile(volume, "/a", bytes(3 * PAGE_BYTES, i))
      )
      const read = Effect.forEach(Array.from({ length: 200 }), () => Files.readFile(volume, "/a"))
      return Files.writeFile(volume, "/a", bytes(1)).pipe(
        Effect.andThen(Effect.all([write, read, read], { concurrency: "unbounded" })),
        Effect.andThen(Files.readFile(volume, "/a")),
        Effect.provideService(MaxOpsBeforeYield, 3)
      )
    }
  )
  assert.strictEqual(length, 3 * PAGE_BYTES)
})

it("gives the writer's permit back when a writer is interrupted just as it gets it", async () => {
  const written = await run({}, (volume) =>
    Effect.forEach(Array.from({ length: 60 }), (_, turns) =>
      Effect.gen(function* () {
        const release = Latch.makeUnsafe(false)
        const holder = yield* Effect.forkChild(volume.transaction(release.await), { startImmediately: true })
        const waiter = yield* Effect.forkChild(Files.writeFile(volume, "/a", bytes(turns)), {
          startImmediately: true
        })
        yield* release.open
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(waiter)
        yield* Fiber.await(holder)
        yield* Files.writeFile(volume, "/b", bytes(turns))
        return turns
      })
    ).pipe(Effect.provideService(MaxOpsBeforeYield, 3))
  )
  assert.lengthOf(written, 60)
})

it("writes nothing any more after a write has failed, not even to make room", async () => {
  const disk = newDisk(128)
  const { after, tag } = await run({ disk, options: { dirtyBytes: PAGE_BYTES } }, (volume) =>
    Effect.gen(function* () {
      yield* Files.writeFile(volume, "/large", bytes(50 * PAGE_BYTES))
      yield* Files.unlink(volume, "/large")
      let after = -1
      disk.onCall = ({ kind }) => {
        if (kind === "write") after++
        return kind === "write" && after === 0 ? { kind: "fail" } : undefined
      }
      const exit = yield* Effect.exit(
        volume.transaction(
          Effect.forEach(Array.from({ length: 40 }), (_, i) =>
            Effect.exit(Files.writeFile(volume, `/${i}`, bytes(4 * PAGE_BYTES)))
          )
        )
      )
      return { after, tag: Exit.isFailure(exit) ? String(exit.cause) : "done" }
    })
  )
  assert.match(tag, /takes no more writes/)
  assert.strictEqual(after, 0)
})

it("lets one sync at a time run: of two a system may tell one alone that it could not write", async () => {
  const gate = Latch.makeUnsafe(true)
  let running = 0
  let most = 0
  let writes = 0
  const around = (device: Device): Device => ({
    ...device,
    write: (ranges) => Effect.tap(device.write(ranges), () => Effect.sync(() => writes++)),
    sync: Effect.gen(function* () {
      most = Math.max(most, ++running)
      yield* gate.await
      yield* device.sync
      running--
    })
  })
  const until = (isSo: () => boolean) =>
    Effect.gen(function* () {
      while (!isSo()) yield* Effect.sleep(1)
    })
  await run({ around, options: { dirtyBytes: 2 * PAGE_BYTES } }, (volume) =>
    Effect.gen(function* () {
      yield* Files.create(volume, "/first")
      yield* gate.close
      const committing = yield* Effect.forkChild(Files.writeFile(volume, "/small", bytes(10)))
      yield* until(() => running === 1)
      const before = writes
      const large = Effect.forEach([1, 2, 3, 4], (n) => Files.writeFile(volume, `/${n}`, bytes(3 * PAGE_BYTES)))
      const writing = yield* Effect.forkChild(volume.transaction(large))
      yield* until(() => writes > before)
      yield* Effect.sleep(20)
      yield* gate.open
      yield* Fiber.joinAll([committing, writing])
    })
  )
  assert.strictEqual(most, 1)
})
