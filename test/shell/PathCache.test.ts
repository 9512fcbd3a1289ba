/**
 * Where paths lead: what is remembered is what a walk finds, whatever was done, kept, undone or taken back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, type PlatformError } from "effect"
import * as Result from "effect/Result"
import * as Inode from "../../src/core/Inode.ts"
import * as Names from "../../src/core/Names.ts"
import * as Path from "../../src/core/Path.ts"
import { MemoryDevice, Volume, VolumeFileSystem } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"

const NAMES = ["a", "b", "c"]
/** All paths of up to three names, and such as are written in another way. */
const PATHS = NAMES.flatMap((a) => [
  `/${a}`,
  ...NAMES.flatMap((b) => [`/${a}/${b}`, ...NAMES.map((c) => `/${a}/${b}/${c}`)])
])
const OTHER_PATHS = [
  "/",
  "",
  "a",
  "/a/",
  "//a//b",
  "/a/../b",
  "/a/b/.",
  "/a/b/..",
  "/ä",
  "/a/ä",
  "/a\0",
  "/a/b/c/",
  "."
]

/** What is remembered of each path, and what a walk finds. */
const compare = Effect.fnUntraced(function* (volume: Volume.Volume["Service"]) {
  const { paths } = volume.immediate
  const parsedOf = (path: string) => Path.parse(volume.facts.layout, path)
  const pairs = yield* volume.read((pages, { names }) =>
    [...PATHS, ...OTHER_PATHS].map((path) => {
      const parsed = parsedOf(path)
      const walked = Result.flatMap(parsed, (taken) => Names.resolve(pages, names, taken, true))
      return { path, known: paths.resolve(pages, names, path), file: paths.file(names, path), walked }
    })
  )
  const places = yield* volume.write((draft) =>
    [...PATHS, ...OTHER_PATHS].flatMap((path) =>
      [true, false].map((follow) => {
        const parsed = parsedOf(path)
        const found = paths.place(draft, path, follow)
        if (Result.isFailure(parsed)) return { path, found, wanted: parsed }
        return { path, found, wanted: (follow ? Names.target : Names.place)(draft, draft.roots.names, parsed.success) }
      })
    )
  )
  for (const { file, known, path, walked } of pairs) {
    assert.deepStrictEqual(plain(known), plain(walked), path)
    const isFile = Result.isSuccess(walked) && walked.success.type === Inode.FILE
    assert.strictEqual(file, isFile ? walked.success.number : undefined, path)
  }
  for (const { found, path, wanted } of places) {
    assert.deepStrictEqual(plain(found), plain(wanted), path)
    const spot = Result.isSuccess(found) ? found.success.spot : undefined
    if (spot !== undefined) assert.strictEqual(spot.slot >= 0, Result.getOrThrow(found).entry !== undefined, path)
  }
  return pairs.filter(({ known }) => Result.isSuccess(known)).length
})

/** Without the tree, and where in it that stands. */
const plain = (result: Result.Result<unknown, unknown>): unknown =>
  Result.isSuccess(result) ? { ...(result.success as object), names: undefined, spot: undefined } : result.failure

const layer = () =>
  VolumeFileSystem.layer.pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(MemoryDevice.layer({ size: 4 * 1024 * 1024 }))
  )

const pick = <A>(random: Random, from: ReadonlyArray<A>): A => from[random.below(from.length)]

/** One change, which may well fail. */
const change = (fs: FileSystem.FileSystem, random: Random): Effect.Effect<unknown> => {
  const path = () => pick(random, PATHS)
  const bytes = new Uint8Array(random.below(2) * 5000 + 1)
  const some: ReadonlyArray<() => Effect.Effect<unknown, PlatformError.PlatformError>> = [
    () => fs.writeFile(path(), bytes),
    () => fs.makeDirectory(path()),
    () => fs.makeDirectory(path(), { recursive: true }),
    () => fs.rename(path(), path()),
    () => fs.remove(path()),
    () => fs.remove(path(), { recursive: true }),
    () => fs.symlink(path(), path()),
    () => fs.link(path(), path()),
    () => fs.copyFile(path(), path()),
    () => fs.truncate(path(), 10)
  ]
  return Effect.ignore(pick(random, some)())
}

describe("PathCache", () => {
  for (const seed of [1, 2, 3]) {
    it.effect(`remembers what a walk finds (seed ${seed})`, () =>
      Effect.gen(function* () {
        const random = new Random(seed)
        const volume = yield* Volume.Volume
        const fs = yield* FileSystem.FileSystem
        let found = 0
        const some = Effect.gen(function* () {
          for (let i = random.below(6); i >= 0; i--) {
            yield* change(fs, random)
            found += yield* compare(volume)
          }
        })
        /** A transaction, kept or not, with others inside. */
        const nest = (depth: number): Effect.Effect<unknown> =>
          Effect.ignore(
            volume.transaction(
              Effect.gen(function* () {
                yield* some
                if (depth < 3 && random.below(2) === 0) {
                  yield* nest(depth + 1)
                  found += yield* compare(volume)
                }
                yield* some
                if (random.below(2) === 0) return yield* Effect.fail("no")
              })
            )
          )
        yield* volume.snapshots.create("start")
        for (let round = 0; round < 25; round++) {
          yield* random.below(3) === 0 ? change(fs, random) : nest(1)
          found += yield* compare(volume)
          if (random.below(10) === 0) {
            yield* volume.snapshots.rollback("start")
            found += yield* compare(volume)
          }
        }
        assert.isAbove(found, 500)
        const report = yield* volume.check({ deep: true })
        assert.deepStrictEqual(report.problems, [])
      }).pipe(Effect.provide(layer()))
    )
  }
})
