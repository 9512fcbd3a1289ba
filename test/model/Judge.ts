/**
 * Who remembers what the outside world was told, and says when the protocol breaks a promise.
 *
 * - A harm is what a user would see. A breach is a rule that was broken, whether or not harm comes of it.
 * - Versions are transactions in the order in which they were applied; a root carries the version that it reveals.
 */
import { type ContentId, type Disk, type Write } from "./Disk.ts"
import { isBirthMonotone, isDifferenceExact, isPartition, type Root, shows } from "./Records.ts"
import type { Session } from "./Session.ts"
import { pageAt, readPage, type World } from "./World.ts"

export type Harm =
  /** I1, I2: an open shows a state older than an acknowledged transaction. */
  | "AcknowledgedLost"
  /** I3: an open shows a state older than one that an earlier open returned. */
  | "OpenedTakenBack"
  /** I3: an open shows a state that an earlier open or answer had ruled out. */
  | "Resurrected"
  /** I1, I7: a state that mixes versions, or does not verify. */
  | "WrongBytes"
  | "SnapshotDamaged"
  | "DifferenceWrong"
  /** No fault excuses it, and yet no root is accepted any more. */
  | "Unopenable"

export type Breach =
  /** I4 */
  | "Overwrite"
  /** I5 */
  | "BirthOrder"
  /** I6 */
  | "GenerationReused"
  /** I8 */
  | "Partition"
  /** I9 */
  | "ReusedBeforeSync"
  /** I10 */
  | "FellBackTooFar"

export type Violation = Harm | Breach

const breaches: ReadonlySet<Violation> = new Set<Breach>([
  "Overwrite",
  "BirthOrder",
  "GenerationReused",
  "Partition",
  "ReusedBeforeSync",
  "FellBackTooFar"
])

export const isHarm = (violation: Violation): violation is Harm => !breaches.has(violation)

export interface Ghost {
  /** The state that an open must show, unless it shows one that was in flight. */
  readonly floor: number
  readonly floorBy: "acknowledgement" | "open"
  readonly mayTurnUp: ReadonlyArray<number>
  /** The highest generation that was acknowledged or returned by an open. */
  readonly highestGeneration: number
  /** Set when a slot rotted that the state in flight would have fallen back to. */
  readonly mayRefuse: boolean
  /** Counts the power cuts, as a boot id does. */
  readonly boot: number
  readonly used: Used
}

/** How much of each bounded thing has happened. */
export interface Used {
  readonly transactions: number
  readonly crashes: number
  readonly failedSyncs: number
  readonly unreadable: number
  readonly damagedSlots: number
  readonly snapshots: number
  readonly snapshotDeletions: number
  readonly rollbacks: number
  readonly closes: number
}

export const newGhost: Ghost = {
  floor: 0,
  floorBy: "acknowledgement",
  mayTurnUp: [],
  highestGeneration: 1,
  mayRefuse: false,
  boot: 0,
  used: {
    transactions: 0,
    crashes: 0,
    failedSyncs: 0,
    unreadable: 0,
    damagedSlots: 0,
    snapshots: 0,
    snapshotDeletions: 0,
    rollbacks: 0,
    closes: 0
  }
}

export const count = (ghost: Ghost, what: keyof Used): Ghost => ({
  ...ghost,
  used: { ...ghost.used, [what]: ghost.used[what] + 1 }
})

/** A root that is published, by an acknowledgement or by an open: its version, and every page that it shows. */
export const judgePublished = (world: World, ghost: Ghost, disk: Disk, root: Root): Harm | null => {
  if (root.version !== ghost.floor && !ghost.mayTurnUp.includes(root.version)) {
    if (root.version > ghost.floor) return "Resurrected"
    return ghost.floorBy === "open" ? "OpenedTakenBack" : "AcknowledgedLost"
  }
  const read = (address: number) => readPage(world, disk, address)
  if (!shows(world.contents, read, root.objects, root.values)) return "WrongBytes"
  if (root.map !== null && read(root.map.address) !== root.map.checksum) return "WrongBytes"
  const isWhole = root.snapshots.every(({ objects, values }) => shows(world.contents, read, objects, values))
  return isWhole ? null : "SnapshotDamaged"
}

