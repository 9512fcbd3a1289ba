/**
 * The checksum of a page, bound to the place and the time of that page.
 *
 * - The hash function is a value that comes in from outside; the core never chooses one.
 * - A digest covers a context (see `Pointer`) and the page bytes: the same bytes elsewhere, at another time, of another
 *   kind or of another volume have another digest.
 * - A digest has at least 64 bits.
 */
import { invariant } from "./Invariant.ts"

/** A hash bound to a context. */
export interface Checksum {
  /** The number that stands for this algorithm in the superblock. */
  readonly algorithm: number
  readonly name: string
  /** Bytes of a digest: 8 to 32. */
  readonly byteCount: number
  /** Writes the digest of `context` and `bytes` to `out[at, at + byteCount)`. */
  readonly write: (context: Uint8Array, bytes: Uint8Array, out: Uint8Array, at: number) => void
}

/** The algorithm numbers of format version 1. */
export const ALGORITHM_XXH64 = 1
export const ALGORITHM_SHA256_128 = 2

/** The hash functions that {@link xxh64} and {@link sha256} are made of. */
export type Hash64 = (bytes: Uint8Array, seed: bigint) => bigint
export type Hash256 = (parts: ReadonlyArray<Uint8Array>) => Uint8Array

/** XXH64 of the bytes, seeded by XXH64 of the context. Detects every fault that is not made on purpose. */
export const xxh64 = (hash: Hash64): Checksum => {
  const zero = BigInt(0)
  const word = new BigUint64Array(1)
  const wordBytes = new Uint8Array(word.buffer)
  invariant(new Uint8Array(new Uint16Array([1]).buffer)[0] === 1, "the machine is little-endian")
  return {
    algorithm: ALGORITHM_XXH64,
    name: "xxh64",
    byteCount: 8,
    write: (context, bytes, out, at) => {
      word[0] = hash(bytes, hash(context, zero))
      for (let i = 0; i < 8; i++) out[at + i] = wordBytes[i]
    }
  }
}

/** The first 128 bits of SHA-256 over context and bytes, for content that an adversary may choose. */
export const sha256 = (hash: Hash256): Checksum => ({
  algorithm: ALGORITHM_SHA256_128,
  name: "sha256-128",
  byteCount: 16,
  write: (context, bytes, out, at) => {
    const digest = hash([context, bytes])
    for (let i = 0; i < 16; i++) out[at + i] = digest[i]
  }
})
