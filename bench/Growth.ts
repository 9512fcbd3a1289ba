/**
 * Growth curves of ours alone: what a commit, an opening and a get take with ever more names, and with ever more content. Each point
 * is the median of some; the store grows from one point to the next.
 */
import { join } from "node:path"
import { mkdirSync, rmSync } from "node:fs"
import { contestant } from "./contest/Ours.ts"
import * as Material from "./Material.ts"
import { median } from "./rows/Row.ts"
import type { Scale } from "./Scale.ts"

/** What one size came to, in milliseconds. */
export interface Point {
  readonly size: number
  readonly commit: number
  readonly open: number
  readonly get: number
}

export interface Curve {
  readonly id: "names" | "content"
  readonly title: string
  readonly sizeUnit: string
  readonly points: ReadonlyArray<Point>
}

export interface Options {
  readonly folder: string
  readonly scale: Scale
}

const SAMPLE = 100
const OPENINGS = 7
const FILL_COUNT = 10_000
const PART_BYTES = 1000

/** Opened some times, and closed; the last stays open. */
const opened = async <A extends { readonly close: () => Promise<void> }>(
  open: () => Promise<A>
): Promise<{ readonly store: A; readonly ms: number }> => {
  const times: Array<number> = []
  for (;;) {
    const start = performance.now()
    const store = await open()
    times.push(performance.now() - start)
    if (times.length === OPENINGS) return { store, ms: median(times) }
    await store.close()
  }
}

const ofNames = async ({ folder, scale }: Options): Promise<ReadonlyArray<Point>> => {
  const place = { folder, byteCount: scale.growthNames * 400 }
  const points: Array<Point> = []
  let filled = 0
  for (let size = 100; size <= scale.growthNames; size *= 10) {
    const filling = await contestant.pairs!(place)
    for (; filled < size; filled = Math.min(size, filled + FILL_COUNT)) {
      await filling.load(Material.batches(Material.entries(Math.min(FILL_COUNT, size - filled), filled)))
    }
    await filling.close()
    const { ms, store } = await opened(() => contestant.pairs!(place))
    const some = Material.someOf(Material.entries(Math.min(size, FILL_COUNT)), SAMPLE)
    await store.putAlone(some)
    const commit = median(await store.putAlone(some))
    const start = performance.now()
    for (let turn = 0; turn < SAMPLE; turn++) await store.get(some)
    const get = (performance.now() - start) / SAMPLE / SAMPLE
    await store.close()
    points.push({ size, commit, open: ms, get })
  }
  return points
}

const ofContent = async ({ folder, scale }: Options): Promise<ReadonlyArray<Point>> => {
  const place = { folder, byteCount: scale.growthMiB * Material.CHUNK_BYTES }
  const points: Array<Point> = []
  for (let size = 1; size <= scale.growthMiB; size *= 4) {
    const filling = await contestant.content!(place)
    await filling.streamIn?.(Material.chunk, size)
    await filling.close()
    const { ms, store } = await opened(() => contestant.content!(place))
    const byteCount = size * Material.CHUNK_BYTES
    const part = Material.chunk.subarray(0, PART_BYTES)
    await store.write(Material.middle(byteCount, SAMPLE, 40), part)
    const commit = median(await store.write(Material.middle(byteCount, SAMPLE, 41), part))
    await store.read(Material.middle(byteCount, SAMPLE, 42), PART_BYTES)
    const get = median(await store.read(Material.middle(byteCount, SAMPLE, 43), PART_BYTES))
    await store.close()
    points.push({ size, commit, open: ms, get })
  }
  return points
}

export const run = async (options: Options): Promise<ReadonlyArray<Curve>> => {
  const inFolder = async (name: string, f: typeof ofNames): Promise<ReadonlyArray<Point>> => {
    const folder = join(options.folder, name)
    mkdirSync(folder)
    const points = await f({ ...options, folder })
    rmSync(folder, { recursive: true })
    return points
  }
  return [
    {
      id: "names",
      title: "cost against the number of names",
      sizeUnit: "names",
      points: await inFolder("names", ofNames)
    },
    {
      id: "content",
      title: "cost against the bytes of one file",
      sizeUnit: "MiB",
      points: await inFolder("content", ofContent)
    }
  ]
}
