/**
 * What transactions do to the group that they share, before it is committed. Nothing here is durable yet.
 *
 * - A page is allocated only if it is free in the root that the group stands on and in every retained root: so what
 *   the group releases, it cannot write over.
 * - `reserved` only grows: a page that was written early and died is free in the next commit, not in this one.
 * - A page dies onto the deadlist of the newest snapshot that sees it, else straight to free.
 */
import type { Write } from "./Disk.ts"
import { type PageSet, type Pointer, setOf, type Snapshot } from "./Records.ts"
import { type Draft, type Group, type Open, retainedRoots } from "./Session.ts"
import { freeOf, leafPointer, pageAt, type World } from "./World.ts"

export interface Settled {
  readonly group: Group
  readonly writes: ReadonlyArray<Write>
}

/** The group that a transaction would join, a new one if there is none; null while nobody can. */
export const joinable = (world: World, session: Open): Group | null => {
  const { group, inFlight } = session
  if (group !== null) return group.isClosed || group.running !== null ? null : group
  const predecessor = inFlight?.root ?? session.published
  const root = world.contents.knownRoot(predecessor)
  const isBornEarly = world.settings.rules.earlyBirth === "inFlightGeneration" && inFlight !== null
  return {
    generation: session.nextGeneration,
    predecessor,
    publishedAtBegin: world.contents.knownRoot(session.published).generation,
    earlyBirth: isBornEarly ? root.generation : session.nextGeneration,
    draft: {
      objects: root.objects.map((pointer, index) => ({ pointer, value: root.values[index]! })),
      free: freeOf(world, predecessor),
      snapshots: root.snapshots
    },
    reserved: 0,
    version: null,
    isClosed: false,
    running: null
  }
}

/** The lowest page that may be allocated: reuse as early as the rules allow is what finds their holes. */
export const allocate = (world: World, session: Open, group: Group): number | null => {
  const candidates = allocatable(world, session, group)
  return candidates === 0 ? null : 31 - Math.clz32(candidates & -candidates)
}

const allocatable = (world: World, session: Open, group: Group): PageSet => {
  const { pageReuse, retention } = world.settings.rules
  if (pageReuse === "sameTransaction") return group.draft.free & ~group.reserved
  const taken = group.reserved | session.spent | (session.inFlight?.reserved ?? 0)
  const freeInPredecessor = freeOf(world, group.predecessor) & ~taken
  if (pageReuse === "freeInPredecessor") return freeInPredecessor
  return retainedRoots(session, retention).reduce((pages, root) => pages & freeOf(world, root), freeInPredecessor)
}

export const put = (world: World, group: Group, index: number, value: number): Group => {
  const { pointer } = group.draft.objects[index]!
  const released = pointer === null ? group : release(world, group, pointer)
  const objects = released.draft.objects.with(index, { pointer: null, value })
  return { ...released, draft: { ...released.draft, objects } }
}

/** Writes dirty objects to free pages: all for a commit or a snapshot, or one, early. Null: the disk is full. */
export const settle = (
  world: World,
  session: Open,
  group: Group,
  birth: number,
  indexes: ReadonlyArray<number> = group.draft.objects.map((_, index) => index)
): Settled | null => {
  let settled = group
  const writes: Array<Write> = []
  for (const index of indexes) {
    const { pointer, value } = settled.draft.objects[index]!
    if (pointer !== null) continue
    const address = allocate(world, session, settled)
    if (address === null) return null
    const written = leafPointer(world, address, birth, value)
    writes.push([pageAt(world, address), written.checksum])
    settled = {
      ...settled,
      reserved: settled.reserved | setOf(address),
      draft: {
        ...settled.draft,
        free: settled.draft.free & ~setOf(address),
        objects: settled.draft.objects.with(index, { pointer: written, value })
      }
    }
  }
  return { group: settled, writes }
}

