/**
 * A process of its own: `killQueue IMAGE BREAKAGE RUN CALL`. It offers items to a queue on the volume of an image, works on them, and says
 * each thing that it is sure of. Before its device's call of that number it kills itself; without a number it says how many it made.
 */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as VolumePersistedQueue from "../../src/shell/VolumePersistedQueue.ts"

export const ITEMS = 4

/** How the queue is broken, to be caught at it: an item is done when it is taken, or only when the next one is. */
export type Breakage = "Sound" | "DoneFirst" | "DoneLate"

/** A store of which items are done before they are worked on. */
const layerDoneFirst = Layer.effect(
  PersistedQueue.PersistedQueueStore,
  Effect.map(PersistedQueue.PersistedQueueStore, (store) =>
    PersistedQueue.PersistedQueueStore.of({ ...store, take: (options) => Effect.scoped(store.take(options)) })
  )
)

/** A store that calls an item done before that is durable: it waits until somebody takes the next one. */
const layerDoneLate = Layer.effect(
  PersistedQueue.PersistedQueueStore,
  Effect.map(PersistedQueue.PersistedQueueStore, (store) => {
    let last: Scope.Closeable | undefined
    return PersistedQueue.PersistedQueueStore.of({
      ...store,
      take: (options) =>
        Effect.gen(function* () {
          if (last !== undefined) yield* Scope.close(last, Exit.void)
          last = yield* Scope.make()
          return yield* Scope.provide(store.take(options), last)
        })
    })
  })
)

export const queue = PersistedQueue.make({ name: "jobs", schema: Schema.String, maxAttempts: 1000 })

const say = (line: string) => fs.writeSync(1, `${line}\n`)

const main = async (image: string, breakage: Breakage, run: string, last: number): Promise<void> => {
  let calls = 0
  const counted = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      if (calls++ !== last) return call
      process.kill(process.pid, "SIGKILL")
      return Effect.never
    })
  const device = Layer.effect(
    BlockDevice,
    Effect.map(FileDevice.make({ path: image }), (real) =>
      BlockDevice.of({ ...real, write: (ranges) => counted(real.write(ranges)), sync: counted(real.sync) })
    )
  )
  const work = Effect.gen(function* () {
    const jobs = yield* queue
    // What a killed run has left comes first: as many are taken as are offered, so it does not grow.
    for (let i = 0; i < ITEMS; i++) {
      const id = `${run}-${i}`
      yield* jobs.offer(id, { id })
      say(`offered ${id}`)
      const done = yield* jobs.take((job) => Effect.sync(() => (say(`began ${job}`), job)))
      say(`done ${done}`)
    }
  })
  const sound = VolumePersistedQueue.layerStore()
  const stores = {
    Sound: sound,
    DoneFirst: Layer.provide(layerDoneFirst, sound),
    DoneLate: Layer.provide(layerDoneLate, sound)
  }
  await Effect.runPromise(
    work.pipe(
      Effect.provide(
        PersistedQueue.layer.pipe(
          Layer.provide(stores[breakage]),
          Layer.provide(Volume.layer({ format: "never" })),
          Layer.provide(device)
        )
      )
    )
  )
  say(`calls ${calls}`)
}

if (import.meta.filename === process.argv[1]) {
  const [image, breakage, run, call] = process.argv.slice(2)
  await main(image, breakage as Breakage, run, Number(call ?? -1))
}
