/**
 * The cache, and what running operations have loaded.
 *
 * - What an operation has loaded stays until no operation that restarts is left, so eviction cannot make one loop: what it
 *   misses is never pinned, and every restart has loaded something new.
 */
import type { PageSource } from "../core/Pages.ts"
import type { Pointer } from "../core/Pointer.ts"

interface Pinned {
  readonly birth: number
  readonly kind: number
  readonly level: number
  readonly bytes: Uint8Array
}

export class PinnedPages implements PageSource {
  readonly #cache: PageSource
  readonly #pageBytes: number
  readonly #pinned = new Map<number, Array<Pinned>>()
  #operations = 0

  constructor(cache: PageSource, pageBytes: number) {
    this.#cache = cache
    this.#pageBytes = pageBytes
  }

  find(address: number, birth: number, pageCount: number, kind: number, level: number): Uint8Array | undefined {
    if (this.#pinned.size > 0) {
      const found = this.#findPinned(address, birth, pageCount, kind, level)
      if (found !== undefined) return found
    }
    return this.#cache.find(address, birth, pageCount, kind, level)
  }

  /** An operation begins to restart. */
  enter(): void {
    this.#operations++
  }

  /** An operation that restarted is done. */
  leave(): void {
    this.#operations--
    if (this.#operations === 0) this.#pinned.clear()
  }

  pin({ address, birth, kind, level, pageCount }: Pointer, bytes: Uint8Array): void {
    if (this.#findPinned(address, birth, pageCount, kind, level) !== undefined) return
    const at = this.#pinned.get(address)
    if (at === undefined) this.#pinned.set(address, [{ birth, kind, level, bytes }])
    else at.push({ birth, kind, level, bytes })
  }

  #findPinned(address: number, birth: number, pageCount: number, kind: number, level: number): Uint8Array | undefined {
    const byteCount = pageCount * this.#pageBytes
    return this.#pinned
      .get(address)
      ?.find(
        (pinned) =>
          pinned.birth === birth && pinned.kind === kind && pinned.level === level && pinned.bytes.length === byteCount
      )?.bytes
  }
}
