import { assert } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as Recovery from "../../src/core/Recovery.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import { CommitRun } from "./CommitRun.ts"

/** A volume after some commits, and what an opening makes of its disk. */
export class Scene extends CommitRun {
  /** Slots that cannot be read. */
  readonly unreadable = new Set<number>()
  /** Roots by generation, as they were committed. */
  readonly roots: Array<RootRecord.EncodedRoot> = []
  asked = 0

  constructor(commits: number, seed = 1) {
    super({ seed, pageBytes: 512, pageCount: 400, checking: 0 })
    this.roots.push(this.volume.head.root)
    for (let i = 0; i < commits; i++) this.change(i)
  }

  get newest(): RootRecord.EncodedRoot {
    return this.roots[this.roots.length - 1]
  }

  change(number: number): void {
    this.commit(() => {
      for (let i = 0; i < 4; i++) this.put((number * 37 + i * 11) % 60, this.random.bytes(300))
    })
    this.roots.push(this.volume.head.root)
  }

  close(): void {
    this.commitEmpty(true)
    this.roots.push(this.volume.head.root)
  }

  /** Pages of the trees that were born with the newest root. */
  get young(): ReadonlyArray<number> {
    const { base } = this.newest.record
    const reachable = this.volume.reachable(this.newest)
    const before = this.volume.reachable(this.roots.find(({ record }) => record.generation === base)!)
    const own = Extent.subtract(reachable, before)
    return own.flatMap((start, i) =>
      i % 2 === 0 ? Array.from({ length: own[i + 1] - start }, (_, j) => start + j) : []
    )
  }

  damage(page: number): void {
    const bytes = this.volume.page(page).slice()
    bytes[100] ^= 4
    this.volume.disk[page] = bytes
  }

  open(force = false): Recovery.Opened | Recovery.Refused {
    const { binding, superblock } = this.volume
    const slots = Array.from({ length: superblock.slots.count }, (_, slot) =>
      this.unreadable.has(slot) ? undefined : this.volume.page(RootSlots.pageOf(superblock.slots, slot))
    )
    let state = Recovery.begin(binding, superblock, slots, force)
    this.asked = 0
    while (state._tag === "Verifying") {
      const wanted = Recovery.wanted(state)
      this.asked += wanted.length
      assert.isAbove(wanted.length, 0)
      assert.isAtMost(wanted.length, 256)
      if (this.asked > 5000) assert.fail("the work is bounded")
      state = Recovery.loaded(
        state,
        wanted.map(({ address, pageCount }) =>
          address + pageCount > 400
            ? undefined
            : pageCount === 1
              ? this.volume.page(address)
              : new Uint8Array(512 * pageCount)
        )
      )
    }
    return state
  }

  opened(force = false): Recovery.Opened {
    const state = this.open(force)
    if (state._tag !== "Opened") assert.fail(state.reason)
    return state
  }

  refused(force = false): Recovery.Refused {
    const state = this.open(force)
    if (state._tag !== "Refused") assert.fail("it opened")
    return state
  }

  slotOf(back: number): number {
    return this.roots[this.roots.length - 1 - back].record.slot
  }

  pageOf(back: number): number {
    return this.roots[this.roots.length - 1 - back].page
  }
}

export const generationOf = (state: Recovery.Opened): number => state.root.record.generation

/** A root of the scene, by default the newest, with one more section and a checksum that fits. */
export const withSection = (scene: Scene, tag: number, root = scene.newest): Uint8Array => {
  const { binding } = scene.volume
  const { bytes: before, page, record } = root
  const bytes = before.slice()
  const end = 192 + Bytes.readUint32(bytes, 184)
  Bytes.writeUint16(bytes, end, tag)
  Bytes.writeUint16(bytes, end + 2, 3)
  Bytes.writeUint32(bytes, 184, end + 7 - 192)
  const place = { address: page, birth: record.generation, pageCount: 1, kind: RootRecord.KIND, level: 0 }
  bytes.fill(0, 0, 32)
  Binding.digest(binding, place, bytes.subarray(32), bytes, 0)
  return bytes
}
