import * as fc from "fast-check"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Content from "../../src/core/Content.ts"
import { Random } from "../../src/testing/Random.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { parameters } from "./propertyRuns.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const COUNT = 2

/** Two files and what they hold; a step does something to one of them. */
class Appended {
  readonly files: TestFiles
  readonly numbers: ReadonlyArray<number>
  /** The content of each. */
  models = Array.from({ length: COUNT }, () => new Uint8Array(0))
  /** Writes that went on at a tail: such a one is one change of its draft. */
  tails = 0
  readonly #random: Random

  constructor(random: Random, pageBytes: number) {
    this.#random = random
    this.files = new TestFiles({ pageBytes, pageCount: 8192 })
    this.numbers = Array.from({ length: COUNT }, (_, i) => Result.getOrThrow(this.files.file(`/${i}`)))
  }

  #write(file: number, offset: number, bytes: Uint8Array): void {
    const { files, models, numbers } = this
    const before = models[file]
    const isAppended = offset === before.length && this.#random.chance(0.5)
    const { draft: drafted } = files.volume
    const { changeCount } = drafted
    drafted.takeBuffer = (byteCount) => new Uint8Array(byteCount).fill(0xaa)
    const size = isAppended
      ? files.volume.run((draft) => Content.append(draft, numbers[file], bytes, files.time++))
      : files.write(numbers[file], offset, bytes)
    if (files.volume.draft.changeCount === changeCount + 1) this.tails++
    const after = new Uint8Array(Math.max(before.length, offset + bytes.length))
    after.set(before)
    after.set(bytes, offset)
    models[file] = after
    assert.strictEqual(outcome(size), bytes.length === 0 ? before.length : after.length)
    const inode = files.inode(numbers[file])
    assert.strictEqual(inode?.size, models[file].length)
    if (bytes.length > 0) assert.strictEqual(inode?.modifyTime, files.time - BigInt(1))
  }

  step(): void {
    const { files, models, numbers } = this
    const random = this.#random
    const { volume } = files
    const dice = random.below(100)
    const file = random.chance(0.9) ? 0 : random.below(COUNT)
    const { length } = models[file]
    if (dice < 80)
      this.#write(file, length, random.bytes(random.chance(0.9) ? random.below(1200) : random.below(40_000)))
    else if (dice < 84) this.#write(file, random.below(length + 1), random.bytes(random.below(1000)))
    else if (dice < 87) {
      const size = random.below(length + 3000)
      files.truncate(numbers[file], size)
      const after = new Uint8Array(size)
      after.set(models[file].subarray(0, size))
      models[file] = after
    } else if (dice < 92) volume.commit()
    else if (dice < 94) volume.writeEarly()
    else if (dice < 97) {
      const before = [...models]
      const { draft } = volume
      const savepoint = draft.savepoint()
      const steps = random.below(4)
      for (let i = 0; i < steps; i++) this.#write(file, models[file].length, random.bytes(random.below(900)))
      if (random.chance(0.5)) draft.merge(savepoint)
      else {
        draft.rollback(savepoint)
        this.models = before
      }
    } else this.expectSame(file)
  }

  expectSame(file: number): void {
    const model = this.models[file]
    assert.deepStrictEqual(outcome(this.files.read(this.numbers[file], 0, model.length + 1)), model)
  }
}

describe("Tail", () => {
  for (const pageBytes of [512, 4096, 65536]) {
    it(`is written to as the file is, in pages of ${pageBytes} bytes`, () => {
      let tails = 0
      fc.assert(
        fc.property(fc.nat(), fc.integer({ min: 10, max: 150 }), (seed, steps) => {
          const appended = new Appended(new Random(seed), pageBytes)
          for (let step = 0; step < steps; step++) appended.step()
          appended.models.forEach((_, file) => appended.expectSame(file))
          assert.strictEqual(appended.files.volume.commit(), "Plan")
          FilesCheck.check(appended.files.volume)
          appended.models.forEach((_, file) => appended.expectSame(file))
          tails += appended.tails
        }),
        parameters(30)
      )
      assert.isAbove(tails, 300, "most appends go on at a tail")
    })
  }

  it("ends with the largest file", () => {
    const files = new TestFiles({ pageBytes: 512 })
    const number = Result.getOrThrow(files.file("/f"))
    const max = Content.FILE_BYTES_MAX
    files.write(number, max - 3, "a")
    const append = (text: string) => outcome(files.write(number, files.inode(number)?.size ?? 0, text))
    assert.strictEqual(append("b"), max - 1)
    assert.strictEqual(append("cd"), "FileTooLarge")
    assert.strictEqual(append("c"), max)
    assert.strictEqual(append("d"), "FileTooLarge")
    assert.deepStrictEqual(outcome(files.read(number, max - 4, 10)), new Uint8Array([0, 0x61, 0x62, 0x63]))
  })
})
