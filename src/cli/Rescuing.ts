/**
 * Writes what a rescue has found onto the host.
 *
 * - The goal is a folder that was not there or was empty, and everything in it is created where nothing is: so nothing is
 *   written through a symbolic link, wherever the links of the volume lead.
 * - A file of which something is lost is left out, or kept with zeros in the place of what is lost.
 * - What the host refuses (a name, a second entry of the same name) is lost, and all under it; a full disk ends it all.
 * - Modes, owners (where the user may give files away) and times come along; extended attributes do not.
 * - Tables come into a folder of their own, `tables`, a file each by number: a line of JSON that names the table, then a line for
 *   each entry, its key and value in base64. An entry whose value is lost is left out.
 */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import type * as FileStat from "../shell/FileStat.ts"
import type * as Rescue from "../shell/Rescue.ts"
import * as Exporting from "./Exporting.ts"
import { type HostError, hostError } from "./Failure.ts"
import * as Source from "./Source.ts"

/** Something that was not taken out, or not all of it. */
export interface Lost {
  readonly path: string | undefined
  readonly reason: string
  /** What is lost of a file's content. */
  readonly ranges: ReadonlyArray<Rescue.LostRange>
  /** Whether the rest of it was written. */
  readonly isPartial: boolean
}

export interface Report {
  readonly fileCount: number
  readonly folderCount: number
  readonly symbolicLinkCount: number
  readonly tableCount: number
  readonly byteCount: number
  readonly lost: ReadonlyArray<Lost>
}

/** After these nothing else would go better. */
const FATAL = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "EACCES", "EPERM"])

/** The longest target that a system takes. */
const TARGET_BYTES_MAX = 4096

const attempt = <A>(path: string, doing: string, f: () => A): Effect.Effect<A, HostError> =>
  Effect.try({ try: f, catch: (cause) => hostError(path, doing, cause) })