/** A snapshot of what the group has built so far; by rule it closes the group: later writes have later births. */
export const snapshot = (world: World, session: Open, group: Group): Settled | null => {
  const settled = settle(world, session, group, group.generation)
  if (settled === null) return null
  const rule = world.settings.rules.snapshot
  const { draft } = settled.group
  const taken: Snapshot = {
    generation: rule === "namesBase" ? world.contents.knownRoot(group.predecessor).generation : group.generation,
    objects: draft.objects.map((object) => object.pointer!),
    dead: [],
    values: draft.objects.map((object) => object.value)
  }
  const snapshots = [...draft.snapshots, taken]
  return {
    writes: settled.writes,
    group: { ...settled.group, isClosed: rule === "closesGroup", draft: { ...draft, snapshots } }
  }
}

/** Pages that only this snapshot still sees become free; the others move to the previous snapshot that sees them. */
export const deleteSnapshot = (world: World, group: Group, index: number): Group => {
  const deleted = group.draft.snapshots[index]!
  const snapshots = group.draft.snapshots.toSpliced(index, 1)
  const isMoved = world.settings.rules.deletedSnapshot === "movedOrFreed"
  return deleted.dead.reduce<Group>(
    (changed, pointer) => ({
      ...changed,
      draft: bury(changed.draft, pointer, isMoved ? newestThatSees(snapshots.slice(0, index), pointer) : -1)
    }),
    { ...group, draft: { ...group.draft, snapshots } }
  )
}

/** Makes a snapshot the current state: newer snapshots go, and so does every page that was born after it. */
export const rollBackTo = (world: World, group: Group, index: number): Group => {
  const { rollbackDeadlist, rollbackGeneration } = world.settings.rules
  const target = group.draft.snapshots[index]!
  const newer = group.draft.snapshots.slice(index + 1)
  const current = group.draft.objects.flatMap(({ pointer }) => (pointer === null ? [] : [pointer]))
  const free = [...current, ...newer.flatMap((snapshot) => snapshot.dead)]
    .filter((pointer) => pointer.birth > target.generation)
    .reduce((pages, pointer) => pages | setOf(pointer.address), group.draft.free)
  const kept: Snapshot = rollbackDeadlist === "emptied" ? { ...target, dead: [] } : target
  return {
    ...group,
    generation: rollbackGeneration === "goesOn" ? group.generation : target.generation + 1,
    draft: {
      free,
      objects: target.objects.map((pointer, object) => ({ pointer, value: target.values[object]! })),
      snapshots: [...group.draft.snapshots.slice(0, index), kept]
    }
  }
}

/** The group without its running transaction; null when nothing else is in it. */
export const withoutRunning = (group: Group): Group | null =>
  group.version === null ? null : { ...group, draft: group.running!.begin, running: null }

const release = (world: World, group: Group, pointer: Pointer): Group => {
  const { earlyReuse, snapshotPages } = world.settings.rules
  const { snapshots } = group.draft
  const seenBy = snapshotPages === "freed" ? -1 : newestThatSees(snapshots, pointer)
  return {
    ...group,
    draft: bury(group.draft, pointer, seenBy),
    reserved: earlyReuse === "sameCommit" ? group.reserved & ~setOf(pointer.address) : group.reserved
  }
}

/** Puts a page onto the deadlist of a snapshot, or frees it if no snapshot sees it. */
const bury = (draft: Draft, pointer: Pointer, seenBy: number): Draft => {
  if (seenBy < 0) return { ...draft, free: draft.free | setOf(pointer.address) }
  const seeing = draft.snapshots[seenBy]!
  return { ...draft, snapshots: draft.snapshots.with(seenBy, { ...seeing, dead: [...seeing.dead, pointer] }) }
}

const newestThatSees = (snapshots: ReadonlyArray<Snapshot>, pointer: Pointer): number =>
  snapshots.findLastIndex((snapshot) => snapshot.generation >= pointer.birth)
