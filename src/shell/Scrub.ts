/**
 * Reads and verifies everything that is live in the newest root while the volume is in use: so rot is found while another
 * copy of the data still exists somewhere.
 *
 * - The root is pinned: what writers release meanwhile stays whole until the scrub ends, so a volume that is nearly full may
 *   be full for them that long. Nothing comes from the cache.
 * - The rate is bounded over the whole run: after each call the scrub sleeps until its bytes are due.
 * - Beside a writer in another process the root is not kept: then it fails with `ViewExpired`, see `Expiry`.
 * - What is found wrong does not end it; a progress carries all problems so far, the last one the whole report.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Check from "../core/Check.ts"
import * as CheckPlaces from "../core/CheckPlaces.ts"
import * as Extent from "../core/Extent.ts"
import type { Pointer } from "../core/Pointer.ts"
import type { EncodedRoot } from "../core/RootRecord.ts"
import * as RootSlots from "../core/RootSlots.ts"
import * as Checking from "./Checking.ts"
import * as Expiry from "./Expiry.ts"
import type * as Session from "./Session.ts"
import * as TolerantReading from "./TolerantReading.ts"
import * as VolumeError from "./VolumeError.ts"

/** How a scrub reads. */
export interface Options {
  /** Bounds how fast it reads; without it, it reads as fast as it can. */
  readonly bytesPerSecond?: number | undefined
}

/** How far a scrub has come. */
export interface Progress {
  readonly checkedBytes: number
  /** What the free map says is in use: what a sound volume has to be read. */
  readonly totalBytes: number
  /** Of all problems, listed or not. */
  readonly problemCount: number
  /** The paths of what is damaged are known in the last one only. */
  readonly problems: ReadonlyArray<Check.Problem>
  /** In the last one. */
  readonly report: Option.Option<Check.Report>
}

const SECOND_MILLIS = 1000
/** With a bounded rate, a call reads what is due in about this share of a second. */
const CALLS_PER_SECOND = 10

interface State {
  readonly checking: Check.State
  /** Of the batch that the check wants: what was read, and what is still to be read. */
  readonly pages: ReadonlyArray<Uint8Array | undefined>
  readonly calls: ReadonlyArray<ReadonlyArray<Pointer>>
  readonly checkedBytes: number
  readonly places: ReadonlyArray<Check.Problem>
  readonly found: Pick<Check.Report, "problems" | "problemCount">
}

const nothing: State["found"] = { problems: [], problemCount: 0 }

/** Scrubs the newest durable root. */
export const run = (
  session: Session.Session,
  options: Options = {}
): Stream.Stream<Progress, VolumeError.VolumeError> => {
  const pinned = Effect.acquireRelease(
    Effect.sync(() => {
      const { root } = session.head
      return { root, reader: session.readers.enter("Scan", root.record.generation) }
    }),
    ({ reader }) => Effect.sync(() => session.readers.leave(reader))
  )
  return Stream.unwrap(Effect.flatMap(pinned, ({ root }) => ofRoot(session, root, options)))
}

const ofRoot = Effect.fnUntraced(function* (session: Session.Session, root: EncodedRoot, options: Options) {
  const { bytesPerSecond = Infinity } = options
  const { binding, device, superblock } = session
  const { pageBytes } = binding.layout
  if (!(bytesPerSecond > 0)) {
    const reason = `a scrub reads more than ${bytesPerSecond} bytes a second`
    return yield* VolumeError.make(new VolumeError.InvalidOptions({ device: device.identity, reason }))
  }
  const callBytes = Math.min(TolerantReading.CALL_BYTES, bytesPerSecond / CALLS_PER_SECOND)
  const { freeCount, map } = root.record
  const places = CheckPlaces.wanted(superblock, root)
  const inUse = map.pageCount - freeCount - Extent.size(RootSlots.reserved(superblock.slots))
  const totalBytes = (Math.max(0, inUse) + places.length) * pageBytes
  const begin = yield* Clock.currentTimeMillis

  const read = (call: ReadonlyArray<Pointer>) => TolerantReading.readCall(device, pageBytes, call)

  /** Waits until so many bytes may have been read. */
  const due = Effect.fnUntraced(function* (checkedBytes: number) {
    const elapsed = (yield* Clock.currentTimeMillis) - begin
    const wait = (checkedBytes / bytesPerSecond) * SECOND_MILLIS - elapsed
    // A device in memory answers at once: without a bound, others get their turn all the same.
    yield* wait > 0 ? Effect.sleep(Math.ceil(wait)) : Effect.yieldNow
  })

  const enter = (checking: Check.State, before: State): State => {
    if (checking._tag === "Checked") return { ...before, checking, pages: [], calls: [], found: checking.report }
    const count = Check.problemCount(checking)
    return {
      ...before,
      checking,
      pages: [],
      calls: TolerantReading.calls(checking.wanted, pageBytes, callBytes),
      found: count === before.found.problemCount ? before.found : Check.problemsSoFar(checking)
    }
  }

  const progress = ({ checkedBytes, checking, found, places: lost }: State): Progress => {
    const problems = [...lost, ...found.problems]
    const problemCount = lost.length + found.problemCount
    const report =
      checking._tag === "Checked" ? Option.some({ ...checking.report, problems, problemCount }) : Option.none()
    return { checkedBytes, totalBytes: Math.max(totalBytes, checkedBytes), problemCount, problems, report }
  }

  const first = Effect.gen(function* () {
    const lost = CheckPlaces.problems(binding, superblock, root, yield* read(places))
    const state = { pages: [], calls: [], checkedBytes: places.length * pageBytes, places: lost, found: nothing }
    const checking = yield* Checking.begin(session, root.record, true)
    return enter(checking, { ...state, checking })
  })

  const next = Effect.fnUntraced(function* (before: State) {
    if (before.checking._tag === "Checked") return before
    const [call, ...calls] = before.calls
    yield* due(before.checkedBytes)
    const pages = [...before.pages, ...(yield* read(call))]
    const byteCount = call.reduce((sum, { pageCount }) => sum + pageCount * pageBytes, 0)
    const after = { ...before, pages, calls, checkedBytes: before.checkedBytes + byteCount }
    if (calls.length > 0) return after
    const entered = enter(Check.loaded(before.checking, pages), after)
    if (entered.found.problemCount > before.found.problemCount) yield* Expiry.check(session, root.record.generation)
    return entered
  })

  return Stream.paginate(undefined as State | undefined, (before) =>
    Effect.map(before === undefined ? first : next(before), (state) => {
      const more = state.checking._tag === "Checking" ? Option.some<State | undefined>(state) : Option.none()
      return [[progress(state)], more] as const
    })
  )
})
