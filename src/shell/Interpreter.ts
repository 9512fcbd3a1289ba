/**
 * Runs the functions of the core: the only place that catches {@link MissingPages} and {@link CorruptPage}.
 *
 * - A core function is run; if it misses pages they are loaded in one batch, verified against their pointers, and it is run
 *   again. What it has loaded stays pinned until it is done (`PinnedPages`), so what it misses is never something that it
 *   has loaded, and eviction cannot make it loop.
 * - A function that edits a draft runs as an attempt: a miss, a fault or an expected failure undoes what it did.
 * - An operation is one synchronous step where its pages are in memory, or the device reads them here and now.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Binding from "../core/Binding.ts"
import type { Draft } from "../core/Draft.ts"
import type * as Commit from "../core/Commit.ts"
import * as Node from "../core/Node.ts"
import { CleanPages, CorruptPage, MissingPages, type Pages } from "../core/Pages.ts"
import type { Pointer } from "../core/Pointer.ts"
import type { Roots } from "../core/Roots.ts"
import * as Batching from "./Batching.ts"
import * as Logs from "./Logs.ts"
import * as Expiry from "./Expiry.ts"
import { PinnedPages } from "./PinnedPages.ts"
import * as Session from "./Session.ts"
import * as VolumeError from "./VolumeError.ts"
import type { Restore } from "./Permit.ts"

/** What one run of a core function comes to. No core function has a signal as its result. */
type Run<A> = A | MissingPages | CorruptPage

const run = <A>(f: () => A): Run<A> => {
  try {
    return f()
  } catch (signal) {
    if (signal instanceof MissingPages || signal instanceof CorruptPage) return signal
    throw signal
  }
}

const isSignal = (value: unknown): value is MissingPages | CorruptPage =>
  value instanceof MissingPages || value instanceof CorruptPage

/** Runs `f`, which reads from `pinned`, until it has all it needs. */
export const read = <A>(
  session: Session.Session,
  pinned: PinnedPages,
  f: () => A
): Effect.Effect<A, VolumeError.VolumeError> => interpret(session, pinned, () => run(f))

/** The same here and now; what is to be loaded first is left to the effect that is answered. */
export const readNow = <A>(
  session: Session.Session,
  pinned: PinnedPages,
  f: () => A
): Effect.Effect<A, VolumeError.VolumeError> => begin(session, pinned, () => run(f))

/**
 * Runs `f` on the root of `head`, which stays pinned as long as that takes. It is run here and now, so this is called where an
 * effect is evaluated; what is to be loaded first is left to the effect that is answered.
 */
