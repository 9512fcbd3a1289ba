/**
 * A disk that reorders and tears: what is durable, what the page cache shows, and what was written since the last sync.
 *
 * - A location is a root slot or a page; its content is a number (see Records.Contents), `junk` when it means nothing.
 * - A power cut keeps any subset of the unsynced writes: per location the old content, any unsynced one, or junk.
 * - A kill loses nothing here: the cache lives on.
 * - A failed sync makes any subset durable, and leaves the rest readable in the cache but never written again.
 * - A disk is a value; every operation gives a new one.
 */

export type ContentId = number

/** A torn, blank or forgotten location: it verifies against nothing. */
export const junk: ContentId = 0

export interface Disk {
  readonly durable: ReadonlyArray<ContentId>
  readonly cache: ReadonlyArray<ContentId>
  /** The unsynced contents of each location, oldest first. */
  readonly pending: ReadonlyArray<ReadonlyArray<ContentId>>
}

export type Write = readonly [location: number, content: ContentId]

const nothingPending: ReadonlyArray<ContentId> = []

export const fromDurable = (durable: ReadonlyArray<ContentId>): Disk => ({
  durable,
  cache: durable,
  pending: durable.map(() => nothingPending)
})

export const write = (disk: Disk, writes: ReadonlyArray<Write>): Disk => {
  const cache = [...disk.cache]
  const pending = [...disk.pending]
  for (const [location, content] of writes) {
    cache[location] = content
    pending[location] = [...pending[location]!, content]
  }
  return { durable: disk.durable, cache, pending }
}

export const sync = (disk: Disk): Disk => ({
  durable: disk.durable.map((content, location) => disk.pending[location]!.at(-1) ?? content),
  cache: disk.cache,
  pending: disk.pending.map(() => nothingPending)
})

/** What a sync that fails may leave behind: nothing is pending any more, whatever became durable. */
export const failedSyncs = (disk: Disk, torn: boolean): ReadonlyArray<Disk> =>
  outcomes(disk, (location) => {
    const latest = disk.pending[location]!.at(-1)!
    const old = disk.durable[location]!
    return latest === old ? [old] : torn ? [old, latest, junk] : [old, latest]
  }).map((durable) => ({ durable, cache: disk.cache, pending: durable.map(() => nothingPending) }))

export interface PowerCut {
  readonly torn: boolean
  readonly identicalRewriteIsSafe: boolean
  /** Whether anything that can be on the disk after the cut refers to this content; else it is as good as junk. */
  readonly matters: (location: number, content: ContentId) => boolean
}

export const powerCuts = (disk: Disk, cut: PowerCut): ReadonlyArray<Disk> =>
  outcomes(disk, (location) => {
    const old = disk.durable[location]!
    const versions = disk.pending[location]!
    if (cut.identicalRewriteIsSafe && versions.every((content) => content === old)) return [old]
    const kept = [old, ...versions].map((content) => (cut.matters(location, content) ? content : junk))
    return [...new Set(cut.torn ? [...kept, junk] : kept)]
  }).map(fromDurable)

/** The cache drops the content of a location that a failed sync left behind. */
export const evict = (disk: Disk, location: number): Disk => ({
  ...disk,
  cache: disk.cache.with(location, disk.durable[location]!)
})

export const isEvictable = (disk: Disk, location: number): boolean =>
  disk.pending[location]!.length === 0 && disk.cache[location] !== disk.durable[location]

export const damage = (disk: Disk, location: number): Disk => ({
  durable: disk.durable.with(location, junk),
  cache: disk.cache.with(location, junk),
  pending: disk.pending.with(location, nothingPending)
})

/**
 * Replaces by junk every content to which nothing refers. That keeps the state space small and loses no outcome: a
 * later write that happens to repeat such content has, among the outcomes of a cut, the one in which it was written.
 */
export const forget = (disk: Disk, matters: (location: number, content: ContentId) => boolean): Disk => {
  const reduce = (content: ContentId, location: number) => (matters(location, content) ? content : junk)
  const durable = disk.durable.map(reduce)
  return {
    durable,
    cache: disk.cache === disk.durable ? durable : disk.cache.map(reduce),
    pending: disk.pending.map((versions, location) => {
      if (versions.length === 0) return versions
      const reduced = versions.map((content) => reduce(content, location))
      return reduced.filter((content, index) => index === reduced.length - 1 || !reduced.includes(content, index + 1))
    })
  }
}

/** Appends the numbers that tell this disk from every other one of the same size. */
export const encode = (disk: Disk, into: Array<number>): void => {
  for (let location = 0; location < disk.durable.length; location++) {
    const versions = disk.pending[location]!
    into.push(disk.durable[location]!, disk.cache[location]!, versions.length)
    for (const content of versions) into.push(content)
  }
}

/** Every combination of the choices that the locations with unsynced writes have. */
const outcomes = (
  disk: Disk,
  choices: (location: number) => ReadonlyArray<ContentId>
): ReadonlyArray<ReadonlyArray<ContentId>> => {
  let results: Array<ReadonlyArray<ContentId>> = [disk.durable]
  disk.pending.forEach((versions, location) => {
    if (versions.length === 0) return
    const contents = choices(location)
    results = results.flatMap((durable) => contents.map((content) => durable.with(location, content)))
  })
  return results
}
