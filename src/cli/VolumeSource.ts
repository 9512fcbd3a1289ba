/**
 * A tree of a volume as a source. It is walked and read in the view or transaction that the caller is in, so it is one state.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Content from "../core/Content.ts"
import * as FileError from "../core/FileError.ts"
import * as Folder from "../core/Folder.ts"
import * as Inode from "../core/Inode.ts"
import * as Inodes from "../core/Inodes.ts"
import * as FileOperation from "../shell/FileOperation.ts"
import * as Files from "../shell/Files.ts"
import * as FileStat from "../shell/FileStat.ts"
import * as Folders from "../shell/Folders.ts"
import type { VolumeError } from "../shell/VolumeError.ts"
import * as Source from "./Source.ts"

const BATCH_COUNT = 512

const decoder = new TextDecoder()

const nameOf = (path: string): string => path.split("/").findLast((name) => name !== "") ?? "/"

/** Walks what is at `path`; a symbolic link there is followed if `follow`. */
export const make = Effect.fnUntraced(function* (volume: FileOperation.Service, path: string, follow: boolean) {
  const root = yield* (follow ? Files.stat : Files.lstat)(volume, path)
  const entries: Array<Source.Entry> = [entryOf(-1, nameOf(path), root)]
  const numbers = [root.number]
  const folders = root.type === "Folder" ? [0] : []
  let byteCount = entries[0].size

  /** Takes in the next entries of a folder and answers the last name, if there may be more. */
  const batch = (folder: number, after: Uint8Array | undefined) =>
    FileOperation.reading(volume, path, (pages, names) => {
      const listed = Folder.list(pages, names, numbers[folder], after, BATCH_COUNT)
      if (Result.isFailure(listed)) return Result.fail(listed.failure)
      const found = listed.success.map((named) => ({
        name: decoder.decode(named.name),
        stat: FileStat.make(named.number, Inodes.ofEntry(pages, names, named))
      }))
      return Result.succeed({
        found,
        last: listed.success.length < BATCH_COUNT ? undefined : listed.success.at(-1)?.name
      })
    })

  const entered = new Set<number>()
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    yield* Folders.enter(volume, entered, numbers[folder], Source.pathOf({ entries, root: path }, folder))
    const first = entries.length
    let after: Uint8Array | undefined
    do {
      const { found, last } = yield* batch(folder, after)
      for (const { name, stat } of found) {
        const entry = entryOf(folder, name, stat)
        entries.push(entry)
        numbers.push(stat.number)
        byteCount += entry.size
      }
      after = last
    } while (after !== undefined)
    for (let at = entries.length - 1; at >= first; at--) if (entries[at].type === "Folder") folders.push(at)
  }
  return reading(volume, path, entries, numbers, byteCount)
})

const entryOf = (parent: number, name: string, stat: FileStat.Stat): Source.Entry => ({
  parent,
  name,
  type: stat.type,
  size: stat.type === "File" ? stat.size : 0,
  mode: stat.mode,
  uid: stat.uid,
  gid: stat.gid,
  accessTime: stat.accessTime,
  modifyTime: stat.modifyTime,
  link: stat.type !== "Folder" && stat.links > 1 ? String(stat.number) : undefined,
  // Nothing says so at a glance: whoever copies a large file asks for its segments.
  isSparse: false
})

const reading = (
  volume: FileOperation.Service,
  root: string,
  entries: ReadonlyArray<Source.Entry>,
  numbers: ReadonlyArray<number>,
  byteCount: number
): Source.Source<VolumeError> => {
  const buffer = new Uint8Array(Source.PIECE_BYTES)

  const fill = (index: number, path: string, offset: number, target: Uint8Array) =>
    FileOperation.reading(volume, path, (pages, names) => Content.read(pages, names, numbers[index], offset, target))

  const segment = (index: number, path: string, offset: number) =>
    FileOperation.reading(volume, path, (pages, names) => Content.segment(pages, names, numbers[index], offset))

  return {
    root,
    entries,
    byteCount,
    whole: (index, path) => {
      const bytes = buffer.subarray(0, entries[index].size)
      return Effect.as(fill(index, path, 0, bytes), bytes)
    },
    pieces: Effect.fnUntraced(function* (index, path, use, passed) {
      for (let found = yield* segment(index, path, 0); found !== undefined;) {
        const end = found.offset + found.count
        if (found.isHole) yield* passed(found.count)
        else {
          for (let offset = found.offset; offset < end; offset += Source.PIECE_BYTES) {
            const bytes = buffer.subarray(0, Math.min(Source.PIECE_BYTES, end - offset))
            yield* fill(index, path, offset, bytes)
            yield* use(offset, bytes)
            yield* passed(bytes.length)
          }
        }
        found = yield* segment(index, path, end)
      }
    }),
    linkTarget: (index, path) =>
      FileOperation.reading(volume, path, (pages, names) => {
        const inode = Inodes.get(pages, names, numbers[index])
        return inode?.type === Inode.SYMBOLIC_LINK
          ? Result.succeed(decoder.decode(Content.linkTarget(pages, inode)))
          : FileError.notASymbolicLink(FileError.NO_NAME)
      }),
    verifyFolder: () => Effect.void
  }
}
