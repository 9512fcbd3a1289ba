/**
 * A volume and its replica through many rounds: the source changes and takes a snapshot, which is sent to the replica as what
 * differs from the newest snapshot that both have; both sides die at any time, and streams break off.
 *
 * - Whatever happened, the pair goes on by the same rules: what both have is looked up, and no part is taken for the whole.
 * - What has arrived is at once what was sent; a replica that has refused a stream shows what it showed before.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { assert } from "vitest"
import * as KeyValue from "../../src/shell/KeyValue.ts"
import type * as Volume from "../../src/shell/Volume.ts"
import { VolumeError } from "../../src/shell/VolumeError.ts"
import { Random } from "../../src/testing/Random.ts"
import { contentOf } from "../shell/TransferRun.ts"
import { causeText } from "./CrashJudge.ts"
import * as ReplicaChanges from "./ReplicaChanges.ts"
import { ReplicaMachine, type Settings } from "./ReplicaMachine.ts"

type Service = Volume.Volume["Service"]
type Snapshot = Volume.Snapshot

export interface Outcomes {
  readonly histogram: Readonly<Record<string, number>>
  readonly digest: string
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const same = (a: Snapshot, b: Snapshot): boolean => hex(a.id) === hex(b.id)
const oneOf = <A>(random: Random, all: ReadonlyArray<A>): A => all[random.below(all.length)]

/** Says only what differs, and not all of that. */
const expectSame = (found: ReadonlyArray<string>, wanted: ReadonlyArray<string>): void => {
  const [has, wants] = [new Set(found), new Set(wanted)]
  const differences = [
    ...found.filter((line) => !wants.has(line)).map((line) => `+ ${line.slice(0, 200)}`),
    ...wanted.filter((line) => !has.has(line)).map((line) => `- ${line.slice(0, 200)}`)
  ]
  assert.deepStrictEqual(differences, [])
  assert.strictEqual(found.length, wanted.length)
}

/** Ways in which a stream may be tried again, before it has to come through without trouble. */
const TRIES = 6
const KEPT_MAX = 4

const settingsOf = (random: Random, name: string): Settings => {
  const pageSize = oneOf(random, [512, 512, 1024, 4096])
  return {
    name,
    size: 4096 * pageSize,
    options: {
      pageSize,
      durability: oneOf(random, ["commit", "commit", "interval"]),
      cacheBytes: oneOf(random, [0, 4 * pageSize, 1 << 20]),
      dirtyBytes: oneOf(random, [pageSize, 8 * pageSize, 1 << 20])
    }
  }
}

class Pair {
  readonly histogram: Record<string, number> = {}
  readonly source: ReplicaMachine
  readonly replica: ReplicaMachine
  readonly #random: Random
  #round = 0
  /** The snapshot whose state the replica shows; its own may have been removed since. */
  #shown: Snapshot | undefined

