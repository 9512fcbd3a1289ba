/**
 * What names trees have in common, without looking into them.
 *
 * - Trees with the same mark of entries have the same entries: a change of an inode that names nothing else hands the mark on.
 * - Trees with the same mark of ways have the same folders and symbolic links: a path that leads to a folder in one leads to it in
 *   another. A path that leads nowhere may lead to a file in another.
 * - A tree without marks is its own. Marks are compared by identity, and never stand on a disk.
 */
import type { Tree } from "./Tree.ts"

export interface Marks {
  readonly entries: object
  readonly ways: object
}

export const ofEntries = (names: Tree): object => names.marks?.entries ?? names

export const ofWays = (names: Tree): object => names.marks?.ways ?? names

/** The marks of a tree with the same entries. */
export const sameEntries = (names: Tree): Marks => names.marks ?? { entries: names, ways: names }

/** The marks of a tree with other entries, but only of files. */
export const sameWays = (names: Tree): Marks => ({ entries: {}, ways: ofWays(names) })

/** The marks of a tree that may differ in anything. */
export const none = (): Marks => ({ entries: {}, ways: {} })
