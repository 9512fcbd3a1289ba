/**
 * What tells whether two keys hold the same.
 *
 * - Of a value: the SHA-256 of its content.
 * - Of a dictionary: the SHA-256 of `"notafs dictionary\n"` and, for each entry in the byte order of names: the name's byte
 *   count (4, little-endian), the name in UTF-8, the kind (1: 0 a value, 1 a dictionary) and the entry's digest (32).
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileContent from "./FileContent.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"

const DICTIONARY = "notafs dictionary\n"

/** The digest of a value, which is read chunk by chunk. */
export const ofValue = (volume: Service, path: string, number: number): Operation<Uint8Array> =>
  Effect.suspend(() => {
    const hash = createHash("sha256")
    const chunk = new Uint8Array(FileOperation.CHUNK_BYTES)
    const from = (offset: number): Operation<Uint8Array> =>
      Effect.flatMap(FileContent.readAt(volume, path, number, offset, chunk), (count) => {
        hash.update(chunk.subarray(0, count))
        return count === chunk.length ? from(offset + count) : Effect.sync(() => new Uint8Array(hash.digest()))
      })
    return from(0)
  })

export interface Entry {
  readonly name: string
  readonly isDictionary: boolean
  readonly digest: Uint8Array
}

const encoder = new TextEncoder()

/** The digest of a dictionary from those of its entries, which are in the byte order of names. */
export const ofDictionary = (entries: ReadonlyArray<Entry>): Uint8Array => {
  const hash = createHash("sha256").update(DICTIONARY)
  for (const { digest, isDictionary, name } of entries) {
    const bytes = encoder.encode(name)
    const count = new DataView(new ArrayBuffer(4))
    count.setUint32(0, bytes.length, true)
    hash
      .update(new Uint8Array(count.buffer))
      .update(bytes)
      .update(new Uint8Array([isDictionary ? 1 : 0]))
      .update(digest)
  }
  return new Uint8Array(hash.digest())
}
