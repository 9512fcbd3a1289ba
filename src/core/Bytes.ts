/**
 * Integers and comparisons on byte arrays.
 *
 * - Everything on disk is little-endian; integers inside keys are big-endian, so that byte order is number order.
 * - Integers wider than 32 bits are JavaScript numbers of at most 48 bits; only times and hashes are 64 bits wide.
 * - No function allocates, and none goes through `DataView` or `Buffer`: these loops run on every step of every search.
 */

/** 2^48: addresses, generations, inode numbers and file sizes are below it. */
export const UINT48_END = 0x1000000000000

export const readUint16 = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8)

export const writeUint16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

export const readUint32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0

export const writeUint32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export const readUint48 = (bytes: Uint8Array, at: number): number =>
  readUint32(bytes, at) + readUint16(bytes, at + 4) * 0x100000000

export const writeUint48 = (bytes: Uint8Array, at: number, value: number): void => {
  writeUint32(bytes, at, value)
  writeUint16(bytes, at + 4, Math.floor(value / 0x100000000))
}

/** Reads a little-endian integer of `width` bytes (1 to 6). */
export const readUint = (bytes: Uint8Array, at: number, width: number): number => {
  if (width === 3) return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
  let value = 0
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]
  return value
}

/** Writes a little-endian integer of `width` bytes (1 to 6). */
export const writeUint = (bytes: Uint8Array, at: number, width: number, value: number): void => {
  for (let i = 0; i < width; i++) {
    bytes[at + i] = value % 256
    value = Math.floor(value / 256)
  }
}

/** A word on its way between a number and bytes: arithmetic of large integers takes longer. */
const word = new Uint8Array(8)
const wordView = new DataView(word.buffer)

const take = (bytes: Uint8Array, at: number): void => {
  for (let i = 0; i < 8; i++) word[i] = bytes[at + i]
}

export const readUint64 = (bytes: Uint8Array, at: number): bigint => {
  take(bytes, at)
  return wordView.getBigUint64(0, true)
}

/** Writes a 64-bit integer, signed or not. */
export const writeUint64 = (bytes: Uint8Array, at: number, value: bigint): void => {
  wordView.setBigUint64(0, value, true)
  for (let i = 0; i < 8; i++) bytes[at + i] = word[i]
}

/** Reads a signed 64-bit integer: a time in nanoseconds may lie before 1970. */
export const readInt64 = (bytes: Uint8Array, at: number): bigint => {
  take(bytes, at)
  return wordView.getBigInt64(0, true)
}

/** The milliseconds, toward zero, of a signed 64-bit integer of nanoseconds: exact, and without large integers. */
export const readMillis = (bytes: Uint8Array, at: number): number => {
  const low = readUint32(bytes, at)
  const high = readUint32(bytes, at + 4) | 0
  // 2^32 nanoseconds are 4294 milliseconds and 967296 nanoseconds.
  const nanos = high * 967_296 + low
  const millis = high * 4294 + Math.floor(nanos / 1e6)
  return millis < 0 && nanos % 1e6 !== 0 ? millis + 1 : millis
}

/** Big-endian 48 bits, for keys. */
export const readUint48Key = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] << 8) | bytes[at + 1]) * 0x100000000 +
  (((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0)

/** Big-endian 48 bits, for keys. */
export const writeUint48Key = (bytes: Uint8Array, at: number, value: number): void => {
  const high = Math.floor(value / 0x100000000)
  const low = value >>> 0
  bytes[at] = high >>> 8
  bytes[at + 1] = high
  bytes[at + 2] = low >>> 24
  bytes[at + 3] = low >>> 16
  bytes[at + 4] = low >>> 8
  bytes[at + 5] = low
}

/** Copies `count` bytes; short ones by hand, since a call to `set` needs a view. The ranges must not overlap. */
export const copy = (from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, count: number): void => {
  if (count <= 64) for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i]
  else to.set(fromAt === 0 && count === from.length ? from : from.subarray(fromAt, fromAt + count), toAt)
}

/** Lexicographic order of two byte ranges: negative, zero or positive. */
export const compare = (
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number
): number => {
  const aCount = aEnd - aStart
  const bCount = bEnd - bStart
  const count = aCount < bCount ? aCount : bCount
  for (let i = 0; i < count; i++) {
    const difference = a[aStart + i] - b[bStart + i]
    if (difference !== 0) return difference
  }
  return aCount - bCount
}

export const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && compare(a, 0, a.length, b, 0, b.length) === 0

/** Whether all of `bytes[start, end)` is zero. */
export const isZero = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}

/** How many bytes {@link writeVarint} needs for `value`: 7 bits a byte. */
export const varintByteCount = (value: number): number => {
  if (value < 128) return 1
  if (value < 16384) return 2
  let count = 1
  while (value >= 128) {
    value = Math.floor(value / 128)
    count++
  }
  return count
}

/** Writes `value` (below 2^48) as a little-endian base-128 number and returns the offset after it. */
export const writeVarint = (bytes: Uint8Array, at: number, value: number): number => {
  for (; value >= 0x40000000; value = Math.floor(value / 128)) bytes[at++] = (value % 128) | 128
  for (; value >= 128; value >>>= 7) bytes[at++] = (value & 127) | 128
  bytes[at++] = value
  return at
}
