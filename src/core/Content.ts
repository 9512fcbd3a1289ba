/**
 * The content of files, by inode number.
 *
 * - Content up to `Inode.inlineBytesMax` stands in the inode item: a write to it is one put. Once it grew longer it is a
 *   rope, and stays one until it is empty again.
 * - A change of content changes the time of modification and the time of change; reading changes nothing.
 * - A write seals its attempt, so it is the last operation in it.
 * - An operation takes time in proportion to the bytes it is given. What could touch any number of pages (truncate, remove,
 *   punch) does a bounded piece, says how far it came, and is called again; a transaction makes the pieces one.
 * - Offsets and counts are safe integers, not below zero.
 */
import * as Result from "effect/Result"
import type * as BTree from "./BTree.ts"
import { copy, UINT48_END } from "./Bytes.ts"
import type { Draft } from "./Draft.ts"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import { invariant } from "./Invariant.ts"
import type { Layout } from "./Layout.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as Path from "./Path.ts"
import * as Pointer from "./Pointer.ts"
import * as Rope from "./Rope.ts"
import * as RopePath from "./RopePath.ts"
import * as RopeRun from "./RopeRun.ts"
import * as ShortContent from "./ShortContent.ts"
import * as Tail from "./Tail.ts"
import type { Tree } from "./Tree.ts"

/** The largest file. */
export const FILE_BYTES_MAX = UINT48_END - 1

/** Pages of content that one call gives up at most. */
const PIECE_PAGES = 1024

/** The same in bytes. */
export const pieceBytes = (layout: Layout): number => PIECE_PAGES * layout.pageBytes

// ---- the two forms

const EMPTY: Inode.Content = { _tag: "Inline", bytes: new Uint8Array(0) }

const ofRope = (layout: Layout, rope: Rope.Rope): Inode.Content => {
  if (rope.size === 0) return EMPTY
  const encoded = new Uint8Array(Rope.encodedBytes(layout))
  Rope.encode(rope, encoded, 0)
  return { _tag: "Rope", size: rope.size, encoded }
}

/** The rope of a content; one is made of inline content. */
const toRope = (draft: Draft<unknown>, content: Inode.Content): Rope.Rope =>
  content._tag === "Rope"
    ? Rope.decode(draft.layout, content.encoded, 0)
    : Rope.write(draft, Rope.empty(draft.layout), 0, content.bytes)

/** The content of a new file. */
export const make = (draft: Draft<unknown>, bytes: Uint8Array): Inode.Content =>
  bytes.length <= Inode.inlineBytesMax(draft.layout) ? { _tag: "Inline", bytes } : makeRope(draft, bytes)

/** The same as a rope, whatever its length. */
export const makeRope = (draft: Draft<unknown>, bytes: Uint8Array): Inode.Content =>
  ofRope(draft.layout, Rope.make(draft, bytes))

/** How bytes are written to a rope; nothing where there is none yet. */
type Plan = Rope.WritePlan | undefined

/** Loads what writing so many bytes at `offset` touches, and says how that is done as long as the draft stays as it is. */
export const planWrite = (draft: Draft<unknown>, content: Inode.Content, offset: number, count: number): Plan =>
  content._tag === "Rope" && count > 0
    ? Rope.planWrite(draft, Rope.decode(draft.layout, content.encoded, 0), offset, count)
    : undefined

const asRope = (draft: Draft<unknown>, content: Inode.Content, offset: number, bytes: Uint8Array, plan: Plan) => {
  const rope = plan && Rope.carryOut(draft, plan, bytes)
  return ofRope(draft.layout, rope ?? Rope.write(draft, toRope(draft, content), offset, bytes))
}

/** The content with `bytes` after its end, as a rope, by the {@link planWrite} for that. */
export const appended = (draft: Draft<unknown>, content: Inode.Content, bytes: Uint8Array, plan: Plan): Inode.Content =>
  asRope(draft, content, sizeOf(content), bytes, plan)

/** The content with `bytes` at `offset`, which may be its end or after it, by the {@link planWrite} for that. */
export const written = (
  draft: Draft<unknown>,
  content: Inode.Content,
  offset: number,
  bytes: Uint8Array,
  plan: Plan
): Inode.Content => {
  const size = sizeOf(content)
  const end = offset + bytes.length
  if (content._tag === "Rope" || end > Inode.inlineBytesMax(draft.layout)) {
    return asRope(draft, content, offset, bytes, plan)
  }
  const all = new Uint8Array(Math.max(end, size))
  all.set(content.bytes)
  all.set(bytes, offset)
  return { _tag: "Inline", bytes: all }
}

