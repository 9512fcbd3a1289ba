/** What recovery makes of the roots that it finds beside the one that it takes. */
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import type * as Pointer from "../../src/core/Pointer.ts"
import * as Recovery from "../../src/core/Recovery.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Rope from "../../src/core/Rope.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { generationOf, Scene, withSection } from "./RecoveryScene.ts"

/** The page of the slot behind the newest root. */
const nextPage = (scene: Scene): number => {
  const { slots } = scene.volume.superblock
  return RootSlots.pageOf(slots, RootSlots.next(slots, scene.slotOf(0)))
}

/** Writes the newest root again, with changes and a checksum that fits. */
const rewrite = (scene: Scene, changes: Partial<RootRecord.RootRecord>): void => {
  const { binding, superblock } = scene.volume
  const root = RootRecord.encode(binding, superblock.slots, { ...scene.newest.record, ...changes })
  scene.volume.write({ address: root.page, bytes: root.bytes })
}

const withRoots = (scene: Scene, roots: Partial<Roots>): void =>
  rewrite(scene, { roots: { ...scene.newest.record.roots, ...roots } })

const linkTo = (scene: Scene, place: Omit<Pointer.Pointer, "checksum" | "pageCount">, bytes: Uint8Array) => {
  const link = new Uint8Array(scene.volume.binding.layout.pointerBytes)
  Binding.writePointer(scene.volume.binding, { ...place, pageCount: 1 }, bytes, link, 0)
  return link
}

describe("an opened root", () => {
  it("is settled where the slot behind it is blank or holds an older root", () => {
    assert.isTrue(new Scene(5).opened().isSettled)
    assert.isTrue(new Scene(30).opened().isSettled)
  })

  it("is not settled where the slot behind it holds something else, or cannot be read", () => {
    for (const commits of [5, 30]) {
      const torn = new Scene(commits)
      torn.damage(nextPage(torn))
      assert.isFalse(torn.opened().isSettled, "part of a root")
      const unreadable = new Scene(commits)
      unreadable.unreadable.add(RootSlots.next(unreadable.volume.superblock.slots, unreadable.slotOf(0)))
      assert.isFalse(unreadable.opened(true).isSettled)
    }
  })

  it("is not settled where a newer root was rejected or torn", () => {
    const rejected = new Scene(6)
    rejected.damage(rejected.young[0])
    assert.isFalse(rejected.opened().isSettled)
    const torn = new Scene(6)
    torn.damage(torn.pageOf(0))
    assert.isFalse(torn.opened().isSettled)
  })

  it("has no root to go back to where its parent is another than its base", () => {
    const scene = new Scene(6)
    const { young } = scene
    rewrite(scene, { parent: new Uint8Array(32).fill(1) })
    scene.damage(young[0])
    assert.strictEqual(scene.refused().cause, "Corrupt")
  })

  it("needs nothing where its commit wrote no page", () => {
    const scene = new Scene(3)
    scene.commitEmpty(false)
    const { root } = scene.volume.head
    const state = scene.opened()
    assert.strictEqual(generationOf(state), root.record.generation)
    assert.deepStrictEqual([root.record.clean, root.record.barriers], [false, 1])
    assert.deepStrictEqual(state.rewrite, [{ address: root.page, bytes: root.bytes }])
  })

  it("needs no page that was born with its base", () => {
    const scene = new Scene(6)
    const { base } = scene.newest.record
    const before = scene.young.length
    const missing = { address: 300, birth: base, kind: Node.TREE, level: 0 }
    withRoots(scene, { snapshots: { level: 0, link: linkTo(scene, missing, new Uint8Array(512)) } })
    assert.strictEqual(generationOf(scene.opened()), scene.newest.record.generation)
    assert.strictEqual(scene.asked, before)
  })

  it("needs no page beyond the device", () => {
    const scene = new Scene(6)
    const { base, generation } = scene.newest.record
    const beyond = { address: 400, birth: generation, kind: Node.TREE, level: 0 }
    withRoots(scene, { snapshots: { level: 0, link: linkTo(scene, beyond, new Uint8Array(512)) } })
    const state = scene.opened()
    assert.strictEqual(generationOf(state), base)
    assert.deepStrictEqual(state.rejected, [{ generation, reason: "it lies outside the device", address: 400 }])
  })

  it("needs the content of files, which the names tree holds and no other tree", () => {
    for (const [tree, back] of [
      ["names", 1],
      ["snapshots", 0],
      ["deadlists", 0],
      ["tables", 0]
    ] as const) {
      const scene = new Scene(6)
      const { layout } = scene.volume.binding
      const birth = scene.newest.record.generation
      // The content was not written.
      const content = linkTo(scene, { address: 300, birth, kind: Node.DATA, level: 0 }, new Uint8Array(512).fill(1))
      const value = new Uint8Array(Inode.AT_CONTENT + Rope.encodedBytes(layout))
      Rope.encode({ size: 512, level: 0, link: content }, value, Inode.AT_CONTENT)
      const leaf = new Uint8Array(512)
      Node.clear(leaf, Node.TREE, 0)
      TreeNode.insertItem(layout, leaf, 0, Inode.inodeKey(9), value)
      scene.volume.write({ address: 301, bytes: leaf })
      const link = linkTo(scene, { address: 301, birth, kind: Node.TREE, level: 0 }, leaf)
      withRoots(scene, { [tree]: { level: 0, link } })
      assert.strictEqual(generationOf(scene.opened()), scene.roots.at(-1 - back)!.record.generation, tree)
    }
  })
})

describe("the roots of a disk", () => {
  it("are all that the slots hold, the newest first", () => {
    const scene = new Scene(30)
    scene.damage(scene.pageOf(3))
    const { binding, superblock } = scene.volume
    const slots = Array.from({ length: superblock.slots.count }, (_, slot) =>
      slot === scene.slotOf(5) ? undefined : scene.volume.page(RootSlots.pageOf(superblock.slots, slot))
    )
    const expected = scene.roots.slice(-superblock.slots.count).toReversed()
    assert.deepStrictEqual(
      Recovery.roots(binding, superblock, slots),
      expected.filter((_, back) => back !== 3 && back !== 5)
    )
  })

  it("may use unknown features where they are not newer than the newest root's base", () => {
    for (const back of [1, 2]) {
      const scene = new Scene(5)
      const old = scene.roots.at(-1 - back)!
      scene.volume.write({ address: old.page, bytes: withSection(scene, 0x8099, old) })
      assert.strictEqual(generationOf(scene.opened()), scene.newest.record.generation)
    }
  })

  it("are refused for what the newest of them asks, in whatever slots they are", () => {
    for (const commits of [5, 24]) {
      const scene = new Scene(commits)
      const { slots } = scene.volume.superblock
      for (let slot = 0; slot < slots.count; slot++) scene.volume.disk[RootSlots.pageOf(slots, slot)] = undefined
      for (const [back, tag] of [0x8042, 0x8043].entries()) {
        const root = scene.roots.at(-1 - back)!
        scene.volume.write({ address: root.page, bytes: withSection(scene, tag, root) })
      }
      const { cause, reason } = scene.refused()
      assert.deepStrictEqual([cause, reason], ["UnsupportedFormat", `its newest root uses feature ${0x42}`])
    }
  })
})
