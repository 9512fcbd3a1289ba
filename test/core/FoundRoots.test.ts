import { assert, describe, it } from "vitest"
import * as Bytes from "../../src/core/Bytes.ts"
import { FoundRoots } from "../../src/core/FoundRoots.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { Scene, withSection } from "./RecoveryScene.ts"

const pagesOf = ({ volume }: Scene): Array<Uint8Array | undefined> =>
  Array.from({ length: volume.superblock.slots.count }, (_, slot) =>
    volume.page(RootSlots.pageOf(volume.superblock.slots, slot)).slice()
  )

const foundIn = (scene: Scene, pages: ReadonlyArray<Uint8Array | undefined>): FoundRoots =>
  new FoundRoots(scene.volume.binding, scene.volume.superblock, pages)

describe("the roots that slots hold", () => {
  it("are asked for by what they claim, and taken by what verifies", () => {
    const scene = new Scene(6)
    const pages = pagesOf(scene)
    const [first, second] = [scene.slotOf(4), scene.slotOf(3)]
    // The one claims to be the newest and is torn; the other says nothing any more.
    Bytes.writeUint48(pages[first]!, 56, 1_000_000)
    pages[second]!.fill(0)
    const found = foundIn(scene, pages)
    assert.deepStrictEqual(found.newest(), { root: scene.newest, unsupported: undefined })
    assert.isUndefined(found.at(first))
    assert.isUndefined(found.at(second))
    const left = scene.roots.filter(({ record }) => record.slot !== first && record.slot !== second)
    assert.deepStrictEqual([...found.all()], left.toReversed())
  })

  it("are the base of another one by generation and by hash", () => {
    const scene = new Scene(6)
    const found = foundIn(scene, pagesOf(scene))
    const { record } = scene.newest
    assert.deepStrictEqual(found.baseOf(record), scene.roots.at(-2))
    assert.isUndefined(found.baseOf({ ...record, parent: new Uint8Array(32) }))
    assert.isUndefined(found.baseOf({ ...record, base: record.base - 1 }))
  })

  it("tell what asks for more, unless the newest does not need to know", () => {
    const scene = new Scene(6)
    const { superblock } = scene.volume
    for (const [back, isTold] of [
      [0, true],
      [1, false],
      [2, false]
    ] as const) {
      const root = scene.roots.at(-1 - back)!
      const pages = pagesOf(scene)
      pages[root.record.slot] = withSection(scene, 0x8042, root)
      const { root: newest, unsupported } = foundIn(scene, pages).newest()
      assert.strictEqual(unsupported?.generation, isTold ? root.record.generation : undefined)
      assert.deepStrictEqual(newest, isTold ? scene.roots.at(-2) : scene.newest)
    }
    assert.deepStrictEqual(foundIn(scene, Array.from({ length: superblock.slots.count })).newest(), {
      root: undefined,
      unsupported: undefined
    })
  })

  it("stand in a wrong slot where they verify in their own", () => {
    const scene = new Scene(8)
    const pages = pagesOf(scene)
    const [newest, before] = [scene.slotOf(0), scene.slotOf(1)]
    assert.isUndefined(foundIn(scene, pages).displaced(0), "each is in its own")
    const swapped = pages.with(newest, pages[before]).with(before, pages[newest])
    const found = foundIn(scene, swapped)
    const { generation } = scene.roots.at(-3)!.record
    assert.deepStrictEqual(found.newest().root, scene.roots.at(-3))
    assert.strictEqual(found.displaced(generation)?.generation, scene.newest.record.generation)
    assert.isUndefined(found.displaced(scene.newest.record.base), "its base is not lost")
  })
})
