/**
 * Streams of which parts are kept on the volume, where the bounds are small.
 */
import { Effect, Stream } from "effect"
import { assert, describe, it, vi } from "vitest"
import { Files } from "../../src/index.ts"
import { bytes, pattern } from "./TestVolume.ts"
import { contentOf, opened } from "./TransferRun.ts"

vi.mock("../../src/core/TransferBounds.ts", () => ({
  transferBounds: { stepBytes: 700, writeBytes: 600, memoryBytes: 1500, keptBytesMin: 1 }
}))

const pair = Effect.gen(function* () {
  const [source, replica] = [yield* opened({ pageSize: 4096 }), yield* opened({ pageSize: 4096 })]
  yield* Files.writeFile(source, "/a", bytes("a"))
  yield* source.snapshots.create("one")
  yield* replica.receive(source.send("one"))
  yield* replica.snapshots.create("own")
  yield* Files.writeFile(source, "/b", pattern(20_000))
  yield* source.snapshots.create("two")
  return { source, replica }
})

describe("a stream that is kept while it arrives", () => {
  it("is received by a volume that took a snapshot of its own meanwhile, which stays", () =>
    Effect.gen(function* () {
      const { replica, source } = yield* pair
      const chunks = yield* Stream.runCollect(source.send("two", { from: "one" }))
      yield* Effect.flip(replica.receive(Stream.fromIterable(chunks.slice(0, -2))))
      assert.isDefined(yield* replica.receiving)
      yield* replica.snapshots.create("with parts of it")
      yield* replica.receive(Stream.fromIterable(chunks))
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      const names = (yield* replica.snapshots.list).map(({ name }) => name)
      assert.deepStrictEqual(names, ["one", "own", "with parts of it", "two"])
      assert.isUndefined(yield* replica.receiving)
      assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped, Effect.runPromise))

  it("is received without any more of it where all frames are kept already", () =>
    Effect.gen(function* () {
      const { replica, source } = yield* pair
      const whole = source.send("two", { from: "one" })
      const frames = (yield* Stream.runCollect(whole)).length - 1
      // The wire breaks behind the last frame, before anybody is told.
      yield* Effect.flip(replica.receive(Stream.concat(whole, Stream.fail("broken"))))
      assert.deepStrictEqual(yield* replica.receiving, { snapshot: "two", frames })
      const rest = yield* Stream.runCollect(source.send("two", { from: "one", after: frames }))
      assert.strictEqual(rest.length, 2, "what says that it is a stream, and which one")
      const received = yield* replica.receive(Stream.fromIterable(rest))
      assert.deepStrictEqual([received.snapshot, received.frames], ["two", frames])
      assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
      assert.isUndefined(yield* replica.receiving)
      assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
    }).pipe(Effect.scoped, Effect.runPromise))
})
