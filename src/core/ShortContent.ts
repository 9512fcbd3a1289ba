/**
 * Content that stands in its item, or is one run: changed where it stands, without taking the item apart.
 *
 * - What it leaves is what `Content` would leave. Whatever is not so short before and after is left to that.
 * - It seals its attempt, so it is the last operation in it.
 */
import type * as BTree from "./BTree.ts"
import { copy } from "./Bytes.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import type { Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Pointer from "./Pointer.ts"
import * as Rope from "./Rope.ts"
import * as RopeRun from "./RopeRun.ts"
import * as Spot from "./Spot.ts"

const { scratch } = Inode

/** Whether the content of an inode item stands there, or is one run or hole. */
export const isOneRun = (layout: Layout, { keyEnd, node }: BTree.Item): boolean =>
  !Inode.hasRope(node, keyEnd) || Rope.decode(layout, node, keyEnd + Inode.AT_CONTENT).level === 0

/** The item of a file that has short content. */
const itemOf = (draft: Inodes.RootsDraft, spot: Spot.Spot): BTree.Item | undefined => {
  const item = Spot.item(spot)
  const isFile = item !== undefined && Inode.typeOf(draft.layout, item.node, item.keyEnd, item.valueEnd) === Inode.FILE
  return isFile && isOneRun(draft.layout, item) ? item : undefined
}

/** Makes `bytes` the whole content; answers whether it did. */
export const replace = (draft: Inodes.RootsDraft, number: number, bytes: Uint8Array, time: bigint): boolean => {
  const { layout } = draft
  const { names } = draft.roots
  const spot = Spot.find(draft, names, Inode.inodeKey(number))
  const item = itemOf(draft, spot)
  if (item === undefined || bytes.length > RopeRun.runBytesMax(layout)) return false
  const { keyEnd, node, valueEnd } = item
  const hasRope = Inode.hasRope(node, keyEnd)
  const isRun = bytes.length > Inode.inlineBytesMax(layout)
  draft.seal()
  if (!hasRope && !isRun && valueEnd - keyEnd === Inode.HEADER_BYTES + bytes.length) {
    const written = Spot.patch(draft, names, spot, (to, at) => {
      copy(bytes, 0, to, at + Inode.HEADER_BYTES, bytes.length)
      Inode.writeModified(to, at, time)
    })
    Inodes.changeBeside(draft, written)
    return true
  }
  copy(node, keyEnd, scratch, 0, Inode.AT_CONTENT)
  Inode.writeSize(scratch, 0, bytes.length)
  Inode.writeModified(scratch, 0, time)
  const pointerAt = Inode.pointerAt(keyEnd)
  if (isRun && hasRope && fills(draft, node, pointerAt, bytes.length)) {
    copy(node, keyEnd + Inode.AT_FORM, scratch, Inode.AT_FORM, 1 + layout.pointerBytes)
    const run = draft.edit(scratch, Inode.pointerAt(0), Node.DATA, 0)
    run.set(bytes)
    run.fill(0, bytes.length)
  } else {
    if (hasRope) draft.discard(node, pointerAt)
    scratch[Inode.AT_FORM] = isRun ? 0 : Inode.FORM_INLINE
    if (isRun) draft.createData(scratch, Inode.pointerAt(0), RopeRun.ofBytes(draft, bytes))
    else copy(bytes, 0, scratch, Inode.HEADER_BYTES, bytes.length)
  }
  const count = Inode.HEADER_BYTES + (isRun ? layout.pointerBytes : bytes.length)
  Inodes.changeBeside(draft, Spot.put(draft, names, spot, scratch, count))
  return true
}

/** Whether the pointer names a run of this draft that has as many pages as so many bytes need. */
const fills = (draft: Inodes.RootsDraft, bytes: Uint8Array, at: number, count: number): boolean =>
  draft.owns(bytes, at) && Pointer.pageCount(draft.layout, bytes, at) === Math.ceil(count / draft.layout.pageBytes)

/** Cuts one page of content off at `size`, which stays one page; answers whether it did. */
export const cut = (draft: Inodes.RootsDraft, number: number, size: number, time: bigint): boolean => {
  const { layout } = draft
  const { names } = draft.roots
  const spot = Spot.find(draft, names, Inode.inodeKey(number))
  const item = itemOf(draft, spot)
  if (item === undefined || !Inode.hasRope(item.node, item.keyEnd)) return false
  const at = Inode.pointerAt(item.keyEnd)
  const isPage = Pointer.pageCount(layout, item.node, at) === 1
  if (!isPage || size === 0 || size >= Inode.sizeOf(item.node, item.keyEnd)) return false
  draft.node(item.node, at, Node.DATA, 0)
  draft.seal()
  const written = Spot.patch(draft, names, spot, (to, itemAt) => {
    draft.edit(to, Inode.pointerAt(itemAt), Node.DATA, 0).fill(0, size)
    Inode.writeSize(to, itemAt, size)
    Inode.writeModified(to, itemAt, time)
  })
  Inodes.changeBeside(draft, written)
  return true
}
