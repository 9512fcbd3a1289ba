import type { Ledger } from "./Ledger.ts"

/** Whether all the bytes are zero. */
export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** The order of byte strings: lexicographic, unsigned, a prefix first. */
export const compareBytes = (left: Uint8Array, right: Uint8Array): number => {
  const shared = Math.min(left.length, right.length)
  for (let at = 0; at < shared; at += 1) {
    if (left[at] !== right[at]) return left[at] - right[at]
  }
  return left.length - right.length
}

export const sameBytes = (left: Uint8Array, right: Uint8Array): boolean => compareBytes(left, right) === 0

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/**
 * The fields of one structure. Whatever is read through it is written down in the ledger, so that a byte which the
 * reader never looked at stays unexplained.
 */
export class Scan {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #ledger: Ledger | undefined
  readonly #start: number
  readonly #structure: string

  /** `start` is where the bytes stand in the image. */
  constructor(bytes: Uint8Array, start: number, structure: string, ledger: Ledger | undefined) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#start = start
    this.#structure = structure
    this.#ledger = ledger
  }

  /** Says what the bytes are without reading them. */
  mark(at: number, length: number, label: string): void {
    this.#ledger?.mark(this.#start + at, length, `${this.#structure}: ${label}`)
  }

  u8(at: number, label: string): number {
    this.mark(at, 1, label)
    return this.bytes[at]
  }

  u16(at: number, label: string): number {
    this.mark(at, 2, label)
    return this.#view.getUint16(at, true)
  }

  u32(at: number, label: string): number {
    this.mark(at, 4, label)
    return this.#view.getUint32(at, true)
  }

  u48(at: number, label: string): number {
    return this.unsigned(at, 6, label)
  }

  i64(at: number, label: string): bigint {
    this.mark(at, 8, label)
    return this.#view.getBigInt64(at, true)
  }

  /** A little-endian number of up to six bytes. */
  unsigned(at: number, length: number, label: string): number {
    this.mark(at, length, label)
    let value = 0
    for (let byte = length - 1; byte >= 0; byte -= 1) value = value * 256 + this.bytes[at + byte]
    return value
  }

  slice(at: number, length: number, label: string): Uint8Array {
    this.mark(at, length, label)
    return this.bytes.subarray(at, at + length)
  }

  /** Reads bytes that are written as zeros, and tells whether they are. */
  zero(at: number, length: number, label = "zero"): boolean {
    this.mark(at, length, label)
    return this.expectZero(at, length, label)
  }

  /** Tells whether bytes that are accounted for are zero; no reader has to look, so the ledger keeps what is not. */
  expectZero(at: number, length: number, label: string): boolean {
    const zero = isZero(this.bytes.subarray(at, at + length))
    if (!zero) this.#ledger?.complaints.push(`${this.#structure} at ${this.#start}: ${label} at ${at} is not zero`)
    return zero
  }
}

/** A 48-bit number as it stands in the keys of trees. */
export const u48be = (bytes: Uint8Array, at: number): number => {
  let value = 0
  for (let byte = 0; byte < 6; byte += 1) value = value * 256 + bytes[at + byte]
  return value
}
