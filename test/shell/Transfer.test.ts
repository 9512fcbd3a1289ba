/**
 * Snapshots that are sent and received: what a replica comes to, and what is refused.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { VolumeError } from "../../src/index.ts"
import { Files, MemoryDevice, type Volume } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"
import { bytes, MEBIBYTE, pattern } from "./TestVolume.ts"
import * as TransferRun from "./TransferRun.ts"

const { contentOf, opened, shipped } = TransferRun

const pair = Effect.gen(function* () {
  return [yield* opened({ pageSize: 4096 }), yield* opened({ pageSize: 4096 })] as const
})

const tagOf = <A>(effect: Effect.Effect<A, VolumeError>) => Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

describe("a snapshot that is sent", () => {
  it.effect("is received with all that it has, and by increments", () =>
    Effect.gen(function* () {
      const [source, replica] = yield* pair
      yield* Files.makeFolder(source, "/docs")
      yield* Files.writeFile(source, "/docs/a", bytes("a"))
      yield* Files.writeFile(source, "/large", pattern(3 * MEBIBYTE))
      yield* Files.truncate(source, "/sparse", 0).pipe(Effect.ignore)
      yield* Files.create(source, "/sparse")
      yield* Files.truncate(source, "/sparse", 10 * MEBIBYTE)
      yield* Files.write(source, "/sparse", 5 * MEBIBYTE, bytes("middle"))
      yield* Files.symlink(source, "/docs/a", "/link")
      yield* Files.link(source, "/docs/a", "/hard")
      yield* Files.setAttribute(source, "/docs", "user.tag", bytes("tag"))
      yield* source.table("users").set(bytes("k"), bytes("v"))
      yield* source.table("users").set(bytes("long"), pattern(200_000))
      yield* source.snapshots.create("one")
      const first = yield* shipped(source, replica, "one")
      assert.deepInclude(first, { snapshot: "one", wasThere: false })
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      yield* Files.write(source, "/large", MEBIBYTE, bytes("changed"))
      yield* Files.truncate(source, "/sparse", 6 * MEBIBYTE)
      yield* Files.removeTree(source, "/docs")
      yield* Files.rename(source, "/hard", "/soft")
      yield* source.table("users").remove(bytes("long"))
      yield* source.table("other").set(bytes(""), bytes("empty key"))
      yield* source.snapshots.create("two")
      const second = yield* shipped(source, replica, "two", { from: "one" })
      assert.isBelow(second.bytes, 200_000)
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      assert.deepStrictEqual(
        (yield* replica.snapshots.list).map(({ id, name }) => ({ id, name })),
        (yield* source.snapshots.list).map(({ id, name }) => ({ id, name }))
      )
      assert.deepInclude(yield* shipped(source, replica, "two", { from: "one" }), { wasThere: true })
      for (const volume of [source, replica]) {
        assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is received by a volume with other pages", () =>
    Effect.gen(function* () {
      const source = yield* opened({ pageSize: 4096 })
      const replica = yield* opened({ pageSize: 512, checksum: "sha256" })
      yield* Files.writeFile(source, "/inline", pattern(1200))
      yield* Files.writeFile(source, "/rope", pattern(100_000))
      yield* source.table("t").set(bytes("k"), pattern(1000))
      yield* source.snapshots.create("one")
      yield* shipped(source, replica, "one")
      yield* Files.write(source, "/inline", 100, bytes("x"))
      yield* Files.write(source, "/rope", 50_000, bytes("x"))
      yield* source.snapshots.create("two")
      yield* shipped(source, replica, "two", { from: "one" })
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      yield* Files.setAttribute(source, "/rope", "user.long", pattern(3000))
      yield* source.snapshots.create("three")
      const before = yield* contentOf(replica)
      assert.strictEqual(yield* tagOf(shipped(source, replica, "three", { from: "two" })), "BadStream")
      assert.deepStrictEqual(yield* contentOf(replica), before)
      assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped)
  )

  it.effect("is refused by a volume that has diverged, unless it is forced", () =>
    Effect.gen(function* () {
      const [source, replica] = yield* pair
      yield* Files.writeFile(source, "/a", bytes("a"))
      yield* source.snapshots.create("one")
      yield* Files.writeFile(replica, "/own", bytes("own"))
      yield* replica.snapshots.create("mine")
      assert.strictEqual(yield* tagOf(shipped(source, replica, "one")), "Diverged")
      yield* shipped(source, replica, "one", {}, { force: true })
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      yield* Files.writeFile(source, "/a", bytes("b"))
      yield* source.snapshots.create("two")
      yield* Files.writeFile(replica, "/own", bytes("again"))
      assert.strictEqual(yield* tagOf(shipped(source, replica, "two", { from: "one" })), "Diverged")
      yield* replica.snapshots.create("newer")
      yield* shipped(source, replica, "two", { from: "one" }, { force: true })
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      const names = (yield* replica.snapshots.list).map(({ name }) => name)
      assert.deepStrictEqual(names, ["mine", "one", "two"])
      const other = yield* opened({ pageSize: 4096 })
      assert.strictEqual(yield* tagOf(shipped(source, other, "two", { from: "one" })), "BaseMissing")
      yield* replica.snapshots.rollback("one", { discardNewer: true })
      yield* replica.snapshots.create("two")
      assert.strictEqual(yield* tagOf(shipped(source, replica, "two", { from: "one" })), "SnapshotExists")
      assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped)
  )

  it.effect("is refused if anything of it is cut off, altered, left out or out of order", () =>
    Effect.gen(function* () {
      const [source, replica] = yield* pair
      yield* Files.writeFile(source, "/a", pattern(900_000))
      yield* Files.writeFile(source, "/b", bytes("b"))
      yield* source.snapshots.create("one")
      const chunks = yield* Stream.runCollect(source.send("one"))
      const whole = Buffer.concat(chunks)
      const before = yield* contentOf(replica)
      const refused = (parts: ReadonlyArray<Uint8Array>) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(replica.receive(Stream.fromIterable(parts))), "BadStream")
          assert.deepStrictEqual(yield* contentOf(replica), before)
        })
      const random = new Random(5)
      yield* refused([])
      yield* refused([bytes("something else that is long enough")])
      for (let i = 0; i < 30; i++) yield* refused([whole.subarray(0, random.below(whole.length))])
      for (let i = 0; i < 30; i++) {
        const altered = Uint8Array.from(whole)
        altered[random.below(whole.length)] ^= 1 << random.below(8)
        yield* refused([altered])
      }
      for (let i = 1; i < chunks.length; i++) {
        yield* refused(chunks.filter((_, at) => at !== i))
        if (i + 1 < chunks.length) yield* refused(chunks.with(i, chunks[i + 1]).with(i + 1, chunks[i]))
      }
      yield* refused([...chunks, bytes("more")])
      // In pieces of any size it is the same.
      const pieces: Array<Uint8Array> = []
      for (let at = 0; at < whole.length;) {
        const count = 1 + random.below(100_000)
        pieces.push(whole.subarray(at, at + count))
        at += count
      }
      yield* replica.receive(Stream.fromIterable(pieces))
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
    }).pipe(Effect.scoped)
  )

  it.effect("goes on where it broke off, in another session too", () =>
    Effect.gen(function* () {
      const source = yield* opened({ pageSize: 4096 }, 64 * MEBIBYTE)
      yield* Files.writeFile(source, "/large", pattern(20 * MEBIBYTE))
      yield* source.snapshots.create("one")
      const device = yield* MemoryDevice.make({ size: 64 * MEBIBYTE })
      const chunks = yield* Stream.runCollect(source.send("one"))
      const half = Math.floor(chunks.length / 2)
      const session = <A, E>(use: (volume: Volume.Volume["Service"]) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(opened({ pageSize: 4096 }, device), use))
      yield* session((volume) => Effect.exit(volume.receive(Stream.fromIterable(chunks.slice(0, half)))))
      const begun = yield* session((volume) => volume.receiving)
      assert(begun !== undefined)
      assert.strictEqual(begun.snapshot, "one")
      assert.isAbove(begun.frames, half / 2)
      const rest = yield* Stream.runCollect(source.send("one", { after: begun.frames }))
      assert.isBelow(rest.length, chunks.length - half + 10)
      const replica = yield* opened({ pageSize: 4096 }, device)
      assert.deepStrictEqual((yield* Files.readFolder(replica, "/")).length, 0)
      assert.deepStrictEqual(yield* replica.tables, [])
      assert.deepInclude(yield* replica.receive(Stream.fromIterable(rest)), { snapshot: "one" })
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      assert.isUndefined(yield* replica.receiving)
      assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
      // Sent again from the beginning it goes on as well; another stream gives up what is there.
      yield* Files.writeFile(source, "/large", pattern(21 * MEBIBYTE, 3))
      yield* source.snapshots.create("two")
      const more = yield* Stream.runCollect(source.send("two", { from: "one" }))
      yield* Effect.exit(replica.receive(Stream.fromIterable(more.slice(0, half))))
      assert.isDefined(yield* replica.receiving)
      const { free } = yield* replica.statistics
      yield* replica.abandonReceiving
      assert.isUndefined(yield* replica.receiving)
      assert.isAbove((yield* replica.statistics).free, free)
      yield* Effect.exit(replica.receive(Stream.fromIterable(more.slice(0, half))))
      assert.isDefined(yield* replica.receiving)
      yield* replica.receive(Stream.fromIterable(more))
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped)
  )
})