export const readRoot = <A>(
  session: Session.Session,
  head: Commit.Head,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, VolumeError.VolumeError> => {
  const { roots } = head.root.record
  const first = run(() => f(session.pages, roots))
  return isSignal(first) ? readAgain(session, head, first, f) : Effect.succeed(first)
}

const readAgain = <A>(
  session: Session.Session,
  head: Commit.Head,
  first: MissingPages | CorruptPage,
  f: (pages: Pages, roots: Roots) => A
): Effect.Effect<A, VolumeError.VolumeError> => {
  const { generation, roots } = head.root.record
  const { layout } = session.binding
  const pinned = new PinnedPages(session.cache, layout.pageBytes)
  const pages = new CleanPages(layout, pinned)
  const once = (): Run<A> => run(() => f(pages, roots))
  const value = goOn(session, pinned, first, once)
  if (!(value instanceof Halt)) return Effect.succeed(value)
  Session.pin(session, generation)
  const answer = Effect.ensuring(
    restart(session, pinned, value, once),
    Effect.sync(() => Session.unpin(session, generation))
  )
  return session.readOnly ? Effect.catch(answer, (error) => Expiry.explain<A>(session, generation, error)) : answer
}

/** Runs `f` as an attempt of `draft`. A `Result` that failed undoes what `f` did, like a miss. */
export const edit = <A, R>(
  session: Session.Session,
  pinned: PinnedPages,
  draft: Draft<R>,
  f: (draft: Draft<R>) => A
): Effect.Effect<A, VolumeError.VolumeError> => interpret(session, pinned, () => attempt(session, draft, f))

/**
 * The same, begun here and now, and what `end` makes of how it ended: of a defect too. Only loading what is missing can be
 * interrupted, if `restore` allows it.
 */
export const editThen = <A, B, E, R>(
  session: Session.Session,
  pinned: PinnedPages,
  draft: Draft<R>,
  f: (draft: Draft<R>) => A,
  restore: Restore,
  end: (exit: Exit.Exit<A, VolumeError.VolumeError>) => Effect.Effect<B, E>
): Effect.Effect<B, E> => {
  const once = (): Run<A> => attempt(session, draft, f)
  let value: A | Halt
  try {
    value = goOn(session, pinned, once(), once)
  } catch (defect) {
    return end(Exit.die(defect))
  }
  return value instanceof Halt
    ? Effect.flatMap(Effect.exit(restore(restart(session, pinned, value, once))), end)
    : end(Exit.succeed(value))
}

/** The same here and now; nothing if that misses pages which take their time: it has left nothing behind then. */
export const editNow = <A, R>(
  session: Session.Session,
  pinned: PinnedPages,
  draft: Draft<R>,
  f: (draft: Draft<R>) => A
): Effect.Effect<A, VolumeError.VolumeError> | undefined => {
  const once = (): Run<A> => attempt(session, draft, f)
  const value = goOn(session, pinned, once(), once)
  return value instanceof Halt ? value.failure : Effect.succeed(value)
}

/** One attempt; it is kept if `f` succeeds. */
const attempt = <A, R>(session: Session.Session, draft: Draft<R>, f: (draft: Draft<R>) => A): Run<A> => {
  draft.attempt()
  let done = false
  try {
    const value = run(() => f(draft))
    done = !isSignal(value) && !(Result.isResult(value) && Result.isFailure(value))
    if (done) draft.keep()
    return value
  } finally {
    if (!done) {
      // A sealed operation has changed nodes without keeping copies: the draft cannot be trusted any more.
      if (draft.isSealed) Session.poison(session, VolumeError.make(new VolumeError.Closed({ what: "transaction" })))
      else draft.abandon()
    }
  }
}

const interpret = <A>(
  session: Session.Session,
  pinned: PinnedPages,
  once: () => Run<A>
): Effect.Effect<A, VolumeError.VolumeError> => Effect.suspend(() => begin(session, pinned, once))

/** Begins to run a function here and now. */
const begin = <A>(
  session: Session.Session,
  pinned: PinnedPages,
  once: () => Run<A>
): Effect.Effect<A, VolumeError.VolumeError> => {
  const value = goOn(session, pinned, once(), once)
  return value instanceof Halt ? restart(session, pinned, value, once) : Effect.succeed(value)
}

/** Where a function cannot go on here and now. */
class Halt {
  readonly signal: MissingPages | CorruptPage
  /** How what it misses could not be loaded; nothing if that takes its time. */
  readonly failure: Effect.Effect<never, VolumeError.VolumeError> | undefined
  constructor(signal: MissingPages | CorruptPage, failure?: Effect.Effect<never, VolumeError.VolumeError>) {
    this.signal = signal
    this.failure = failure
  }
}

/** Runs a function again as long as the device gives here and now what it misses. */
const goOn = <A>(session: Session.Session, pinned: PinnedPages, first: Run<A>, once: () => Run<A>): A | Halt => {
  if (!isSignal(first)) return first
  enter(session, pinned)
  try {
    let signal = first
    for (;;) {
      if (signal instanceof CorruptPage) return new Halt(signal, corrupt(session, signal.address, signal.reason))
      const pointers = distinct(signal.pointers)
      const loaded = loadNow(session, pointers)
      if (loaded === undefined) return new Halt(signal)
      if (Result.isFailure(loaded)) return new Halt(signal, loaded.failure)
      pointers.forEach((pointer, i) => pinned.pin(pointer, loaded.success[i]))
      const value = once()
      if (!isSignal(value)) return value
      signal = value
    }
  } finally {
    leave(session, pinned)
  }
}

const enter = (session: Session.Session, pinned: PinnedPages): void => {
  pinned.enter()
  session.restarts++
}

const leave = (session: Session.Session, pinned: PinnedPages): void => {
  pinned.leave()
  session.restarts--
  if (session.restarts === 0) session.buffers.giveRetired()
}

/** Loads what was missing and runs again, until the function is done. */
const restart = <A>(
  session: Session.Session,
  pinned: PinnedPages,
  { failure, signal }: Halt,
  once: () => Run<A>
): Effect.Effect<A, VolumeError.VolumeError> =>
  failure ??
  Effect.suspend(() => {
    enter(session, pinned)
    return Effect.ensuring(
      loop(session, pinned, signal, once),
      Effect.sync(() => leave(session, pinned))
    )
  })

const loop = Effect.fnUntraced(function* <A>(
  session: Session.Session,
  pinned: PinnedPages,
  first: MissingPages | CorruptPage,
  once: () => Run<A>
) {
  let signal = first
  for (;;) {
    if (signal instanceof CorruptPage) return yield* corrupt(session, signal.address, signal.reason)
    const pointers = distinct(signal.pointers)
    const pages = yield* load(session, pointers)
    pointers.forEach((pointer, i) => pinned.pin(pointer, pages[i]))
    const value = once()
    if (!isSignal(value)) return value
    signal = value
  }
})

const distinct = (pointers: ReadonlyArray<Pointer>): ReadonlyArray<Pointer> => {
  if (pointers.length < 2) return pointers
  const seen = new Map<string, Pointer>()
  for (const pointer of pointers) {
    const { address, birth, kind, level, pageCount } = pointer
    seen.set(`${address} ${birth} ${pageCount} ${kind} ${level}`, pointer)
  }
  return [...seen.values()]
}

export const corrupt = (
  session: Session.Session,
  address: number | undefined,
  reason: string
): VolumeError.VolumeError =>
  VolumeError.make(new VolumeError.Corrupt({ device: session.device.identity, address, reason }))

/** Logged where the session is the only writer: to a reader beside one, it may be no damage (see `Expiry`). */
const damaged = (
  session: Session.Session,
  address: number,
  reason: string
): Effect.Effect<never, VolumeError.VolumeError> => {
  const failure = Effect.fail(corrupt(session, address, reason))
  return session.readOnly ? failure : Effect.andThen(Logs.damaged(session.device.identity, address, reason), failure)
}

type Loaded = ReadonlyArray<Uint8Array>

/** What was loaded, or the effect that tells why not. */
type Taken = Result.Result<Loaded, Effect.Effect<never, VolumeError.VolumeError>>

/** Reads pages, verifies each against its pointer, and gives them to the cache. */
export const load = (
  session: Session.Session,
  pointers: ReadonlyArray<Pointer>
): Effect.Effect<Loaded, VolumeError.VolumeError> =>
  Effect.suspend(() => {
    const now = loadNow(session, pointers)
    if (now !== undefined) return Result.isSuccess(now) ? Effect.succeed(now.success) : now.failure
    const { binding, buffers, device } = session
    const read = Batching.read(device, pointers, binding.layout.pageBytes, (byteCount) => buffers.take(byteCount))
    return Effect.flatMap(Effect.mapError(read, VolumeError.make), (pages) => {
      const taken = take(session, pointers, pages)
      return Result.isSuccess(taken) ? Effect.succeed(pages) : taken.failure
    })
  })

/** The same here and now, or how it fails; nothing where the device would take its time. */
const loadNow = (session: Session.Session, pointers: ReadonlyArray<Pointer>): Taken | undefined => {
  const { binding, buffers, device } = session
  const outside = outsideOf(session, pointers)
  if (outside !== undefined) return Result.fail(damaged(session, outside.address, "a pointer leads out of the volume"))
  const read = Batching.readNow(device, pointers, binding.layout.pageBytes, (byteCount) => buffers.take(byteCount))
  if (read === undefined) return undefined
  if (Exit.isSuccess(read)) return take(session, pointers, read.value)
  return Result.fail(Effect.failCause(Cause.map(read.cause, VolumeError.make)))
}

/** A pointer that leads out of the volume. */
const outsideOf = ({ head }: Session.Session, pointers: ReadonlyArray<Pointer>): Pointer | undefined => {
  const { pageCount } = head.allocator.map
  return pointers.find((pointer) => pointer.address + pointer.pageCount > pageCount)
}

/** Verifies pages, and gives them to the cache. */
const take = (session: Session.Session, pointers: ReadonlyArray<Pointer>, pages: Loaded): Taken => {
  const { binding, buffers, cache, counters } = session
  for (const [i, pointer] of pointers.entries()) {
    const fault = Binding.fault(binding, pointer, pages[i])
    if (fault !== undefined) return Result.fail(damaged(session, pointer.address, fault))
  }
  for (const [i, { address, birth, into, kind, level, pageCount }] of pointers.entries()) {
    counters.pagesRead += pageCount
    const entered = into !== undefined || cache.insert(address, birth, pages[i], kind, level)
    if (!entered && kind === Node.DATA) buffers.retire(pages[i])
  }
  return Result.succeed(pages)
}
