/**
 * Feeds of changes: followed while others write, given up, gone on with in later sessions.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Queue, Stream } from "effect"
import { Files, MemoryDevice, type Volume } from "../../src/index.ts"
import { bytes, MEBIBYTE } from "./TestVolume.ts"
import { opened, type Service } from "./TransferRun.ts"

const short = (change: Volume.Change): string =>
  "path" in change ? `${change._tag} ${change.path}` : `${change._tag} ${change.table}`

/** All batches since a cursor; who takes `most` of them has not dealt with the last one. */
const until = (service: Service, since: string, most = Infinity) =>
  Effect.map(Stream.runCollect(Stream.take(service.changes({ since, follow: false }), most)), (batches) => ({
    changes: batches.flatMap((batch) => batch.changes.map(short)),
    cursor: batches.at(-1)?.cursor ?? since
  }))

const started = (service: Service) =>
  Effect.map(Stream.runCollect(service.changes({ follow: false })), ([batch]) => batch.cursor)

describe("a feed of changes", () => {
  it.live("tells what is committed while it is followed", () =>
    Effect.gen(function* () {
      const service = yield* opened({ pageSize: 512 })
      const told = yield* Queue.unbounded<Volume.Batch>()
      const following = yield* Effect.forkChild(
        Stream.runForEach(service.changes(), (batch) => Queue.offer(told, batch))
      )
      assert.deepStrictEqual((yield* Queue.take(told)).changes, [])
      yield* Files.writeFile(service, "/a", bytes("a"))
      assert.deepStrictEqual((yield* Queue.take(told)).changes.map(short), ["Added /a"])
      const together = Effect.all([Files.writeFile(service, "/b", bytes("b")), Files.rename(service, "/a", "/c")])
      yield* service.transaction(together)
      assert.deepStrictEqual((yield* Queue.take(told)).changes.map(short).toSorted(), ["Added /b", "Renamed /c"])
      yield* service.table("t").set(bytes("k"), bytes("v"))
      assert.deepStrictEqual((yield* Queue.take(told)).changes.map(short), ["TableAdded t", "EntrySet t"])
      yield* Fiber.interrupt(following)
      assert.deepStrictEqual(yield* service.snapshots.list, [])
      assert.deepStrictEqual((yield* service.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped)
  )

  it.effect("goes on from a cursor in a later session, and keeps no more than it needs", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 8 * MEBIBYTE })
      const session = <A, E>(use: (service: Service) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(opened({ pageSize: 512 }, device), use))
      const first = yield* session(started)
      yield* session((service) => Files.writeFile(service, "/a", bytes("a")))
      const second = yield* session((service) => until(service, first, 1))
      assert.deepStrictEqual(second.changes, ["Added /a"])
      // Nobody has dealt with it: it is told again.
      assert.deepStrictEqual((yield* session((service) => until(service, first, 1))).changes, ["Added /a"])
      yield* session((service) => Files.writeFile(service, "/a", bytes("b")))
      const again = yield* session((service) => until(service, first))
      assert.deepStrictEqual(again.changes, ["Added /a"])
      const third = yield* session((service) => until(service, again.cursor))
      assert.deepStrictEqual(third.changes, [])
      const stale = yield* session((service) => Effect.flip(until(service, first)))
      assert.strictEqual(stale.reason._tag, "HistoryGone")
      yield* session((service) => service.forgetChanges(third.cursor))
      const gone = yield* session((service) => Effect.flip(until(service, third.cursor)))
      assert.strictEqual(gone.reason._tag, "HistoryGone")
      const report = yield* session((service) => service.check({ deep: true }))
      assert.deepStrictEqual(report.problems, [])
      assert.strictEqual(report.snapshotCount, 0)
      assert.strictEqual(report.deadPageCount, 0)
    })
  )

  it.effect("ends with HistoryGone where a rollback went back before it", () =>
    Effect.gen(function* () {
      const service = yield* opened({ pageSize: 512 })
      yield* Files.writeFile(service, "/a", bytes("a"))
      yield* service.snapshots.create("before")
      const cursor = yield* started(service)
      yield* Files.writeFile(service, "/b", bytes("b"))
      // What the feed keeps is nobody's snapshot: it does not stand in the way.
      yield* service.snapshots.rollback("before")
      assert.strictEqual((yield* Effect.flip(until(service, cursor))).reason._tag, "HistoryGone")
      assert.strictEqual((yield* Effect.flip(until(service, "nonsense"))).reason._tag, "HistoryGone")
      const later = yield* started(service)
      yield* service.snapshots.create("after")
      yield* Files.unlink(service, "/a")
      yield* service.snapshots.rollback("after")
      yield* Files.writeFile(service, "/c", bytes("c"))
      assert.deepStrictEqual((yield* until(service, later)).changes, ["Added /c"])
      assert.isTrue(Option.isNone(yield* Stream.runHead(service.diff("after").pipe(Stream.filter(() => false)))))
      assert.deepStrictEqual((yield* service.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped)
  )
})
