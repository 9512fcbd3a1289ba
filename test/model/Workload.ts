/**
 * What users of an open session may do next: begin, go on with, finish or roll back a transaction, take or delete or
 * return to a snapshot, commit the group, close.
 */
import { type Disk, type Write } from "./Disk.ts"
import { plan, planClean } from "./Commit.ts"
import { deleteSnapshot, joinable, put, rollBackTo, settle, snapshot, withoutRunning } from "./Grouping.ts"
import { count, type Ghost } from "./Judge.ts"
import { type Group, type Open, type Running } from "./Session.ts"
import { objectCount, type World } from "./World.ts"

export interface Move {
  readonly session: Open
  readonly ghost: Ghost
  readonly writes: ReadonlyArray<Write>
  /** Set when this move plans a root, for the judge. */
  readonly isPlanned: boolean
  readonly label: () => string
}

interface Place {
  readonly world: World
  readonly disk: Disk
  readonly session: Open
  readonly ghost: Ghost
}

const objects = Array.from({ length: objectCount }, (_, index) => index)

/** Which objects a transaction in one step puts. */
const shapes: ReadonlyArray<ReadonlyArray<number>> = [[0], objects]

export const moves = (place: Place): ReadonlyArray<Move> => {
  const { session, world } = place
  const { workload } = world.settings
  const { group, inFlight } = session
  const running = group?.running ?? null
  if (group !== null && running !== null) return stepMoves(place, group, running)
  const isIdle = inFlight === null && group === null
  const canOverlap = world.settings.rules.commitsInFlight === 2 && group === null && acknowledgements(session) < 2
  const found: Array<Move> = group === null ? [] : [...commitMoves(place, "commit")]
  const joined = workload.group || isIdle || canOverlap ? joinable(world, session) : null
  if (joined !== null) found.push(...transactionMoves(place, joined), ...snapshotMoves(place, joined))
  if (isIdle && place.ghost.used.closes < workload.closes) found.push(closeMove(place))
  return found
}

const transactionMoves = (place: Place, joined: Group): ReadonlyArray<Move> => {
  const { ghost, session, world } = place
  const { workload } = world.settings
  if (ghost.used.transactions >= workload.transactions) return []
  const version = nextVersion(ghost)
  if (workload.stepwisePuts > 0) {
    const { draft } = joined
    const running: Running = { version, puts: 0, begin: draft, savepoint: null, savepointsLeft: 1 }
    const group = { ...joined, running }
    const begun = { ...place, session: { ...session, group }, ghost: count(ghost, "transactions") }
    return putMoves(begun, group, running, `transaction ${version} begins, and `)
  }
  return shapes.flatMap((shape) =>
    valuesOf(world, version).flatMap((value) => {
      const changed = shape.reduce((group, index) => put(world, group, index, value), joined)
      const label = () => `transaction ${version} puts ${value} into ${shape.map((index) => "ab"[index]).join(" and ")}`
      return finish({ ...place, ghost: count(ghost, "transactions") }, { ...changed, version }, label)
    })
  )
}

/** A finished transaction waits in its group; without groups it is committed at once. */
const finish = (
  place: Place,
  group: Group,
  label: () => string,
  writes: ReadonlyArray<Write> = []
): ReadonlyArray<Move> => {
  const session: Open = { ...place.session, group: { ...group, running: null } }
  if (place.world.settings.workload.group) return [{ session, ghost: place.ghost, writes, isPlanned: false, label }]
  return commitMoves({ ...place, session }, label).map((move) => ({ ...move, writes }))
}

const commitMoves = (place: Place, label: string | (() => string)): ReadonlyArray<Move> => {
  const { disk, ghost, session, world } = place
  const { rules, workload } = world.settings
  const { group, inFlight } = session
  const version = group?.version ?? null
  if (group === null || version === null) return []
  if (inFlight !== null && (rules.commitsInFlight === 1 || acknowledgements(session) >= 2)) return []
  const text = () => (typeof label === "string" ? label : label())
  const barriers: ReadonlyArray<1 | 2> = rules.barriers === "either" ? [1, 2] : [rules.barriers]
  return barriers.flatMap((count) =>
    (workload.folds ? [false, true] : [false]).flatMap((isFold): ReadonlyArray<Move> => {
      const planned = plan(world, disk, session, group, version, { barriers: count, isFold, boot: ghost.boot })
      if (planned === null) return []
      return [
        {
          session: planned,
          ghost: { ...ghost, mayTurnUp: [...new Set([...ghost.mayTurnUp, version])] },
          writes: [],
          isPlanned: true,
          label: () => `${text()} [root ${group.generation}, barriers ${count}${isFold ? ", fold" : ""}]`
        }
      ]
    })
  )
}

