/**
 * The hash functions of the core's checksums: XXH64 from WebAssembly, SHA-256 from the platform.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import xxhash from "xxhash-wasm"
import * as Checksum from "../core/Checksum.ts"

/** The checksum algorithms by the names that options use. */
export interface Hashes {
  readonly xxh64: Checksum.Checksum
  readonly sha256: Checksum.Checksum
}

let loaded: Hashes | undefined

/** Loads them once a process: after that no opening waits for it. */
export const load: Effect.Effect<Hashes> = Effect.suspend(() =>
  loaded === undefined
    ? Effect.promise(async () => {
        const { h64Raw } = await xxhash()
        return (loaded = make(h64Raw))
      })
    : Effect.succeed(loaded)
)

const make = (h64Raw: Checksum.Hash64): Hashes => ({
  xxh64: Checksum.xxh64(h64Raw),
  sha256: Checksum.sha256((parts) => {
    const hash = createHash("sha256")
    for (const part of parts) hash.update(part)
    return hash.digest()
  })
})

export const all = (hashes: Hashes): ReadonlyArray<Checksum.Checksum> => [hashes.xxh64, hashes.sha256]
