/**
 * LMDB by lmdb-js. A put resolves when it is committed; `flushed` is awaited, after which it is durable. A stream is rows of
 * 64 KiB in one transaction; what is to be changed in the middle of a value is read and written as a whole.
 */
import { join } from "node:path"
import {
  type Contestant,
  type Content,
  type Entry,
  each,
  eachNow,
  type Pairs,
  type Place,
  together,
  type Tree
} from "./Contestant.ts"
import * as Peer from "./Peer.ts"
import * as SourceFolder from "./SourceFolder.ts"

/** The part of lmdb-js that is used. */
interface Database {
  readonly put: (key: unknown, value: Uint8Array) => Promise<boolean>
  readonly get: (key: unknown) => Buffer | undefined
  readonly getRange: () => Iterable<{ readonly value: Buffer }>
  readonly transaction: (f: () => void) => Promise<unknown>
  readonly flushed: Promise<unknown>
  readonly close: () => Promise<void>
}

interface Module {
  readonly open: (options: object) => Database
}

const PACKAGE = "lmdb"
const CHUNK_BYTES = 64 * 1024
const APPENDED = 1 << 24

const open = async ({ byteCount, folder }: Place, keyEncoding: string): Promise<Database> => {
  const lmdb = await Peer.load<Module>(PACKAGE)
  const mapSize = 2 ** Math.ceil(Math.log2(256 * 1024 * 1024 + 3 * byteCount))
  return lmdb.open({ path: join(folder, "lmdb.db"), encoding: "binary", keyEncoding, mapSize })
}

const pairs = async (place: Place): Promise<Pairs> => {
  const database = await open(place, "binary")
  const put = async ({ key, value }: Entry): Promise<void> => {
    await database.put(key, value)
    await database.flushed
  }
  return {
    putAlone: (entries) => each(entries, put),
    putTogether: (entries, clientCount) => together(entries, clientCount, put),
    load: async (batches) => {
      for (const batch of batches) {
        await database.transaction(() => {
          for (const { key, value } of batch) void database.put(key, value)
        })
        await database.flushed
      }
    },
    get: async (entries) => {
      let byteCount = 0
      for (const { key } of entries) byteCount += database.get(key)?.length ?? 0
      return byteCount
    },
    scan: async () => {
      let byteCount = 0
      for (const { value } of database.getRange()) byteCount += value.length
      return byteCount
    },
    countSame: async (entries) => entries.filter(({ key, value }) => database.get(key)?.compare(value) === 0).length,
    close: () => database.close()
  }
}

const content = async (place: Place): Promise<Content> => {
  const database = await open(place, "ordered-binary")
  const get = (): Buffer => database.get("value") ?? Buffer.alloc(0)
  const set = async (value: Uint8Array): Promise<void> => {
    await database.put("value", value)
    await database.flushed
  }
  const putAll = (first: number, bytes: Uint8Array): number => {
    let number = first
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      void database.put(number++, bytes.subarray(at, at + CHUNK_BYTES))
    }
    return number
  }
  return {
    set,
    get: async () => get().length,
    read: async (offsets, byteCount) =>
      eachNow(offsets, (offset) => Buffer.from(get().subarray(offset, offset + byteCount))),
    write: (offsets, bytes) =>
      each(offsets, async (offset) => {
        const value = Buffer.from(get())
        value.set(bytes, offset)
        await set(value)
      }),
    streamIn: async (chunk, chunkCount) => {
      await database.transaction(() => {
        let number = 0
        for (let i = 0; i < chunkCount; i++) number = putAll(number, chunk)
      })
      await database.flushed
    },
    streamOut: async () => {
      let byteCount = 0
      for (const { value } of database.getRange()) byteCount += value.length
      return byteCount
    },
    append: async (chunk, chunkCount, perSync) => {
      let number = APPENDED
      for (let done = 0; done < chunkCount; done += perSync) {
        await database.transaction(() => {
          for (let i = 0; i < perSync; i++) void database.put(number++, chunk)
        })
        await database.flushed
      }
    },
    close: () => database.close()
  }
}

const tree = async (place: Place): Promise<Tree> => {
  const database = await open(place, "ordered-binary")
  return {
    importFolder: async (source) => {
      await database.transaction(() => {
        for (const { isFolder, path, read } of SourceFolder.entriesOf(source)) {
          if (!isFolder) void database.put(path, read())
        }
      })
      await database.flushed
    },
    close: () => database.close()
  }
}

export const contestant: Contestant = {
  name: "lmdb",
  packageName: PACKAGE,
  notes: "lmdb-js, default options, `flushed` awaited",
  pairs,
  content,
  tree
}
