/**
 * The frames of a send stream out of chunks of any size.
 *
 * - A frame is given out once it verified as the one after the frame before it.
 * - A stream that goes on where an earlier one broke off leaves frames out after the first one: `skipTo` says which one was the
 *   last of them, which the next one may follow as well.
 */
import * as Bytes from "../core/Bytes.ts"
import type { Checksum } from "../core/Checksum.ts"
import * as Transfer from "../core/Transfer.ts"

/** A frame that verified, its number, and its records. */
export interface Arrived {
  readonly index: number
  readonly bytes: Uint8Array
  readonly records: ReadonlyArray<Transfer.Record>
}

export class Inbox {
  readonly #checksum: Checksum
  #pending: ReadonlyArray<Uint8Array> = []
  #pendingBytes = 0
  #digest: Uint8Array = Transfer.MAGIC
  #index = 0
  #hasMagic = false
  #isEnded = false
  #staged: { readonly count: number; readonly digest: Uint8Array; readonly isEnd: boolean } | undefined

  constructor(checksum: Checksum) {
    this.#checksum = checksum
  }

  /** Whether the end has arrived, or is all that was left out. */
  get isEnded(): boolean {
    return this.#isEnded || this.#staged?.isEnd === true
  }

  /** The frame that comes now may also be the one after so many, of which this was the last; if that was the end, none may come. */
  skipTo(count: number, last: Uint8Array): void {
    this.#staged = { count, digest: Transfer.digestOf(last).slice(), isEnd: isEnd(Transfer.records(last)) }
  }

  push(chunk: Uint8Array): void {
    this.#pending = [...this.#pending, chunk]
    this.#pendingBytes += chunk.length
  }

  /** The next frame, once it is complete; a sentence if it is none. */
  next(): Arrived | string | undefined {
    if (!this.#hasMagic) {
      const magic = this.#peek(Transfer.MAGIC.length)
      if (magic === undefined) return undefined
      if (!Bytes.equal(magic, Transfer.MAGIC)) return "it is no send stream, or one of a newer version"
      this.#drop(Transfer.MAGIC.length)
      this.#hasMagic = true
    }
    const head = this.#peek(Transfer.LENGTH_BYTES)
    if (head === undefined) return this.#isEnded && this.#pendingBytes > 0 ? "it goes on after its end" : undefined
    if (this.#isEnded) return "it goes on after its end"
    const count = Transfer.frameBytes(head)
    if (count === undefined) return `frame ${this.#index} has an impossible length`
    const bytes = this.#peek(count)
    if (bytes === undefined) return undefined
    this.#drop(count)
    if (!Transfer.follows(this.#checksum, this.#digest, bytes)) {
      const staged = this.#staged
      if (staged === undefined || !Transfer.follows(this.#checksum, staged.digest, bytes)) {
        return `frame ${this.#index} is damaged, or not the one that comes there`
      }
      this.#index = staged.count
    }
    this.#staged = undefined
    const records = Transfer.records(bytes)
    if (records === undefined) return `the records of frame ${this.#index} make no sense`
    this.#digest = Transfer.digestOf(bytes)
    this.#isEnded = isEnd(records)
    return { index: this.#index++, bytes, records }
  }

  /** The first bytes of what is there, as an array of their own; `undefined` if there are fewer. */
  #peek(count: number): Uint8Array | undefined {
    if (this.#pendingBytes < count) return undefined
    const [first] = this.#pending
    if (first.length >= count) return first.slice(0, count)
    const bytes = new Uint8Array(count)
    let at = 0
    for (const chunk of this.#pending) {
      const part = chunk.subarray(0, count - at)
      bytes.set(part, at)
      at += part.length
      if (at === count) break
    }
    return bytes
  }

  #drop(count: number): void {
    this.#pendingBytes -= count
    let left = count
    let from = 0
    while (left > 0 && this.#pending[from].length <= left) left -= this.#pending[from++].length
    this.#pending = this.#pending.slice(from)
    if (left > 0) this.#pending = [this.#pending[0].subarray(left), ...this.#pending.slice(1)]
  }
}

const isEnd = (records: ReadonlyArray<Transfer.Record> | undefined): boolean => records?.at(-1)?._tag === "End"
