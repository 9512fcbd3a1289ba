/**
 * A service and its tests: what it promises holds in memory, in a file, and on a device that fails. A test swaps one layer.
 */
import { deepStrictEqual, strictEqual } from "node:assert"
import { Context, Effect, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { BlockDevice, DeviceFailed, MemoryDevice, Volume, VolumeKeyValueStore } from "notafs"
import { FileDevice } from "notafs/node"

const size = 16 * 1024 * 1024

// ---- the service

class Wallets extends Context.Service<
  Wallets,
  {
    readonly balances: Effect.Effect<ReadonlyArray<number>, KeyValueStore.KeyValueStoreError>
    /** From the first wallet to the second: in both, or in none. */
    readonly pay: (amount: number) => Effect.Effect<void, unknown>
  }
>()("example/Wallets") {}

const wallets = Layer.effect(
  Wallets,
  Effect.gen(function* () {
    const store = yield* KeyValueStore.KeyValueStore
    const { transaction } = yield* Volume.Volume
    const add = (key: string, amount: number) => store.modify(key, (text) => String(Number(text) + amount))
    yield* transaction(Effect.andThen(store.set("first", "10"), store.set("second", "0")))
    return Wallets.of({
      balances: Effect.map(Effect.all([store.get("first"), store.get("second")]), (all) => all.map(Number)),
      pay: (amount) => transaction(Effect.andThen(add("first", -amount), add("second", amount)))
    })
  })
).pipe(Layer.provideMerge(VolumeKeyValueStore.layer()), Layer.provide(Volume.layer()))

// ---- its tests

let isBroken = false

/** A device whose writes fail while it is broken. */
const failing = Layer.effect(
  BlockDevice,
  Effect.map(MemoryDevice.make({ size }), (real) => ({
    ...real,
    write: (ranges: Parameters<typeof real.write>[0]) =>
      Effect.suspend(() => (isBroken ? Effect.fail(failure(real.identity)) : real.write(ranges)))
  }))
)

const failure = (device: string) =>
  new DeviceFailed({ device, operation: "write", offset: 0, code: "EIO", reason: "the cable is out", cause: undefined })

const pays = Effect.gen(function* () {
  const { balances, pay } = yield* Wallets
  yield* pay(3)
  deepStrictEqual(yield* balances, [7, 3])
})

const paysAllOrNothing = Effect.gen(function* () {
  const { balances, pay } = yield* Wallets
  yield* pay(3)
  isBroken = true
  strictEqual((yield* Effect.exit(pay(3)))._tag, "Failure")
  deepStrictEqual(yield* balances, [7, 3])
})

await Effect.runPromise(Effect.provide(pays, Layer.provide(wallets, MemoryDevice.layer({ size }))))
await Effect.runPromise(
  Effect.provide(pays, Layer.provide(wallets, FileDevice.layer({ path: "wallets.notafs", size })))
)
await Effect.runPromise(Effect.provide(paysAllOrNothing, Layer.provide(wallets, failing)))
console.log("It holds in memory, in a file, and on a device that fails.")
