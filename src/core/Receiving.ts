/**
 * From the records of a send stream to the state that they lead to.
 *
 * - Records are applied one by one to the state that the stream begins with, in a transaction: nobody sees a part.
 * - What a record asks for is looked at before anything is changed: keys and values have to make sense, and to fit into the pages
 *   of this volume, which may have another size than those that the stream came from.
 * - Giving up long content is done in pieces: a record that is not done is applied again.
 */
import * as BTree from "./BTree.ts"
import * as CheckItem from "./CheckItem.ts"
import * as Content from "./Content.ts"
import * as Folder from "./Folder.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import type { Layout } from "./Layout.ts"
import * as Snapshots from "./Snapshots.ts"
import type { Pages } from "./Pages.ts"
import * as Path from "./Path.ts"
import * as Table from "./Table.ts"
import * as Tables from "./Tables.ts"
import type * as Transfer from "./Transfer.ts"
import type { Tree } from "./Tree.ts"

type RootsDraft = Inodes.RootsDraft

/** An item of which content is being received. */
interface Current {
  readonly key: Uint8Array
  readonly head: Uint8Array
}

export interface State {
  readonly current: Current | undefined
  /** Bytes of the hole that are done. */
  readonly done: number
  readonly recordCount: number
}

/** Before the first record after the header. */
export const BEGIN: State = { current: undefined, done: 0, recordCount: 1 }

/** What a record comes to: the state after it, or why it is refused. Where it is not done, it is to be applied again. */
export type Applied =
  | { readonly _tag: "Applied"; readonly state: State; readonly isDone: boolean }
  | { readonly _tag: "Refused"; readonly reason: string }

const refused = (reason: string): Applied => ({ _tag: "Refused", reason })

const NO_CONTENT: Inode.Content = { _tag: "Inline", bytes: new Uint8Array(0) }

/** Whether there is nothing but the root folder, and what the volume keeps for itself. */
export const isEmpty = (pages: Pages, names: Tree): boolean =>
  Folder.isEmpty(pages, names, Inode.ROOT) &&
  Tables.list(pages, names, undefined, Number.POSITIVE_INFINITY).every(({ name }) => Table.isOwn(name))

/** Applies a record. */
export const apply = (draft: RootsDraft, state: State, record: Transfer.Record): Applied => {
  const after = { ...state, done: 0, recordCount: state.recordCount + 1 }
  const next = (isDone: boolean, current: Current | undefined, done = 0): Applied => ({
    _tag: "Applied",
    isDone,
    state: isDone ? { ...after, current } : { ...state, current, done }
  })
  switch (record._tag) {
    case "Put": {
      const fault = put(draft, record.key, record.value)
      return fault === undefined ? next(true, undefined) : refused(fault)
    }
    case "Remove": {
      if (isOwnTable(record.key)) return refused(OWN_TABLE)
      if (BTree.find(draft, draft.roots.names, record.key) === undefined) return refused("it removes what is not there")
      return next(remove(draft, record.key), undefined)
    }
    case "Content": {
      const { head, key } = record
      const isDone = begin(draft, record)
      return typeof isDone === "string" ? refused(isDone) : next(isDone, { key, head })
    }
    case "Write": {
      const { bytes, offset } = record
      const content = contentOf(draft, state.current)
      if (state.current === undefined || content === undefined) return refused("it writes to no content")
      if (offset + bytes.length > Content.sizeOf(content)) return refused("it writes after the end of a content")
      const plan = Content.planWrite(draft, content, offset, bytes.length)
      draft.seal()
      putContent(draft, state.current, Content.written(draft, content, offset, bytes, plan))
      return next(true, state.current)
    }
    case "Hole": {
      const content = contentOf(draft, state.current)
      if (state.current === undefined || content === undefined) return refused("it punches no content")
      if (record.offset + record.count > Content.sizeOf(content))
        return refused("it punches after the end of a content")
      const [offset, count] = [record.offset + state.done, record.count - state.done]
      const { done, punched } = Content.punchContent(draft, content, offset, count)
      putContent(draft, state.current, punched)
      return next(done === count, state.current, state.done + done)
    }
    case "Header":
      return refused("it has a second header")
    case "End":
      return record.recordCount === state.recordCount
        ? next(true, undefined)
        : refused(`it should have ${record.recordCount} records, and has ${state.recordCount}`)
  }
}

/** Takes the counts of the header, once all is applied, and asks for the snapshot; answers why it cannot be taken, if so. */
export const finish = (draft: RootsDraft, header: Transfer.Header): Snapshots.Taken | undefined => {
  const { id, inodeCount, name, time } = header
  draft.changeCount++
  draft.roots = { ...draft.roots, inodeCount, nextInode: Math.max(draft.roots.nextInode, header.nextInode) }
  return Snapshots.request(draft, { id, name, time })
}

// ---- items

const itemOf = (layout: Layout, key: Uint8Array, value: Uint8Array): CheckItem.Item => {
  const bytes = new Uint8Array(key.length + value.length)
  bytes.set(key)
  bytes.set(value, key.length)
  return CheckItem.read(layout, bytes, 0, key.length, bytes.length)
}

