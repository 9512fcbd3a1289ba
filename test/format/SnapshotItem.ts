/** Section 16 of docs/FORMAT.md: the items of the snapshots tree. */
import { corrupt, must } from "./Fault.ts"
import { decodeName } from "./Names.ts"
import { decodePointer } from "./Pointer.ts"
import type { Root } from "./RootRecord.ts"
import type { Scan } from "./Scan.ts"
import { u48be } from "./Scan.ts"
import type { Superblock } from "./Superblock.ts"
import type { Item } from "./TreeNode.ts"

export interface Snapshot {
  readonly generation: number
  readonly name: string
  readonly id: Uint8Array
  readonly time: bigint
  readonly nextInode: number
  readonly inodeCount: number
  /** The root of its names tree; nothing if that is empty. */
  readonly names: Root | undefined
}

/** A commit that went back to a snapshot. */
export interface Rollback {
  readonly generation: number
  readonly to: number
}

export type SnapshotItem =
  | { readonly is: "snapshot"; readonly snapshot: Snapshot }
  | { readonly is: "name"; readonly name: string; readonly generation: number }
  | { readonly is: "rollback"; readonly rollback: Rollback }

const fixedBytes = 38
const nameBytesMax = 255

const decodeSnapshotName = (bytes: Uint8Array): string => {
  // The volume's own ones begin with NUL.
  const name = decodeName(bytes[0] === 0 ? bytes.subarray(1) : bytes)
  must(bytes.length <= nameBytesMax && !name.includes("/"), `the name ${name} of a snapshot`)
  return bytes[0] === 0 ? `\0${name}` : name
}

const decodeSnapshot = (scan: Scan, item: Item, superblock: Superblock, birth: number): Snapshot => {
  const { key, value, valueAt: at } = item
  const { pointerBytes } = superblock
  must(key.length === 7 && value.length > fixedBytes + pointerBytes, "a snapshot of a wrong length")
  const version = scan.u8(at, "snapshot version")
  const level = scan.u8(at + 1, "snapshot level")
  must(version === 1 && level <= 48, `a snapshot of version ${version} and level ${level}`)
  const pointer = decodePointer(scan, at + 2, superblock, birth, 1)
  const isEmpty = pointer.pages === 0
  must(!isEmpty || level === 0, `an empty names tree of level ${level}`)
  const rest = at + 2 + pointerBytes
  const nameBytes = value.length - fixedBytes - pointerBytes
  return {
    generation: u48be(key, 1),
    names: isEmpty ? undefined : { level, pointer },
    id: scan.slice(rest, 16, "snapshot id"),
    time: scan.i64(rest + 16, "snapshot time"),
    nextInode: scan.u48(rest + 24, "snapshot next inode"),
    inodeCount: scan.u48(rest + 30, "snapshot inode count"),
    name: decodeSnapshotName(scan.slice(rest + 36, nameBytes, "snapshot name"))
  }
}

/** Says what an item of the snapshots tree is. `birth` is the one of the leaf that it stands in. */
export const decodeSnapshotItem = (scan: Scan, item: Item, superblock: Superblock, birth: number): SnapshotItem => {
  const { key, value, valueAt } = item
  switch (key[0]) {
    case 0:
      return { is: "snapshot", snapshot: decodeSnapshot(scan, item, superblock, birth) }
    case 1: {
      must(value.length === 6, "the name of a snapshot with a value of a wrong length")
      const name = decodeSnapshotName(key.subarray(1))
      return { is: "name", name, generation: scan.u48(valueAt, "generation of a name") }
    }
    case 2: {
      must(key.length === 7 && value.length === 6, "a rollback of a wrong length")
      const to = scan.u48(valueAt, "rollback target")
      return { is: "rollback", rollback: { generation: u48be(key, 1), to } }
    }
    default:
      throw corrupt(`an item of tag ${key[0]} in the snapshots tree`)
  }
}
