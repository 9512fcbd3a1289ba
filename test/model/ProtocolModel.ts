/**
 * Explores every state that the commit protocol can get into on a disk that reorders, tears and fails, and every crash
 * in each of them, breadth first; so the first trace to a violation is a shortest one.
 *
 * - States are told apart exactly, by a short string of numbers: nothing is lost to a hash.
 * - A path ends where harm is done; a breach is noted and the path goes on, so that the harm it leads to is found.
 */
import { type ContentId, type Disk, type Write } from "./Disk.ts"
import * as DiskModel from "./Disk.ts"
import { planClean } from "./Commit.ts"
import {
  afterDamage,
  count,
  type Ghost,
  isHarm,
  judgePlanned,
  judgePublished,
  judgeWrite,
  newGhost,
  type Violation
} from "./Judge.ts"
import { Contents, type Root } from "./Records.ts"
import * as Recovery from "./Recovery.ts"
import { closed, type Draft, type InFlight, type Open, opened, type Opening, type Session } from "./Session.ts"
import type { Settings } from "./Settings.ts"
import { format, type World } from "./World.ts"
import { moves } from "./Workload.ts"

interface Finding {
  readonly count: number
  /** What happened, step by step, up to the first time. */
  readonly trace: ReadonlyArray<string>
}

export interface Exploration {
  readonly states: number
  readonly transitions: number
  /** The last transaction that was acknowledged on any path: all of them, unless the disk is too small. */
  readonly acknowledgedMax: number
  /** Whether every reachable state was seen: neither the bound on states nor `until` cut the search off. */
  readonly isExhausted: boolean
  readonly violations: ReadonlyMap<Violation, Finding>
}

export interface Bounds {
  readonly statesMax: number
  /** Stop as soon as all of these are found. */
  readonly until: ReadonlyArray<Violation>
}

interface State {
  readonly disk: Disk
  readonly session: Session
  readonly ghost: Ghost
}

interface Node extends State {
  readonly parent: Node | null
  readonly label: () => string
}

export const explore = (settings: Settings, bounds: Bounds): Exploration => new Explorer(settings).run(bounds)

class Explorer {
  readonly #world: World
  readonly #seen = new Set<string>()
  readonly #frontier: Array<Node> = []
  readonly #violations = new Map<Violation, Finding>()
  readonly #sessions = new Map<string, number>()
  readonly #ghosts = new Map<string, number>()
  /** For each content, the last round in which something referred to it. */
  readonly #referredIn = new Uint32Array(0x10000)
  #round = 0
  #transitions = 0
  #acknowledgedMax = 0

  constructor(settings: Settings) {
    this.#world = { settings, contents: new Contents() }
  }

  run(bounds: Bounds): Exploration {
    const { disk, root } = format(this.#world)
    const start = { disk, session: opened(root, DiskModel.junk, 2), ghost: newGhost }
    this.#reach(null, start, () => "format")
    let expanded = 0
    let isExhausted = true
    for (; expanded < this.#frontier.length; expanded++) {
      const isFound = bounds.until.length > 0 && bounds.until.every((violation) => this.#violations.has(violation))
      if (isFound || expanded >= bounds.statesMax) {
        isExhausted = false
        break
      }
      this.#expand(this.#frontier[expanded]!)
    }
    return {
      states: expanded,
      transitions: this.#transitions,
      acknowledgedMax: this.#acknowledgedMax,
      isExhausted,
      violations: this.#violations
    }
  }

  #expand(node: Node): void {
    this.#crash(node)
    this.#evict(node)
    const { session } = node
    if (session.phase === "closed") {
      this.#damage(node)
      this.#open(node)
    } else if (session.phase === "opening") {
      this.#recover(node, session)
    } else {
      if (session.inFlight !== null) this.#commit(node, session, session.inFlight)
      this.#work(node, session)
    }
  }

  #crash(node: Node): void {
    const { faults, workload } = this.#world.settings
    if (node.ghost.used.crashes >= faults.crashes) return
    const ghost = count(node.ghost, "crashes")
    if (faults.kill && node.session.phase !== "closed") {
      this.#reach(node, { disk: node.disk, session: closed, ghost }, () => "kill -9")
    }
    this.#beginRound()
    for (let slot = 0; slot < workload.slotCount; slot++) {
      this.#refer(node.disk.durable[slot]!)
      for (const content of node.disk.pending[slot]!) this.#refer(content)
    }
    const round = this.#round
    const cuts = DiskModel.powerCuts(node.disk, {
      torn: faults.tornWrites,
      identicalRewriteIsSafe: faults.identicalRewriteIsSafe,
      matters: (location, content) => location < workload.slotCount || this.#referredIn[content] === round
    })
    for (const disk of cuts) {
      const after = { disk, session: closed, ghost: { ...ghost, boot: ghost.boot + 1 } }
      this.#reach(node, after, () => `power cut, which leaves ${this.#describe(disk.durable)}`)
    }
  }

