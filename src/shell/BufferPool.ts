/**
 * Buffers for runs of file content, used again after they were written: a large file goes through without garbage.
 *
 * - Only whole runs of full length are pooled, and only by whoever knows that nobody refers to them any more.
 * - What a buffer held before is still in it.
 */
export class BufferPool {
  readonly #byteCount: number
  readonly #countMax: number
  readonly #free: Array<Uint8Array> = []

  /** Keeps up to `bytesMax` bytes in buffers of `byteCount`. */
  constructor(byteCount: number, bytesMax: number) {
    this.#byteCount = byteCount
    this.#countMax = Math.floor(bytesMax / byteCount)
  }

  take(byteCount: number): Uint8Array {
    return (byteCount === this.#byteCount ? this.#free.pop() : undefined) ?? new Uint8Array(byteCount)
  }

  give(buffer: Uint8Array): void {
    if (buffer.length === this.#byteCount && this.#free.length < this.#countMax) this.#free.push(buffer)
  }
}
