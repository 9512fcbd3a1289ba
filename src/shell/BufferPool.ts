/**
 * Buffers for pages and for long runs of file content, used again when nobody needs them any more: a large file, or many small
 * commits, go through without garbage.
 *
 * - A buffer is given only by who knows that nobody refers to it any more: a run after its early write, which no cache keeps; a
 *   node when its page is dead in a durable root, and nobody reads an older one.
 * - A run of content that leaves the cache is retired: an operation that restarts may have it pinned. When none does any more, all
 *   that are retired are given. (The core copies out of such a run, or hashes it, and keeps nothing of it.)
 * - What a buffer held before is still in it, but for its beginning: who should still refer to it finds no node.
 */
import { NODE_HEADER_BYTES } from "../core/Layout.ts"

const NO_NODE = 0xff

/** Buffers that may be retired at a time. */
const RETIRED_COUNT_MAX = 256

export class BufferPool {
  /** By the bytes of a buffer. */
  readonly #free: ReadonlyMap<number, Array<Uint8Array>>
  readonly #bytesMax: number
  readonly #pageBytes: number
  readonly #longest: number
  readonly #retired: Array<Uint8Array> = []

  /**
   * Keeps up to `bytesMax` bytes in buffers of a page, as many in runs of the most pages, and an eighth of that in shorter ones of
   * each length: what is left of a file behind its long runs.
   */
  constructor(pageBytes: number, runPagesMax: number, bytesMax: number) {
    this.#free = new Map(Array.from({ length: runPagesMax }, (_, before) => [(before + 1) * pageBytes, []]))
    this.#longest = runPagesMax * pageBytes
    this.#bytesMax = bytesMax
    this.#pageBytes = pageBytes
  }

  take(byteCount: number): Uint8Array {
    return this.#free.get(byteCount)?.pop() ?? new Uint8Array(byteCount)
  }

  /** Takes back a buffer that only operations which restart now may still refer to; see {@link giveRetired}. */
  retire(buffer: Uint8Array): void {
    if (this.#retired.length < RETIRED_COUNT_MAX) this.#retired.push(buffer)
  }

  /** No operation restarts. */
  giveRetired(): void {
    for (let buffer = this.#retired.pop(); buffer !== undefined; buffer = this.#retired.pop()) this.give(buffer)
  }

  give(buffer: Uint8Array): void {
    buffer.fill(NO_NODE, 0, NODE_HEADER_BYTES)
    const free = this.#free.get(buffer.length)
    const isWhole = buffer.buffer.byteLength === buffer.length
    const isBetween = buffer.length > this.#pageBytes && buffer.length < this.#longest
    const bytesMax = isBetween ? this.#bytesMax / 8 : this.#bytesMax
    if (free !== undefined && isWhole && free.length * buffer.length < bytesMax) free.push(buffer)
  }
}