  constructor(seed: number) {
    this.#random = Random.at(seed, 1)
    this.source = new ReplicaMachine(settingsOf(this.#random, "the source"), Random.at(seed, 2))
    this.replica = new ReplicaMachine(settingsOf(this.#random, "the replica"), Random.at(seed, 3))
  }

  count(what: string): void {
    this.histogram[what] = (this.histogram[what] ?? 0) + 1
  }

  // ---- a round

  round(): void {
    const random = this.#random
    this.#round++
    this.#change()
    if (random.chance(0.05)) this.#goBack()
    this.#take()
    this.#sendAll()
    this.#prune(this.source)
    this.#prune(this.replica)
    for (const machine of [this.source, this.replica]) if (random.chance(0.1)) machine.close()
    if (this.#round % 20 === 0) this.check()
  }

  /** Sends until the replica has it, or gives up for this time. */
  #sendAll(): void {
    const random = this.#random
    if (random.chance(0.05)) return
    for (let tries = 0; !this.#transfer(tries < TRIES); tries++) {
      if (random.chance(0.2)) return this.count("given up")
      this.count("again")
    }
    if (random.chance(0.05)) this.#transfer(false)
  }

  #arm(machine: ReplicaMachine, probability: number): void {
    machine.disarm()
    if (this.#random.chance(probability)) machine.arm(oneOf(this.#random, [4, 15, 60]))
  }

  #change(): void {
    const random = this.#random
    this.#arm(this.source, 0.15)
    const taste = { bytesMax: oneOf(random, [5000, 20_000, 60_000]) }
    const ending = this.source.run((volume) => ReplicaChanges.make(volume, random, taste))
    if (ending._tag === "Dead") this.count("source died changing")
  }

  #list(machine: ReplicaMachine): ReadonlyArray<Snapshot> {
    return machine.get((volume) => volume.snapshots.list)
  }

  #goBack(): void {
    const random = this.#random
    const all = this.#list(this.source)
    if (all.length === 0) return
    const place = random.below(all.length)
    for (const { id } of all.slice(place + 1)) this.source.release(id)
    this.#arm(this.source, 0.3)
    const { name } = all[place]
    const ending = this.source.run((volume) => volume.snapshots.rollback(name, { discardNewer: true }))
    this.count(ending._tag === "Dead" ? "source died going back" : "source went back")
    this.source.disarm()
    this.source.acknowledge(this.#list(this.source).map(({ id }) => id))
  }

  #take(): void {
    this.#arm(this.source, 0.1)
    const name = `${this.#round}`
    const ending = this.source.run((volume) => ReplicaChanges.makeSnapshot(volume, this.#random, name))
    if (ending._tag === "Dead") {
      this.count("source died taking a snapshot")
      if (!this.#list(this.source).some((snapshot) => snapshot.name === name)) {
        this.source.get((volume) => volume.snapshots.create(name))
      }
    }
    this.source.acknowledge(this.#list(this.source).map(({ id }) => id))
  }

  // ---- sending

  /** Sends the newest snapshot; answers whether the replica has it now. */
  #transfer(mayFail: boolean): boolean {
    const random = this.#random
    const [there, here] = [this.#list(this.source), this.#list(this.replica)]
    const to = there[there.length - 1]
    const base = here.findLast((snapshot) => there.some((other) => same(snapshot, other)))
    const from = base === undefined ? undefined : there.find((snapshot) => same(snapshot, base))
    const begun = this.replica.get((volume) => volume.receiving)
    const after = begun?.snapshot === to.name && random.chance(0.5) ? begun.frames : undefined
    if (begun !== undefined) this.count(begun.snapshot === to.name ? "goes on" : "another stream has begun")
    if (after !== undefined) this.count("goes on after frames")
    const force = this.#shown !== undefined && (base === undefined || !same(base, this.#shown))
    if (force) this.count("forced")
    if (base !== undefined) for (const { id } of here.slice(here.indexOf(base) + 1)) this.replica.release(id)
    if (base === undefined) this.count("full")
    const chunks = this.#send(to, { from: from?.name, after }, mayFail)
    const isLost = mayFail && random.chance(0.1)
    const arriving = isLost ? chunks.slice(0, random.below(chunks.length + 1)) : chunks
    return this.#receive(to, arriving, force, mayFail)
  }

  /** What the source sends before it dies, if it does, while it is changed. */
  #send(to: Snapshot, options: Volume.SendOptions, mayFail: boolean): ReadonlyArray<Uint8Array> {
    const random = this.#random
    this.#arm(this.source, mayFail ? 0.2 : 0)
    const chunks: Array<Uint8Array> = []
    const sending = (volume: Service) =>
      Stream.runForEach(volume.send(to.name, options), (chunk) => Effect.sync(() => void chunks.push(chunk)))
    const ending = this.source.run((volume) =>
      mayFail && random.chance(0.4)
        ? Effect.all([sending(volume), ReplicaChanges.make(volume, random, { bytesMax: 3000 })], {
            concurrency: "unbounded"
          })
        : sending(volume)
    )
    if (ending._tag === "Dead") this.count("source died sending")
    else if (Exit.isFailure(ending.exit)) assert.fail(`sending failed: ${causeText(ending.exit.cause)}`)
    return chunks
  }

  #receive(to: Snapshot, chunks: ReadonlyArray<Uint8Array>, force: boolean, mayFail: boolean): boolean {
    const random = this.#random
    const before = random.chance(0.1) ? this.replica.get(contentOf) : undefined
    this.#arm(this.replica, mayFail ? 0.35 : 0)
    const ending = this.replica.run((volume) => Effect.result(volume.receive(cutAnew(chunks, random), { force })))
    this.replica.disarm()
    const isThere = this.#list(this.replica).some((snapshot) => same(snapshot, to))
    if (ending._tag === "Dead") this.count(isThere ? "replica died, and has it" : "replica died")
    else {
      assert(Exit.isSuccess(ending.exit), "a stream is received or refused")
      const { value } = ending.exit
      if (value._tag === "Success") {
        this.count(value.success.wasThere ? "was there" : "received")
        assert.isTrue(isThere)
      } else {
        const tag = value.failure instanceof VolumeError ? value.failure.reason._tag : String(value.failure)
        assert.strictEqual(tag, "BadStream", value.failure.message)
        this.count("cut short")
        assert.isFalse(isThere)
      }
    }
    if (!isThere) {
      assert.isTrue(mayFail, "a stream that nothing disturbs is received")
      if (before !== undefined) expectSame(this.replica.get(contentOf), before)
      return false
    }
    this.#shown = to
    this.replica.acknowledge([to.id])
    if (random.chance(0.15)) this.#compare(to)
    return true
  }

  /** What the replica shows is what was sent. */
  #compare(to: Snapshot): void {
    this.count("compared")
    const sent = this.source.get((volume) =>
      Effect.scoped(Effect.flatMap(volume.snapshots.open(to.name), (snapshot) => contentOf(snapshot)))
    )
    expectSame(this.replica.get(contentOf), sent)
  }

  // ---- keeping

  /** Removes some snapshots, but for the newest one that both have. */
  #prune(machine: ReplicaMachine): void {
    const random = this.#random
    const other = this.#list(machine === this.source ? this.replica : this.source)
    const all = this.#list(machine)
    const common = all.findLast((snapshot) => other.some((one) => same(snapshot, one)))
    for (const snapshot of all) {
      if (snapshot === common || !random.chance(all.length > KEPT_MAX ? 0.5 : 0.1)) continue
      machine.release(snapshot.id)
      this.#arm(machine, 0.1)
      const ending = machine.run((volume) => volume.snapshots.remove(snapshot.name))
      if (ending._tag === "Dead") this.count("died removing")
      else assert(Exit.isSuccess(ending.exit))
      this.count("removed")
    }
    machine.disarm()
  }

