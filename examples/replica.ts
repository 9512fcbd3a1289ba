/**
 * A replica: a second volume that gets each snapshot of the first, of which only what has changed goes over.
 */
import { deepStrictEqual, ok } from "node:assert"
import { Effect, Stream } from "effect"
import { BlockDevice, Files, MemoryDevice, Volume } from "notafs"

const COUNT = 200

/** A volume; for one in a file take `FileDevice` of "notafs/node". */
const open = Effect.flatMap(MemoryDevice.make({ size: 16 * 1024 * 1024 }), (device) =>
  Effect.provideService(Volume.open(), BlockDevice, device)
)

const program = Effect.gen(function* () {
  const [source, replica] = [yield* open, yield* open]
  const write = (file: number, text: string) => Files.writeFile(source, `/${file}`, new TextEncoder().encode(text))
  const ship = (name: string, from?: string) => replica.receive(source.send(name, { from }))

  yield* source.transaction(Effect.forEach(Array.from({ length: COUNT }).keys(), (file) => write(file, "as it was")))
  yield* source.snapshots.create("monday")
  const whole = yield* ship("monday")
  console.log(`Sent monday: ${COUNT} files.`)

  yield* write(42, "as it is now")
  yield* source.snapshots.create("tuesday")
  const changes = yield* Stream.runCollect(source.diff("monday", "tuesday"))
  const more = yield* ship("tuesday", "monday")
  ok(more.bytes < whole.bytes / 20)
  console.log(`Sent tuesday: ${changes.map((change) => ("path" in change ? change.path : change.table)).join(" ")}.`)

  const content = (volume: Volume.Interface) =>
    Effect.forEach(Array.from({ length: COUNT }).keys(), (file) => Files.readFile(volume, `/${file}`))
  deepStrictEqual(yield* content(replica), yield* content(source))
  const names = (yield* replica.snapshots.list).map(({ name }) => name)
  deepStrictEqual(names, ["monday", "tuesday"])
  console.log(`The replica has ${names.join(" and ")}, and all files are the same.`)
})

await Effect.runPromise(Effect.scoped(program))
