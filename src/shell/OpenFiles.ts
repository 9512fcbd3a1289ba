/**
 * What somebody has open, by inode number: an unlinked file lives until its last close.
 *
 * - Whoever frees an inode asks `has` first, under the writer's permit. Whoever opens a file has found it on a root that may
 *   be older: if a removal since then has seen it closed, `acquire` refuses, and the file is looked for again as a writer.
 *   So an open never succeeds on a file that is about to be freed.
 * - A file that was made in a transaction and is open when that is rolled back is gone: its number may be given again.
 */
import type * as Orphans from "../core/Orphans.ts"
import type { Roots } from "../core/Roots.ts"
import type * as Session from "./Session.ts"

type OpenInode = Session.OpenInode

export interface OpenFiles extends Orphans.Open {
  /** Whether it is open, for those who would not free it anyway. */
  readonly isOpen: (number: number) => boolean
  /** Opens what was found on `roots`, or refuses since it may have been freed after them. */
  readonly acquire: (roots: Roots, number: number) => OpenInode | undefined
  /** Opens what was found on `roots`, though it may be freed: where nothing is written. */
  readonly acquireAnyway: (number: number) => OpenInode
  /** Answers whether this was the last close of what still exists. */
  readonly release: (inode: OpenInode) => boolean
}

/** Of what never changes: a snapshot. Nothing of it is freed while somebody reads it. */
export const ofSnapshot: OpenFiles = {
  has: () => false,
  isOpen: () => false,
  acquire: (_roots, number) => ofSnapshot.acquireAnyway(number),
  acquireAnyway: (number) => ({ number, count: 1, isUnlinked: false, isGone: false }),
  release: () => false
}

export const make = (session: Session.Session): OpenFiles => {
  const { open } = session
  const acquireAnyway = (number: number): OpenInode => {
    const found = open.get(number)
    if (found !== undefined) {
      found.count++
      return found
    }
    const inode = { number, count: 1, isUnlinked: false, isGone: false }
    open.set(number, inode)
    return inode
  }
  return {
    has: (number) => {
      const inode = open.get(number)
      if (inode !== undefined) {
        inode.isUnlinked = true
        return true
      }
      session.group?.freed.add(number)
      return false
    },
    isOpen: (number) => open.has(number),
    acquire: (roots, number) =>
      open.has(number) || isSafe(session, roots, number) ? acquireAnyway(number) : undefined,
    acquireAnyway,
    release: (inode) => {
      if (--inode.count > 0 || inode.isGone) return false
      open.delete(inode.number)
      return true
    }
  }
}

/** Whether what exists on `roots` has not been freed since. */
const isSafe = ({ group, head, inflight }: Session.Session, roots: Roots, number: number): boolean => {
  if (roots === group?.draft.roots) return true
  if (group?.freed.has(number) === true || inflight?.group.freed.has(number) === true) return false
  return roots === head.root.record.roots || roots === inflight?.next.root.record.roots || roots === group?.visible
}

/** After a rollback: what has a number that is free again never was. */
export const forget = (session: Session.Session, nextInode: number): void => {
  for (const [number, inode] of session.open) {
    if (number < nextInode) continue
    inode.isGone = true
    session.open.delete(number)
  }
}
