/**
 * A service of keys and values on a disk of its own, `hello.notafs` or what it is given: the first start formats the disk, and each
 * later one is greeted.
 */
import { Effect, Layer } from "effect"
import { KeyValue, Volume } from "notafs"
import { FileDevice } from "notafs/node"

const [path = "hello.notafs"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const keys = yield* KeyValue.KeyValue
  const isKnown = yield* keys.exists("starts")
  if (isKnown === undefined) yield* keys.set("starts", new TextEncoder().encode("0"))
  const starts = Number(new TextDecoder().decode(yield* keys.get("starts"))) + 1
  yield* keys.set("starts", new TextEncoder().encode(String(starts)))
  return starts === 1 ? "The disk was blank. It is formatted now." : `Hello again! This is start ${starts}.`
})

const layer = KeyValue.layer.pipe(
  Layer.provide(Volume.layer()),
  Layer.provide(FileDevice.layer({ path, size: 16 * 1024 * 1024 }))
)
console.log(await Effect.runPromise(Effect.provide(program, layer)))
