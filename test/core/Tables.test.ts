/**
 * Tables against a model: a map from text to bytes for each name.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Content from "../../src/core/Content.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Table from "../../src/core/Table.ts"
import * as Tables from "../../src/core/Tables.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { TestVolume } from "./TestVolume.ts"

const NAMES = ["a", "ab", "\0own"] as const
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")
const bytesOf = (latin1: string): Uint8Array => new Uint8Array(Buffer.from(latin1, "latin1"))
const noise = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >>> 8) + seed) & 0xff)

type Model = Map<string, Map<string, Uint8Array>>

const copyOf = (model: Model): Model => new Map([...model].map(([name, entries]) => [name, new Map(entries)]))

const NO_RANGE: Tables.Range = { from: undefined, to: undefined, isReverse: false }
const SOME: Tables.Limits = { countMax: 7, byteCountMax: 3000, hasValues: true }

/** A volume and what its tables should hold. */
class Run {
  readonly volume: TestVolume
  model: Model = new Map()
  #committed: Model = new Map()

  constructor(pageBytes: number, seed: number) {
    this.volume = new TestVolume({ pageBytes, seed, unkindness: { forget: 0.3, abandon: 0.2 } })
  }

  set(name: string, key: Uint8Array, value: Uint8Array): void {
    while (!this.volume.run((draft) => Tables.put(draft, utf8(name), key, value))) assert.isAbove(value.length, -1)
    if (!this.model.has(name)) this.model.set(name, new Map())
    this.model.get(name)?.set(text(key), value)
  }

  append(name: string, key: Uint8Array, bytes: Uint8Array): void {
    const before = this.model.get(name)?.get(text(key))
    if (before === undefined) return
    this.volume.run((draft) => Tables.append(draft, utf8(name), key, bytes))
    this.model.get(name)?.set(text(key), Uint8Array.of(...before, ...bytes))
  }

  get(name: string, key: Uint8Array): Uint8Array | undefined {
    return this.volume.read((pages) => {
      const content = Tables.get(pages, this.volume.names, utf8(name), key)
      if (content === undefined) return undefined
      const value = new Uint8Array(Content.sizeOf(content))
      Content.readContent(pages, content, 0, value)
      return value
    })
  }

  remove(name: string, key: Uint8Array): void {
    let removal: Tables.Removal
    do removal = this.volume.run((draft) => Tables.remove(draft, utf8(name), key))
    while (removal === "More")
    assert.strictEqual(removal === "Removed", this.model.get(name)?.delete(text(key)) ?? false)
  }

  clear(name: string, steps: number): void {
    while (!this.volume.run((draft) => Tables.clear(draft, utf8(name), steps))) assert.isAbove(steps, 0)
    this.model.get(name)?.clear()
  }

  drop(name: string, steps: number): void {
    while (!this.volume.run((draft) => Tables.drop(draft, utf8(name), steps))) assert.isAbove(steps, 0)
    this.model.delete(name)
  }

  /** All entries of a range, batch by batch. */
  scan(name: string, range: Tables.Range, limits: Tables.Limits): ReadonlyArray<Tables.Entry> {
    const all: Array<Tables.Entry> = []
    for (let rest = range; ;) {
      const { entries, isLast } = this.volume.read((pages) =>
        Tables.scan(pages, this.volume.names, utf8(name), rest, limits)
      )
      assert.isAtMost(entries.length, limits.countMax)
      all.push(...entries)
      if (isLast) return all
      const last = entries[entries.length - 1].key
      rest = range.isReverse ? { ...range, to: last } : { ...range, from: Uint8Array.of(...last, 0) }
    }
  }

  /** What the model has in a range. */
  expected(name: string, { from, isReverse, to }: Tables.Range): ReadonlyArray<readonly [string, Uint8Array]> {
    const inRange = [...(this.model.get(name) ?? [])].filter(
      ([key]) =>
        (from === undefined || Buffer.compare(bytesOf(key), from) >= 0) &&
        (to === undefined || Buffer.compare(bytesOf(key), to) < 0)
    )
    const sorted = inRange.sort(([a], [b]) => Buffer.compare(bytesOf(a), bytesOf(b)))
    return isReverse ? sorted.toReversed() : sorted
  }