  #evict(node: Node): void {
    if (!this.#world.settings.faults.eviction) return
    for (let location = 0; location < node.disk.cache.length; location++) {
      if (!DiskModel.isEvictable(node.disk, location)) continue
      const disk = DiskModel.evict(node.disk, location)
      this.#reach(node, { ...node, disk }, () => `the cache drops ${this.#place(location)}`)
    }
  }

  #damage(node: Node): void {
    const { faults, workload } = this.#world.settings
    if (node.ghost.used.damagedSlots >= faults.damagedSlots) return
    for (let slot = 0; slot < workload.slotCount; slot++) {
      const root = this.#world.contents.root(node.disk.cache[slot]!)
      if (root === null || node.disk.durable[slot] !== node.disk.cache[slot]) continue
      if (node.disk.pending[slot]!.length > 0) continue
      const ghost = afterDamage(this.#world, count(node.ghost, "damagedSlots"), node.disk, root)
      const after = { disk: DiskModel.damage(node.disk, slot), session: closed, ghost }
      this.#reach(node, after, () => `slot ${slot} rots`)
    }
  }

  #open(node: Node): void {
    this.#openWith(node, -1, node.ghost)
    if (node.ghost.used.unreadable >= this.#world.settings.faults.unreadable) return
    const ghost = count(node.ghost, "unreadable")
    for (let location = 0; location < node.disk.cache.length; location++) this.#openWith(node, location, ghost)
  }

  #openWith(node: Node, unreadable: number, ghost: Ghost): void {
    const outcome = Recovery.open(this.#world, { disk: node.disk, boot: ghost.boot, unreadable })
    const condition = unreadable < 0 ? "" : ` while ${this.#place(unreadable)} cannot be read`
    if (outcome.result === "unreadable") return
    if (outcome.result === "corrupt") {
      if (!ghost.mayRefuse) this.#violate("Unopenable", node, () => `opens${condition}: no root is acceptable`)
      return
    }
    const root = this.#world.contents.knownRoot(outcome.root)
    const label = () => `opens${condition}, takes root ${root.generation}`
    const isTooFar = root !== outcome.newest && root.generation !== outcome.newest.base
    if (isTooFar) this.#violate("FellBackTooFar", node, label)
    this.#reach(node, { disk: node.disk, session: outcome.session, ghost }, label)
  }

