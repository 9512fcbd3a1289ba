/**
 * Differences of states as users see them, against a comparison of everything in both.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Files, Volume } from "../../src/index.ts"
import { Random } from "../../src/testing/Random.ts"
import { bytes, MEBIBYTE, pattern, text, volume } from "./TestVolume.ts"

type Service = Volume.Volume["Service"]

const changes = (service: Service, from: string, to?: string) => Stream.runCollect(service.diff(from, to))

/** A change in few words. */
const short = (change: Volume.Change): string => {
  switch (change._tag) {
    case "Added":
      return `+ ${change.path}`
    case "Removed":
      return `- ${change.path}`
    case "Renamed":
      return `${change.from} > ${change.path}`
    case "Changed":
      return `~ ${change.path}`
    case "TableAdded":
      return `+ <${change.table}>`
    case "TableRemoved":
      return `- <${change.table}>`
    case "EntrySet":
      return `${change.isNew ? "+" : "~"} <${change.table}> ${text(change.key)}`
    case "EntryRemoved":
      return `- <${change.table}> ${text(change.key)}`
  }
}

interface Known {
  readonly number: number
  readonly type: string
  readonly mode: number
  readonly content: Uint8Array | undefined
}

/** Everything that a state has, by path. */
const listing = (service: Service) =>
  Effect.gen(function* () {
    const found = new Map<string, Known>()
    for (const { path: relative } of yield* Files.walk(service, "/")) {
      const path = `/${relative}`
      const stat = yield* Files.lstat(service, path)
      const content = stat.type === "File" ? yield* Files.readFile(service, path) : undefined
      found.set(path, { number: stat.number, type: stat.type, mode: stat.mode, content })
    }
    return found
  })

type Listing = ReadonlyMap<string, Known>

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/"

/** What has to be told of entries, by comparing everything. */
const expected = (before: Listing, after: Listing): ReadonlyArray<string> => {
  const numberAt = (state: Listing, path: string): number => (path === "/" ? 1 : (state.get(path)?.number ?? 0))
  const entriesOf = (state: Listing) => {
    const entries = new Map<number, Map<string, string>>()
    for (const [path, { number }] of state) {
      if (path === "/") continue
      const folder = numberAt(state, parentOf(path))
      const known = entries.get(number) ?? new Map<string, string>()
      known.set(`${String(folder).padStart(12, "0")} ${path.slice(path.lastIndexOf("/") + 1)}`, path)
      entries.set(number, known)
    }
    return entries
  }
  const [old, now] = [entriesOf(before), entriesOf(after)]
  const told: Array<string> = []
  for (const number of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(number) ?? new Map<string, string>(), now.get(number) ?? new Map<string, string>()]
    const gone = [...was]
      .filter(([key]) => !is.has(key))
      .toSorted()
      .map(([, path]) => path)
    const come = [...is]
      .filter(([key]) => !was.has(key))
      .toSorted()
      .map(([, path]) => path)
    if (was.size > 0 && is.size > 0) {
      while (gone.length > 0 && come.length > 0) told.push(`${gone.shift()} > ${come.shift()}`)
    }
    told.push(...gone.map((path) => `- ${path}`), ...come.map((path) => `+ ${path}`))
  }
  return told.toSorted()
}

/** What is told of contents is so: every byte outside the ranges is the same, and of what is not told, all. */
const checkContents = (before: Listing, after: Listing, found: ReadonlyArray<Volume.Change>): void => {
  const contentOf = new Map([...before.values()].map(({ content, number }) => [number, content]))
  const told = new Map(found.flatMap((one) => (one._tag === "Changed" ? [[one.path, one]] : [])))
  const toldNumbers = new Set([...told.keys()].map((path) => after.get(path)?.number))
  for (const [path, { content, number, type }] of after) {
    const old = contentOf.get(number)
    if (type !== "File" || content === undefined || old === undefined) continue
    const change = told.get(path)
    if (change === undefined) {
      if (!toldNumbers.has(number)) assert.isTrue(Buffer.compare(old, content) === 0, `${path} is left out`)
      continue
    }
    assert.strictEqual(change.size, content.length)
    assert.strictEqual(change.sizeBefore, old.length)
    let at = 0
    for (const { count, offset } of [...change.ranges, { offset: content.length, count: 0 }]) {
      assert.isTrue(Buffer.compare(old.subarray(at, offset), content.subarray(at, offset)) === 0, `${path} from ${at}`)
      at = offset + count
    }
  }
}

