/**
 * What is measured: a store on the disk, and the work that every row gives to it.
 *
 * - All of a row is done inside of one call, so that a store that answers at once does not pay for a promise per operation.
 * - Whatever changes something is durable when it returns, as the store means it; `notes` say what was set for that.
 * - What a contestant cannot do it does not have. The rows leave it out.
 */
export const NAMES = ["raw", "ours", "sqlite", "chunked", "lmdb", "level", "agentfs", "memfs", "tar"] as const

export type Name = (typeof NAMES)[number]

/** A key with its value; as bytes, and as text for a store that knows nothing else. */
export interface Entry {
  readonly number: number
  readonly key: Uint8Array
  readonly keyText: string
  readonly value: Uint8Array
  readonly valueText: string
}

/** Small values under keys, in order. */
export interface Pairs {
  /** One put after the other; milliseconds of each. */
  readonly putAlone: (entries: ReadonlyArray<Entry>) => Promise<ReadonlyArray<number>>
  /** So many clients at a time, each of which waits until its put is durable. */
  readonly putTogether: (entries: ReadonlyArray<Entry>, clientCount: number) => Promise<void>
  /** A durable transaction for each batch. */
  readonly load: (batches: ReadonlyArray<ReadonlyArray<Entry>>) => Promise<void>
  /** Bytes of the values. */
  readonly get: (entries: ReadonlyArray<Entry>) => Promise<number>
  /** Bytes of all values, in the order of the keys. */
  readonly scan: () => Promise<number>
  /** How many entries read as what was put. */
  readonly countSame: (entries: ReadonlyArray<Entry>) => Promise<number>
  /** Bytes written since it was opened, where the store counts them. */
  readonly bytesWritten?: () => Promise<number>
  readonly close: () => Promise<void>
}

/** One large value. */
export interface Content {
  readonly set: (value: Uint8Array) => Promise<void>
  /** Bytes that were read. */
  readonly get: () => Promise<number>
  /** Milliseconds of each read. */
  readonly read: (offsets: ReadonlyArray<number>, byteCount: number) => Promise<ReadonlyArray<number>>
  /** Milliseconds of each write. */
  readonly write: (offsets: ReadonlyArray<number>, bytes: Uint8Array) => Promise<ReadonlyArray<number>>
  /** The chunk so many times, as one value in the end. */
  readonly streamIn?: (chunk: Uint8Array, chunkCount: number) => Promise<void>
  /** Bytes that were read, in pieces of about a chunk. */
  readonly streamOut?: (chunkBytes: number) => Promise<number>
  /** The chunk so many times at the end, durable after every so many. */
  readonly append?: (chunk: Uint8Array, chunkCount: number, perSync: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** Files and folders. */
export interface Tree {
  /** A folder of the system with all that is in it; in one transaction, where there are transactions. */
  readonly importFolder: (source: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** Where a store stands, and how much it will have to hold. */
export interface Place {
  readonly folder: string
  readonly byteCount: number
}

export interface Contestant {
  readonly name: Name
  /** What was set, and what has to be known about its figures. */
  readonly notes: string
  /** The package that it takes, if it takes one. */
  readonly packageName?: string
  /** Large work is done at so many parts of its size, and the time is multiplied: for who would take minutes. */
  readonly largeDivisor?: number
  /** What it holds is gone with the process: it takes part where no durability is asked for. */
  readonly isVolatile?: boolean
  readonly pairs?: (place: Place) => Promise<Pairs>
  readonly content?: (place: Place) => Promise<Content>
  readonly tree?: (place: Place) => Promise<Tree>
}

/** What `f` takes for each of some things, in milliseconds. */
export const each = async <A>(all: ReadonlyArray<A>, f: (a: A) => unknown): Promise<ReadonlyArray<number>> => {
  const times: Array<number> = []
  for (const one of all) {
    const start = performance.now()
    await f(one)
    times.push(performance.now() - start)
  }
  return times
}

/** The same for what answers at once. */
export const eachNow = <A>(all: ReadonlyArray<A>, f: (a: A) => unknown): ReadonlyArray<number> =>
  all.map((one) => {
    const start = performance.now()
    f(one)
    return performance.now() - start
  })

/** So many clients at a time, each of which does its part one after the other. */
export const together = async <A>(all: ReadonlyArray<A>, clientCount: number, f: (a: A) => unknown): Promise<void> => {
  const client = async (first: number): Promise<void> => {
    for (let i = first; i < all.length; i += clientCount) await f(all[i])
  }
  await Promise.all(Array.from({ length: clientCount }, (_, first) => client(first)))
}
