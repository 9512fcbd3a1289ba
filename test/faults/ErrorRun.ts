/**
 * One run of a script on a disk of which one call fails, and the judgement of what is left.
 *
 * - While the session lives: the failure is a typed error, reading goes on and shows the last acknowledged state, nothing is
 *   written any more, and nothing acknowledged.
 * - Afterwards, with the cache as the failure left it, without the cache, and after a power cut: the volume is in the last
 *   acknowledged state or in the one in flight, whole, and what a writer's opening has shown stays.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Random } from "../../src/testing/Random.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { Call, SimulatedDisk, Trouble } from "../../src/testing/SimulatedDisk.ts"
import { difference, type Histogram, type Service, type Violations, withVolume } from "./FaultVolume.ts"
import { failureOf } from "./FlipSubject.ts"
import { type Model, readModel, type Step } from "./Script.ts"

export interface Workload {
  readonly name: string
  /** The disk before the script: blank, or a volume. It is forked. */
  readonly disk: SimulatedDisk
  readonly model: Model
  readonly pageSize: number
  readonly dirtyBytes?: number
  /** Steps that are begun at the same time. */
  readonly rounds: ReadonlyArray<ReadonlyArray<Step>>
}

export interface Outcome {
  readonly calls: number
  readonly fired: Call | undefined
}

const CACHE_BYTES = 4096

/** Opens the volume of a disk, reads it, checks it, and leaves without closing. */
const look = (disk: SimulatedDisk, onWrite = true) =>
  Effect.gen(function* () {
    // Whatever the close writes is not part of what is looked at: it goes to a fork.
    const device = SimulatedDevice.make(disk)
    let left: SimulatedDisk | undefined
    const model = yield* withVolume(device, { format: "never", readOnly: !onWrite }, (volume) =>
      Effect.gen(function* () {
        const read = yield* readModel(volume)
        const { isComplete, problems } = yield* volume.check({ deep: true })
        left = disk.fork()
        return { read, fault: isComplete ? problems[0]?.message : "the check is not complete" }
      })
    )
    return { ...model, left }
  })

const isOneOf = (model: Model, allowed: ReadonlyArray<Model>): boolean =>
  allowed.some((one) => difference(model, one) === undefined)

/** Runs the script with the `number`-th call failing; without a number nothing fails. */
export const run = Effect.fnUntraced(function* (
  workload: Workload,
  number: number | undefined,
  trouble: Trouble,
  outcomes: Histogram,
  violations: Violations
) {
  const disk = workload.disk.fork()
  let calls = 0
  let fired: Call | undefined
  const isStopped = (): boolean => fired !== undefined && fired.kind !== "read"
  const where = (): string => `${workload.name}, call ${number} (${fired?.kind} ${trouble.kind})`
  disk.onCall = (call) => {
    calls += 1
    if (isStopped() && call.kind !== "read") violations.add(`${where()}: a ${call.kind} after the failure`)
    if (calls !== number) return undefined
    fired = call
    return trouble.kind === "ghost" && call.kind !== "sync" ? { kind: "fail" } : trouble
  }
  // States that may be found: the last one is what was acknowledged last, the others what was in flight with it.
  let acknowledged = workload.model
  let inFlight: ReadonlyArray<Model> = []

  const session = (volume: Service) =>
    Effect.gen(function* () {
      for (const round of workload.rounds) {
        const wasStopped = isStopped()
        const results = yield* Effect.forEach(
          round,
          (step) => Effect.map(Effect.exit(step.run(volume)), (exit) => ({ exit, step })),
          { concurrency: "unbounded" }
        )
        const pending: Array<Step> = []
        for (const { exit, step } of results) {
          const failure = Exit.isFailure(exit) ? failureOf(exit) : undefined
          if (failure === undefined) {
            if (wasStopped) violations.add(`${where()}: ${step.name} was acknowledged after the failure`)
            acknowledged = step.apply(acknowledged)
            continue
          }
          if (typeof failure === "string") violations.add(`${where()}: ${step.name}: ${failure}`)
          else {
            const { _tag } = failure.reason
            outcomes.add(`step fails with ${_tag}`)
            const isRight = wasStopped
              ? _tag === "Poisoned"
              : _tag === "DeviceFailed" || (isStopped() && _tag === "Poisoned")
            if (!isRight && _tag !== "NotFound") violations.add(`${where()}: ${step.name} fails with ${_tag}`)
          }
          if (!wasStopped && isStopped()) pending.push(step)
        }
        // What failed together was in flight together: any prefix of it, in the order of the group.
        if (pending.length > 0) {
          const states = pending.map((_, i) =>
            pending.slice(0, i + 1).reduce((state, one) => one.apply(state), acknowledged)
          )
          const subsets = pending.map((one) => one.apply(acknowledged))
          inFlight = [...states, ...subsets]
        }
        if (results.some(({ exit }) => Exit.isFailure(exit))) {
          const read = yield* Effect.exit(readModel(volume))
          if (Exit.isFailure(read)) violations.add(`${where()}: reading after it: ${String(failureOf(read))}`)
          else {
            const wrong = difference(read.value, acknowledged)
            if (wrong !== undefined) violations.add(`${where()}: reading after it: ${wrong}`)
          }
        }
      }
    })
  const device = SimulatedDevice.make(disk, { yields: true })
  const options = { pageSize: workload.pageSize, cacheBytes: CACHE_BYTES, dirtyBytes: workload.dirtyBytes }
  const opened = yield* Effect.exit(withVolume(device, options, session))
  disk.onCall = undefined
  if (Exit.isFailure(opened)) {
    const failure = failureOf(opened)
    const isTyped = typeof failure !== "string"
    outcomes.add(`opening fails with ${isTyped ? failure.reason._tag : "a defect"}`)
    if (!isTyped || failure.reason._tag !== "DeviceFailed") {
      violations.add(`${where()}: opening: ${isTyped ? failure.reason._tag : failure}`)
    }
  }
  if (number !== undefined && fired !== undefined) {
    outcomes.add(`${fired.kind} ${fired.kind === "sync" ? trouble.kind : "fail"}`)
    yield* judge(workload, disk, [...inFlight, acknowledged], where(), outcomes, violations)
  }
  return { calls, fired } satisfies Outcome
})

