/**
 * What happens to a file, or in a folder, as events of effect's `FileSystem`.
 *
 * - Events come of what is committed: a few commits may be told as one, and what was made and removed between them not at all.
 * - A path is relative to the folder that is watched; of a file it is its name. What is moved is removed there and created here.
 * - Where a writer in another process was faster than this reader (`Missed`), the watched path itself is told as updated: its reader
 *   should look at all of it.
 */
import * as Effect from "effect/Effect"
import type { WatchEvent, WatchOptions } from "effect/FileSystem"
import * as Stream from "effect/Stream"
import type { Change } from "./Difference.ts"
import type { Failure, Service } from "./FileOperation.ts"
import * as Files from "./Files.ts"

/** The path as the watcher is told it, if it is told of it. */
type Seen = (path: string) => string | undefined

const ofFile =
  (path: string): Seen =>
  (found) =>
    found === path ? nameOf(path) : undefined

const ofFolder = (folder: string, recursive: boolean): Seen => {
  const prefix = folder === "/" ? "/" : `${folder}/`
  return (found) => {
    if (!found.startsWith(prefix)) return undefined
    const path = found.slice(prefix.length)
    return path === "" || (!recursive && path.includes("/")) ? undefined : path
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

const eventsOf = (change: Change, seen: Seen): ReadonlyArray<WatchEvent> => {
  if (!("path" in change)) return []
  const event = (_tag: WatchEvent["_tag"], found: string): ReadonlyArray<WatchEvent> => {
    const path = seen(found)
    return path === undefined ? [] : [{ _tag, path }]
  }
  switch (change._tag) {
    case "Added":
      return event("Create", change.path)
    case "Removed":
      return event("Remove", change.path)
    case "Renamed":
      return [...event("Remove", change.from), ...event("Create", change.path)]
    case "Changed":
      return event("Update", change.path)
  }
}

/** The events of what `path` leads to, which has to be there, without end. */
export const watch = (volume: Service, path: string, options?: WatchOptions): Stream.Stream<WatchEvent, Failure> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const [real, { type }] = [yield* Files.realPath(volume, path), yield* Files.stat(volume, path)]
      const seen = type === "Folder" ? ofFolder(real, options?.recursive ?? false) : ofFile(real)
      const missed: WatchEvent = { _tag: "Update", path: type === "Folder" ? "." : nameOf(real) }
      return volume
        .watch({ onReady: options?.onReady })
        .pipe(
          Stream.flatMap((event) =>
            Stream.fromIterable(event._tag === "Missed" ? [missed] : eventsOf(event.change, seen))
          )
        )
    })
  )
