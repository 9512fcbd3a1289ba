/**
 * Opening: which root is the volume's state.
 *
 * A machine with an explicit frontier: `step` asks for pages or has decided, `loaded` takes the pages. It does no I/O.
 *
 * - The newest root that decodes is the candidate. If it is clean or has two barriers it is taken; else every page that is
 *   younger than its base is verified: exactly what that commit wrote.
 * - On a mismatch exactly its base is taken, verified the same way; never anything older (I10). What was rejected is told.
 * - A slot that cannot be read is no rollback (I11): it stops the opening where the newest root may be in it, that is
 *   anywhere in the run of slots without a valid root behind the newest one.
 * - Nor is a newer root that stands in a slot which is not its own, if the root it stood on is lost as well (the device has
 *   swapped them, say): to go on would be two steps back (I10). It verifies in its own slot, so no crash has left it there.
 * - The next generation is above every generation ever seen, in accepted and rejected roots (I6).
 * - A session that may write writes `rewrite` again, the same bytes to the same places, and syncs, before its open returns:
 *   what an open has shown is never taken back (I3).
 * - What a commit that did not come through has left in its slot may become whole when a later commit writes the bytes that
 *   it lacks: the same content to the same page, the same sector of a root. So where a root was rejected or torn
 *   (`isSettled` is false), such a session also commits an empty root over it before its open returns.
 */
import * as Binding from "./Binding.ts"
import * as Bytes from "./Bytes.ts"
import * as Commit from "./Commit.ts"
import * as Extent from "./Extent.ts"
import { FoundRoots } from "./FoundRoots.ts"
import type { Layout } from "./Layout.ts"
import * as Links from "./Links.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import type * as RootRecord from "./RootRecord.ts"
import * as RootSlots from "./RootSlots.ts"
import type { Superblock } from "./Superblock.ts"
import type { Write } from "./Write.ts"

/** Pages asked for at a time. */
const BATCH_PAGES = 256

export interface Rejected {
  readonly generation: number
  readonly reason: string
  /** The page that did not verify, if it was one. */
  readonly address: number | undefined
}

/** A page still to be verified. */
interface Wanted {
  readonly pointer: Pointer.Pointer
  readonly names: boolean
}

/** A page that was verified against its pointer. */
export interface Verified {
  readonly pointer: Pointer.Pointer
  readonly bytes: Uint8Array
}

interface Verifying {
  readonly _tag: "Verifying"
  readonly opening: Opening
  readonly candidate: RootRecord.EncodedRoot
  readonly wanted: ReadonlyArray<Wanted>
  readonly verified: ReadonlyArray<Verified>
  readonly rejected: ReadonlyArray<Rejected>
}

export interface Opened {
  readonly _tag: "Opened"
  readonly root: RootRecord.EncodedRoot
  /**
   * Whether the slot after the root holds nothing of a commit that did not come through: neither a rejected root nor a part
   * of one. What is there lacks some bytes, and a later commit may happen to write just these.
   */
  readonly isSettled: boolean
  readonly nextGeneration: number
  readonly verified: ReadonlyArray<Verified>
  /** The root and all that was verified. */
  readonly rewrite: ReadonlyArray<Write>
  readonly rejected: ReadonlyArray<Rejected>
}

export interface Refused {
  readonly _tag: "Refused"
  readonly cause: "Corrupt" | "UnsupportedFormat" | "Unreadable"
  readonly reason: string
  readonly address: number | undefined
  readonly rejected: ReadonlyArray<Rejected>
}

export type State = Verifying | Opened | Refused

interface Opening {
  readonly binding: Binding.Binding
  readonly found: FoundRoots
  readonly highest: number
}

const refused = (
  cause: Refused["cause"],
  reason: string,
  address?: number,
  rejected: ReadonlyArray<Rejected> = []
): Refused => ({ _tag: "Refused", cause, reason, address, rejected })

