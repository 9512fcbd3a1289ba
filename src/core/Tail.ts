/**
 * The end of the file that an operation has just written to: the next one goes on there without looking for it.
 *
 * - A tail is known as long as nothing else has happened to its draft (`Draft.version`). Then the item of the inode, the branches
 *   down to its last run and that run are in memory and owned, and where their parts stand is known.
 * - It leaves behind what `Content.write` would: the run grows in place, up to its full length, and every span above it.
 * - It seals its attempt, so it is the last operation in it.
 */
import * as BTree from "./BTree.ts"
import { copy, UINT48_END, writeUint48 } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import * as Inode from "./Inode.ts"
import { type Layout, ROPE_SPAN_BYTES } from "./Layout.ts"
import * as Node from "./Node.ts"
import * as Rope from "./Rope.ts"
import * as RopePath from "./RopePath.ts"
import * as RopeRun from "./RopeRun.ts"
import type { Roots } from "./Roots.ts"

/** A span, and where it stands. */
interface Span {
  readonly bytes: Uint8Array
  readonly at: number
  count: number
}

interface Tail {
  readonly number: number
  version: number
  /** The leaf that holds the item of the inode, and where that begins. */
  readonly leaf: Uint8Array
  readonly itemAt: number
  size: number
  /** The pointer of the last run. */
  readonly holder: Uint8Array
  readonly pointerAt: number
  /** The pages of the last run; once it has grown, in a buffer that has room for all that a run may have. */
  run: Uint8Array
  /** Bytes of them that are content. */
  used: number
  /** Of the last run, and of the branches above it but the first. */
  readonly spans: ReadonlyArray<Span>
}

const tails = new WeakMap<Draft<Roots>, Tail>()

/** Writes at `offset`, or at the end whatever that is, if it is a tail with room for it. Answers the size of the file. */
export const write = (
  draft: Draft<Roots>,
  number: number,
  offset: number | undefined,
  bytes: Uint8Array,
  time: bigint
): number | undefined => {
  const tail = tails.get(draft)
  if (tail === undefined || tail.version !== draft.version || tail.number !== number) return undefined
  const used = tail.used + bytes.length
  const isRoomy = bytes.length > 0 && used <= RopeRun.runBytesMax(draft.layout) && tail.size + bytes.length < UINT48_END
  if ((offset !== undefined && offset !== tail.size) || !isRoomy) return undefined
  draft.seal()
  if (used > tail.run.length) grow(draft, tail, used)
  copy(bytes, 0, tail.run, tail.used, bytes.length)
  tail.used = used
  tail.size += bytes.length
  for (const span of tail.spans) {
    span.count += bytes.length
    writeUint48(span.bytes, span.at, span.count)
  }
  Inode.writeSize(tail.leaf, tail.itemAt, tail.size)
  Inode.writeModified(tail.leaf, tail.itemAt, time)
  draft.roots = { ...draft.roots, names: { ...draft.roots.names } }
  draft.changeCount++
  tail.version = draft.version
  return tail.size
}

/** Gives the run the pages for `used` bytes. */
const grow = (draft: Draft<Roots>, tail: Tail, used: number): void => {
  const { layout } = draft
  const runBytesMax = RopeRun.runBytesMax(layout)
  const byteCount = used + RopeRun.room(layout, used)
  const hasRoom = tail.run.buffer.byteLength === runBytesMax
  const buffer = hasRoom ? new Uint8Array(tail.run.buffer) : draft.takeBuffer(runBytesMax)
  if (!hasRoom) buffer.set(tail.run)
  buffer.fill(0, tail.run.length, byteCount)
  tail.run = buffer.subarray(0, byteCount)
  draft.replace(tail.holder, tail.pointerAt, tail.run)
}

/** Remembers the end of a file of which this attempt has just written the last bytes. */
export const note = (draft: Draft<Roots>, number: number): void => {
  const { layout } = draft
  const found = BTree.find(draft, draft.roots.names, Inode.inodeKey(number))
  if (found === undefined || !Inode.hasRope(found.node, found.keyEnd)) return
  const rope = Rope.decode(layout, found.node, found.keyEnd + Inode.AT_CONTENT)
  if (rope.size === 0 || !draft.owns(rope.link, 0)) return
  const path = RopePath.path(draft, rope, rope.size - 1)
  const [last] = path
  if (!path.every(({ at, bytes }) => draft.owns(bytes, at)) || last.span === RopeRun.runBytesMax(layout)) return
  const isAlone = rope.level === 0
  tails.set(draft, {
    number,
    version: draft.version,
    leaf: found.node,
    itemAt: found.keyEnd,
    size: rope.size,
    holder: isAlone ? found.node : last.bytes,
    pointerAt: isAlone ? pointerOfItem(layout, found) : last.at,
    run: draft.node(last.bytes, last.at, Node.DATA, 0),
    used: last.span,
    spans: path.slice(0, -1).map(({ at, bytes, span }) => ({ bytes, at: at - ROPE_SPAN_BYTES, count: span }))
  })
}

/** Where the pointer of the rope stands: at the end of the item. */
const pointerOfItem = (layout: Layout, { valueEnd }: BTree.Item): number => valueEnd - layout.pointerBytes
