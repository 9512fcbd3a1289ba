import * as fc from "fast-check"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Content from "../../src/core/Content.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { parameters } from "./propertyRuns.ts"
import { outcome, TestFiles } from "./TestFiles.ts"
import type { TestVolume } from "./TestVolume.ts"

const bytes = (count: number): Uint8Array => new Uint8Array(count).map((_, i) => i * 13)
const make = (pageBytes: number, content: Uint8Array) => {
  const files = new TestFiles({ pageBytes })
  const number = Result.getOrThrow(files.file("/f", content))
  return { files, number, form: () => files.inode(number)?.content._tag }
}

describe("Content", () => {
  for (const pageBytes of [512, 4096, 65536]) {
    it(`stands in the inode while it is short, in pages of ${pageBytes} bytes`, () => {
      const { files, form, number } = make(pageBytes, bytes(10))
      const max = Inode.inlineBytesMax(files.volume.layout)
      assert.strictEqual(outcome(files.write(number, max - 1, "x")), max)
      assert.strictEqual(form(), "Inline")
      assert.strictEqual(outcome(files.write(number, max, "y")), max + 1)
      assert.strictEqual(form(), "Rope")
      const expected = new Uint8Array(max + 1)
      expected.set(bytes(10))
      expected.set([0x78, 0x79], max - 1)
      assert.deepStrictEqual(outcome(files.read(number, 0, max + 100)), expected)
      assert.strictEqual(outcome(files.truncate(number, 5)), 1)
      assert.strictEqual(form(), "Rope")
      assert.strictEqual(outcome(files.truncate(number, 0)), 1)
      assert.strictEqual(form(), "Inline")
      assert.strictEqual(files.volume.commit(), "Plan")
      FilesCheck.check(files.volume)
    })
  }

  it("is made with its file", () => {
    for (const count of [0, 1, 1287, 1288, 1289, 4096, 100_000]) {
      const { files, number } = make(4096, bytes(count))
      assert.deepStrictEqual(outcome(files.read(number, 0, count + 1)), bytes(count))
      assert.strictEqual(files.inode(number)?.size, count)
    }
  })

  it("has less than 2^48 bytes", () => {
    const { files, number } = make(4096, bytes(0))
    const max = Content.FILE_BYTES_MAX
    assert.strictEqual(outcome(files.write(number, max - 1, "z")), max)
    assert.strictEqual(outcome(files.write(number, max, "z")), "FileTooLarge")
    assert.strictEqual(outcome(files.write(number, max - 1, "zz")), "FileTooLarge")
    assert.strictEqual(outcome(files.write(number, max, "")), max)
    assert.strictEqual(outcome(files.truncate(number, max + 1)), "FileTooLarge")
    const insert = files.volume.run((draft) => Content.insert(draft, number, 3, bytes(1), files.time))
    assert.strictEqual(outcome(insert), "FileTooLarge")
    assert.deepStrictEqual(outcome(files.read(number, max - 2, 10)), new Uint8Array([0, 0x7a]))
    assert.strictEqual(outcome(files.truncate(number, max)), 1)
    assert.isAtMost(outcome(files.truncate(number, 1)) as number, 3)
  })

  it("is given up in pieces, and holes at once", () => {
    const files = new TestFiles({ pageBytes: 512, pageCount: 16384 })
    const number = Result.getOrThrow(files.file("/f", bytes(512 * 5000)))
    files.volume.commit()
    assert.strictEqual(outcome(files.truncate(number, 512 * 2000)), 3)
    const punch = (offset: number, count: number) =>
      outcome(files.volume.run((draft) => Content.punch(draft, number, offset, count, files.time)))
    const remove = (offset: number, count: number) =>
      outcome(files.volume.run((draft) => Content.remove(draft, number, offset, count, files.time)))
    assert.strictEqual(punch(512, 512 * 1500), 512 * 1024)
    assert.strictEqual(punch(512 * 1025, 512 * 476), 512 * 476)
    assert.strictEqual(punch(512 * 100, 2 ** 40), 512 * 1401)
    assert.strictEqual(remove(512 * 100, 2 ** 40), 512 * 1401)
    assert.strictEqual(files.inode(number)?.size, 512 * 599)
    assert.strictEqual(remove(512 * 50, 2 ** 40), 2 ** 40)
    assert.strictEqual(files.inode(number)?.size, 512 * 50)
    assert.deepStrictEqual(outcome(files.read(number, 0, 512)), bytes(512))
    files.volume.commit()
    FilesCheck.check(files.volume)
  })

  it("belongs to files alone", () => {
    const files = new TestFiles()
    files.symbolicLink("/l", "x")
    const link = Result.getOrThrow(files.resolve("/l", false))
    assert.strictEqual(outcome(files.write(1, 0, "x")), "IsAFolder")
    assert.strictEqual(outcome(files.read(1, 0, 1)), "IsAFolder")
    assert.strictEqual(outcome(files.write(link, 0, "x")), "NotAFile")
    assert.strictEqual(outcome(files.write(99, 0, "x")), "NotFound")
  })

  it("changes times when it changes", () => {
    const { files, number } = make(4096, bytes(10))
    const times = () => {
      const { accessTime, birthTime, changeTime, modifyTime } = files.inode(number) ?? assert.fail()
      return [accessTime, birthTime, changeTime, modifyTime].map(Number)
    }
    assert.deepStrictEqual(times(), [100, 100, 100, 100])
    files.read(number, 0, 10)
    files.write(number, 4, "")
    const time = Number(files.time)
    files.write(number, 4, "x")
    assert.deepStrictEqual(times(), [100, 100, time, time])
  })
})

