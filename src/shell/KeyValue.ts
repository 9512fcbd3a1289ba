/**
 * Keys and values on a volume: mirage-kv's interface, on the same names as the files.
 *
 * - A key is a path of names with slashes between them; the empty key and `"/"` are the whole. A value is a file, a
 *   dictionary is a folder. `.` and `..` are no names here, and symbolic links are followed.
 * - A change is atomic, and where the volume's durability is `"commit"`, durable when it returns. `set` makes the
 *   dictionaries above a key; it never replaces a dictionary by a value or the reverse.
 * - A failure is a `VolumeError` whose path is the key: `NotFound`, `IsAFolder` where a value is asked of a dictionary,
 *   `NotAFolder` where a dictionary is asked of a value or a key leads through one.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FileError from "../core/FileError.ts"
import * as Digest from "./Digest.ts"
import type { Operation, Service } from "./FileOperation.ts"
import * as FileOperation from "./FileOperation.ts"
import type { Stat } from "./FileStat.ts"
import * as Files from "./Files.ts"
import * as Folders from "./Folders.ts"
import * as Tracing from "./Tracing.ts"
import { Volume } from "./Volume.ts"
import type * as VolumeError from "./VolumeError.ts"

/** What a key stands for. */
export type Kind = "Value" | "Dictionary"

/** What is in a dictionary, under its last name. */
export interface Named {
  readonly name: string
  readonly kind: Kind
}

/** What {@link KeyValue} does. */
export interface Interface {
  /** What the key stands for, if anything. */
  readonly exists: (key: string) => Operation<Kind | undefined>
  readonly get: (key: string) => Operation<Uint8Array>
  /** Up to `length` bytes of the value from `offset` on: fewer at its end, none after it. */
  readonly getPartial: (key: string, offset: number, length: number) => Operation<Uint8Array>
  /** What is in a dictionary, in the byte order of names. */
  readonly list: (key: string) => Operation<ReadonlyArray<Named>>
  /**
   * When the value last changed, in nanoseconds since 1970; of a dictionary, the latest change in it or of anything
   * under it.
   */
  readonly lastModified: (key: string) => Operation<bigint>
  /** 32 bytes that tell what the key holds: equal digests, equal content. See `Digest`. */
  readonly digest: (key: string) => Operation<Uint8Array>
  /** Bytes of the value; of a dictionary, of all values under it. */
  readonly size: (key: string) => Operation<number>
  readonly set: (key: string, value: Uint8Array) => Operation<void>
  /** Writes into a value and past its end; a gap before `offset` is zeros. The value must be there. */
  readonly setPartial: (key: string, offset: number, bytes: Uint8Array) => Operation<void>
  /** Makes a value of `size` zeros that is not there yet. */
  readonly allocate: (key: string, size: number, lastModified?: bigint) => Operation<void>
  /** Removes a value, or a dictionary with all that is under it. */
  readonly remove: (key: string) => Operation<void>
  /** Moves a value or a dictionary; a value that is at `to` is replaced by a value, an empty dictionary by a dictionary. */
  readonly rename: (from: string, to: string) => Operation<void>
  /** All changes inside commit as one, or none: a transaction of the volume. */
  readonly batch: <A, E, R>(
    use: (keys: Interface) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | VolumeError.VolumeError, R>
}

/** Keys and values of a volume, as a service. */
export class KeyValue extends Context.Service<KeyValue, Interface>()("notafs/shell/KeyValue") {}

// ---- keys

/** The path of a key. */
const withPath = <A>(key: string, use: (path: string) => Operation<A>): Operation<A> =>
  Effect.suspend(() => {
    const names = key.split("/").filter((name) => name !== "")
    const dots = names.find((name) => name === "." || name === "..")
    if (dots !== undefined) return FileOperation.settle(key, FileError.invalidName(dots, "is no name of a key"))
    return use(`/${names.join("/")}`)
  })

const isMissing = ({ reason }: VolumeError.VolumeError): boolean =>
  reason._tag === "NotFound" || reason._tag === "NotAFolder"

const kindOf = ({ type }: Stat): Kind => (type === "Folder" ? "Dictionary" : "Value")

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1)

/** What a change comes to once the dictionaries above `path` are made, if that is all that it lacks. */
const withParents = (volume: Service, path: string, change: Operation<void>): Operation<void> =>
  Effect.catch(change, (error) =>
    error.reason._tag === "NotFound" && parentOf(path) !== "/"
      ? volume.transaction(Effect.andThen(Files.makeParents(volume, path), change))
      : Effect.fail(error)
  )

// ---- what takes more than one operation

interface Found {
  readonly name: string
  readonly path: string
  /** Of what a symbolic link leads to. */
  readonly stat: Stat
  readonly isLink: boolean
}

/** What is in a dictionary, symbolic links followed; those that lead to nothing are left out. */
const entriesOf = (volume: Service, path: string): Operation<ReadonlyArray<Found>> =>
  Effect.flatMap(Files.readFolder(volume, path), (entries) =>
    Effect.map(
      Effect.forEach(entries, ({ name, type }) => {
        const isLink = type === "SymbolicLink"
        const entryPath = path === "/" ? `/${name}` : `${path}/${name}`
        return Effect.catch(
          Effect.map(Files.stat(volume, entryPath), (stat) => [{ name, path: entryPath, stat, isLink }]),
          (error) => (isMissing(error) ? Effect.succeed([]) : Effect.fail(error))
        )
      }),
      (found) => found.flat()
    )
  )

