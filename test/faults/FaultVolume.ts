/**
 * What the fault tests share: opening volumes in bulk with fixed clock and ids, and reading all that a volume shows.
 */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import { Identity } from "../../src/shell/Identity.ts"
import type { Options, Volume } from "../../src/shell/Volume.ts"
import { open } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"

export type Device = BlockDevice["Service"]
export type Service = Volume["Service"]

const MILLIS = Date.UTC(2026, 0, 1)

/** Ids that count. The boot is never known, so recovery writes again. */
const countingIdentity = (): Identity => {
  let count = 0
  return {
    next: () => {
      count += 1
      return Uint8Array.from(
        { length: 16 },
        (_, index) => ((index < 8 ? 7 : 11) * (count >>> (index % 4)) + index) & 0xff
      )
    },
    boot: new Uint8Array(16)
  }
}

/** Runs an effect with a clock that stands still, ids that count, and no log. */
export const runFixed = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.andThen(TestClock.setTime(MILLIS), effect).pipe(
    Effect.provideService(Identity, countingIdentity()),
    Effect.provide(Layer.mergeAll(TestClock.layer(), Logger.layer([]))),
    Effect.runPromise
  )

/** Opens the volume of a device, uses it and closes it. */
export const withVolume = <A>(
  device: Device,
  options: Options & { readonly readOnly?: boolean },
  use: (volume: Service) => Effect.Effect<A, VolumeError, Scope.Scope>
): Effect.Effect<A, VolumeError> =>
  Effect.scoped(Effect.flatMap(open(options), use)).pipe(Effect.provideService(BlockDevice, device))

/** What stands at a path: the kind and all that can be read of it, as text that can be compared. */
export type Shown = string

/** All paths of a volume with what stands there. */
export type Tree = ReadonlyMap<string, Shown>

export const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")

/** Reads all that can be read at a path, symbolic links not followed. */
export const show = Effect.fnUntraced(function* (volume: Service, path: string) {
  const { gid, links, mode, size, type, uid } = yield* Files.lstat(volume, path)
  const head = `${type} ${size} ${mode} ${links} ${uid} ${gid}`
  if (type === "SymbolicLink") return `${head} -> ${yield* Files.readLink(volume, path)}`
  let text = head
  for (const name of yield* Files.attributes(volume, path)) {
    text += ` [${name}=${latin1(yield* Files.getAttribute(volume, path, name))}]`
  }
  if (type === "Folder") {
    const entries = yield* Files.readFolder(volume, path)
    return `${text} : ${entries.map((entry) => `${entry.name}/${entry.type}/${entry.number}`).join(" ")}`
  }
  return `${text} : ${latin1(yield* Files.readFile(volume, path))}`
})

/** Reads everything. */
export const readTree = Effect.fnUntraced(function* (volume: Service) {
  const tree = new Map<string, Shown>()
  tree.set("/", yield* show(volume, "/"))
  for (const { path } of yield* Files.walk(volume, "/")) tree.set(`/${path}`, yield* show(volume, `/${path}`))
  return tree as Tree
})

/** Where two trees differ; nothing if they are equal. */
export const difference = (actual: Tree, expected: Tree): string | undefined => {
  for (const [path, shown] of expected) {
    const found = actual.get(path)
    if (found !== shown) return `${path}: ${found?.slice(0, 60) ?? "missing"} instead of ${shown.slice(0, 60)}`
  }
  for (const path of actual.keys()) if (!expected.has(path)) return `${path} should not be there`
  return undefined
}

/** Prints the figures of a harness as one line. */
export const report = (figures: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

/** Counts how often each thing was seen. */
export class Histogram {
  readonly #counts = new Map<string, number>()

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  toJSON(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Cases that broke a promise: all are counted, the first few kept. */
export class Violations {
  count = 0
  readonly list: Array<string> = []

  add(text: string): void {
    this.count += 1
    if (this.list.length < 20) this.list.push(text.slice(0, 400))
  }
}

export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")
