import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Files from "../../src/core/Files.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Names from "../../src/core/Names.ts"
import * as Orphans from "../../src/core/Orphans.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const bytes = (count: number): Uint8Array => new Uint8Array(count).map((_, i) => i * 13)
const number = (result: number | string): number => {
  assert.isNumber(result)
  return result as number
}

/** Free pages once nothing but the empty root folder is left, in the allocator's own count. */
const freeWhenEmpty = (files: TestFiles): number => {
  assert.strictEqual(files.volume.commit(), "Plan")
  return files.volume.head.root.record.freeCount
}

describe("Orphans", () => {
  it("are files that were open when their last name went", () => {
    const files = new TestFiles()
    const free = files.volume.head.root.record.freeCount
    const file = number(outcome(files.file("/f", bytes(9000))))
    files.open.add(file)
    assert.deepStrictEqual(outcome(files.unlink("/f")), { _tag: "Orphaned", number: file })
    assert.strictEqual(outcome(files.resolve("/f")), "NotFound")
    assert.strictEqual(outcome(files.write(file, 9000, "more")), 9004)
    assert.strictEqual(files.sweep(10), 0)
    files.volume.commit()
    files.volume.reopen()
    FilesCheck.check(files.volume)
    assert.deepStrictEqual(Result.getOrThrow(files.read(file, 0, 9000)), bytes(9000))
    files.open.delete(file)
    assert.strictEqual(files.sweep(10), 1)
    assert.isUndefined(files.inode(file))
    FilesCheck.check(files.volume)
    assert.strictEqual(freeWhenEmpty(files), free)
  })

  it("are large files, freed in bounded steps", () => {
    const files = new TestFiles({ pageBytes: 512, pageCount: 8192 })
    const free = files.volume.head.root.record.freeCount
    const file = number(outcome(files.file("/f", bytes(512 * 3000))))
    files.volume.commit()
    assert.deepStrictEqual(outcome(files.unlink("/f")), { _tag: "Orphaned", number: file })
    for (const left of [1976, 952]) {
      assert.isFalse(files.volume.run((draft) => Orphans.reap(draft, file, 1, files.time, files.open)))
      assert.strictEqual(files.inode(file)?.size, left * 512)
      files.volume.commit()
      FilesCheck.check(files.volume)
    }
    assert.strictEqual(files.sweep(3), 1)
    assert.isUndefined(files.inode(file))
    assert.strictEqual(freeWhenEmpty(files), free)
  })

  it("have holes that cost nothing", () => {
    const files = new TestFiles()
    const file = number(outcome(files.file("/f")))
    const sizeMax = 2 ** 48 - 1
    for (let exponent = 20; exponent < 48; exponent += 4) files.write(file, 2 ** exponent, "data")
    assert.strictEqual(outcome(files.truncate(file, sizeMax)), 1)
    assert.deepStrictEqual(outcome(files.unlink("/f")), { _tag: "Orphaned", number: file })
    // Seven stretches of data, each with a hole before it, and a hole at the end: no more pieces than that.
    assert.isAtMost(files.sweep(1), 17)
    FilesCheck.check(files.volume)
  })

  it("have any number of attributes", () => {
    const files = new TestFiles({ pageBytes: 512 })
    for (const make of [
      () => files.file("/f", bytes(20)),
      () => files.folder("/f"),
      () => files.symbolicLink("/f", "x")
    ]) {
      const made = number(outcome(make()))
      for (let i = 0; i < 40; i++) {
        const key = new TextEncoder().encode(`user.${i}`)
        files.volume.run((draft) => Attributes.set(draft, made, key, bytes(i * 9), "New", files.time))
      }
      assert.strictEqual(Result.getOrThrow(files.removeTree("/f"))._tag, "Orphaned")
      assert.isFalse(files.volume.run((draft) => Orphans.reap(draft, made, 15, files.time, files.open)))
      files.volume.commit()
      FilesCheck.check(files.volume)
      assert.strictEqual(files.sweep(15), 2)
      FilesCheck.check(files.volume)
    }
  })

  it("are whole subtrees, removed by one entry and freed step by step", () => {
    const files = new TestFiles({ pageBytes: 512, pageCount: 8192, seed: 5, unkindness: { forget: 0.2, abandon: 0.2 } })
    const free = files.volume.head.root.record.freeCount
    files.folder("/top")
    files.file("/kept", bytes(700))
    let path = "/top"
    for (let depth = 0; depth < 60; depth++) {
      for (let i = 0; i < 5; i++) files.file(`${path}/${i}`, bytes(i * 300))
      if (depth % 10 === 0) files.link("/kept", `${path}/link`)
      path += `/${"d".repeat(depth % 40)}x`
      files.folder(path)
    }
    const opened = number(outcome(files.resolve("/top/3")))
    files.open.add(opened)
    files.volume.commit()
    assert.strictEqual(Result.getOrThrow(files.removeTree("/top"))._tag, "Orphaned")
    assert.deepStrictEqual(outcome(files.list("/")), ["kept"])
    files.volume.commit()
    files.volume.reopen()
    FilesCheck.check(files.volume)
    let isDone = false
    for (let calls = 0; !isDone; calls++) {
      isDone = files.volume.run((draft) => Orphans.sweep(draft, 4, files.time, files.open))
      if (calls % 17 === 0) {
        files.volume.commit()
        FilesCheck.check(files.volume)
      }
    }
    assert.strictEqual(Result.getOrThrow(files.stat("/kept"))?.links, 1)
    assert.strictEqual(files.inode(opened)?.size, 900)
    files.open.delete(opened)
    files.sweep(100)
    files.unlink("/kept")
    FilesCheck.check(files.volume)
    assert.strictEqual(files.volume.draft.roots.inodeCount, 1)
    assert.strictEqual(freeWhenEmpty(files), free)
  })

  it("take no new names and no new entries", () => {
    const files = new TestFiles()
    const file = number(outcome(files.file("/f")))
    const folder = number(outcome(files.folder("/d")))
    files.file("/d/x")
    files.open.add(file)
    files.unlink("/f")
    files.removeTree("/d")
    const link = files.at("/new", (draft, place) => Files.link(draft, file, place, files.time))
    assert.strictEqual(outcome(link), "NotFound")
    const name = new Uint8Array([0x78])
    const place = files.volume.run((draft) => Names.placeIn(draft, folder, name))
    assert.strictEqual(outcome(place), "NotFound")
    assert.strictEqual(files.inode(folder)?.links, 0)
    assert.strictEqual(files.inode(file)?.links, 0)
    assert.strictEqual(files.inode(folder)?.type, Inode.FOLDER)
  })

  it("are no small files: those go at once, with their attributes", () => {
    const files = new TestFiles()
    const { volume } = files
    const free = volume.head.root.record.freeCount
    const file = number(outcome(files.file("/f", bytes(5000))))
    const names = ["a", "b", "c"].map((name) => Buffer.from(name))
    const set = (name: Uint8Array) =>
      volume.run((draft) => Attributes.set(draft, file, name, bytes(9), "Either", files.time++))
    for (const name of names) assert.isTrue(Result.isSuccess(set(name)))
    assert.strictEqual(Result.getOrThrow(files.unlink("/f"))._tag, "Freed")
    for (const name of names) {
      assert.strictEqual(outcome(volume.read((pages) => Attributes.get(pages, volume.names, file, name))), "NotFound")
    }
    FilesCheck.check(volume)
    assert.strictEqual(freeWhenEmpty(files), free)
  })

  it("have no names, and an inode", () => {
    const reason = (run: (files: TestFiles, file: number) => unknown): unknown => {
      const files = new TestFiles()
      const file = number(outcome(files.file("/f", bytes(10))))
      try {
        return run(files, file)
      } catch (thrown) {
        return thrown instanceof CorruptPage ? thrown.reason : thrown
      }
    }
    const reap = (files: TestFiles, of: number, steps = 5) =>
      files.volume.run((draft) => Orphans.reap(draft, of, steps, files.time, files.open))
    assert.strictEqual(
      reason((files, file) => reap(files, file)),
      "inode 2 is an orphan and has names"
    )
    // It is gone already.
    assert.isTrue(reason((files) => reap(files, 99)))
    assert.instanceOf(
      reason((files) => reap(files, 99, 0)),
      InvariantViolation
    )
    const forged = (files: TestFiles) => {
      files.volume.run((draft) => Inodes.putItem(draft, Inode.orphanKey(99), new Uint8Array(0)))
      return files.sweep(5)
    }
    assert.strictEqual(reason(forged), "orphan 99 has no inode")
  })
})