const why = (ranges: ReadonlyArray<Rescue.LostRange>): string => {
  const byteCount = ranges.reduce((sum, range) => sum + range.byteCount, 0)
  return `${byteCount} bytes of its content are lost: ${ranges[0].reason}`
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

const TABLES = "tables"

/** A name for the folder of the tables that nothing at the root of the volume has. */
const tablesFolder = ({ items }: Rescue.Rescue): string => {
  const taken = new Set(items.filter(({ parent }) => parent === 0).map(({ name }) => name.toLowerCase()))
  let name = TABLES
  for (let i = 2; taken.has(name); i++) name = `${TABLES}.${i}`
  return name
}

/** Writes the tables. What the host refuses ends it all: nothing of the volume stands where they come. */
const makeTables = Effect.fnUntraced(function* (
  rescue: Rescue.Rescue,
  goal: string,
  counts: { tableCount: number },
  lost: Array<Lost>
) {
  const folder = Source.childPath(goal, tablesFolder(rescue))
  yield* attempt(folder, "making", () => fs.mkdirSync(folder, 0o700))
  for (const table of rescue.tables) {
    const path = Source.childPath(folder, `${table.number}.jsonl`)
    const { count, name } = table
    const write = (fd: number, line: object) =>
      attempt(path, "writing", () => fs.writeFileSync(fd, `${JSON.stringify(line)}\n`))
    yield* Effect.acquireUseRelease(
      attempt(path, "creating", () => fs.openSync(path, Exporting.flags, 0o600)),
      (fd) =>
        Effect.andThen(
          write(fd, { table: name, count }),
          rescue.entries(table, ({ key, reason, value }) => {
            if (value !== undefined) return write(fd, { key: base64(key), value: base64(value) })
            const what = `the value of the key ${base64(key)} of the table ${JSON.stringify(name)} is lost: ${reason}`
            lost.push({ path: undefined, reason: what, ranges: [], isPartial: false })
            return Effect.void
          })
        ),
      (fd) => Effect.sync(() => fs.closeSync(fd))
    )
    counts.tableCount++
  }
})

/** Writes everything into `goal`, which is a folder that is empty. */
export const run = Effect.fnUntraced(function* (
  rescue: Rescue.Rescue,
  goal: string,
  keepsPartial: boolean,
  passed: (byteCount: number) => Effect.Effect<void>
) {
  const lost: Array<Lost> = rescue.lost.map((some) => ({ ...some, ranges: [], isPartial: false }))
  const counts = { fileCount: 0, folderCount: 0, symbolicLinkCount: 0, tableCount: 0, byteCount: 0 }
  /** Where items were written: none for what is lost. */
  const places: Array<string | undefined> = []
  const written = new Map<number, string>()
  const folders: Array<{ readonly path: string; readonly stat: FileStat.Stat }> = []

  /** Writes a file and answers what is lost of it. */
  const makeFile = (item: Rescue.Item, path: string) =>
    Effect.acquireUseRelease(
      attempt(path, "creating", () => fs.openSync(path, Exporting.flags, 0o600)),
      (fd) =>
        Effect.gen(function* () {
          const ranges = yield* rescue.content(item, ({ bytes, offset }) =>
            Effect.andThen(
              attempt(path, "writing", () => Exporting.writeAll(fd, bytes, offset)),
              passed(bytes.length)
            )
          )
          const stat = yield* rescue.stat(item)
          yield* attempt(path, "finishing", () => {
            fs.ftruncateSync(fd, item.size)
            if (stat !== undefined) Exporting.finishFile(fd, stat)
          })
          return ranges
        }),
      (fd) => Effect.sync(() => fs.closeSync(fd))
    ).pipe(
      Effect.tapError(() => Effect.sync(() => fs.rmSync(path, { force: true }))),
      Effect.tap((ranges) =>
        ranges.length > 0 && !keepsPartial ? attempt(path, "removing", () => fs.unlinkSync(path)) : Effect.void
      )
    )

  const makeLink = Effect.fnUntraced(function* (item: Rescue.Item, path: string) {
    const parts: Array<Uint8Array> = []
    let byteCount = 0
    const ranges = yield* rescue.content(item, ({ bytes }) =>
      Effect.sync(() => {
        byteCount += bytes.length
        if (byteCount <= TARGET_BYTES_MAX) parts.push(bytes.slice())
      })
    )
    const stat = yield* rescue.stat(item)
    if (ranges.length > 0 || stat === undefined) return ranges
    yield* attempt(path, "making", () => {
      fs.symlinkSync(Buffer.concat(parts), path)
      if (Exporting.isSuperuser) fs.lchownSync(path, stat.uid, stat.gid)
      fs.lutimesSync(path, Exporting.seconds(stat.accessTime), Exporting.seconds(stat.modifyTime))
    })
    return ranges
  })

  /** Writes one item; answers where, if it was written. */
  const make = Effect.fnUntraced(function* (item: Rescue.Item, path: string) {
    const { number, size, type } = item
    if (type === "Folder") {
      if (item.parent >= 0) yield* attempt(path, "making", () => fs.mkdirSync(path, 0o700))
      const stat = yield* rescue.stat(item)
      if (stat !== undefined) folders.push({ path, stat })
      counts.folderCount++
      return path
    }
    if (!item.isFound) return undefined
    const linked = written.get(number)
    if (linked !== undefined) {
      yield* attempt(path, "linking", () => fs.linkSync(linked, path))
    } else {
      const ranges = yield* type === "File" ? makeFile(item, path) : makeLink(item, path)
      const isPartial = ranges.length > 0 && keepsPartial && type === "File"
      if (ranges.length > 0) lost.push({ path: item.path, reason: why(ranges), ranges, isPartial })
      if (ranges.length > 0 && !isPartial) return undefined
      written.set(number, path)
      counts.byteCount += size
    }
    if (type === "File") counts.fileCount++
    else counts.symbolicLinkCount++
    return path
  })

  for (const item of rescue.items) {
    const folder = item.parent < 0 ? goal : places[item.parent]
    const path = item.parent < 0 ? goal : folder && Source.childPath(folder, item.name)
    if (path === undefined) {
      lost.push({ path: item.path, reason: "its folder could not be made", ranges: [], isPartial: false })
      places.push(undefined)
      continue
    }
    const made = yield* Effect.catch(make(item, path), (error) => {
      if (error.code !== undefined && FATAL.has(error.code)) return Effect.fail(error)
      lost.push({ path: item.path, reason: error.message, ranges: [], isPartial: false })
      return Effect.succeed(undefined)
    })
    places.push(made)
  }
  if (rescue.tables.length > 0) yield* makeTables(rescue, goal, counts, lost)
  for (const { path, stat } of folders.toReversed()) {
    yield* attempt(path, "finishing", () => {
      if (Exporting.isSuperuser) fs.chownSync(path, stat.uid, stat.gid)
      fs.chmodSync(path, stat.mode)
      fs.utimesSync(path, Exporting.seconds(stat.accessTime), Exporting.seconds(stat.modifyTime))
    })
  }
  return { ...counts, lost } satisfies Report
})
