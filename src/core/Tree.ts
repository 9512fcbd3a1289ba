/**
 * The root of a tree: a pointer and the level of the node it names. A value: an edit gives a new one.
 *
 * - Level 0 is a leaf; the null pointer is the empty tree and has level 0.
 * - The link's bytes are never changed once they stand in a `Tree`.
 */
import { equal } from "./Bytes.ts"
import type { Layout } from "./Layout.ts"
import type { Marks } from "./Marks.ts"
import * as Pointer from "./Pointer.ts"

export interface Tree {
  readonly level: number
  readonly link: Uint8Array
  /** Of a names tree that was made from another one: what they have in common. */
  readonly marks?: Marks
}

export const empty = (layout: Layout): Tree => ({ level: 0, link: Pointer.makeNull(layout) })

/** Whether two trees of one volume are the same: a root that was written once. */
export const isSame = (a: Tree, b: Tree): boolean => a.level === b.level && equal(a.link, b.link)

export const isEmpty = (layout: Layout, tree: Tree): boolean => Pointer.isNull(layout, tree.link, 0)
