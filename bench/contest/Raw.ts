/**
 * The baseline: one file through `node:fs`, `pwrite` and `fdatasync`. It finds nothing: an entry stands where its number says,
 * in the order in which entries are put.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { join } from "node:path"
import { type Contestant, type Content, type Entry, eachNow, type Pairs, type Place, together } from "./Contestant.ts"

/** The longest write of one system call. */
const CALL_BYTES = 1024 * 1024 * 1024

const fileOf = ({ folder }: Place): number => openSync(join(folder, "raw"), "a+")
const open = (place: Place): number => {
  closeSync(fileOf(place))
  return openSync(join(place.folder, "raw"), "r+")
}

const pairs = async (place: Place): Promise<Pairs> => {
  const file = open(place)
  const entryBytesOf = ({ key, value }: Entry): number => key.length + value.length
  let end = fstatSync(file).size
  let entryBytes = 0
  const offsets = new Map<number, number>()
  const write = (entries: ReadonlyArray<Entry>): void => {
    const bytes = Buffer.concat(entries.flatMap(({ key, value }) => [key, value]))
    writeSync(file, bytes, 0, bytes.length, end)
    for (const entry of entries) {
      entryBytes = entryBytesOf(entry)
      offsets.set(entry.number, end)
      end += entryBytes
    }
    fdatasyncSync(file)
  }
  const read = (entry: Entry): Uint8Array => {
    const value = Buffer.allocUnsafe(entry.value.length)
    readSync(file, value, 0, value.length, (offsets.get(entry.number) ?? 0) + entry.key.length)
    return value
  }
  return {
    putAlone: async (entries) => eachNow(entries, (entry) => write([entry])),
    putTogether: (entries, clientCount) => together(entries, clientCount, (entry) => write([entry])),
    load: async (batches) => {
      for (const batch of batches) write(batch)
    },
    get: async (entries) => {
      let byteCount = 0
      for (const entry of entries) byteCount += read(entry).length
      return byteCount
    },
    scan: async () => {
      let byteCount = 0
      for (const offset of offsets.values()) {
        const bytes = Buffer.allocUnsafe(entryBytes)
        readSync(file, bytes, 0, bytes.length, offset)
        byteCount += bytes.length
      }
      return byteCount
    },
    countSame: async (entries) => entries.filter((entry) => Buffer.compare(read(entry), entry.value) === 0).length,
    close: async () => closeSync(file)
  }
}

const content = async (place: Place): Promise<Content> => {
  const file = open(place)
  return {
    set: async (value) => {
      for (let done = 0; done < value.length;) {
        done += writeSync(file, value, done, Math.min(CALL_BYTES, value.length - done), done)
      }
      fdatasyncSync(file)
    },
    get: async () => {
      const value = Buffer.allocUnsafeSlow(fstatSync(file).size)
      let done = 0
      while (done < value.length) done += readSync(file, value, done, Math.min(CALL_BYTES, value.length - done), done)
      return done
    },
    read: async (offsets, byteCount) =>
      eachNow(offsets, (offset) => readSync(file, Buffer.allocUnsafe(byteCount), 0, byteCount, offset)),
    write: async (offsets, bytes) =>
      eachNow(offsets, (offset) => {
        writeSync(file, bytes, 0, bytes.length, offset)
        fdatasyncSync(file)
      }),
    streamIn: async (chunk, chunkCount) => {
      for (let i = 0; i < chunkCount; i++) writeSync(file, chunk, 0, chunk.length, i * chunk.length)
      fdatasyncSync(file)
    },
    streamOut: async (chunkBytes) => {
      const chunk = Buffer.allocUnsafe(chunkBytes)
      let done = 0
      for (let count = -1; count !== 0; done += count) count = readSync(file, chunk, 0, chunkBytes, done)
      return done
    },
    append: async (chunk, chunkCount, perSync) => {
      let end = fstatSync(file).size
      for (let i = 1; i <= chunkCount; i++) {
        end += writeSync(file, chunk, 0, chunk.length, end)
        if (i % perSync === 0) fdatasyncSync(file)
      }
    },
    close: async () => closeSync(file)
  }
}

export const contestant: Contestant = { name: "raw", notes: "one file, pwrite and fdatasync", pairs, content }
