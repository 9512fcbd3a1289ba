/**
 * Where paths lead, remembered as long as it is so.
 *
 * - What is remembered holds for every names tree with the same mark (see `Marks`): trees are values, and a change of what an entry
 *   names makes another mark. So nothing here is ever out of date; what is asked of another tree begins anew.
 * - Only numbers and types are remembered, as they were read from verified pages: no bytes of a page, which may be used again.
 * - It holds a bounded number of paths, none of them long.
 */
import * as Result from "effect/Result"
import type { FileResult } from "../core/FileError.ts"
import * as FileError from "../core/FileError.ts"
import * as Folder from "../core/Folder.ts"
import * as Inode from "../core/Inode.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import type { Layout } from "../core/Layout.ts"
import * as Marks from "../core/Marks.ts"
import * as Names from "../core/Names.ts"
import type { Pages } from "../core/Pages.ts"
import * as Path from "../core/Path.ts"
import type { Tree } from "../core/Tree.ts"

const COUNT_MAX = 4096
const LENGTH_MAX = 128
/** Of names in a folder. */
const LIST_MAX = 256

const ROOT_WAY: ReadonlyArray<number> = [Inode.ROOT]

export class PathCache {
  readonly #layout: Layout
  #entriesMark: object | undefined
  readonly #entries = new Map<string, FileResult<Inode.Entry>>()
  #listsMark: object | undefined
  readonly #lists = new Map<string, ReadonlyArray<string>>()
  /** How many names are in the lists, and how many lists there are. */
  #listed = 0
  #waysMark: object | undefined
  readonly #ways = new Map<string, ReadonlyArray<number>>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  /** What a path names, symbolic links followed. */
  resolve(pages: Pages, names: Tree, path: string): FileResult<Inode.Entry> {
    const mark = Marks.ofEntries(names)
    if (mark !== this.#entriesMark) {
      this.#entriesMark = mark
      if (this.#entries.size > 0) this.#entries.clear()
    }
    const known = this.#entries.get(path)
    if (known !== undefined) return known
    const found = this.#look(pages, names, path)
    if (path.length <= LENGTH_MAX) {
      if (this.#entries.size >= COUNT_MAX) this.#entries.clear()
      this.#entries.set(path, found)
    }
    return found
  }

  /** All names in a folder, as `list` finds them, if they are known or are not too many to be. The array is the caller's. */
  names(names: Tree, path: string, list: () => FileResult<Array<string>>): FileResult<Array<string>> {
    const mark = Marks.ofEntries(names)
    if (mark !== this.#listsMark) {
      this.#listsMark = mark
      this.#forgetLists()
    }
    const known = this.#lists.get(path)
    if (known !== undefined) return Result.succeed(known.slice())
    const found = list()
    if (Result.isSuccess(found) && found.success.length <= LIST_MAX && path.length <= LENGTH_MAX) {
      this.#listed += 1 + found.success.length
      if (this.#listed > COUNT_MAX) this.#forgetLists()
      this.#lists.set(path, found.success.slice())
    }
    return found
  }

  #forgetLists(): void {
    if (this.#lists.size > 0) this.#lists.clear()
    this.#listed = 0
  }

  /** The file that a path leads to, symbolic links followed, if that is known. */
  file(names: Tree, path: string): number | undefined {
    if (Marks.ofEntries(names) !== this.#entriesMark) return undefined
    const known = this.#entries.get(path)
    return known !== undefined && Result.isSuccess(known) && known.success.type === Inode.FILE
      ? known.success.number
      : undefined
  }

  /** The entry that a path names, be it there or not; symbolic links are followed if `follow`. */
  place(draft: RootsDraft, path: string, follow: boolean): FileResult<Names.Place> {
    const { names } = draft.roots
    const end = path.lastIndexOf("/")
    const trail = this.#folderOf(draft, names, path, end)
    const name = trail === undefined ? undefined : Path.plainName(this.#layout, path, end + 1)
    if (trail !== undefined && name !== undefined) {
      const place = Names.placeAt(draft, trail, name)
      if (!follow || place.entry?.type !== Inode.SYMBOLIC_LINK) return Result.succeed(place)
    }
    const parsed = Path.parse(this.#layout, path)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    return (follow ? Names.target : Names.place)(draft, names, parsed.success)
  }

  #look(pages: Pages, names: Tree, path: string): FileResult<Inode.Entry> {
    const end = path.lastIndexOf("/")
    const trail = this.#folderOf(pages, names, path, end)
    const name = trail === undefined ? undefined : Path.plainName(this.#layout, path, end + 1)
    if (trail !== undefined && name !== undefined) {
      const entry = Folder.lookup(pages, names, trail[trail.length - 1], name)
      if (entry === undefined) return FileError.notFound(name)
      if (entry.type !== Inode.SYMBOLIC_LINK) return Result.succeed(entry)
    }
    const parsed = Path.parse(this.#layout, path)
    return Result.isFailure(parsed) ? Result.fail(parsed.failure) : Names.resolve(pages, names, parsed.success, true)
  }

  /** The way to the folder that a path's last name is in, which begins after `end`. */
  #folderOf(pages: Pages, names: Tree, path: string, end: number): ReadonlyArray<number> | undefined {
    return path.length <= LENGTH_MAX ? this.#wayTo(pages, names, end < 0 ? "" : path.slice(0, end)) : undefined
  }

  /** The folders from the root to the one that a path leads to; nothing where it leads to none. */
  #wayTo(pages: Pages, names: Tree, path: string): ReadonlyArray<number> | undefined {
    if (path === "") return ROOT_WAY
    const mark = Marks.ofWays(names)
    if (mark !== this.#waysMark) {
      if (this.#ways.size > 0 && !Marks.hasWaysOf(mark, this.#waysMark)) this.#ways.clear()
      this.#waysMark = mark
    }
    const known = this.#ways.get(path)
    if (known !== undefined) return known
    const parsed = Path.parse(this.#layout, path)
    if (Result.isFailure(parsed)) return undefined
    const place = Names.target(pages, names, parsed.success)
    if (Result.isFailure(place) || place.success.entry?.type !== Inode.FOLDER) return undefined
    const { entry, name, trail } = place.success
    const way = name === undefined ? trail : [...trail, entry.number]
    if (this.#ways.size >= COUNT_MAX) this.#ways.clear()
    this.#ways.set(path, way)
    return way
  }
}
