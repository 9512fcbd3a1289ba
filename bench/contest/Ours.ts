/**
 * notafs on a file, through its public Effect calls: checksums verified, every change synced. Small values stand in a table, large
 * ones in a file.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { KeyValue, Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import type { Contestant, Content, Entry, Pairs, Place, Tree } from "./Contestant.ts"
import * as SourceFolder from "./SourceFolder.ts"

/** Room for what a commit writes beside what it replaces; a small store is not in a large file. */
const SPARE_BYTES = 256 * 1024 * 1024
const FILE = "/large"

type Services = FileSystem.FileSystem | KeyValue.KeyValue | Volume.Volume

/** The volume of a folder, open until it is closed. */
export const open = async ({ byteCount, folder }: Place) => {
  const spareBytes = Math.min(SPARE_BYTES, 16 * 1024 * 1024 + 8 * byteCount)
  const size = Math.ceil((spareBytes + 2.5 * byteCount) / 65536) * 65536
  const layer = Layer.mergeAll(VolumeFileSystem.layer, KeyValue.layer).pipe(
    Layer.provideMerge(Volume.layer()),
    Layer.provide(FileDevice.layer({ path: join(folder, "volume.img"), size }))
  )
  const runtime = ManagedRuntime.make(layer)
  await runtime.runPromise(Volume.Volume)
  return {
    run: <A, E>(effect: Effect.Effect<A, E, Services>): Promise<A> => runtime.runPromise(effect),
    close: () => runtime.dispose()
  }
}

/** Milliseconds of each, one after the other. */
const each = Effect.fnUntraced(function* <A, E, R>(all: ReadonlyArray<A>, f: (a: A) => Effect.Effect<unknown, E, R>) {
  const times: Array<number> = []
  for (const one of all) {
    const start = performance.now()
    yield* f(one)
    times.push(performance.now() - start)
  }
  return times
})

const pairs = async (place: Place): Promise<Pairs> => {
  const { close, run } = await open(place)
  const volume = await run(Volume.Volume)
  const table = volume.table("pairs")
  const put = ({ key, value }: Entry) => table.set(key, value)
  const load = Effect.fnUntraced(function* (batches: ReadonlyArray<ReadonlyArray<Entry>>) {
    for (const batch of batches) yield* volume.transaction(Effect.forEach(batch, put, { discard: true }))
  })
  const get = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>) {
    let byteCount = 0
    for (const { key } of entries) byteCount += (yield* table.get(key))?.length ?? 0
    return byteCount
  })
  const countSame = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>) {
    let count = 0
    for (const { key, value } of entries) {
      const found = yield* table.get(key)
      if (found !== undefined && Buffer.compare(found, value) === 0) count++
    }
    return count
  })
  const client = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>, clientCount: number, first: number) {
    for (let i = first; i < entries.length; i += clientCount) yield* put(entries[i])
  })
  return {
    putAlone: (entries) => run(each(entries, put)),
    putTogether: (entries, clientCount) =>
      run(
        Effect.forEach(Array.from({ length: clientCount }).keys(), (first) => client(entries, clientCount, first), {
          concurrency: "unbounded",
          discard: true
        })
      ),
    load: (batches) => run(load(batches)),
    get: (entries) => run(get(entries)),
    scan: () =>
      run(
        Stream.runFold(
          table.entries(),
          () => 0,
          (sum, { value }) => sum + value.length
        )
      ),
    countSame: (entries) => run(countSame(entries)),
    bytesWritten: () => run(Effect.map(volume.statistics, ({ pageBytes, pagesWritten }) => pageBytes * pagesWritten)),
    close
  }
}

const streamIn = Effect.fnUntraced(function* (chunk: Uint8Array, chunkCount: number) {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  yield* volume.transaction(
    Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open(FILE, { flag: "w" })
        for (let i = 0; i < chunkCount; i++) yield* file.writeAll(chunk)
      })
    )
  )
})

const streamOut = Effect.fnUntraced(function* (chunkBytes: number) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.open(FILE)
  const chunk = new Uint8Array(chunkBytes)
  let byteCount = 0
  for (let count = -1; count !== 0; byteCount += count) count = Number(yield* file.read(chunk))
  return byteCount
}, Effect.scoped)

const append = Effect.fnUntraced(function* (chunk: Uint8Array, chunkCount: number, perSync: number) {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  const file = yield* fs.open(FILE, { flag: "a" })
  const some = Effect.fnUntraced(function* () {
    for (let i = 0; i < perSync; i++) yield* file.writeAll(chunk)
  })
  for (let done = 0; done < chunkCount; done += perSync) yield* volume.transaction(some())
}, Effect.scoped)

const content = async (place: Place): Promise<Content> => {
  const { close, run } = await open(place)
  const keys = await run(KeyValue.KeyValue)
  return {
    set: (value) => run(keys.set(FILE, value)),
    get: () => run(Effect.map(keys.get(FILE), ({ length }) => length)),
    read: (offsets, byteCount) => run(each(offsets, (offset) => keys.getPartial(FILE, offset, byteCount))),
    write: (offsets, bytes) => run(each(offsets, (offset) => keys.setPartial(FILE, offset, bytes))),
    streamIn: (chunk, chunkCount) => run(streamIn(chunk, chunkCount)),
    streamOut: (chunkBytes) => run(streamOut(chunkBytes)),
    append: (chunk, chunkCount, perSync) => run(append(chunk, chunkCount, perSync)),
    close
  }
}

const importFolder = Effect.fnUntraced(function* (source: string) {
  const fs = yield* FileSystem.FileSystem
  for (const { isFolder, path, read } of SourceFolder.entriesOf(source)) {
    if (isFolder) yield* fs.makeDirectory(path)
    else yield* fs.writeFile(path, read())
  }
})

const tree = async (place: Place): Promise<Tree> => {
  const { close, run } = await open(place)
  return {
    importFolder: (source) => run(Effect.flatMap(Volume.Volume, (volume) => volume.transaction(importFolder(source)))),
    close
  }
}

export const contestant: Contestant = {
  name: "ours",
  notes: "default options on a FileDevice; a commit returns when it is durable, every read is verified",
  pairs,
  content,
  tree
}
