/**
 * The path that leads to what a path names through folders only.
 */
import * as Result from "effect/Result"
import * as Content from "./Content.ts"
import type { FileResult } from "./FileError.ts"
import * as FileError from "./FileError.ts"
import * as Folder from "./Folder.ts"
import * as Inode from "./Inode.ts"
import * as Inodes from "./Inodes.ts"
import type { Pages } from "./Pages.ts"
import * as Path from "./Path.ts"
import type { Tree } from "./Tree.ts"

/** The names from the root to what `path` names, all symbolic links followed. */
export const resolve = (pages: Pages, names: Tree, path: Path.Path): FileResult<ReadonlyArray<Uint8Array>> => {
  const trail: Array<Inode.Entry> = [{ number: Inode.ROOT, type: Inode.FOLDER }]
  const found: Array<Uint8Array> = []
  const rest = path.components.toReversed()
  let needsFolder = path.needsFolder
  let links = 0
  let last: Uint8Array = FileError.NO_NAME
  for (let component = rest.pop(); component !== undefined; component = rest.pop()) {
    const { number, type } = trail[trail.length - 1]
    if (type !== Inode.FOLDER) return FileError.notAFolder(last)
    if (component === Path.HERE) continue
    if (component === Path.UP) {
      if (found.pop() !== undefined) trail.pop()
      continue
    }
    const entry = Folder.lookup(pages, names, number, component)
    if (entry === undefined) return FileError.notFound(component)
    if (entry.type === Inode.SYMBOLIC_LINK) {
      if (++links > FileError.SYMBOLIC_LINKS_MAX) return FileError.tooManySymbolicLinks()
      const link = Path.fromBytes(pages.layout, Content.linkTarget(pages, Inodes.ofEntry(pages, names, entry)))
      if (Result.isFailure(link)) return Result.fail(link.failure)
      if (link.success.isAbsolute) {
        trail.length = 1
        found.length = 0
      }
      if (rest.length === 0) needsFolder ||= link.success.needsFolder
      rest.push(...link.success.components.toReversed())
      continue
    }
    trail.push(entry)
    found.push(component)
    last = component
  }
  if (needsFolder && trail[trail.length - 1].type !== Inode.FOLDER) return FileError.notAFolder(last)
  return Result.succeed(found)
}
