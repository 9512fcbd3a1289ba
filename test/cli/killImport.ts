/**
 * An import like that of the tool, in a process that kills itself at a call of the device that it is told.
 *
 *     node killImport.ts IMAGE DIR NAME [SECTION CALL WHEN]
 *
 * It opens the volume, commits a few small files under `/acks`, takes DIR in as `/NAME`, and closes; after each commit it says
 * so, since what it has said must be there afterwards. With `open 1 half` it dies in the second call of opening, when half of
 * what that call writes is on the device. At the end, if it comes there, it prints all its calls.
 */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Import from "../../src/cli/Import.ts"
import { BlockDevice, type Range } from "../../src/shell/BlockDevice.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as Volume from "../../src/shell/Volume.ts"

/** What the process is at. */
export type Section = "open" | "small" | "import" | "close"

/** When in a call of the device it dies. */
export type When = "before" | "half" | "after"

/** A call of the device. */
export interface Call {
  readonly section: Section
  readonly operation: "root" | "pages" | "sync"
  readonly byteCount: number
}

/** How many small commits are acknowledged before the import. */
export const SMALL_COUNT = 3

/** So small that the import writes early many times. */
const DIRTY_BYTES = 64 * 1024

const say = (text: string): void => {
  fs.writeSync(1, `${text}\n`)
}

const die = Effect.suspend(() => {
  process.kill(process.pid, "SIGKILL")
  return Effect.never
})

/** The first half of what is to be written, cut at a sector. */
const half = (ranges: ReadonlyArray<Range>, sectorBytes: number): ReadonlyArray<Range> => {
  const total = ranges.reduce((sum, { bytes }) => sum + bytes.length, 0)
  let left = Math.floor(total / 2 / sectorBytes) * sectorBytes
  const found: Array<Range> = []
  for (const { bytes, offset } of ranges) {
    const part = bytes.subarray(0, Math.min(left, bytes.length))
    if (part.length > 0) found.push({ offset, bytes: part })
    left -= part.length
  }
  return found
}

const main = async (image: string, folder: string, name: string, victim: ReadonlyArray<string>): Promise<void> => {
  const calls: Array<Call> = []
  let section: Section = "open"
  const [where, index, when] = victim
  const roots = new Set<number>()

  const device = Layer.effect(
    BlockDevice,
    Effect.map(FileDevice.make({ path: image }), (real) => {
      const { size } = fs.statSync(image)
      const slots = RootSlots.make(size / 4096)
      for (let slot = 0; slot < slots.count; slot++) roots.add(RootSlots.pageOf(slots, slot) * 4096)

      const counted = <A, E>(
        operation: Call["operation"],
        byteCount: number,
        call: Effect.Effect<A, E>,
        halfOf: Effect.Effect<unknown, E>
      ): Effect.Effect<A, E> =>
        Effect.suspend(() => {
          const position = calls.filter((made) => made.section === section).length
          calls.push({ section, operation, byteCount })
          if (where !== section || Number(index) !== position) return call
          if (when === "before") return die
          return Effect.andThen(when === "half" ? halfOf : call, die)
        })

      return BlockDevice.of({
        ...real,
        write: (ranges) => {
          const byteCount = ranges.reduce((sum, { bytes }) => sum + bytes.length, 0)
          const isRoot = ranges.length === 1 && byteCount === 4096 && roots.has(ranges[0].offset)
          const halfOf = real.write(half(ranges, real.sectorBytes))
          return counted(isRoot ? "root" : "pages", byteCount, real.write(ranges), halfOf)
        },
        sync: counted("sync", 0, real.sync, Effect.void)
      })
    })
  )

  await Effect.runPromise(
    Effect.gen(function* () {
      const volume = yield* Volume.Volume
      section = "small"
      yield* Files.makeFolder(volume, "/acks", { recursive: true })
      for (let i = 0; i < SMALL_COUNT; i++) {
        yield* Files.writeFile(volume, `/acks/${name}-${i}`, Buffer.from(`${name} ${i}`))
        say(`ack /acks/${name}-${i}`)
      }
      section = "import"
      yield* Import.run(image, folder, `/${name}`)
      say(`ack /${name}`)
      section = "close"
    }).pipe(Effect.provide(Layer.provide(Volume.layer({ format: "never", dirtyBytes: DIRTY_BYTES }), device)))
  )
  say(`calls ${JSON.stringify(calls)}`)
}

if (import.meta.filename === process.argv[1]) {
  const [image, folder, name, ...victim] = process.argv.slice(2)
  await main(image, folder, name, victim)
}
