/**
 * What binds bytes to their volume, place and time (I7).
 *
 * The context of a checksum is 32 bytes: volume id (16), address (6), birth (6), pages (1), kind (1), level (1), zero (1).
 * So bytes that verify are the bytes that were written there, then, as that, on this volume.
 */
import { compare, writeUint48 } from "./Bytes.ts"
import type { Checksum } from "./Checksum.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"

export const CONTEXT_BYTES = 32
export const VOLUME_ID_BYTES = 16

export interface Binding {
  readonly layout: Layout
  readonly checksum: Checksum
  readonly volumeId: Uint8Array
  /** Scratch, so that no digest allocates: a context and a digest. */
  readonly context: Uint8Array
  readonly digest: Uint8Array
}

export const make = (layout: Layout, checksum: Checksum, volumeId: Uint8Array): Binding => {
  const context = new Uint8Array(CONTEXT_BYTES)
  context.set(volumeId)
  return { layout, checksum, volumeId, context, digest: new Uint8Array(checksum.byteCount) }
}

type Place = Pick<Pointer.Pointer, "address" | "pageCount" | "birth" | "kind" | "level">

/** Writes the digest of `bytes` standing at `place` to `out[at]`. */
export const digest = (binding: Binding, place: Place, bytes: Uint8Array, out: Uint8Array, at: number): void => {
  const { checksum, context } = binding
  writeUint48(context, 16, place.address)
  writeUint48(context, 22, place.birth)
  context[28] = place.pageCount
  context[29] = place.kind
  context[30] = place.level
  checksum.write(context, bytes, out, at)
}

/** Writes a whole pointer to `bytes`, which stand (or will stand) at `place`. */
export const writePointer = (binding: Binding, place: Place, bytes: Uint8Array, out: Uint8Array, at: number): void => {
  Pointer.writePlace(binding.layout, out, at, place)
  digest(binding, place, bytes, out, Pointer.checksumAt(binding.layout, at))
}

/** Whether `bytes` are what `pointer` was made for. */
export const verifies = (binding: Binding, pointer: Pointer.Pointer, bytes: Uint8Array): boolean => {
  digest(binding, pointer, bytes, binding.digest, 0)
  const { byteCount } = binding.checksum
  return compare(binding.digest, 0, byteCount, pointer.checksum, 0, byteCount) === 0
}

/** What is wrong with bytes that were read for `pointer`; `undefined` admits them to the core. */
export const fault = (binding: Binding, pointer: Pointer.Pointer, bytes: Uint8Array): string | undefined =>
  verifies(binding, pointer, bytes)
    ? Node.fault(binding.layout, bytes, pointer.kind, pointer.level, pointer.birth)
    : "the bytes do not match their checksum"
