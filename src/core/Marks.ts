/**
 * What names trees have in common, without looking into them.
 *
 * - Trees with the same mark of entries have the same entries: a change of an inode that names nothing else hands the mark on.
 * - Trees with the same mark of ways have the same folders and symbolic links: a path that leads to a folder in one leads to it in
 *   another. A path that leads nowhere may lead to a file in another.
 * - A mark of ways may say that it has the ways of another mark, and more: what is known by that is known by it.
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

/** A mark of ways that has those of another one, and more. */
class MoreWays {
  before: object | undefined
  constructor(before: object) {
    // Of those before it nobody asks any more, and all of them would stay in memory.
    if (before instanceof MoreWays) before.before = undefined
    this.before = before
  }
}

/** The marks of a tree with one entry more. */
export const moreWays = (names: Tree): Marks => ({ entries: {}, ways: new MoreWays(ofWays(names)) })

/** Whether all ways of the mark `before` are ways of `mark`. */
export const hasWaysOf = (mark: object, before: object | undefined): boolean =>
  mark === before || (mark instanceof MoreWays && mark.before === before && before !== undefined)

/** The marks of a tree that may differ in anything. */
export const none = (): Marks => ({ entries: {}, ways: {} })
