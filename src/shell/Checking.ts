/**
 * Runs the check of the core over the device: every page is read from there and not from the cache.
 */
import * as Effect from "effect/Effect"
import * as Check from "../core/Check.ts"
import type { Pointer } from "../core/Pointer.ts"
import * as Batching from "./Batching.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"

/** Bytes that are read in one call. */
const CALL_BYTES = 4 * 1024 * 1024

/** Checks the newest durable root; `isDeep` reads the content of files too. */
export const run = (session: Session.Session, isDeep: boolean): Effect.Effect<Check.Report, VolumeError.VolumeError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { record } = session.head.root
      Session.pin(session, record.generation)
      return record
    }),
    (record) =>
      Effect.gen(function* () {
        const { binding, device, superblock } = session
        const deviceBytes = yield* Effect.mapError(device.size, VolumeError.make)
        const devicePageCount = Math.floor(deviceBytes / binding.layout.pageBytes)
        let state = Check.begin({ binding, slots: superblock.slots, record, devicePageCount, isDeep })
        while (state._tag === "Checking") state = Check.loaded(state, yield* load(session, state.wanted))
        return state.report
      }),
    (record) => Effect.sync(() => Session.unpin(session, record.generation))
  )

/** The pages, in calls of bounded size; `undefined` for one that cannot be read. */
const load = Effect.fnUntraced(function* (session: Session.Session, wanted: ReadonlyArray<Pointer>) {
  const { pageBytes } = session.binding.layout
  const pages: Array<Uint8Array | undefined> = []
  for (let from = 0; from < wanted.length;) {
    let end = from
    for (let bytes = 0; end < wanted.length && bytes < CALL_BYTES; end++) bytes += wanted[end].pageCount * pageBytes
    const call = wanted.slice(from, end)
    const together = yield* Effect.exit(Batching.read(session.device, call, pageBytes))
    if (together._tag === "Success") pages.push(...together.value)
    else {
      for (const pointer of call) {
        const alone = yield* Effect.exit(Batching.read(session.device, [pointer], pageBytes))
        pages.push(alone._tag === "Success" ? alone.value[0] : undefined)
      }
    }
    from = end
  }
  return pages
})
