/**
 * What happens to a file, or in a folder, as Node's `watch` tells it: until its reader ends the loop, or a signal comes.
 */
import * as Stream from "effect/Stream"
import * as FileWatching from "../shell/FileWatching.ts"
import * as Arguments from "./Arguments.ts"
import type { Caller } from "./Caller.ts"
import * as SystemError from "./SystemError.ts"

export interface Options {
  readonly recursive?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Event {
  /** `"rename"` where something came or went. */
  readonly eventType: "rename" | "change"
  readonly filename: string
}

/** Rejects once a signal comes. */
const aborted = async (signal: AbortSignal | undefined, ended: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const fail = () => reject(Arguments.aborted(signal))
    signal?.addEventListener("abort", fail, { signal: ended })
  })

export async function* watch(caller: Caller, path: string, { recursive, signal }: Options = {}): AsyncGenerator<Event> {
  Arguments.checkSignal(signal)
  const events = FileWatching.watch(caller.volume, path, { recursive: recursive ?? false }).pipe(
    Stream.mapError((error) => SystemError.ofCall(error, { syscall: "watch", path }))
  )
  const iterator = Stream.toAsyncIterable(events)[Symbol.asyncIterator]()
  const ended = new AbortController()
  const abortion = aborted(signal, ended.signal)
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), abortion])
      if (done === true) return
      yield { eventType: value._tag === "Update" ? "change" : "rename", filename: value.path }
    }
  } finally {
    ended.abort()
    await iterator.return?.()
  }
}