/**
 * What a key comes to from the value that it stands for, or from what the entries under it come to. A dictionary that several
 * links lead to is looked at once; one that lies in itself is a loop of links, or damage.
 */
const folded = <A>(
  volume: Service,
  path: string,
  ofValue: (path: string, stat: Stat) => Operation<A>,
  ofDictionary: (stat: Stat, entries: ReadonlyArray<{ name: string; stat: Stat; result: A }>) => A
): Operation<A> => {
  const done = new Map<number, A>()
  const entered = new Set<number>()
  const of = ({ isLink, path: at, stat }: Found): Operation<A> => {
    const { number, type } = stat
    if (type !== "Folder") return ofValue(at, stat)
    const known = done.get(number)
    if (known !== undefined) return Effect.succeed(known)
    if (isLink && entered.has(number)) return FileOperation.settle(at, FileError.tooManySymbolicLinks())
    return Effect.gen(function* () {
      yield* Folders.enter(volume, entered, number, at)
      const entries = yield* Effect.forEach(yield* entriesOf(volume, at), (entry) =>
        Effect.map(of(entry), (result) => ({ name: entry.name, stat: entry.stat, result }))
      )
      const result = ofDictionary(stat, entries)
      done.set(number, result)
      return result
    })
  }
  const whole = Effect.flatMap(Files.stat(volume, path), (stat) => of({ name: "", path, stat, isLink: false }))
  return volume.view(whole)
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b)

// ---- the service

/** The keys of this volume. */
export const make = (volume: Service): Interface => {
  const keys: Interface = {
    exists: (key) =>
      withPath(key, (path) =>
        Effect.catch(Effect.map(Files.stat(volume, path), kindOf), (error) =>
          isMissing(error) ? Effect.succeed(undefined) : Effect.fail(error)
        )
      ),
    get: (key) => withPath(key, (path) => Files.readFile(volume, path)),
    getPartial: (key, offset, length) => withPath(key, (path) => Files.readRange(volume, path, offset, length)),
    list: (key) =>
      withPath(key, (path) =>
        volume.view(
          Effect.map(entriesOf(volume, path), (entries) =>
            entries.map(({ name, stat }) => ({ name, kind: kindOf(stat) }))
          )
        )
      ),
    lastModified: (key) =>
      withPath(key, (path) =>
        folded(
          volume,
          path,
          (_path, stat) => Effect.succeed(stat.modifyTime),
          (stat, entries) => entries.reduce((latest, { result }) => later(latest, result), stat.modifyTime)
        )
      ),
    digest: (key) =>
      withPath(key, (path) =>
        folded(
          volume,
          path,
          (at, stat) => Digest.ofValue(volume, at, stat.number),
          (_stat, entries) =>
            Digest.ofDictionary(
              entries.map(({ name, result, stat }) => ({ name, isDictionary: stat.type === "Folder", digest: result }))
            )
        )
      ),
    size: (key) =>
      withPath(key, (path) =>
        folded(
          volume,
          path,
          (_path, stat) => Effect.succeed(stat.size),
          (_stat, entries) => entries.reduce((sum, { result }) => sum + result, 0)
        )
      ),
    set: (key, value) => withPath(key, (path) => withParents(volume, path, Files.writeFile(volume, path, value))),
    setPartial: (key, offset, bytes) => withPath(key, (path) => Files.write(volume, path, offset, bytes)),
    allocate: (key, size, lastModified) =>
      withPath(key, (path) => {
        const made = Effect.andThen(
          Files.writeFile(volume, path, new Uint8Array(0), { flag: "wx" }),
          Files.truncate(volume, path, size)
        )
        const dated =
          lastModified === undefined
            ? made
            : Effect.andThen(made, Files.changeAttributes(volume, path, { modifyTime: lastModified }))
        return withParents(volume, path, volume.transaction(dated))
      }),
    remove: (key) => withPath(key, (path) => Files.removeTree(volume, path)),
    rename: (from, to) =>
      withPath(from, (path) => withPath(to, (goal) => withParents(volume, goal, Files.rename(volume, path, goal)))),
    batch: (use) => volume.transaction(Effect.suspend(() => use(keys)))
  }
  return keys
}

/** What has a span, where somebody traces; see `Tracing`. */
const TRACED = [
  "exists",
  "get",
  "getPartial",
  "list",
  "lastModified",
  "digest",
  "size",
  "set",
  "setPartial",
  "allocate",
  "remove",
  "rename",
  "batch"
] as const

/** The keys of the volume below: of that, also where this layer is in use on another volume already. */
export const layer: Layer.Layer<KeyValue, never, Volume> = Layer.fresh(
  Layer.effect(
    KeyValue,
    Effect.map(Volume, (volume) => Tracing.traced(make(volume), "KeyValue", TRACED, "key"))
  )
)
