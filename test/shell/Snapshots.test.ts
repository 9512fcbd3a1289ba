/**
 * Snapshots through the services: taken, read, removed, gone back to, beside writers and readers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Layer } from "effect"
import * as Pointer from "../../src/core/Pointer.ts"
import { KeyValue, MemoryDevice, Volume, VolumeFileSystem } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"
import type { VolumeError } from "../../src/index.ts"
import { DeviceFailed } from "../../src/shell/DeviceError.ts"
import { bytes, faces, gatedDevice, MEBIBYTE, pattern, text, volume, volumeOn } from "./TestVolume.ts"

const all = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const keys = yield* KeyValue.KeyValue
  const volumeService = yield* Volume.Volume
  return { ...volumeService, fs, keys }
})

/** The faces of a snapshot. */
const ofSnapshot = (name: string) => Layer.fresh(faces.pipe(Layer.provide(Volume.layerSnapshot(name))))

const reading = <A, E>(name: string, effect: Effect.Effect<A, E, FileSystem.FileSystem | KeyValue.KeyValue>) =>
  Effect.provide(effect, ofSnapshot(name))

const content = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))

const tagOf = (effect: Effect.Effect<unknown, VolumeError, never>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

const failedRead = (offset: number) =>
  new DeviceFailed({
    device: "memory",
    operation: "read",
    offset,
    code: "EIO",
    reason: "it cannot be read",
    cause: undefined
  })

const names = (list: ReadonlyArray<Volume.Snapshot>) => list.map(({ name }) => name)

describe("a snapshot", () => {
  it.effect("keeps files, folders and keys as they were", () =>
    Effect.gen(function* () {
      const { fs, keys, snapshots } = yield* all
      const large = pattern(3 * MEBIBYTE)
      yield* fs.makeDirectory("/folder")
      yield* fs.writeFile("/folder/large", large)
      yield* keys.set("key", bytes("before"))
      yield* snapshots.create("first")
      yield* keys.set("key", bytes("after"))
      yield* fs.remove("/folder", { recursive: true })
      yield* fs.writeFileString("/new", "new")
      yield* reading(
        "first",
        Effect.gen(function* () {
          const before = yield* FileSystem.FileSystem
          const keysBefore = yield* KeyValue.KeyValue
          assert.deepStrictEqual((yield* before.readDirectory("/")).toSorted(), ["folder", "key"])
          assert.deepStrictEqual(yield* before.readFile("/folder/large"), large)
          assert.strictEqual(text(yield* keysBefore.get("key")), "before")
          const exit = yield* Effect.exit(before.writeFileString("/no", "no"))
          assert.isTrue(Exit.isFailure(exit))
        })
      )
      assert.strictEqual(text(yield* keys.get("key")), "after")
    }).pipe(Effect.provide(volume()))
  )

  it.effect("that a transaction takes is of what the transaction commits", () =>
    Effect.gen(function* () {
      const { fs, snapshots, transaction } = yield* all
      yield* fs.writeFileString("/file", "before")
      yield* transaction(
        Effect.gen(function* () {
          yield* fs.writeFileString("/file", "in the middle")
          yield* snapshots.create("one")
          yield* fs.writeFileString("/file", "at the end")
          assert.strictEqual(yield* tagOf(snapshots.create("two")), "SnapshotExists")
        })
      )
      yield* fs.writeFileString("/file", "afterwards")
      assert.strictEqual(yield* reading("one", content("/file")), "at the end")
      const failed = transaction(Effect.andThen(snapshots.create("never"), Effect.fail("no")))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(failed)))
      assert.deepStrictEqual(names(yield* snapshots.list), ["one"])
    }).pipe(Effect.provide(volume()))
  )

  it.effect("has none of what commits after it, though it waits in the same group", () =>
    Effect.gen(function* () {
      const { device, gate } = yield* gatedDevice()
      yield* Effect.gen(function* () {
        const { fs, snapshots } = yield* all
        yield* fs.writeFileString("/first", "")
        yield* gate.close
        const writers: Array<Fiber.Fiber<void, unknown>> = []
        const begin = (effect: Effect.Effect<void, unknown>) =>
          Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), (fiber) =>
            Effect.sync(() => writers.push(fiber))
          )
        yield* begin(fs.writeFileString("/in flight", ""))
        yield* begin(fs.writeFileString("/before", ""))
        yield* begin(snapshots.create("middle"))
        yield* begin(fs.writeFileString("/after", ""))
        yield* begin(fs.writeFileString("/in flight", "changed"))
        yield* Effect.yieldNow
        yield* gate.open
        yield* Effect.forEach(writers, Fiber.join)
        const found = yield* reading(
          "middle",
          Effect.flatMap(FileSystem.FileSystem, (before) => before.readDirectory("/"))
        )
        assert.deepStrictEqual(found.toSorted(), ["before", "first", "in flight"])
        assert.strictEqual(yield* reading("middle", content("/in flight")), "")
        assert.strictEqual(yield* fs.readFileString("/in flight"), "changed")
      }).pipe(Effect.provide(volumeOn(device)))
    })
  )

  it.effect("is durable when it was taken, also where transactions are not", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 8 * MEBIBYTE })
      const image = yield* Effect.gen(function* () {
        const { fs, snapshots } = yield* all
        yield* fs.writeFileString("/file", "content")
        yield* snapshots.create("kept")
        return yield* device.image
      }).pipe(Effect.provide(volumeOn(device, { durability: "interval" })))
      const again = yield* MemoryDevice.make({ image })
      yield* Effect.gen(function* () {
        const { snapshots } = yield* all
        const [kept] = yield* snapshots.list
        assert.strictEqual(kept.name, "kept")
        assert.strictEqual(kept.inodeCount, 2)
        assert.strictEqual(yield* reading("kept", content("/file")), "content")
      }).pipe(Effect.provide(volumeOn(again)))
    })
  )

  it.effect("gives back exactly what only it held when it is removed", () =>
    Effect.gen(function* () {
      const { fs, snapshots, statistics } = yield* all
      const write = (seed: number) => fs.writeFile("/file", pattern(MEBIBYTE, seed))
      yield* write(0)
      yield* write(1)
      const before = yield* statistics
      yield* snapshots.create("a")
      yield* write(2)
      yield* snapshots.create("b")
      yield* write(3)
      assert.isBelow((yield* statistics).free, before.free - 2 * MEBIBYTE)
      yield* snapshots.remove("a")
      assert.isBelow((yield* statistics).free, before.free - MEBIBYTE)
      yield* snapshots.remove("b")
      yield* write(4)
      assert.strictEqual((yield* statistics).free, before.free)
      assert.deepStrictEqual(yield* snapshots.list, [])
    }).pipe(Effect.provide(volume()))
  )

  it.effect("stays whole for its readers when it is removed meanwhile", () =>
    Effect.gen(function* () {
      const { fs, snapshots } = yield* all
      const old = pattern(2 * MEBIBYTE, 1)
      yield* fs.writeFile("/file", old)
      yield* snapshots.create("old")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const before = VolumeFileSystem.make(yield* snapshots.open("old"))
          yield* snapshots.remove("old")
          for (let seed = 2; seed < 12; seed++) yield* fs.writeFile("/file", pattern(2 * MEBIBYTE, seed))
          assert.deepStrictEqual(yield* before.readFile("/file"), old)
        })
      )
    }).pipe(Effect.provide(volume(32 * MEBIBYTE, { cacheBytes: 65536 })))
  )

  it.effect("is gone back to, as one transaction", () =>
    Effect.gen(function* () {
      const { check, fs, snapshots, statistics, transaction, view } = yield* all
      yield* fs.writeFile("/file", pattern(100_000, 1))
      yield* fs.makeDirectory("/folder")
      yield* snapshots.create("good")
      const { free } = yield* statistics
      yield* fs.writeFile("/file", pattern(MEBIBYTE, 2))
      yield* snapshots.create("bad")
      yield* fs.remove("/folder", { recursive: true })
      yield* fs.writeFileString("/more", "more")
      const error = yield* Effect.flip(snapshots.rollback("good"))
      assert.deepStrictEqual(error.reason._tag === "NewerSnapshots" ? error.reason.newer : [], ["bad"])
      const undone = transaction(Effect.andThen(snapshots.rollback("good", { discardNewer: true }), Effect.fail("no")))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(undone)))
      assert.strictEqual(yield* fs.readFileString("/more"), "more")
      yield* view(
        Effect.gen(function* () {
          const writer = yield* Effect.forkChild(snapshots.rollback("good", { discardNewer: true }))
          yield* Effect.yieldNow
          assert.strictEqual(yield* fs.readFileString("/more"), "more")
          yield* Effect.exit(Fiber.join(writer))
          assert.strictEqual(yield* fs.readFileString("/more"), "more")
        })
      )
      yield* snapshots.rollback("good", { discardNewer: true })
      assert.deepStrictEqual(yield* fs.readFile("/file"), pattern(100_000, 1))
      assert.deepStrictEqual((yield* fs.readDirectory("/")).toSorted(), ["file", "folder"])
      assert.deepStrictEqual(names(yield* snapshots.list), ["good"])
      // What notes the rollback takes a page.
      assert.isAtLeast((yield* statistics).free, free - 3 * 4096)
      yield* fs.writeFileString("/more", "again")
      yield* snapshots.rollback("good")
      assert.deepStrictEqual((yield* fs.readDirectory("/")).toSorted(), ["file", "folder"])
      assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
    }).pipe(Effect.provide(volume()))
  )

  it.effect("is refused with what was wrong, and nothing is done", () =>
    Effect.gen(function* () {
      const { snapshots } = yield* all
      yield* snapshots.create("there")
      for (const [effect, tag] of [
        [snapshots.create("there"), "SnapshotExists"],
        [snapshots.create(""), "InvalidName"],
        [snapshots.create("a/b"), "InvalidName"],
        [snapshots.create("x".repeat(256)), "NameTooLong"],
        [snapshots.remove("not there"), "SnapshotNotFound"],
        [snapshots.rollback("not there"), "SnapshotNotFound"],
        [Effect.scoped(snapshots.open("not there")), "SnapshotNotFound"]
      ] as const) {
        assert.strictEqual(yield* tagOf(effect), tag)
      }
      assert.deepStrictEqual(names(yield* snapshots.list), ["there"])
    }).pipe(Effect.provide(volume()))
  )
})

