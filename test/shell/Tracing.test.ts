/**
 * Spans on the operations of services: seen by a tracer that somebody installs, and made for nobody else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Tracer } from "effect"
import { KeyValue, Volume } from "../../src/index.ts"
import { bytes, volume } from "./TestVolume.ts"

/** A tracer that keeps what it is asked for. */
const collecting = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

const work = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const keys = yield* KeyValue.KeyValue
  const { commit, sync } = yield* Volume.Volume
  yield* commit(fs.writeFileString("/a", "a"))
  yield* keys.set("k", bytes("v"))
  yield* sync
  yield* Effect.ignore(fs.readFile("/missing"))
})

describe("Tracing", () => {
  it.effect("gives operations spans, with what they were about and how they ended", () =>
    Effect.gen(function* () {
      const { spans, tracer } = collecting()
      yield* Effect.provideService(work, Tracer.Tracer, tracer)
      const told = spans.map((span) => {
        const { exit } = span.status as { exit: { _tag: string } }
        const above = Option.map(span.parent, (parent) => (parent._tag === "Span" ? parent.name : ""))
        return [span.name, Option.getOrUndefined(above), Object.fromEntries(span.attributes), exit._tag]
      })
      assert.deepStrictEqual(told, [
        ["Volume.commit", undefined, {}, "Success"],
        ["VolumeFileSystem.writeFileString", "Volume.commit", { path: "/a" }, "Success"],
        ["KeyValue.set", undefined, { key: "k" }, "Success"],
        ["Volume.sync", undefined, {}, "Success"],
        ["VolumeFileSystem.readFile", undefined, { path: "/missing" }, "Failure"]
      ])
    }).pipe(Effect.provide(volume()))
  )

  it.effect("makes no span where nobody traces", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { transaction } = yield* Volume.Volume
      yield* work
      const inside = Effect.map(Effect.option(Effect.currentSpan), Option.isSome)
      assert.isFalse(yield* transaction(inside))
      assert.strictEqual(yield* fs.readFileString("/a"), "a")
    }).pipe(Effect.provide(volume()))
  )
})
