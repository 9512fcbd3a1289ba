/**
 * A counter that survives every restart: it counts on the disk `counter.notafs`, or what it is given, and says each number when it is
 * durable. Kill it however you like, and start it again: it goes on.
 */
import { Effect, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Volume, VolumeKeyValueStore } from "notafs"
import { FileDevice } from "notafs/node"

const [path = "counter.notafs"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const store = yield* KeyValueStore.KeyValueStore
  if (!(yield* store.has("count"))) yield* store.set("count", "0")
  const count = Effect.tap(
    store.modify("count", (text) => String(Number(text) + 1)),
    (text) => Effect.sync(() => console.log(text))
  )
  return yield* Effect.forever(Effect.andThen(count, Effect.sleep("10 millis")))
})

const layer = VolumeKeyValueStore.layer().pipe(
  Layer.provide(Volume.layer()),
  Layer.provide(FileDevice.layer({ path, size: 16 * 1024 * 1024 }))
)
await Effect.runPromise(Effect.provide(program, layer))
