/**
 * A process of its own: `killQueue IMAGE RUN CALL`. It offers items to a queue on the volume of an image, works on them, and says
 * each thing that it is sure of. Before its device's call of that number it kills itself; without a number it says how many it made.
 */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as VolumePersistedQueue from "../../src/shell/VolumePersistedQueue.ts"

export const ITEMS = 4

export const queue = PersistedQueue.make({ name: "jobs", schema: Schema.String, maxAttempts: 1000 })

const say = (line: string) => fs.writeSync(1, `${line}\n`)

const main = async (image: string, run: string, last: number): Promise<void> => {
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
  await Effect.runPromise(
    work.pipe(
      Effect.provide(
        VolumePersistedQueue.layer().pipe(Layer.provide(Volume.layer({ format: "never" })), Layer.provide(device))
      )
    )
  )
  say(`calls ${calls}`)
}

if (import.meta.filename === process.argv[1]) {
  const [image, run, call] = process.argv.slice(2)
  await main(image, run, Number(call ?? -1))
}
