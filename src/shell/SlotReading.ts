/**
 * The root slots as they stand on the device, and the root that a recovery takes of them.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Binding from "../core/Binding.ts"
import { equal } from "../core/Bytes.ts"
import * as Recovery from "../core/Recovery.ts"
import * as RootSlots from "../core/RootSlots.ts"
import type * as Superblock from "../core/Superblock.ts"
import * as Batching from "./Batching.ts"
import type { BlockDevice, Range } from "./BlockDevice.ts"
import { DeviceFailed } from "./DeviceError.ts"
import * as VolumeError from "./VolumeError.ts"

type Device = BlockDevice["Service"]

export interface Slots {
  /** The pages of all slots; `undefined` for one that could not be read. */
  readonly pages: ReadonlyArray<Uint8Array | undefined>
  /** Why not, by page. */
  readonly failures: ReadonlyMap<number, DeviceFailed>
}

const fail = (reason: VolumeError.Reason) => VolumeError.make(reason)

/** Bytes of the device. */
export const readAt = (
  device: Device,
  offset: number,
  byteCount: number
): Effect.Effect<Uint8Array, VolumeError.VolumeError> => {
  const bytes = new Uint8Array(byteCount)
  return Effect.mapError(Effect.as(device.read([{ offset, bytes }]), bytes), VolumeError.make)
}

/** All slots as they stand: in one call, or one by one where that fails. */
export const readSlots = Effect.fnUntraced(function* (device: Device, { geometry, slots }: Superblock.Superblock) {
  const { pageBytes } = geometry
  const deviceBytes = yield* Effect.mapError(device.size, VolumeError.make)
  const pages: Array<Uint8Array | undefined> = []
  const ranges: Array<Range & { readonly slot: number }> = []
  const all = new Uint8Array(slots.count * pageBytes)
  for (let slot = 0; slot < slots.count; slot++) {
    const bytes = all.subarray(slot * pageBytes, (slot + 1) * pageBytes)
    const offset = RootSlots.pageOf(slots, slot) * pageBytes
    pages.push(bytes)
    if (offset + pageBytes <= deviceBytes) ranges.push({ slot, offset, bytes })
  }
  ranges.sort((a, b) => a.offset - b.offset)
  const failures = new Map<number, DeviceFailed>()
  if (Result.isSuccess(yield* Effect.result(device.read(ranges)))) return { pages, failures } satisfies Slots
  for (const range of ranges) {
    const read = yield* Effect.result(device.read([range]))
    if (Result.isSuccess(read)) continue
    pages[range.slot] = undefined
    failures.set(range.offset / pageBytes, read.failure)
  }
  return { pages, failures } satisfies Slots
})

/** The failure of a slot that stops an opening: it is the device's, and as far as we know nothing is damaged (I11). */
const unreadable = (failures: Slots["failures"], state: Recovery.Refused): VolumeError.VolumeError | undefined => {
  const failure = state.address === undefined ? failures.values().next().value : failures.get(state.address)
  if (failure === undefined) return undefined
  const { cause, code, device, offset, operation, reason } = failure
  return fail(new DeviceFailed({ device, operation, offset, code, reason: `${reason}, and ${state.reason}`, cause }))
}

/** Drives the recovery machine. */
export const examine = Effect.fnUntraced(function* (
  device: Device,
  binding: Binding.Binding,
  superblock: Superblock.Superblock,
  slots: Slots,
  force: boolean
) {
  const { pageBytes } = binding.layout
  const deviceBytes = yield* Effect.mapError(device.size, VolumeError.make)
  let state = Recovery.begin(binding, superblock, slots.pages, force)
  while (state._tag === "Verifying") {
    const wanted = Recovery.wanted(state)
    const inside = wanted.filter(({ address, pageCount }) => (address + pageCount) * pageBytes <= deviceBytes)
    const pages = yield* Effect.mapError(Batching.read(device, inside, pageBytes), VolumeError.make)
    const bytes = new Map(inside.map((pointer, i) => [pointer, pages[i]]))
    state = Recovery.loaded(
      state,
      wanted.map((pointer) => bytes.get(pointer))
    )
  }
  if (state._tag === "Opened") return state
  const { address, cause, reason } = state
  const unread = cause === "Unreadable" ? unreadable(slots.failures, state) : undefined
  if (unread !== undefined) return yield* unread
  return yield* fail(
    cause === "UnsupportedFormat"
      ? new VolumeError.UnsupportedFormat({ device: device.identity, reason })
      : new VolumeError.Corrupt({ device: device.identity, address, reason })
  )
})

/** How often a reader looks again at slots that a writer is changing. */
const LOOKS_MAX = 16

/**
 * The same for a reader, beside whom a writer may be at work: a root that did not verify may be one whose pages were on their
 * way, or were written again. So while the slots change, it looks again.
 */
export const examineAgain = Effect.fnUntraced(function* (
  device: Device,
  binding: Binding.Binding,
  superblock: Superblock.Superblock,
  force: boolean
) {
  let slots = yield* readSlots(device, superblock)
  for (let look = 1; ; look++) {
    const opened = yield* Effect.result(examine(device, binding, superblock, slots, force))
    if (Result.isSuccess(opened) && opened.success.rejected.length === 0) return opened.success
    const again = yield* readSlots(device, superblock)
    if (look === LOOKS_MAX || areSame(slots, again)) return yield* Effect.fromResult(opened)
    slots = again
  }
})

const areSame = (before: Slots, after: Slots): boolean =>
  before.pages.every((bytes, slot) => {
    const now = after.pages[slot]
    return bytes === undefined || now === undefined ? bytes === now : equal(bytes, now)
  })
