/**
 * Copies of nodes that an attempt changes in place, to undo it by.
 *
 * - A copy is seen by nobody else, so its buffer is used again by the next attempt: most nodes are pages, and some buffers of a page are
 *   kept at hand.
 */
interface Saved {
  readonly bytes: Uint8Array
  readonly copy: Uint8Array
}

const SPARE_COUNT = 16

export class SavedNodes {
  readonly #pageBytes: number
  readonly #saved: Array<Saved> = []
  readonly #spare: Array<Uint8Array> = []

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes
  }

  save(bytes: Uint8Array): void {
    const spare = bytes.length === this.#pageBytes ? this.#spare.pop() : undefined
    spare?.set(bytes)
    this.#saved.push({ bytes, copy: spare ?? bytes.slice() })
  }

  /** Makes all that was saved what it was. */
  restore(): void {
    for (const { bytes, copy } of this.#saved) bytes.set(copy)
    this.forget()
  }

  /** What was saved stays as it is now. */
  forget(): void {
    for (const { copy } of this.#saved) {
      if (this.#spare.length < SPARE_COUNT && copy.length === this.#pageBytes) this.#spare.push(copy)
    }
    this.#saved.length = 0
  }
}