describe("a rollback", () => {
  it.effect("leaks nothing where the draft is written early between its steps", () =>
    Effect.gen(function* () {
      const { check, fs, snapshots, transaction } = yield* all
      // The list of the older one stays, and is changed between the steps.
      yield* snapshots.create("older")
      yield* fs.writeFileString("/file", "before")
      yield* snapshots.create("good")
      yield* fs.writeFileString("/file", "after")
      yield* transaction(
        Effect.gen(function* () {
          yield* fs.writeFileString("/file", "in between")
          yield* snapshots.rollback("good")
          yield* fs.writeFileString("/file", "at the end")
        })
      )
      assert.strictEqual(yield* fs.readFileString("/file"), "at the end")
      assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
    }).pipe(Effect.provide(volume(MEBIBYTE, { dirtyBytes: 4096 })))
  )
})

describe("by interval, a transaction that takes a snapshot", () => {
  it.effect("leaves nothing behind when its commit cannot be planned", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: MEBIBYTE })
      let unreadable = -1
      const failing: typeof device = {
        ...device,
        read: (ranges) =>
          ranges.some(({ offset }) => offset === unreadable) ? Effect.fail(failedRead(unreadable)) : device.read(ranges)
      }
      yield* Effect.gen(function* () {
        const { facts, fs, read, snapshots, sync, transaction } = yield* all
        for (const path of ["/a", "/b", "/c"]) yield* fs.writeFile(path, pattern(10_000))
        yield* snapshots.create("one")
        yield* fs.writeFileString("/a", "on a list")
        yield* sync
        // The plan is the first to ask for the deadlists.
        const lists = yield* read((_pages, { deadlists }) => Pointer.address(facts.layout, deadlists.link, 0))
        unreadable = lists * facts.layout.pageBytes
        const both = transaction(Effect.andThen(fs.writeFileString("/b", "with it"), snapshots.create("two")))
        assert.strictEqual((yield* Effect.flip(both))._tag, "VolumeError")
        yield* fs.writeFileString("/c", "by itself")
        assert.strictEqual(yield* tagOf(snapshots.create("two")), "DeviceFailed")
        unreadable = -1
        yield* fs.writeFileString("/later", "later")
        yield* sync
        assert.deepStrictEqual(names(yield* snapshots.list), ["one"])
        assert.deepStrictEqual(yield* fs.readFile("/b"), pattern(10_000))
        assert.strictEqual(yield* fs.readFileString("/c"), "by itself")
        assert.strictEqual(yield* fs.readFileString("/later"), "later")
      }).pipe(Effect.provide(volumeOn(failing, { durability: "interval", cacheBytes: 0 })))
    })
  )

  it.effect("is not seen before the snapshot is", () =>
    Effect.gen(function* () {
      const { device, gate } = yield* gatedDevice()
      yield* Effect.gen(function* () {
        const { fs, snapshots, sync, transaction } = yield* all
        yield* fs.writeFileString("/file", "")
        yield* sync
        yield* fs.writeFileString("/file", "before")
        yield* gate.close
        const syncing = yield* Effect.forkChild(sync, { startImmediately: true })
        const both = transaction(Effect.andThen(fs.writeFileString("/file", "after"), snapshots.create("one")))
        const writer = yield* Effect.forkChild(both, { startImmediately: true })
        for (let turns = 0; turns < 20; turns++) yield* Effect.yieldNow
        const seen = yield* fs.readFileString("/file")
        yield* gate.open
        assert.strictEqual(seen, "before")
        yield* Fiber.join(syncing)
        yield* Fiber.join(writer)
        assert.strictEqual(yield* fs.readFileString("/file"), "after")
        assert.deepStrictEqual(names(yield* snapshots.list), ["one"])
      }).pipe(Effect.provide(volumeOn(device, { durability: "interval" })))
    })
  )
})

