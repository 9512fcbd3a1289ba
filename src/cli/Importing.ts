/**
 * Copies a source into a volume, inside the caller's transaction.
 *
 * - One operation a file: its inode, its entry and its content, or the first piece of it.
 * - Files that are hard links of each other in the source are links of each other in the volume.
 * - Modes, owners and times come along; times to the nanosecond.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Attributes from "../core/Attributes.ts"
import * as Content from "../core/Content.ts"
import type { FileResult } from "../core/FileError.ts"
import * as CoreFiles from "../core/Files.ts"
import * as Folder from "../core/Folder.ts"
import * as Inode from "../core/Inode.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as Names from "../core/Names.ts"
import * as Path from "../core/Path.ts"
import * as FileOperation from "../shell/FileOperation.ts"
import { Refused } from "./Failure.ts"
import * as Source from "./Source.ts"

type Service = FileOperation.Service

/** Where the first entry of a source goes. */
export type Goal =
  /** It becomes a new entry of this folder. */
  | { readonly _tag: "Entry"; readonly folder: number; readonly name: string; readonly path: string }
  /** It is a folder, and this one, which is empty, becomes like it. */
  | { readonly _tag: "Folder"; readonly number: number; readonly path: string }

const types = { File: Inode.FILE, Folder: Inode.FOLDER, SymbolicLink: Inode.SYMBOLIC_LINK } as const

const NO_BYTES = new Uint8Array(0)

/** Copies the whole source; `passed` hears of each byte of content that is done. */
export const run = Effect.fnUntraced(function* <E>(
  volume: Service,
  source: Source.Source<E>,
  goal: Goal,
  passed: (byteCount: number) => Effect.Effect<void>
) {
  const { layout } = volume.facts
  const { entries } = source
  const clock = yield* Clock.Clock
  /** The numbers of the folders, and of the files that have several names. */
  const folders = new Map<number, number>()
  const links = new Map<string, number>()

  const edit = <A>(path: string, f: (draft: RootsDraft, time: bigint) => FileResult<A>) =>
    Effect.flatMap(
      volume.write((draft) => f(draft, clock.currentTimeNanosUnsafe())),
      (result) => FileOperation.settle(path, result)
    )

  const placeOf = (draft: RootsDraft, folder: number, name: string): FileResult<Names.Place> => {
    const bytes = Path.name(layout, name)
    return Result.isFailure(bytes) ? Result.fail(bytes.failure) : Names.placeIn(draft, folder, bytes.success)
  }

  const create = (path: string, folder: number, entry: Source.Entry, name: string, content: Uint8Array) =>
    edit(path, (draft, time) => {
      const place = placeOf(draft, folder, name)
      if (Result.isFailure(place)) return Result.fail(place.failure)
      const { gid, mode, uid } = entry
      const number = CoreFiles.create(draft, place.success, { type: types[entry.type], mode, uid, gid, content }, time)
      // A folder gets its times when its entries are made.
      if (Result.isFailure(number) || entry.type === "Folder") return number
      return Result.map(setAttributes(draft, number.success, entry, time), () => number.success)
    })

  const makeFile = Effect.fnUntraced(function* (index: number, path: string, folder: number, name: string) {
    const entry = entries[index]
    const { isSparse, link, size } = entry
    const linked = link === undefined ? undefined : links.get(link)
    if (linked !== undefined) {
      yield* edit(path, (draft, time) => {
        const place = placeOf(draft, folder, name)
        return Result.isFailure(place) ? Result.fail(place.failure) : CoreFiles.link(draft, linked, place.success, time)
      })
      return yield* passed(size)
    }
    let number: number
    if (size <= Source.PIECE_BYTES && !isSparse) {
      number = yield* create(path, folder, entry, name, yield* source.whole(index, path))
      yield* passed(size)
    } else {
      number = yield* create(path, folder, entry, name, NO_BYTES)
      const write = (offset: number, bytes: Uint8Array) =>
        Effect.asVoid(edit(path, (draft, time) => Content.write(draft, number, offset, bytes, time)))
      yield* source.pieces(index, path, write, passed)
      while (!(yield* edit(path, (draft, time) => Content.truncate(draft, number, size, time)))) continue
      yield* edit(path, (draft, time) => setAttributes(draft, number, entry, time))
    }
    if (link !== undefined) links.set(link, number)
  })

  const makeLink = Effect.fnUntraced(function* (index: number, path: string, folder: number, name: string) {
    const { link } = entries[index]
    const linked = link === undefined ? undefined : links.get(link)
    const target = yield* FileOperation.settle(path, Path.linkTarget(yield* source.linkTarget(index, path)))
    if (linked === undefined) {
      const number = yield* create(path, folder, entries[index], name, target)
      if (link !== undefined) links.set(link, number)
      return
    }
    yield* edit(path, (draft, time) => {
      const place = placeOf(draft, folder, name)
      return Result.isFailure(place) ? Result.fail(place.failure) : CoreFiles.link(draft, linked, place.success, time)
    })
  })

  const makeEntry = (index: number, path: string, folder: number, name: string) => {
    switch (entries[index].type) {
      case "File":
        return makeFile(index, path, folder, name)
      case "SymbolicLink":
        return makeLink(index, path, folder, name)
      case "Folder":
        return Effect.map(create(path, folder, entries[index], name, NO_BYTES), (number) => {
          folders.set(index, number)
        })
    }
  }

  if (goal._tag === "Entry") yield* makeEntry(0, source.root, goal.folder, goal.name)
  else folders.set(0, goal.number)
  const paths = new Map([[0, { inside: goal.path, outside: source.root }]])
  for (let index = 1; index < entries.length;) {
    const { parent } = entries[index]
    const folder = folders.get(parent)
    const path = paths.get(parent)
    if (folder === undefined || path === undefined) return yield* Effect.die(new Error("an entry before its folder"))
    for (; index < entries.length && entries[index].parent === parent; index++) {
      const { name, type } = entries[index]
      const inside = Source.childPath(path.inside, name)
      const outside = Source.childPath(path.outside, name)
      yield* refuseLongPath(inside)
      yield* makeEntry(index, outside, folder, name)
      if (type === "Folder") paths.set(index, { inside, outside })
    }
  }
  for (const [index, number] of folders) {
    const path = paths.get(index)?.outside ?? source.root
    yield* edit(path, (draft, time) => setAttributes(draft, number, entries[index], time))
    yield* source.verifyFolder(index, path)
  }
})

