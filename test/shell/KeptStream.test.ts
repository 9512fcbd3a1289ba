/**
 * Streams of which parts are kept on the volume, where the bounds are small.
 */
import { Effect, Stream } from "effect"
import { assert, describe, it, vi } from "vitest"
import { Files } from "../../src/index.ts"
import { bytes, pattern } from "./TestVolume.ts"
import { contentOf, opened } from "./TransferRun.ts"

vi.mock("../../src/core/TransferBounds.ts", () => ({
  STEP_BYTES: 700,
  WRITE_BYTES: 600,
  MEMORY_BYTES: 1500,
  KEPT_BYTES_MIN: 1
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
})