  #recover(node: Node, session: Opening): void {
    const [step, ...steps] = session.steps
    if (step === undefined) return
    if (step.do === "write") {
      this.#write(node, step.writes, { ...session, steps }, node.ghost, "")
    } else if (step.do === "sync") {
      this.#sync(node, { ...session, steps }, () => closed)
    } else {
      const root = this.#world.contents.knownRoot(session.next.published)
      const ghost: Ghost = { ...node.ghost, ...published(root), floorBy: "open", mayTurnUp: [], mayRefuse: false }
      this.#publish(node, { ...node, session: session.next, ghost }, root, `open returns root ${root.generation}`)
    }
  }

  #commit(node: Node, session: Open, inFlight: InFlight): void {
    const [step, ...steps] = inFlight.steps
    if (step === undefined) return
    const stepped: Open = { ...session, inFlight: { ...inFlight, steps } }
    if (step.do === "write") {
      this.#write(node, step.writes, stepped, node.ghost, "")
    } else if (step.do === "sync") {
      this.#sync(node, stepped, () => this.#afterFailedSync(node, session, inFlight))
    } else if (step.do === "acknowledge") {
      const root = this.#world.contents.knownRoot(step.root)
      this.#acknowledgedMax = Math.max(this.#acknowledgedMax, root.version)
      const later = steps.flatMap((rest) =>
        rest.do === "acknowledge" ? [this.#world.contents.knownRoot(rest.root).version] : []
      )
      const ghost: Ghost = { ...node.ghost, ...published(root), floorBy: "acknowledgement", mayTurnUp: later }
      const acknowledged: Open = {
        ...stepped,
        published: step.root,
        previous: session.published,
        inFlight: steps.length === 0 ? null : stepped.inFlight
      }
      const label = `root ${root.generation} is acknowledged, up to transaction ${root.version}`
      this.#publish(node, { ...node, session: acknowledged, ghost }, root, label)
    } else {
      const root = this.#world.contents.knownRoot(inFlight.root)
      const ghost: Ghost = { ...node.ghost, highestGeneration: root.generation }
      this.#reach(node, { ...node, session: closed, ghost }, () => "closed")
    }
  }

  /** What the handle does when its sync has failed: by rule it is poisoned, and somebody must open the volume again. */
  #afterFailedSync(node: Node, session: Open, inFlight: InFlight): Session {
    const { failedSync } = this.#world.settings.rules
    if (failedSync === "retry") return session
    if (failedSync === "goOn") return { ...session, inFlight: null, group: null }
    const isClosing = inFlight.steps.at(-1)?.do === "close"
    if (failedSync === "poison" || isClosing) return closed
    const of = failedSync === "closeClean" ? session.published : inFlight.root
    return planClean(this.#world, node.disk, { ...session, group: null }, of, node.ghost.boot)
  }

  #work(node: Node, session: Open): void {
    for (const move of moves({ world: this.#world, disk: node.disk, session, ghost: node.ghost })) {
      if (move.isPlanned) {
        const root = this.#world.contents.knownRoot(move.session.inFlight!.root)
        for (const violation of judgePlanned(this.#world, root)) this.#violate(violation, node, move.label)
      }
      if (move.writes.length === 0) {
        this.#reach(node, { disk: node.disk, session: move.session, ghost: move.ghost }, move.label)
      } else {
        this.#write(node, move.writes, move.session, move.ghost, `${move.label()}: `)
      }
    }
  }

  #write(node: Node, writes: ReadonlyArray<Write>, session: Session, ghost: Ghost, prefix: string): void {
    const label = () => `${prefix}writes ${writes.map((write) => this.#describeWrite(write)).join(", ")}`
    for (const write of writes) {
      const breach = judgeWrite(this.#world, ghost, node.session, node.disk, write)
      if (breach !== null) this.#violate(breach, node, label)
    }
    this.#reach(node, { disk: DiskModel.write(node.disk, writes), session, ghost }, label)
  }

  #sync(node: Node, session: Session, afterFailure: () => Session): void {
    this.#reach(node, { disk: DiskModel.sync(node.disk), session, ghost: node.ghost }, () => "sync")
    const { faults, rules } = this.#world.settings
    if (node.ghost.used.failedSyncs >= faults.failedSyncs) return
    const failed = afterFailure()
    const counted = count(node.ghost, "failedSyncs")
    // A handle that goes on has answered that the transaction failed, and shows the state without it.
    const ghost = failed.phase === "open" && rules.failedSync === "goOn" ? { ...counted, mayTurnUp: [] } : counted
    for (const disk of DiskModel.failedSyncs(node.disk, faults.tornWrites)) {
      const label = () => `a sync fails, after it made durable ${this.#describe(disk.durable)}`
      this.#reach(node, { disk, session: failed, ghost }, label)
    }
  }

  #publish(node: Node, after: State, root: Root, text: string): void {
    const harm = judgePublished(this.#world, node.ghost, node.disk, root)
    if (harm === null) this.#reach(node, after, () => text)
    else this.#violate(harm, node, () => text)
  }

  #violate(violation: Violation, node: Node, label: () => string): void {
    const known = this.#violations.get(violation)
    const trace = known?.trace ?? [...traceOf(node), label(), violation + (isHarm(violation) ? "" : " (a breach)")]
    this.#violations.set(violation, { count: (known?.count ?? 0) + 1, trace })
  }

  #reach(parent: Node | null, state: State, label: () => string): void {
    this.#transitions++
    const disk = this.#forget(state)
    const key: Array<number> = []
    DiskModel.encode(disk, key)
    const session = numberOf(this.#sessions, state.session)
    const ghost = numberOf(this.#ghosts, state.ghost)
    key.push(session & 0xffff, session >> 16, ghost & 0xffff, ghost >> 16)
    const text = String.fromCharCode(...key)
    if (this.#seen.has(text)) return
    this.#seen.add(text)
    this.#frontier.push({ disk, session: state.session, ghost: state.ghost, parent, label })
  }

  #forget({ disk, session }: State): Disk {
    const { slotCount } = this.#world.settings.workload
    this.#beginRound()
    for (let slot = 0; slot < slotCount; slot++) {
      this.#refer(disk.durable[slot]!)
      this.#refer(disk.cache[slot]!)
      for (const content of disk.pending[slot]!) this.#refer(content)
    }
    const open = session.phase === "closed" ? null : session.phase === "open" ? session : session.next
    if (open !== null) {
      this.#refer(open.published)
      this.#refer(open.previous)
      if (open.inFlight !== null) this.#refer(open.inFlight.root)
      if (open.group !== null) {
        this.#referDraft(open.group.draft)
        if (open.group.running !== null) this.#referDraft(open.group.running.begin)
        if (open.group.running?.savepoint) this.#referDraft(open.group.running.savepoint)
      }
    }
    const round = this.#round
    return DiskModel.forget(disk, (location, content) => location < slotCount || this.#referredIn[content] === round)
  }

  #beginRound(): void {
    this.#round++
  }

  #refer(root: ContentId): void {
    for (const content of this.#world.contents.referencesOf(root)) this.#referredIn[content] = this.#round
  }

  #referDraft(draft: Draft): void {
    for (const { pointer } of draft.objects) if (pointer !== null) this.#referredIn[pointer.checksum] = this.#round
    for (const snapshot of draft.snapshots) {
      for (const pointer of snapshot.objects) this.#referredIn[pointer.checksum] = this.#round
    }
  }

  #place(location: number): string {
    const { slotCount } = this.#world.settings.workload
    return location < slotCount ? `slot ${location}` : `page ${location - slotCount}`
  }

  #describe(contents: ReadonlyArray<ContentId>): string {
    const kept = contents.flatMap((id, location) =>
      id === DiskModel.junk ? [] : [this.#describeWrite([location, id])]
    )
    return kept.join(", ")
  }

  #describeWrite([location, id]: Write): string {
    const content = this.#world.contents.get(id)
    const what =
      content === null
        ? "junk"
        : content.kind === "root"
          ? `root ${content.generation}${content.clean ? " clean" : ""}`
          : content.kind === "map"
            ? `free map@${content.birth}`
            : `${content.value}@${content.birth ?? "?"}`
    return `${this.#place(location)} = ${what}`
  }
}

const published = (root: Root) => ({ floor: root.version, highestGeneration: root.generation })

const numberOf = (numbers: Map<string, number>, value: unknown): number => {
  const key = JSON.stringify(value)
  const known = numbers.get(key)
  if (known !== undefined) return known
  numbers.set(key, numbers.size)
  return numbers.size - 1
}

const traceOf = (node: Node): ReadonlyArray<string> => {
  const labels: Array<string> = []
  for (let at: Node | null = node; at !== null; at = at.parent) labels.push(at.label())
  return labels.toReversed()
}