const setAttributes = (draft: RootsDraft, number: number, entry: Source.Entry, time: bigint): FileResult<void> => {
  const { accessTime, gid, mode, modifyTime, uid } = entry
  return Attributes.change(draft, number, { accessTime, modifyTime, mode, uid, gid }, time)
}

/** What is deeper than a path can reach could never be opened. */
const refuseLongPath = (path: string): Effect.Effect<void, Refused> => {
  // A character takes at most three bytes for each of its units.
  if (path.length * 3 <= Path.PATH_BYTES_MAX || Buffer.byteLength(path) <= Path.PATH_BYTES_MAX) return Effect.void
  const reason = `@${path} would be a path of ${Buffer.byteLength(path)} bytes, and the longest has ${Path.PATH_BYTES_MAX}.`
  return new Refused({ reason: `${reason} Nothing was taken in; shorten the names.` })
}

/**
 * Where `path` of the volume is a goal for a source: a new entry, or, where the source is a folder, an empty one. With
 * `replace` a file gives way to another.
 */
export const goalAt = Effect.fnUntraced(function* (volume: Service, path: string, type: Source.Entry["type"]) {
  const { isEmpty, place } = yield* FileOperation.readingPath(volume, path, (pages, names, parsed) =>
    Result.map(Names.target(pages, names, parsed), (found) => ({
      place: found,
      isEmpty: found.entry?.type === Inode.FOLDER && Folder.isEmpty(pages, names, found.entry.number)
    }))
  )
  const { entry, name } = place
  if (entry === undefined && name !== undefined) {
    const goal: Goal = { _tag: "Entry", folder: Names.folderOf(place), name: new TextDecoder().decode(name), path }
    return goal
  }
  if (entry !== undefined && type === "Folder" && isEmpty) {
    const goal: Goal = { _tag: "Folder", number: entry.number, path }
    return goal
  }
  const what = entry?.type === Inode.FOLDER && type === "Folder" ? "is a folder that is not empty" : "exists already"
  return yield* new Refused({
    reason: `@${path} ${what}. Nothing was taken in; name a new folder, or remove that one.`
  })
})