describe("the difference of two states", () => {
  it.effect("tells what was added, removed, renamed and changed", () =>
    Effect.gen(function* () {
      const service = yield* Volume.Volume
      const large = pattern(3 * MEBIBYTE)
      yield* Files.makeFolder(service, "/docs")
      yield* Files.makeFolder(service, "/docs/old")
      yield* Files.writeFile(service, "/docs/old/a", bytes("a"))
      yield* Files.writeFile(service, "/docs/old/b", bytes("b"))
      yield* Files.writeFile(service, "/docs/plan", bytes("first"))
      yield* Files.writeFile(service, "/large", large)
      yield* Files.writeFile(service, "/moved", bytes("moved"))
      yield* Files.makeFolder(service, "/tree")
      yield* Files.writeFile(service, "/tree/leaf", bytes("leaf"))
      yield* service.snapshots.create("monday")
      yield* Files.removeTree(service, "/docs/old")
      yield* Files.writeFile(service, "/docs/plan", bytes("first and second"))
      yield* Files.write(service, "/large", 1_000_000, bytes("here"))
      yield* Files.rename(service, "/moved", "/docs/there")
      yield* Files.rename(service, "/tree", "/wood")
      yield* Files.makeFolder(service, "/new")
      yield* Files.writeFile(service, "/new/file", bytes("new"))
      yield* service.snapshots.create("tuesday")
      const found = yield* changes(service, "monday", "tuesday")
      assert.deepStrictEqual(found.map(short).toSorted(), [
        "+ /new",
        "+ /new/file",
        "- /docs/old",
        "- /docs/old/a",
        "- /docs/old/b",
        "/moved > /docs/there",
        "/tree > /wood",
        "~ /docs/plan",
        "~ /large"
      ])
      const changed = found.find((one) => short(one) === "~ /large")
      assert(changed?._tag === "Changed")
      assert.strictEqual(changed.ranges.length, 1)
      const [{ count, offset }] = changed.ranges
      assert.isTrue(offset <= 1_000_000 && offset + count >= 1_000_004 && count <= 65_536, `${offset} +${count}`)
      assert.deepStrictEqual((yield* changes(service, "tuesday", "monday")).map(short).toSorted(), [
        "+ /docs/old",
        "+ /docs/old/a",
        "+ /docs/old/b",
        "- /new",
        "- /new/file",
        "/docs/there > /moved",
        "/wood > /tree",
        "~ /docs/plan",
        "~ /large"
      ])
      assert.deepStrictEqual(yield* changes(service, "tuesday"), [])
      const tag = yield* Effect.flip(changes(service, "sunday"))
      assert.strictEqual(tag.reason._tag, "SnapshotNotFound")
    }).pipe(Effect.provide(volume()))
  )

  it.live("is what a comparison of everything says, whatever was done", () =>
    Effect.gen(function* () {
      const histogram: Record<string, number> = {}
      for (let seed = 1; seed <= 30; seed++) {
        const random = new Random(seed)
        yield* randomStates(random, histogram).pipe(Effect.provide(volume(8 * MEBIBYTE, { pageSize: 512 })))
      }
      for (const tag of ["+", "-", ">", "~"]) assert.isAbove(histogram[tag] ?? 0, 100, `${tag} appears often`)
    })
  )
})

const randomStates = Effect.fnUntraced(function* (random: Random, histogram: Record<string, number>) {
  const service = yield* Volume.Volume
  const states: Array<Listing> = []
  const names = ["a", "b", "c", "d"]
  const path = (): string => {
    let made = ""
    for (let depth = 1 + random.below(3); depth > 0; depth--) made += `/${names[random.below(4)]}`
    return made
  }
  const operations: ReadonlyArray<() => Effect.Effect<unknown, unknown>> = [
    () => Files.makeFolder(service, path()),
    () => Files.makeFolder(service, path()),
    () => Files.writeFile(service, path(), random.bytes(random.below(3) === 0 ? random.below(9000) : random.below(90))),
    () => Files.write(service, path(), random.below(5000), random.bytes(1 + random.below(700))),
    () => Files.truncate(service, path(), random.below(6000)),
    () => Files.rename(service, path(), path()),
    () => Files.rename(service, path(), path()),
    () => Files.link(service, path(), path()),
    () => Files.removeTree(service, path()),
    () => Files.setAttribute(service, path(), "user.tag", random.bytes(3))
  ]
  for (let round = 0; round < 6; round++) {
    for (let i = random.below(60); i > 0; i--) yield* Effect.ignore(operations[random.below(operations.length)]())
    yield* service.snapshots.create(String(round))
    states.push(yield* listing(service))
  }
  for (const from of states.keys()) {
    for (const to of states.keys()) {
      const found = yield* changes(service, String(from), String(to))
      const told = found.filter(({ _tag }) => _tag !== "Changed").map(short)
      assert.deepStrictEqual(told.toSorted(), expected(states[from], states[to]), `from ${from} to ${to}`)
      checkContents(states[from], states[to], found)
      for (const one of found.map(short)) {
        const tag = one.includes(" > ") ? ">" : one[0]
        histogram[tag] = (histogram[tag] ?? 0) + 1
      }
      if (from === to) assert.deepStrictEqual(found, [])
    }
  }
  const { problems } = yield* service.check({ deep: true })
  assert.deepStrictEqual(problems, [])
})