describe("on a full volume, by interval", () => {
  it.effect("snapshots are removed, whatever waits for a commit", () =>
    Effect.gen(function* () {
      let removed = 0
      for (let seed = 0; seed < 150; seed++) {
        const random = new Random(seed)
        yield* Effect.gen(function* () {
          const { check, fs, snapshots } = yield* all
          const full: Array<string> = []
          for (let step = 0; full.length < 20; step++) {
            const path = `/f${random.below(9)}`
            const work: Effect.Effect<unknown, { readonly message: string }> = random.chance(0.15)
              ? snapshots.create(`${step}`)
              : random.chance(0.3)
                ? fs.remove(path, { force: true })
                : fs.writeFile(path, pattern(random.below(1600), step))
            yield* Effect.catch(work, ({ message }) => Effect.sync(() => full.push(message)))
          }
          assert.isTrue(full.every((message) => message.includes("is full")))
          const left = [...(yield* snapshots.list)]
          while (left.length > 0) {
            const [{ name }] = left.splice(random.below(left.length), 1)
            // What waits has room by itself, but not with the removal.
            if (random.chance(0.7)) yield* Effect.ignore(fs.remove(`/f${random.below(9)}`))
            if (random.chance(0.3)) yield* Effect.ignore(fs.rename(`/f${random.below(9)}`, `/f${random.below(9)}`))
            yield* snapshots.remove(name)
            removed++
          }
          assert.deepStrictEqual((yield* check({ deep: true })).problems, [])
        }).pipe(Effect.provide(volume((64 + random.below(40)) * 512, { pageSize: 512, durability: "interval" })))
      }
      assert.isAbove(removed, 150)
    })
  )
})