const PAGE = 512

/** One file, and the array of bytes that it has to be: each change answers how much of both there is afterwards. */
class Pair {
  readonly files = new TestFiles({ pageBytes: PAGE, unkindness: { forget: 0.2, abandon: 0.2 } })
  readonly number = Result.getOrThrow(this.files.file("/f"))
  expected: ReadonlyArray<number> = []

  #run<A>(operation: (draft: TestVolume["draft"]) => Parameters<typeof outcome<A>>[0]): A | string {
    return outcome(this.files.volume.run(operation))
  }

  #is(expected: ReadonlyArray<number>): void {
    this.expected = expected
    const { size } = this.files.inode(this.number) ?? assert.fail()
    assert.strictEqual(size, expected.length)
  }

  #padded(size: number): ReadonlyArray<number> {
    const missing = Math.max(0, size - this.expected.length)
    return [...this.expected, ...Array.from({ length: missing }, () => 0)]
  }

  write(at: number, added: ReadonlyArray<number>): void {
    const size = this.#run((draft) => Content.write(draft, this.number, at, Uint8Array.from(added), this.files.time++))
    if (added.length > 0) this.#is(this.#padded(at).toSpliced(at, added.length, ...added))
    assert.strictEqual(size, this.expected.length)
  }

  append(added: ReadonlyArray<number>): void {
    const size = this.#run((draft) => Content.append(draft, this.number, Uint8Array.from(added), this.files.time++))
    this.#is([...this.expected, ...added])
    assert.strictEqual(size, this.expected.length)
  }

  insert(at: number, added: ReadonlyArray<number>): void {
    const size = this.#run((draft) => Content.insert(draft, this.number, at, Uint8Array.from(added), this.files.time++))
    if (added.length > 0) this.#is(this.#padded(at).toSpliced(at, 0, ...added))
    assert.strictEqual(size, this.expected.length)
  }

  replace(added: ReadonlyArray<number>): void {
    const isDone = this.#run((draft) => Content.replace(draft, this.number, Uint8Array.from(added), this.files.time++))
    assert.isTrue(isDone)
    this.#is(added)
  }

  remove(at: number, count: number): void {
    const done = this.#run((draft) => Content.remove(draft, this.number, at, count, this.files.time++))
    assert.strictEqual(done, count)
    this.#is(this.expected.toSpliced(at, count))
  }

  punch(at: number, count: number): void {
    const done = this.#run((draft) => Content.punch(draft, this.number, at, count, this.files.time++))
    assert.strictEqual(done, count)
    this.#is(this.expected.map((byte, i) => (i >= at && i < at + count ? 0 : byte)))
  }

  truncate(size: number): void {
    assert.strictEqual(outcome(this.files.truncate(this.number, size)), 1)
    this.#is(this.#padded(size).slice(0, size))
  }

  commit(): void {
    assert.strictEqual(this.files.volume.commit(), "Plan")
  }

  /** All of it, a part of it, and the segments of it: holes are zero. */
  compare(from: number, count: number): void {
    const { files, number } = this
    const all = [...(outcome(files.read(number, 0, this.expected.length + 1)) as Uint8Array)]
    assert.deepStrictEqual(all, this.expected)
    const part = [...(outcome(files.read(number, from, count)) as Uint8Array)]
    assert.deepStrictEqual(part, this.expected.slice(from, from + count))
    let at = 0
    for (;;) {
      const segment = outcome(
        files.volume.read((pages) => Content.segment(pages, files.volume.names, number, at))
      ) as Exclude<ReturnType<typeof outcome<{ offset: number; count: number; isHole: boolean } | undefined>>, string>
      if (segment === undefined) break
      assert.strictEqual(segment.offset, at)
      if (segment.isHole) assert.isTrue(this.expected.slice(at, at + segment.count).every((byte) => byte === 0))
      at += segment.count
    }
    assert.strictEqual(at, this.expected.length)
  }
}

