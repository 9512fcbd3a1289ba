/** Section 3 of docs/FORMAT.md. */
import { createHash } from "node:crypto"
import { xxh64 } from "./Xxh64.ts"

/** What of a checksum's context differs from one structure of a volume to the next. */
export interface Place {
  readonly address: number
  readonly birth: number
  readonly pages: number
  readonly kind: number
  readonly level: number
}

export const kinds = { tree: 1, rope: 2, data: 3, map: 4, superblock: 16, root: 17 } as const

/** Bytes of a digest, by the number of the algorithm. */
export const digestBytes: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [2, 16]
])

const contextOf = (volumeId: Uint8Array, place: Place): Uint8Array => {
  const context = new Uint8Array(32)
  const view = new DataView(context.buffer)
  context.set(volumeId, 0)
  view.setUint32(16, place.address % 2 ** 32, true)
  view.setUint16(20, Math.floor(place.address / 2 ** 32), true)
  view.setUint32(22, place.birth % 2 ** 32, true)
  view.setUint16(26, Math.floor(place.birth / 2 ** 32), true)
  context[28] = place.pages
  context[29] = place.kind
  context[30] = place.level
  return context
}

/** The digest as it is stored. */
export const digestOf = (algorithm: number, volumeId: Uint8Array, place: Place, bytes: Uint8Array): Uint8Array => {
  const context = contextOf(volumeId, place)
  if (algorithm === 2) {
    return new Uint8Array(createHash("sha256").update(context).update(bytes).digest().subarray(0, 16))
  }
  const stored = new Uint8Array(8)
  new DataView(stored.buffer).setBigUint64(0, xxh64(bytes, xxh64(context, 0n)), true)
  return stored
}
