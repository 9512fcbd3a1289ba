/**
 * The snapshots of a volume, by the generation of the root that each one names.
 *
 * - Key: generation (6, big-endian). The items belong to the bookkeeping: no snapshot sees the snapshot tree.
 * - A snapshot of generation s sees the pages of user trees with birth <= s that had not died by s.
 */
import * as BTree from "./BTree.ts"
import { readUint48Key, writeUint48Key } from "./Bytes.ts"
import type { Pages } from "./Pages.ts"
import type { Tree } from "./Tree.ts"

const KEY_BYTES = 6

export const key = (generation: number): Uint8Array => {
  const bytes = new Uint8Array(KEY_BYTES)
  writeUint48Key(bytes, 0, generation)
  return bytes
}

/** The newest snapshot at or below a generation (of all, if none is given), or 0 where there is none. */
export const newest = (pages: Pages, snapshots: Tree, atMost?: number): number => {
  let found = 0
  BTree.descend(pages, snapshots, atMost === undefined ? undefined : key(atMost), (item) => {
    BTree.expectKeyBytes(item, KEY_BYTES)
    found = readUint48Key(item.node, item.keyAt)
    return false
  })
  return found
}
