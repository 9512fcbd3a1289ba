/**
 * Proof of a commit: which root made it durable. Kept elsewhere, it tells later whether a volume still has that commit.
 *
 * As text: volume id, generation and the root's hash, in hexadecimal, decimal and hexadecimal, with dashes between. The zeros that
 * fill up a hash are left out.
 */
import * as Option from "effect/Option"
import { UINT48_END } from "../core/Bytes.ts"
import { type EncodedRoot, HASH_BYTES, ID_BYTES } from "../core/RootRecord.ts"

/** Says that a volume had a commit: the root of that generation, known by its hash. */
export interface Receipt {
  /** 16 bytes. */
  readonly volumeId: Uint8Array
  readonly generation: number
  /** 32 bytes. */
  readonly rootHash: Uint8Array
}

/** The receipt of whoever is told that this root is durable. */
export const of = (volumeId: Uint8Array, { hash, record }: EncodedRoot): Receipt => ({
  volumeId,
  generation: record.generation,
  rootHash: hash
})

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

const unhex = (text: string, byteCount: number): Uint8Array => {
  const bytes = new Uint8Array(byteCount)
  for (let at = 0; at < text.length; at += 2) bytes[at / 2] = Number.parseInt(text.slice(at, at + 2), 16)
  return bytes
}

/** As in "000102030405060708090a0b0c0d0e0f-17-cc989930c85c633e". */
export const encode = ({ generation, rootHash, volumeId }: Receipt): string => {
  const end = Math.max(1, rootHash.findLastIndex((byte) => byte !== 0) + 1)
  return `${hex(volumeId)}-${generation}-${hex(rootHash.subarray(0, end))}`
}

/** What {@link encode} gave; none if it is anything else. */
export const decode = (text: string): Option.Option<Receipt> => {
  const match = /^([0-9a-f]{32})-([1-9]\d{0,14})-((?:[0-9a-f]{2}){1,32})$/i.exec(text.trim())
  if (match === null || Number(match[2]) >= UINT48_END) return Option.none()
  const [, volumeId, generation, rootHash] = match
  return Option.some({
    volumeId: unhex(volumeId, ID_BYTES),
    generation: Number(generation),
    rootHash: unhex(rootHash, HASH_BYTES)
  })
}
