/**
 * A volume on a simulated disk, as the crash tests open it: by the shipped shell, without time and without chance.
 *
 * - Ids and the clock are constant, so equal operations make equal images, and as many bytes as possible stay equal: what a
 *   protocol wrongly takes for each other looks the same here.
 * - Everything runs synchronously: the simulated device never waits.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import type * as Binding from "../../src/core/Binding.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import type { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Hashes from "../../src/shell/Hashes.ts"
import { Identity } from "../../src/shell/Identity.ts"
import * as Opening from "../../src/shell/Opening.ts"
import type { Session } from "../../src/shell/Session.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"

export const TIME = BigInt(1_700_000_000) * BigInt(1_000_000_000)

/** A draft larger than this is written early where a transaction looks at it. */
const DIRTY_BYTES = 2048
const CACHE_BYTES = 1 << 20

const clock: Clock.Clock = {
  currentTimeMillisUnsafe: () => Number(TIME / BigInt(1_000_000)),
  currentTimeMillis: Effect.succeed(Number(TIME / BigInt(1_000_000))),
  currentTimeNanosUnsafe: () => TIME,
  currentTimeNanos: Effect.succeed(TIME),
  monotonicTimeNanosUnsafe: () => TIME,
  monotonicTimeNanos: Effect.succeed(TIME),
  sleep: () => Effect.never
}

const ID = new Uint8Array(16).fill(7)

/** The services of every run; roots that recovery rejects are no news here. */
const services = Context.make(Clock.Clock, clock).pipe(
  Context.add(Identity, { next: () => ID, boot: new Uint8Array(16) }),
  Context.add(References.MinimumLogLevel, "None")
)

/** Runs what has one fiber. */
export const runExit: <A, E>(effect: Effect.Effect<A, E>) => Exit.Exit<A, E> = Effect.runSyncExitWith(services)
export const run: <A, E>(effect: Effect.Effect<A, E>) => A = Effect.runSyncWith(services)

/** Lets all fibers of a run wait in one queue, which is emptied on the spot. */
class OneQueue extends Scheduler.MixedScheduler {
  readonly dispatcher = super.makeDispatcher()
  override makeDispatcher() {
    return this.dispatcher
  }
}

const scheduler = new OneQueue("sync")

/** Runs what has several fibers, of this run and of earlier ones, and dies if they wait for each other for ever. */
export const runFibers = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> => {
  const fiber = Effect.runForkWith(services)(effect, { scheduler })
  scheduler.dispatcher.flush()
  return fiber.pollUnsafe() ?? Exit.die("its fibers wait for ever")
}

/** Once before anything else: after it no opening is asynchronous. */
export const prepare = (): Promise<unknown> => Effect.runPromise(Hashes.load)

export const OPTIONS: Opening.OpenOptions = {
  format: "never",
  durability: "commit",
  cacheBytes: CACHE_BYTES,
  dirtyBytes: DIRTY_BYTES,
  readOnly: false,
  force: false
}

export const open = (device: BlockDevice["Service"]): Effect.Effect<Session, VolumeError> =>
  Opening.open(device, OPTIONS)

/** What is fixed when a volume is formatted. */
export interface Facts {
  readonly superblock: Superblock.Superblock
  readonly binding: Binding.Binding
  readonly sectorsPerPage: number
}

export const factsOf = (disk: SimulatedDisk): Facts => {
  const checksums = Hashes.all(run(Hashes.load))
  const superblock = Superblock.decode(disk.sector(0).bytes, 0, checksums)
  if ("_tag" in superblock) throw new Error(`the disk holds no volume: ${superblock._tag}`)
  const checksum = checksums.find(({ algorithm }) => algorithm === superblock.algorithm) ?? checksums[0]
  const sectorsPerPage = superblock.geometry.pageBytes / disk.sector(0).bytes.length
  return { superblock, binding: Superblock.binding(superblock, checksum), sectorsPerPage }
}