const faultOf = (layout: Layout, key: Uint8Array, value: Uint8Array): string | undefined => {
  if (!BTree.fits(layout, key.length, value.length)) {
    return `an item of ${key.length + value.length} bytes does not fit into a page of ${layout.pageBytes}`
  }
  const item = itemOf(layout, key, value)
  if (item._tag === "Bad") return item.reason
  if (isOwnTable(key)) return OWN_TABLE
  const nameFault = "nameFault" in item ? item.nameFault : undefined
  return nameFault === undefined ? undefined : `an item has a name that it cannot have: ${nameFault}`
}

const OWN_TABLE = "it changes what a volume keeps for itself"

const isOwnTable = (key: Uint8Array): boolean =>
  key[Inode.NUMBER_BYTES] === Inode.TAG_TABLE && Table.isOwn(key.subarray(Inode.PREFIX_BYTES))

const put = (draft: RootsDraft, key: Uint8Array, value: Uint8Array): string | undefined => {
  const fault = faultOf(draft.layout, key, value)
  if (fault !== undefined) return fault
  const item = itemOf(draft.layout, key, value)
  const isFolder = item._tag === "Inode" && item.type === CheckItem.FOLDER
  if (item._tag === "TableEntry" || (item._tag === "Inode" && !isFolder)) return "an item with content comes without it"
  if (isFolder && contentAt(draft, key)?._tag === "Rope") return "a file becomes a folder"
  Inodes.putItem(draft, key, value)
  return undefined
}

/** Removes an item; a long content is given up in pieces first. Answers whether that is done. */
const remove = (draft: RootsDraft, key: Uint8Array): boolean => {
  const content = contentAt(draft, key)
  if (content?._tag === "Rope") {
    const rest = Content.cutOff(draft, content, 0)
    if (rest._tag === "Rope") {
      putContent(draft, { key, head: headAt(draft, key) }, rest)
      return false
    }
  }
  Inodes.removeItem(draft, key)
  return true
}

// ---- content

const isInode = (key: Uint8Array): boolean => key[Inode.NUMBER_BYTES] === Inode.TAG_INODE

/** The content of an item that is there and can have some. */
const contentAt = (draft: RootsDraft, key: Uint8Array): Inode.Content | undefined => {
  const tag = key[Inode.NUMBER_BYTES]
  if (tag !== Inode.TAG_INODE && tag !== Inode.TAG_TABLE_ENTRY) return undefined
  const found = BTree.find(draft, draft.roots.names, key)
  if (found === undefined) return undefined
  const { keyEnd, node, valueEnd } = found
  if (tag === Inode.TAG_TABLE_ENTRY) return Table.decodeEntry(draft.layout, node, keyEnd, valueEnd)
  return Inode.decode(draft.layout, node, keyEnd, valueEnd).content
}

const contentOf = (draft: RootsDraft, current: Current | undefined): Inode.Content | undefined =>
  current === undefined ? undefined : contentAt(draft, current.key)

const headAt = (draft: RootsDraft, key: Uint8Array): Uint8Array => {
  const found = BTree.find(draft, draft.roots.names, key)
  if (found === undefined || !isInode(key)) return new Uint8Array(0)
  return found.node.slice(found.keyEnd, found.keyEnd + Inode.AT_CONTENT)
}

const valueOf = ({ head, key }: Current, content: Inode.Content): Uint8Array =>
  isInode(key) ? Inode.encodeHead(head, content) : Table.encodeEntry(content)

const putContent = (draft: RootsDraft, current: Current, content: Inode.Content): void =>
  Inodes.putItem(draft, current.key, valueOf(current, content))

/** Gives an item its head and the size of its content. Answers whether that is done, or what is wrong with it. */
const begin = (
  draft: RootsDraft,
  { head, isPatch, key, size }: Transfer.Record & { readonly _tag: "Content" }
): boolean | string => {
  const { layout } = draft
  const current = { key, head }
  if (key.length < Inode.PREFIX_BYTES || head.length !== (isInode(key) ? Inode.AT_CONTENT : 0)) {
    return "the head of a content makes no sense"
  }
  const value = valueOf(current, NO_CONTENT)
  const fault = faultOf(layout, key, value)
  if (fault !== undefined) return fault
  const item = itemOf(layout, key, value)
  if (item._tag !== "TableEntry" && (item._tag !== "Inode" || item.type === CheckItem.FOLDER)) {
    return "an item comes with content that can have none"
  }
  if (item._tag === "Inode" && item.type === CheckItem.SYMBOLIC_LINK && size > Path.PATH_BYTES_MAX) {
    return "a symbolic link is longer than a path"
  }
  const before = contentAt(draft, key)
  if (isPatch && before === undefined) return "it changes content that is not there"
  if (!isPatch && before?._tag === "Rope") {
    const rest = Content.cutOff(draft, before, 0)
    putContent(draft, current, rest)
    if (rest._tag === "Rope") return false
  }
  const resized = Content.resize(draft, isPatch && before !== undefined ? before : NO_CONTENT, size)
  putContent(draft, current, resized)
  return Content.sizeOf(resized) === size
}
