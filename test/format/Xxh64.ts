/** XXH64, written from the public specification of xxHash. Slow, and that is fine: it is here to be compared with. */

const prime1 = 0x9e3779b185ebca87n
const prime2 = 0xc2b2ae3d27d4eb4fn
const prime3 = 0x165667b19e3779f9n
const prime4 = 0x85ebca77c2b2ae63n
const prime5 = 0x27d4eb2f165667c5n

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value)

const rotate = (value: bigint, bits: bigint): bigint => wrap(value << bits) | (value >> (64n - bits))

const round = (lane: bigint, input: bigint): bigint => wrap(rotate(wrap(lane + input * prime2), 31n) * prime1)

const merge = (hash: bigint, lane: bigint): bigint => wrap((hash ^ round(0n, lane)) * prime1 + prime4)

const avalanche = (hash: bigint): bigint => {
  let mixed = wrap((hash ^ (hash >> 33n)) * prime2)
  mixed = wrap((mixed ^ (mixed >> 29n)) * prime3)
  return mixed ^ (mixed >> 32n)
}

/** The 64-bit digest of the bytes. */
export const xxh64 = (bytes: Uint8Array, seed: bigint): bigint => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let hash: bigint
  if (bytes.length >= 32) {
    let lane1 = wrap(seed + prime1 + prime2)
    let lane2 = wrap(seed + prime2)
    let lane3 = seed
    let lane4 = wrap(seed - prime1)
    for (; at + 32 <= bytes.length; at += 32) {
      lane1 = round(lane1, view.getBigUint64(at, true))
      lane2 = round(lane2, view.getBigUint64(at + 8, true))
      lane3 = round(lane3, view.getBigUint64(at + 16, true))
      lane4 = round(lane4, view.getBigUint64(at + 24, true))
    }
    hash = wrap(rotate(lane1, 1n) + rotate(lane2, 7n) + rotate(lane3, 12n) + rotate(lane4, 18n))
    hash = merge(merge(merge(merge(hash, lane1), lane2), lane3), lane4)
  } else {
    hash = wrap(seed + prime5)
  }
  hash = wrap(hash + BigInt(bytes.length))
  for (; at + 8 <= bytes.length; at += 8) {
    hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * prime1 + prime4)
  }
  if (at + 4 <= bytes.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * prime1), 23n) * prime2 + prime3)
    at += 4
  }
  for (; at < bytes.length; at += 1) {
    hash = wrap(rotate(hash ^ wrap(BigInt(bytes[at]) * prime5), 11n) * prime1)
  }
  return avalanche(hash)
}
