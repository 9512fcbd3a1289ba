import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Content from "../../src/core/Content.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

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
