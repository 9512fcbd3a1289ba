/**
 * From an inode up to its names: the entries of folders as they are known from below.
 *
 * - An inode lives if a way of entries leads up from it to the root folder. What hangs under an orphan does not: it has entries,
 *   and no path.
 */
import * as BTree from "./BTree.ts"
import * as Inode from "./Inode.ts"
import { CorruptPage, type Pages } from "./Pages.ts"
import type { Tree } from "./Tree.ts"

/** An entry that names an inode. */
export interface Parent {
  readonly folder: number
  readonly name: Uint8Array
}

/** No folder of a sound volume is as deep: paths have 4096 bytes, and more levels than that are made by renaming only. */
const DEPTH_MAX = 65_536

/** The entries that name an inode, by folder and name. */
export const of = (pages: Pages, names: Tree, number: number): ReadonlyArray<Parent> => {
  const prefix = Inode.parentPrefix(number)
  const found: Array<Parent> = []
  BTree.ascend(pages, names, prefix, (item) => {
    if (!BTree.hasPrefix(item, prefix)) return false
    const key = Inode.decodeKey(BTree.key(item))
    if (key._tag === "Parent") found.push({ folder: key.folder, name: key.name })
    return true
  })
  return found
}

/** The only entry that names a folder. */
const ofFolder = (pages: Pages, names: Tree, number: number): Parent | undefined => {
  const [parent] = of(pages, names, number)
  return parent
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The path of a folder; `undefined` if it does not live. */
export const folderPath = (pages: Pages, names: Tree, folder: number): string | undefined => {
  let path = ""
  let at = folder
  for (let depth = 0; at !== Inode.ROOT; depth++) {
    if (depth > DEPTH_MAX) throw new CorruptPage(undefined, `folder ${folder} is inside itself`)
    const parent = ofFolder(pages, names, at)
    if (parent === undefined) return undefined
    path = `/${decoder.decode(parent.name)}${path}`
    at = parent.folder
  }
  return path === "" ? "/" : path
}

/** The path of an entry in a folder of this path. */
export const join = (folder: string, name: Uint8Array): string =>
  `${folder === "/" ? "" : folder}/${decoder.decode(name)}`