export const sizeOf = (content: Inode.Content): number =>
  content._tag === "Inline" ? content.bytes.length : content.size

// ---- reading

/** Fills `target` with content from `offset` on and answers the number of bytes, fewer at the end. */
export const readInode = (pages: Pages, { content }: Inode.Inode, offset: number, target: Uint8Array): number =>
  readContent(pages, content, offset, target)

/** The same of an inode item where it stands, without taking it apart. */
export const readItem = (pages: Pages, { keyEnd, node, valueEnd }: BTree.Item, offset: number, target: Uint8Array) => {
  if (Inode.hasRope(node, keyEnd)) {
    return Rope.read(pages, Rope.decode(pages.layout, node, keyEnd + Inode.AT_CONTENT), offset, target)
  }
  const at = keyEnd + Inode.HEADER_BYTES + offset
  const count = Math.max(0, Math.min(target.length, valueEnd - at))
  copy(node, at, target, 0, count)
  return count
}

/** All content of an inode item, if it stands there or is one page. */
export const shortOfItem = (pages: Pages, { keyEnd, node, valueEnd }: BTree.Item): Uint8Array | undefined =>
  Inode.hasRope(node, keyEnd)
    ? Rope.onePage(pages, Rope.decode(pages.layout, node, keyEnd + Inode.AT_CONTENT))
    : node.slice(keyEnd + Inode.HEADER_BYTES, valueEnd)

/** The same of a content. */
export const readContent = (pages: Pages, content: Inode.Content, offset: number, target: Uint8Array): number => {
  if (content._tag === "Rope") return Rope.read(pages, Rope.decode(pages.layout, content.encoded, 0), offset, target)
  const bytes = content.bytes.subarray(offset, offset + target.length)
  target.set(bytes)
  return bytes.length
}

/** The target of a symbolic link. */
export const linkTarget = (pages: Pages, inode: Inode.Inode): Uint8Array => {
  if (inode.size > Path.PATH_BYTES_MAX) throw new CorruptPage(undefined, "a symbolic link is longer than a path")
  const bytes = new Uint8Array(inode.size)
  readInode(pages, inode, 0, bytes)
  return bytes
}

/** The target of a symbolic link, by a number that a caller gave. */
export const readLink = (pages: Pages, names: Tree, number: number): FileResult<Uint8Array> => {
  const inode = Inodes.get(pages, names, number)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  return inode.type === Inode.SYMBOLIC_LINK
    ? Result.succeed(linkTarget(pages, inode))
    : FileError.notASymbolicLink(FileError.NO_NAME)
}

/** The inode of a file, by a number that a caller gave. */
const fileOf = (pages: Pages, names: Tree, number: number): FileResult<Inode.Inode> => {
  const inode = Inodes.get(pages, names, number)
  if (inode === undefined) return FileError.notFound(FileError.NO_NAME)
  if (inode.type === Inode.FOLDER) return FileError.isAFolder(FileError.NO_NAME)
  return inode.type === Inode.FILE ? Result.succeed(inode) : FileError.notAFile(FileError.NO_NAME)
}

export const read = (
  pages: Pages,
  names: Tree,
  number: number,
  offset: number,
  target: Uint8Array
): FileResult<number> => {
  const item = Inodes.find(pages, names, number)
  const type = item && Inode.typeOf(pages.layout, item.node, item.keyEnd, item.valueEnd)
  if (item === undefined || type !== Inode.FILE) {
    const inode = fileOf(pages, names, number)
    return Result.isFailure(inode) ? Result.fail(inode.failure) : Result.succeed(0)
  }
  return Result.succeed(readItem(pages, item, offset, target))
}

/** The segment of data or of hole that `offset` lies in, from there on; `undefined` at the end. */
export const segment = (
  pages: Pages,
  names: Tree,
  number: number,
  offset: number
): FileResult<Rope.Segment | undefined> => {
  const inode = fileOf(pages, names, number)
  if (Result.isFailure(inode)) return Result.fail(inode.failure)
  const { content, size } = inode.success
  if (content._tag === "Rope") {
    return Result.succeed(Rope.segment(pages, Rope.decode(pages.layout, content.encoded, 0), offset))
  }
  return Result.succeed(offset < size ? { offset, count: size - offset, isHole: false } : undefined)
}

// ---- changing

