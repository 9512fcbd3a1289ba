/**
 * Many fibers on one small volume: each knows what its folder holds, whatever fails, is interrupted or finds no room.
 *
 * What is interrupted has happened or not; what fails has not. In the end the volume checks without a problem, and holds the
 * same after it was opened again.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, FileSystem, type PlatformError } from "effect"
import { type BlockDevice, KeyValue, MemoryDevice, Volume, type VolumeError } from "../../src/index.ts"
import { makeRandom } from "./RandomFileOperations.ts"
import { MEBIBYTE, pattern, volumeOn } from "./TestVolume.ts"

type Model = ReadonlyMap<string, Uint8Array>
type Failure = PlatformError.PlatformError | VolumeError | "rolled back"

const WORKERS = 6
const STEPS = 120

const having = (model: Model, name: string, content: Uint8Array | undefined): Model => {
  const next = new Map(model)
  if (content === undefined) next.delete(name)
  else next.set(name, content)
  return next
}

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

const sameAs = (model: Model, found: Model): boolean =>
  model.size === found.size &&
  [...model].every(([name, content]) => {
    const other = found.get(name)
    return other !== undefined && Buffer.compare(content, other) === 0
  })

const found = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const { view } = yield* Volume.Volume
  const names = yield* fs.readDirectory(folder)
  const contents = Effect.forEach(names, (name) =>
    Effect.map(fs.readFile(`${folder}/${name}`), (bytes) => [name, bytes] as const)
  )
  return new Map(yield* view(contents))
})

/** A change of a folder: what it does, and what the folder holds after it. */
interface Step {
  readonly name: string
  readonly effect: Effect.Effect<unknown, Failure>
  readonly next: Model
}

const makeSteps = Effect.fnUntraced(function* (folder: string, random: () => number) {
  const fs = yield* FileSystem.FileSystem
  const keys = yield* KeyValue.KeyValue
  const { transaction } = yield* Volume.Volume
  const below = (count: number) => Math.floor(random() * count)
  const content = () =>
    pattern(random() < 0.05 ? below(2.5 * MEBIBYTE) : random() < 0.5 ? below(300) : below(300_000), below(256))

  const simple = (model: Model): Step => {
    const names = [...model.keys()]
    const name = names.length > 0 && random() < 0.6 ? names[below(names.length)] : `f${below(12)}`
    const path = `${folder}/${name}`
    const old = model.get(name)
    const at = random()
    if (old === undefined || at < 0.3) {
      const bytes = content()
      const write = random() < 0.5 ? fs.writeFile(path, bytes) : keys.set(path, bytes)
      return { name: "write", effect: write, next: having(model, name, bytes) }
    }
    if (at < 0.45) {
      const bytes = content()
      return {
        name: "append",
        effect: fs.writeFile(path, bytes, { flag: "a" }),
        next: having(model, name, joined(old, bytes))
      }
    }
    if (at < 0.6) {
      const to = `f${below(12)}`
      const renamed = having(having(model, name, undefined), to, old)
      return { name: "rename", effect: fs.rename(path, `${folder}/${to}`), next: renamed }
    }
    if (at < 0.7) {
      const size = below(old.length + 1)
      return { name: "truncate", effect: fs.truncate(path, size), next: having(model, name, old.slice(0, size)) }
    }
    if (at < 0.8) {
      // Written to without a name, to the last close.
      const orphan = Effect.scoped(
        Effect.flatMap(fs.open(path, { flag: "r+" }), (file) =>
          Effect.andThen(fs.remove(path), file.writeAll(content()))
        )
      )
      return { name: "orphan", effect: transaction(orphan), next: having(model, name, undefined) }
    }
    const remove = random() < 0.5 ? fs.remove(path) : keys.remove(path)
    return { name: "remove", effect: remove, next: having(model, name, undefined) }
  }

  return (model: Model): Step => {
    if (random() < 0.7) return simple(model)
    const parts: Array<Step> = []
    for (let next = model; parts.length < 4; next = parts[parts.length - 1].next) parts.push(simple(next))
    const all = Effect.forEach(parts, ({ effect }) => effect, { discard: true })
    return random() < 0.3
      ? {
          name: "rolled back",
          effect: transaction(Effect.andThen(all, Effect.fail("rolled back" as const))),
          next: model
        }
      : { name: "transaction", effect: transaction(all), next: parts[parts.length - 1].next }
  }
})

const isFull = (failure: Failure): boolean =>
  failure !== "rolled back" &&
  ((failure.reason as { readonly cause?: VolumeError } | undefined)?.cause?.reason ?? failure.reason)?._tag ===
    "DiskFull"

