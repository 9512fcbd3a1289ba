/**
 * Mode, owner, times and extended attributes by path; symbolic links are followed where nothing else is said.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as CoreAttributes from "../core/Attributes.ts"
import type { FileResult } from "../core/FileError.ts"
import type { RootsDraft } from "../core/Inodes.ts"
import * as Names from "../core/Names.ts"
import type { Pages } from "../core/Pages.ts"
import * as Path from "../core/Path.ts"
import type { Tree } from "../core/Tree.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"
import * as FileStat from "./FileStat.ts"
import * as VolumeError from "./VolumeError.ts"

/** What {@link changeAttributes} sets; what is missing stays. Times in nanoseconds since 1970. */
export type Attributes = CoreAttributes.Changes

const onlyModeBits = (changes: Attributes): Attributes =>
  changes.mode === undefined ? changes : { ...changes, mode: changes.mode & FileStat.MODE_BITS }

const changing =
  (follow: boolean) =>
  (volume: Service, path: string, changes: Attributes): Operation<void> =>
    FileOperation.editingPath(volume, path, (draft, parsed, time) => {
      const entry = Names.resolve(draft, draft.roots.names, parsed, follow)
      if (Result.isFailure(entry)) return Result.fail(entry.failure)
      return CoreAttributes.change(draft, entry.success.number, onlyModeBits(changes), time)
    })

/** Sets mode (its 12 lowest bits), owner and times. */
export const changeAttributes: (volume: Service, path: string, changes: Attributes) => Operation<void> = changing(true)

/** The same, but of a symbolic link at the path's end itself. */
export const changeLinkAttributes: (volume: Service, path: string, changes: Attributes) => Operation<void> =
  changing(false)

/** The same of what has this number. */
export const changeOf = (
  volume: Service,
  path: string | undefined,
  number: number,
  changes: Attributes
): Operation<void> =>
  FileOperation.editing(volume, path, (draft, time) =>
    CoreAttributes.change(draft, number, onlyModeBits(changes), time)
  )

// ---- extended attributes

const LIST_COUNT_MAX = 256

const decoder = new TextDecoder()

const named = <A>(
  volume: Service,
  path: string,
  name: string,
  use: (bytes: Uint8Array) => Operation<A>
): Operation<A> =>
  Effect.suspend(() => {
    const bytes = Path.attributeName(volume.facts.layout, name)
    return Result.isSuccess(bytes) ? use(bytes.success) : Effect.fail(VolumeError.make(bytes.failure, path))
  })

const onInode = <A, P extends Pages>(
  pages: P,
  names: Tree,
  parsed: Path.Path,
  f: (number: number) => FileResult<A>
): FileResult<A> => {
  const entry = Names.resolve(pages, names, parsed, true)
  return Result.isSuccess(entry) ? f(entry.success.number) : Result.fail(entry.failure)
}

/** The value of an extended attribute; fails with `NoAttribute`. */
export const getAttribute = (volume: Service, path: string, name: string): Operation<Uint8Array> =>
  named(volume, path, name, (bytes) =>
    FileOperation.readingPath(volume, path, (pages, names, parsed) =>
      onInode(pages, names, parsed, (number) => CoreAttributes.get(pages, names, number, bytes))
    )
  )

/** Sets an extended attribute: any (by default), one that is not there yet, or one that is. */
export const setAttribute = (
  volume: Service,
  path: string,
  name: string,
  value: Uint8Array,
  wanted: CoreAttributes.Wanted = "Either"
): Operation<void> =>
  named(volume, path, name, (bytes) =>
    FileOperation.editingPath(volume, path, (draft: RootsDraft, parsed, time) =>
      onInode(draft, draft.roots.names, parsed, (number) =>
        CoreAttributes.set(draft, number, bytes, value, wanted, time)
      )
    )
  )

/** Removes an extended attribute; fails with `NoAttribute`. */
export const removeAttribute = (volume: Service, path: string, name: string): Operation<void> =>
  named(volume, path, name, (bytes) =>
    FileOperation.editingPath(volume, path, (draft: RootsDraft, parsed, time) =>
      onInode(draft, draft.roots.names, parsed, (number) => CoreAttributes.remove(draft, number, bytes, time))
    )
  )

/** The names of all extended attributes, in the byte order of names. */
export const attributes = (volume: Service, path: string): Operation<ReadonlyArray<string>> => {
  const batch = (after: Uint8Array | undefined) =>
    FileOperation.readingPath(volume, path, (pages, names, parsed) =>
      onInode(pages, names, parsed, (number) => CoreAttributes.list(pages, names, number, after, LIST_COUNT_MAX))
    )
  const from = (
    found: ReadonlyArray<Uint8Array>,
    last: ReadonlyArray<Uint8Array>
  ): Operation<ReadonlyArray<Uint8Array>> =>
    last.length < LIST_COUNT_MAX
      ? Effect.succeed(found)
      : Effect.flatMap(batch(last.at(-1)), (next) => from([...found, ...next], next))
  const all = Effect.flatMap(batch(undefined), (first) =>
    first.length < LIST_COUNT_MAX
      ? Effect.succeed(first)
      : volume.view(Effect.flatMap(batch(undefined), (again) => from(again, again)))
  )
  return Effect.map(all, (found) => found.map((name) => decoder.decode(name)))
}
