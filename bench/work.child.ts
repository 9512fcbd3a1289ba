/** The work of a process of its own: `TASK WORK`, of which the second is a `Work` as JSON. Prints a line of JSON. See `Child`. */
import { readFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import type * as Child from "./Child.ts"
import type { Content, Pairs, Place } from "./contest/Contestant.ts"
import * as Contestants from "./contest/Contestants.ts"
import * as Material from "./Material.ts"
import { peakMiB } from "./PeakMemory.ts"
import { time } from "./rows/Row.ts"

const task = process.argv[2]
const work: Child.Work = JSON.parse(process.argv[3])
const contestant = await Contestants.named(work.contestant)

const openPairs = (place: Place): Promise<Pairs> => contestant.pairs!(place)
const openContent = (place: Place): Promise<Content> => contestant.content!(place)

/** Changes of a store before its process is killed. */
const CRASH_PUTS = 100
/** So long a store that works in the background may go on with what was loaded. */
const SETTLE_MS = 500

const stream = async (): Promise<Child.Streamed> => {
  const content = await openContent(work)
  const chunkCount = work.chunkCount ?? 0
  const inMs = await time(async () => content.streamIn?.(Material.chunk, chunkCount))
  let byteCount = 0
  const outMs = await time(async () => {
    byteCount = (await content.streamOut?.(Material.CHUNK_BYTES)) ?? 0
  })
  if (byteCount !== chunkCount * Material.CHUNK_BYTES) throw new Error(`${byteCount} bytes came out`)
  await content.close()
  return { inMs, outMs, peakMiB: peakMiB() }
}

/** What the system counts of this process: bytes of pages that it has made dirty. */
const systemBytes = (): number => {
  const found = /^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))
  if (found === null) throw new Error("the system does not count what a process writes")
  return Number(found[1])
}

const bytes = async (): Promise<Child.Written> => {
  const pairs = await openPairs(work)
  const all = Material.entries(work.names ?? 0)
  const commits = work.commits ?? 0
  await pairs.load(Material.batches(all))
  await setTimeout(SETTLE_MS)
  const [counted, system] = [await pairs.bytesWritten?.(), systemBytes()]
  const others = Material.entries(commits, all.length)
  await pairs.putAlone(
    Material.someOf(all, commits).map(({ key, keyText, number }, i) => ({ ...others[i], key, keyText, number }))
  )
  const countedAfter = await pairs.bytesWritten?.()
  const systemAfter = systemBytes()
  await pairs.close()
  return {
    ...(counted === undefined || countedAfter === undefined ? {} : { counted: (countedAfter - counted) / commits }),
    system: (systemAfter - system) / commits
  }
}

/** Batches of so many entries at a time, since all of a million would take long to make ready. */
const FILL_COUNT = 10_000

const prepare = async (): Promise<unknown> => {
  if (work.kind === "pairs") {
    const pairs = await openPairs(work)
    const names = work.names ?? 0
    for (let first = 0; first < names; first += FILL_COUNT) {
      await pairs.load(Material.batches(Material.entries(Math.min(FILL_COUNT, names - first), first)))
    }
    await pairs.close()
  } else {
    const content = await openContent(work)
    await content.streamIn?.(Material.chunk, work.chunkCount ?? 0)
    await content.close()
  }
  return {}
}

const crash = async (): Promise<unknown> => {
  if (work.kind === "pairs") {
    const pairs = await openPairs(work)
    const all = Material.entries(Math.min(CRASH_PUTS, work.names ?? 0))
    await pairs.putAlone(all.map((entry, i) => ({ ...entry, ...valueOf(i) })))
  } else {
    const content = await openContent(work)
    const byteCount = (work.chunkCount ?? 0) * Material.CHUNK_BYTES
    await writePart(content, Material.middle(byteCount, CRASH_PUTS, 30))
  }
  process.kill(process.pid, "SIGKILL")
  await setTimeout(60_000)
  return {}
}

const valueOf = (number: number): { readonly value: Uint8Array; readonly valueText: string } => {
  const { value, valueText } = Material.entries(1, 10_000_000 + number)[0]
  return { value, valueText }
}

/** A store of one value in rows has none under the key of a whole one: its first row is written then. */
const writePart = async (content: Content, offsets: ReadonlyArray<number>): Promise<void> => {
  if (work.contestant === "lmdb" || work.contestant === "level") {
    await content.append?.(Material.chunk.subarray(0, 1000), offsets.length, 1)
  } else await content.write(offsets, Material.chunk.subarray(0, 1000))
}

const openAndRead = async (place: Place): Promise<() => Promise<void>> => {
  if (work.kind === "pairs") {
    const pairs = await openPairs(place)
    await pairs.get(Material.entries(1, 50))
    return pairs.close
  }
  const content = await openContent(place)
  // Where a value stands in rows there is nothing to read at the place of a whole one.
  if (work.contestant !== "lmdb" && work.contestant !== "level") await content.read([0], 1000)
  return content.close
}

const reopen = async (): Promise<{ readonly ms: number }> => {
  if (work.before !== undefined) {
    const closeFirst = await openAndRead(work.before)
    await closeFirst()
  }
  const start = performance.now()
  const close = await openAndRead(work)
  const ms = performance.now() - start
  await close()
  return { ms }
}

const tasks: Record<string, () => Promise<unknown>> = { stream, bytes, prepare, crash, reopen }
console.log(JSON.stringify(await tasks[task]()))