const worker = Effect.fnUntraced(function* (folder: string, seed: number, outcomes: Map<string, number>) {
  const random = makeRandom(seed)
  const stepOf = yield* makeSteps(folder, random)
  let model: Model = new Map()
  for (let index = 0; index < STEPS; index++) {
    const { effect, name, next } = stepOf(model)
    const isInterrupted = random() < 0.15
    let exit: Exit.Exit<unknown, Failure>
    if (isInterrupted) {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      for (let turns = Math.floor(random() * 12); turns > 0; turns--) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      exit = yield* Fiber.await(fiber)
    } else exit = yield* Effect.exit(effect)
    const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    const outcome = Exit.isSuccess(exit)
      ? "done"
      : Cause.hasInterruptsOnly(exit.cause)
        ? "interrupted"
        : failure === "rolled back"
          ? failure
          : "full"
    if (outcome === "full" && !isFull(failure as Failure)) return yield* Effect.die(failure)
    outcomes.set(`${name} ${outcome}`, (outcomes.get(`${name} ${outcome}`) ?? 0) + 1)
    if (outcome === "done") model = next
    if (outcome === "interrupted" || index % 10 === 0) {
      const now = yield* found(folder)
      if (outcome === "interrupted" && sameAs(next, now)) model = next
      assert.isTrue(sameAs(model, now), `${folder} after ${name} (${outcome})`)
    }
  }
  assert.isTrue(sameAs(model, yield* found(folder)), folder)
  return model
})

/** A device whose calls take some turns, so that fibers meet inside of them. */
const slow = (device: BlockDevice["Service"], random: () => number): BlockDevice["Service"] => {
  const turns = (count: number): Effect.Effect<void> =>
    count === 0
      ? Effect.void
      : Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => turns(count - 1))
        )
  const later = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => Effect.andThen(turns(Math.floor(random() * 4)), effect))
  return {
    ...device,
    read: (ranges) => later(device.read(ranges)),
    write: (ranges) => later(device.write(ranges)),
    sync: later(device.sync)
  }
}

const folders = Array.from({ length: WORKERS }, (_, index) => `/w${index}`)

const histogram = new Map<string, number>()

describe("many fibers on one volume", () => {
  afterAll(() => {
    const lines = [...histogram].sort(([a], [b]) => (a < b ? -1 : 1)).map(([outcome, count]) => `${outcome} ${count}`)
    console.log(lines.join(", "))
  })

  const cases = [
    { seed: 1, size: 24, options: { dirtyBytes: 256 * 1024, cacheBytes: 256 * 1024 } },
    { seed: 2, size: 24, options: {} },
    { seed: 3, size: 8, options: { dirtyBytes: 512 * 1024, cacheBytes: MEBIBYTE } },
    { seed: 4, size: 8, options: { pageSize: 512, dirtyBytes: 256 * 1024 } },
    { seed: 5, size: 24, options: { durability: "interval", dirtyBytes: 512 * 1024, cacheBytes: 256 * 1024 } },
    // So small that many find no room.
    { seed: 103, size: 5, options: { durability: "interval", pageSize: 512, cacheBytes: 65536 } },
    { seed: 131, size: 4, options: { durability: "interval", pageSize: 512, dirtyBytes: 65536, cacheBytes: 65536 } },
    {
      seed: 173,
      size: 4,
      options: { durability: "interval", pageSize: 1024, dirtyBytes: MEBIBYTE, cacheBytes: 65536 }
    },
    { seed: 121, size: 4, options: { pageSize: 16384, dirtyBytes: 262144, cacheBytes: 65536 } },
    { seed: 6, size: 8, options: { durability: "interval", pageSize: 16384 } }
  ] as const
  for (const { options, seed, size } of cases) {
    it.live(`(${size} MiB, ${JSON.stringify(options)})`, () =>
      Effect.gen(function* () {
        const device = slow(yield* MemoryDevice.make({ size: size * MEBIBYTE }), makeRandom(seed))
        const outcomes = new Map<string, number>()
        const models = yield* Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const volume = yield* Volume.Volume
          for (const folder of folders) yield* fs.makeDirectory(folder)
          const ended = yield* Effect.forEach(
            folders,
            (folder, index) => worker(folder, seed * 1000 + index, outcomes),
            { concurrency: "unbounded" }
          )
          yield* volume.sync
          assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
          return ended
        }).pipe(Effect.provide(volumeOn(device, options)))
        yield* Effect.gen(function* () {
          const volume = yield* Volume.Volume
          for (const [index, folder] of folders.entries()) assert.isTrue(sameAs(models[index], yield* found(folder)))
          for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
          yield* volume.sync
          assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
        }).pipe(Effect.provide(volumeOn(device, options)))
        for (const [outcome, count] of outcomes) histogram.set(outcome, (histogram.get(outcome) ?? 0) + count)
      })
    )
  }
})
