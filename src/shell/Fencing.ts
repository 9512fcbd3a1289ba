/**
 * The second line behind the lock: a session that finds the root of another one where only its own could be stops writing.
 *
 * - Before pages are written early, before a commit and before its root, the slot of the head and the next one in the ring
 *   are read again, in one call. A root there that another session wrote after this one had opened is foreign.
 * - A session commits a root of its own before its first pages (`GroupCommit.claim`): so another one that had opened the same
 *   root sees it before it writes its pages, which would stand on the same free places.
 * - The slot of the head is read as well, since of two that claim the same slot the later one wins, and only the earlier one
 *   can see that.
 * - Of what has not changed since it was looked at the beginning is enough.
 * - A root that was there when this session opened is not foreign, be it rejected or not. A slot that cannot be read says
 *   nothing: the write to it will.
 * - Best effort: see `docs/decisions/0009-fencing.md` for what it cannot see.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { compare, equal } from "../core/Bytes.ts"
import * as RootRecord from "../core/RootRecord.ts"
import * as RootSlots from "../core/RootSlots.ts"
import * as Superblock from "../core/Superblock.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

/** Fails, and poisons the session, if another session has written since this one opened. */
export const check = (session: Session.Session): Effect.Effect<void, VolumeError.VolumeError> =>
  Effect.suspend(() => {
    const { binding, device, head, seenSlots, superblock } = session
    const { pageBytes } = binding.layout
    const { page, record } = head.root
    const next = RootSlots.next(superblock.slots, record.slot)
    const byteCount = Math.max(device.sectorBytes, BEGINNING_BYTES)
    const own = { offset: page * pageBytes, bytes: new Uint8Array(byteCount) }
    const ahead = { offset: RootSlots.pageOf(superblock.slots, next) * pageBytes, bytes: new Uint8Array(byteCount) }
    return Effect.matchEffect(device.read([own, ahead]), {
      onFailure: () => Effect.void,
      onSuccess: () => {
        if (!isBeginning(own.bytes, head.root.bytes)) return examine(session, next)
        seenSlots.set(record.slot, own.bytes)
        const seen = seenSlots.get(next)
        return seen !== undefined && isBeginning(ahead.bytes, seen) ? Effect.void : examine(session, next)
      }
    })
  })

/** The beginning of a root, its checksum among it, tells it from every other one. */
const BEGINNING_BYTES = 512

const isBeginning = (beginning: Uint8Array, bytes: Uint8Array): boolean =>
  compare(beginning, 0, beginning.length, bytes, 0, beginning.length) === 0

/** Looks at what stands whole in the slot of the head and in the next one. */
const examine = Effect.fnUntraced(function* (session: Session.Session, next: number) {
  const { binding, device, head, seenSlots, superblock } = session
  const { pageBytes } = binding.layout
  const { root } = head
  const own = { offset: root.page * pageBytes, bytes: new Uint8Array(pageBytes) }
  const ahead = { offset: RootSlots.pageOf(superblock.slots, next) * pageBytes, bytes: new Uint8Array(pageBytes) }
  if (Exit.isFailure(yield* Effect.exit(device.read([own, ahead])))) return
  let foreign = foreignIn(session, next, ahead.bytes)
  let isAnother = false
  if (!equal(own.bytes, root.bytes)) {
    foreign ??= foreignIn(session, root.record.slot, own.bytes)
    isAnother = foreign === undefined && (yield* isFormatted(session))
  }
  if (foreign === undefined && !isAnother) return void seenSlots.set(next, ahead.bytes)
  const error = VolumeError.make(new VolumeError.Fenced({ device: device.identity, generation: foreign }))
  Session.poison(session, error)
  return yield* error
})

/** The generation of a foreign root in the page of a slot. */
const foreignIn = (session: Session.Session, slot: number, bytes: Uint8Array): number | undefined => {
  const { binding, seenGeneration, sessionId, superblock } = session
  if (RootRecord.claimedGeneration(bytes) <= seenGeneration) return undefined
  const root = RootRecord.decode(binding, superblock, slot, bytes)
  if ("_tag" in root) return undefined
  const { generation, sessionId: writer } = root.record
  return generation > seenGeneration && !equal(writer, sessionId) ? generation : undefined
}

/** Whether the device was formatted anew. */
const isFormatted = Effect.fnUntraced(function* ({ binding, device, superblock }: Session.Session) {
  const bytes = new Uint8Array(binding.layout.pageBytes)
  if (Exit.isFailure(yield* Effect.exit(device.read([{ offset: 0, bytes }])))) return false
  const found = Superblock.decode(bytes.subarray(0, Superblock.SUPERBLOCK_BYTES), 0, [binding.checksum])
  return !("_tag" in found) && !equal(found.volumeId, superblock.volumeId)
})