const stepMoves = (place: Place, group: Group, running: Running): ReadonlyArray<Move> => {
  const { ghost, session, world } = place
  const { rules, workload } = world.settings
  const found: Array<Move> = []
  const stay = (changed: Group, label: string, writes: ReadonlyArray<Write> = []) =>
    found.push({ session: { ...session, group: changed }, ghost, writes, isPlanned: false, label: () => label })
  if (running.puts < workload.stepwisePuts) found.push(...putMoves(place, group, running, ""))
  for (const index of objects) {
    if (group.draft.objects[index]!.pointer !== null) continue
    const settled = settle(world, session, group, group.earlyBirth, [index])
    if (settled !== null) stay(settled.group, `writes ${"ab"[index]} early`, settled.writes)
  }
  if (workload.savepoints && running.savepoint === null && running.savepointsLeft > 0) {
    const savepointsLeft = running.savepointsLeft - 1
    stay({ ...group, running: { ...running, savepoint: group.draft, savepointsLeft } }, "sets a savepoint")
  }
  if (running.savepoint !== null) {
    const draft = running.savepoint
    stay({ ...group, draft, running: { ...running, savepoint: null } }, "rolls back to the savepoint")
  }
  const remaining = withoutRunning(group)
  const dead = rules.earlyReuse === "sameCommit" ? group.reserved & ~running.begin.free : group.reserved
  const spent = remaining === null && rules.earlyReuse === "nextCommit" ? session.spent | dead : session.spent
  found.push({
    session: { ...session, spent, group: remaining === null ? null : { ...remaining, reserved: dead } },
    ghost,
    writes: [],
    isPlanned: false,
    label: () => `transaction ${running.version} is rolled back`
  })
  found.push(...finish(place, { ...group, version: running.version }, () => `transaction ${running.version} finishes`))
  return found
}

const putMoves = (place: Place, group: Group, running: Running, prefix: string): ReadonlyArray<Move> =>
  objects.map((index): Move => {
    const value = running.version * 8 + running.puts
    const changed = { ...put(place.world, group, index, value), running: { ...running, puts: running.puts + 1 } }
    return {
      session: { ...place.session, group: changed },
      ghost: place.ghost,
      writes: [],
      isPlanned: false,
      label: () => `${prefix}puts ${value} into ${"ab"[index]}`
    }
  })

const snapshotMoves = (place: Place, joined: Group): ReadonlyArray<Move> => {
  const { ghost, session, world } = place
  const { workload } = world.settings
  const version = nextVersion(ghost)
  const found: Array<Move> = []
  const taken = ghost.used.snapshots < workload.snapshots ? snapshot(world, session, joined) : null
  if (taken !== null) {
    const counted = { ...place, ghost: count(ghost, "snapshots") }
    const label = () => `transaction ${version} takes a snapshot`
    found.push(...finish(counted, { ...taken.group, version }, label, taken.writes))
  }
  joined.draft.snapshots.forEach((of, index) => {
    if (ghost.used.snapshotDeletions < workload.snapshotDeletions) {
      const counted = { ...place, ghost: count(ghost, "snapshotDeletions") }
      const label = () => `transaction ${version} deletes snapshot ${of.generation}`
      found.push(...finish(counted, { ...deleteSnapshot(world, joined, index), version }, label))
    }
    if (ghost.used.rollbacks < workload.rollbacks) {
      const counted = { ...place, ghost: count(ghost, "rollbacks") }
      const label = () => `transaction ${version} rolls back to snapshot ${of.generation}`
      found.push(...finish(counted, { ...rollBackTo(world, joined, index), version }, label))
    }
  })
  return found
}

const closeMove = (place: Place): Move => {
  const { disk, session, world } = place
  return {
    session: planClean(world, disk, session, session.published, place.ghost.boot),
    ghost: count(place.ghost, "closes"),
    writes: [],
    isPlanned: true,
    label: () => "closes, with a clean root"
  }
}

const nextVersion = ({ used }: Ghost): number =>
  used.transactions + used.snapshots + used.snapshotDeletions + used.rollbacks + 1

const valuesOf = (world: World, version: number): ReadonlyArray<number> =>
  world.settings.workload.values === "distinct" ? [version] : [1, 2]

const acknowledgements = (session: Open): number =>
  session.inFlight?.steps.filter((step) => step.do === "acknowledge").length ?? 0
