/**
 * Formatting: a new volume as values to write.
 *
 * - First the root slots are wiped and the first root and its page are written and synced, then both superblocks: a volume
 *   whose superblock reads has a root. No old root can come back, since the volume id is new.
 * - A reader that has lost copy one looks for copy two at all powers of two. What an earlier volume of another size left
 *   there is wiped, or that volume would be found, with the roots of its second group.
 * - The first root holds one folder, the root of the file system.
 */
import * as Allocator from "./Allocator.ts"
import * as BTree from "./BTree.ts"
import type { Checksum } from "./Checksum.ts"
import * as Commit from "./Commit.ts"
import { Draft } from "./Draft.ts"
import * as FreeMap from "./FreeMap.ts"
import * as Extent from "./Extent.ts"
import * as Inode from "./Inode.ts"
import { invariant } from "./Invariant.ts"
import * as Layout from "./Layout.ts"
import * as RootRecord from "./RootRecord.ts"
import * as RootSlots from "./RootSlots.ts"
import * as Roots from "./Roots.ts"
import * as Superblock from "./Superblock.ts"
import type { Write } from "./Write.ts"

export interface Options {
  readonly pageBytes: number
  readonly pageCount: number
  /** Pages of the device, which may have more than the volume takes. */
  readonly devicePageCount: number
  /** The most pages the volume can ever grow to: fixes the width of an address. */
  readonly pageCountMax: number
  readonly extensionBytes: number
  readonly volumeId: Uint8Array
  readonly sessionId: Uint8Array
  readonly bootId: Uint8Array
  /** Nanoseconds since 1970. */
  readonly time: bigint
}

export interface Plan {
  readonly superblock: Superblock.Superblock
  /** Written and synced before `last`. */
  readonly first: ReadonlyArray<Write>
  readonly last: ReadonlyArray<Write>
}

const FIRST_GENERATION = 1

/** Bytes that a root record must have left for the free map. */
const DELTA_BYTES_MIN = 64

/** Whether a root record of this geometry fits into its page. */
export const fits = (pageBytes: number, pageCountMax: number, checksum: Checksum): boolean =>
  RootRecord.deltaBytesMax(
    Layout.make({
      pageBytes,
      addressBytes: Layout.addressBytesFor(pageCountMax),
      checksumBytes: checksum.byteCount,
      extensionBytes: 0
    })
  ) >= DELTA_BYTES_MIN

export const plan = (options: Options, checksum: Checksum): Plan => {
  const { pageBytes, pageCount, pageCountMax } = options
  const slots = RootSlots.make(pageCount)
  const superblock: Superblock.Superblock = {
    geometry: {
      pageBytes,
      addressBytes: Layout.addressBytesFor(pageCountMax),
      checksumBytes: checksum.byteCount,
      extensionBytes: options.extensionBytes
    },
    volumeId: options.volumeId,
    algorithm: checksum.algorithm,
    slots,
    pageCount,
    pageCountMax
  }
  const binding = Superblock.binding(superblock, checksum)
  const { layout } = binding
  const draft = new Draft(binding, { find: () => undefined }, FIRST_GENERATION, Roots.empty(layout))
  draft.attempt()
  draft.roots = {
    ...draft.roots,
    names: BTree.put(draft, draft.roots.names, Inode.inodeKey(Inode.ROOT), Inode.encode(rootFolder(options.time))),
    nextInode: Inode.ROOT + 1,
    inodeCount: 1
  }
  const reserved = RootSlots.reserved(slots)
  const map = FreeMap.make(layout, pageCount, reserved)
  const allocator = Allocator.make(map, pageCount - Extent.size(reserved), 0, [], reserved)
  // The first root follows a root that never was: generation 0, in the ring's last slot.
  const nothing = RootRecord.encode(binding, slots, {
    generation: 0,
    base: 0,
    parent: new Uint8Array(RootRecord.HASH_BYTES),
    sessionId: options.sessionId,
    bootId: options.bootId,
    slot: slots.count - 1,
    barriers: 1,
    clean: false,
    map,
    freeCount: 0,
    cursor: 0,
    time: options.time,
    roots: Roots.empty(layout)
  })
  const head = { root: { ...nothing, hash: new Uint8Array(RootRecord.HASH_BYTES) }, allocator }
  const commit = Commit.plan(draft, head, allocator, { ...options, slots }, false)
  draft.keep()
  invariant(commit._tag === "Plan", "the first root fits into an empty volume")
  const blank = new Uint8Array(pageBytes)
  const first: Array<Write> = [...commit.writes]
  for (let slot = 0; slot < slots.count; slot++) {
    const address = RootSlots.pageOf(slots, slot)
    first.push({ address, bytes: slot === commit.root.record.slot ? commit.root.bytes : blank })
  }
  const written = new Set(first.map(({ address }) => address))
  for (let page = 1; page < options.devicePageCount; page *= 2) {
    if (page !== slots.secondCopy && !written.has(page)) first.push({ address: page, bytes: blank })
  }
  return {
    superblock,
    first,
    last: [0, slots.secondCopy].map((page) => ({ address: page, bytes: Superblock.encode(superblock, checksum, page) }))
  }
}

const rootFolder = (time: bigint): Inode.Inode => ({
  type: Inode.FOLDER,
  mode: 0o755,
  links: 1,
  uid: 0,
  gid: 0,
  accessTime: time,
  modifyTime: time,
  changeTime: time,
  birthTime: time,
  size: 0,
  content: { _tag: "Inline", bytes: new Uint8Array(0) }
})
