/**
 * Open: which root is taken, and what is written before anybody may rely on it.
 *
 * - The newest valid root r, verified; else exactly base(r), verified the same way; else the volume is corrupt.
 * - What cannot be read is never taken for something that is not there.
 * - After step 5 everything that the accepted root needs is durable, and only then open returns.
 */
import { type ContentId, type Disk, junk, type Write } from "./Disk.ts"
import { nextSlot } from "./Commit.ts"
import { bookkeepingOf, pointersOf, type Pointer, type Root, setOf } from "./Records.ts"
import { opened, type Opening, type Step } from "./Session.ts"
import { freeOf, leafPointer, pageAt, readPage, type World } from "./World.ts"

export type Outcome =
  | { readonly result: "accepted"; readonly root: ContentId; readonly newest: Root; readonly session: Opening }
  /** Something that may decide the outcome could not be read: the open stops and may be tried again. */
  | { readonly result: "unreadable" }
  | { readonly result: "corrupt" }

export interface OpenCall {
  readonly disk: Disk
  readonly boot: number
  /** The one location that cannot be read during this open; -1 if all can. */
  readonly unreadable: number
}

export const open = (world: World, call: OpenCall): Outcome => {
  const { rules, workload } = world.settings
  const slots = readableSlots(world, call)
  const newest = slots[0]
  const isSlotUnreadable = call.unreadable >= 0 && call.unreadable < workload.slotCount
  const isStopping = rules.unreadable !== "takenAsInvalid"
  if (newest === undefined) return { result: isStopping && isSlotUnreadable ? "unreadable" : "corrupt" }
  if (isStopping && mayHideNewer(world, slots, newest, call.unreadable)) return { result: "unreadable" }

  const candidates =
    rules.fallback === "anyOlder" || rules.fallback === "anyOlderUnverified"
      ? slots
      : [newest, ...slots.filter((slot) => slot.root.generation === newest.root.base)]
  for (const candidate of candidates) {
    const isTrusted = candidate !== newest && rules.fallback.endsWith("Unverified")
    const verdict = isTrusted ? "valid" : verify(world, call, candidate.root)
    if (verdict === "unreadable" && isStopping) return { result: "unreadable" }
    if (verdict === "valid") return accept(world, call, slots, candidate)
  }
  return { result: isStopping && isSlotUnreadable ? "unreadable" : "corrupt" }
}

interface Slot {
  readonly id: ContentId
  readonly root: Root
}

/** The valid roots, newest first. A root's position is part of it. */
const readableSlots = (world: World, call: OpenCall): ReadonlyArray<Slot> =>
  call.disk.cache
    .slice(0, world.settings.workload.slotCount)
    .flatMap((id, slot) => {
      const root = world.contents.root(id)
      return root === null || root.slot !== slot || slot === call.unreadable ? [] : [{ id, root }]
    })
    .sort((left, right) => right.root.generation - left.root.generation)

const verify = (world: World, call: OpenCall, root: Root): "valid" | "mismatch" | "unreadable" => {
  if (root.clean || root.barriers === 2 || world.settings.rules.verification === "none") return "valid"
  const skipped = world.settings.rules.verification === "withoutBookkeeping" ? bookkeepingOf(root) : []
  const pointers = newPagesOf(root).filter((pointer) => !skipped.includes(pointer))
  const isMismatch = pointers.some((pointer) => readPage(world, call.disk, pointer.address) !== pointer.checksum)
  const isUnreadable = pointers.some((pointer) => pageAt(world, pointer.address) === call.unreadable)
  return isUnreadable ? "unreadable" : isMismatch ? "mismatch" : "valid"
}

/**
 * Whether the newest root may be in a slot that cannot be read. Roots follow each other round the ring, so it may be in
 * any slot of the run without valid roots behind the newest readable one; right behind it, if no slot is damaged.
 */
const mayHideNewer = (world: World, slots: ReadonlyArray<Slot>, newest: Slot, unreadable: number): boolean => {
  const { rules, workload } = world.settings
  const distance = (unreadable - newest.root.slot + workload.slotCount) % workload.slotCount
  if (unreadable < 0 || unreadable >= workload.slotCount) return false
  if (rules.unreadable === "stopBehindNewest") return distance === 1
  return slots.every(({ root }) => {
    const other = (root.slot - newest.root.slot + workload.slotCount) % workload.slotCount
    return other === 0 || other > distance
  })
}

/** Pointers with birth > base are exactly what the root's own commit wrote. */
const newPagesOf = (root: Root): ReadonlyArray<Pointer> =>
  pointersOf(root).filter((pointer) => pointer.birth > root.base)

