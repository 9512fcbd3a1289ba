/**
 * LevelDB by classic-level, every write with `sync: true`. Gets are the synchronous ones, which are faster. A stream is rows of
 * 64 KiB in one batch, since nothing else is atomic; what is to be changed in a value is read and written as a whole.
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

/** The part of classic-level that is used. */
interface Operation {
  readonly type: "put"
  readonly key: Uint8Array
  readonly value: Uint8Array
}

interface Iterator {
  readonly nextv: (count: number) => Promise<ReadonlyArray<readonly [Uint8Array, Uint8Array]>>
  readonly close: () => Promise<void>
}

interface Database {
  readonly open: () => Promise<void>
  readonly put: (key: Uint8Array, value: Uint8Array, options: object) => Promise<void>
  readonly getSync: (key: Uint8Array) => Uint8Array | undefined
  readonly batch: (operations: ReadonlyArray<Operation>, options: object) => Promise<void>
  readonly iterator: () => Iterator
  readonly close: () => Promise<void>
}

interface Module {
  readonly ClassicLevel: new (path: string, options: object) => Database
}

const PACKAGE = "classic-level"
const CHUNK_BYTES = 64 * 1024
const APPENDED = 1 << 24
const SCAN_COUNT = 1000
const durable = { sync: true }
const VALUE = new TextEncoder().encode("value")

const open = async ({ folder }: Place): Promise<Database> => {
  const { ClassicLevel } = await Peer.load<Module>(PACKAGE)
  const database = new ClassicLevel(join(folder, "level"), { keyEncoding: "view", valueEncoding: "view" })
  await database.open()
  return database
}

const scan = async (database: Database): Promise<number> => {
  const iterator = database.iterator()
  let byteCount = 0
  for (;;) {
    const some = await iterator.nextv(SCAN_COUNT)
    if (some.length === 0) break
    for (const [, value] of some) byteCount += value.length
  }
  await iterator.close()
  return byteCount
}

const operationOf = ({ key, value }: { key: Uint8Array; value: Uint8Array }): Operation => ({ type: "put", key, value })

const pairs = async (place: Place): Promise<Pairs> => {
  const database = await open(place)
  const put = ({ key, value }: Entry): Promise<void> => database.put(key, value, durable)
  return {
    putAlone: (entries) => each(entries, put),
    putTogether: (entries, clientCount) => together(entries, clientCount, put),
    load: async (batches) => {
      for (const batch of batches) await database.batch(batch.map(operationOf), durable)
    },
    get: async (entries) => {
      let byteCount = 0
      for (const { key } of entries) byteCount += database.getSync(key)?.length ?? 0
      return byteCount
    },
    scan: () => scan(database),
    countSame: async (entries) =>
      entries.filter(({ key, value }) => Buffer.compare(database.getSync(key) ?? new Uint8Array(0), value) === 0)
        .length,
    close: () => database.close()
  }
}

const numbered = (number: number, value: Uint8Array): Operation => {
  const key = new Uint8Array(4)
  new DataView(key.buffer).setUint32(0, number)
  return { type: "put", key, value }
}

const content = async (place: Place): Promise<Content> => {
  const database = await open(place)
  const get = (): Uint8Array => database.getSync(VALUE) ?? new Uint8Array(0)
  return {
    set: (value) => database.put(VALUE, value, durable),
    get: async () => get().length,
    read: async (offsets, byteCount) => eachNow(offsets, (offset) => get().slice(offset, offset + byteCount)),
    write: (offsets, bytes) =>
      each(offsets, async (offset) => {
        const value = get()
        value.set(bytes, offset)
        await database.put(VALUE, value, durable)
      }),
    streamIn: async (chunk, chunkCount) => {
      const operations: Array<Operation> = []
      for (let i = 0; i < chunkCount; i++) {
        for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
          operations.push(numbered(operations.length, chunk.subarray(at, at + CHUNK_BYTES)))
        }
      }
      await database.batch(operations, durable)
    },
    streamOut: () => scan(database),
    append: async (chunk, chunkCount, perSync) => {
      for (let done = 0; done < chunkCount; done += perSync) {
        const operations = Array.from({ length: perSync }, (_, i) => numbered(APPENDED + done + i, chunk))
        await database.batch(operations, durable)
      }
    },
    close: () => database.close()
  }
}

const tree = async (place: Place): Promise<Tree> => {
  const database = await open(place)
  const encoder = new TextEncoder()
  return {
    importFolder: async (source) => {
      const operations: Array<Operation> = []
      for (const { isFolder, path, read } of SourceFolder.entriesOf(source)) {
        if (!isFolder) operations.push(operationOf({ key: encoder.encode(path), value: read() }))
      }
      await database.batch(operations, durable)
    },
    close: () => database.close()
  }
}

export const contestant: Contestant = {
  name: "level",
  packageName: PACKAGE,
  notes: "classic-level, sync: true, synchronous gets",
  pairs,
  content,
  tree
}
