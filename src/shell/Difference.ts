/**
 * What differs between two states of a volume, as a stream. Both are pinned while it runs.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CoreDifference from "../core/Difference.ts"
import * as FileStat from "./FileStat.ts"
import * as Reading from "./Reading.ts"
import type * as Session from "./Session.ts"
import * as Snapshots from "./Snapshots.ts"
import type { VolumeError } from "./VolumeError.ts"

/** Bytes of the later content, from `offset` on. */
export type ByteRange = CoreDifference.ByteRange

/** One difference; paths are those of the state in which the entry is, of what was renamed both. */
export type Change =
  | { readonly _tag: "Added"; readonly path: string; readonly type: FileStat.Type }
  | { readonly _tag: "Removed"; readonly path: string; readonly type: FileStat.Type }
  | { readonly _tag: "Renamed"; readonly path: string; readonly from: string; readonly type: FileStat.Type }
  | {
      readonly _tag: "Changed"
      readonly path: string
      readonly type: FileStat.Type
      /** Bytes that were written, in order, up to the new size. Bytes that were written as they had been may be among them. */
      readonly ranges: ReadonlyArray<ByteRange>
      /** Bytes of the content; of a folder 0. */
      readonly sizeBefore: number
      readonly size: number
      /** Whether mode, owner, times or extended attributes are others; of a folder, times do not count. */
      readonly hasOtherAttributes: boolean
    }
  | TableChange

/** What differs in a table. Entries of one that was removed are not told; the values are read where they are wanted. */
export type TableChange = Extract<CoreDifference.Change, { readonly table: string }>

/** A root, and the newest generation of what it reaches. */
export interface Side extends Reading.PinnedRoot {
  readonly generation: number
}

/** A snapshot, or the newest durable root, held until the scope ends. */
const held = (session: Session.Session, name: string | undefined) =>
  name === undefined
    ? Effect.map(Snapshots.newest(session, "View"), (pinned): Side => ({
        ...pinned,
        generation: pinned.head.root.record.generation
      }))
    : Effect.map(Snapshots.open(session, name), (opened): Side => ({
        ...opened,
        generation: opened.snapshot.generation
      }))

const ofCore = (change: CoreDifference.Change): Change =>
  "table" in change ? change : { ...change, type: FileStat.typeOf(change.type) }

/** From a snapshot to another one, or to the newest durable root. */
export const diff = (session: Session.Session, from: string, to?: string): Stream.Stream<Change, VolumeError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const [before, after] = [yield* held(session, from), yield* held(session, to)]
      return between(session, before, after)
    })
  )

/** From one root to another; the caller holds both. */
export const between = (session: Session.Session, before: Side, after: Side): Stream.Stream<Change, VolumeError> => {
  const { names: old } = before.head.root.record.roots
  const { names: now } = after.head.root.record.roots
  // Whichever was pinned first keeps the pages of both.
  const pinned = before.reader.generation < after.reader.generation ? before : after
  const step = (state: CoreDifference.State | undefined) =>
    Effect.map(
      Reading.readAt(session, pinned, (pages) =>
        CoreDifference.step(pages, state ?? CoreDifference.begin(pages, old, now, before.generation))
      ),
      ({ changes, state: next }) => {
        const more = CoreDifference.isDone(next) ? Option.none() : Option.some<CoreDifference.State | undefined>(next)
        return [changes.map(ofCore), more] as const
      }
    )
  return Stream.paginate(undefined as CoreDifference.State | undefined, step)
}
