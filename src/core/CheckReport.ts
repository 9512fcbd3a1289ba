/**
 * What a check finds: problems, each with a code, a sentence, and the place where it is known.
 *
 * - At most {@link PROBLEMS_MAX} problems are listed; all of them are counted.
 * - A problem that belongs to an inode is named by path once all names are known, at the end of the check.
 */
import type * as CheckItem from "./CheckItem.ts"

/** A volume with more problems than this needs no longer list. */
export const PROBLEMS_MAX = 1000

export type Code =
  // Places
  | "Superblock"
  | "RootSlot"
  // Pages
  | "Unreadable"
  | "Checksum"
  | "Structure"
  | "Pointer"
  | "Birth"
  | "OutsideVolume"
  | "Reserved"
  | "Shared"
  | "VolumeSize"
  // Trees and ropes
  | "KeyOrder"
  | "EmptyNode"
  | "RopeSpan"
  | "DataTail"
  // Names
  | "Item"
  | "Name"
  | "MissingInode"
  | "EntryType"
  | "LinkCount"
  | "FolderSize"
  | "FolderParents"
  | "Parents"
  | "RootFolder"
  | "Cycle"
  | "Unreachable"
  | "Orphan"
  | "NextInode"
  | "InodeCount"
  | "MissingTable"
  | "TableCount"
  | "TableNumber"
  // Snapshots
  | "SnapshotItem"
  | "SnapshotLost"
  | "Deadlist"
  // Space
  | "FreeInUse"
  | "Leak"
  | "FreeCount"
  | "MapBeyondEnd"
  | "MapDelta"
  | "Cursor"

/** One thing that is wrong: what, in words, and where. */
export interface Problem {
  readonly code: Code
  readonly message: string
  /** The page, or the first of the pages, where it was found. */
  readonly address: number | undefined
  readonly inode: number | undefined
  /** The path of the file or folder that is damaged, if it is known. */
  readonly path: string | undefined
  /** The name of the table that is damaged, if it is known. */
  readonly table: string | undefined
}

/** What a check has found. */
export interface Report {
  readonly problems: ReadonlyArray<Problem>
  /** Of all problems, listed or not. */
  readonly problemCount: number
  /**
   * Whether everything could be read that leads to other things. If not, what hangs under an unread node is unknown: no
   * page is called leaked and no inode missing its names on that account.
   */
  readonly isComplete: boolean
  /** Pages that the root reaches, its own record and the reserved pages not counted. */
  readonly reachedPageCount: number
  /** Pages that only snapshots see. */
  readonly deadPageCount: number
  readonly dataPageCount: number
  readonly freePageCount: number
  readonly fileCount: number
  readonly folderCount: number
  readonly symbolicLinkCount: number
  readonly orphanCount: number
  readonly tableCount: number
  readonly snapshotCount: number
}

/** Where a problem was found. With `folder` and `name`: an entry. */
export interface Where {
  readonly address?: number | undefined
  /** Of an inode or of a table. */
  readonly inode?: number | undefined
  readonly folder?: number | undefined
  readonly name?: CheckItem.Name | undefined
}

/** Says what numbers and entries are called, where that is known. */
export interface KnownNames {
  readonly pathOf: (inode: number) => string | undefined
  readonly pathOfEntry: (folder: number, name: CheckItem.Name) => string | undefined
  readonly tableOf: (number: number) => string | undefined
}

interface Found {
  readonly code: Code
  readonly message: string
  readonly where: Where
}

/** Collects problems. */
export class Problems {
  count = 0
  readonly #found: Array<Found> = []

  add(code: Code, message: string, where: Where = {}): void {
    this.count++
    if (this.#found.length < PROBLEMS_MAX) this.#found.push({ code, message, where })
  }

  /** The list, with the names that `names` knows. */
  list(names: KnownNames): ReadonlyArray<Problem> {
    return this.#found.map(({ code, message, where: { address, folder, inode, name } }) => {
      const path =
        folder !== undefined && name !== undefined
          ? names.pathOfEntry(folder, name)
          : inode === undefined
            ? undefined
            : names.pathOf(inode)
      const table = inode === undefined ? undefined : names.tableOf(inode)
      return { code, message, address, inode: table === undefined ? inode : undefined, path, table }
    })
  }
}
