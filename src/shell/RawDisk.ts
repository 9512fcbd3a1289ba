/**
 * What `stat` does not say of a raw disk: how large it is, and what it writes atomically.
 */
import * as fs from "node:fs"
import { SECTOR_BYTES_MIN } from "./BlockDevice.ts"

/** The bytes of the disk behind `fd`; `deviceNumber` is the `rdev` of its `stat`. */
export const sizeBytes = (fd: number, deviceNumber: number): number => {
  const sectors = readNumber(deviceNumber, "size")
  // The kernel counts in units of 512 bytes there, whatever the disk's sectors are.
  return sectors === undefined ? probeBytes(fd) : sectors * 512
}

/** What the disk writes atomically. */
export const sectorBytes = (deviceNumber: number): number =>
  Math.max(SECTOR_BYTES_MIN, readNumber(deviceNumber, "queue/physical_block_size") ?? 4096)

/** The bytes of whatever `fd` is, found by reading: doubling until nothing is read, then halving. A multiple of 4096. */
export const probeBytes = (fd: number): number => {
  const bytes = new Uint8Array(4096)
  const readable = (block: number): boolean => {
    try {
      return fs.readSync(fd, bytes, 0, bytes.length, block * bytes.length) === bytes.length
    } catch {
      return false
    }
  }
  if (!readable(0)) return 0
  let inside = 0
  let beyond = 1
  while (beyond < 2 ** 40 && readable(beyond)) {
    inside = beyond
    beyond *= 2
  }
  while (beyond - inside > 1) {
    const middle = Math.floor((inside + beyond) / 2)
    if (readable(middle)) inside = middle
    else beyond = middle
  }
  return (inside + 1) * bytes.length
}

/** A number that Linux tells of a disk, or of the disk that a partition belongs to. */
const readNumber = (deviceNumber: number, name: string): number | undefined => {
  const major = (deviceNumber >>> 8) & 0xfff
  const minor = (deviceNumber & 0xff) | ((deviceNumber >>> 12) & 0xfff00)
  for (const folder of [`/sys/dev/block/${major}:${minor}`, `/sys/dev/block/${major}:${minor}/..`]) {
    try {
      const value = Number.parseInt(fs.readFileSync(`${folder}/${name}`, "utf8"), 10)
      if (value > 0) return value
    } catch {
      // Another system, or a partition, whose queue stands with its disk.
    }
  }
  return undefined
}