const accept = (world: World, call: OpenCall, slots: ReadonlyArray<Slot>, accepted: Slot): Outcome => {
  const { rules } = world.settings
  const highest = rules.nextGeneration === "aboveHighestSeen" ? slots[0]! : accepted
  const base = slots.find((slot) => slot.root.generation === accepted.root.base)
  const generation = highest.root.generation + 1
  const repair = repairOf(world, call, accepted, base?.id ?? junk, generation)
  const isBaseUnknown = base === undefined && accepted.root.base > 0
  const last =
    repair.published.id === accepted.id && isBaseUnknown && rules.unknownBase === "emptyRootFirst"
      ? emptyRoot(world, call, repair, generation)
      : repair
  const isDeferred = rules.reopening === "deferred"
  const session = {
    ...opened(last.published.id, last.previous, last.published === accepted ? generation : generation + 1),
    deferred: isDeferred ? last.steps : []
  }
  const steps: ReadonlyArray<Step> = [...(isDeferred ? [] : last.steps), { do: "return" }]
  return {
    result: "accepted",
    root: accepted.id,
    newest: slots[0]!.root,
    session: { phase: "opening", next: session, steps }
  }
}

interface Repair {
  readonly steps: ReadonlyArray<Step>
  readonly published: Slot
  readonly previous: ContentId
}

/** Step 5: whatever of the accepted root may be in the page cache only is written again, the same bytes, and synced. */
const repairOf = (world: World, call: OpenCall, accepted: Slot, base: ContentId, generation: number): Repair => {
  const { root } = accepted
  const { bootId, cleanRoot, reopening } = world.settings.rules
  const isDurable = bootId === "known" && root.boot !== call.boot
  const done = (steps: ReadonlyArray<Step>): Repair => ({ steps, published: accepted, previous: base })
  if (reopening === "nothing" || (root.clean && cleanRoot === "trustedAsItIs")) return done([])
  if (reopening === "syncAlone") return done([{ do: "sync" }])
  if (reopening === "recommitRoot" || reopening === "copyPages")
    return recommit(world, call, accepted, base, generation)
  if (isDurable) return done([{ do: "sync" }])
  const pages = root.barriers === 2 || root.clean ? [] : newPagesOf(root)
  const writes = pages.map((pointer): Write => [pageAt(world, pointer.address), pointer.checksum])
  return done([
    ...(writes.length > 0 ? [{ do: "write", writes } as const] : []),
    { do: "write", writes: [[root.slot, accepted.id]] },
    { do: "sync" }
  ])
}

/** A root without news behind the accepted one: from then on the accepted one is what is retained. */
const emptyRoot = (world: World, call: OpenCall, repair: Repair, generation: number): Repair => {
  const of = repair.published
  const kept = { published: of.id, previous: junk }
  const slot = nextSlot(world, call.disk, kept, of.id, generation)
  const root: Root = { ...of.root, generation, base: of.root.generation, slot, boot: call.boot, clean: false }
  const id = world.contents.intern(root)
  const steps: ReadonlyArray<Step> = [...repair.steps, { do: "write", writes: [[slot, id]] }, { do: "sync" }]
  return { steps, published: { id, root }, previous: of.id }
}

/** Two ways that look as good as step 5: commit the same state under a new root, with or without its new pages. */
const recommit = (world: World, call: OpenCall, accepted: Slot, base: ContentId, generation: number): Repair => {
  const kept = { published: accepted.id, previous: base }
  const slot = nextSlot(world, call.disk, kept, accepted.id, generation)
  const baseFree = base === junk ? -1 : freeOf(world, base)
  const writes: Array<Write> = []
  let candidates = freeOf(world, accepted.id) & baseFree
  let free = freeOf(world, accepted.id)
  const copy = (pointer: Pointer, index: number): Pointer => {
    const isNew = pointer.birth > accepted.root.base
    if (world.settings.rules.reopening !== "copyPages" || !isNew || candidates === 0) return pointer
    const address = 31 - Math.clz32(candidates & -candidates)
    candidates &= ~setOf(address)
    free = (free & ~setOf(address)) | setOf(pointer.address)
    const copied = leafPointer(world, address, generation, accepted.root.values[index]!)
    writes.push([pageAt(world, address), copied.checksum])
    return copied
  }
  const objects = accepted.root.objects.map(copy)
  const toggled = accepted.root.toggled ^ free ^ freeOf(world, accepted.id)
  const root: Root = { ...accepted.root, generation, slot, boot: call.boot, objects, toggled }
  const id = world.contents.intern(root)
  const steps: ReadonlyArray<Step> = [
    { do: "sync" },
    ...(writes.length > 0 ? [{ do: "write", writes } as const] : []),
    { do: "write", writes: [[slot, id]] },
    { do: "sync" }
  ]
  return { steps, published: { id, root }, previous: accepted.id }
}