  compareScan(name: string, range: Tables.Range, limits: Tables.Limits): number {
    const expected = this.expected(name, range)
    const found = this.scan(name, range, limits)
    assert.deepStrictEqual(
      found.map(({ key }) => text(key)),
      expected.map(([key]) => key)
    )
    for (const [i, { value }] of found.entries()) {
      const [, model] = expected[i]
      const isThere = limits.hasValues && model.length <= limits.byteCountMax
      assert.deepStrictEqual(value, isThere ? model : undefined)
    }
    return found.length
  }

  commit(): void {
    if (this.volume.commit() === "Plan") this.#committed = copyOf(this.model)
    else this.model = copyOf(this.#committed)
  }

  rollback(): void {
    this.volume.rollback()
    this.model = copyOf(this.#committed)
  }

  /** Compares everything. */
  compare(): void {
    const tables = this.volume.read((pages) => Tables.list(pages, this.volume.names, undefined, 100))
    const expected = [...this.model].map(([name, { size }]) => [name, size] as const)
    assert.deepStrictEqual(
      tables.map(({ count, name }) => [Buffer.from(name).toString(), count] as const),
      expected.sort(([a], [b]) => Buffer.compare(utf8(a), utf8(b)))
    )
    for (const [name, entries] of this.model) {
      this.compareScan(name, NO_RANGE, { countMax: 1000, byteCountMax: 1e9, hasValues: true })
      this.compareScan(name, { ...NO_RANGE, isReverse: true }, SOME)
      for (const [key, value] of entries) assert.deepStrictEqual(this.get(name, bytesOf(key)), value)
    }
    FilesCheck.check(this.volume)
  }
}

const name = fc.constantFrom(...NAMES)
/** Keys of few letters, so that they meet again; and any bytes. */
const key = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(fc.constantFrom(0, 1, 0x61, 0xff), { maxLength: 3 }).map((some) => Uint8Array.from(some))
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(100, 130).map((count) => new Uint8Array(count).fill(0x6b)) }
)
const size = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 60 }) },
  { weight: 2, arbitrary: fc.nat({ max: 2000 }) },
  { weight: 1, arbitrary: fc.nat({ max: 30_000 }) }
)
const optional = fc.option(key, { nil: undefined })
const limits = fc.record({
  countMax: fc.integer({ min: 1, max: 20 }),
  byteCountMax: fc.integer({ min: 1, max: 5000 }),
  hasValues: fc.boolean()
})
const range = fc.record({ from: optional, to: optional, isReverse: fc.boolean() })

type Step = (run: Run) => void

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(name, key, size, fc.nat({ max: 255 })).map(
      ([table, at, count, seed]): Step =>
        (run) =>
          run.set(table, at, noise(count, seed))
    )
  },
  {
    weight: 1,
    arbitrary: fc.tuple(name, key, size).map(
      ([table, at, count]): Step =>
        (run) =>
          run.append(table, at, noise(count + 1, 7))
    )
  },
  {
    weight: 4,
    arbitrary: fc.tuple(name, key).map(
      ([table, at]): Step =>
        (run) =>
          run.remove(table, at)
    )
  },
  {
    weight: 3,
    arbitrary: fc.tuple(name, key).map(
      ([table, at]): Step =>
        (run) =>
          assert.deepStrictEqual(run.get(table, at), run.model.get(table)?.get(text(at)))
    )
  },
  {
    weight: 3,
    arbitrary: fc.tuple(name, range, limits).map(
      ([table, wanted, some]): Step =>
        (run) =>
          void run.compareScan(table, wanted, some)
    )
  },
  {
    weight: 1,
    arbitrary: fc.tuple(name, fc.integer({ min: 1, max: 5 }), fc.boolean()).map(
      ([table, steps, isDropped]): Step =>
        (run) =>
          isDropped ? run.drop(table, steps) : run.clear(table, steps)
    )
  },
  { weight: 3, arbitrary: fc.constant<Step>((run) => run.commit()) },
  { weight: 1, arbitrary: fc.constant<Step>((run) => run.rollback()) },
  { weight: 1, arbitrary: fc.constant<Step>((run) => void run.volume.writeEarly()) }
)

