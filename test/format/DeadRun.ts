/** Section 16 of docs/FORMAT.md: the items of the deadlists tree. */
import { must } from "./Fault.ts"
import type { Scan } from "./Scan.ts"
import { u48be } from "./Scan.ts"
import type { Item } from "./TreeNode.ts"

/** Pages that a snapshot sees and the root does not reach. */
export interface DeadRun {
  /** The generation of the snapshot that lists them. */
  readonly snapshot: number
  readonly address: number
  readonly birth: number
  readonly pages: number
}

export const decodeDeadRun = (scan: Scan, { key, value, valueAt }: Item): DeadRun => {
  must(key.length === 12 && value.length === 12, "an entry of a deadlist of a wrong length")
  const birth = scan.u48(valueAt, "dead run birth")
  const pages = scan.u48(valueAt + 6, "dead run pages")
  must(pages >= 1, "an empty entry of a deadlist")
  return { snapshot: u48be(key, 0), address: u48be(key, 6), birth, pages }
}
