/**
 * The changes of a volume as they are committed: of one that is open for reading only, by a writer in another process.
 *
 * - It asks for the newest root again and again, and compares it with the one before: several commits may be told as one.
 * - A writer in another process keeps neither for it. If it has written over one of them, changes were missed: that is told, and
 *   it goes on from the newest root. What was told of them until then is right.
 * - Where the volume is open for writing the roots are those of its own commits, and none is missed: what dies after one is kept
 *   until that is compared with the next.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Difference from "./Difference.ts"
import * as Expiry from "./Expiry.ts"
import type * as Session from "./Session.ts"
import type { VolumeError } from "./VolumeError.ts"

/** How it is looked for newer roots. */
export interface Options {
  /** How often it asks; every 250 milliseconds by default. */
  readonly interval?: Duration.Input | undefined
  /** Called once all that is committed from then on will be told. */
  readonly onReady?: (() => void) | undefined
}

/** What has happened; the generation is that of the root that has it. */
export type Event =
  | { readonly _tag: "Committed"; readonly generation: number; readonly change: Difference.Change }
  /** Changes were missed, up to those of this root. */
  | { readonly _tag: "Missed"; readonly generation: number }

const INTERVAL_MILLIS = 250

/** Holds the newest durable root until its reader leaves. */
const hold = ({ head, readers }: Session.Session): Difference.Side => {
  const { generation } = head.root.record
  return { head, generation, reader: readers.enter("Scan", generation) }
}

const isExpired = ({ reason }: VolumeError): boolean => reason._tag === "ViewExpired"

/** All that changes from now on, without end. */
export const watch = (
  session: Session.Session,
  { interval = INTERVAL_MILLIS, onReady }: Options = {}
): Stream.Stream<Event, VolumeError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { readers } = session
      let before = hold(session)
      let after = before
      yield* Effect.addFinalizer(() => Effect.sync(() => readers.leave(before.reader)))
      onReady?.()
      const begin = Effect.sync(() => {
        after = hold(session)
        return after
      })
      const end = Effect.sync(() => {
        readers.leave(before.reader)
        before = after
      })
      const goOn = Effect.map(Expiry.refresh(session), (): Event => {
        readers.leave(after.reader)
        after = hold(session)
        return { _tag: "Missed", generation: after.generation }
      })
      const compared = Effect.map(
        Effect.acquireRelease(begin, () => end),
        (now) =>
          Difference.between(session, before, now).pipe(
            Stream.map((change): Event => ({ _tag: "Committed", generation: now.generation, change })),
            Stream.catchIf(isExpired, () => Stream.fromEffect(goOn))
          )
      )
      const round = Effect.gen(function* () {
        yield* Effect.sleep(interval)
        yield* Expiry.refresh(session)
        return session.head.root.record.generation === before.generation ? Stream.empty : Stream.unwrap(compared)
      })
      return Stream.flatten(Stream.fromEffectRepeat(round))
    })
  )