/** Nothing comes of an attempt that breaks a rule. */
const refuses = (run: Run, f: () => void, message: string): void => {
  assert.throws(f, message)
  run.volume.draft.abandon()
}

describe("Tables", () => {
  for (const pageBytes of [512, 4096]) {
    it(`are maps from bytes to bytes, in pages of ${pageBytes} bytes`, () => {
      let found = 0
      fc.assert(
        fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), fc.nat(), (steps, seed) => {
          const run = new Run(pageBytes, seed)
          for (const take of steps) take(run)
          run.compare()
          run.commit()
          run.volume.reopen()
          run.compare()
          found += [...run.model.values()].reduce((sum, entries) => sum + entries.size, 0)
        }),
        parameters(120)
      )
      assert.isAbove(found, scaled(200))
    }, 120_000)

    it(`hold many entries, and give all pages back, in pages of ${pageBytes} bytes`, () => {
      const run = new Run(pageBytes, 5)
      run.volume.unkindness = { forget: 0, abandon: 0 }
      const before = run.volume.head.allocator.freeCount
      const keyOf = (i: number): Uint8Array => utf8(`key ${String((i * 7919) % 3000).padStart(5, "0")}`)
      for (let i = 0; i < 3000; i++) {
        run.set("a", keyOf(i), noise(i % 50 === 0 ? 1500 : i % 40, i))
        if (i % 500 === 0) run.commit()
      }
      run.commit()
      run.compare()
      assert.strictEqual(
        run.compareScan("a", { ...NO_RANGE, from: utf8("key 01000"), to: utf8("key 0200") }, SOME),
        1000
      )
      for (let i = 0; i < 3000; i += 2) run.remove("a", keyOf(i))
      run.commit()
      run.compare()
      run.drop("a", 64)
      run.commit()
      run.compare()
      assert.isAtLeast(run.volume.head.allocator.freeCount, before - 2)
    }, 120_000)
  }

  it("take a key and a value of any length, the longest too", () => {
    for (const pageBytes of [512, 4096]) {
      const run = new Run(pageBytes, 3)
      const { layout } = run.volume
      const longest = Table.keyBytesMax(layout)
      for (const keyBytes of [0, 1, longest - 1, longest]) {
        for (const valueBytes of [0, 1, 27, 28, 29, 150, 153, 154, 155, 156, 1347, 1348, 1349, 1350, 1351, 70_000]) {
          run.set("a", new Uint8Array(keyBytes).fill(valueBytes), noise(valueBytes, 1))
        }
      }
      run.commit()
      run.compare()
      const last = new Uint8Array(longest + 1)
      assert.throws(() => run.volume.run((draft) => Tables.put(draft, utf8("a"), last, last)), /length/)
    }
  })

  it("keep a short value in its entry, and a long one as a rope", () => {
    const run = new Run(4096, 3)
    const { layout } = run.volume
    const max = Math.floor(layout.itemBytesMax / 3) - Inode.PREFIX_BYTES - 1 - 3
    const form = (): string | undefined =>
      run.volume.read((pages) => Tables.get(pages, run.volume.names, utf8("a"), utf8("key"))?._tag)
    run.set("a", utf8("key"), noise(max, 1))
    assert.strictEqual(form(), "Inline")
    run.set("a", utf8("key"), noise(max + 1, 1))
    assert.strictEqual(form(), "Rope")
    run.set("a", utf8("key"), noise(3, 1))
    assert.strictEqual(form(), "Inline")
    assert.isTrue(Table.isInline(layout, Table.keyBytesMax(layout), layout.pointerBytes + 7))
    assert.isFalse(Table.isInline(layout, Table.keyBytesMax(layout), layout.pointerBytes + 8))
    run.compare()
  })

  it("take their numbers from the inodes' row, and are none of them", () => {
    const run = new Run(512, 3)
    const { inodeCount, nextInode } = run.volume.draft.roots
    run.volume.run((draft) => Tables.create(draft, utf8("a")))
    run.volume.run((draft) => Tables.create(draft, utf8("a")))
    run.model.set("a", new Map())
    run.set("ab", utf8("k"), utf8("v"))
    assert.strictEqual(run.volume.draft.roots.nextInode, nextInode + 2)
    assert.strictEqual(run.volume.draft.roots.inodeCount, inodeCount)
    run.drop("a", 1)
    run.set("a", utf8("k"), utf8("v"))
    const again = run.volume.read((pages) => Tables.find(pages, run.volume.names, utf8("a")))
    assert.deepStrictEqual(again, { number: nextInode + 2, count: 1 })
    run.compare()
  })

  it("are written at the end, in the entry and as ropes", () => {
    const run = new Run(512, 3)
    for (const count of [0, 5, 3000]) {
      const key = utf8(`${count}`)
      run.set("a", key, noise(count, 1))
      for (let i = 0; i < 3; i++) {
        run.append("a", key, noise(700, i))
        run.commit()
      }
    }
    run.compare()
    for (const [name, key] of [
      ["a", "b"],
      ["b", "0"]
    ]) {
      const append = (): void => run.volume.run((draft) => Tables.append(draft, utf8(name), utf8(key), utf8("x")))
      refuses(run, append, "a value was set before more of it is")
    }
  })

  it("have names that were checked", () => {
    const run = new Run(512, 3)
    const longest = Inode.nameBytesMax(run.volume.layout)
    const name = (count: number): Uint8Array => new Uint8Array(count).fill(0x61)
    const put = (count: number) => run.volume.run((draft) => Tables.put(draft, name(count), utf8("k"), utf8("v")))
    const create = (count: number) => run.volume.run((draft) => Tables.create(draft, name(count)))
    for (const make of [put, create]) {
      assert.doesNotThrow(() => void make(1))
      assert.doesNotThrow(() => void make(longest))
      for (const count of [0, longest + 1]) refuses(run, () => void make(count), "the name of a table was checked")
    }
  })

  it("are listed some at a time, after a name that need not be there", () => {
    const run = new Run(512, 3)
    for (const name of ["b", "ba", "bab", "c"]) run.volume.run((draft) => Tables.create(draft, utf8(name)))
    const list = (after: string | undefined, countMax: number) =>
      run.volume
        .read((pages) => Tables.list(pages, run.volume.names, after === undefined ? undefined : utf8(after), countMax))
        .map(({ name }) => Buffer.from(name).toString())
    assert.deepStrictEqual(list(undefined, 2), ["b", "ba"])
    assert.deepStrictEqual(list("b", 9), ["ba", "bab", "c"])
    assert.deepStrictEqual(list("a", 9), ["b", "ba", "bab", "c"])
    assert.deepStrictEqual(list("ba", 1), ["bab"])
    assert.deepStrictEqual(list("c", 1), [])
    assert.throws(() => list("c", 0), "at least one at a time")
  })

  it("are found again after what was known of them is gone", () => {
    const run = new Run(512, 3)
    const { volume } = run
    for (let i = 0; i < 400; i++) run.set("a", Uint8Array.of(i >> 8, i), noise(20, i))
    run.commit()
    const { draft } = volume
    run.set("a", bytesOf("new"), noise(3, 1))
    // The way to the table is known to be in memory, and written early behind a savepoint that is rolled back.
    const savepoint = draft.savepoint()
    run.set("a", Uint8Array.of(1, 7), noise(20, 7))
    assert.isTrue(volume.writeEarly())
    draft.rollback(savepoint)
    run.set("a", bytesOf("newer"), noise(3, 3))
    run.set("a", Uint8Array.of(1, 7), noise(20, 8))
    assert.strictEqual(volume.read((pages) => Tables.find(pages, volume.names, utf8("a")))?.count, 402)
    run.rollback()
    assert.strictEqual(volume.read((pages) => Tables.find(pages, volume.names, utf8("a")))?.count, 400)
  })

  it("are read as far as a call may: entries, bytes, values", () => {
    const run = new Run(512, 3)
    const { volume } = run
    for (let i = 0; i < 6; i++) run.set("a", Uint8Array.of(i), noise(10, i))
    run.set("a", Uint8Array.of(6), noise(200, 6))
    const scan = (limits: Tables.Limits) =>
      volume.read((pages) => Tables.scan(pages, volume.names, utf8("a"), NO_RANGE, limits))
    const counts = (limits: Tables.Limits) => {
      const { entries, isLast } = scan(limits)
      return [entries.length, entries.filter(({ value }) => value !== undefined).length, isLast]
    }
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 1000, hasValues: true }), [7, 7, true])
    assert.deepStrictEqual(counts({ countMax: 7, byteCountMax: 1000, hasValues: true }), [7, 7, false])
    assert.deepStrictEqual(counts({ countMax: 3, byteCountMax: 1000, hasValues: true }), [3, 3, false])
    // An entry has 11 bytes here: the third one reaches 33, and not 34.
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 33, hasValues: true }), [3, 3, false])
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 34, hasValues: true }), [4, 4, false])
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 34, hasValues: false }), [7, 0, true])
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 10, hasValues: true }), [1, 1, false])
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 9, hasValues: true }), [1, 0, false])
    assert.deepStrictEqual(counts({ countMax: 8, byteCountMax: 200, hasValues: true }), [7, 7, false])
    assert.throws(() => scan({ countMax: 0, byteCountMax: 1, hasValues: true }), "at least one entry at a time")
  })

  it("are cleared by so many entries, or so many bytes, at a time", () => {
    const run = new Run(512, 3)
    const { volume } = run
    const count = (): number => volume.read((pages) => Tables.find(pages, volume.names, utf8("a")))?.count ?? -1
    const clear = (countMax: number) => volume.run((draft) => Tables.clear(draft, utf8("a"), countMax))
    for (let i = 0; i < 6; i++) run.set("a", Uint8Array.of(i), noise(10, i))
    assert.deepStrictEqual([clear(4), count()], [false, 2])
    assert.deepStrictEqual([clear(2), count()], [false, 0])
    assert.deepStrictEqual([clear(2), count()], [true, 0])
    refuses(run, () => void clear(0), "at least one entry at a time")
    // 512 KiB are a piece.
    for (let i = 0; i < 4; i++) run.set("a", Uint8Array.of(i), noise(512 * 400, i))
    run.commit()
    assert.deepStrictEqual([clear(9), count()], [false, 1], "the third one reaches a piece")
    assert.deepStrictEqual([clear(9), count()], [true, 0])
    run.model.set("a", new Map())
    run.commit()
    run.compare()
    assert.isTrue(volume.run((draft) => Tables.clear(draft, utf8("none"), 1)))
    run.set("a", utf8("long"), noise(512 * 1300, 1))
    assert.deepStrictEqual([clear(9), count()], [false, 1])
    assert.isTrue(clear(9))
    assert.strictEqual(
      volume.run((draft) => Tables.remove(draft, utf8("none"), utf8("k"))),
      "Missing"
    )
  })

  it("give a long value up in pieces", () => {
    const run = new Run(512, 3)
    const long = noise(1200 * 512, 1)
    run.set("a", utf8("long"), long)
    run.set("a", utf8("short"), utf8("v"))
    run.commit()
    assert.isFalse(run.volume.run((draft) => Tables.put(draft, utf8("a"), utf8("long"), utf8("v"))))
    run.rollback()
    assert.strictEqual(
      run.volume.run((draft) => Tables.remove(draft, utf8("a"), utf8("long"))),
      "More"
    )
    run.rollback()
    assert.isFalse(run.volume.run((draft) => Tables.clear(draft, utf8("a"), 1)))
    run.rollback()
    run.compare()
    run.remove("a", utf8("long"))
    run.commit()
    run.compare()
    run.set("a", utf8("long"), long)
    run.commit()
    run.drop("a", 1)
    run.commit()
    run.compare()
  })

  it("are listed by name, some at a time", () => {
    const run = new Run(512, 3)
    for (const table of ["b", "a", "c", "ab"]) run.set(table, utf8("k"), utf8("v"))
    const list = (after: string | undefined, countMax: number) =>
      run.volume.read((pages) =>
        Tables.list(pages, run.volume.names, after === undefined ? undefined : utf8(after), countMax).map((table) =>
          text(table.name)
        )
      )
    assert.deepStrictEqual(list(undefined, 9), ["a", "ab", "b", "c"])
    assert.deepStrictEqual(list(undefined, 2), ["a", "ab"])
    assert.deepStrictEqual(list("ab", 2), ["b", "c"])
    assert.deepStrictEqual(list("aa", 9), ["ab", "b", "c"])
    assert.deepStrictEqual(list("c", 9), [])
  })
})
