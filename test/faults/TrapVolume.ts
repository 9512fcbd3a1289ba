/**
 * What the tests of the traps share: volumes on simulated disks, used and left without a close.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Options } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { factsOf, type Facts } from "../simulation/CrashVolume.ts"
import * as RootWatch from "../simulation/RootWatch.ts"
import { difference, readTree, runFixed, type Service, type Tree, withVolume } from "./FaultVolume.ts"

export type { Tree }

export const PAGE_BYTES = 512

export type Use<A> = (volume: Service) => Effect.Effect<A, VolumeError, Scope.Scope>

export type UseOptions = Options & { readonly readOnly?: boolean }

/** Uses the volume of a disk and closes it. */
export const used = <A>(disk: SimulatedDisk, use: Use<A>, options: UseOptions = {}): Effect.Effect<A, VolumeError> =>
  withVolume(SimulatedDevice.make(disk), { format: "never", pageSize: PAGE_BYTES, ...options }, use)

/** Formats a disk, uses its volume and closes it. */
export const formatted = <A>(
  disk: SimulatedDisk,
  use: Use<A>,
  options: UseOptions = {}
): Effect.Effect<A, VolumeError> => used(disk, use, { format: "always", ...options })

/** Uses the volume of a disk, and answers what a process that is killed then leaves; the close is not part of it. */
export const killed = (
  disk: SimulatedDisk,
  use: Use<unknown>,
  options: UseOptions = {}
): Effect.Effect<SimulatedDisk, VolumeError> =>
  used(disk, (volume) => Effect.map(use(volume), () => disk.fork()), options)

/** Everything that the volume of a disk shows to a reader. */
export const shown = (disk: SimulatedDisk): Effect.Effect<Tree, VolumeError> =>
  used(disk.fork(), readTree, { readOnly: true })

/** What the volume of a disk shows is exactly `expected`; the sentence says where it is not. */
export const wrongIn = (disk: SimulatedDisk, expected: Tree): Effect.Effect<string | undefined, VolumeError> =>
  Effect.map(shown(disk), (tree) => difference(tree, expected))

/** Watches a disk that holds a volume, from now on; the list is filled with what breaks I4, I6 or I9. */
export const watched = (disk: SimulatedDisk): ReadonlyArray<string> => {
  const breaches: Array<string> = []
  RootWatch.watch(disk, factsOf(disk), (breach) => breaches.push(breach))
  return breaches
}

/** Zeros, or other bytes, where a page is. */
export const damagePage = (disk: SimulatedDisk, facts: Facts, page: number, change: (bytes: Uint8Array) => void) => {
  const byteCount = facts.sectorsPerPage * SECTOR_BYTES
  const bytes = disk.peek(page * byteCount, byteCount)
  change(bytes)
  disk.damage(page * byteCount, bytes)
}

/** The tag of the error that an effect ends with, or "success". */
export const tagOf = <A>(effect: Effect.Effect<A, VolumeError>): Effect.Effect<string> =>
  Effect.match(effect, { onFailure: ({ reason }) => reason._tag, onSuccess: () => "success" })

export const run = runFixed
