/**
 * Streams that verify and ask for anything: they are received or refused, and what is refused has changed nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Exit from "effect/Exit"
import * as Transfer from "../../src/core/Transfer.ts"
import { Files, MemoryDevice } from "../../src/index.ts"
import * as Hashes from "../../src/shell/Hashes.ts"
import { VolumeError } from "../../src/shell/VolumeError.ts"
import { Random } from "../../src/testing/Random.ts"
import * as TransferRecords from "../core/TransferRecords.ts"
import { bytes, MEBIBYTE, pattern } from "./TestVolume.ts"
import { contentOf, opened, type Service } from "./TransferRun.ts"

const STREAMS = 150

/** The frames of a stream from their chunks, of which the first one is the magic. */
const recordsOf = (chunks: ReadonlyArray<Uint8Array>): ReadonlyArray<Transfer.Record> =>
  chunks.slice(1).flatMap((frame) => Transfer.records(frame) ?? [])

const fill = Effect.fnUntraced(function* (volume: Service) {
  yield* Files.makeFolder(volume, "/folder")
  yield* Files.writeFile(volume, "/folder/short", bytes("short"))
  yield* Files.writeFile(volume, "/long", pattern(30_000))
  yield* Files.symlink(volume, "/long", "/link")
  yield* volume.table("t").set(bytes("k"), pattern(4000))
  yield* volume.snapshots.create("one")
})

const changed = Effect.fnUntraced(function* (volume: Service) {
  yield* Files.write(volume, "/long", 9000, bytes("here"))
  yield* Files.rename(volume, "/folder/short", "/short")
  yield* Files.writeFile(volume, "/new", pattern(9000, 3))
  yield* volume.table("t").set(bytes("l"), bytes("more"))
  yield* volume.snapshots.create("two")
})

describe("a stream that verifies and makes no sense", () => {
  it.live("is received or refused, and then nothing has changed", () =>
    Effect.gen(function* () {
      const { xxh64 } = yield* Hashes.load
      const source = yield* opened({ pageSize: 512 }, 8 * MEBIBYTE)
      yield* fill(source)
      const whole = yield* Stream.runCollect(source.send("one"))
      yield* changed(source)
      const sent = recordsOf(yield* Stream.runCollect(source.send("two", { from: "one" })))
      const outcomes: Record<string, number> = {}
      for (let seed = 1; seed <= STREAMS; seed++) {
        const random = new Random(seed)
        const replica = yield* opened({ pageSize: 512 }, yield* MemoryDevice.make({ size: 8 * MEBIBYTE }))
        yield* replica.receive(Stream.fromIterable(whole))
        const before = yield* contentOf(replica)
        const records = [...sent.slice(0, 1), ...TransferRecords.spoiled(random, sent.slice(1))]
        const frames: Array<Uint8Array> = []
        for (let at = 0; at < records.length;) {
          const count = 1 + random.below(8)
          const digest = frames.length === 0 ? Transfer.MAGIC : Transfer.digestOf(frames[frames.length - 1])
          frames.push(
            Transfer.frame(xxh64, digest, frames.length === 0 ? records.slice(0, 1) : records.slice(at, at + count))
          )
          at += frames.length === 1 ? 1 : count
        }
        const exit = yield* Effect.exit(replica.receive(Stream.fromIterable([Transfer.MAGIC, ...frames])))
        if (Exit.isSuccess(exit)) outcomes["received"] = (outcomes["received"] ?? 0) + 1
        else {
          const error = yield* Effect.flip(exit)
          assert.instanceOf(error, VolumeError)
          const { _tag: tag } = error.reason
          outcomes[tag] = (outcomes[tag] ?? 0) + 1
          assert.deepStrictEqual(yield* contentOf(replica), before)
          assert.deepStrictEqual((yield* replica.check({ deep: true })).problems, [])
          // What was meant is received after it.
          if (seed % 10 === 0) {
            yield* replica.receive(source.send("two", { from: "one" }))
            assert.deepStrictEqual(yield* contentOf(replica), yield* contentOf(source))
          }
        }
      }
      assert.deepStrictEqual(Object.keys(outcomes).toSorted(), ["BadStream", "received"])
      assert.isAbove(outcomes["BadStream"], STREAMS / 2)
    }).pipe(Effect.scoped)
  )
})
