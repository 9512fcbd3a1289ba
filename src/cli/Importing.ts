/**
 * Takes a tree of the host into a volume, inside the caller's transaction.
 *
 * - One operation a file: its inode, its entry and its content, or the first piece of it.
 * - Files that are hard links of each other on the host are links of each other in the volume.
 * - Modes, owners and times come along; times to the nanosecond.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Attributes from "../core/Attributes.ts"
import * as Content from "../core/Content.ts"
import type { FileError, FileResult } from "../core/FileError.ts"
import * as Files from "../core/Files.ts"
import * as Folder from "../core/Folder.ts"
import * as Inode from "../core/Inode.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as Names from "../core/Names.ts"
import * as Path from "../core/Path.ts"
import type { Volume } from "../shell/Volume.ts"
import * as VolumeError from "../shell/VolumeError.ts"
import { Refused } from "./Failure.ts"
import * as HostFile from "./HostFile.ts"
import * as HostTree from "./HostTree.ts"

type Service = Volume["Service"]

/** Where the first entry of a tree goes. */
export type Goal =
  /** It becomes a new entry of this folder. */
  | { readonly _tag: "Entry"; readonly folder: number; readonly name: string }
  /** It is a folder, and this one, which is empty, becomes like it. */
  | { readonly _tag: "Folder"; readonly number: number }

const types = { file: Inode.FILE, folder: Inode.FOLDER, link: Inode.SYMBOLIC_LINK } as const

const NO_BYTES = new Uint8Array(0)

/** Takes in the whole tree; `passed` hears of each byte of content that is done. */
export const run = Effect.fnUntraced(function* (
  volume: Service,
  tree: HostTree.HostTree,
  goal: Goal,
  passed: (byteCount: number) => Effect.Effect<void>
) {
  const { layout } = volume.facts
  const clock = yield* Clock.Clock
  const buffer = new Uint8Array(HostFile.PIECE_BYTES)
  /** The numbers of the folders, and of the files that have several names. */
  const folders = new Map<number, number>()
  const links = new Map<string, number>()

  const edit = <A>(path: string, f: (draft: RootsDraft, time: bigint) => FileResult<A>) =>
    Effect.flatMap(
      volume.write((draft) => f(draft, clock.currentTimeNanosUnsafe())),
      (result): Effect.Effect<A, VolumeError.VolumeError> =>
        Result.isSuccess(result) ? Effect.succeed(result.success) : fail(result.failure, path)
    )

  const create = (path: string, folder: number, entry: HostTree.Entry, name: string, content: Uint8Array) =>
    edit(path, (draft, time) => {
      const place = placeOf(draft, folder, name)
      if (Result.isFailure(place)) return Result.fail(place.failure)
      const { gid, mode, uid } = entry.stat
      const made = {
        type: types[entry.type],
        mode: Number(mode) & 0o7777,
        uid: Number(uid),
        gid: Number(gid),
        content
      }
      const number = Files.create(draft, place.success, made, time)
      if (Result.isFailure(number)) return number
      // A folder gets its times when its entries are made.
      if (entry.type === "folder") return number
      return Result.map(setTimes(draft, number.success, entry, time), () => number.success)
    })

  const placeOf = (draft: RootsDraft, folder: number, name: string): FileResult<Names.Place> => {
    const bytes = Path.name(layout, name)
    return Result.isFailure(bytes)
      ? Result.fail(bytes.failure)
      : Names.placeIn(draft, draft.roots.names, folder, bytes.success)
  }

  const makeFile = Effect.fnUntraced(function* (path: string, folder: number, entry: HostTree.Entry, name: string) {
    const { stat } = entry
    const key = stat.nlink > BigInt(1) ? `${stat.dev}:${stat.ino}` : undefined
    const linked = key === undefined ? undefined : links.get(key)
    if (linked !== undefined) {
      yield* edit(path, (draft, time) => {
        const place = placeOf(draft, folder, name)
        return Result.isFailure(place) ? Result.fail(place.failure) : Files.link(draft, linked, place.success, time)
      })
      return yield* passed(Number(stat.size))
    }
    let number: number
    if (stat.size <= BigInt(HostFile.PIECE_BYTES) && !HostFile.isSparse(stat)) {
      const bytes = yield* HostFile.readSmall(path, stat, buffer)
      number = yield* create(path, folder, entry, name, bytes)
      yield* passed(bytes.length)
    } else {
      number = yield* create(path, folder, entry, name, NO_BYTES)
      const write = (offset: number, bytes: Uint8Array) =>
        Effect.asVoid(edit(path, (draft, time) => Content.write(draft, number, offset, bytes, time)))
      yield* HostFile.readPieces(path, stat, buffer, write, passed)
      while (!(yield* edit(path, (draft, time) => Content.truncate(draft, number, Number(stat.size), time)))) continue
      yield* edit(path, (draft, time) => setTimes(draft, number, entry, time))
    }
    if (key !== undefined) links.set(key, number)
  })

  const makeEntry = Effect.fnUntraced(function* (index: number, path: string, folder: number, name: string) {
    const entry = tree.entries[index]
    switch (entry.type) {
      case "file":
        return yield* makeFile(path, folder, entry, name)
      case "link": {
        const target = Path.linkTarget(yield* HostFile.readLink(path, entry.stat))
        if (Result.isFailure(target)) return yield* fail(target.failure, path)
        yield* create(path, folder, entry, name, target.success)
        return
      }
      case "folder":
        folders.set(index, yield* create(path, folder, entry, name, NO_BYTES))
    }
  })

  /** The entries of `folder` are all made: it gets what the making of them has changed. */
  const finish = (index: number, number: number, path: string) => {
    const entry = tree.entries[index]
    return edit(path, (draft, time) => {
      const { gid, mode, uid } = entry.stat
      const owner = { mode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid) }
      const changed = Attributes.change(draft, number, owner, time)
      return Result.isFailure(changed) ? changed : setTimes(draft, number, entry, time)
    })
  }

  if (goal._tag === "Entry") yield* makeEntry(0, tree.root, goal.folder, goal.name)
  else folders.set(0, goal.number)
  for (let index = 1; index < tree.entries.length;) {
    const { parent } = tree.entries[index]
    const number = folders.get(parent)
    if (number === undefined) return yield* Effect.die(new Error("an entry stands before its folder"))
    const folderPath = HostTree.pathOf(tree, parent)
    while (index < tree.entries.length && tree.entries[index].parent === parent) {
      const { name } = tree.entries[index]
      yield* makeEntry(index, HostTree.childPath(folderPath, name), number, name)
      index++
    }
  }
  for (const [index, number] of folders) {
    const path = HostTree.pathOf(tree, index)
    yield* finish(index, number, path)
    yield* HostFile.expectUnchanged(path, tree.entries[index].stat)
  }
})

