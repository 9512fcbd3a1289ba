/** What one commit takes, writes and refuses: a run of file content under the names tree, on a map made for it. */
import { assert, describe, it } from "vitest"
import * as Allocator from "../../src/core/Allocator.ts"
import * as BTree from "../../src/core/BTree.ts"
import * as Commit from "../../src/core/Commit.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Inode from "../../src/core/Inode.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Rope from "../../src/core/Rope.ts"
import * as Roots from "../../src/core/Roots.ts"
import { TestVolume } from "./TestVolume.ts"

const PAGES = 1000

/** A volume without files of which just `free` is free, and a draft on it. */
class Scene {
  readonly volume: TestVolume
  readonly draft: Draft<Roots.Roots>
  readonly head: Commit.Head

  constructor(free: Extent.ExtentSet, pageBytes = 512) {
    this.volume = new TestVolume({ pageBytes, pageCount: PAGES, isChecked: false })
    const { root } = this.volume.head
    const { map: before } = root.record
    const map = FreeMap.allocate(before, Extent.subtract(Extent.subtract(Extent.of(0, PAGES), before.used), free))
    const freeCount = Extent.size(free)
    const record = { ...root.record, map, freeCount, roots: Roots.empty(this.volume.binding.layout) }
    this.head = { root: { ...root, record }, allocator: Allocator.make(map, freeCount, 0, [], Extent.EMPTY) }
    this.draft = this.draftOf(record.generation + 1)
  }

  draftOf(generation: number): Draft<Roots.Roots> {
    return new Draft(this.volume.binding, { find: () => undefined }, generation, this.head.root.record.roots)
  }

  /** Puts a file whose content is one run. */
  put(tree: "names" | "deadlists", number: number, pages: number): void {
    const { draft } = this
    const { layout } = draft
    draft.attempt()
    const link = new Uint8Array(layout.pointerBytes)
    draft.createData(link, 0, new Uint8Array(pages * layout.pageBytes).fill(number))
    const value = new Uint8Array(Inode.AT_CONTENT + Rope.encodedBytes(layout))
    Rope.encode({ size: pages * layout.pageBytes, level: 0, link }, value, Inode.AT_CONTENT)
    draft.roots = { ...draft.roots, [tree]: BTree.put(draft, draft.roots[tree], Inode.inodeKey(number), value) }
    draft.keep()
  }

  early(): ReturnType<typeof Commit.early> {
    this.draft.attempt()
    const result = Commit.early(this.draft, this.head.allocator)
    this.draft.keep()
    return result
  }

  plan(draft = this.draft): ReturnType<typeof Commit.plan> {
    const circumstances = {
      slots: this.volume.superblock.slots,
      sessionId: new Uint8Array(16),
      bootId: new Uint8Array(16),
      time: BigInt(1)
    }
    draft.attempt()
    const result = Commit.plan(draft, this.head, this.head.allocator, circumstances, false)
    draft.keep()
    return result
  }
}

const { layout } = new Scene(Extent.of(500, 1)).draft
const reserve = Allocator.reserveCount(layout, PAGES)
const overhead = Allocator.overheadCount(layout, PAGES)
const pieces = Extent.fromUnsorted(Array.from({ length: 200 }, (_, i) => [500 + 2 * i, 1] as const))

const shapeOf = (writes: ReadonlyArray<{ readonly address: number; readonly bytes: Uint8Array }>) =>
  writes.map(({ address, bytes }) => [address, bytes.length / 512])

describe("Commit.early", () => {
  it("writes a file's content and its leaf, and leaves the roots of before as they are", () => {
    const scene = new Scene(Extent.of(500, 100))
    scene.put("names", 9, 8)
    const { link } = scene.draft.roots.names
    const result = scene.early()
    if (result._tag !== "EarlyWrites") assert.fail(result._tag)
    assert.deepStrictEqual(shapeOf(result.writes), [
      [500, 8],
      [508, 1]
    ])
    assert.strictEqual(result.allocator.freeCount, 91)
    assert.isTrue(Pointer.isMemory(layout, link, 0))
    assert.isFalse(Pointer.isMemory(layout, scene.draft.roots.names.link, 0))
    assert.strictEqual(Pointer.address(layout, scene.draft.roots.names.link, 0), 508)
  })

  it("takes no item of another tree for a file", () => {
    const scene = new Scene(Extent.of(500, 100))
    scene.put("deadlists", 9, 8)
    const result = scene.early()
    if (result._tag !== "EarlyWrites") assert.fail(result._tag)
    assert.lengthOf(result.writes, 1)
  })

  it("leaves the reserve, and room for what only a savepoint sees", () => {
    const room = reserve + 9 + 1
    for (const [free, missing] of [
      [room, 0],
      [room - 1, 1],
      [room - 4, 4]
    ]) {
      const scene = new Scene(Extent.of(500, free))
      scene.put("names", 9, 7)
      scene.draft.savepoint()
      // The leaf is copied: the one of before is seen by the savepoint.
      scene.put("names", 10, 1)
      const result = scene.early()
      if (missing === 0) assert.strictEqual(result._tag, "EarlyWrites")
      else assert.deepStrictEqual(result, { _tag: "DiskFull", missing })
    }
  })

  it("says that the free pages are in pieces", () => {
    const scene = new Scene(pieces)
    scene.put("names", 9, 8)
    assert.deepStrictEqual(scene.early(), { _tag: "Fragmented" })
  })
})

describe("Commit.plan", () => {
  it("may take of the reserve what commits need beyond their nodes", () => {
    const room = 9 + reserve - overhead
    for (const [free, missing] of [
      [room, 0],
      [room - 1, 1]
    ]) {
      const scene = new Scene(Extent.of(500, free))
      scene.put("names", 9, 8)
      const result = scene.plan()
      if (missing === 0) assert.strictEqual(result._tag, "Plan")
      else assert.deepStrictEqual(result, { _tag: "DiskFull", missing })
    }
  })

  it("says that the free pages are in pieces", () => {
    const scene = new Scene(pieces)
    scene.put("names", 9, 8)
    assert.deepStrictEqual(scene.plan(), { _tag: "Fragmented" })
  })

  it("needs a second barrier above a mebibyte", () => {
    for (const [more, barriers] of [
      [0, 1],
      [1, 2]
    ]) {
      const scene = new Scene(Extent.of(500, 400), 4096)
      // With its leaf a mebibyte.
      scene.put("names", 9, 255)
      if (more > 0) scene.put("deadlists", 9, more)
      const result = scene.plan()
      if (result._tag !== "Plan") assert.fail(result._tag)
      assert.strictEqual(result.root.record.barriers, barriers)
      assert.isFalse(result.root.record.clean)
    }
  })

  it("needs a generation above the base's", () => {
    const scene = new Scene(Extent.of(500, 100))
    const { generation } = scene.head.root.record
    assert.throws(() => scene.plan(scene.draftOf(generation)), InvariantViolation)
    assert.strictEqual(scene.plan(scene.draftOf(generation + 1))._tag, "Plan")
  })
})
