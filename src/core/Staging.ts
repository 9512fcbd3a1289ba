/**
 * What has arrived of a send stream and cannot be applied yet: its frames, in one of the volume's own tables.
 *
 * - Keys are the numbers of frames (6, big-endian), from 0 on; frame 0 has the header.
 * - The table gets a number above all that the stream uses: it is there while the stream is applied.
 */
import * as Bytes from "./Bytes.ts"
import * as Content from "./Content.ts"
import type { RootsDraft } from "./Inodes.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import * as Tables from "./Tables.ts"
import type { Tree } from "./Tree.ts"

/** NUL and "receive". */
const NAME = Uint8Array.of(0, 0x72, 0x65, 0x63, 0x65, 0x69, 0x76, 0x65)

const keyOf = (index: number): Uint8Array => {
  const key = new Uint8Array(6)
  Bytes.writeUint48Key(key, 0, index)
  return key
}

/** How many frames there are. */
export const count = (pages: Pages, names: Tree): number => Tables.find(pages, names, NAME)?.count ?? 0

/** A frame that is there. */
export const frame = (pages: Pages, names: Tree, index: number): Uint8Array => {
  const content = Tables.get(pages, names, NAME, keyOf(index))
  if (content === undefined) throw new CorruptPage(undefined, `frame ${index} of what was received is missing`)
  const bytes = new Uint8Array(Content.sizeOf(content))
  Content.readContent(pages, content, 0, bytes)
  return bytes
}

/** Makes room for the first frame of a stream whose numbers are all below `nextInode`. */
export const begin = (draft: RootsDraft, nextInode: number): void => {
  draft.roots = { ...draft.roots, nextInode: Math.max(draft.roots.nextInode, nextInode) }
  Tables.create(draft, NAME)
}

/** Keeps a frame. */
export const put = (draft: RootsDraft, index: number, bytes: Uint8Array): void => {
  Tables.put(draft, NAME, keyOf(index), bytes)
}

/** Gives up what is there, up to `countMax` frames in one call; answers whether that was all. */
export const drop = (draft: RootsDraft, countMax: number): boolean => Tables.drop(draft, NAME, countMax)