  check(): void {
    for (const machine of [this.source, this.replica]) {
      const { problems } = machine.get((volume) => volume.check({ deep: true }))
      assert.deepStrictEqual(problems, [])
    }
  }

  // ---- the end

  /** Sends once more, removes what only one side has, and compares everything. */
  end(): string {
    this.#round++
    this.#take()
    while (!this.#transfer(false)) assert.fail("a stream that nothing disturbs is received")
    const [there, here] = [this.#list(this.source), this.#list(this.replica)]
    for (const [machine, all, other] of [
      [this.source, there, here],
      [this.replica, here, there]
    ] as const) {
      for (const snapshot of all) {
        if (other.some((one) => same(snapshot, one))) continue
        machine.release(snapshot.id)
        machine.get((volume) => volume.snapshots.remove(snapshot.name))
      }
      machine.close()
    }
    const named = (machine: ReplicaMachine) => this.#list(machine).map(({ id, name }) => `${name} ${hex(id)}`)
    assert.deepStrictEqual(named(this.replica), named(this.source))
    expectSame(this.replica.get(contentOf), this.source.get(contentOf))
    this.check()
    const [digest, other] = [this.source, this.replica].map((machine) =>
      machine.get((volume) => digestOf(KeyValue.make(volume)))
    )
    assert.strictEqual(other, digest)
    return digest
  }
}

/** A link that leads to itself has none: then both sides have none. */
const digestOf = (keys: KeyValue.Interface) =>
  Effect.match(keys.digest("/"), { onFailure: ({ reason }) => `${reason._tag}`, onSuccess: hex })

/** The same bytes in chunks of other sizes. */
const cutAnew = (chunks: ReadonlyArray<Uint8Array>, random: Random): Stream.Stream<Uint8Array> => {
  if (random.chance(0.5)) return Stream.fromIterable(chunks)
  const whole = Buffer.concat(chunks)
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < whole.length;) {
    const piece = whole.subarray(at, at + 1 + random.below(9000))
    pieces.push(piece)
    at += piece.length
  }
  return Stream.fromIterable(pieces)
}

/** Runs a pair through so many rounds. */
export const run = (seed: number, rounds: number): Outcomes => {
  const pair = new Pair(seed)
  for (let i = 0; i < rounds; i++) pair.round()
  const digest = pair.end()
  for (const [name, { counts }] of Object.entries({ source: pair.source, replica: pair.replica })) {
    pair.histogram[`${name} cut`] = counts.cuts
    pair.histogram[`${name} ended`] = counts.ends
  }
  return { histogram: pair.histogram, digest }
}