/** Looks at what is left in three ways. */
const judge = Effect.fnUntraced(function* (
  workload: Workload,
  disk: SimulatedDisk,
  allowed: ReadonlyArray<Model>,
  where: string,
  outcomes: Histogram,
  violations: Violations
) {
  const random = new Random(disk.seed + allowed.length)
  const evicted = disk.fork()
  evicted.evict()
  const ways: ReadonlyArray<readonly [string, SimulatedDisk]> = [
    ["as it is", disk.fork()],
    ["without the cache", evicted],
    ["after losing all that was pending", disk.crash(() => 0)],
    ["after a power cut", disk.crash(({ versions }) => random.below(versions.length + 1), 1)],
    ["after another power cut", disk.crash(({ versions }) => (random.chance(0.3) ? "torn" : versions.length), 2)]
  ]
  for (const [way, left] of ways) {
    const looked = yield* Effect.exit(look(left))
    if (Exit.isFailure(looked)) {
      const failure = failureOf(looked)
      const tag = typeof failure === "string" ? failure : failure.reason._tag
      outcomes.add(`reopening fails with ${tag}`)
      // A format that was cut short leaves no volume, or none that is whole.
      const isFormat = workload.model.size === 0 && (tag === "NotFormatted" || tag === "Corrupt")
      if (!isFormat)
        violations.add(`${where}: opened ${way}: ${tag} ${typeof failure === "string" ? "" : failure.message}`)
      continue
    }
    const { fault, left: after, read } = looked.value
    if (fault !== undefined) violations.add(`${where}: opened ${way}: the check: ${fault}`)
    if (!isOneOf(read, allowed)) {
      violations.add(`${where}: opened ${way}: ${difference(read, allowed[allowed.length - 1])}`)
    }
    outcomes.add(isOneOf(read, allowed.slice(-1)) ? "found acknowledged" : "found in flight")
    if (after === undefined) continue
    // What a writer's opening has shown survives the loss of everything that is not synced.
    const crashed = after.crash(() => 0)
    const again = yield* Effect.exit(look(crashed))
    if (Exit.isFailure(again)) violations.add(`${where}: opened ${way} and again: ${String(failureOf(again))}`)
    else {
      const wrong = difference(again.value.read, read)
      if (wrong !== undefined) violations.add(`${where}: opened ${way}, then after a power cut: ${wrong}`)
    }
  }
})
