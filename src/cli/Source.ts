/**
 * A tree of files to be copied, wherever it comes from: the host, or a volume. As one walk found it.
 *
 * - Entries stand in the order in which copies of them are made: a folder before its entries, the entries of one folder
 *   together and in the byte order of their names.
 * - Symbolic links are entries, never followed.
 */
import type * as Effect from "effect/Effect"
import type { Type } from "../shell/Files.ts"

export interface Entry {
  /** The index of the folder that it is in; -1 for the first entry, which is what was asked for. */
  readonly parent: number
  readonly name: string
  readonly type: Type
  /** Bytes of a file. */
  readonly size: number
  /** Permission bits, 12 of them. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** In nanoseconds since 1970. */
  readonly accessTime: bigint
  readonly modifyTime: bigint
  /** Equal for the names of one file that has several. */
  readonly link: string | undefined
  /** Whether stretches of the file are not written. */
  readonly isSparse: boolean
}

export interface Source<E> {
  /** What messages call the first entry. */
  readonly root: string
  readonly entries: ReadonlyArray<Entry>
  /** Of all files. */
  readonly byteCount: number
  /** The content of a file of at most {@link PIECE_BYTES}; it stands until the next call. */
  readonly whole: (index: number, path: string) => Effect.Effect<Uint8Array, E>
  /**
   * Gives the content of a file in pieces to `use`, which is done with a piece when it returns, and tells `passed` how many
   * more bytes are done. Unwritten stretches are left out.
   */
  readonly pieces: <E2>(
    index: number,
    path: string,
    use: (offset: number, bytes: Uint8Array) => Effect.Effect<void, E2>,
    passed: (byteCount: number) => Effect.Effect<void>
  ) => Effect.Effect<void, E | E2>
  readonly linkTarget: (index: number, path: string) => Effect.Effect<string, E>
  /** Fails if a folder, all of whose entries were copied, is not what it was. */
  readonly verifyFolder: (index: number, path: string) => Effect.Effect<void, E>
}

/** What is copied in one piece, and the most that stands in memory. */
export const PIECE_BYTES = 1024 * 1024

/** The path of an entry of the folder at `path`. */
export const childPath = (path: string, name: string): string => (path.endsWith("/") ? path + name : `${path}/${name}`)

/** The path of an entry, as messages call it. */
export const pathOf = ({ entries, root }: Pick<Source<unknown>, "entries" | "root">, index: number): string => {
  const names: Array<string> = []
  for (let at = index; entries[at].parent >= 0; at = entries[at].parent) names.push(entries[at].name)
  return names.reduceRight(childPath, root)
}

/** How many of the entries are of a type. */
export const countOf = ({ entries }: Source<unknown>, type: Type): number =>
  entries.reduce((sum, entry) => (entry.type === type ? sum + 1 : sum), 0)

/** Stretches of zeros are looked for in this unit. */
const HOLE_BYTES = 65536
const ZEROS = Buffer.alloc(HOLE_BYTES)

const isZero = (bytes: Uint8Array): boolean => ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0

/** The parts of a piece that are not all zeros. */
export const writtenParts = (bytes: Uint8Array): ReadonlyArray<readonly [start: number, end: number]> => {
  const parts: Array<readonly [number, number]> = []
  let start = -1
  for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
    const isHole = isZero(bytes.subarray(at, at + HOLE_BYTES))
    if (isHole && start >= 0) parts.push([start, at])
    if (isHole) start = -1
    else if (start < 0) start = at
  }
  if (start >= 0) parts.push([start, bytes.length])
  return parts
}
