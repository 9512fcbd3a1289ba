/** What single edits of a draft do, and what they refuse. */
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import { Draft } from "../../src/core/Draft.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import { checksum } from "./TestVolume.ts"

const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const binding = Binding.make(layout, checksum, new Uint8Array(16).fill(9))

const make = (find: () => Uint8Array | undefined = () => undefined) => ({
  draft: new Draft(binding, { find }, 5, ["roots"]),
  link: new Uint8Array(layout.pointerBytes)
})

const onDisk = (address: number, pageCount = 1): Uint8Array => {
  const link = new Uint8Array(layout.pointerBytes)
  Pointer.writePlace(layout, link, 0, { address, pageCount, birth: 3 })
  return link
}

/** Whether it throws that a page is corrupt; anything else passes through. */
const isCorrupt = (operation: () => unknown): boolean => {
  try {
    operation()
    return false
  } catch (thrown) {
    if (thrown instanceof CorruptPage) return true
    throw thrown
  }
}

describe("an edit", () => {
  it("changes a node in place that the draft owns, and copies it once a savepoint sees it", () => {
    const { draft, link } = make()
    draft.attempt()
    const node = draft.create(link, 0, Node.TREE, 0)
    assert.strictEqual(draft.edit(link, 0, Node.TREE, 0), node)
    draft.keep()
    draft.attempt()
    assert.strictEqual(draft.edit(link, 0, Node.TREE, 0), node)
    draft.keep()
    draft.savepoint()
    draft.attempt()
    assert.notStrictEqual(draft.edit(link, 0, Node.TREE, 0), node)
    draft.keep()
  })

  it("needs an attempt, even of a node in memory", () => {
    const { draft, link } = make()
    draft.attempt()
    draft.create(link, 0, Node.TREE, 0)
    draft.keep()
    assert.throws(() => draft.edit(link, 0, Node.TREE, 0), InvariantViolation)
  })

  it("is counted, as is every death", () => {
    const { draft, link } = make(() => new Uint8Array(512))
    draft.attempt()
    let before = draft.changeCount
    const grows = (what: string): void => {
      assert.isAbove(draft.changeCount, before, what)
      before = draft.changeCount
    }
    draft.create(link, 0, Node.TREE, 0)
    grows("a new node")
    draft.edit(link, 0, Node.TREE, 0)
    grows("a change in place")
    draft.release(90, 1, 3)
    grows("a released page")
    draft.discard(onDisk(80), 0)
    grows("a discarded page")
    draft.discard(link, 0)
    grows("a discarded node in memory")
    draft.discard(Pointer.makeNull(layout), 0)
    assert.strictEqual(draft.changeCount, before, "a null pointer has nothing to discard")
    assert.deepStrictEqual(
      draft.dead.map(({ address }) => address),
      [90, 80]
    )
    draft.keep()
  })

  it("misses nothing that it finds", () => {
    const page = new Uint8Array(512)
    const { draft } = make(() => page)
    const missing: Array<Pointer.Pointer> = []
    assert.strictEqual(draft.peek(onDisk(80), 0, Node.TREE, 0, missing), page)
    assert.deepStrictEqual(missing, [])
  })

  it("marks nothing as bookkeeping before it is told to, and not after the operation either", () => {
    const { draft } = make()
    for (const bookkeeping of [false, true, false]) {
      draft.attempt()
      draft.bookkeeping ||= bookkeeping
      draft.discard(onDisk(80), 0)
      draft.keep()
    }
    assert.deepStrictEqual(
      draft.dead.map(({ bookkeeping }) => bookkeeping),
      [false, true, false]
    )
  })

  it("has buffers of its own for runs", () => {
    assert.deepStrictEqual(make().draft.takeBuffer(7), new Uint8Array(7))
  })
})

describe("a memory pointer", () => {
  it("is forged if it names no node of the draft, or one of another kind or level", () => {
    const { draft, link } = make()
    draft.attempt()
    draft.create(link, 0, Node.TREE, 2)
    assert.isFalse(isCorrupt(() => draft.node(link, 0, Node.TREE, 2)))
    assert.isTrue(isCorrupt(() => draft.node(link, 0, Node.TREE, 1)))
    assert.isTrue(isCorrupt(() => draft.node(link, 0, Node.ROPE, 2)))
    assert.isTrue(isCorrupt(() => draft.node(link, 0, Node.ROPE, 1)))
    const forged = new Uint8Array(layout.pointerBytes)
    Pointer.writeMemory(layout, forged, 0, 99, 1)
    assert.isTrue(isCorrupt(() => draft.node(forged, 0, Node.TREE, 2)))
    draft.keep()
  })

  it("is settled while its node is in memory, and what was written is known", () => {
    const { draft, link } = make()
    draft.attempt()
    draft.create(link, 0, Node.TREE, 0)
    const id = Pointer.memoryId(layout, link, 0)
    draft.createData(link, 0, new Uint8Array(3 * 512))
    const data = Pointer.memoryId(layout, link, 0)
    draft.keep()
    assert.deepStrictEqual(draft.writtenExtents(), [])
    draft.settle(id, onDisk(70))
    draft.settle(data, onDisk(40, 3))
    assert.deepStrictEqual(draft.writtenExtents(), [40, 43, 70, 71])
    assert.throws(() => draft.settle(id, onDisk(71)), InvariantViolation)
  })
})
