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
import * as PromptCall from "./PromptCall.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

/** Fails, and poisons the session, if another session has written since this one opened. Looks when it is called. */
export const check = (session: Session.Session): Effect.Effect<void, VolumeError.VolumeError> => {
  const { binding, buffers, device, head, seenSlots, superblock } = session
  const { pageBytes } = binding.layout
  const { page, record } = head.root
  const next = RootSlots.next(superblock.slots, record.slot)
  const byteCount = Math.max(device.sectorBytes, BEGINNING_BYTES)
  const pages = [buffers.take(pageBytes), buffers.take(pageBytes)] as const
  const [own, ahead] = byteCount === pageBytes ? pages : pages.map((bytes) => bytes.subarray(0, byteCount))
  const ranges = [
    { offset: page * pageBytes, bytes: own },
    { offset: RootSlots.pageOf(superblock.slots, next) * pageBytes, bytes: ahead }
  ]
  const read = PromptCall.of(device.read, 2 * byteCount)?.carryOut(ranges) ?? device.read(ranges)
  const isRead = Effect.matchEager(read, { onFailure: () => false, onSuccess: () => true })
  return Effect.flatMapEager(isRead, (isThere) => {
    if (!isThere) return Effect.void
    const isOwn = isSame(own, head.root.bytes)
    if (isOwn) remember(seenSlots, record.slot, own)
    const seen = seenSlots.get(next)
    const isKnown = isOwn && seen !== undefined && isSame(ahead, seen)
    for (const bytes of pages) buffers.give(bytes)
    return isKnown ? Effect.void : examine(session, next)
  })
}

/** Where a root says whose it is. */
const BEGINNING_BYTES = 512
/** Of that, its checksum, its generation, its session and others: what tells it from every other one. */
const TELLING_BYTES = 128

const isSame = (a: Uint8Array, b: Uint8Array): boolean => compare(a, 0, TELLING_BYTES, b, 0, TELLING_BYTES) === 0

const remember = (seenSlots: Session.Session["seenSlots"], slot: number, beginning: Uint8Array): void => {
  const seen = seenSlots.get(slot)
  if (seen === undefined) seenSlots.set(slot, beginning.slice(0, TELLING_BYTES))
  else seen.set(beginning.subarray(0, TELLING_BYTES))
}

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
  if (foreign === undefined && !isAnother) return remember(seenSlots, next, ahead.bytes)
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
