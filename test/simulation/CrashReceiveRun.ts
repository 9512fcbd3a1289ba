/**
 * A volume on a simulated disk that receives streams, run once by the shipped shell; on the way every place where power could be
 * cut is kept.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import { Identity } from "../../src/shell/Identity.ts"
import * as Volume from "../../src/shell/Volume.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { causeText } from "./CrashJudge.ts"
import * as CrashState from "./CrashState.ts"
import { type Facts, OPTIONS, runFibers } from "./CrashVolume.ts"
import * as RootWalk from "./RootWalk.ts"
import * as RootWatch from "./RootWatch.ts"

type Service = Volume.Volume["Service"]

export interface Cut {
  readonly disk: SimulatedDisk
  readonly label: string
  /** Whether the volume is open, and the stream arrives. */
  readonly isBegun: boolean
  /** Whether it was acknowledged. */
  readonly isDone: boolean
}

export interface Run {
  readonly cuts: ReadonlyArray<Cut>
  readonly breaches: ReadonlyArray<string>
  /** What the volume holds in the end. */
  readonly text: string
  readonly commits: number
  readonly hasFolded: boolean
}

const get = <A, E>(effect: Effect.Effect<A, E>): A => {
  const exit = runFibers(effect)
  if (Exit.isSuccess(exit)) return exit.value
  throw new Error(causeText(exit.cause))
}

/** Opens the volume of a device, uses it and closes it; what is made gets this id. */
const using = <A, E>(
  device: BlockDevice["Service"],
  use: (volume: Service) => Effect.Effect<A, E>,
  id: number,
  closes = true
): A => {
  const scope = Scope.makeUnsafe()
  const identity: Identity = { next: () => new Uint8Array(16).fill(id), boot: new Uint8Array(16) }
  const opened = Volume.open(OPTIONS).pipe(
    Effect.provideService(BlockDevice, device),
    Effect.provideService(Scope.Scope, scope)
  )
  const value = get(Effect.provideService(Effect.flatMap(opened, use), Identity, identity))
  if (closes) get(Scope.close(scope, Exit.void))
  return value
}

/** The same on a disk, which it changes; without a close its last root may have another state before it. */
export const session = <A, E>(
  disk: SimulatedDisk,
  use: (volume: Service) => Effect.Effect<A, E>,
  id = 7,
  closes = true
): A => using(SimulatedDevice.make(disk, { yields: true }), use, id, closes)

/** The text of what a volume holds. */
export const textOf = (disk: SimulatedDisk): string =>
  session(disk.fork(), (volume) => volume.read(CrashState.ofVolume))

/** Lets the volume of a disk receive a stream, or parts of it first. */
export const run = (
  start: SimulatedDisk,
  facts: Facts,
  attempts: ReadonlyArray<ReadonlyArray<Uint8Array>>,
  force: boolean
): Run => {
  const disk = start.fork()
  const cuts: Array<Cut> = []
  const breaches: Array<string> = []
  let label = "open"
  let isBegun = false
  let isDone = false
  const cut = (what: string): void => void cuts.push({ disk: disk.fork(), label: `${label}, ${what}`, isBegun, isDone })
  RootWatch.watch(disk, facts, (breach) => breaches.push(`${label}: ${breach}`))
  const simulated = SimulatedDevice.make(disk, { yields: true })
  const device: BlockDevice["Service"] = {
    ...simulated,
    write: (ranges) => Effect.tap(simulated.write(ranges), () => Effect.sync(() => cut("after a write")))
  }
  const mapOf = (): string => String(RootWalk.rootsOf(disk, facts)[0].record.map.link)
  const receive = (volume: Service) =>
    Effect.gen(function* () {
      const mapBefore = mapOf()
      isBegun = true
      for (const [i, chunks] of attempts.entries()) {
        label = `attempt ${i}`
        const receiving = volume.receive(Stream.fromIterable(chunks), { force })
        if (i + 1 === attempts.length) yield* receiving
        else yield* Effect.flip(receiving)
        cut("over")
      }
      isDone = true
      cut("acknowledged")
      const text = yield* volume.read(CrashState.ofVolume)
      const { commits } = yield* volume.statistics
      return { text, commits, hasFolded: mapOf() !== mapBefore }
    })
  const outcome = using(device, receive, 6)
  label = "close"
  cut("over")
  return { cuts, breaches, ...outcome }
}
