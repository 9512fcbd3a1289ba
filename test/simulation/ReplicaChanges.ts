/**
 * Random changes of a volume: files, folders, links, names, attributes, sizes, holes, tables, many of them in one transaction.
 * What is not possible as things stand changes nothing.
 */
import * as Effect from "effect/Effect"
import { Files, type Volume } from "../../src/index.ts"
import type { Random } from "../../src/testing/Random.ts"

type Service = Volume.Volume["Service"]
type Change = Effect.Effect<unknown, unknown>

const NAMES = ["a", "b", "c", "d"]
const TABLES = ["t", "u", "long name"]
const GIVEN_UP = "given up"

/** The most that a file or value has. */
export interface Taste {
  readonly bytesMax: number
}

const path = (random: Random): string => {
  let made = ""
  for (let depth = 1 + random.below(3); depth > 0; depth--) made += `/${NAMES[random.below(NAMES.length)]}`
  return made
}

/** Mostly short, so that many stand in their items. */
const size = (random: Random, { bytesMax }: Taste): number =>
  random.below([40, 200, 2000, bytesMax][random.below(random.chance(0.3) ? 4 : 3)])

const key = (random: Random): Uint8Array => random.bytes(random.chance(0.1) ? 90 : random.below(3))

/** A file that loses its name while it is open: a snapshot that is taken meanwhile has it without one. */
const unlinkOpen = (volume: Service, at: string, during: Change): Change =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* Files.open(volume, at, { flag: "r+" })
      yield* Files.unlink(volume, at)
      yield* file.write(0, new Uint8Array(700).fill(7))
      yield* during
    })
  )

const changes: ReadonlyArray<(volume: Service, random: Random, taste: Taste) => Change> = [
  (volume, random) => Files.makeFolder(volume, path(random)),
  (volume, random) => Files.makeFolder(volume, path(random)),
  (volume, random, taste) => Files.writeFile(volume, path(random), random.bytes(size(random, taste))),
  (volume, random, taste) => Files.writeFile(volume, path(random), random.bytes(size(random, taste))),
  (volume, random, taste) =>
    Files.write(volume, path(random), size(random, taste), random.bytes(1 + random.below(900))),
  (volume, random, taste) => Files.append(volume, path(random), random.bytes(size(random, taste))),
  (volume, random, taste) => Files.truncate(volume, path(random), size(random, taste)),
  // A hole of any length.
  (volume, random, taste) => {
    const [at, hole] = [path(random), 3 * size(random, taste)]
    return Effect.andThen(Files.truncate(volume, at, 10), Files.truncate(volume, at, hole))
  },
  (volume, random) => Files.rename(volume, path(random), path(random)),
  (volume, random) => Files.rename(volume, path(random), path(random)),
  (volume, random) => Files.link(volume, path(random), path(random)),
  (volume, random) => Files.symlink(volume, path(random), path(random)),
  (volume, random) => Files.removeTree(volume, path(random)),
  (volume, random) => Files.setAttribute(volume, path(random), "user.tag", random.bytes(random.below(90))),
  (volume, random) => Files.removeAttribute(volume, path(random), "user.tag"),
  (volume, random) => Files.changeAttributes(volume, path(random), { mode: random.below(0o1000) }),
  (volume, random, taste) => table(volume, random).set(key(random), random.bytes(size(random, taste))),
  (volume, random, taste) => table(volume, random).set(key(random), random.bytes(size(random, taste))),
  (volume, random) => table(volume, random).remove(key(random)),
  (volume, random) => (random.chance(0.3) ? table(volume, random).clear : table(volume, random).drop)
]

const table = (volume: Service, random: Random) => volume.table(TABLES[random.below(TABLES.length)])

const one = (volume: Service, random: Random, taste: Taste): Change =>
  Effect.suspend(() => Effect.ignore(changes[random.below(changes.length)](volume, random, taste)))

const several = (volume: Service, random: Random, taste: Taste, count: number): Change =>
  Effect.gen(function* () {
    for (let i = 0; i < count; i++) yield* one(volume, random, taste)
  })

/** Some changes, one after another. */
export const make = (volume: Service, random: Random, taste: Taste): Change =>
  Effect.gen(function* () {
    for (let left = 1 + random.below(6); left > 0; left--) {
      const count = random.below(12)
      if (random.chance(0.5)) {
        const all = several(volume, random, taste, count)
        const whole = random.chance(0.1) ? Effect.andThen(all, Effect.fail(GIVEN_UP)) : all
        yield* Effect.ignore(volume.transaction(whole))
      } else if (random.chance(0.2)) {
        yield* Effect.ignore(unlinkOpen(volume, path(random), several(volume, random, taste, count)))
      } else yield* one(volume, random, taste)
    }
  })

/** The same, and then a snapshot, of which a file may be open that has no name. */
export const makeSnapshot = (volume: Service, random: Random, name: string): Effect.Effect<void, unknown> => {
  const create = volume.snapshots.create(name)
  if (!random.chance(0.15)) return create
  return Effect.andThen(Effect.ignore(unlinkOpen(volume, path(random), create)), Effect.ignore(create))
}