const setTimes = (draft: RootsDraft, number: number, { stat }: HostTree.Entry, time: bigint): FileResult<void> =>
  Attributes.change(draft, number, { accessTime: stat.atimeNs, modifyTime: stat.mtimeNs }, time)

const fail = (error: FileError, path: string) => Effect.fail(VolumeError.make(error, path))

/** Where `path` of the volume is a goal for a tree: a new entry, or an empty folder where the tree is a folder too. */
export const goalAt = Effect.fnUntraced(function* (volume: Service, path: string, isFolder: boolean) {
  const { layout } = volume.facts
  const parsed = Path.parse(layout, path)
  if (Result.isFailure(parsed)) return yield* fail(parsed.failure, path)
  const found = yield* volume.read((pages, { names }) =>
    Result.map(Names.target(pages, names, parsed.success), (place) => ({
      ...place,
      isEmpty: place.entry?.type === Inode.FOLDER && Folder.isEmpty(pages, names, place.entry.number)
    }))
  )
  if (Result.isFailure(found)) return yield* fail(found.failure, path)
  const { entry, isEmpty, name } = found.success
  if (entry === undefined && name !== undefined) {
    const goal: Goal = { _tag: "Entry", folder: Names.folderOf(found.success), name: new TextDecoder().decode(name) }
    return goal
  }
  if (entry !== undefined && isFolder && isEmpty) {
    const goal: Goal = { _tag: "Folder", number: entry.number }
    return goal
  }
  const what = entry?.type === Inode.FOLDER && isFolder ? "is a folder that is not empty" : "exists already"
  return yield* new Refused({
    reason: `@${path} ${what}. Nothing was taken in; name a new folder, or remove that one.`
  })
})
