/**
 * Rollback on failure: an order that cannot be filled leaves nothing behind, in files and tables alike. A transaction inside
 * another one is undone alone.
 */
import { deepStrictEqual } from "node:assert"
import { Console, Data, Effect, FileSystem, Layer, Schema } from "effect"
import { MemoryDevice, Table, TableKey, Volume, VolumeFileSystem } from "notafs"

class SoldOut extends Data.TaggedError("SoldOut")<{ readonly item: string }> {}

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  const stock = Table.typed(volume.table("stock"), { key: TableKey.string, value: Schema.Int })
  const inStock = Effect.all({ tea: stock.get("tea"), cake: stock.get("cake") })

  const take = Effect.fnUntraced(function* (item: string) {
    const left = (yield* stock.get(item)) ?? 0
    yield* stock.set(item, left - 1)
    yield* fs.writeFileString("/journal", `${item} `, { flag: "a" })
    if (left === 0) return yield* new SoldOut({ item })
  })
  yield* stock.set("tea", 3)
  yield* stock.set("cake", 0)

  // All or nothing: the tea goes back.
  yield* volume
    .transaction(Effect.andThen(take("tea"), take("cake")))
    .pipe(Effect.catchTag("SoldOut", ({ item }) => Console.log(`An order failed, since there is no ${item}.`)))
  deepStrictEqual(yield* inStock, { tea: 3, cake: 0 })
  deepStrictEqual(yield* fs.readDirectory("/"), [])
  console.log("Nothing of it is left.")

  // As much as there is: what fails is undone, the rest goes on.
  const items = ["tea", "cake", "tea"]
  yield* volume.transaction(Effect.forEach(items, (item) => Effect.exit(volume.transaction(take(item)))))
  deepStrictEqual(yield* inStock, { tea: 1, cake: 0 })
  console.log(`Another took what there was: ${yield* fs.readFileString("/journal")}`)
})

const layer = VolumeFileSystem.layer.pipe(
  Layer.provideMerge(Volume.layer()),
  Layer.provide(MemoryDevice.layer({ size: 16 * 1024 * 1024 }))
)
await Effect.runPromise(Effect.provide(program, layer))
