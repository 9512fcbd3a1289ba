import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { MemoryDevice, Volume } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"
import { MEBIBYTE, text, volumeOn } from "./TestVolume.ts"

const CHAINS = 8
const LINKS = 6
const READERS = 16
const READS = 30

describe("runs that leave the cache", () => {
  it.effect("are used again by nobody who could disturb whoever still reads them", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryDevice.make({ size: 16 * MEBIBYTE })
      const random = new Random(7)
      // Each call of the device lets others go on before it is done.
      const turns = Effect.suspend(() => Effect.repeat(Effect.yieldNow, { times: random.below(4) }))
      const device = {
        ...memory,
        read: (ranges: Parameters<typeof memory.read>[0]) => Effect.andThen(turns, memory.read(ranges))
      }
      yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const volume = yield* Volume.Volume
        // A link with a long target has a run of content, which stays needed while what it leads to is loaded.
        for (let chain = 0; chain < CHAINS; chain++) {
          yield* fs.writeFileString(`/${chain}-${LINKS}`, `end of ${chain}`)
          for (let link = 0; link < LINKS; link++) {
            yield* fs.symlink(`${"./".repeat(300 + 250 * (link % 3))}${chain}-${link + 1}`, `/${chain}-${link}`)
          }
        }
        const reader = Effect.fnUntraced(function* () {
          for (let i = 0; i < READS; i++) {
            const chain = random.below(CHAINS)
            assert.strictEqual(text(yield* fs.readFile(`/${chain}-0`)), `end of ${chain}`)
          }
        })
        yield* Effect.all(
          Array.from({ length: READERS }, () => reader()),
          { concurrency: "unbounded", discard: true }
        )
        assert.deepStrictEqual((yield* volume.check({ deep: true })).problems, [])
      }).pipe(Effect.provide(volumeOn(device, { pageSize: 512, cacheBytes: 4096 })))
    })
  )
})
