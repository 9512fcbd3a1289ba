/**
 * The file or raw disk that a volume lies in, as it is found and opened.
 *
 * - A file that is absent or empty is created with the size that is given, and is durable with its name before it is used.
 * - A file that is absent is created only where nothing bears its name, not even a link that leads nowhere.
 */
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { refusal, refuseGeometry, SECTOR_BYTES_MIN } from "./BlockDevice.ts"
import * as Configuration from "./Configuration.ts"
import * as RawDisk from "./RawDisk.ts"

/** Where the bytes are, and how they are opened. */
export interface Options {
  readonly path: string
  /** The bytes of a file that is created; without it the file must be there. */
  readonly size?: Configuration.Size | undefined
  /** The unit of reading and writing: by default 512 for a file, and what a raw disk says of itself. */
  readonly sectorBytes?: number | undefined
  /** Neither writes, nor locks, nor creates. */
  readonly readOnly?: boolean | undefined
}

export interface ImageFile {
  readonly fd: number
  /** The path of the file, without links. */
  readonly identity: string
  /** Its size, which need not be a multiple of `sectorBytes`. */
  readonly byteCount: number
  readonly sectorBytes: number
  /** Whether it is a raw disk. */
  readonly disk: boolean
  /** Whether it has holes. */
  readonly sparse: boolean
  /** Whether it held nothing before, so that all of it is a hole. */
  readonly isNew: boolean
}

/** Whether there is something to open: "absent" and "empty" are for a file that is to be created. */
export const examine = (options: Options): "absent" | "empty" | "file" | "disk" => {
  const { path, readOnly = false } = options
  const size = options.size === undefined ? undefined : Configuration.byteCount(options.size)
  const mayCreate = size !== undefined && !readOnly
  if (size !== undefined) {
    const fault = refuseGeometry(path, size, options.sectorBytes ?? SECTOR_BYTES_MIN)
    if (fault !== undefined) throw fault
  }
  const stat = fs.statSync(path, { throwIfNoEntry: !mayCreate })
  if (stat === undefined) return "absent"
  if (stat.isFile()) return stat.size === 0 && mayCreate ? "empty" : "file"
  // Raw disks are character devices on macOS.
  if (stat.isBlockDevice() || (stat.isCharacterDevice() && process.platform === "darwin")) return "disk"
  const reason = stat.isDirectory() ? "it is a folder" : "it is neither a file nor a disk"
  throw refusal(path, "open", undefined, "EINVAL", reason)
}

/** Opens what is there, or creates it. */
export const open = (options: Options): ImageFile => {
  const { path, readOnly = false } = options
  const size = Configuration.byteCount(options.size ?? 0)
  const found = examine(options)
  const { constants } = fs
  const flags = readOnly ? constants.O_RDONLY : constants.O_RDWR
  const fd = fs.openSync(path, found === "absent" ? flags | constants.O_CREAT | constants.O_EXCL : flags)
  try {
    const isNew = found === "absent" || found === "empty"
    if (isNew) {
      fs.ftruncateSync(fd, size)
      fs.fsyncSync(fd)
    }
    if (found === "absent") syncFolder(nodePath.dirname(path))
    const stat = fs.fstatSync(fd)
    const disk = found === "disk"
    const sectorBytes = options.sectorBytes ?? (disk ? RawDisk.sectorBytes(stat.rdev) : SECTOR_BYTES_MIN)
    const bytes = disk ? RawDisk.sizeBytes(fd, stat.rdev) : stat.size
    const fault = refuseGeometry(path, bytes - (bytes % sectorBytes), sectorBytes)
    if (fault !== undefined) throw fault
    const sparse = !disk && stat.blocks * 512 < stat.size
    return { fd, identity: fs.realpathSync.native(path), byteCount: bytes, sectorBytes, disk, sparse, isNew }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** Makes a new name in a folder durable. Windows cannot, and need not. */
const syncFolder = (folder: string): void => {
  if (process.platform === "win32") return
  const fd = fs.openSync(folder, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}
