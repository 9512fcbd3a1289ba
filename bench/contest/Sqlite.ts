/**
 * SQLite by better-sqlite3, with a write-ahead log and `synchronous=FULL`, set by hand. `contestant` has a large value in one row,
 * `chunked` in rows of 64 KiB.
 */
import { join } from "node:path"
import {
  type Contestant,
  type Content,
  type Entry,
  eachNow,
  type Pairs,
  type Place,
  together,
  type Tree
} from "./Contestant.ts"
import * as Peer from "./Peer.ts"
import * as SourceFolder from "./SourceFolder.ts"

/** The part of better-sqlite3 that is used. */
interface Statement {
  readonly run: (...values: ReadonlyArray<unknown>) => unknown
  readonly get: (...values: ReadonlyArray<unknown>) => Record<string, Buffer> | undefined
  readonly iterate: (...values: ReadonlyArray<unknown>) => Iterable<Record<string, Buffer>>
}

interface Database {
  readonly pragma: (text: string) => unknown
  readonly exec: (text: string) => unknown
  readonly prepare: (text: string) => Statement
  readonly close: () => void
}

interface Module {
  readonly default: new (path: string) => Database
}

const PACKAGE = "better-sqlite3"
const CHUNK_BYTES = 64 * 1024

const open = async ({ folder }: Place): Promise<Database> => {
  const { default: Sqlite } = await Peer.load<Module>(PACKAGE)
  const database = new Sqlite(join(folder, "sqlite.db"))
  database.pragma("journal_mode=WAL")
  database.pragma("synchronous=FULL")
  database.exec(`
    CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chunks (number INTEGER PRIMARY KEY, value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, value BLOB NOT NULL);
  `)
  return database
}

/** Runs `f` in one transaction. */
const transaction = (database: Database, f: () => void): void => {
  database.exec("BEGIN IMMEDIATE")
  f()
  database.exec("COMMIT")
}

const pairs = async (place: Place): Promise<Pairs> => {
  const database = await open(place)
  const insert = database.prepare("INSERT OR REPLACE INTO pairs VALUES (?, ?)")
  const select = database.prepare("SELECT value FROM pairs WHERE key = ?")
  const all = database.prepare("SELECT key, value FROM pairs ORDER BY key")
  const put = ({ key, value }: Entry): unknown => insert.run(key, value)
  return {
    putAlone: async (entries) => eachNow(entries, put),
    putTogether: (entries, clientCount) => together(entries, clientCount, put),
    load: async (batches) => {
      for (const batch of batches) transaction(database, () => batch.forEach(put))
    },
    get: async (entries) => {
      let byteCount = 0
      for (const { key } of entries) byteCount += select.get(key)?.["value"].length ?? 0
      return byteCount
    },
    scan: async () => {
      let byteCount = 0
      for (const { value } of all.iterate()) byteCount += value.length
      return byteCount
    },
    countSame: async (entries) =>
      entries.filter(({ key, value }) => select.get(key)?.["value"].compare(value) === 0).length,
    close: async () => database.close()
  }
}

const whole = async (place: Place): Promise<Content> => {
  const database = await open(place)
  const insert = database.prepare("INSERT OR REPLACE INTO chunks VALUES (0, ?)")
  const select = database.prepare("SELECT value FROM chunks WHERE number = 0")
  const part = database.prepare("SELECT substr(value, ?, ?) AS value FROM chunks WHERE number = 0")
  return {
    set: async (value) => void insert.run(value),
    get: async () => select.get()?.["value"].length ?? 0,
    read: async (offsets, byteCount) => eachNow(offsets, (offset) => part.get(offset + 1, byteCount)),
    write: async (offsets, bytes) =>
      eachNow(offsets, (offset) => {
        const value = select.get()?.["value"] ?? Buffer.alloc(0)
        value.set(bytes, offset)
        insert.run(value)
      }),
    close: async () => database.close()
  }
}

const inChunks = async (place: Place): Promise<Content> => {
  const database = await open(place)
  const insert = database.prepare("INSERT OR REPLACE INTO chunks VALUES (?, ?)")
  const select = database.prepare("SELECT value FROM chunks WHERE number = ?")
  const all = database.prepare("SELECT value FROM chunks ORDER BY number")
  const chunkAt = (offset: number): Buffer => select.get(Math.floor(offset / CHUNK_BYTES))?.["value"] ?? Buffer.alloc(0)
  /** Bytes that stand wholly in one chunk or go over into the next one. */
  const read = (offset: number, byteCount: number): Buffer => {
    const at = offset % CHUNK_BYTES
    const first = chunkAt(offset).subarray(at, at + byteCount)
    return first.length === byteCount
      ? first
      : Buffer.concat([first, read(offset + first.length, byteCount - first.length)])
  }
  const write = (offset: number, bytes: Uint8Array): void => {
    const at = offset % CHUNK_BYTES
    const count = Math.min(bytes.length, CHUNK_BYTES - at)
    const chunk = chunkAt(offset)
    chunk.set(bytes.subarray(0, count), at)
    insert.run(Math.floor(offset / CHUNK_BYTES), chunk)
    if (count < bytes.length) write(offset + count, bytes.subarray(count))
  }
  const writeAll = (first: number, bytes: Uint8Array): number => {
    let number = first
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) insert.run(number++, bytes.subarray(at, at + CHUNK_BYTES))
    return number
  }
  const streamOut = async (): Promise<number> => {
    let byteCount = 0
    for (const { value } of all.iterate()) byteCount += value.length
    return byteCount
  }
  return {
    set: async (value) => transaction(database, () => void writeAll(0, value)),
    get: async () => Buffer.concat(Array.from(all.iterate(), ({ value }) => value)).length,
    read: async (offsets, byteCount) => eachNow(offsets, (offset) => read(offset, byteCount)),
    write: async (offsets, bytes) => eachNow(offsets, (offset) => transaction(database, () => write(offset, bytes))),
    streamIn: async (chunk, chunkCount) =>
      transaction(database, () => {
        let number = 0
        for (let i = 0; i < chunkCount; i++) number = writeAll(number, chunk)
      }),
    streamOut,
    append: async (chunk, chunkCount, perSync) => {
      let number = 1 << 24
      for (let done = 0; done < chunkCount; done += perSync) {
        transaction(database, () => {
          for (let i = 0; i < perSync; i++) insert.run(number++, chunk)
        })
      }
    },
    close: async () => database.close()
  }
}

const tree = async (place: Place): Promise<Tree> => {
  const database = await open(place)
  const insert = database.prepare("INSERT INTO files VALUES (?, ?)")
  return {
    importFolder: async (source) =>
      transaction(database, () => {
        for (const { isFolder, path, read } of SourceFolder.entriesOf(source)) if (!isFolder) insert.run(path, read())
      }),
    close: async () => database.close()
  }
}

const notes = "better-sqlite3, journal_mode=WAL, synchronous=FULL set by hand"

export const contestant: Contestant = {
  name: "sqlite",
  packageName: PACKAGE,
  notes: `${notes}; a value is one row`,
  pairs,
  content: whole,
  tree
}

export const chunked: Contestant = {
  name: "chunked",
  packageName: PACKAGE,
  notes: `${notes}; a value is rows of 64 KiB`,
  content: inChunks
}