/**
 * Begins with the pages of all slots; `undefined` for one that could not be read. `force` opens even if the newest root may
 * be in a slot that cannot be read, or if it stands in a wrong one and the one before it is lost.
 */
export const begin = (
  binding: Binding.Binding,
  superblock: Superblock,
  slots: ReadonlyArray<Uint8Array | undefined>,
  force: boolean
): State => {
  const found = new FoundRoots(binding, superblock, slots)
  const { root: newest, unsupported } = found.newest()
  // A root that asks for more than this program has is not passed over for the one before it.
  if (unsupported !== undefined) return refused("UnsupportedFormat", unsupported.reason)
  if (newest === undefined) {
    return slots.includes(undefined)
      ? refused("Unreadable", "no root slot that can be read holds a root")
      : refused("Corrupt", "no root slot holds a root")
  }
  const hidden = hiddenSlot(found, newest)
  if (hidden !== undefined && !force) {
    return refused(
      "Unreadable",
      "the newest root may be in that slot: `force` opens without it",
      RootSlots.pageOf(superblock.slots, hidden)
    )
  }
  // Of a root in a wrong slot whose base is lost as well, a crash is not the cause.
  const lost = found.displaced(newest.record.generation)
  if (lost !== undefined && !force) {
    const reason = `root ${lost.generation} stands in a wrong slot and the one before it is lost: \`force\` opens an older one`
    return refused("Corrupt", reason, RootSlots.pageOf(superblock.slots, lost.slot))
  }
  const opening = { binding, found, highest: Math.max(newest.record.generation, lost?.generation ?? 0) }
  return examine(opening, newest, [])
}

/** All roots that the slots hold, the newest first. */
export const roots = (
  binding: Binding.Binding,
  superblock: Superblock,
  slots: ReadonlyArray<Uint8Array | undefined>
): ReadonlyArray<RootRecord.EncodedRoot> => [...new FoundRoots(binding, superblock, slots).all()]

/**
 * A slot that cannot be read and may hold a root newer than the newest that was found: one in the run of slots without a
 * valid root behind it. A damaged slot between the two does not hide that.
 */
const hiddenSlot = (found: FoundRoots, newest: RootRecord.EncodedRoot): number | undefined => {
  if (!found.pages.includes(undefined)) return undefined
  let slot = RootSlots.next(found.slots, newest.record.slot)
  for (; found.at(slot) === undefined; slot = RootSlots.next(found.slots, slot)) {
    if (found.pages[slot] === undefined) return slot
  }
  return undefined
}

/** Whether the slot after `root` is blank or holds an older root: a torn commit leaves neither. */
const isSettledAfter = (found: FoundRoots, root: RootRecord.EncodedRoot): boolean => {
  const slot = RootSlots.next(found.slots, root.record.slot)
  const bytes = found.pages[slot]
  return bytes !== undefined && (found.at(slot) !== undefined || Bytes.isZero(bytes, 0, bytes.length))
}

/** Takes a candidate at once, or begins to verify it. */
const examine = (opening: Opening, candidate: RootRecord.EncodedRoot, rejected: ReadonlyArray<Rejected>): State => {
  const { layout } = opening.binding
  const { base, barriers, clean, map, roots } = candidate.record
  if (clean || barriers === 2) return opened(opening, candidate, [], rejected)
  const wanted: Array<Wanted> = []
  const want = (link: Uint8Array, kind: number, level: number, names: boolean): void => {
    if (Pointer.isNull(layout, link, 0) || Pointer.birth(layout, link, 0) <= base) return
    wanted.push({ pointer: Pointer.read(layout, link, 0, kind, level), names })
  }
  want(roots.names.link, Node.TREE, roots.names.level, true)
  want(roots.snapshots.link, Node.TREE, roots.snapshots.level, false)
  want(roots.deadlists.link, Node.TREE, roots.deadlists.level, false)
  want(map.link, Node.MAP, map.height, false)
  const state: Verifying = { _tag: "Verifying", opening, candidate, wanted, verified: [], rejected }
  return wanted.length === 0 ? opened(opening, candidate, [], rejected) : state
}

