/**
 * A consistent report while writing: money moves between accounts all the time, and every report finds all of it.
 */
import { ok, strictEqual } from "node:assert"
import { Effect, Fiber, Layer, Schema } from "effect"
import { MemoryDevice, Table, TableKey, Volume } from "notafs"

const ACCOUNTS = 10

const program = Effect.gen(function* () {
  const volume = yield* Volume.Volume
  const accounts = Table.typed(volume.table("accounts"), { key: TableKey.integer, value: Schema.Int })
  const add = (account: number, amount: number) =>
    Effect.flatMap(accounts.get(account), (balance) => accounts.set(account, (balance ?? 0) + amount))
  for (let account = 0; account < ACCOUNTS; account++) yield* add(account, 100)

  let transfers = 0
  const transfer = Effect.suspend(() => {
    const from = transfers++ % ACCOUNTS
    const to = (from + 3) % ACCOUNTS
    return volume.transaction(Effect.andThen(add(from, -10), add(to, 10)))
  })
  const writer = yield* Effect.forkChild(Effect.forever(Effect.andThen(transfer, Effect.yieldNow)))

  for (let report = 1; report <= 3; report++) {
    const before = transfers
    // It reads account by account, and takes its time.
    const total = yield* volume.view(
      Effect.reduce(
        Array.from({ length: ACCOUNTS }).keys(),
        () => 0,
        (sum, account) => Effect.map(Effect.delay(accounts.get(account), "2 millis"), (balance) => sum + (balance ?? 0))
      )
    )
    strictEqual(total, ACCOUNTS * 100)
    ok(transfers > before)
    console.log(`Report ${report}, while money moved: ${total} in all.`)
  }
  yield* Fiber.interrupt(writer)
})

const layer = Volume.layer().pipe(Layer.provide(MemoryDevice.layer({ size: 16 * 1024 * 1024 })))
await Effect.runPromise(Effect.provide(program, layer))
