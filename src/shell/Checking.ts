/**
 * Runs the check of the core over the device: every page is read from there and not from the cache.
 */
import * as Effect from "effect/Effect"
import * as Check from "../core/Check.ts"
import type { RootRecord } from "../core/RootRecord.ts"
import * as Expiry from "./Expiry.ts"
import type * as Session from "./Session.ts"
import * as TolerantReading from "./TolerantReading.ts"
import * as VolumeError from "./VolumeError.ts"

/** The beginning of a check of a root. */
export const begin = (
  session: Session.Session,
  record: RootRecord,
  isDeep: boolean
): Effect.Effect<Check.State, VolumeError.VolumeError> => {
  const { binding, device, superblock } = session
  return Effect.map(Effect.mapError(device.size, VolumeError.make), (deviceBytes) => {
    const devicePageCount = Math.floor(deviceBytes / binding.layout.pageBytes)
    return Check.begin({ binding, slots: superblock.slots, record, devicePageCount, isDeep })
  })
}

/** Checks the newest durable root; `isDeep` reads the content of files too. */
export const run = (session: Session.Session, isDeep: boolean): Effect.Effect<Check.Report, VolumeError.VolumeError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { record } = session.head.root
      return { record, reader: session.readers.enter("Scan", record.generation) }
    }),
    ({ record }) =>
      Effect.gen(function* () {
        const { binding, device } = session
        let state = yield* begin(session, record, isDeep)
        while (state._tag === "Checking") {
          state = Check.loaded(state, yield* TolerantReading.read(device, binding.layout.pageBytes, state.wanted))
        }
        if (state.report.problemCount > 0) yield* Expiry.check(session, record.generation)
        return state.report
      }),
    ({ reader }) => Effect.sync(() => session.readers.leave(reader))
  )