const opened = (
  opening: Opening,
  root: RootRecord.EncodedRoot,
  verified: ReadonlyArray<Verified>,
  rejected: ReadonlyArray<Rejected>
): Opened => ({
  _tag: "Opened",
  root,
  isSettled: rejected.length === 0 && isSettledAfter(opening.found, root),
  nextGeneration: opening.highest + 1,
  verified,
  rewrite: writesOf(verified, root),
  rejected
})

const writesOf = (verified: ReadonlyArray<Verified>, root: RootRecord.EncodedRoot): ReadonlyArray<Write> => [
  ...verified.map(({ bytes, pointer }) => ({ address: pointer.address, bytes })),
  { address: root.page, bytes: root.bytes }
]

/** The pages that the machine wants next. */
export const wanted = (state: Verifying): ReadonlyArray<Pointer.Pointer> =>
  state.wanted.slice(0, BATCH_PAGES).map(({ pointer }) => pointer)

/** Goes on with the bytes of the pages that were wanted; `undefined` for one that lies outside the device. */
export const loaded = (state: Verifying, pages: ReadonlyArray<Uint8Array | undefined>): State => {
  const { binding, found } = state.opening
  const { layout } = binding
  const { base, generation } = state.candidate.record
  const children: Array<Wanted> = []
  const verified = [...state.verified]
  for (const [i, bytes] of pages.entries()) {
    const { names, pointer } = state.wanted[i]
    const fault = bytes === undefined ? "it lies outside the device" : Binding.fault(binding, pointer, bytes)
    if (bytes === undefined || fault !== undefined) {
      const rejected = [...state.rejected, { generation, reason: fault ?? "", address: pointer.address }]
      // One step back and no further: exactly the root that was durable when this one was made.
      const fallback = found.baseOf(state.candidate.record)
      const baseSlot = RootSlots.before(found.slots, state.candidate.record.slot)
      if (fallback === undefined && state.rejected.length === 0 && found.pages[baseSlot] === undefined) {
        const reason = `the root before the newest may be in that slot, and the newest does not verify: ${fault}`
        return refused("Unreadable", reason, RootSlots.pageOf(found.slots, baseSlot), rejected)
      }
      return state.rejected.length > 0 || fallback === undefined
        ? refused("Corrupt", `no root of the volume verifies: ${fault}`, pointer.address, rejected)
        : examine(state.opening, fallback, rejected)
    }
    verified.push({ pointer, bytes })
    Links.forEach(layout, bytes, pointer.kind, pointer.level, names, (holder, at, kind, level) => {
      if (Pointer.birth(layout, holder, at) <= base) return
      children.push({ pointer: Pointer.read(layout, holder, at, kind, level), names })
    })
  }
  const rest = [...state.wanted.slice(pages.length), ...children]
  // A root whose commit wrote more than this has two barriers. So a hostile volume cannot make this long, either.
  const count = [...verified, ...rest].reduce((sum, { pointer }) => sum + pointer.pageCount, 0)
  if (count * layout.pageBytes > Commit.ONE_BARRIER_BYTES_MAX) {
    return refused("Corrupt", "the newest root names more pages than its commit wrote", undefined, state.rejected)
  }
  if (rest.length === 0 && namesTwice(layout, writesOf(verified, state.candidate))) {
    return refused("Corrupt", "the newest root names a page twice", undefined, state.rejected)
  }
  return rest.length === 0
    ? opened(state.opening, state.candidate, verified, state.rejected)
    : { ...state, wanted: rest, verified }
}

const namesTwice = (layout: Layout, writes: ReadonlyArray<Write>): boolean => {
  const extents = writes.map(({ address, bytes }) => [address, bytes.length / layout.pageBytes] as const)
  return Extent.size(Extent.fromUnsorted(extents)) < extents.reduce((count, [, pages]) => count + pages, 0)
}