export const judgePlanned = (world: World, root: Root): ReadonlyArray<Violation> => {
  const { pageCount } = world.settings.workload
  const violations: Array<Violation> = []
  if (!isPartition(root, world.contents.freeOf(root, pageCount), pageCount)) violations.push("Partition")
  if (!isDifferenceExact(root)) violations.push("DifferenceWrong")
  if (!isBirthMonotone(root)) violations.push("BirthOrder")
  return violations
}

export const judgeWrite = (world: World, ghost: Ghost, session: Session, disk: Disk, write: Write): Breach | null => {
  const [location, content] = write
  if (disk.cache[location] === content) return null
  if (isOverwrite(world, protectedRoots(world, session, disk), write)) return "Overwrite"
  const root = world.contents.root(content)
  if (root !== null) return isGenerationReused(world, ghost, disk, content, root) ? "GenerationReused" : null
  return disk.pending[location]!.some((unsynced) => unsynced !== content) ? "ReusedBeforeSync" : null
}

/**
 * What a slot's rot allows: one step back from the damaged root, or a refusal if nothing is left to step back to, or if
 * the damaged root is what a newer one that was in flight would have fallen back to.
 */
export const afterDamage = (world: World, ghost: Ghost, disk: Disk, damaged: Root): Ghost => {
  const roots = visibleRoots(world, disk).map((id) => world.contents.knownRoot(id))
  const newest = roots.reduce((left, right) => (right.generation > left.generation ? right : left))
  if (damaged !== newest && damaged.generation !== newest.base) return ghost
  const base = roots.find((root) => root.generation === damaged.base)
  const isLastResort = damaged !== newest && newest.version !== ghost.floor
  const mayTurnUp = base === undefined ? ghost.mayTurnUp : [...ghost.mayTurnUp, base.version]
  const isExcused = base === undefined || isLastResort
  return {
    ...ghost,
    mayTurnUp: [...new Set(mayTurnUp)].sort(),
    mayRefuse: ghost.mayRefuse || isExcused,
    // Nobody can see a generation that stood in the damaged slot alone.
    highestGeneration: Math.min(ghost.highestGeneration, damaged.base)
  }
}

const visibleRoots = (world: World, disk: Disk): ReadonlyArray<ContentId> =>
  disk.cache.slice(0, world.settings.workload.slotCount).filter((id) => world.contents.root(id) !== null)

/** The roots that must stay whole, as the outside world counts them: even one that the session could not read. */
const protectedRoots = (world: World, session: Session, disk: Disk): ReadonlyArray<ContentId> => {
  if (session.phase === "closed") return []
  const { previous, published, inFlight } = session.phase === "open" ? session : session.next
  const current = [published, ...(session.phase === "opening" && previous > 0 ? [previous] : [])]
  const flying = inFlight === null ? [] : [inFlight.root]
  if (world.settings.rules.retention === 0) return [...current, ...flying]
  const bases = current.map((id) => world.contents.knownRoot(id).base)
  const retained = visibleRoots(world, disk).filter((id) => bases.includes(world.contents.knownRoot(id).generation))
  return [...current, ...flying, ...retained]
}

const isOverwrite = (world: World, roots: ReadonlyArray<ContentId>, [location, content]: Write): boolean =>
  roots.some((id) => {
    const root = world.contents.knownRoot(id)
    if (location === root.slot) return content !== id
    const held = [...root.objects, ...(root.map === null ? [] : [root.map])]
    const seen = root.snapshots.flatMap((snapshot) => [...snapshot.objects, ...snapshot.dead])
    return [...held, ...seen].some(
      (pointer) => pageAt(world, pointer.address) === location && pointer.checksum !== content
    )
  })

const isGenerationReused = (world: World, ghost: Ghost, disk: Disk, content: ContentId, root: Root): boolean => {
  if (root.generation <= ghost.highestGeneration) return true
  for (let slot = 0; slot < world.settings.workload.slotCount; slot++) {
    for (const id of [disk.durable[slot]!, disk.cache[slot]!, ...disk.pending[slot]!]) {
      const other = world.contents.root(id)
      if (id !== content && other !== null && other.generation >= root.generation) return true
    }
  }
  return false
}
