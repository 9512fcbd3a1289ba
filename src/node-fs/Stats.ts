/**
 * What is known of files, as the objects that `node:fs` answers: they are instances of its own classes.
 */
import * as fs from "node:fs"
import type { Entry, Stat, Type } from "../shell/FileStat.ts"
import type { Service } from "../shell/FileOperation.ts"

const TYPE_BITS: Readonly<Record<Type, number>> = {
  File: fs.constants.S_IFREG,
  Folder: fs.constants.S_IFDIR,
  SymbolicLink: fs.constants.S_IFLNK
}

/** Node has names for them that its types leave out. */
const { UV_DIRENT_DIR, UV_DIRENT_FILE, UV_DIRENT_LINK } = fs.constants as unknown as Readonly<Record<string, number>>

const DIRENT_TYPES: Readonly<Record<Type, number>> = {
  File: UV_DIRENT_FILE,
  Folder: UV_DIRENT_DIR,
  SymbolicLink: UV_DIRENT_LINK
}

const BLOCK_BYTES = 512
const NANOS_PER_MILLI = BigInt(1_000_000)

/** A number that tells volumes apart, from the volume's id. */
const deviceOf = (volume: Service): number => Buffer.from(volume.facts.volumeId).readUInt32BE(0)

/** The class of stats with bigints has no name to the outside. */
const bigintPrototype: object = Object.getPrototypeOf(fs.statSync("/", { bigint: true }))

const NANOS_PER_SECOND = BigInt(1_000_000_000)

const millisOf = (nanos: bigint): number => {
  const rest = ((nanos % NANOS_PER_SECOND) + NANOS_PER_SECOND) % NANOS_PER_SECOND
  return Number((nanos - rest) / NANOS_PER_SECOND) * 1000 + Number(rest) / 1e6
}

/** The dates are Node's own: its classes make them of the milliseconds. */
export const make = (volume: Service, stat: Stat): fs.Stats => {
  const { accessTime, birthTime, changeTime, gid, links, mode, modifyTime, number, size, type, uid } = stat
  return Object.assign(Object.create(fs.Stats.prototype) as fs.Stats, {
    dev: deviceOf(volume),
    mode: TYPE_BITS[type] | mode,
    nlink: links,
    uid,
    gid,
    rdev: 0,
    blksize: volume.facts.layout.pageBytes,
    ino: number,
    size,
    blocks: Math.ceil(size / BLOCK_BYTES),
    atimeMs: millisOf(accessTime),
    mtimeMs: millisOf(modifyTime),
    ctimeMs: millisOf(changeTime),
    birthtimeMs: millisOf(birthTime)
  })
}

/** The same with bigints, and times to the nanosecond. */
export const makeBigint = (volume: Service, stat: Stat): fs.BigIntStats => {
  const { accessTime, birthTime, changeTime, modifyTime } = stat
  const { blksize, blocks, dev, gid, ino, mode, nlink, rdev, size, uid } = make(volume, stat)
  const counts = { dev, mode, nlink, uid, gid, rdev, blksize, ino, size, blocks }
  return Object.assign(
    Object.create(bigintPrototype) as fs.BigIntStats,
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, BigInt(count)])),
    {
      atimeMs: accessTime / NANOS_PER_MILLI,
      mtimeMs: modifyTime / NANOS_PER_MILLI,
      ctimeMs: changeTime / NANOS_PER_MILLI,
      birthtimeMs: birthTime / NANOS_PER_MILLI,
      atimeNs: accessTime,
      mtimeNs: modifyTime,
      ctimeNs: changeTime,
      birthtimeNs: birthTime
    }
  )
}

/** Node makes its entries by a constructor that its types keep to themselves. */
const Dirent = fs.Dirent as unknown as new (name: string | Buffer, type: number, parentPath: string) => fs.Dirent

export const dirent = (name: string | Buffer, type: Entry["type"], parentPath: string): fs.Dirent =>
  new Dirent(name, DIRENT_TYPES[type], parentPath)
