/**
 * Reads what comes next in an open file while the last chunk is still looked at: so disk and checksums work side by side.
 *
 * - Begins with the second of two reads that follow each other, and ends with the first that does not.
 * - What was read ahead is of one durable root, and is forgotten when its reader would see another one. So a reader finds what
 *   it would have found by itself; what fails ahead is read again, and fails for its reader.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Operation } from "./FileOperation.ts"

/** Smaller reads have less to gain than a fiber costs; larger ones go ahead by themselves, chunk by chunk. */
/** Less than this is read when it is asked for. */
export const TARGET_BYTES_MIN = 128 * 1024
const TARGET_BYTES_MAX = 1024 * 1024

/** One is read from the device while the one before is verified. */
const DEPTH = 2

interface Ahead {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly fiber: Fiber.Fiber<Exit.Exit<number, unknown>>
}

/** Fills `target` from `offset` on and answers the number of bytes. */
export type Read = (offset: number, target: Uint8Array) => Operation<number>

export class ReadAhead {
  readonly #read: Read
  /** What the reader sees: the same value as long as it sees the same root, nothing where that may change at any time. */
  readonly #root: Effect.Effect<object | undefined>
  #of: object | undefined
  #queue: ReadonlyArray<Ahead> = []
  #spare: ReadonlyArray<Uint8Array> = []
  /** Where the last read has ended. */
  #end = -1

  constructor(read: Read, root: Effect.Effect<object | undefined>) {
    this.#read = read
    this.#root = root
  }

  read(offset: number, target: Uint8Array): Operation<number> {
    return target.length < TARGET_BYTES_MIN || target.length > TARGET_BYTES_MAX
      ? this.#read(offset, target)
      : Effect.flatMap(this.#root, (root) => this.#from(root, offset, target))
  }

  #from(root: object | undefined, offset: number, target: Uint8Array): Operation<number> {
    const [first, ...rest] = this.#queue
    const isNext = first !== undefined && first.offset === offset && first.bytes.length === target.length
    if (root === undefined || this.#of !== root || !isNext) {
      this.#of = root
      this.#queue = []
      this.#spare = []
      const follows = root !== undefined && offset === this.#end
      return Effect.tap(this.#read(offset, target), (count) => {
        this.#end = offset + count
        return follows && count === target.length ? this.#goOn(root, target.length) : Effect.void
      })
    }
    this.#queue = rest
    this.#end = offset + target.length
    const taken = Effect.flatMap(Fiber.join(first.fiber), (exit) => {
      if (Exit.isFailure(exit)) return this.#read(offset, target)
      target.set(first.bytes.subarray(0, exit.value))
      this.#spare = [...this.#spare, first.bytes]
      return Effect.succeed(exit.value)
    })
    return Effect.andThen(this.#goOn(root, target.length), taken)
  }

  /** Begins to read what is next, until enough is under way. */
  #goOn(root: object, byteCount: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const last = this.#queue.at(-1)
      if (this.#of !== root || this.#queue.length >= DEPTH) return Effect.void
      const offset = last === undefined ? this.#end : last.offset + last.bytes.length
      const [bytes = new Uint8Array(byteCount), ...spare] = this.#spare
      this.#spare = spare
      const begun = Effect.forkDetach(Effect.exit(this.#read(offset, bytes)), { startImmediately: true })
      return Effect.flatMap(begun, (fiber) => {
        this.#queue = [...this.#queue, { offset, bytes, fiber }]
        return this.#goOn(root, byteCount)
      })
    })
  }
}
