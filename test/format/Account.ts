/** Which pages the root and the snapshots reach, and whether free map and deadlists say the same (sections 7, 11, 16). */
import type { DeadRun } from "./DeadRun.ts"
import { pagesOf } from "./Extents.ts"
import type { Opened } from "./Opening.ts"
import { isReserved } from "./Superblock.ts"
import type { Use } from "./Walk.ts"

const sameUse = (left: Use, right: Use): boolean =>
  left.tree === right.tree && left.kind === right.kind && left.level === right.level && left.birth === right.birth

/** The pages that one state reaches: the root, or a snapshot. */
export class Account {
  readonly complaints: Array<string> = []
  readonly uses = new Map<number, Use>()
  readonly #state: string

  constructor(state: string) {
    this.#state = state
  }

  reach(page: number, use: Use): void {
    if (this.uses.has(page)) this.complaints.push(`two pointers of ${this.#state} name page ${page}`)
    this.uses.set(page, use)
  }
}

type Expect = (holds: boolean, complaint: string) => void

/** What the pages of all snapshots are; those that the root reaches too must be the same there. */
const keptPages = (
  head: Account,
  snapshots: ReadonlyMap<number, Account>,
  expect: Expect
): ReadonlyMap<number, { readonly use: Use; readonly newest: number }> => {
  const kept = new Map<number, { readonly use: Use; readonly newest: number }>()
  const ascending = [...snapshots].sort(([left], [right]) => left - right)
  for (const [generation, { uses }] of ascending) {
    for (const [page, use] of uses) {
      const other = head.uses.get(page) ?? kept.get(page)?.use
      expect(other === undefined || sameUse(other, use), `page ${page} is something else in snapshot ${generation}`)
      kept.set(page, { use, newest: generation })
    }
  }
  // A page is never taken away from a state, so whoever came between its birth and its death has it.
  for (const [page, { use, newest }] of kept) {
    for (const [generation, { uses }] of ascending) {
      const isSeen = generation >= use.birth && (head.uses.has(page) || generation <= newest)
      expect(uses.has(page) === isSeen, `page ${page} of birth ${use.birth} and snapshot ${generation}`)
    }
  }
  for (const [page, use] of head.uses) {
    if (use.tree !== "names" || kept.has(page)) continue
    for (const [generation] of ascending) {
      expect(use.birth > generation, `page ${page} of birth ${use.birth}, which snapshot ${generation} lacks`)
    }
  }
  return kept
}

/** Exactly what some snapshot reaches and the root does not is listed, under the newest that reaches it. */
const deadComplaints = (
  { superblock, record }: Opened,
  head: Account,
  snapshots: ReadonlyMap<number, Account>,
  dead: ReadonlyArray<DeadRun>,
  expect: Expect
): ReadonlySet<number> => {
  const kept = keptPages(head, snapshots, expect)
  const listed = new Set<number>()
  for (const { snapshot, address, birth, pages } of dead) {
    const place = `the run of ${pages} pages at ${address} in the list of ${snapshot}`
    expect(snapshots.has(snapshot), `${place}, which is no snapshot`)
    expect(birth >= 1 && birth <= snapshot, `${place} has the birth ${birth}`)
    const end = Math.min(address + pages, record.pageCount)
    expect(end === address + pages, `${place} is not in the volume`)
    for (let page = address; page < end; page += 1) {
      expect(!isReserved(superblock, page), `${place}: page ${page} is reserved`)
      expect(!listed.has(page), `${place}: page ${page} is listed twice`)
      expect(!head.uses.has(page), `${place}: the root reaches page ${page}`)
      const found = kept.get(page)
      expect(found !== undefined, `${place}: no snapshot reaches page ${page}`)
      if (found !== undefined) {
        expect(found.newest === snapshot, `${place}: ${found.newest} is the newest that reaches page ${page}`)
        expect(found.use.birth === birth, `${place}: page ${page} has the birth ${found.use.birth}, not ${birth}`)
      }
      listed.add(page)
    }
  }
  for (const [page, { newest }] of kept) {
    expect(head.uses.has(page) || listed.has(page), `page ${page} of snapshot ${newest} is dead and not listed`)
  }
  return listed
}

/** Free map = reserved + reached + listed; the free count. `bits` are those of the map, as pages. */
export const accountComplaints = (
  opened: Opened,
  head: Account,
  snapshots: ReadonlyMap<number, Account>,
  dead: ReadonlyArray<DeadRun>,
  bits: ReadonlySet<number>
): ReadonlyArray<string> => {
  const { superblock, record } = opened
  const complaints = [head, ...snapshots.values()].flatMap((account) => account.complaints)
  const expect = (holds: boolean, complaint: string): void => {
    if (!holds) complaints.push(complaint)
  }
  const listed = deadComplaints(opened, head, snapshots, dead, expect)
  const freed = pagesOf(record.freed)
  const used = pagesOf(record.used)
  for (const page of bits) expect(page < record.pageCount, `the bit of page ${page}, which the volume does not have`)
  for (const page of freed) expect(bits.has(page), `page ${page} is in freed, and its bit is 0`)
  for (const page of used) expect(!bits.has(page), `page ${page} is in used, and its bit is 1`)
  let free = 0
  for (let page = 0; page < record.pageCount; page += 1) {
    const isUsed = (bits.has(page) && !freed.has(page)) || used.has(page)
    const isTaken = head.uses.has(page) || listed.has(page) || isReserved(superblock, page)
    expect(isUsed === isTaken, `the map says that page ${page} is ${isUsed ? "in use" : "free"}`)
    if (!isUsed) free += 1
  }
  expect(record.freeCount === free, `${free} free pages, and a free count of ${record.freeCount}`)
  return complaints
}
