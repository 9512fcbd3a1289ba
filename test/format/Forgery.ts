/** Images whose checksums are right and whose items are not. */
import { digestOf, kinds } from "./Checksum.ts"
import { must } from "./Fault.ts"
import type { Opened } from "./Opening.ts"
import { compareBytes, Scan } from "./Scan.ts"
import { slotPage } from "./Superblock.ts"
import { decodeTreeNode, headerBytes } from "./TreeNode.ts"

/** An item of a leaf, free to be changed. */
export interface Cell {
  key: Uint8Array
  value: Uint8Array
}

const tags = { names: 0x8001, snapshots: 0x8002, deadlists: 0x8003 } as const

const encodeLeaf = (cells: ReadonlyArray<Cell>, pageSize: number): Uint8Array => {
  const page = new Uint8Array(pageSize)
  const view = new DataView(page.buffer)
  let top = pageSize
  cells
    .toSorted((left, right) => compareBytes(left.key, right.key))
    .forEach(({ key, value }, slot) => {
      top -= 4 + key.length + value.length
      view.setUint16(headerBytes + 2 * slot, top, true)
      view.setUint16(top, key.length, true)
      view.setUint16(top + 2, value.length, true)
      page.set(key, top + 4)
      page.set(value, top + 4 + key.length)
    })
  page[0] = kinds.tree
  view.setUint16(2, cells.length, true)
  view.setUint32(4, top, true)
  return page
}

/** Changes the record of the opened root, and makes its digest anew. */
const forgeRecord = (
  { superblock, record }: Opened,
  image: Uint8Array,
  change: (page: Uint8Array, view: DataView) => void
): void => {
  const { algorithm, pageSize, volumeId } = superblock
  const address = slotPage(superblock, record.slot)
  const page = image.subarray(address * pageSize, (address + 1) * pageSize)
  change(page, new DataView(page.buffer, page.byteOffset, page.byteLength))
  const place = { address, birth: record.generation, pages: 1, kind: kinds.root, level: 0 }
  page.set(digestOf(algorithm, volumeId, place, page.subarray(32)))
}

/** Changes the items of a tree that is a single leaf. */
export const forge = (
  opened: Opened,
  tree: keyof typeof tags,
  change: (cells: Array<Cell>) => ReadonlyArray<Cell>
): Uint8Array => {
  const { disk, superblock, record } = opened
  const { addressBytes, algorithm, pageSize, volumeId } = superblock
  const image = disk.image.slice()
  const root = record[tree]
  if (root === undefined) throw new Error(`the ${tree} tree is empty`)
  must(root.level === 0, "a tree that is more than a leaf")
  const { address, birth } = root.pointer
  const page = image.subarray(address * pageSize, (address + 1) * pageSize)
  const place = { address, birth, pages: 1, kind: kinds.tree, level: 0 }
  const node = decodeTreeNode(new Scan(page.slice(), 0, "", undefined), superblock, place)
  if (node.is !== "leaf") throw new Error("not a leaf")
  const cells = node.items.map(({ key, value }) => ({ key: key.slice(), value: value.slice() }))
  page.set(encodeLeaf(change(cells), pageSize))
  forgeRecord(opened, image, (bytes, view) => {
    let at = 192
    while (view.getUint16(at, true) !== tags[tree]) at += 4 + view.getUint16(at + 2, true)
    bytes.set(digestOf(algorithm, volumeId, place, page), at + 4 + 1 + addressBytes + 8)
  })
  return image
}
