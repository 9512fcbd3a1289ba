/**
 * The plan of a commit: which pages are written where, and which root reveals them.
 *
 *   write the pages [sync, if there are two barriers], write the root into the next slot of the ring, sync, acknowledge
 *
 * - One commit is in flight: the base of a root is the root whose sync has returned.
 * - Page writes stand in one step. A cut between two of them leaves what a cut after both may leave as well.
 */
import { type ContentId, type Disk, junk, type Write } from "./Disk.ts"
import { allocate, settle } from "./Grouping.ts"
import { allPages, type Pointer, type Root, setOf } from "./Records.ts"
import type { Group, Open, Step } from "./Session.ts"
import { mapPointer, pageAt, type World } from "./World.ts"

export interface CommitChoice {
  readonly barriers: 1 | 2
  /** Rewrite the free-map page, with all deltas so far in it. */
  readonly isFold: boolean
  readonly boot: number
}

/** The session with its group in flight; null when the disk is full. */
export const plan = (
  world: World,
  disk: Disk,
  session: Open,
  group: Group,
  version: number,
  choice: CommitChoice
): Open | null => {
  const settled = settle(world, session, group, group.generation)
  if (settled === null) return null
  const predecessor = world.contents.knownRoot(group.predecessor)
  const bookkeeping = bookkeep(world, session, settled.group, predecessor, choice.isFold)
  if (bookkeeping === null) return null
  const { rules } = world.settings
  const { draft } = settled.group
  const root: Root = {
    kind: "root",
    generation: group.generation,
    base: rules.base === "atEncoding" ? predecessor.generation : group.publishedAtBegin,
    slot: nextSlot(world, disk, session, group.predecessor, group.generation),
    boot: choice.boot,
    barriers: choice.barriers,
    clean: false,
    objects: draft.objects.map((object) => object.pointer!),
    map: bookkeeping.map,
    toggled: bookkeeping.toggled,
    snapshots: draft.snapshots,
    version,
    values: draft.objects.map((object) => object.value)
  }
  return inFlight(world, session, root, [...settled.writes, ...bookkeeping.writes], bookkeeping.reserved)
}

/** Close writes a second root with the clean flag: open takes it without looking at any page. */
export const planClean = (world: World, disk: Disk, session: Open, of: ContentId, boot: number): Open => {
  const root = world.contents.knownRoot(of)
  const slot = nextSlot(world, disk, session, of, session.nextGeneration)
  const clean: Root = { ...root, generation: session.nextGeneration, base: root.generation, slot, boot, clean: true }
  const id = world.contents.intern(clean)
  const steps: ReadonlyArray<Step> = [
    ...session.deferred,
    { do: "write", writes: [[slot, id]] },
    { do: "sync" },
    { do: "close" }
  ]
  return { ...session, nextGeneration: session.nextGeneration + 1, inFlight: { root: id, reserved: 0, steps } }
}

/** The slot for a root that follows `predecessor`; never one that holds a retained root. */
export const nextSlot = (
  world: World,
  disk: Disk,
  session: Pick<Open, "published" | "previous">,
  predecessor: ContentId,
  generation: number
): number => {
  const { rules, workload } = world.settings
  const newest = world.contents.knownRoot(predecessor).slot
  if (rules.slotChoice === "ring") return (newest + 1) % workload.slotCount
  if (rules.slotChoice === "modulo") return generation % workload.slotCount
  const kept = [predecessor, session.published, rules.retention === 1 ? session.previous : junk]
  const generationAt = (slot: number) => world.contents.root(disk.cache[slot]!)?.generation ?? 0
  return Array.from({ length: workload.slotCount }, (_, slot) => slot)
    .filter((slot) => slot !== newest && (disk.cache[slot] === junk || !kept.includes(disk.cache[slot]!)))
    .reduce((oldest, slot) => (generationAt(slot) < generationAt(oldest) ? slot : oldest))
}

interface Bookkeeping {
  readonly map: Pointer | null
  readonly toggled: number
  readonly writes: ReadonlyArray<Write>
  readonly reserved: number
}

/** The free map of the new root: deltas in the root, and after a fold a new map page whose old home is released. */
const bookkeep = (
  world: World,
  session: Open,
  group: Group,
  predecessor: Root,
  isFold: boolean
): Bookkeeping | null => {
  const { free } = group.draft
  const { foldHome } = world.settings.rules
  const pageCount = world.settings.workload.pageCount
  const old = predecessor.map
  if (old === null) return { map: null, toggled: allPages(pageCount) ^ free, writes: [], reserved: group.reserved }
  const folded = world.contents.freeOf({ ...predecessor, toggled: 0 }, pageCount)
  if (!isFold) return { map: old, toggled: folded ^ free, writes: [], reserved: group.reserved }
  const home = foldHome === "inPlace" ? old.address : allocate(world, session, group)
  if (home === null) return null
  const map = mapPointer(world, home, group.generation, free)
  const moved = home === old.address ? 0 : setOf(home) | setOf(old.address)
  const omitted = foldHome === "newForgotten" ? setOf(home) : foldHome === "oldLeaked" ? setOf(old.address) : 0
  return {
    map,
    toggled: moved & ~omitted,
    writes: [[pageAt(world, home), map.checksum]],
    reserved: group.reserved | setOf(home)
  }
}

const inFlight = (world: World, session: Open, root: Root, pages: ReadonlyArray<Write>, reserved: number): Open => {
  const id = world.contents.intern(root)
  const before = session.inFlight
  const steps: Array<Step> = [...session.deferred]
  // Only a broken protocol starts a commit before the previous one's sync: its end then moves behind this one's writes.
  if (before !== null) steps.push(...before.steps.filter((step) => step.do === "write"))
  if (pages.length > 0) steps.push({ do: "write", writes: pages })
  if (root.barriers === 2) steps.push({ do: "sync" })
  steps.push({ do: "write", writes: [[root.slot, id]] }, { do: "sync" })
  if (before !== null) steps.push(...before.steps.filter((step) => step.do === "acknowledge"))
  steps.push({ do: "acknowledge", root: id })
  return {
    ...session,
    nextGeneration: root.generation + 1,
    spent: 0,
    group: null,
    deferred: [],
    inFlight: { root: id, reserved: reserved | session.spent | (before?.reserved ?? 0), steps }
  }
}