const put = (
  draft: Inodes.RootsDraft,
  number: number,
  inode: Inode.Inode,
  content: Inode.Content,
  time: bigint
): void => Inodes.put(draft, number, { ...inode, size: sizeOf(content), content, modifyTime: time, changeTime: time })

/** Writes over the content and past its end; between the end and `offset` there are zeros. Answers the size. */
export const write = (
  draft: Inodes.RootsDraft,
  number: number,
  offset: number,
  bytes: Uint8Array,
  time: bigint
): FileResult<number> => {
  const size = Tail.write(draft, number, offset, bytes, time)
  if (size !== undefined) return Result.succeed(size)
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  return writeInode(draft, number, file.success, offset, bytes, time)
}

/** Writes at the end of the content. Answers the size. */
export const append = (
  draft: Inodes.RootsDraft,
  number: number,
  bytes: Uint8Array,
  time: bigint
): FileResult<number> => {
  const size = Tail.write(draft, number, undefined, bytes, time)
  if (size !== undefined) return Result.succeed(size)
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  return writeInode(draft, number, file.success, file.success.size, bytes, time)
}

const writeInode = (
  draft: Inodes.RootsDraft,
  number: number,
  inode: Inode.Inode,
  offset: number,
  bytes: Uint8Array,
  time: bigint
): FileResult<number> => {
  const { content, size } = inode
  const end = offset + bytes.length
  invariant(Number.isSafeInteger(offset) && offset >= 0, "a write begins at a byte of the file or after its end")
  if (bytes.length === 0) return Result.succeed(size)
  if (end > FILE_BYTES_MAX) return FileError.fileTooLarge(end, FILE_BYTES_MAX)
  const plan = planWrite(draft, content, offset, bytes.length)
  // The way to the inode was loaded by reading it, and inline content is a rope of pages in memory.
  draft.seal()
  const made = written(draft, content, offset, bytes, plan)
  put(draft, number, inode, made, time)
  if (offset === size && 2 * bytes.length < RopeRun.runBytesMax(draft.layout)) Tail.note(draft, number)
  return Result.succeed(sizeOf(made))
}

/**
 * Makes `bytes` the whole content. Answers whether that is done: long content that was there is given up in pieces first,
 * and it goes on when called again.
 */
export const replace = (
  draft: Inodes.RootsDraft,
  number: number,
  bytes: Uint8Array,
  time: bigint
): FileResult<boolean> => {
  if (ShortContent.replace(draft, number, bytes, time)) return Result.succeed(true)
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  if (bytes.length > FILE_BYTES_MAX) return FileError.fileTooLarge(bytes.length, FILE_BYTES_MAX)
  const { content } = file.success
  const rest = content._tag === "Rope" ? cutOff(draft, content, 0) : EMPTY
  const isDone = rest._tag === "Inline"
  // The way to the inode was loaded by reading it, and new content needs nothing else.
  if (isDone) draft.seal()
  put(draft, number, file.success, isDone ? make(draft, bytes) : rest, time)
  return Result.succeed(isDone)
}

/** Puts bytes in at `offset`; what stood there moves on. After the end it is a write. Answers the size. */
export const insert = (
  draft: Inodes.RootsDraft,
  number: number,
  offset: number,
  bytes: Uint8Array,
  time: bigint
): FileResult<number> => {
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  const { content, size } = file.success
  if (offset >= size) return writeInode(draft, number, file.success, offset, bytes, time)
  if (bytes.length === 0) return Result.succeed(size)
  const after = size + bytes.length
  if (after > FILE_BYTES_MAX) return FileError.fileTooLarge(after, FILE_BYTES_MAX)
  if (content._tag === "Inline" && after <= Inode.inlineBytesMax(draft.layout)) {
    const inserted = new Uint8Array(after)
    inserted.set(content.bytes.subarray(0, offset))
    inserted.set(bytes, offset)
    inserted.set(content.bytes.subarray(offset), offset + bytes.length)
    put(draft, number, file.success, { _tag: "Inline", bytes: inserted }, time)
  } else {
    const rope = Rope.insert(draft, toRope(draft, content), offset, bytes)
    put(draft, number, file.success, ofRope(draft.layout, rope), time)
  }
  return Result.succeed(after)
}

/** What a call answers that did a piece: how many bytes of what was asked are done; all of them after the end. */
type Done = FileResult<number>

