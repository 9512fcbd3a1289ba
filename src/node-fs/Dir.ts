/**
 * An open folder of the shape of Node's `Dir`: its entries as they were when it was opened.
 */
import type { Dirent } from "node:fs"

const closed = (): Error => Object.assign(new Error("Directory handle was closed"), { code: "ERR_DIR_CLOSED" })

export class Dir {
  readonly path: string
  readonly #entries: ReadonlyArray<Dirent>
  #next = 0
  #isClosed = false

  constructor(path: string, entries: ReadonlyArray<Dirent>) {
    this.path = path
    this.#entries = entries
  }

  /** The next entry, or nothing after the last. */
  async read(): Promise<Dirent | null> {
    if (this.#isClosed) throw closed()
    return this.#entries[this.#next++] ?? null
  }

  async close(): Promise<void> {
    if (this.#isClosed) throw closed()
    this.#isClosed = true
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent, void> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry
    } finally {
      this.#isClosed = true
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
  }
}
