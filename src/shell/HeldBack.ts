/**
 * What readers of older roots hold back: free pages that are not written as long as they may be read.
 */
import * as Allocator from "../core/Allocator.ts"
import * as Session from "./Session.ts"

/** Who reads older roots now, and what waits for it. */
export interface Statistics {
  /** Of all fibers, those included that have grown too old. */
  readonly views: number
  readonly openSnapshots: number
  /** Checks and scrubs. */
  readonly scans: number
  /** Files, folders and symbolic links that are open. They hold back nothing but what was removed while it was open. */
  readonly openFiles: number
  /** The oldest root that one of these pins; none if no one pins any. */
  readonly oldestGeneration: number | undefined
  /** For how long it has been pinned, in milliseconds. */
  readonly oldestMillis: number
  /** Bytes of free pages that cannot be taken before they end. */
  readonly heldBytes: number
}

export const statistics = (session: Session.Session): Statistics => {
  const { abandoned, binding, head, open, readers } = session
  const oldest = readers.oldest()
  const { base } = head.root.record
  const held = Allocator.heldFor([...head.allocator.held, ...abandoned], Session.oldestRoot(session), base)
  return {
    views: readers.count("View"),
    openSnapshots: readers.count("Snapshot"),
    scans: readers.count("Scan"),
    openFiles: open.size,
    oldestGeneration: oldest?.generation,
    oldestMillis: oldest === undefined ? 0 : readers.age(oldest),
    heldBytes: held * binding.layout.pageBytes
  }
}
