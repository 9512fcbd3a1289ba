/**
 * What is logged of recovery and damage: a line that says it, and what it is made of as annotations.
 *
 * - `notafs.device` is the device; `notafs.generation`, `notafs.slot` and `notafs.address` say which root and which page.
 */
import * as Effect from "effect/Effect"

/** A recovery has passed over a root. */
export const rootRejected = (
  device: string,
  generation: number,
  address: number | undefined,
  reason: string
): Effect.Effect<void> => {
  const place = address === undefined ? "" : ` at page ${address}`
  return Effect.annotateLogs(
    Effect.logWarning(`${device}: root ${generation} was not complete${place} (${reason}); took the one before`),
    {
      "notafs.device": device,
      "notafs.generation": generation,
      "notafs.reason": reason,
      ...(address === undefined ? {} : { "notafs.address": address })
    }
  )
}

/** An opening has found the root that it goes on from. */
export const rootTaken = (device: string, generation: number, slot: number): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logDebug(`${device}: opened at root ${generation}`), {
    "notafs.device": device,
    "notafs.generation": generation,
    "notafs.slot": slot
  })

/** A page is not what its pointer says. */
export const damaged = (device: string, address: number, reason: string): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logError(`${device}: page ${address} is damaged (${reason})`), {
    "notafs.device": device,
    "notafs.address": address,
    "notafs.reason": reason
  })
