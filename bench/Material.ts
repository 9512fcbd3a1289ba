/** What is stored: the same bytes in every run, and none that can be compressed. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Random } from "../src/testing/Random.ts"
import type { Entry } from "./contest/Contestant.ts"

const VALUE_BYTES = 100
export const CHUNK_BYTES = 1024 * 1024

const encoder = new TextEncoder()
let pool = ""

const hex = (value: number): string => value.toString(16).padStart(8, "0")

const KEY_BYTES = 16

/**
 * Entries by number: a key of 16 bytes, in random order, and a value of 100. Their bytes stand in one array: what the collector of a
 * process has to look through is to be the contestant's, not ours.
 */
export const entries = (count: number, first = 0): ReadonlyArray<Entry> => {
  // Not before it is needed: who measures memory should not find it.
  pool ||= Buffer.from(new Random(1).bytes(3 * CHUNK_BYTES)).toString("base64")
  const bytes = new Uint8Array(count * (KEY_BYTES + VALUE_BYTES))
  let end = 0
  const taken = (text: string): Uint8Array => {
    const start = end
    end += encoder.encodeInto(text, bytes.subarray(start)).written
    return bytes.subarray(start, end)
  }
  return Array.from({ length: count }, (_, i) => {
    const number = first + i
    const keyText = hex(Random.at(2, number).uint32()) + hex(number)
    const at = Random.at(3, number).below(pool.length - VALUE_BYTES)
    const valueText = pool.slice(at, at + VALUE_BYTES)
    return { number, key: taken(keyText), keyText, value: taken(valueText), valueText }
  })
}

/** What is made of a number, kept for the next round of the process: the collector is not to find the one before in the middle of a round. */
export const kept = <A>(make: (count: number) => A): ((count: number) => A) => {
  let last: { readonly count: number; readonly made: A } | undefined
  return (count) => {
    if (last?.count !== count) last = { count, made: make(count) }
    return last.made
  }
}

/** Some of them, at random; one may come twice. */
export const someOf = (all: ReadonlyArray<Entry>, count: number): ReadonlyArray<Entry> => {
  const random = new Random(4)
  return Array.from({ length: count }, () => all[random.below(all.length)])
}

/** The same in batches of a thousand. */
export const batches = (all: ReadonlyArray<Entry>): ReadonlyArray<ReadonlyArray<Entry>> =>
  Array.from({ length: Math.ceil(all.length / 1000) }, (_, i) => all.slice(1000 * i, 1000 * (i + 1)))

/** A mebibyte. */
export const chunk = new Random(5).bytes(CHUNK_BYTES)

/** A large value: chunks, each of which is another one. */
export const large = kept((byteCount) => {
  const bytes = new Uint8Array(byteCount)
  for (let at = 0; at < byteCount; at += CHUNK_BYTES) {
    bytes.set(chunk.subarray(0, Math.min(CHUNK_BYTES, byteCount - at)), at)
    new DataView(bytes.buffer).setUint32(at, at)
  }
  return bytes
})

/** Offsets in the middle third of a value. */
export const middle = (byteCount: number, count: number, seed: number): ReadonlyArray<number> => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => Math.floor(byteCount / 3) + random.below(Math.floor(byteCount / 3)))
}

const FILES_OF_FOLDER = 10

/** Makes a folder of so many files, most of them small, which have so many bytes together. */
export const folder = (path: string, fileCount: number, byteCount: number): void => {
  const random = new Random(6)
  const weights = Array.from({ length: fileCount }, () => 2 ** (random.below(13_000) / 1000))
  const sum = weights.reduce((a, b) => a + b, 0)
  weights.forEach((weight, file) => {
    const number = Math.floor(file / FILES_OF_FOLDER)
    const inside = join(path, `part${number % 7}`, `folder${number % 61}`, `inner${number}`)
    if (file % FILES_OF_FOLDER === 0) mkdirSync(inside, { recursive: true })
    let left = Math.round((weight / sum) * byteCount)
    const pieces: Array<Uint8Array> = []
    for (; left > 0; left -= CHUNK_BYTES) {
      const length = Math.min(left, CHUNK_BYTES)
      const at = random.below(CHUNK_BYTES - length + 1)
      pieces.push(chunk.subarray(at, at + length))
    }
    writeFileSync(join(inside, `file${file}`), Buffer.concat(pieces))
  })
}