/** Takes bytes out at `offset`; what stood behind them moves up. Goes on at the same `offset` with the rest of `count`. */
export const remove = (draft: Inodes.RootsDraft, number: number, offset: number, count: number, time: bigint): Done => {
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  const { content, size } = file.success
  if (offset >= size || count === 0) return Result.succeed(count)
  if (content._tag === "Inline") {
    const bytes = new Uint8Array(Math.max(offset, size - count))
    bytes.set(content.bytes.subarray(0, offset))
    bytes.set(content.bytes.subarray(offset + count), offset)
    put(draft, number, file.success, { _tag: "Inline", bytes }, time)
    return Result.succeed(count)
  }
  const rope = Rope.decode(draft.layout, content.encoded, 0)
  const piece = pieceFrom(draft, rope, offset, count)
  put(draft, number, file.success, ofRope(draft.layout, Rope.remove(draft, rope, offset, piece)), time)
  return Result.succeed(offset + piece >= size ? count : piece)
}

/** Makes bytes zero and gives their pages back; the size stays. Goes on behind what is done. */
export const punch = (draft: Inodes.RootsDraft, number: number, offset: number, count: number, time: bigint): Done => {
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  const { content, size } = file.success
  if (offset >= size || count === 0) return Result.succeed(count)
  const { done, punched } = punchContent(draft, content, offset, count)
  put(draft, number, file.success, punched, time)
  return Result.succeed(done)
}

/** The content with a hole at `offset`, of a bounded piece of the `count` bytes: `done` says how many of them are zero. */
export const punchContent = (
  draft: Draft<unknown>,
  content: Inode.Content,
  offset: number,
  count: number
): { readonly punched: Inode.Content; readonly done: number } => {
  if (content._tag === "Inline") {
    return { punched: { _tag: "Inline", bytes: content.bytes.slice().fill(0, offset, offset + count) }, done: count }
  }
  const rope = Rope.decode(draft.layout, content.encoded, 0)
  const piece = pieceFrom(draft, rope, offset, count)
  const punched = ofRope(draft.layout, Rope.punch(draft, rope, offset, piece))
  return { punched, done: offset + piece >= rope.size ? count : piece }
}

/** How many of the bytes from `offset` on one call gives up: a hole costs nothing, so it is taken whole. */
const pieceFrom = (pages: Pages, rope: Rope.Rope, offset: number, count: number): number => {
  const piece = pieceBytes(pages.layout)
  if (count <= piece) return count
  const first = RopePath.entry(pages, rope, offset)
  const isHole = Pointer.isNull(pages.layout, first.bytes, first.at)
  return isHole ? Math.min(count, Math.max(piece, RopePath.end(first) - offset)) : piece
}

/** Cuts the content off at `size`, or adds zeros up to it. Answers whether that is done; it goes on when called again. */
export const truncate = (draft: Inodes.RootsDraft, number: number, size: number, time: bigint): FileResult<boolean> => {
  if (ShortContent.cut(draft, number, size, time)) return Result.succeed(true)
  const file = fileOf(draft, draft.roots.names, number)
  if (Result.isFailure(file)) return Result.fail(file.failure)
  invariant(Number.isSafeInteger(size) && size >= 0, "a size is not below zero")
  if (size > FILE_BYTES_MAX) return FileError.fileTooLarge(size, FILE_BYTES_MAX)
  const resized = resize(draft, file.success.content, size)
  if (sizeOf(resized) === size) draft.seal()
  put(draft, number, file.success, resized, time)
  return Result.succeed(sizeOf(resized) === size)
}

/** The content cut off at `size`, or a piece nearer to it; or with zeros up to it. */
export const resize = (draft: Draft<unknown>, content: Inode.Content, size: number): Inode.Content => {
  if (content._tag === "Rope" || size > Inode.inlineBytesMax(draft.layout)) return cutOff(draft, content, size)
  const bytes = new Uint8Array(size)
  bytes.set(content.bytes.subarray(0, size))
  return { _tag: "Inline", bytes }
}

/** The content without a bounded piece at its end: down to `size` if that is near enough. */
export const cutOff = (draft: Draft<unknown>, content: Inode.Content, size: number): Inode.Content => {
  const rope = toRope(draft, content)
  const piece = pieceBytes(draft.layout)
  let target = size
  if (rope.size - size > piece) {
    const last = RopePath.entry(draft, rope, rope.size - 1)
    const isHole = Pointer.isNull(draft.layout, last.bytes, last.at)
    target = Math.max(size, Math.min(rope.size - piece, isHole ? last.start : rope.size))
  }
  return ofRope(draft.layout, Rope.truncate(draft, rope, target))
}
