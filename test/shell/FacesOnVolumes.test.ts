/**
 * Two volumes in one program: a face is on the volume that it was provided with, also where it is provided within another of its kind.
 * Effect builds a layer once for all that is provided around it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Persistence from "effect/persistence/Persistence"
import * as Schema from "effect/Schema"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as KeyValue from "../../src/shell/KeyValue.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as VolumeFileSystem from "../../src/shell/VolumeFileSystem.ts"
import * as VolumeKeyValueStore from "../../src/shell/VolumeKeyValueStore.ts"
import * as VolumePersistedQueue from "../../src/shell/VolumePersistedQueue.ts"
import * as VolumePersistence from "../../src/shell/VolumePersistence.ts"
import { MEBIBYTE } from "./TestVolume.ts"

const open = Effect.flatMap(MemoryDevice.make({ size: 8 * MEBIBYTE }), (device) =>
  Effect.provideService(Volume.open(), BlockDevice, device)
)

class One extends Persistable.Class()("One", { primaryKey: () => "one", success: Schema.Number }) {}

/** Writes through the face, by a name that is the same on both volumes. */
const faces: Record<string, Effect.Effect<unknown, unknown, Volume.Volume>> = {
  FileSystem: Effect.provide(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString("/a", "1", { flag: "wx" })),
    VolumeFileSystem.layer
  ),
  KeyValue: Effect.provide(
    Effect.flatMap(KeyValue.KeyValue, (keys) => keys.set("a", new Uint8Array(1))),
    KeyValue.layer
  ),
  KeyValueStore: Effect.provide(
    Effect.flatMap(KeyValueStore.KeyValueStore, (store) => store.set("a", "1")),
    VolumeKeyValueStore.layer()
  ),
  Persistence: Effect.provide(
    Effect.scoped(
      Effect.flatMap(Persistence.Persistence, (persistence) =>
        Effect.flatMap(persistence.make({ storeId: "a" }), (store) => store.set(new One(), Exit.succeed(1)))
      )
    ),
    VolumePersistence.layer()
  ),
  PersistedQueue: Effect.provide(
    Effect.flatMap(PersistedQueue.make({ name: "a", schema: Schema.String }), (queue) => queue.offer("1")),
    VolumePersistedQueue.layer()
  )
}

const outer = Layer.mergeAll(
  VolumeFileSystem.layer,
  KeyValue.layer,
  VolumeKeyValueStore.layer(),
  VolumePersistence.layer(),
  VolumePersistedQueue.layer()
)

describe("faces on two volumes", () => {
  for (const [name, use] of Object.entries(faces)) {
    it.effect(`${name} writes to its own`, () =>
      Effect.gen(function* () {
        const [first, second] = [yield* open, yield* open]
        const [before, beforeSecond] = [yield* first.receipt, yield* second.receipt]
        yield* Effect.provide(
          Effect.provideService(use, Volume.Volume, second),
          Layer.provide(outer, Layer.succeed(Volume.Volume, first))
        )
        assert.deepStrictEqual(yield* first.receipt, before)
        assert.notDeepEqual(yield* second.receipt, beforeSecond)
        for (const volume of [first, second]) assert.strictEqual((yield* volume.check({ deep: true })).problemCount, 0)
      })
    )
  }
})