describe("Content against an array", () => {
  const offset = fc.oneof(
    fc.nat({ max: 12 }),
    fc.nat({ max: 60 }),
    fc.nat({ max: 5 * PAGE }),
    fc.constantFrom(0, PAGE, 2 * PAGE)
  )
  const added = fc
    .tuple(offset, fc.integer({ min: 1, max: 255 }))
    .map(([count, first]) => Array.from({ length: count }, (_, i) => 1 + ((first + i * 7) % 255)))
  const change = fc.oneof(
    fc.tuple(offset, added).map(
      ([at, bytes]) =>
        (pair: Pair) =>
          pair.write(at, bytes)
    ),
    fc.tuple(offset, added).map(
      ([at, bytes]) =>
        (pair: Pair) =>
          pair.insert(at, bytes)
    ),
    added.map((bytes) => (pair: Pair) => pair.append(bytes)),
    added.map((bytes) => (pair: Pair) => pair.replace(bytes)),
    fc.tuple(offset, offset).map(
      ([at, count]) =>
        (pair: Pair) =>
          pair.remove(at, count)
    ),
    fc.tuple(offset, offset).map(
      ([at, count]) =>
        (pair: Pair) =>
          pair.punch(at, count)
    ),
    offset.map((size) => (pair: Pair) => pair.truncate(size)),
    // What is on the disk has to be loaded before it is changed.
    fc.constant((pair: Pair) => pair.commit())
  )

  it("is what was written, put in and taken out", () => {
    let checked = 0
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 4, maxLength: 20, size: "max" }),
        offset,
        offset,
        (changes, from, count) => {
          const pair = new Pair()
          for (const apply of changes) {
            apply(pair)
            pair.compare(from, count)
          }
          FilesCheck.check(pair.files.volume)
          checked++
        }
      ),
      parameters(300)
    )
    assert.strictEqual(checked, parameters(300).numRuns)
  })

  it("ends where it says, in the inode and as a rope", () => {
    for (const count of [0, 3, 3000]) {
      const pair = new Pair()
      pair.append(Array.from({ length: count }, () => 1))
      pair.compare(1, 1)
      const { files, number } = pair
      for (const at of [count, count + 1]) {
        assert.isUndefined(
          outcome(files.volume.read((pages) => Content.segment(pages, files.volume.names, number, at)))
        )
        assert.deepStrictEqual(outcome(files.read(number, at, 5)), new Uint8Array(0))
      }
    }
  })

  it("stands in the inode again as soon as it is short and replaced, and as long as it grows little", () => {
    const pair = new Pair()
    const max = Inode.inlineBytesMax(pair.files.volume.layout)
    const form = () => pair.files.inode(pair.number)?.content._tag
    const ones = (count: number): ReadonlyArray<number> => Array.from({ length: count }, () => 1)
    pair.replace(ones(max))
    assert.strictEqual(form(), "Inline")
    pair.remove(0, 1)
    pair.insert(0, ones(1))
    pair.punch(0, 1)
    pair.truncate(max - 1)
    pair.truncate(max)
    assert.strictEqual(form(), "Inline")
    pair.insert(3, ones(1))
    assert.strictEqual(form(), "Rope")
    pair.replace(ones(max))
    assert.strictEqual(form(), "Inline")
    pair.truncate(max + 1)
    assert.strictEqual(form(), "Rope")
    pair.replace(ones(max + 1))
    assert.strictEqual(form(), "Rope")
    pair.remove(0, max + 1)
    assert.strictEqual(form(), "Inline")
    pair.compare(0, 1)
  })

  it("changes no time where nothing is asked for, and each where something is", () => {
    const pair = new Pair()
    const times = () => {
      const { changeTime, modifyTime } = pair.files.inode(pair.number) ?? assert.fail()
      return [changeTime, modifyTime]
    }
    pair.write(0, [1, 2, 3, 4])
    const before = times()
    pair.insert(2, [])
    pair.insert(4, [])
    pair.append([])
    pair.remove(1, 0)
    pair.remove(4, 1)
    pair.punch(1, 0)
    pair.punch(4, 2)
    assert.deepStrictEqual(times(), before)
    for (const act of [
      () => pair.insert(2, [9]),
      () => pair.append([9]),
      () => pair.remove(1, 1),
      () => pair.punch(1, 1),
      () => pair.truncate(3),
      () => pair.replace([])
    ]) {
      const { time } = pair.files
      act()
      assert.deepStrictEqual(times(), [time, time])
    }
  })

  it("is a rope where that is asked for, and appended to as one", () => {
    const { files } = new Pair()
    const { volume } = files
    const { isInline, read, size } = volume.run((draft) => {
      const content = Content.makeRope(draft, Uint8Array.of(1, 2, 3))
      const append = (before: Inode.Content, bytes: Uint8Array): Inode.Content =>
        Content.appended(draft, before, bytes, Content.planWrite(draft, before, Content.sizeOf(before), bytes.length))
      const longer = append(content, Uint8Array.of(4, 5))
      const fromInline = append({ _tag: "Inline", bytes: Uint8Array.of(7) }, Uint8Array.of(8))
      const target = new Uint8Array(6)
      Content.readContent(draft, longer, 0, target)
      Content.readContent(draft, fromInline, 1, target.subarray(5))
      const empty = Content.makeRope(draft, new Uint8Array(0))
      return {
        isInline: [content, longer, fromInline, empty].map(({ _tag }) => _tag === "Inline"),
        read: [...target],
        size: [content, longer, fromInline, empty].map(Content.sizeOf)
      }
    })
    assert.deepStrictEqual(isInline, [false, false, false, true])
    assert.deepStrictEqual(read, [1, 2, 3, 4, 5, 8])
    assert.deepStrictEqual(size, [3, 5, 2, 0])
  })

  it("is changed in files alone, whatever the change", () => {
    const files = new TestFiles()
    files.symbolicLink("/l", "target")
    const link = Result.getOrThrow(files.resolve("/l", false))
    const { time, volume } = files
    const some = Uint8Array.of(1)
    for (const [number, tag] of [
      [1, "IsAFolder"],
      [link, "NotAFile"],
      [99, "NotFound"]
    ] as const) {
      const outcomes = [
        volume.run((draft) => Content.append(draft, number, some, time)),
        volume.run((draft) => Content.insert(draft, number, 0, some, time)),
        volume.run((draft) => Content.remove(draft, number, 0, 1, time)),
        volume.run((draft) => Content.punch(draft, number, 0, 1, time)),
        volume.run((draft) => Content.replace(draft, number, some, time)),
        volume.run((draft) => Content.truncate(draft, number, 0, time)),
        volume.read((pages) => Content.segment(pages, volume.names, number, 0))
      ].map((result) => outcome<unknown>(result))
      assert.deepStrictEqual(
        outcomes,
        Array.from({ length: 7 }, () => tag)
      )
    }
    const target = (number: number) =>
      outcome<unknown>(volume.read((pages) => Content.readLink(pages, volume.names, number)))
    assert.deepStrictEqual([target(99), target(1)], ["NotFound", "NotASymbolicLink"])
    assert.deepStrictEqual(target(link), new TextEncoder().encode("target"))
  })

  it("is given up in pieces before it is replaced", () => {
    const files = new TestFiles({ pageBytes: PAGE, pageCount: 16384 })
    const number = Result.getOrThrow(files.file("/f", new Uint8Array(PAGE * 3000).fill(7)))
    const replace = () =>
      outcome(files.volume.run((draft) => Content.replace(draft, number, Uint8Array.of(1, 2), files.time)))
    assert.strictEqual(replace(), false)
    assert.strictEqual(files.inode(number)?.size, PAGE * 1976)
    assert.strictEqual(replace(), false)
    assert.strictEqual(replace(), true)
    assert.deepStrictEqual(outcome(files.read(number, 0, 9)), Uint8Array.of(1, 2))
    // A hole of any length is one piece, and ends where the data before it does.
    assert.strictEqual(outcome(files.truncate(number, PAGE * 100_000)), 1)
    assert.strictEqual(replace(), false)
    assert.strictEqual(files.inode(number)?.size, PAGE)
    assert.strictEqual(replace(), true)
    assert.strictEqual(files.inode(number)?.size, 2)
  })
})
