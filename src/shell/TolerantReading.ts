/**
 * Reads pages of which some may be damaged: what cannot be read is `undefined`, and keeps nothing else from being read.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Pointer } from "../core/Pointer.ts"
import * as Batching from "./Batching.ts"
import type { BlockDevice } from "./BlockDevice.ts"

/** Bytes that are read in one call. */
export const CALL_BYTES = 4 * 1024 * 1024

export type Pages = ReadonlyArray<Uint8Array | undefined>

/** Cuts pages into calls of about `callBytes`, at least one page each. */
export const calls = (
  wanted: ReadonlyArray<Pointer>,
  pageBytes: number,
  callBytes = CALL_BYTES
): ReadonlyArray<ReadonlyArray<Pointer>> => {
  const found: Array<ReadonlyArray<Pointer>> = []
  for (let from = 0; from < wanted.length;) {
    let end = from
    for (let bytes = 0; end < wanted.length && bytes < callBytes; end++) bytes += wanted[end].pageCount * pageBytes
    found.push(wanted.slice(from, end))
    from = end
  }
  return found
}

/** The pages of one call; where it fails, each by itself. */
export const readCall = Effect.fnUntraced(function* (
  device: BlockDevice["Service"],
  pageBytes: number,
  call: ReadonlyArray<Pointer>
): Effect.fn.Return<Pages> {
  const together = yield* Effect.exit(Batching.read(device, call, pageBytes))
  if (Exit.isSuccess(together)) return together.value
  const pages: Array<Uint8Array | undefined> = []
  for (const pointer of call) {
    const alone = yield* Effect.exit(Batching.read(device, [pointer], pageBytes))
    pages.push(Exit.isSuccess(alone) ? alone.value[0] : undefined)
  }
  return pages
})

/** All of the pages, in calls of bounded size. */
export const read = Effect.fnUntraced(function* (
  device: BlockDevice["Service"],
  pageBytes: number,
  wanted: ReadonlyArray<Pointer>
): Effect.fn.Return<Pages> {
  const pages: Array<Uint8Array | undefined> = []
  for (const call of calls(wanted, pageBytes)) pages.push(...(yield* readCall(device, pageBytes, call)))
  return pages
})
