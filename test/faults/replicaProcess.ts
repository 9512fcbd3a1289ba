/**
 * One side of a pair of real volumes, in a process that may be killed at any time.
 *
 *     node replicaProcess.ts change IMAGE NAME SEED      changes of that seed, and then the snapshot NAME
 *     node replicaProcess.ts send IMAGE NAME FROM AFTER  the snapshot to standard output; FROM may be empty
 *     node replicaProcess.ts receive IMAGE FORCE         from standard input; FORCE is `force` or nothing
 *
 * It tells its parent when the volume is open, and when what it was to do is durable.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { Files } from "../../src/index.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { Random } from "../../src/testing/Random.ts"
import * as ReplicaChanges from "../simulation/ReplicaChanges.ts"

/** What a process tells. */
export type News = "open" | "done"

const tell = (news: News) => Effect.sync(() => void process.send?.(news))

/** More than a receiver keeps in memory. */
const LARGE_BYTES = 12 * 1024 * 1024

const change = (volume: Volume.Volume["Service"], name: string, seed: number) =>
  Effect.gen(function* () {
    const random = new Random(seed)
    for (let i = 0; i < 8; i++) yield* ReplicaChanges.make(volume, random, { bytesMax: 300_000 })
    if (random.chance(0.4)) yield* Effect.ignore(Files.writeFile(volume, "/large", random.bytes(LARGE_BYTES)))
    yield* volume.snapshots.create(name)
  })

const written = (chunk: Uint8Array) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(chunk, () => resume(Effect.void))
  })

const main = async ([role, image, ...rest]: ReadonlyArray<string>): Promise<void> => {
  const use = Effect.gen(function* () {
    const volume = yield* Volume.Volume
    yield* tell("open")
    const [name, from, after] = rest
    if (role === "change") yield* change(volume, name, Number(from))
    else if (role === "send") {
      const stream = volume.send(name, { from: from === "" ? undefined : from, after: Number(after) })
      yield* Stream.runForEach(stream, written)
    } else {
      const input = Stream.fromAsyncIterable(
        process.stdin as AsyncIterable<Uint8Array>,
        (cause) => new Error(`${cause}`)
      )
      yield* volume.receive(input, { force: name === "force" })
    }
    yield* tell("done")
  })
  const layer = Layer.provide(Volume.layer({ format: "never" }), FileDevice.layer({ path: image }))
  await Effect.runPromise(Effect.provide(use, [layer, Logger.layer([])]))
  process.disconnect?.()
}

// A receiver that is gone is no news here.
process.stdout.on("error", () => process.exit(1))

await main(process.argv.slice(2)).catch(() => process.exit(1))
