/**
 * A call of a device that can be carried out here and now, in the middle of an effect, where it takes next to no time.
 *
 * - It is a property of what does the same as an effect, not of the device: a device that is made of another one has it for what it
 *   left as it was, and not for a `read` of its own.
 * - Who finds that a call is accepted carries it out in the same step.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Range } from "./BlockDevice.ts"
import type { DeviceFailed } from "./DeviceError.ts"

/** What a device does of a call here and now. */
export interface Prompt<Arguments extends ReadonlyArray<unknown>> {
  /** Whether a call over so many bytes would take next to no time. */
  readonly accepts: (byteCount: number) => boolean
  readonly carryOut: (...args: Arguments) => Exit.Exit<void, DeviceFailed>
}

/** Reading or writing, and a sync. */
export type Transfer = Prompt<readonly [ranges: ReadonlyArray<Range>]>
export type Sync = Prompt<readonly []>

type TransferCall = (ranges: ReadonlyArray<Range>) => Effect.Effect<void, DeviceFailed>
type SyncCall = Effect.Effect<void, DeviceFailed>

const PROMPT = Symbol("notafs/shell/PromptCall")

/** The call, which can be carried out here and now as well. */
export const make: {
  (call: TransferCall, prompt: Transfer): TransferCall
  (call: SyncCall, prompt: Sync): SyncCall
} = (call: object, prompt: object): never => Object.assign(call, { [PROMPT]: prompt }) as never

/** How a call over so many bytes is carried out here and now, if it can be. */
export const of: {
  (call: TransferCall, byteCount: number): Transfer | undefined
  (call: SyncCall, byteCount: number): Sync | undefined
} = (call: { readonly [PROMPT]?: Prompt<never> } | object, byteCount: number): never => {
  const prompt = PROMPT in call ? call[PROMPT] : undefined
  return (prompt?.accepts(byteCount) === true ? prompt : undefined) as never
}
