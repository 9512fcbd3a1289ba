/**
 * What is logged of recovery and damage.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import { BlockDevice, Files, MemoryDevice, Volume } from "../../src/index.ts"
import { MEBIBYTE, pattern } from "./TestVolume.ts"

interface Line {
  readonly level: string
  readonly annotations: Record<string, unknown>
}

/** Runs an effect on the volume of a device, and answers what is logged meanwhile. */
const loggedBy = <A, E>(
  device: BlockDevice["Service"],
  use: (volume: Volume.Volume["Service"]) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, logLevel }) => {
      lines.push({ level: logLevel, annotations: { ...fiber.getRef(References.CurrentLogAnnotations) } })
    })
    yield* Effect.scoped(Effect.flatMap(Volume.open({ cacheBytes: 0 }), use)).pipe(
      Effect.provideService(BlockDevice, device),
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
    return lines
  })

describe("Logs", () => {
  it.effect("say which root was taken, and which page is damaged", () =>
    Effect.gen(function* () {
      const real = yield* MemoryDevice.make({ size: 4 * MEBIBYTE })
      let isRotten = false
      const device: BlockDevice["Service"] = {
        ...real,
        read: (ranges) =>
          Effect.tap(real.read(ranges), () =>
            Effect.sync(() => {
              if (isRotten) for (const { bytes } of ranges) bytes[bytes.length >> 1] ^= 1
            })
          )
      }
      const [opened] = yield* loggedBy(device, (volume) => Files.writeFile(volume, "/a", pattern(500_000)))
      assert.strictEqual(opened.level, "Debug")
      assert.strictEqual(opened.annotations["notafs.device"], real.identity)
      assert.isNumber(opened.annotations["notafs.slot"])
      let address: unknown
      const lines = yield* loggedBy(device, (volume) => {
        isRotten = true
        return Effect.map(Effect.flip(Files.readFile(volume, "/a")), ({ reason }) => {
          assert.strictEqual(reason._tag, "Corrupt")
          address = reason._tag === "Corrupt" ? reason.address : undefined
          isRotten = false
        })
      })
      const errors = lines.filter(({ level }) => level === "Error")
      assert.isNumber(address)
      assert.deepInclude(errors[0].annotations, { "notafs.device": real.identity, "notafs.address": address })
    })
  )
})
