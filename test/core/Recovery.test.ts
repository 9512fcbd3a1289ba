import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Recovery from "../../src/core/Recovery.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Roots from "../../src/core/Roots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { generationOf, Scene, withSection } from "./RecoveryScene.ts"
import { checksum } from "./TestVolume.ts"

describe("Recovery", () => {
  it("takes a clean root at once, and writes it again", () => {
    const scene = new Scene(5)
    scene.close()
    const state = scene.opened()
    assert.strictEqual(state.root.record.generation, scene.newest.record.generation)
    assert.isTrue(state.root.record.clean)
    assert.strictEqual(scene.asked, 0)
    assert.deepStrictEqual(state.rewrite, [{ address: scene.newest.page, bytes: scene.newest.bytes }])
    assert.strictEqual(state.nextGeneration, scene.newest.record.generation + 1)
    assert.deepStrictEqual(state.rejected, [])
  })

  it("takes a root with two barriers at once", () => {
    const scene = new Scene(3)
    const { binding, superblock } = scene.volume
    const root = RootRecord.encode(binding, superblock.slots, { ...scene.newest.record, barriers: 2 })
    scene.volume.write({ address: root.page, bytes: root.bytes })
    for (const page of scene.young) scene.damage(page)
    assert.strictEqual(generationOf(scene.opened()), root.record.generation)
    assert.strictEqual(scene.asked, 0)
  })

  it("verifies exactly the pages younger than the base, and writes them again", () => {
    const scene = new Scene(6)
    const state = scene.opened()
    const { young } = scene
    assert.isAbove(young.length, 2)
    assert.strictEqual(scene.asked, young.length)
    const rewritten = state.rewrite.slice(0, -1)
    assert.deepStrictEqual(
      rewritten.map(({ address }) => address).sort((a, b) => a - b),
      young
    )
    for (const { address, bytes } of rewritten) assert.deepStrictEqual(bytes, scene.volume.page(address))
    assert.strictEqual(state.rewrite.at(-1)?.address, scene.newest.page)
  })

  it("takes the root before where the newest is torn", () => {
    const scene = new Scene(5)
    scene.damage(scene.pageOf(0))
    const state = scene.opened()
    assert.strictEqual(generationOf(state), scene.newest.record.base)
    assert.deepStrictEqual(state.rejected, [])
  })

  it("takes exactly the base where any page of the newest does not verify, and tells", () => {
    const count = new Scene(6).young.length
    for (let i = 0; i < count; i++) {
      const scene = new Scene(6)
      const page = scene.young[i]
      scene.damage(page)
      const state = scene.opened()
      assert.strictEqual(generationOf(state), scene.newest.record.base)
      assert.deepStrictEqual(state.rejected, [
        { generation: scene.newest.record.generation, reason: "the bytes do not match their checksum", address: page }
      ])
      assert.strictEqual(state.nextGeneration, scene.newest.record.generation + 1, "I6: above the rejected one as well")
    }
  })

  it("refuses where the base does not verify either: never anything older (I10)", () => {
    const scene = new Scene(6)
    const { young } = scene
    scene.roots.pop()
    const older = scene.young
    for (const page of [...young, ...older]) scene.damage(page)
    const state = scene.refused()
    assert.strictEqual(state.cause, "Corrupt")
    assert.lengthOf(state.rejected, 2)
    assert.isDefined(state.address)
  })

  it("refuses where the slot of the base is damaged too", () => {
    const scene = new Scene(6)
    scene.damage(scene.young[0])
    scene.damage(scene.pageOf(1))
    assert.strictEqual(scene.refused().cause, "Corrupt")
  })

  it("refuses a disk without any root", () => {
    const scene = new Scene(2)
    const { slots } = scene.volume.superblock
    for (let slot = 0; slot < slots.count; slot++) scene.volume.disk[RootSlots.pageOf(slots, slot)] = undefined
    assert.strictEqual(scene.refused().cause, "Corrupt")
    assert.deepStrictEqual(scene.refused().rejected, [])
    scene.unreadable.add(3)
    assert.strictEqual(scene.refused().cause, "Unreadable")
    assert.strictEqual(scene.refused(true).cause, "Unreadable")
  })

  it("does not take an unreadable slot for a rollback (I11)", () => {
    // A ring of 24 slots that has gone round: every slot holds a root.
    const ring = 24
    for (let back = 0; back < ring; back++) {
      const scene = new Scene(30)
      assert.strictEqual(scene.volume.superblock.slots.count, ring)
      scene.unreadable.add(scene.slotOf(back))
      if (back === 0) {
        // The newest itself: the slot behind the newest readable one cannot be read.
        const state = scene.refused()
        assert.strictEqual(state.cause, "Unreadable")
        assert.strictEqual(state.address, scene.pageOf(0))
        assert.strictEqual(generationOf(scene.opened(true)), scene.newest.record.base)
      } else if (back === ring - 1) {
        // The oldest stands behind the newest: it might be newer.
        assert.strictEqual(scene.refused().cause, "Unreadable")
        assert.strictEqual(generationOf(scene.opened(true)), scene.newest.record.generation)
      } else assert.strictEqual(generationOf(scene.opened()), scene.newest.record.generation)
    }
  })

  it("does not call a newest root damaged beyond help whose base stands in an unreadable slot (I11)", () => {
    const scene = new Scene(6)
    scene.damage(scene.young[0])
    scene.unreadable.add(scene.slotOf(1))
    for (const force of [false, true]) {
      const state = scene.refused(force)
      assert.strictEqual(state.cause, "Unreadable")
      assert.strictEqual(state.address, scene.pageOf(1))
      assert.lengthOf(state.rejected, 1)
    }
    scene.unreadable.clear()
    assert.strictEqual(generationOf(scene.opened()), scene.newest.record.base)
  })

  it("refuses where the newest root stands in a wrong slot and the one before it is lost, and not where one is lost", () => {
    const lost = (change: (scene: Scene) => void): Scene => {
      const scene = new Scene(30)
      change(scene)
      return scene
    }
    const swap = (scene: Scene, a: number, b: number): void => {
      const { disk } = scene.volume
      const [first, second] = [scene.pageOf(a), scene.pageOf(b)]
      ;[disk[first], disk[second]] = [disk[second], disk[first]]
    }
    const rot = (scene: Scene, back: number, at = 100): void => {
      const bytes = scene.volume.page(scene.pageOf(back)).slice()
      bytes[at] ^= 1
      scene.volume.disk[scene.pageOf(back)] = bytes
    }
    const refusals: ReadonlyArray<(scene: Scene) => void> = [
      (scene) => swap(scene, 0, 1),
      (scene) => {
        swap(scene, 0, 9)
        rot(scene, 1)
      }
    ]
    for (const change of refusals) {
      const scene = lost(change)
      assert.strictEqual(scene.refused().cause, "Corrupt")
      const state = scene.opened(true)
      assert.strictEqual(generationOf(state), scene.roots[scene.roots.length - 3].record.generation)
      assert.strictEqual(state.nextGeneration, scene.newest.record.generation + 1)
    }
    // One root that is lost costs one step, whatever single bit of it is wrong; an older one costs nothing.
    const one = new Scene(30)
    for (let bit = 32 * 8; bit < 112 * 8; bit++) {
      for (const back of [0, 1, 5]) {
        const at = bit >> 3
        const page = one.pageOf(back)
        const before = one.volume.page(page)
        const bytes = before.slice()
        bytes[at] ^= 1 << (bit & 7)
        one.volume.disk[page] = bytes
        const expected = one.roots[one.roots.length - (back === 0 ? 2 : 1)]
        assert.strictEqual(generationOf(one.opened()), expected.record.generation, `bit ${bit} of root -${back}`)
        one.volume.disk[page] = before
      }
    }
    for (const [a, b] of [
      [0, 9],
      [1, 9],
      [3, 4]
    ]) {
      const scene = lost((one) => swap(one, a, b))
      const expected = scene.roots[scene.roots.length - (a === 0 ? 2 : 1)]
      assert.strictEqual(generationOf(scene.opened()), expected.record.generation)
    }
  })

  it("looks for an unreadable slot in the whole run without a valid root behind the newest", () => {
    const scene = new Scene(30)
    const { superblock } = scene.volume
    const after = (steps: number): number => (scene.slotOf(0) + steps) % superblock.slots.count
    for (const steps of [1, 2]) scene.damage(RootSlots.pageOf(superblock.slots, after(steps)))
    scene.unreadable.add(after(3))
    assert.strictEqual(scene.refused().cause, "Unreadable")
    scene.unreadable.clear()
    scene.unreadable.add(after(4))
    assert.strictEqual(generationOf(scene.opened()), scene.newest.record.generation, "a valid root stands between")
  })

  it("gives a next generation above all that it has seen, the rejected included", () => {
    const scene = new Scene(8)
    // A commit from another life, never finished: its root is newer and names pages that were not written.
    const { binding, superblock } = scene.volume
    const link = new Uint8Array(binding.layout.pointerBytes)
    Pointer.writePlace(binding.layout, link, 0, { address: 300, pageCount: 1, birth: 900 })
    const { hash, record: newest } = scene.newest
    const record = { ...newest, generation: 900, base: newest.generation, parent: hash }
    const roots = { ...record.roots, snapshots: { level: 0, link } }
    const slot = (record.slot + 1) % superblock.slots.count
    const torn = RootRecord.encode(binding, superblock.slots, { ...record, roots, slot })
    scene.volume.write({ address: torn.page, bytes: torn.bytes })
    const state = scene.opened()
    assert.strictEqual(generationOf(state), scene.newest.record.generation)
    assert.strictEqual(state.nextGeneration, 901)
  })

  it("passes over roots of another volume and of another slot (I14)", () => {
    const scene = new Scene(6)
    const { binding, superblock } = scene.volume
    const stranger = Binding.make(binding.layout, checksum, new Uint8Array(16).fill(0x99))
    const foreign = RootRecord.encode(stranger, superblock.slots, { ...scene.newest.record, generation: 999 })
    scene.volume.write({ address: foreign.page, bytes: foreign.bytes })
    assert.strictEqual(generationOf(scene.opened()), scene.newest.record.base)
    // The newest root, whole, in a slot that it was not written for.
    const moved = new Scene(6)
    const next = RootSlots.pageOf(superblock.slots, (moved.slotOf(0) + 1) % superblock.slots.count)
    moved.volume.write({ address: next, bytes: moved.newest.bytes })
    assert.strictEqual(generationOf(moved.opened()), moved.newest.record.generation)
    moved.damage(moved.pageOf(0))
    assert.strictEqual(generationOf(moved.opened()), moved.newest.record.base)
  })

  it("refuses a newest root that uses a feature which it does not know", () => {
    const scene = new Scene(4)
    const bytes = withSection(scene, 0x8099)
    scene.volume.write({ address: scene.newest.page, bytes })
    const state = scene.refused()
    assert.strictEqual(state.cause, "UnsupportedFormat")
    assert.strictEqual(scene.refused(true).cause, "UnsupportedFormat")
    scene.volume.write({ address: scene.newest.page, bytes: withSection(scene, 0x0099) })
    assert.strictEqual(
      generationOf(scene.opened()),
      scene.newest.record.generation,
      "a section that may be passed over"
    )
  })

  it("takes an accepted root only if all it needs is there, whatever is damaged", () => {
    const histogram = { newest: 0, base: 0, older: 0, refused: 0 }
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 30 }),
        fc.nat({ max: 1000 }),
        fc.nat({ max: 3 }),
        (commits, seed, faults) => {
          const scene = new Scene(commits, seed + 1)
          const { superblock } = scene.volume
          const { young } = scene
          for (let i = 0; i < faults; i++) {
            const dice = scene.random.below(3)
            if (dice === 0) scene.damage(scene.pageOf(scene.random.below(Math.min(2, scene.roots.length))))
            else if (dice === 1) scene.damage(young[scene.random.below(young.length)])
            else scene.damage(RootSlots.pageOf(superblock.slots, scene.random.below(superblock.slots.count)))
          }
          const state = scene.open()
          if (state._tag === "Refused") return void histogram.refused++
          const generation = generationOf(state)
          const back = scene.roots.length - 1 - scene.roots.findIndex(({ record }) => record.generation === generation)
          histogram[back === 0 ? "newest" : back === 1 ? "base" : "older"]++
          scene.volume.reachable(state.root)
          assert.deepStrictEqual(state.root.bytes, scene.roots[scene.roots.length - 1 - back].bytes)
        }
      ),
      parameters(60)
    )
    for (const count of [histogram.newest, histogram.base]) assert.isAbove(count, scaled(2))
    console.log(JSON.stringify({ name: "Recovery", ...histogram }))
  })

  /** What recovery makes of a tree of `levels` whose branches name one child `times` times. */
  const openHostile = (levels: number, times: number): { readonly state: Recovery.State; readonly asked: number } => {
    const scene = new Scene(2)
    const { volume } = scene
    const superblock = { ...volume.superblock, pageCountMax: 2 ** 48 }
    const geometry = { ...superblock.geometry, addressBytes: 6 }
    const binding = Superblock.binding({ ...superblock, geometry }, checksum)
    const { layout } = binding
    let link = new Uint8Array(layout.pointerBytes)
    for (let level = 0; level <= levels; level++) {
      const node = new Uint8Array(512)
      Node.clear(node, Node.TREE, level)
      if (level === 0) TreeNode.insertItem(layout, node, 0, Uint8Array.of(5), Uint8Array.of(1))
      for (let slot = 0; slot < (level > 0 ? times : 0); slot++) {
        const key = slot === 0 ? new Uint8Array(0) : Uint8Array.of(slot)
        TreeNode.insert(layout, node, slot, TreeNode.branchCell(layout, key, link))
      }
      const address = 200 + level
      const above = new Uint8Array(layout.pointerBytes)
      Binding.writePointer(binding, { address, pageCount: 1, birth: 50, kind: Node.TREE, level }, node, above, 0)
      volume.write({ address, bytes: node })
      link = above
    }
    const record: RootRecord.RootRecord = {
      ...scene.newest.record,
      generation: 50,
      base: 1,
      map: { ...scene.newest.record.map, pageCount: 2 ** 47, height: 0, link: new Uint8Array(layout.pointerBytes) },
      cursor: 0,
      roots: { ...Roots.empty(layout), snapshots: { level: levels, link } }
    }
    const root = RootRecord.encode(binding, superblock.slots, record)
    const slots = Array.from({ length: superblock.slots.count }, (_, slot) =>
      slot === record.slot ? root.bytes : new Uint8Array(512)
    )
    let state = Recovery.begin(binding, superblock, slots, false)
    let asked = 0
    while (state._tag === "Verifying" && asked < 10_000) {
      const wanted = Recovery.wanted(state)
      assert.isAtMost(wanted.length, 256)
      asked += wanted.length
      state = Recovery.loaded(
        state,
        wanted.map(({ address }) => volume.page(address))
      )
    }
    return { state, asked }
  }

  it("asks for no more than a commit with one barrier can have written, however hostile the nodes (I13)", () => {
    for (const [levels, times] of [
      [12, 15],
      [2, 18]
    ]) {
      const { asked, state } = openHostile(levels, times)
      assert.strictEqual(state._tag, "Refused")
      assert.isAtMost(asked, 2048)
    }
  })

  it("refuses a root that names a page twice: it could not be written again", () => {
    assert.strictEqual(openHostile(3, 1).state._tag, "Opened")
    assert.strictEqual(openHostile(1, 2).state._tag, "Refused")
  })
})
