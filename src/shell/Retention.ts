/**
 * Snapshots that are taken by the clock, and removed by a policy.
 *
 * - A round takes a snapshot, unless nothing has changed since its last one, and removes those of its own that the policy does not
 *   keep; see `Retention` of the core for the rules. Others are never touched.
 * - The first round comes when the last snapshot is as old as `every`: at once, if there is none.
 * - What fails is logged, and tried again in the next round. A volume that takes no writes any more ends it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { equal } from "../core/Bytes.ts"
import * as Retention from "../core/Retention.ts"
import * as CoreSnapshots from "../core/Snapshots.ts"
import { Current } from "./Frame.ts"
import { Volume } from "./Volume.ts"
import * as VolumeError from "./VolumeError.ts"

type Service = Volume["Service"]
type Failure = VolumeError.VolumeError

/** How often a snapshot is taken, and how many are kept. */
export interface Options extends Retention.Policy {
  /** The time between two of them. */
  readonly every: Duration.Input
  /** What their names begin with, before the time stamp; `"auto-"` by default. */
  readonly prefix?: string | undefined
}

const PREFIX = "auto-"
const COUNTS = ["last", "hourly", "daily", "weekly", "monthly"] as const

/** What there is to do, as it was asked for. */
interface Plan {
  readonly volume: Service
  readonly policy: Retention.Policy
  readonly prefix: string
  readonly everyMillis: number
}

const encoder = new TextEncoder()

/** Why it makes no sense, if so. */
const nonsense = ({ everyMillis, policy, prefix, volume }: Plan): string | undefined => {
  if (!(everyMillis >= 1)) return "snapshots are taken at most every millisecond"
  if (!COUNTS.every((rule) => Number.isInteger(policy[rule] ?? 0) && (policy[rule] ?? 0) >= 0)) {
    return "of snapshots, whole numbers are kept"
  }
  if (COUNTS.every((rule) => (policy[rule] ?? 0) === 0)) return "no rule says how many snapshots are kept"
  if (/[\0/]/.test(prefix) || !prefix.isWellFormed()) return "no snapshot can have this prefix"
  const byteCount = encoder.encode(prefix).length + Retention.STAMP_BYTES
  return byteCount > CoreSnapshots.nameBytesMax(volume.facts.layout) ? "the prefix is too long" : undefined
}

/** The snapshots of this prefix that the clock has taken, oldest first. */
const taken = ({ prefix, volume }: Plan) =>
  Effect.map(volume.snapshots.list, (all) => all.filter(({ name }) => Retention.isOwn(prefix, name)))

/** Whether the volume's files are others than those of the snapshot of this name. */
const hasChangedSince = (volume: Service, name: string): Effect.Effect<boolean, Failure> =>
  volume.read((pages, { names, snapshots }) => {
    const kept = CoreSnapshots.named(pages, snapshots, encoder.encode(name))?.names
    return kept === undefined || kept.level !== names.level || !equal(kept.link, names.link)
  })

/** Takes a snapshot, if there is anything new. */
const take = Effect.fnUntraced(function* (plan: Plan) {
  const { prefix, volume } = plan
  const newest = (yield* taken(plan)).at(-1)
  if (newest !== undefined && !(yield* hasChangedSince(volume, newest.name))) {
    // Writes nothing, but is refused where nothing can be written any more.
    return yield* volume.write(() => undefined)
  }
  yield* volume.snapshots.create(Retention.nameOf(prefix, yield* Clock.currentTimeNanos))
})

/** Removes what the policy does not keep. */
const prune = ({ policy, prefix, volume }: Plan): Effect.Effect<void, Failure> =>
  Effect.flatMap(volume.snapshots.list, (all) =>
    Effect.forEach(Retention.superfluous(policy, prefix, all), (name) => volume.snapshots.remove(name), {
      discard: true
    })
  )

/** Whether a failure is for good. */
const isFinal = ({ reason: { _tag } }: Failure): boolean =>
  _tag === "Poisoned" || _tag === "Fenced" || _tag === "Closed" || _tag === "ReadOnly"

/** One round; answers whether there can be another one. */
const round = Effect.fnUntraced(function* (plan: Plan) {
  const { device } = plan.volume.facts
  const steps = [
    { what: "No snapshot was taken", step: take(plan) },
    { what: "Old snapshots were not removed", step: prune(plan) }
  ]
  for (const { step, what } of steps) {
    const done = yield* Effect.result(step)
    if (Result.isSuccess(done)) continue
    const isLast = isFinal(done.failure)
    const next = isLast ? "It is not tried again." : "It is tried again in the next round."
    yield* Effect.logWarning(`${device}: ${what}: ${done.failure.message} ${next}`)
    if (isLast) return false
  }
  return true
})

/** Milliseconds until the last snapshot is as old as the next one may be; none, if that is not known. */
const untilDue = (plan: Plan): Effect.Effect<number> =>
  Effect.match(taken(plan), { onFailure: () => undefined, onSuccess: (own) => own.at(-1) }).pipe(
    Effect.zip(Clock.currentTimeMillis),
    Effect.map(([newest, now]) => {
      if (newest === undefined) return 0
      const due = Number(newest.time / BigInt(1_000_000)) + plan.everyMillis - now
      return Math.min(Math.max(0, due), plan.everyMillis)
    })
  )

const rounds = Effect.fnUntraced(function* (plan: Plan) {
  let wait = yield* untilDue(plan)
  do {
    yield* Effect.sleep(wait)
    wait = plan.everyMillis
  } while (yield* round(plan))
})

/** Takes and removes snapshots until the scope ends, in a fiber of its own. */
export const keep = ({
  every,
  prefix = PREFIX,
  ...policy
}: Options): Effect.Effect<void, Failure, Volume | Scope.Scope> =>
  Effect.gen(function* () {
    const volume = yield* Volume
    const { device, readOnly } = volume.facts
    const plan: Plan = { volume, policy, prefix, everyMillis: Duration.toMillis(every) }
    const reason = nonsense(plan)
    if (reason !== undefined) return yield* VolumeError.make(new VolumeError.InvalidOptions({ device, reason }))
    if (readOnly) return yield* VolumeError.make(new VolumeError.ReadOnly({ device }))
    // Of no transaction and no view, whatever the caller is inside of.
    yield* Effect.forkScoped(Effect.provideService(rounds(plan), Current, undefined))
  })

/** The same as long as the layer stands. */
export const layer = (options: Options): Layer.Layer<never, Failure, Volume> => Layer.effectDiscard(keep(options))
