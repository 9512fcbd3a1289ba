/**
 * A snapshot as a stream of bytes, from another one or from nothing: what a replica, a backup or a pipe takes.
 *
 * - Both snapshots stay whole while the stream runs; writers go on.
 * - A stream is the same whenever it is made, so one that broke off can go on where it was.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Checksum } from "../core/Checksum.ts"
import * as Sending from "../core/Sending.ts"
import * as Transfer from "../core/Transfer.ts"
import * as Hashes from "./Hashes.ts"
import * as Reading from "./Reading.ts"
import type * as Session from "./Session.ts"
import * as Snapshots from "./Snapshots.ts"
import type { VolumeError } from "./VolumeError.ts"

/** What of a snapshot is sent. */
export interface Options {
  /** The snapshot that the receiver has already: only what differs is sent. */
  readonly from?: string | undefined
  /** Frames that the receiver has already; see `Volume.receiving`. */
  readonly after?: number | undefined
}

/** How far a stream has come: the core's state, the frames that were made, and the digest of the last one. */
interface State {
  readonly sending: Sending.State
  readonly frames: number
  readonly digest: Uint8Array
}

/** The bytes that make a snapshot elsewhere. */
export const send = (
  session: Session.Session,
  name: string,
  { after = 0, from }: Options = {}
): Stream.Stream<Uint8Array, VolumeError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { xxh64 } = yield* Hashes.load
      const base = from === undefined ? undefined : yield* Snapshots.open(session, from)
      const to = yield* Snapshots.open(session, name)
      const { volumeId } = session.binding
      // Whichever was pinned first keeps the pages of both.
      const pinned = base ?? to
      const begun = Reading.readAt(session, pinned, (pages) =>
        Sending.begin(pages, volumeId, base?.snapshot, to.snapshot)
      )
      return Stream.paginate(undefined as State | undefined, (state) =>
        Effect.map(
          state === undefined ? begun : Reading.readAt(session, pinned, (pages) => Sending.step(pages, state.sending)),
          (step) => page(xxh64, state, step, after)
        )
      )
    })
  )

/** The bytes of a step, and how it goes on. */
const page = (
  checksum: Checksum,
  state: State | undefined,
  { records, state: sending }: Sending.Step,
  after: number
): readonly [ReadonlyArray<Uint8Array>, Option.Option<State | undefined>] => {
  const { digest, frames } = state ?? { digest: Transfer.MAGIC, frames: 0 }
  const chunks: Array<Uint8Array> = state === undefined ? [Transfer.MAGIC] : []
  if (records.length === 0) return [chunks, Option.some({ sending, frames, digest })]
  const frame = Transfer.frame(checksum, digest, records)
  // The header tells the receiver which stream goes on.
  if (frames === 0 || frames >= after) chunks.push(frame)
  const next: State = { sending, frames: frames + 1, digest: Transfer.digestOf(frame) }
  return [chunks, sending.isDone ? Option.none() : Option.some(next)]
}
