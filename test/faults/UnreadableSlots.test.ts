/**
 * Root slots that cannot be read (I11): the device's failure is told as such, is never taken for damage, and `force` opens
 * without the slot.
 */
import { assert, beforeAll, describe, it } from "vitest"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Files from "../../src/shell/Files.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import * as Effect from "effect/Effect"
import { noise } from "../core/CheckVolume.ts"
import { factsOf, prepare } from "../simulation/CrashVolume.ts"
import * as RootWalk from "../simulation/RootWalk.ts"
import * as Trap from "./TrapVolume.ts"

beforeAll(() => prepare())

/** A disk whose ring of slots is full, as a kill after a commit leaves it. */
const left = (): Promise<SimulatedDisk> =>
  Trap.run(
    Effect.gen(function* () {
      const disk = new SimulatedDisk({ size: 128 * Trap.PAGE_BYTES })
      yield* Trap.formatted(disk, (volume) =>
        Effect.forEach(Array.from({ length: 12 }), (_, i) => Files.writeFile(volume, "/file", noise(i, 900)))
      )
      return yield* Trap.killed(disk, (volume) => Files.writeFile(volume, "/last", noise(1, 900)))
    })
  )

/** The generation that is opened, or the error. */
const opening = (disk: SimulatedDisk, options: Trap.UseOptions): Promise<number | VolumeError> =>
  Trap.run(
    Trap.used(disk.fork(), (volume) => Effect.map(volume.statistics, ({ generation }) => generation), options).pipe(
      Effect.match({ onFailure: (error) => error, onSuccess: (generation) => generation })
    )
  )

const assertDeviceFailed = (found: number | VolumeError, offset: number, text: RegExp): void => {
  if (typeof found === "number" || found.reason._tag !== "DeviceFailed") return assert.fail(String(found))
  assert.strictEqual(found.reason.code, "EIO")
  assert.strictEqual(found.reason.offset, offset)
  assert.match(found.message, text)
}

describe("a root slot that cannot be read", () => {
  it("stops the opening as the device's failure where the newest root may be in it, and force goes without it", async () => {
    const disk = await left()
    const facts = factsOf(disk)
    const { slots } = facts.superblock
    const [newest, base] = RootWalk.rootsOf(disk, facts)
    const stops = new Map([
      [newest.record.slot, base.record.generation],
      // The oldest root stands right behind the newest: a newer one may be there.
      [RootSlots.next(slots, newest.record.slot), newest.record.generation]
    ])
    for (let slot = 0; slot < slots.count; slot++) {
      const page = RootSlots.pageOf(slots, slot)
      const image = disk.fork()
      image.unreadable.add(page)
      const forced = stops.get(slot)
      const opened = await opening(image, { readOnly: true })
      if (forced === undefined) assert.strictEqual(opened, newest.record.generation)
      else {
        assertDeviceFailed(opened, page * Trap.PAGE_BYTES, /the newest root may be in that slot: `force` opens/)
        assertDeviceFailed(await opening(image, {}), page * Trap.PAGE_BYTES, /`force` opens/)
        assert.strictEqual(await opening(image, { readOnly: true, force: true }), forced)
      }
    }
  })

  it("is told as the device's failure where the root before a torn commit is in it", async () => {
    const disk = await left()
    const facts = factsOf(disk)
    const [newest, base] = RootWalk.rootsOf(disk, facts)
    const { pages } = RootWalk.reach(disk, facts, newest)
    const before = RootWalk.reach(disk, facts, base).pages
    const young = pages.find((page, i) => i % 2 === 0 && !before.includes(page)) ?? 0
    Trap.damagePage(disk, facts, young, (bytes) => (bytes[30] ^= 1))
    assert.strictEqual(await opening(disk, { readOnly: true }), base.record.generation)
    disk.unreadable.add(base.page)
    const text = /the root before the newest may be in that slot/
    assertDeviceFailed(await opening(disk, { readOnly: true }), base.page * Trap.PAGE_BYTES, text)
    assertDeviceFailed(await opening(disk, { readOnly: true, force: true }), base.page * Trap.PAGE_BYTES, text)
  })

  it("is told as the device's failure where no other slot holds a root", async () => {
    const disk = await left()
    const facts = factsOf(disk)
    const { slots } = facts.superblock
    for (let slot = 0; slot < slots.count; slot++) {
      Trap.damagePage(disk, facts, RootSlots.pageOf(slots, slot), (bytes) => bytes.fill(0))
    }
    const found = await opening(disk, { readOnly: true })
    assert.strictEqual(typeof found === "number" ? found : found.reason._tag, "Corrupt")
    disk.unreadable.add(RootSlots.pageOf(slots, 2))
    const offset = RootSlots.pageOf(slots, 2) * Trap.PAGE_BYTES
    assertDeviceFailed(await opening(disk, { force: true }), offset, /no root slot that can be read holds a root/)
  })
})
